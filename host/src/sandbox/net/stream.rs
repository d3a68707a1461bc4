//! A connection over TCP that never waits.

use super::Fault;
use super::traffic::{Lease, Traffic};
use rustix::event::PollFlags;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, ipproto, sockopt,
};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

/// One connection, or the attempt at one.
#[derive(Debug)]
pub(super) struct Stream {
    fd: OwnedFd,
    pub(super) peer: SocketAddr,
    /// Until when it may be connecting, while it is.
    connecting: Option<Option<Instant>>,
    _lease: Lease,
}

impl Stream {
    /// Begins to connect.
    pub(super) fn begin(to: SocketAddr, traffic: &mut Traffic) -> Result<Self, Fault> {
        let lease = traffic.open()?;
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        let connecting = match rustix::net::connect(&fd, &to) {
            Ok(()) => None,
            Err(rustix::io::Errno::INPROGRESS) => {
                Some(Instant::now().checked_add(traffic.limits().connect))
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { fd, peer: to, connecting, _lease: lease })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// When it has to be looked at although nothing has come.
    pub(super) fn until(&self) -> Option<Instant> {
        self.connecting.flatten()
    }

    pub(super) fn is_connecting(&self) -> bool {
        self.connecting.is_some()
    }

    /// Whether it is connected by now; while it is not, that would wait.
    pub(super) fn connected(&mut self) -> Result<(), Fault> {
        let Some(until) = self.connecting else { return Ok(()) };
        if !crate::sandbox::control::is_ready(self.fd(), PollFlags::OUT) {
            let late = until.is_some_and(|until| Instant::now() >= until);
            return Err(
                if late { io::ErrorKind::TimedOut } else { io::ErrorKind::WouldBlock }.into()
            );
        }
        sockopt::socket_error(&self.fd)??;
        self.connecting = None;
        Ok(())
    }

    pub(super) fn receive(
        &mut self,
        bytes: &mut [u8],
        peek: bool,
        traffic: &mut Traffic,
    ) -> Result<usize, Fault> {
        self.connected()?;
        let most = traffic.may_receive(bytes.len())?;
        let bytes = bytes.get_mut(..most).unwrap_or_default();
        let flags = if peek { RecvFlags::PEEK } else { RecvFlags::empty() };
        let (received, _) = rustix::net::recv(&self.fd, bytes, flags)?;
        if !peek {
            traffic.count_received(received);
        }
        Ok(received)
    }

    pub(super) fn send(&mut self, bytes: &[u8], traffic: &mut Traffic) -> Result<usize, Fault> {
        self.connected()?;
        let most = traffic.may_send(bytes.len())?;
        let sent = rustix::net::send(
            &self.fd,
            bytes.get(..most).unwrap_or_default(),
            SendFlags::NOSIGNAL,
        )?;
        traffic.count_sent(sent);
        Ok(sent)
    }

    pub(super) fn shut_down(&mut self, read: bool, write: bool) -> Result<(), Fault> {
        self.connected()?;
        let how = match (read, write) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            _ => Shutdown::Write,
        };
        Ok(rustix::net::shutdown(&self.fd, how)?)
    }

    pub(super) fn own_name(&self) -> Result<SocketAddr, Fault> {
        let name = rustix::net::getsockname(&self.fd)?;
        SocketAddr::try_from(name).map_err(|error| Fault::System(error.into()))
    }

    pub(super) fn set_no_delay(&self, on: bool) -> Result<(), Fault> {
        Ok(sockopt::set_tcp_nodelay(&self.fd, on)?)
    }

    pub(super) fn set_keep_alive(&self, on: bool) -> Result<(), Fault> {
        Ok(sockopt::set_socket_keepalive(&self.fd, on)?)
    }
}

/// A stream and the account of it, as readers and writers of TLS want it.
pub(super) struct Counted<'a> {
    pub(super) stream: &'a mut Stream,
    pub(super) traffic: &'a mut Traffic,
    /// What an operation was refused, which no error of I/O can say.
    pub(super) refused: Option<Fault>,
}

impl Counted<'_> {
    fn told(&mut self, outcome: Result<usize, Fault>) -> io::Result<usize> {
        outcome.map_err(|fault| match fault {
            Fault::System(error) => error,
            other => {
                self.refused = Some(other);
                io::Error::other("refused")
            }
        })
    }
}

impl io::Read for Counted<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let outcome = self.stream.receive(bytes, false, self.traffic);
        self.told(outcome)
    }
}

impl io::Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.stream.send(bytes, self.traffic);
        self.told(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
