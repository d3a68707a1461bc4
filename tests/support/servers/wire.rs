//! Requests read from, and responses written to, the two directions of a connection.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use super::listener::Stop;
use super::message::{Body, Request, Response};

/// One end of a connection, with what was read ahead of its use.
#[derive(Debug)]
pub(super) struct Wire<S> {
    pub(super) stream: S,
    ahead: Vec<u8>,
}

impl<S: Read + Write> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    /// The next request; nothing when the client has closed between requests.
    ///
    /// # Errors
    /// `InvalidData` for what is no HTTP, and the errors of the connection.
    pub(super) fn request(&mut self) -> io::Result<Option<Request>> {
        let Some(raw_head) = self.head()? else { return Ok(None) };
        let mut request = parsed(raw_head)?;
        let expects = request.header("Expect").is_some_and(|value| value == "100-continue");
        if expects && self.ahead.is_empty() {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            self.stream.flush()?;
        }
        request.body = match (request.header("Transfer-Encoding"), request.header("Content-Length"))
        {
            (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => self.chunks()?,
            (Some(_), _) => return Err(invalid("a transfer coding other than chunked")),
            (None, Some(length)) => {
                let length = length.parse().map_err(|_| invalid("a length that is no number"))?;
                self.bytes(length)?
            }
            (None, None) => Vec::new(),
        };
        Ok(Some(request))
    }

    fn head(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut seen = 0;
        loop {
            let end = self.ahead[seen..].windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                return Ok(Some(self.ahead.drain(..seen + end + 4).collect()));
            }
            seen = self.ahead.len().saturating_sub(3);
            if self.more()? == 0 {
                let between = self.ahead.is_empty();
                return if between { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let end = loop {
            if let Some(end) = self.ahead.windows(2).position(|two| two == b"\r\n") {
                break end;
            }
            self.some_more()?;
        };
        let line: Vec<u8> = self.ahead.drain(..end + 2).collect();
        Ok(String::from_utf8_lossy(&line[..end]).into_owned())
    }

    fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < length {
            self.some_more()?;
        }
        Ok(self.ahead.drain(..length).collect())
    }

    /// RFC 9112, section 7.1; extensions and trailers are read and left out.
    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16);
            match size.map_err(|_| invalid("a chunk's size that is no number"))? {
                0 => break,
                size => body.extend(self.bytes(size)?),
            }
            if !self.line()?.is_empty() {
                return Err(invalid("a chunk longer than its size"));
            }
        }
        while !self.line()?.is_empty() {}
        Ok(body)
    }

    fn some_more(&mut self) -> io::Result<()> {
        if self.more()? == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 1 << 14];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(count) => {
                    self.ahead.extend_from_slice(&buffer[..count]);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes a response; true when the connection can serve another request.
    ///
    /// # Errors
    /// Those of the connection.
    pub(super) fn respond(
        &mut self,
        request: &Request,
        response: Response,
        stop: &Stop,
    ) -> io::Result<bool> {
        let Response { status, headers, body } = response;
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
        for (name, value) in &headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let given = |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        let bodiless = request.method == "HEAD" || matches!(status, 100..=199 | 204 | 304);
        let mut reusable = !closes(request) && !says_close(&headers);
        match body {
            Body::Whole(bytes) => {
                // A handler's own length may be a lie, which the client notices at the end.
                reusable &= bodiless || !given("Content-Length");
                if !given("Content-Length") && !matches!(status, 100..=199 | 204 | 304) {
                    let _ = write!(head, "Content-Length: {}\r\n", bytes.len());
                }
                let mut whole = (head + "\r\n").into_bytes();
                if !bodiless {
                    whole.extend(bytes);
                }
                self.stream.write_all(&whole)?;
            }
            Body::Chunks { chunks, pause } => {
                head.push_str("Transfer-Encoding: chunked\r\n\r\n");
                self.stream.write_all(head.as_bytes())?;
                self.stream.flush()?;
                if !bodiless {
                    reusable &= self.write_chunks(chunks, pause, stop)?;
                }
            }
            Body::UntilClose(bytes) => {
                if !given("Connection") {
                    head.push_str("Connection: close\r\n");
                }
                head.push_str("\r\n");
                self.stream.write_all(head.as_bytes())?;
                if !bodiless {
                    self.stream.write_all(&bytes)?;
                }
                reusable = false;
            }
            Body::Raw(bytes) => {
                self.stream.write_all(&bytes)?;
                reusable = false;
            }
        }
        self.stream.flush()?;
        Ok(reusable)
    }

    /// False when the server stopped in between.
    fn write_chunks(
        &mut self,
        chunks: Box<dyn Iterator<Item = Vec<u8>> + Send>,
        pause: Duration,
        stop: &Stop,
    ) -> io::Result<bool> {
        for (index, chunk) in chunks.filter(|chunk| !chunk.is_empty()).enumerate() {
            if index > 0 && !stop.sleep(pause) {
                return Ok(false);
            }
            let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
            framed.extend(chunk);
            framed.extend(b"\r\n");
            self.stream.write_all(&framed)?;
            self.stream.flush()?;
        }
        self.stream.write_all(b"0\r\n\r\n")?;
        Ok(true)
    }
}

fn parsed(raw_head: Vec<u8>) -> io::Result<Request> {
    let text = String::from_utf8_lossy(&raw_head);
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.0" | "HTTP/1.1"] = words[..] else {
        return Err(invalid("no request line of HTTP/1"));
    };
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) =
            line.split_once(':').ok_or_else(|| invalid("a header with no colon"))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let (method, target) = (method.to_owned(), target.to_owned());
    Ok(Request { method, target, headers, body: Vec::new(), raw_head })
}

/// Whether the client closes after this request or is of a version that does.
fn closes(request: &Request) -> bool {
    let first_line = request.raw_head.split(|byte| *byte == b'\r').next();
    let old = first_line.is_some_and(|line| line.ends_with(b"HTTP/1.0"));
    old || says_close(&request.headers)
}

fn says_close(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("Connection")
            && value.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"))
    })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the client sent {what}"))
}

/// The usual phrase of a status; clients ignore it.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
