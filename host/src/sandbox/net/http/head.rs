//! Heads of messages: gathered until complete, and read more strictly than httparse does.

use super::refusal::Fault;

/// Gathers one head. Holds at most `most` bytes, in a buffer of at most twice that.
pub(super) struct HeadBuffer {
    bytes: Vec<u8>,
    most: usize,
    /// Whether an empty line may still come before the head.
    line: bool,
}

impl HeadBuffer {
    /// A request's: clients of old send an empty line after a body, so one is skipped.
    pub(super) fn of_request(most: usize) -> Self {
        Self { bytes: Vec::new(), most, line: true }
    }

    pub(super) fn of_response(most: usize) -> Self {
        Self { bytes: Vec::new(), most, line: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Moves bytes from the front of `bytes`, and gives the head once its last line is there.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            check_byte(self.bytes.last().copied(), byte)?;
            if self.bytes.len() >= self.most {
                return Err(Fault::malformed(format!(
                    "a head is longer than {} bytes: send fewer or shorter headers",
                    self.most
                )));
            }
            self.bytes.push(byte);
            if byte != b'\n' {
                continue;
            }
            if self.bytes == b"\r\n" {
                if !self.line {
                    return Err(Fault::malformed(
                        "an empty line is where a head should begin: send plain HTTP/1.1",
                    ));
                }
                self.line = false;
                self.bytes.clear();
            } else if self.bytes.ends_with(b"\r\n\r\n") {
                return Ok(Some(std::mem::take(&mut self.bytes)));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for HeadBuffer {
    /// Without the bytes, which may hold a secret that was sent back.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HeadBuffer({} of {} bytes)", self.bytes.len(), self.most)
    }
}

/// Refuses what makes lines ambiguous, as soon as it is seen.
pub(super) fn check_byte(last: Option<u8>, byte: u8) -> Result<(), Fault> {
    let wrong = match (last, byte) {
        (Some(b'\r'), b'\n') => return Ok(()),
        (Some(b'\r'), _) => "a CR without LF",
        (_, b'\n') => "an LF without CR",
        (Some(b'\n'), b' ' | b'\t') => "a folded header line",
        (_, b'\t' | b'\r') => return Ok(()),
        _ if byte.is_ascii_control() => "a control character",
        _ => return Ok(()),
    };
    Err(Fault::malformed(format!("{wrong} in a head: send plain HTTP/1.1")))
}

/// One header line.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    /// The name in lower case, with `-` for `_`: behind CGI both are the same.
    pub(super) key: String,
    pub(super) value: &'a [u8],
}

impl<'a> Field<'a> {
    pub(super) fn new(header: &httparse::Header<'a>) -> Self {
        let key = header.name.to_ascii_lowercase().replace('_', "-");
        Self { name: header.name, key, value: header.value.trim_ascii() }
    }

    /// Whether this is the header of that name, spelt as such.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether it is of one connection only, whichever way it goes.
    pub(super) fn is_of_one_hop(&self, connection: &Connection) -> bool {
        matches!(
            &*self.key,
            "connection"
                | "content-length"
                | "transfer-encoding"
                | "upgrade"
                | "http2-settings"
                | "te"
                | "trailer"
                | "keep-alive"
        ) || self.key.starts_with("proxy-")
            || connection.named.contains(&self.key)
    }
}

/// What the `Connection` headers of a message say.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    /// Keys of further headers that are of this connection only.
    named: Vec<String>,
}

impl Connection {
    pub(super) fn of(fields: &[Field<'_>]) -> Result<Self, Fault> {
        let mut found = Self::default();
        for field in fields.iter().filter(|field| field.is("connection")) {
            for token in list(field.value) {
                if !is_token(token) {
                    return Err(Fault::malformed(
                        "a Connection header is not a list of tokens: send close or keep-alive",
                    ));
                }
                match &*String::from_utf8_lossy(token).to_ascii_lowercase().replace('_', "-") {
                    "close" => found.close = true,
                    "keep-alive" => found.keep_alive = true,
                    other => found.named.push(other.into()),
                }
            }
        }
        Ok(found)
    }
}

/// How a message says where its body ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    Length(u64),
    Chunked,
}

impl Told {
    /// `once` refuses even equal lengths.
    pub(super) fn of(fields: &[Field<'_>], minor: u8, once: bool) -> Result<Self, Fault> {
        let mut told = Self::Nothing;
        for field in fields.iter().filter(|field| field.is("content-length")) {
            let length = length(field.value).ok_or_else(|| {
                Fault::malformed("a Content-Length is not one decimal number: send digits")
            })?;
            told = match told {
                Self::Nothing => Self::Length(length),
                Self::Length(other) if other == length && !once => Self::Length(length),
                _ => {
                    return Err(Fault::malformed(
                        "there is more than one Content-Length: send one",
                    ));
                }
            };
        }
        for field in fields.iter().filter(|field| field.is("transfer-encoding")) {
            if told != Self::Nothing {
                let text =
                    "Transfer-Encoding comes twice or with a Content-Length: send one of them";
                return Err(Fault::malformed(text));
            }
            if !field.value.eq_ignore_ascii_case(b"chunked") {
                let text = "a Transfer-Encoding is other than 'chunked', which is not passed on: send it plain";
                return Err(Fault::malformed(text));
            }
            if minor == 0 {
                return Err(Fault::malformed(
                    "Transfer-Encoding is not of HTTP/1.0: speak HTTP/1.1",
                ));
            }
            told = Self::Chunked;
        }
        Ok(told)
    }
}

fn length(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(value).ok()?.parse().ok()).flatten()
}

/// The members of a comma-separated value.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// Whether this is a token of RFC 9110, 5.6.2.
pub(super) fn is_token(text: &[u8]) -> bool {
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(of_token)
}

/// Appends one header line.
pub(super) fn write(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}
