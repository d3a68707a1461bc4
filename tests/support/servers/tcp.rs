//! TCP servers that speak no protocol: each shows one way for a peer to behave.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::listener::Listener;

/// What every server answers of its connections.
macro_rules! counted {
    ($($server:ident)*) => {$(
        impl $server {
            /// The port on 127.0.0.1.
            #[must_use]
            pub fn port(&self) -> u16 {
                self.listener.port()
            }

            /// How many connections were made.
            #[must_use]
            pub fn connections(&self) -> usize {
                self.listener.connections()
            }

            /// How many of them are open still.
            #[must_use]
            pub fn open(&self) -> usize {
                self.listener.open()
            }
        }
    )*};
}

pub(super) use counted;

counted!(Echo Silent Source Sink Closing);

/// Sends back what it receives, and closes when the client has ended its side.
#[derive(Debug)]
pub struct Echo {
    listener: Listener,
}

impl Echo {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        Self {
            listener: Listener::start(|stream, _| {
                let _ = io::copy(&mut &*stream, &mut &*stream);
            }),
        }
    }
}

/// Accepts, and neither reads nor answers; its connections stay open until it stops.
#[derive(Debug)]
pub struct Silent {
    listener: Listener,
}

impl Silent {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        Self { listener: Listener::start(|_stream, stop| stop.wait()) }
    }
}

/// Sends the bytes 0, 1, … 255 over and over as fast as they are taken, and reads nothing.
#[derive(Debug)]
pub struct Source {
    listener: Listener,
    sent: Arc<AtomicU64>,
}

impl Source {
    /// Closes each connection after so many bytes.
    #[must_use]
    pub fn start(bytes_per_connection: u64) -> Self {
        let sent = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&sent);
        let block: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 16).collect();
        let listener = Listener::start(move |stream, _| {
            let _ = send(&stream, &block, bytes_per_connection, &count);
        });
        Self { listener, sent }
    }

    /// Sends until the client closes.
    #[must_use]
    pub fn endless() -> Self {
        Self::start(u64::MAX)
    }

    /// How many bytes the kernel took, over all connections.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

fn send(mut stream: &TcpStream, block: &[u8], bytes: u64, sent: &AtomicU64) -> io::Result<()> {
    let mut position = 0_u64;
    while position < bytes {
        let start = usize::from(position.to_le_bytes()[0]);
        let end = usize::try_from(bytes - position)
            .map_or(block.len(), |left| block.len().min(start.saturating_add(left)));
        let count = stream.write(&block[start..end])? as u64;
        position += count;
        sent.fetch_add(count, Ordering::SeqCst);
    }
    Ok(())
}

/// Reads and counts. It closes when the client has ended its side, so a client that then reads the
/// end of the stream knows that everything is counted.
#[derive(Debug)]
pub struct Sink {
    listener: Listener,
    received: Arc<AtomicU64>,
}

impl Sink {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        let listener = Listener::start(move |stream, _| {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = (&*stream).read(&mut buffer) {
                count.fetch_add(read as u64, Ordering::SeqCst);
            }
        });
        Self { listener, received }
    }

    /// How many bytes came, over all connections.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }
}

/// Accepts and ends the connection at once.
#[derive(Debug)]
pub struct Closing {
    listener: Listener,
}

impl Closing {
    /// Ends it in order: the client reads the end of the stream.
    #[must_use]
    pub fn start() -> Self {
        Self { listener: Listener::start(|stream, _| drop(stream)) }
    }

    /// Resets it: the client gets `ECONNRESET`.
    #[must_use]
    pub fn resetting() -> Self {
        Self {
            listener: Listener::start(|stream, _| {
                set_socket_linger(&*stream, Some(Duration::ZERO)).expect("a socket can be set up");
            }),
        }
    }
}
