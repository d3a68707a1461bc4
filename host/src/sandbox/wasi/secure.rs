//! Calls on connections of TLS, which are descriptors too.

use super::call::Call;
use super::descriptors::Descriptor;
use super::errno::{Answer, Errno, Failure};
use super::sockets::{told, wait_once};
use crate::sandbox::net::tls::Settings;
use crate::sandbox::net::{Fault, Socket, Tls, Traffic};
use ophidia_abi::tls::{WANT_READ, WANT_WRITE};

/// The longest record of settings: numbers, a name, protocols.
const LONGEST_SETTINGS: u32 = 8192;

/// Certificates that are taken at once, in bytes.
const MOST_CERTIFICATES: u32 = 4 << 20;

pub(super) fn open(call: &mut Call<'_>, at: u32, len: u32, to: u32) -> Answer {
    if len > LONGEST_SETTINGS {
        return Err(Errno::Invalid.into());
    }
    let settings = Settings::decode(call.memory.get(at, len)?).ok_or(Errno::Invalid)?;
    call.context.descriptors.room()?;
    let opened = Tls::open(&mut call.context.network, &settings);
    let tls = told(call, ("tls", &settings.name), opened)?;
    let fd = call.context.descriptors.insert(Descriptor::Tls(Box::new(tls)))?;
    call.put_u32(to, fd)
}

pub(super) fn trust(call: &mut Call<'_>, at: u32, len: u32, to: u32) -> Answer {
    if len > MOST_CERTIFICATES {
        return Err(Errno::TooBig.into());
    }
    let number = call.context.network.add_trust(call.memory.get(at, len)?);
    let number = told(call, ("trust", "certificates"), number)?;
    call.put_u32(to, number)
}

pub(super) fn attach(call: &mut Call<'_>, tls: u32, fd: u32) -> Answer {
    let context = &mut *call.context;
    let attached = match context.descriptors.two_mut(tls, fd)? {
        (Descriptor::Tls(tls), Descriptor::Socket(socket)) => {
            tls.attach(fd, socket, &mut context.network)
        }
        (Descriptor::Tls(_), _) => return Err(Errno::NotSocket.into()),
        _ => return Err(Errno::BadDescriptor.into()),
    };
    told(call, ("tls", "the network"), attached)
}

/// A connection, and the socket that it runs over.
fn both<'c>(
    call: &'c mut Call<'_>,
    fd: u32,
) -> Answer<(&'c mut Tls, Option<&'c mut Socket>, &'c mut Traffic)> {
    let context = &mut *call.context;
    let over = match context.descriptors.get(fd)? {
        Descriptor::Tls(tls) => tls.over(),
        _ => return Err(Errno::BadDescriptor.into()),
    };
    let traffic = &mut context.network.traffic;
    match over {
        None => match context.descriptors.get_mut(fd)? {
            Descriptor::Tls(tls) => Ok((tls, None, traffic)),
            _ => Err(Errno::BadDescriptor.into()),
        },
        Some(over) => match context.descriptors.two_mut(fd, over)? {
            (Descriptor::Tls(tls), Descriptor::Socket(socket)) => Ok((tls, Some(socket), traffic)),
            _ => Err(Errno::NotConnected.into()),
        },
    }
}

/// Does a step; where it runs over a socket that waits, waits for it.
fn act(
    call: &mut Call<'_>,
    fd: u32,
    mut step: impl FnMut(&mut Tls, Option<&mut Socket>, &mut Traffic) -> Result<i32, Fault>,
) -> Answer<i32> {
    loop {
        call.context.control.check()?;
        let (tls, socket, traffic) = both(call, fd)?;
        let outcome = step(tls, socket, traffic);
        let place = match &outcome {
            Ok(_) => String::new(),
            Err(_) => both(call, fd)?.1.map_or_else(|| "the network".into(), Socket::place),
        };
        let code = told(call, ("request", &place), outcome)?;
        if code != WANT_READ && code != WANT_WRITE {
            return Ok(code);
        }
        let over = match call.context.descriptors.get(fd)? {
            Descriptor::Tls(tls) => tls.over(),
            _ => None,
        };
        // What passes through the guest, it waits for itself.
        let Some(over) = over else { return Ok(code) };
        match wait_once(call, over, code == WANT_WRITE) {
            Err(Failure::Errno(Errno::Again)) => return Ok(code),
            waited => waited?,
        }
    }
}

pub(super) fn handshake(call: &mut Call<'_>, fd: u32) -> Answer<i32> {
    act(call, fd, Tls::handshake)
}

pub(super) fn shutdown(call: &mut Call<'_>, fd: u32) -> Answer<i32> {
    act(call, fd, Tls::shut_down)
}

/// Reads into a buffer of the host's first: the guest's memory cannot be lent while it is looked for the socket.
pub(super) fn read(call: &mut Call<'_>, fd: u32, at: u32, len: u32) -> Answer<i32> {
    call.memory.get(at, len)?;
    let mut bytes = vec![0; usize::try_from(len.min(PIECE)).unwrap_or_default()];
    let read = act(call, fd, |tls, socket, traffic| tls.read(&mut bytes, socket, traffic))?;
    if let Some(bytes) = usize::try_from(read).ok().and_then(|read| bytes.get(..read)) {
        call.memory.put(at, bytes)?;
    }
    Ok(read)
}

/// As much is moved at once.
const PIECE: u32 = 64 << 10;

pub(super) fn write(call: &mut Call<'_>, fd: u32, at: u32, len: u32) -> Answer<i32> {
    let bytes = call.memory.get(at, len.min(PIECE))?.to_vec();
    act(call, fd, |tls, socket, traffic| tls.write(&bytes, socket, traffic))
}

pub(super) fn feed(call: &mut Call<'_>, fd: u32, at: u32, len: u32) -> Answer<i32> {
    let bytes = call.memory.get(at, len.min(PIECE))?.to_vec();
    let (tls, _, _) = both(call, fd)?;
    let fed = tls.feed(&bytes);
    told(call, ("request", "the network"), fed)
}

pub(super) fn take(call: &mut Call<'_>, fd: u32, at: u32, room: u32) -> Answer<i32> {
    call.memory.get(at, room)?;
    let mut bytes = vec![0; usize::try_from(room.min(PIECE)).unwrap_or_default()];
    let (tls, _, _) = both(call, fd)?;
    let taken = tls.take(&mut bytes);
    let taken = told(call, ("request", "the network"), taken)?;
    if let Some(bytes) = usize::try_from(taken).ok().and_then(|taken| bytes.get(..taken)) {
        call.memory.put(at, bytes)?;
    }
    Ok(taken)
}

pub(super) fn about(call: &mut Call<'_>, fd: u32, what: u32, at: u32, room: u32) -> Answer<i32> {
    call.memory.get(at, room)?;
    let (tls, socket, _) = both(call, fd)?;
    let known = tls.about(what, socket);
    let fits = known.len().min(usize::try_from(room).unwrap_or_default());
    call.memory.put(at, known.get(..fits).unwrap_or_default())?;
    Ok(i32::try_from(known.len()).unwrap_or(i32::MAX))
}
