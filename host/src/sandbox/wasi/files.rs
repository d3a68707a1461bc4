//! Calls on open files and streams: reading, writing, positions, attributes, closing.

use super::abi::{FdStat, FileStat, FileType, fdflags, only, rights, set_times};
use super::audit;
use super::call::{Buffers, Call, PIECE};
use super::descriptors::{Descriptor, OpenFile};
use super::errno::{Answer, Errno, Failure};
use super::sockets;
use crate::sandbox::control::Control;

pub(super) fn fd_close(call: &mut Call<'_>, fd: u32) -> Answer {
    call.context.descriptors.remove(fd).map(drop)
}

/// Gives a descriptor one more number, `onto` or, where that is `u32::MAX`, the lowest that is free.
pub(super) fn duplicate(call: &mut Call<'_>, fd: u32, onto: u32, to: u32) -> Answer {
    let onto = (onto != u32::MAX).then_some(onto);
    let number = call.context.descriptors.duplicate(fd, onto)?;
    call.put_u32(to, number)
}

pub(super) fn fd_renumber(call: &mut Call<'_>, from: u32, onto: u32) -> Answer {
    call.context.descriptors.renumber(from, onto)
}

pub(super) fn fd_read(call: &mut Call<'_>, fd: u32, at: u32, count: u32, to: u32) -> Answer {
    let read = read(call, fd, Buffers::new(at, count)?, None)?;
    call.put_u32(to, read)
}

pub(super) fn fd_pread(
    call: &mut Call<'_>,
    fd: u32,
    at: u32,
    count: u32,
    offset: u64,
    to: u32,
) -> Answer {
    let read = read(call, fd, Buffers::new(at, count)?, Some(offset))?;
    call.put_u32(to, read)
}

pub(super) fn fd_write(call: &mut Call<'_>, fd: u32, at: u32, count: u32, to: u32) -> Answer {
    let written = write(call, fd, Buffers::new(at, count)?, None);
    let written = audit::on(call, ("write", fd), written)?;
    call.put_u32(to, written)
}

pub(super) fn fd_pwrite(
    call: &mut Call<'_>,
    fd: u32,
    at: u32,
    count: u32,
    offset: u64,
    to: u32,
) -> Answer {
    let written = write(call, fd, Buffers::new(at, count)?, Some(offset));
    let written = audit::on(call, ("write", fd), written)?;
    call.put_u32(to, written)
}

/// Fills the guest's buffers from an offset, or from the file's position.
fn read(call: &mut Call<'_>, fd: u32, buffers: Buffers, offset: Option<u64>) -> Answer<u32> {
    let is_socket = matches!(call.context.descriptors.get(fd)?, Descriptor::Socket(_));
    let mut total = 0;
    for index in buffers.indices() {
        let (at, len) = buffers.get(&call.memory, index)?;
        let len = len.min(u32::MAX - total);
        if len == 0 {
            continue;
        }
        if is_socket {
            if offset.is_some() {
                return Err(Errno::NoSeek.into());
            }
            let received =
                sockets::receive(call, fd, (at, len), 0).map(|received| received as usize);
            if count(call, &mut total, len, received)? != Some(true) {
                break;
            }
            continue;
        }
        let control = &call.context.control;
        let bytes = call.memory.get_mut(at, len)?;
        let read = match call.context.descriptors.get_mut(fd)? {
            Descriptor::Input(_) if offset.is_some() => Err(Errno::NoSeek.into()),
            Descriptor::Input(stdin) => stdin.read(control, bytes),
            Descriptor::File(open) if open.file.is_random() && open.file.reads() => {
                let fits = bytes.len().min(PIECE);
                let piece = bytes.get_mut(..fits).unwrap_or_default();
                call.context.entropy.fill(piece).map(|()| fits)
            }
            Descriptor::File(open) => {
                let offset = offset.map(|offset| offset.saturating_add(total.into()));
                read_file(control, open, bytes, offset)
            }
            _ => Err(Errno::BadDescriptor.into()),
        };
        if let Some(whole) = count(call, &mut total, len, read)? {
            // What more a stream has may not have come yet.
            let is_file = matches!(call.context.descriptors.get(fd)?, Descriptor::File(_));
            if whole && is_file {
                continue;
            }
        }
        break;
    }
    Ok(total)
}

