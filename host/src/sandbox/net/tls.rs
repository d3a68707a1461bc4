//! TLS of the guest's connections, as a client: rustls does it, the guest never sees a key.
//!
//! A connection runs over a socket of the host's, or its records pass through the guest (for programs that keep them in
//! memory, as asyncio does). One to an origin whose requests are looked at is another matter: the socket itself does
//! TLS (`mediated`), and what passes through the guest instead of records is `framed`.

mod config;
mod failure;
pub(super) mod framed;
mod verify;

pub(crate) use config::{Roots, Settings, Trust};
pub(super) use config::{about, config_for_origins};
pub(super) use failure::Failure;

use super::socket::Socket;
use super::stream::Counted;
use super::traffic::Traffic;
use super::{Fault, Network};
use framed::Framed;
use ophidia_abi::tls::{CLOSED, CUT, FAILED, WANT_READ, WANT_WRITE};
use rustix::event::PollFlags;
use rustls::ClientConnection;
use std::io::{self, Read, Write};

/// Records that are kept of what the peer has sent and of what is for it, in bytes; one has at most 16 KiB and a bit.
const KEPT: usize = 64 << 10;

/// One connection of TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    kind: Kind,
    settings: Settings,
    failure: Option<Failure>,
    /// Plaintext that was taken although not all of it could be sent: what the next writing gives again.
    taken: usize,
    /// The socket that it runs over.
    over: Option<u32>,
}

#[derive(Debug)]
enum Kind {
    Own(Box<ClientConnection>, Memory),
    /// To an origin whose requests are looked at.
    Framed(Framed),
}

impl Kind {
    fn new(network: &mut Network, settings: &Settings, framed: bool) -> Result<Self, Fault> {
        if framed {
            return Ok(Self::Framed(Framed::new(settings)));
        }
        let mut connection = config::connect(network, settings)?;
        connection.set_buffer_limit(Some(KEPT));
        Ok(Self::Own(Box::new(connection), Memory::default()))
    }
}

/// Records on their way through the guest.
#[derive(Debug, Default)]
struct Memory {
    come: Vec<u8>,
    ended: bool,
}

/// A number of bytes, or one of the codes.
type Outcome = Result<i32, Fault>;

impl Tls {
    pub(crate) fn open(network: &mut Network, settings: &Settings) -> Result<Self, Fault> {
        let framed = network.leads_to_origin(&settings.name);
        let kind = Kind::new(network, settings, framed)?;
        Ok(Self { kind, settings: settings.clone(), failure: None, taken: 0, over: None })
    }

    /// Lets it run over a socket, by its descriptor.
    pub(crate) fn attach(
        &mut self,
        fd: u32,
        socket: &mut Socket,
        network: &mut Network,
    ) -> Result<(), Fault> {
        let framed = socket.secure().is_some();
        if framed != matches!(self.kind, Kind::Framed(_)) {
            self.kind = Kind::new(network, &self.settings, framed)?;
        }
        self.over = Some(fd);
        Ok(())
    }

    /// The socket that it runs over.
    pub(crate) fn over(&self) -> Option<u32> {
        self.over
    }

    pub(crate) fn handshake(
        &mut self,
        socket: Option<&mut Socket>,
        traffic: &mut Traffic,
    ) -> Outcome {
        self.act(socket, traffic, |own, io| {
            own.flush(io)?;
            while own.connection.is_handshaking() {
                own.fetch(io)?;
                own.flush(io)?;
            }
            Ok(0)
        })
    }

    pub(crate) fn read(
        &mut self,
        bytes: &mut [u8],
        socket: Option<&mut Socket>,
        traffic: &mut Traffic,
    ) -> Outcome {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.failure.is_some() {
            return Ok(FAILED);
        }
        match (&mut self.kind, socket) {
            (Kind::Framed(framed), None) => framed.read(bytes),
            (Kind::Framed(_), Some(socket)) => {
                let Some(mediated) = socket.secure() else { return Err(not_its_socket()) };
                match mediated.read_plain(bytes, traffic) {
                    Ok(0) => Ok(CLOSED),
                    Ok(read) => Ok(number(read)),
                    Err(fault) => self.failed(fault),
                }
            }
            (Kind::Own(..), socket) => self.act(socket, traffic, |own, io| {
                // What could not be sent must not keep what has come.
                let mut unsent = own.flush(io).err();
                loop {
                    match own.connection.reader().read(bytes) {
                        Ok(0) => return Ok(CLOSED),
                        Ok(read) => return Ok(number(read)),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => return Ok(CUT),
                    }
                    own.fetch(io).map_err(|halt| match (halt, unsent.take()) {
                        (Halt::Code(WANT_READ), Some(unsent)) => unsent,
                        (halt, _) => halt,
                    })?;
                }
            }),
        }
    }

