//! What a descriptor of the guest's is that is a socket: not yet connected, a stream, one of a pair, or a connection to
//! an origin whose requests are looked at.

use super::http;
use super::mediated::Mediated;
use super::pair::{self, End};
use super::stream::Stream;
use super::traffic::Traffic;
use super::{Fault, tls};
use crate::sandbox::holding::Holding;
use rustix::event::PollFlags;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

/// A socket of the guest's.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The flags that the guest has asked for.
    pub(crate) flags: u32,
    state: State,
    v6: bool,
    no_delay: bool,
    keep_alive: bool,
    /// What its connection failed with, until that is asked for.
    failed: Option<io::Error>,
}

#[derive(Debug)]
enum State {
    Fresh,
    Stream(Box<Stream>),
    Mediated(Box<Mediated>),
    Pair(End),
}

type Origin = (Arc<http::Rule>, Arc<http::Counts>);

impl Socket {
    pub(crate) fn fresh(v6: bool) -> Self {
        Self::of(State::Fresh, v6)
    }

    fn of(state: State, v6: bool) -> Self {
        Self { flags: 0, state, v6, no_delay: false, keep_alive: false, failed: None }
    }

    /// Two that are connected to each other.
    pub(crate) fn pair(holding: &Arc<Holding>) -> (Self, Self) {
        let (one, other) = pair::pair(holding);
        (Self::of(State::Pair(one), false), Self::of(State::Pair(other), false))
    }

    /// Begins to connect.
    pub(super) fn begin(
        &mut self,
        to: SocketAddr,
        origin: Option<Origin>,
        traffic: &mut Traffic,
    ) -> Result<(), Fault> {
        if !matches!(self.state, State::Fresh) {
            return Err(match self.finish() {
                Ok(()) => rustix::io::Errno::ISCONN.into(),
                Err(fault) if fault.waits() => rustix::io::Errno::ALREADY.into(),
                Err(fault) => fault,
            });
        }
        let stream = Stream::begin(to, traffic)?;
        // What small requests wait for is not the guest's to forget.
        stream.set_no_delay(self.no_delay || origin.is_some())?;
        stream.set_keep_alive(self.keep_alive)?;
        self.state = match origin {
            None => State::Stream(Box::new(stream)),
            Some((rule, counts)) => State::Mediated(Box::new(Mediated::new(stream, rule, counts))),
        };
        Ok(())
    }

    fn stream(&mut self) -> Option<&mut Stream> {
        match &mut self.state {
            State::Stream(stream) => Some(stream),
            State::Mediated(mediated) => Some(mediated.stream()),
            State::Fresh | State::Pair(_) => None,
        }
    }

