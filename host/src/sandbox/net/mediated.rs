//! A connection to an origin whose requests are looked at, one by one.
//!
//! The guest writes requests and reads responses, in plain text; the socket does TLS where the origin has it. So the
//! guest holds neither a key nor a secret, and nothing reaches the origin that was not looked at.

mod frames;
mod secure;

pub(super) use secure::Unsecured;

use super::Fault;
use super::http::{Counts, Kind, Mediator, Refusal, Rule};
use super::stream::{Counted, Stream};
use super::tls::Roots;
use super::traffic::Traffic;
use rustix::event::PollFlags;
use secure::Secure;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Bytes that are read from the origin, or taken from the guest, at a time.
const PIECE: usize = 16 << 10;

/// When so much waits to be sent, the guest waits.
const BACKLOG: usize = 64 << 10;

/// One connection.
#[derive(Debug)]
pub(super) struct Mediated {
    stream: Stream,
    rule: Arc<Rule>,
    http: Mediator,
    secure: Option<Secure>,
    /// For the origin, not yet encrypted; and for the guest.
    to_origin: Vec<u8>,
    to_guest: Vec<u8>,
    /// The origin sends nothing more.
    ended: bool,
    refused: Option<Refusal>,
}

impl Mediated {
    pub(super) fn new(stream: Stream, rule: Arc<Rule>, counts: Arc<Counts>) -> Self {
        let secure = rule.https.then(Secure::default);
        Self {
            stream,
            http: Mediator::new(Arc::clone(&rule), counts),
            rule,
            secure,
            to_origin: Vec::new(),
            to_guest: Vec::new(),
            ended: false,
            refused: None,
        }
    }

    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    pub(super) fn peek_stream(&self) -> &Stream {
        &self.stream
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure.is_some()
    }

    pub(super) fn trust(&mut self, roots: Roots) {
        if let Some(secure) = &mut self.secure {
            secure.roots = roots;
        }
    }

    /// Sends what waits for it, as far as that goes now.
    fn flush(&mut self, traffic: &mut Traffic) -> Result<(), Fault> {
        let connection = match &mut self.secure {
            None => {
                while !self.to_origin.is_empty() {
                    let sent = self.stream.send(&self.to_origin, traffic)?;
                    self.to_origin.drain(..sent);
                }
                return Ok(());
            }
            Some(secure) => secure.connection.as_mut(),
        };
        let Some(connection) = connection else { return Ok(()) };
        let mut to = Counted { stream: &mut self.stream, traffic, refused: None };
        loop {
            let mut taken = 0;
            if !self.to_origin.is_empty() {
                // As much as TLS keeps; nothing while it has no more room.
                taken = connection.writer().write(&self.to_origin)?;
                self.to_origin.drain(..taken);
            }
            if taken == 0 && !connection.wants_write() {
                return Ok(());
            }
            while connection.wants_write() {
                if let Err(error) = connection.write_tls(&mut to) {
                    return Err(to.refused.take().unwrap_or(Fault::System(error)));
                }
            }
        }
    }

    /// As above; that it would wait is no error.
    fn flush_some(&mut self, traffic: &mut Traffic) -> Result<(), Fault> {
        match self.flush(traffic) {
            Err(fault) if fault.waits() => Ok(()),
            outcome => outcome,
        }
    }