    pub(crate) fn write(
        &mut self,
        bytes: &[u8],
        socket: Option<&mut Socket>,
        traffic: &mut Traffic,
    ) -> Outcome {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.failure.is_some() {
            return Ok(FAILED);
        }
        let mut taken = std::mem::take(&mut self.taken).min(bytes.len());
        let outcome = match (&mut self.kind, socket) {
            (Kind::Framed(framed), None) => return framed.write(bytes),
            (Kind::Framed(_), Some(socket)) => {
                let Some(mediated) = socket.secure() else { return Err(not_its_socket()) };
                return match mediated.write_plain(bytes, traffic) {
                    Ok(written) => Ok(number(written)),
                    Err(fault) if fault.waits() => {
                        let out = mediated.waits_for(true).contains(PollFlags::OUT);
                        Ok(if out { WANT_WRITE } else { WANT_READ })
                    }
                    Err(fault) => self.failed(fault),
                };
            }
            (Kind::Own(..), socket) => self.act(socket, traffic, |own, io| {
                if taken == 0 {
                    own.flush(io)?;
                    taken = own.connection.writer().write(bytes).unwrap_or(0);
                }
                own.flush(io)?;
                Ok(if taken == 0 { WANT_WRITE } else { number(taken) })
            }),
        };
        // The same bytes are given again: they count as taken then.
        if matches!(outcome, Ok(WANT_WRITE)) {
            self.taken = taken;
        }
        outcome
    }

    /// Says that no more is written; the peer need not have said so too.
    pub(crate) fn shut_down(
        &mut self,
        socket: Option<&mut Socket>,
        traffic: &mut Traffic,
    ) -> Outcome {
        if let Kind::Framed(framed) = &mut self.kind {
            framed.close();
            return Ok(0);
        }
        self.act(socket, traffic, |own, io| {
            own.connection.send_close_notify();
            own.flush(io)?;
            // Plaintext that nobody reads any more is thrown away.
            let mut waste = [0; 4096];
            loop {
                match own.connection.reader().read(&mut waste) {
                    Ok(0) => return Ok(0),
                    Ok(_) => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return Ok(CUT),
                }
                own.fetch(io)?;
            }
        })
    }

