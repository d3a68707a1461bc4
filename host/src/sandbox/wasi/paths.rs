//! Calls on paths, each looked up from a folder that the guest has.

use super::abi::{fdflags, follows, oflags, only, rights, set_times};
use super::call::{Call, path};
use super::descriptors::{Descriptor, OpenFile, OpenFolder};
use super::errno::{Answer, Errno};
use super::tree::{Opened, Opening};
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
    let descriptors = &mut call.context.descriptors;
    // First: what cannot be kept is not created either.
    descriptors.room()?;
    let folder = match descriptors.get(fd)? {
        Descriptor::Folder(open) => &open.folder,
        Descriptor::File(_) => return Err(Errno::NotFolder.into()),
        Descriptor::Input(_) | Descriptor::Output(_) => return Err(Errno::BadDescriptor.into()),
    };
    let opened = match folder.open(path(&call.memory, at, len)?, how)? {
        Opened::Folder(folder) => Descriptor::Folder(OpenFolder { folder, granted: None }),
        Opened::File(file) => Descriptor::File(OpenFile { file, position: 0, flags }),
    };
    let number = descriptors.insert(opened)?;
    call.put_u32(to, number)
}

pub(super) fn path_filestat_get(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    at: u32,
    len: u32,
    to: u32,
) -> Answer {
    let folder = &call.context.descriptors.folder(fd)?.folder;
    let stat = folder.stat(path(&call.memory, at, len)?, follows(lookup)?)?;
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
    let folder = &call.context.descriptors.folder(fd)?.folder;
    folder.set_times(path(&call.memory, at, len)?, follows(lookup)?, times)
}

pub(super) fn path_create_directory(call: &mut Call<'_>, fd: u32, at: u32, len: u32) -> Answer {
    let folder = &call.context.descriptors.folder(fd)?.folder;
    folder.create_folder(path(&call.memory, at, len)?)
}

pub(super) fn path_remove_directory(call: &mut Call<'_>, fd: u32, at: u32, len: u32) -> Answer {
    let folder = &call.context.descriptors.folder(fd)?.folder;
    folder.remove_folder(path(&call.memory, at, len)?)
}

pub(super) fn path_unlink_file(call: &mut Call<'_>, fd: u32, at: u32, len: u32) -> Answer {
    let folder = &call.context.descriptors.folder(fd)?.folder;
    folder.remove_file(path(&call.memory, at, len)?)
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
    let folder = &call.context.descriptors.folder(fd)?.folder;
    let to = &call.context.descriptors.folder(to_fd)?.folder;
    if follows(lookup)? {
        // Following here would link to what the link names, which may lie elsewhere.
        return Err(Errno::Invalid.into());
    }
    folder.link(path(&call.memory, at, len)?, to, path(&call.memory, to_at, to_len)?)
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
    let folder = &call.context.descriptors.folder(fd)?.folder;
    let to = &call.context.descriptors.folder(to_fd)?.folder;
    folder.rename(path(&call.memory, at, len)?, to, path(&call.memory, to_at, to_len)?)
}

pub(super) fn path_symlink(
    call: &mut Call<'_>,
    text: u32,
    text_len: u32,
    fd: u32,
    at: u32,
    len: u32,
) -> Answer {
    let folder = &call.context.descriptors.folder(fd)?.folder;
    folder.symlink(path(&call.memory, text, text_len)?, path(&call.memory, at, len)?)
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
    let folder = &call.context.descriptors.folder(fd)?.folder;
    let text = folder.read_link(path(&call.memory, at, len)?)?;
    let bytes = text.as_os_str().as_bytes();
    let fits = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
    call.memory.put(buffer, bytes.get(..fits).unwrap_or(bytes))?;
    call.put_u32(to, u32::try_from(fits).unwrap_or(room))
}