    /// Whether it is connected by now; while it is not, that would wait.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        let Some(stream) = self.stream() else { return Ok(()) };
        match stream.connected() {
            Err(Fault::System(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                // As on POSIX it can be connected anew.
                self.state = State::Fresh;
                Err(error.into())
            }
            outcome => outcome,
        }
    }

    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        peek: bool,
        traffic: &mut Traffic,
    ) -> Result<usize, Fault> {
        match &mut self.state {
            State::Fresh => Err(io::ErrorKind::NotConnected.into()),
            State::Stream(stream) => stream.receive(bytes, peek, traffic),
            State::Mediated(mediated) => mediated.receive(bytes, peek, traffic),
            State::Pair(end) => end.receive(bytes, peek),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8], traffic: &mut Traffic) -> Result<usize, Fault> {
        match &mut self.state {
            State::Fresh => Err(io::ErrorKind::NotConnected.into()),
            State::Stream(stream) => stream.send(bytes, traffic),
            State::Mediated(mediated) => mediated.send(bytes, traffic),
            State::Pair(end) => end.send(bytes),
        }
    }

    /// Whether it can be read, or written, without a wait.
    pub(crate) fn is_ready(&mut self, write: bool, traffic: &mut Traffic) -> bool {
        if let Some(stream) = self.stream() {
            match stream.connected() {
                Ok(()) => {}
                Err(fault) if fault.waits() => return false,
                Err(Fault::System(error)) => {
                    self.failed = Some(error);
                    return true;
                }
                Err(_) => return true,
            }
        }
        match &mut self.state {
            State::Fresh => true,
            State::Pair(end) if write => end.can_send(),
            State::Pair(end) => end.can_receive(),
            State::Stream(stream) => {
                let flags = if write { PollFlags::OUT } else { PollFlags::IN };
                crate::sandbox::control::is_ready(stream.fd(), flags)
            }
            State::Mediated(mediated) => mediated.is_ready(write, traffic),
        }
    }

    /// What it waits for that would have to, in this direction, and until when. One of a pair waits for the guest itself.
    pub(crate) fn waits_for(
        &self,
        write: bool,
    ) -> Option<(BorrowedFd<'_>, PollFlags, Option<Instant>)> {
        let (stream, flags) = match &self.state {
            State::Stream(stream) => {
                (&**stream, if write { PollFlags::OUT } else { PollFlags::IN })
            }
            State::Mediated(mediated) => (mediated.peek_stream(), mediated.waits_for(write)),
            State::Fresh | State::Pair(_) => return None,
        };
        let until = stream.until();
        let flags = if stream.is_connecting() { PollFlags::OUT } else { flags };
        Some((stream.fd(), flags, until))
    }

    pub(crate) fn shut_down(&mut self, read: bool, write: bool) -> Result<(), Fault> {
        match &mut self.state {
            State::Fresh => Err(io::ErrorKind::NotConnected.into()),
            State::Stream(stream) => stream.shut_down(read, write),
            // A request that is under way is not cut by it.
            State::Mediated(mediated) if read => mediated.stream().shut_down(true, write),
            State::Mediated(_) => Ok(()),
            State::Pair(end) => {
                end.shut_down(read, write);
                Ok(())
            }
        }
    }

    /// The address of its own end, or of the other.
    pub(crate) fn name(&mut self, peer: bool) -> Result<SocketAddr, Fault> {
        let none: SocketAddr = match self.v6 {
            true => (IpAddr::from(Ipv6Addr::UNSPECIFIED), 0).into(),
            false => (IpAddr::from(Ipv4Addr::UNSPECIFIED), 0).into(),
        };
        match (&mut self.state, peer) {
            (State::Fresh, true) => Err(io::ErrorKind::NotConnected.into()),
            (State::Fresh, false) | (State::Pair(_), _) => Ok(none),
            (State::Stream(_) | State::Mediated(_), true) => {
                self.finish()?;
                self.stream()
                    .map(|stream| stream.peer)
                    .ok_or_else(|| io::ErrorKind::NotConnected.into())
            }
            (State::Stream(stream), false) => stream.own_name(),
            (State::Mediated(mediated), false) => mediated.stream().own_name(),
        }
    }

    /// What its connection failed with; the next time there is nothing.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        if let Some(failed) = self.failed.take() {
            self.state = State::Fresh;
            return Some(failed);
        }
        match self.finish() {
            Err(Fault::System(error)) if error.kind() != io::ErrorKind::WouldBlock => Some(error),
            _ => None,
        }
    }

    pub(crate) fn no_delay(&self) -> bool {
        self.no_delay
    }

    pub(crate) fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    pub(crate) fn set_no_delay(&mut self, on: bool) -> Result<(), Fault> {
        self.no_delay = on;
        match &self.state {
            State::Stream(stream) => stream.set_no_delay(on),
            _ => Ok(()),
        }
    }

    pub(crate) fn set_keep_alive(&mut self, on: bool) -> Result<(), Fault> {
        self.keep_alive = on;
        self.stream().map_or(Ok(()), |stream| stream.set_keep_alive(on))
    }

    /// The connection to an origin that is reached over TLS.
    pub(super) fn secure(&mut self) -> Option<&mut Mediated> {
        match &mut self.state {
            State::Mediated(mediated) if mediated.is_secure() => Some(mediated),
            _ => None,
        }
    }

    /// A stream that bytes of TLS can go over.
    pub(super) fn straight(&mut self) -> Option<&mut Stream> {
        match &mut self.state {
            State::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// What a refusal on it is of: an origin with the path that was asked for, or the other end.
    pub(crate) fn place(&mut self) -> String {
        if let State::Mediated(mediated) = &self.state {
            return mediated.place().to_owned();
        }
        self.name(true).map_or_else(|_| "the network".into(), |peer| peer.to_string())
    }

    /// Says which roots TLS of its own trusts.
    pub(crate) fn trust(&mut self, roots: &tls::Roots) {
        if let State::Mediated(mediated) = &mut self.state {
            mediated.trust(roots.clone());
        }
    }
}