fn write(call: &mut Call<'_>, fd: u32, buffers: Buffers, offset: Option<u64>) -> Answer<u32> {
    let is_socket = matches!(call.context.descriptors.get(fd)?, Descriptor::Socket(_));
    let mut total = 0;
    for index in buffers.indices() {
        let (at, len) = buffers.get(&call.memory, index)?;
        let len = len.min(u32::MAX - total);
        if len == 0 {
            continue;
        }
        if is_socket {
            if offset.is_some() {
                return Err(Errno::NoSeek.into());
            }
            let sent = sockets::send(call, fd, (at, len)).map(|sent| sent as usize);
            if count(call, &mut total, len, sent)? != Some(true) {
                break;
            }
            continue;
        }
        let now = call.context.now();
        let control = &call.context.control;
        let bytes = call.memory.get(at, len)?;
        let written = match call.context.descriptors.get_mut(fd)? {
            Descriptor::Output(_) if offset.is_some() => Err(Errno::NoSeek.into()),
            Descriptor::Output(stdout) => stdout.write(control, call.ledger, bytes),
            Descriptor::File(open) => {
                let offset = offset.map(|offset| offset.saturating_add(total.into()));
                write_file(control, open, bytes, offset, now)
            }
            _ => Err(Errno::BadDescriptor.into()),
        };
        if count(call, &mut total, len, written)? != Some(true) {
            break;
        }
    }
    Ok(total)
}

/// Counts what one buffer's turn has moved, and says whether that was all of it. `None` is an error after
/// something was moved, which the next call will meet again.
fn count(
    call: &mut Call<'_>,
    total: &mut u32,
    len: u32,
    moved: Answer<usize>,
) -> Answer<Option<bool>> {
    match moved {
        Ok(moved) => {
            let moved = u32::try_from(moved).unwrap_or(len).min(len);
            *total += moved;
            call.interrupted |= moved < len && call.context.control.interrupt_pending();
            Ok(Some(moved == len))
        }
        Err(stop @ Failure::Stop(_)) => Err(stop),
        Err(failure) => {
            call.interrupted |= failure.errno() == Some(Errno::Interrupted);
            if *total > 0 { Ok(None) } else { Err(failure) }
        }
    }
}

fn read_file(
    control: &Control,
    open: &mut OpenFile,
    bytes: &mut [u8],
    offset: Option<u64>,
) -> Answer<usize> {
    let start = offset.unwrap_or(open.position);
    let mut done = 0;
    for piece in bytes.chunks_mut(PIECE) {
        control.check()?;
        let read = match open.file.read_at(piece, advanced(start, done)?) {
            Err(Failure::Errno(_) | Failure::Refused(_)) if done > 0 => break,
            read => read?,
        };
        done += read;
        if read < piece.len() {
            break;
        }
    }
    if offset.is_none() {
        open.position = advanced(start, done)?;
    }
    Ok(done)
}

fn write_file(
    control: &Control,
    open: &mut OpenFile,
    bytes: &[u8],
    offset: Option<u64>,
    now: u64,
) -> Answer<usize> {
    let start = offset.unwrap_or(open.position);
    let append = open.flags & fdflags::APPEND != 0;
    let (mut done, mut end) = (0, start);
    for piece in bytes.chunks(PIECE) {
        control.check()?;
        let place = advanced(start, done)?;
        // As on Linux, what appends does so wherever it is told to write.
        let written = if append {
            open.file.append(piece, now)
        } else {
            open.file.write_at(piece, place, now).map(|written| (written, place + written as u64))
        };
        let (written, reached) = match written {
            Err(Failure::Errno(_) | Failure::Refused(_)) if done > 0 => break,
            written => written?,
        };
        done += written;
        end = reached;
        if written < piece.len() {
            break;
        }
    }
    if offset.is_none() {
        open.position = end;
    }
    Ok(done)
}

/// A place this many bytes further on; files end where an `i64` does.
fn advanced(place: u64, by: usize) -> Answer<u64> {
    let there = u64::try_from(by).ok().and_then(|by| place.checked_add(by));
    Ok(there.filter(|there| i64::try_from(*there).is_ok()).ok_or(Errno::Invalid)?)
}

pub(super) fn fd_seek(call: &mut Call<'_>, fd: u32, offset: i64, whence: u32, to: u32) -> Answer {
    let open = call.context.descriptors.seekable(fd)?;
    let from = match whence {
        0 => 0,
        1 => open.position,
        2 => open.file.stat()?.size,
        _ => return Err(Errno::Invalid.into()),
    };
    let place = from.checked_add_signed(offset).ok_or(Errno::Invalid)?;
    open.position = advanced(place, 0)?;
    call.put_u64(to, place)
}

pub(super) fn fd_tell(call: &mut Call<'_>, fd: u32, to: u32) -> Answer {
    let position = call.context.descriptors.seekable(fd)?.position;
    call.put_u64(to, position)
}

/// Advice is taken note of by checking it.
pub(super) fn fd_advise(
    call: &mut Call<'_>,
    fd: u32,
    _offset: u64,
    _len: u64,
    advice: u32,
) -> Answer {
    call.context.descriptors.file(fd)?;
    if advice > 5 { Err(Errno::Invalid.into()) } else { Ok(()) }
}

pub(super) fn fd_allocate(call: &mut Call<'_>, fd: u32, _offset: u64, _len: u64) -> Answer {
    call.context.descriptors.file(fd)?;
    Err(Errno::NotSupported.into())
}

pub(super) fn fd_sync(call: &mut Call<'_>, fd: u32) -> Answer {
    sync(call, fd, false)
}

