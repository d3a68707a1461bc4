//! Calls on sockets: those of preview 1, and the host's own, which open, connect and look up.

use super::abi::fdflags;
use super::audit::AuditEvent;
use super::call::{Buffers, Call};
use super::descriptors::Descriptor;
use super::errno::{Answer, Errno, Failure};
use crate::sandbox::control::Wake;
use crate::sandbox::net::{Fault, Network, Socket};
use ophidia_abi::{ADDRESS, FAMILY_V4, FAMILY_V6, socket_option};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

/// `riflags` of receiving.
const PEEK: u32 = 1;
const WAIT_FOR_ALL: u32 = 2;

/// The longest name of a host.
const LONGEST_NAME: u32 = 255;

/// Texts of denials are cut to this many characters.
const LONGEST_DENIAL: usize = 480;

/// Tells the guest of a fault: by its number, and where it was not granted by a text, which the audit is told too.
pub(super) fn told<T>(
    call: &mut Call<'_>,
    (action, place): (&'static str, &str),
    outcome: Result<T, Fault>,
) -> Answer<T> {
    let (errno, said, is_denied) = match outcome {
        Ok(value) => return Ok(value),
        Err(Fault::System(error)) => return Err(Errno::of(&error).into()),
        Err(Fault::Stop(stop)) => return Err(stop.into()),
        Err(Fault::Denied(said)) => (Errno::Access, said, true),
        Err(Fault::Quota(said)) => (Errno::Quota, said, true),
        Err(Fault::TooMany(said)) => (Errno::TooManyFiles, said, true),
        Err(Fault::Protocol(said)) => (Errno::Protocol, said, false),
    };
    if is_denied && let Some(audit) = &call.context.audit {
        let reason = said.clone().into();
        audit.tell(&AuditEvent::Denied { action, path: place.to_owned(), reason })?;
    }
    call.context.deny(errno, said);
    Err(errno.into())
}

impl super::Context {
    /// Keeps what is to be said of an error, until it is asked for or there is another.
    pub(super) fn deny(&mut self, errno: Errno, said: String) {
        self.denial = Some((errno, said));
    }

    fn socket(&mut self, fd: u32) -> Answer<(&mut Socket, &mut Network)> {
        match self.descriptors.get_mut(fd)? {
            Descriptor::Socket(socket) => Ok((socket, &mut self.network)),
            _ => Err(Errno::NotSocket.into()),
        }
    }
}

/// Gives the text of the last denial, if it had this number.
pub(super) fn denied(call: &mut Call<'_>, error: u32, to: u32, room: u32) -> Answer<i32> {
    let Some((_, said)) = call.denial.take_if(|(errno, _)| *errno as u32 == error) else {
        return Ok(0);
    };
    let cut = said.char_indices().nth(LONGEST_DENIAL).map_or(said.len(), |(at, _)| at);
    let mut end = cut.min(usize::try_from(room).unwrap_or(usize::MAX));
    while !said.is_char_boundary(end) {
        end -= 1;
    }
    let text = said.get(..end).unwrap_or_default();
    call.memory.put(to, text.as_bytes())?;
    Ok(i32::try_from(end).unwrap_or(0))
}

pub(super) fn open(call: &mut Call<'_>, family: u32, to: u32) -> Answer {
    let v6 = match family {
        FAMILY_V4 => false,
        FAMILY_V6 => true,
        _ => return Err(Errno::NoFamily.into()),
    };
    let socket = Box::new(Socket::fresh(v6));
    let fd = call.context.descriptors.insert(Descriptor::Socket(socket))?;
    call.put_u32(to, fd)
}

pub(super) fn pair(call: &mut Call<'_>, to: u32) -> Answer {
    let (one, other) = Socket::pair(&call.context.holding);
    let descriptors = &mut call.context.descriptors;
    let first = descriptors.insert(Descriptor::Socket(Box::new(one)))?;
    let second = match descriptors.insert(Descriptor::Socket(Box::new(other))) {
        Ok(second) => second,
        Err(full) => {
            descriptors.remove(first)?;
            return Err(full);
        }
    };
    call.put_u32(to, first)?;
    call.put_u32(to.wrapping_add(4), second)
}

fn address(call: &Call<'_>, at: u32) -> Answer<SocketAddr> {
    let raw: [u8; ADDRESS as usize] = call.memory.array(at)?;
    let [family, _, low, high, a, b, c, d, rest @ ..] = raw;
    let port = u16::from_le_bytes([low, high]);
    let scope = u32::from_le_bytes([a, b, c, d]);
    match u32::from(family) {
        FAMILY_V4 => {
            let octets: [u8; 4] = *rest.first_chunk().ok_or(Errno::Invalid)?;
            Ok(SocketAddr::new(Ipv4Addr::from(octets).into(), port))
        }
        FAMILY_V6 => Ok(SocketAddrV6::new(Ipv6Addr::from(rest), port, 0, scope).into()),
        _ => Err(Errno::NoFamily.into()),
    }
}

fn record(address: IpAddr, port: u16) -> [u8; ADDRESS as usize] {
    let mut raw = [0; ADDRESS as usize];
    let (family, octets) = match address {
        IpAddr::V4(address) => (FAMILY_V4, address.octets().to_vec()),
        IpAddr::V6(address) => (FAMILY_V6, address.octets().to_vec()),
    };
    let port = port.to_le_bytes();
    for (to, from) in raw.iter_mut().zip([family as u8, 0, port[0], port[1]]) {
        *to = from;
    }
    for (to, from) in raw.iter_mut().skip(8).zip(octets) {
        *to = from;
    }
    raw
}

pub(super) fn connect(call: &mut Call<'_>, fd: u32, at: u32) -> Answer {
    let to = address(call, at)?;
    let context = &mut *call.context;
    let (socket, network) = context.socket(fd)?;
    let before = network.traffic.opened;
    let begun = network.connect(socket, to);
    socket.trust(network.roots());
    let opened = network.traffic.opened > before;
    let place = network.named(to);
    told(call, ("connect", &place), begun)?;
    if opened && let Some(audit) = &call.context.audit {
        audit.tell(&AuditEvent::Connected { host: place.clone(), address: to.ip().to_string() })?;
    }
    let connected = finish(call, fd, &place);
    match connected {
        Err(Failure::Errno(Errno::Again)) => Err(Errno::InProgress.into()),
        outcome => outcome,
    }
}

/// Waits until it is connected, unless the guest has asked not to.
fn finish(call: &mut Call<'_>, fd: u32, place: &str) -> Answer {
    loop {
        call.context.control.check()?;
        let (socket, _) = call.context.socket(fd)?;
        match socket.finish() {
            Err(fault) if fault.waits() => wait_once(call, fd, true)?,
            outcome => return told(call, ("connect", place), outcome),
        }
    }
}

pub(super) fn name(call: &mut Call<'_>, fd: u32, peer: u32, to: u32) -> Answer {
    let (socket, _) = call.context.socket(fd)?;
    let named = socket.name(peer != 0);
    let named = match named {
        Err(fault) if fault.waits() => Err(io::ErrorKind::NotConnected.into()),
        named => named,
    };
    let named = told(call, ("name", ""), named)?;
    Ok(call.memory.put(to, &record(named.ip(), named.port()))?)
}

pub(super) fn get(call: &mut Call<'_>, fd: u32, option: u32, to: u32) -> Answer {
    let (socket, _) = call.context.socket(fd)?;
    let value = match option {
        socket_option::ERROR => {
            socket.take_failure().map_or(0, |error| u32::from(Errno::of(&error) as u16))
        }
        socket_option::NO_DELAY => socket.no_delay().into(),
        socket_option::KEEP_ALIVE => socket.keep_alive().into(),
        _ => return Err(Errno::Invalid.into()),
    };
    call.put_u32(to, value)
}

pub(super) fn set(call: &mut Call<'_>, fd: u32, option: u32, value: u32) -> Answer {
    let (socket, _) = call.context.socket(fd)?;
    let done = match option {
        socket_option::NO_DELAY => socket.set_no_delay(value != 0),
        socket_option::KEEP_ALIVE => socket.set_keep_alive(value != 0),
        _ => return Err(Errno::Invalid.into()),
    };
    told(call, ("set", ""), done)
}

pub(super) fn resolve(
    call: &mut Call<'_>,
    at: u32,
    len: u32,
    to: u32,
    room: u32,
    count: u32,
) -> Answer {
    if len > LONGEST_NAME {
        return Err(Errno::NoEntry.into());
    }
    let name = std::str::from_utf8(call.memory.get(at, len)?).map_err(|_| Errno::NoEntry)?;
    let name = name.to_owned();
    let control = Arc::clone(&call.context.control);
    let found = call.context.network.resolve(&name, &control);
    let addresses = match told(call, ("resolve", &name), found) {
        Err(Failure::Errno(Errno::TimedOut)) => return Err(Errno::Again.into()),
        found => found?,
    };
    let mut told = 0;
    for address in addresses.into_iter().take(usize::try_from(room).unwrap_or(usize::MAX)) {
        let at = super::call::element(to, told, ADDRESS).ok_or(Errno::Fault)?;
        call.memory.put(at, &record(address, 0))?;
        told += 1;
    }
    call.put_u32(count, told)
}

pub(super) fn sock_accept(call: &mut Call<'_>, fd: u32, _flags: u32, _to: u32) -> Answer {
    call.context.socket(fd)?;
    Err(Errno::Invalid.into())
}

pub(super) fn sock_recv(
    call: &mut Call<'_>,
    fd: u32,
    at: u32,
    count: u32,
    flags: u32,
    to: u32,
    to_flags: u32,
) -> Answer {
    call.context.socket(fd)?;
    let flags = super::abi::only(flags, PEEK | WAIT_FOR_ALL)?;
    let buffers = Buffers::new(at, count)?;
    let mut total = 0;
    for index in buffers.indices() {
        let (at, len) = buffers.get(&call.memory, index)?;
        let received = match receive(call, fd, (at, len), flags) {
            // What has come is not lost: the next call meets the error again.
            Err(Failure::Errno(_)) if total > 0 => break,
            received => received?,
        };
        total += received;
        if received < len {
            break;
        }
    }
    call.put_u32(to, total)?;
    Ok(call.memory.put(to_flags, &[0, 0])?)
}

/// Receives into the guest's own memory.
pub(super) fn receive(
    call: &mut Call<'_>,
    fd: u32,
    (at, len): (u32, u32),
    flags: u32,
) -> Answer<u32> {
    let mut total = 0;
    while total < len || len == 0 {
        // The memory is lent to the socket for one attempt at a time.
        let received = attempt(call, fd, (at + total, len - total), flags & PEEK != 0);
        let received = match received {
            Err(Failure::Errno(_)) if total > 0 => break,
            received => received?,
        };
        total += received;
        if received == 0 || flags & WAIT_FOR_ALL == 0 {
            break;
        }
    }
    Ok(total)
}

/// What an outcome on a socket is of, where it may have to be told.
fn place<T>(call: &mut Call<'_>, fd: u32, outcome: &Result<T, Fault>) -> String {
    match (outcome, call.context.socket(fd)) {
        (Err(_), Ok((socket, _))) => socket.place(),
        _ => String::new(),
    }
}

fn attempt(call: &mut Call<'_>, fd: u32, (at, len): (u32, u32), peek: bool) -> Answer<u32> {
    loop {
        call.context.control.check()?;
        let (socket, network) = call.context.socket(fd)?;
        let bytes = call.memory.get_mut(at, len)?;
        match socket.receive(bytes, peek, &mut network.traffic) {
            Err(fault) if fault.waits() => {}
            outcome => {
                let place = place(call, fd, &outcome);
                let received = told(call, ("request", &place), outcome)?;
                return Ok(u32::try_from(received).unwrap_or(len).min(len));
            }
        }
        wait_once(call, fd, false)?;
    }
}

/// Waits until a socket may go on; where the guest has asked not to, says `Again`.
pub(super) fn wait_once(call: &mut Call<'_>, fd: u32, write: bool) -> Answer {
    let control = Arc::clone(&call.context.control);
    if control.interrupt_pending() {
        call.interrupted = true;
        return Err(Errno::Interrupted.into());
    }
    let (socket, _) = call.context.socket(fd)?;
    if socket.flags & fdflags::NONBLOCK != 0 {
        return Err(Errno::Again.into());
    }
    let woken = match socket.waits_for(write) {
        Some((waited, flags, until)) => control.wait_for_descriptor(waited, flags, until)?,
        None => control.wait(None)?,
    };
    if woken == Wake::Interrupted {
        call.interrupted = true;
        return Err(Errno::Interrupted.into());
    }
    Ok(())
}

pub(super) fn sock_send(
    call: &mut Call<'_>,
    fd: u32,
    at: u32,
    count: u32,
    flags: u32,
    to: u32,
) -> Answer {
    call.context.socket(fd)?;
    super::abi::only(flags, 0)?;
    let buffers = Buffers::new(at, count)?;
    let mut total = 0;
    for index in buffers.indices() {
        let (at, len) = buffers.get(&call.memory, index)?;
        let sent = match send(call, fd, (at, len)) {
            Err(Failure::Errno(_)) if total > 0 => break,
            sent => sent?,
        };
        total += sent;
        if sent < len {
            break;
        }
    }
    call.put_u32(to, total)
}

/// Sends what is in the guest's memory; a socket that waits is given all of it.
pub(super) fn send(call: &mut Call<'_>, fd: u32, (at, len): (u32, u32)) -> Answer<u32> {
    let mut total = 0;
    loop {
        call.context.control.check()?;
        let (socket, network) = call.context.socket(fd)?;
        let bytes = call.memory.get(at + total, len - total)?;
        let outcome = match socket.send(bytes, &mut network.traffic) {
            Err(fault) if fault.waits() => wait_once(call, fd, true).map(|()| 0),
            outcome => {
                let place = place(call, fd, &outcome);
                told(call, ("request", &place), outcome)
            }
        };
        match outcome {
            Ok(sent) => total += u32::try_from(sent).unwrap_or(len).min(len - total),
            Err(Failure::Errno(_)) if total > 0 => return Ok(total),
            Err(failure) => return Err(failure),
        }
        if total >= len {
            return Ok(total);
        }
    }
}

pub(super) fn sock_shutdown(call: &mut Call<'_>, fd: u32, how: u32) -> Answer {
    let how = super::abi::only(how, 3)?;
    let (socket, _) = call.context.socket(fd)?;
    if how == 0 {
        return Err(Errno::Invalid.into());
    }
    let done = socket.shut_down(how & 1 != 0, how & 2 != 0);
    told(call, ("shutdown", ""), done)
}
