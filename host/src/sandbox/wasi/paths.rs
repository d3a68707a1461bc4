//! Calls on paths, each looked up from a folder that the guest has.

use super::abi::{fdflags, follows, oflags, only, rights, set_times};
use super::audit;
use super::call::{Call, path};
use super::descriptors::{Descriptor, OpenFile, OpenFolder};
use super::errno::{Answer, Errno};
use super::mounts::{Follow, Found, OpenedAt};
use super::tree::Opening;
use std::os::unix::ffi::OsStrExt;

#[expect(clippy::too_many_arguments, reason = "as many as preview 1 has")]
pub(super) fn path_open(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    at: u32,
    len: u32,
    opening: u32,
    base: u64,
    _inheriting: u64,
    flags: u32,
    to: u32,
) -> Answer {
    let opening = only(opening, oflags::ALL)?;
    let flags = only(flags, fdflags::ALL)?;
    let has = |flag| opening & flag != 0;
    let how = Opening {
        follow: follows(lookup)?,
        read: base & rights::FD_READ != 0,
        write: base & rights::FD_WRITE != 0,
        append: flags & fdflags::APPEND != 0,
        create: has(oflags::CREATE),
        exclusive: has(oflags::EXCLUSIVE),
        truncate: has(oflags::TRUNCATE),
        directory: has(oflags::DIRECTORY),
        sync: flags & (fdflags::SYNC | fdflags::RSYNC) != 0,
        data_sync: flags & fdflags::DSYNC != 0,
    };
    // First: what cannot be kept is not created either.
    let room = call.context.descriptors.room();
    audit::on_path(call, ("open", fd, (at, len)), room)?;
    match call.context.descriptors.get(fd)? {
        Descriptor::Folder(_) => {}
        Descriptor::File(_) => return Err(Errno::NotFolder.into()),
        _ => return Err(Errno::BadDescriptor.into()),
    }
    let now = call.context.now();
    let follow = match how.create && how.exclusive {
        true => Follow::Never,
        false => Follow::yes(how.follow),
    };
    let text = (at, len);
    let opened = match audit::at(call, ("open", fd, text), follow, |_, found| found.open(how, now))?
    {
        OpenedAt::Folder(position) => {
            let path = audit::folder(call, fd, text);
            Descriptor::Folder(OpenFolder { position, path, granted: false })
        }
        OpenedAt::File(file) => {
            audit::opened(call, fd, text, how.write)?;
            let path = audit::folder(call, fd, text);
            Descriptor::File(OpenFile { file, position: 0, flags, path })
        }
    };
    let number = call.context.descriptors.insert(opened)?;
    call.put_u32(to, number)
}

/// What the second path of a call leads to.
fn find<'a>(call: &'a Call<'_>, fd: u32, (at, len): (u32, u32)) -> Answer<Found<'a>> {
    let context = &call.context;
    let from = &context.descriptors.folder(fd)?.position;
    context.namespace.find(from, path(&call.memory, at, len)?, Follow::Never)
}

pub(super) fn path_filestat_get(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    at: u32,
    len: u32,
    to: u32,
) -> Answer {
    let follow = follows(lookup)?;
    let at = ("stat", fd, (at, len));
    let stat = audit::at(call, at, Follow::yes(follow), |_, found| found.stat(follow))?;
    Ok(call.memory.put(to, stat.record().bytes())?)
}

#[expect(clippy::too_many_arguments, reason = "as many as preview 1 has")]
pub(super) fn path_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    at: u32,
    len: u32,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Answer {
    let times = set_times(accessed, modified, flags)?;
    let (follow, now) = (follows(lookup)?, call.context.now());
    let at = ("utime", fd, (at, len));
    audit::at(call, at, Follow::yes(follow), |_, found| found.set_times(follow, times, now))
}

pub(super) fn path_create_directory(call: &mut Call<'_>, fd: u32, at: u32, len: u32) -> Answer {
    let now = call.context.now();
    audit::at(call, ("mkdir", fd, (at, len)), Follow::Never, |_, found| found.create_folder(now))
}

pub(super) fn path_remove_directory(call: &mut Call<'_>, fd: u32, at: u32, len: u32) -> Answer {
    let now = call.context.now();
    audit::at(call, ("rmdir", fd, (at, len)), Follow::Never, |_, found| found.remove_folder(now))
}

pub(super) fn path_unlink_file(call: &mut Call<'_>, fd: u32, at: u32, len: u32) -> Answer {
    let now = call.context.now();
    audit::at(call, ("unlink", fd, (at, len)), Follow::Never, |_, found| found.remove_file(now))
}

#[expect(clippy::too_many_arguments, reason = "as many as preview 1 has")]
pub(super) fn path_link(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    at: u32,
    len: u32,
    to_fd: u32,
    to_at: u32,
    to_len: u32,
) -> Answer {
    if follows(lookup)? {
        // Following here would link to what the link names, which may lie elsewhere.
        return Err(Errno::Invalid.into());
    }
    let now = call.context.now();
    audit::at(call, ("link", fd, (at, len)), Follow::Never, |call, found| {
        found.link(find(call, to_fd, (to_at, to_len))?, now)
    })
}

pub(super) fn path_rename(
    call: &mut Call<'_>,
    fd: u32,
    at: u32,
    len: u32,
    to_fd: u32,
    to_at: u32,
    to_len: u32,
) -> Answer {
    let now = call.context.now();
    audit::at(call, ("rename", fd, (at, len)), Follow::Never, |call, found| {
        found.rename(find(call, to_fd, (to_at, to_len))?, now)
    })
}

pub(super) fn path_symlink(
    call: &mut Call<'_>,
    text: u32,
    text_len: u32,
    fd: u32,
    at: u32,
    len: u32,
) -> Answer {
    let now = call.context.now();
    audit::at(call, ("symlink", fd, (at, len)), Follow::Never, |call, found| {
        found.symlink(path(&call.memory, text, text_len)?, now)
    })
}

pub(super) fn path_readlink(
    call: &mut Call<'_>,
    fd: u32,
    at: u32,
    len: u32,
    buffer: u32,
    room: u32,
    to: u32,
) -> Answer {
    let at = ("readlink", fd, (at, len));
    let text = audit::at(call, at, Follow::Slash, |_, found| found.read_link())?;
    let bytes = text.as_os_str().as_bytes();
    let fits = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
    call.memory.put(buffer, bytes.get(..fits).unwrap_or(bytes))?;
    call.put_u32(to, u32::try_from(fits).unwrap_or(room))
}
