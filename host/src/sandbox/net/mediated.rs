//! A connection to an origin whose requests are looked at, one by one.
//!
//! The guest writes requests and reads responses, in plain text; the socket does TLS where the origin has it. So the
//! guest holds neither a key nor a secret, and nothing reaches the origin that was not looked at.

use super::http::{Counts, Mediator, Rule};
use super::stream::{Counted, Stream};
use super::tls::framed::{self, CLOSE, DATA, DONE, ERROR, HEAD, START, frame};
use super::tls::{self, Failure, Roots, Settings};
use super::traffic::Traffic;
use super::{Fault, rules};
use ophidia_abi::tls::{WANT_READ, WANT_WRITE};
use rustix::event::PollFlags;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
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
    refused: Option<String>,
}

/// TLS of one whose origin has it.
#[derive(Debug)]
struct Secure {
    roots: Roots,
    connection: Option<Box<ClientConnection>>,
    ready: bool,
    failure: Option<Failure>,
    /// The guest writes and reads frames in place of records.
    framed: bool,
    /// A frame that is not there whole, and how much of one of data is yet to come.
    come: Vec<u8>,
    data: usize,
    /// Whether the end of the handshake was told, and that of the responses.
    told: bool,
    over: bool,
    /// The rest of a frame for which there was no room.
    rest: Vec<u8>,
}

/// Why TLS is not there.
#[derive(Debug)]
pub(super) enum Unsecured {
    Wants(i32),
    Failed(Failure),
    Fault(Fault),
}

impl From<Fault> for Unsecured {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Mediated {
    pub(super) fn new(stream: Stream, rule: Arc<Rule>, counts: Arc<Counts>) -> Self {
        let secure = rule.https.then(|| Secure {
            roots: Roots::default(),
            connection: None,
            ready: false,
            failure: None,
            framed: false,
            come: Vec::new(),
            data: 0,
            told: false,
            over: false,
            rest: Vec::new(),
        });
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
        if !self.to_origin.is_empty() {
            let taken = connection.writer().write(&self.to_origin)?;
            self.to_origin.drain(..taken);
        }
        let mut to = Counted { stream: &mut self.stream, traffic, refused: None };
        while connection.wants_write() {
            if let Err(error) = connection.write_tls(&mut to) {
                return Err(to.refused.take().unwrap_or(Fault::System(error)));
            }
        }
        Ok(())
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

    /// Gives an error; if it is a refusal, the connection is over.
    fn refuse<T>(&mut self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(Fault::Denied(said) | Fault::Protocol(said) | Fault::Quota(said)) = &outcome {
            self.refused = Some(said.clone());
            let _ = self.stream.shut_down(true, true);
        }
        outcome
    }

    fn unless_refused(&self) -> Result<(), Fault> {
        match &self.refused {
            Some(said) => Err(Fault::Denied(said.clone())),
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

    /// What the guest sends over the socket itself.
    pub(super) fn send(&mut self, bytes: &[u8], traffic: &mut Traffic) -> Result<usize, Fault> {
        if self.secure.is_none() {
            return self.write_plain(bytes, traffic);
        }
        self.unless_refused()?;
        let outcome = self.take_frames(bytes, traffic);
        self.refuse(outcome)
    }

    fn take_frames(&mut self, bytes: &[u8], traffic: &mut Traffic) -> Result<usize, Fault> {
        self.stream.connected()?;
        let mut taken = 0;
        while let Some((_, rest)) =
            bytes.split_at_checked(taken).filter(|(_, rest)| !rest.is_empty())
        {
            let Some(secure) = &mut self.secure else { break };
            secure.framed = true;
            if secure.data > 0 {
                let piece = rest.get(..rest.len().min(secure.data)).unwrap_or_default();
                let count = match self.take_requests(piece, traffic) {
                    Err(fault) if fault.waits() && taken > 0 => break,
                    outcome => outcome?,
                };
                if let Some(secure) = &mut self.secure {
                    secure.data -= count;
                }
                taken += count;
                continue;
            }
            let Some(byte) = rest.first() else { break };
            secure.come.push(*byte);
            taken += 1;
            let Some((kind, len)) = framed::head(&secure.come) else { continue };
            match kind {
                DATA if secure.ready => {
                    secure.data = len;
                    secure.come.clear();
                }
                START | CLOSE if len <= 1024 => {
                    if secure.come.len() == HEAD + len {
                        let text = secure.come.split_off(HEAD);
                        secure.come.clear();
                        if kind == START {
                            let name = String::from_utf8_lossy(&text).into_owned();
                            let settings = Settings { name, ..Settings::default() };
                            self.begin(&settings)?;
                        }
                    }
                }
                _ => {
                    return Err(Fault::Denied(format!(
                        "requests to {} are granted one by one: let Python's ssl module do TLS, or grant the host as a whole",
                        self.rule.host
                    )));
                }
            }
        }
        if taken > 0 {
            // A handshake goes on when something is written or read.
            match self.go_on(traffic) {
                Ok(()) | Err(Unsecured::Wants(_) | Unsecured::Failed(_)) => {}
                Err(Unsecured::Fault(fault)) => return Err(fault),
            }
        }
        Ok(taken)
    }

    /// What the guest receives over the socket itself.
    pub(super) fn receive(
        &mut self,
        bytes: &mut [u8],
        peek: bool,
        traffic: &mut Traffic,
    ) -> Result<usize, Fault> {
        if peek {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if self.secure.is_none() {
            return self.read_plain(bytes, traffic);
        }
        let Some(body) = self.next_frame(traffic)? else { return Ok(0) };
        let count = body.len().min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(&body) {
            *to = *from;
        }
        if let (Some(secure), Some(rest)) = (&mut self.secure, body.get(count..)) {
            secure.rest = rest.to_vec();
        }
        Ok(count)
    }

    /// The bytes of the next frame for the guest; `None` at the end.
    fn next_frame(&mut self, traffic: &mut Traffic) -> Result<Option<Vec<u8>>, Fault> {
        let waits = || Fault::from(io::ErrorKind::WouldBlock);
        let Some(secure) = &mut self.secure else { return Err(waits()) };
        if !secure.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut secure.rest)));
        }
        if !secure.told {
            let told = self.go_on(traffic);
            let Some(secure) = &mut self.secure else { return Err(waits()) };
            let mut frames = Vec::new();
            match told {
                Ok(()) => {
                    let connection = secure.connection.as_ref().ok_or_else(waits)?;
                    frame(DONE, &framed::known(|what| tls::about(connection, what)), &mut frames);
                }
                Err(Unsecured::Failed(failure)) => frame(ERROR, &failure.told(), &mut frames),
                Err(Unsecured::Wants(_)) => return Err(waits()),
                Err(Unsecured::Fault(fault)) => return Err(fault),
            }
            secure.told = true;
            return Ok(Some(frames));
        }
        if secure.failure.is_some() || secure.over {
            return Ok(None);
        }
        let mut plain = [0; PIECE];
        let read = self.read_plain(&mut plain, traffic)?;
        let mut frames = Vec::new();
        match plain.get(..read) {
            Some(bytes) if read > 0 => frame(DATA, bytes, &mut frames),
            _ => {
                frame(CLOSE, &[], &mut frames);
                if let Some(secure) = &mut self.secure {
                    secure.over = true;
                }
            }
        }
        Ok(Some(frames))
    }