    /// Takes what the origin has sent, as far as it has come; gives whether something came for the guest.
    fn fetch(&mut self, traffic: &mut Traffic) -> Result<(), Fault> {
        let mut bytes = [0; PIECE];
        let read = match &mut self.secure {
            None => self.stream.receive(&mut bytes, false, traffic)?,
            Some(secure) => {
                let Some(connection) = &mut secure.connection else {
                    return Err(io::ErrorKind::WouldBlock.into());
                };
                loop {
                    match connection.reader().read(&mut bytes) {
                        Ok(read) => break read,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => {
                            return Err(Fault::Protocol(
                                "the origin's stream was cut: it did not say that it ends".into(),
                            ));
                        }
                    }
                    let mut from = Counted { stream: &mut self.stream, traffic, refused: None };
                    if let Err(error) = connection.read_tls(&mut from) {
                        return Err(from.refused.take().unwrap_or(Fault::System(error)));
                    }
                    connection
                        .process_new_packets()
                        .map_err(|error| Fault::Protocol(error.to_string()))?;
                }
            }
        };
        let bytes = bytes.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            self.ended = true;
            return Ok(self.http.ended(&mut self.to_guest)?);
        }
        self.http.receive(bytes, &mut self.to_guest)?;
        self.ended |= self.http.is_over();
        Ok(())
    }

    /// What a refusal is of: the origin, and the path if a request was refused.
    pub(super) fn place(&self) -> &str {
        self.http.place()
    }

    /// Gives an error; if it is a refusal, the connection is over.
    fn refuse<T>(&mut self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        let kind = match &outcome {
            Err(Fault::Denied(said)) => Some((Kind::Denied, said)),
            Err(Fault::Protocol(said)) => Some((Kind::Malformed, said)),
            Err(Fault::Quota(said)) => Some((Kind::Quota, said)),
            _ => None,
        };
        if let Some((kind, said)) = kind {
            self.refused = Some(Refusal { kind, text: said.clone() });
            let _ = self.stream.shut_down(true, true);
        }
        outcome
    }

    fn unless_refused(&self) -> Result<(), Fault> {
        match &self.refused {
            Some(refusal) => Err(refusal.clone().into()),
            None => Ok(()),
        }
    }

    /// Takes requests, or parts of them.
    pub(super) fn write_plain(
        &mut self,
        bytes: &[u8],
        traffic: &mut Traffic,
    ) -> Result<usize, Fault> {
        self.unless_refused()?;
        let outcome = self.take_requests(bytes, traffic);
        self.refuse(outcome)
    }

    fn take_requests(&mut self, bytes: &[u8], traffic: &mut Traffic) -> Result<usize, Fault> {
        self.stream.connected()?;
        self.flush_some(traffic)?;
        if self.to_origin.len() >= BACKLOG || self.http.is_full() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let piece = bytes.get(..bytes.len().min(PIECE)).unwrap_or_default();
        let taken = self.http.send(piece, &mut self.to_origin);
        // What was granted before a refusal goes out.
        self.flush_some(traffic)?;
        taken?;
        Ok(piece.len())
    }

    /// Gives what may be read of responses; nothing at their end.
    pub(super) fn read_plain(
        &mut self,
        bytes: &mut [u8],
        traffic: &mut Traffic,
    ) -> Result<usize, Fault> {
        let outcome = self.fill(traffic);
        if self.to_guest.is_empty() {
            self.refuse(outcome)?;
            self.unless_refused()?;
        }
        let count = bytes.len().min(self.to_guest.len());
        for (to, from) in bytes.iter_mut().zip(self.to_guest.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }

    /// Fetches until there is something for the guest, or the end.
    fn fill(&mut self, traffic: &mut Traffic) -> Result<(), Fault> {
        if self.to_guest.is_empty() && self.refused.is_none() {
            self.stream.connected()?;
            self.flush_some(traffic)?;
            while self.to_guest.is_empty() && !self.ended {
                self.fetch(traffic)?;
            }
        }
        Ok(())
    }

    /// Whether it can be read or written without a wait.
    pub(super) fn is_ready(&mut self, write: bool, traffic: &mut Traffic) -> bool {
        if self.refused.is_some() {
            return true;
        }
        if let Some(secure) = &self.secure {
            match (secure.connection.is_some(), secure.framed) {
                // Before a program says that it wants TLS it can only say so.
                (false, _) => return write,
                (true, true) if !secure.told => {
                    let told = write || !matches!(self.go_on(traffic), Err(Unsecured::Wants(_)));
                    return told;
                }
                (true, true) if !write && (secure.over || !secure.rest.is_empty()) => return true,
                (true, false) if !secure.ready => {
                    let flags = if write { PollFlags::OUT } else { PollFlags::IN };
                    return crate::sandbox::control::is_ready(self.stream.fd(), flags);
                }
                _ => {}
            }
        }
        if write {
            let _ = self.flush_some(traffic);
            return self.to_origin.len() < BACKLOG && !self.http.is_full();
        }
        match self.fill(traffic) {
            Err(fault) if fault.waits() => false,
            Err(fault) => {
                // It is told when the guest reads.
                let _ = self.refuse::<()>(Err(fault));
                true
            }
            Ok(()) => true,
        }
    }

    /// What it waits for that would have to.
    pub(super) fn waits_for(&self, write: bool) -> PollFlags {
        let connection = self.secure.as_ref().and_then(|secure| secure.connection.as_ref());
        let unsent = !self.to_origin.is_empty()
            || connection.is_some_and(|connection| connection.wants_write());
        match (write, unsent) {
            (true, true) => PollFlags::OUT,
            // Held off until a response comes.
            (true, false) => PollFlags::IN,
            (false, true) => PollFlags::IN | PollFlags::OUT,
            (false, false) => PollFlags::IN,
        }
    }
}
