//! TLS to an origin whose requests are looked at, for programs that keep records in memory. The socket does TLS; what
//! passes through the guest in place of records is plain text in frames: a kind in a byte, a length, and the text.
//!
//! The guest may do with frames what it likes. The socket believes them no more than any other bytes: the first has to
//! name the origin, and what is in the others are requests that are looked at.

use super::{Failure, Settings};
use crate::sandbox::net::Fault;
use ophidia_abi::tls::{
    CERTIFICATES, CIPHER, CLOSED, CUT, FAILED, PENDING, PROTOCOL, VERSION, WANT_READ, WANT_WRITE,
};

/// Kinds of frames.
pub(in super::super) const START: u8 = 0;
pub(in super::super) const DATA: u8 = 1;
pub(in super::super) const CLOSE: u8 = 2;
/// To the guest: the handshake is over, with what is known of the connection.
pub(in super::super) const DONE: u8 = 3;
pub(in super::super) const ERROR: u8 = 4;

/// Bytes before the text.
pub(in super::super) const HEAD: usize = 5;

/// The longest text of a frame that is not data.
pub(in super::super) const MOST: usize = 256 << 10;

/// Bytes that are kept each way.
const KEPT: usize = 64 << 10;

pub(in super::super) fn frame(kind: u8, text: &[u8], to: &mut Vec<u8>) {
    to.push(kind);
    to.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend_from_slice(text);
}

/// The head of a frame, if it is there.
pub(in super::super) fn head(bytes: &[u8]) -> Option<(u8, usize)> {
    let (kind, rest) = bytes.split_first()?;
    let len = u32::from_le_bytes(*rest.first_chunk()?);
    Some((*kind, usize::try_from(len).unwrap_or(usize::MAX)))
}

/// The guest's side of one connection.
#[derive(Debug)]
pub(super) struct Framed {
    name: String,
    begun: bool,
    /// What is known of the connection, once it is there.
    known: Option<Vec<u8>>,
    failure: Option<Failure>,
    come: Vec<u8>,
    plain: Vec<u8>,
    to: Vec<u8>,
    closed: bool,
    ended: bool,
}

impl Framed {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            name: settings.name.clone(),
            begun: false,
            known: None,
            failure: None,
            come: Vec::new(),
            plain: Vec::new(),
            to: Vec::new(),
            closed: false,
            ended: false,
        }
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.clone()
    }

    pub(super) fn handshake(&mut self) -> Result<i32, Fault> {
        if !self.begun {
            self.begun = true;
            frame(START, self.name.as_bytes(), &mut self.to);
        }
        Ok(match (&self.failure, &self.known) {
            (Some(_), _) => FAILED,
            (None, Some(_)) => 0,
            (None, None) if self.ended => CUT,
            (None, None) => WANT_READ,
        })
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> Result<i32, Fault> {
        if self.known.is_none() {
            return self.handshake().map(|code| if code == 0 { WANT_READ } else { code });
        }
        let count = bytes.len().min(self.plain.len());
        if count == 0 {
            return Ok(match (self.closed, self.ended) {
                (true, _) => CLOSED,
                (false, true) => CUT,
                (false, false) => WANT_READ,
            });
        }
        for (to, from) in bytes.iter_mut().zip(self.plain.drain(..count)) {
            *to = from;
        }
        self.unpack();
        Ok(super::number(count))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<i32, Fault> {
        if self.known.is_none() {
            return self.handshake();
        }
        if self.to.len() >= KEPT {
            return Ok(WANT_WRITE);
        }
        let taken = bytes.get(..bytes.len().min(KEPT)).unwrap_or_default();
        frame(DATA, taken, &mut self.to);
        Ok(super::number(taken.len()))
    }

    pub(super) fn close(&mut self) {
        if self.to.len() < KEPT {
            frame(CLOSE, &[], &mut self.to);
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> usize {
        self.ended |= bytes.is_empty();
        let room = (MOST + KEPT).saturating_sub(self.come.len());
        let taken = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        self.come.extend_from_slice(taken);
        self.unpack();
        taken.len()
    }

    pub(super) fn take(&mut self, bytes: &mut [u8]) -> usize {
        let count = bytes.len().min(self.to.len());
        for (to, from) in bytes.iter_mut().zip(self.to.drain(..count)) {
            *to = from;
        }
        count
    }

    /// Takes the frames that are there.
    fn unpack(&mut self) {
        while let Some((kind, len)) = head(&self.come) {
            if kind == DATA {
                // Data need not be whole.
                let room = KEPT.saturating_sub(self.plain.len());
                let count = len.min(self.come.len() - HEAD).min(room);
                if count == 0 && len > 0 {
                    return;
                }
                self.plain.extend(self.come.drain(HEAD..HEAD + count));
                if count == len {
                    self.come.drain(..HEAD);
                } else {
                    let left = u32::try_from(len - count).unwrap_or(u32::MAX).to_le_bytes();
                    self.come.splice(1..HEAD, left);
                    return;
                }
                continue;
            }
            if len > MOST {
                self.failure = Some(Failure::protocol("a frame is too long".into()));
                return;
            }
            let Some(text) = self.come.get(HEAD..HEAD + len) else { return };
            match kind {
                DONE => self.known = Some(text.to_vec()),
                ERROR => self.failure = Some(Failure::from_told(text)),
                CLOSE => self.closed = true,
                _ => self.failure = Some(Failure::protocol("a frame is of no known kind".into())),
            }
            self.come.drain(..HEAD + len);
        }
    }

    pub(super) fn about(&self, what: u32) -> Vec<u8> {
        if what == PENDING {
            return super::number(self.plain.len()).to_le_bytes().to_vec();
        }
        let index = match what {
            VERSION => 0,
            CIPHER => 1,
            PROTOCOL => 2,
            CERTIFICATES => 3,
            _ => return Vec::new(),
        };
        let mut rest = self.known.as_deref().unwrap_or_default();
        for at in 0..=index {
            let Some((len, behind)) = rest.split_first_chunk() else { return Vec::new() };
            let len = usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX);
            let Some((text, behind)) = behind.split_at_checked(len) else { return Vec::new() };
            if at == index {
                return text.to_vec();
            }
            rest = behind;
        }
        Vec::new()
    }
}

/// What is known of a connection, as `DONE` tells it.
pub(in super::super) fn known(about: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut told = Vec::new();
    for what in [VERSION, CIPHER, PROTOCOL, CERTIFICATES] {
        let text = about(what);
        told.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        told.extend_from_slice(&text);
    }
    told
}
