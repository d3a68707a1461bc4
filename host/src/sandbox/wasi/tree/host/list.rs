//! Listing a folder of the host from any place on.

use crate::sandbox::wasi::abi::FileType;
use crate::sandbox::wasi::errno::{Answer, Errno};
use std::fs::File;

/// Told of each entry: where the listing goes on behind it, its inode, type and name. Gives whether to go on.
type Each<'a> = &'a mut dyn FnMut(u64, u64, FileType, &[u8]) -> Answer<bool>;

/// Bytes that the kernel is asked for at a time: an entry of the longest name fits.
#[cfg(target_os = "linux")]
const CHUNK: std::ops::RangeInclusive<usize> = 1 << 10..=32 << 10;

/// The kernel's own places: it goes on where it was, whatever has been removed meanwhile.
#[cfg(target_os = "linux")]
pub(super) fn entries(dir: &File, from: u64, chunk: usize, each: Each<'_>) -> Answer {
    use rustix::fs::{RawDir, SeekFrom, seek};
    if i64::try_from(from).is_err() {
        return Err(Errno::Invalid.into());
    }
    seek(dir, SeekFrom::Start(from))?;
    let mut room = Vec::with_capacity(chunk.clamp(*CHUNK.start(), *CHUNK.end()));
    let mut listed = RawDir::new(dir, room.spare_capacity_mut());
    while let Some(entry) = listed.next() {
        let entry = entry?;
        let kind = kind_of(entry.file_type());
        let name = entry.file_name().to_bytes();
        if !each(entry.next_entry_cookie(), entry.ino(), kind, name)? {
            break;
        }
    }
    Ok(())
}

/// Elsewhere a place is the number of entries before it, and they are passed over each time.
#[cfg(not(target_os = "linux"))]
pub(super) fn entries(dir: &File, from: u64, _chunk: usize, each: Each<'_>) -> Answer {
    for (next, entry) in (1..).zip(rustix::fs::Dir::read_from(dir)?) {
        let entry = entry?;
        if next <= from {
            continue;
        }
        let kind = kind_of(entry.file_type());
        if !each(next, entry.ino(), kind, entry.file_name().to_bytes())? {
            break;
        }
    }
    Ok(())
}

fn kind_of(kind: rustix::fs::FileType) -> FileType {
    use rustix::fs::FileType as Host;
    match kind {
        Host::RegularFile => FileType::Regular,
        Host::Directory => FileType::Folder,
        Host::Symlink => FileType::Link,
        Host::BlockDevice => FileType::BlockDevice,
        Host::CharacterDevice => FileType::CharacterDevice,
        Host::Socket => FileType::Socket,
        _ => FileType::Unknown,
    }
}
