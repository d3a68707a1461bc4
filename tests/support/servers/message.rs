//! What an HTTP handler is given and what it answers.

use std::fmt;
use std::time::Duration;

/// A request, its body decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// As sent, such as `GET`.
    pub method: String,
    /// As sent, such as `/path?query`, or a whole URL when the client takes the server for a proxy.
    pub target: String,
    /// In their order, names as sent, values without the space around them.
    pub headers: Vec<(String, String)>,
    /// Without the framing of chunks.
    pub body: Vec<u8>,
    /// The bytes from the request line to the empty line, both included.
    pub raw_head: Vec<u8>,
}

impl Request {
    /// The value of the first header of this name, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// An answer. Headers are sent as given, beside those that the body needs for its framing.
#[derive(Debug)]
pub struct Response {
    /// Such as 200.
    pub status: u16,
    /// Names and values in their order, unchecked.
    pub headers: Vec<(String, String)>,
    /// How the body is framed.
    pub body: Body,
}

/// A body and its framing.
pub enum Body {
    /// With `Content-Length`.
    Whole(Vec<u8>),
    /// With `Transfer-Encoding: chunked`, each item a chunk that is sent by itself; may be endless.
    Chunks {
        /// Empty items are left out: an empty chunk would end the body.
        chunks: Box<dyn Iterator<Item = Vec<u8>> + Send>,
        /// Before every chunk but the first.
        pause: Duration,
    },
    /// Ends with the connection.
    UntilClose(Vec<u8>),
    /// Written instead of a status line and headers, byte for byte; the connection closes.
    Raw(Vec<u8>),
}

impl Response {
    /// No headers and an empty body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Whole(Vec::new()) }
    }

    /// 200 with a whole body.
    #[must_use]
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).body(Body::Whole(body.into()))
    }

    /// 302 to this place.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::new(302).header("Location", location)
    }

    /// These bytes and nothing else, then the end of the connection.
    #[must_use]
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(0).body(Body::Raw(bytes.into()))
    }

    /// With one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

impl Body {
    /// Chunks without a pause.
    pub fn chunks<I>(chunks: I) -> Self
    where
        I: IntoIterator<Item: Into<Vec<u8>> + 'static, IntoIter: Send + 'static>,
    {
        Self::slow_chunks(Duration::ZERO, chunks)
    }

    /// Chunks with a pause between them.
    pub fn slow_chunks<I>(pause: Duration, chunks: I) -> Self
    where
        I: IntoIterator<Item: Into<Vec<u8>> + 'static, IntoIter: Send + 'static>,
    {
        Self::Chunks { chunks: Box::new(chunks.into_iter().map(Into::into)), pause }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => formatter.debug_tuple("Whole").field(&bytes.len()).finish(),
            Self::Chunks { pause, .. } => {
                formatter.debug_struct("Chunks").field("pause", pause).finish_non_exhaustive()
            }
            Self::UntilClose(bytes) => {
                formatter.debug_tuple("UntilClose").field(&bytes.len()).finish()
            }
            Self::Raw(bytes) => formatter.debug_tuple("Raw").field(&bytes.len()).finish(),
        }
    }
}