pub(super) fn fd_datasync(call: &mut Call<'_>, fd: u32) -> Answer {
    sync(call, fd, true)
}

fn sync(call: &mut Call<'_>, fd: u32, data_only: bool) -> Answer {
    match call.context.descriptors.get(fd)? {
        Descriptor::File(open) => open.file.sync(data_only),
        Descriptor::Folder(open) => open.position.sync(),
        _ => Err(Errno::BadDescriptor.into()),
    }
}

/// The type of a stream: whether it is a terminal is all that is known.
fn stream_type(terminal: bool) -> FileType {
    if terminal { FileType::CharacterDevice } else { FileType::Unknown }
}

pub(super) fn fd_fdstat_get(call: &mut Call<'_>, fd: u32, to: u32) -> Answer {
    let of = |kind, flags, rights| FdStat { kind, flags, rights, inheriting: rights };
    let stat = match call.context.descriptors.get(fd)? {
        Descriptor::Input(stdin) => of(stream_type(stdin.is_terminal()), 0, rights::FD_READ),
        Descriptor::Output(stdout) => of(stream_type(stdout.is_terminal()), 0, rights::FD_WRITE),
        Descriptor::Folder(open) if open.granted => FdStat {
            kind: FileType::Folder,
            flags: 0,
            rights: rights::GRANTED,
            inheriting: rights::GRANTED_INHERITING,
        },
        Descriptor::Folder(open) => {
            let none = rights::FD_SEEK
                | rights::FD_WRITE
                | rights::FD_FILESTAT_SET_SIZE
                | rights::PATH_FILESTAT_SET_SIZE;
            of(FileType::Folder, 0, rights::ALL & !none & !unread(open.position.reads()))
        }
        Descriptor::File(open) => {
            let unwritten = if open.file.writes() { 0 } else { rights::FD_WRITE };
            let held = rights::ALL & !unread(open.file.reads()) & !unwritten;
            of(open.file.stat()?.kind, open.flags, held)
        }
        Descriptor::Socket(socket) => {
            of(FileType::Socket, socket.flags, rights::FD_READ | rights::FD_WRITE)
        }
        Descriptor::Tls(_) => of(FileType::Unknown, 0, 0),
        Descriptor::Lost(_) => return Err(Errno::BadDescriptor.into()),
    };
    Ok(call.memory.put(to, stat.record().bytes())?)
}

fn unread(reads: bool) -> u64 {
    if reads { 0 } else { rights::FD_READ | rights::FD_READDIR }
}

pub(super) fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: u32, flags: u32) -> Answer {
    if let Descriptor::Socket(socket) = call.context.descriptors.get_mut(fd)? {
        socket.flags = only(flags, fdflags::NONBLOCK)?;
        return Ok(());
    }
    let open = call.context.descriptors.file_mut(fd)?;
    // How writes are synchronized was settled when the file was opened.
    let settled = fdflags::DSYNC | fdflags::RSYNC | fdflags::SYNC;
    let asked = only(flags, fdflags::APPEND | fdflags::NONBLOCK)?;
    open.file.set_append(asked & fdflags::APPEND != 0)?;
    open.flags = asked | (open.flags & settled);
    Ok(())
}

pub(super) fn fd_fdstat_set_rights(
    call: &mut Call<'_>,
    fd: u32,
    _base: u64,
    _inheriting: u64,
) -> Answer {
    call.context.descriptors.get(fd)?;
    Err(Errno::NotSupported.into())
}

pub(super) fn fd_filestat_get(call: &mut Call<'_>, fd: u32, to: u32) -> Answer {
    let stat = match call.context.descriptors.get(fd)? {
        Descriptor::Input(stdin) => FileStat::of_stream(stream_type(stdin.is_terminal())),
        Descriptor::Output(stdout) => FileStat::of_stream(stream_type(stdout.is_terminal())),
        Descriptor::Folder(open) => open.position.stat()?,
        Descriptor::File(open) => open.file.stat()?,
        Descriptor::Socket(_) => FileStat::of_stream(FileType::Socket),
        Descriptor::Tls(_) => FileStat::of_stream(FileType::Unknown),
        Descriptor::Lost(_) => return Err(Errno::BadDescriptor.into()),
    };
    Ok(call.memory.put(to, stat.record().bytes())?)
}

pub(super) fn fd_filestat_set_size(call: &mut Call<'_>, fd: u32, size: u64) -> Answer {
    let (size, now) = (advanced(size, 0)?, call.context.now());
    let set = call.context.descriptors.file(fd)?.file.set_size(size, now);
    audit::on(call, ("truncate", fd), set)
}

pub(super) fn fd_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Answer {
    let times = set_times(accessed, modified, flags)?;
    let now = call.context.now();
    match call.context.descriptors.get(fd)? {
        Descriptor::File(open) => open.file.set_times(times, now),
        Descriptor::Folder(open) => open.position.set_times(times, now),
        _ => Err(Errno::BadDescriptor.into()),
    }
}
