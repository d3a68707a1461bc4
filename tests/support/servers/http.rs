//! An HTTP/1.1 server, plain or over TLS, that a closure answers for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use rustls::{ServerConnection, StreamOwned};

use super::authority::{Authority, Tls};
use super::listener::{Listener, Stop, Stream, locked};
use super::message::{Request, Response};
use super::tcp::counted;
use super::wire::Wire;

/// Answers every request with what a handler says, and keeps the requests.
///
/// It keeps connections alive, takes pipelined requests one after the other, reads bodies with a
/// length or in chunks, and answers `Expect: 100-continue`. What is no HTTP gets 400 and the end of
/// the connection, and is not among the requests. A panic of the handler is passed on when the server
/// is dropped.
#[derive(Debug)]
pub struct Http {
    listener: Listener,
    requests: Arc<Mutex<Vec<Request>>>,
    /// What comes before the path in a URL.
    origin: String,
}

counted!(Http);

impl Http {
    /// Plain HTTP.
    #[must_use]
    pub fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        Self::over("http://127.0.0.1", handler, |stream| Box::new(stream))
    }

    /// HTTPS with a valid certificate for these names and addresses.
    #[must_use]
    pub fn start_tls(
        authority: &Authority,
        names: &[&str],
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(&authority.tls(names), handler)
    }

    /// HTTPS as described by `tls`.
    #[must_use]
    pub fn start_with(
        tls: &Tls,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let config = tls.server_config();
        Self::over(&format!("https://{}", tls.name()), handler, move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config));
            Box::new(StreamOwned::new(connection.expect("the configuration is sound"), stream))
        })
    }

    fn over(
        site: &str,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
        transport: impl Fn(Stream) -> Box<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let kept = Arc::clone(&requests);
        let listener = Listener::start(move |stream, stop| {
            converse(transport(stream), &handler, &kept, stop);
        });
        let origin = format!("{site}:{}", listener.port());
        Self { listener, requests, origin }
    }

    /// The URL of a path, which begins with `/`. Over TLS its host is the certificate's first name.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The requests so far, each there before its handler runs.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.requests).clone()
    }
}

/// Serves a connection to its end.
fn converse(
    transport: Box<dyn Transport>,
    handler: &dyn Fn(&Request) -> Response,
    requests: &Mutex<Vec<Request>>,
    stop: &Stop,
) {
    let mut wire = Wire::new(transport);
    loop {
        match wire.request() {
            Ok(Some(request)) => {
                locked(requests).push(request.clone());
                let response = handler(&request);
                if !matches!(wire.respond(&request, response, stop), Ok(true)) {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let text = error.to_string();
                let length = text.len();
                let head = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\n\r\n");
                let _ = wire.stream.write_all((head + &text).as_bytes());
                let _ = wire.stream.flush();
                break;
            }
            Ok(None) | Err(_) => break,
        }
    }
    wire.stream.finish();
}

/// A connection, plain or encrypted.
trait Transport: Read + Write {
    /// Ends the sending side, then reads on: to close while something is unread would reset the
    /// connection, and the client could lose what was written last.
    fn finish(&mut self);
}

impl Transport for Stream {
    fn finish(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
        let _ = io::copy(self, &mut io::sink());
    }
}

impl Transport for StreamOwned<ServerConnection, Stream> {
    fn finish(&mut self) {
        self.conn.send_close_notify();
        while self.conn.wants_write() && matches!(self.conn.write_tls(&mut self.sock), Ok(1..)) {}
        self.sock.finish();
    }
}