    /// Begins TLS with the origin, by the name that a program of the guest's expects there.
    fn begin(&mut self, settings: &Settings) -> Result<(), Fault> {
        let host = self.rule.host.trim_matches(['[', ']']);
        let named = settings.name.trim_matches(['[', ']']);
        let same =
            named.is_empty() || rules::name(named).is_ok_and(|name| name == host) || named == host;
        if !same {
            return Err(Fault::Denied(format!(
                "TLS for {:?} over a connection to {host}: it is for the origin's own name",
                settings.name
            )));
        }
        let Some(secure) = &mut self.secure else { return Ok(()) };
        if secure.connection.is_none() {
            let broken = |said: String| Fault::Protocol(said);
            let config = tls::config_for_origins(&secure.roots)
                .map_err(|error| broken(error.to_string()))?;
            let name =
                ServerName::try_from(host.to_owned()).map_err(|error| broken(error.to_string()))?;
            let connection = ClientConnection::new(Arc::new(config), name)
                .map_err(|error| broken(error.to_string()))?;
            secure.connection = Some(Box::new(connection));
        }
        Ok(())
    }

    /// Goes on with TLS for a program of the guest's that has its socket wrapped.
    pub(super) fn secure(
        &mut self,
        settings: &Settings,
        traffic: &mut Traffic,
    ) -> Result<(), Unsecured> {
        self.unless_refused()?;
        let begun = self.begin(settings);
        self.refuse(begun)?;
        self.go_on(traffic)
    }

    fn go_on(&mut self, traffic: &mut Traffic) -> Result<(), Unsecured> {
        let Some(Secure { connection: Some(_), ready, failure, .. }) = &self.secure else {
            return Err(Unsecured::Wants(WANT_READ));
        };
        if let Some(failure) = failure {
            return Err(Unsecured::Failed(failure.clone()));
        }
        if *ready {
            return Ok(());
        }
        loop {
            match self.flush(traffic) {
                Err(fault) if fault.waits() => return Err(Unsecured::Wants(WANT_WRITE)),
                outcome => outcome?,
            }
            let Some(Secure { connection: Some(connection), ready, failure, .. }) =
                &mut self.secure
            else {
                return Err(Unsecured::Wants(WANT_READ));
            };
            if !connection.is_handshaking() {
                *ready = true;
                return Ok(());
            }
            let mut from =
                Counted { stream: &mut self.stream, traffic: &mut *traffic, refused: None };
            let read = match connection.read_tls(&mut from) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Unsecured::Wants(WANT_READ));
                }
                Err(error) => {
                    return Err(from.refused.take().unwrap_or(Fault::System(error)).into());
                }
            };
            let failed = match connection.process_new_packets() {
                Ok(_) if read == 0 => {
                    Failure::protocol("the origin closed the connection in the handshake".into())
                }
                Ok(_) => continue,
                Err(error) => Failure::of(&error),
            };
            *failure = Some(failed.clone());
            // The origin is told, as far as it hears.
            let _ = self.flush(traffic);
            return Err(Unsecured::Failed(failed));
        }
    }

    pub(super) fn about(&self, what: u32) -> Vec<u8> {
        if what == ophidia_abi::tls::PENDING {
            let pending = i32::try_from(self.to_guest.len()).unwrap_or(i32::MAX);
            return pending.to_le_bytes().to_vec();
        }
        let connection = self.secure.as_ref().and_then(|secure| secure.connection.as_ref());
        connection.map(|connection| tls::about(connection, what)).unwrap_or_default()
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