    /// Takes records that passed through the guest; nothing is the end of them.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Outcome {
        match &mut self.kind {
            Kind::Framed(framed) => Ok(number(framed.feed(bytes))),
            Kind::Own(_, memory) => {
                if bytes.is_empty() {
                    memory.ended = true;
                }
                let room = KEPT.saturating_sub(memory.come.len());
                let taken = bytes.get(..bytes.len().min(room)).unwrap_or_default();
                memory.come.extend_from_slice(taken);
                Ok(number(taken.len()))
            }
        }
    }

    /// Gives records that are to pass through the guest.
    pub(crate) fn take(&mut self, bytes: &mut [u8]) -> Outcome {
        match &mut self.kind {
            Kind::Framed(framed) => Ok(number(framed.take(bytes))),
            Kind::Own(connection, _) => {
                let mut to = io::Cursor::new(bytes);
                while connection.wants_write() {
                    // A full buffer takes nothing more.
                    if !matches!(connection.write_tls(&mut to), Ok(written) if written > 0) {
                        break;
                    }
                }
                Ok(number(usize::try_from(to.position()).unwrap_or_default()))
            }
        }
    }

    /// What is known of it.
    pub(crate) fn about(&mut self, what: u32, socket: Option<&mut Socket>) -> Vec<u8> {
        use ophidia_abi::tls::{ERROR, PENDING};
        if what == ERROR {
            return self.failure.as_ref().map(Failure::told).unwrap_or_default();
        }
        match (&mut self.kind, socket) {
            (Kind::Own(connection, _), _) => {
                if what != PENDING {
                    return config::about(connection, what);
                }
                let state = connection.process_new_packets();
                let bytes = state.map_or(0, |state| state.plaintext_bytes_to_read());
                number(bytes).to_le_bytes().to_vec()
            }
            (Kind::Framed(framed), None) => framed.about(what),
            (Kind::Framed(_), Some(socket)) => {
                socket.secure().map(|mediated| mediated.about(what)).unwrap_or_default()
            }
        }
    }

    fn failed(&mut self, fault: Fault) -> Outcome {
        match fault {
            fault if fault.waits() => Ok(WANT_READ),
            Fault::Protocol(said) => {
                self.failure = Some(Failure::protocol(said));
                Ok(FAILED)
            }
            other => Err(other),
        }
    }

    fn act(
        &mut self,
        socket: Option<&mut Socket>,
        traffic: &mut Traffic,
        step: impl FnOnce(&mut Own<'_>, &mut Io<'_, '_>) -> Result<i32, Halt>,
    ) -> Outcome {
        if self.failure.is_some() {
            return Ok(FAILED);
        }
        let (connection, memory) = match &mut self.kind {
            Kind::Own(connection, memory) => (connection, memory),
            Kind::Framed(framed) => {
                let Some(socket) = socket else {
                    let outcome = framed.handshake();
                    self.failure = framed.failure();
                    return outcome;
                };
                let Some(mediated) = socket.secure() else { return Err(not_its_socket()) };
                return match mediated.secure(&self.settings, traffic) {
                    Ok(()) => Ok(0),
                    Err(super::mediated::Unsecured::Failed(failure)) => {
                        self.failure = Some(failure);
                        Ok(FAILED)
                    }
                    Err(super::mediated::Unsecured::Wants(code)) => Ok(code),
                    Err(super::mediated::Unsecured::Fault(fault)) => Err(fault),
                };
            }
        };
        let outcome = {
            let mut own = Own { connection };
            match socket {
                None => step(&mut own, &mut Io::Memory(memory)),
                Some(socket) => {
                    let Some(stream) = socket.straight() else { return Err(not_its_socket()) };
                    let mut counted = Counted { stream, traffic, refused: None };
                    let outcome = step(&mut own, &mut Io::Socket(&mut counted));
                    match counted.refused {
                        Some(fault) => Err(Halt::Fault(fault)),
                        None => outcome,
                    }
                }
            }
        };
        match outcome {
            Ok(code) | Err(Halt::Code(code)) => Ok(code),
            Err(Halt::Failed(failure)) => {
                self.failure = Some(failure);
                Ok(FAILED)
            }
            Err(Halt::Fault(fault)) => Err(fault),
        }
    }
}

fn not_its_socket() -> Fault {
    Fault::System(io::ErrorKind::NotConnected.into())
}

/// A number of bytes, of which no more than an `i32` can tell are moved at once.
fn number(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

/// Why a step does not go on.
#[derive(Debug)]
enum Halt {
    Code(i32),
    Failed(Failure),
    Fault(Fault),
}

enum Io<'a, 'b> {
    Memory(&'a mut Memory),
    Socket(&'a mut Counted<'b>),
}

struct Own<'a> {
    connection: &'a mut ClientConnection,
}

impl Own<'_> {
    /// Sends what is for the peer. What passes through the guest is taken from here by it.
    fn flush(&mut self, io: &mut Io<'_, '_>) -> Result<(), Halt> {
        let Io::Socket(stream) = io else { return Ok(()) };
        while self.connection.wants_write() {
            match self.connection.write_tls(*stream) {
                Ok(0) => return Err(Halt::Code(WANT_WRITE)),
                Ok(_) => {}
                Err(error) => return Err(halted(error, WANT_WRITE)),
            }
        }
        Ok(())
    }

    /// Takes what has come from the peer.
    fn fetch(&mut self, io: &mut Io<'_, '_>) -> Result<(), Halt> {
        let read = match io {
            Io::Socket(stream) => {
                self.connection.read_tls(*stream).map_err(|error| halted(error, WANT_READ))?
            }
            Io::Memory(memory) => {
                if memory.come.is_empty() && !memory.ended {
                    return Err(Halt::Code(WANT_READ));
                }
                let mut from = &*memory.come;
                let read = self
                    .connection
                    .read_tls(&mut from)
                    .map_err(|error| halted(error, WANT_READ))?;
                memory.come.drain(..read);
                read
            }
        };
        match self.connection.process_new_packets() {
            Ok(_) if read == 0 && self.connection.is_handshaking() => Err(Halt::Code(CUT)),
            Ok(_) => Ok(()),
            Err(error) => {
                // The peer is told, as far as it hears.
                let _ = self.flush(io);
                Err(Halt::Failed(Failure::of(&error)))
            }
        }
    }
}

fn halted(error: io::Error, code: i32) -> Halt {
    match error.kind() {
        io::ErrorKind::WouldBlock => Halt::Code(code),
        _ => Halt::Fault(Fault::System(error)),
    }
}
