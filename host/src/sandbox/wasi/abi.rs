//! Numbers and layouts of preview 1: rights, flags, types of files, records.
//!
//! As in <https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md>. A record is written whole,
//! from an array that was zero, so that nothing of the host's is in its padding.

use super::errno::{Answer, Errno};

/// The type of what a path or a descriptor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FileType {
    /// FIFOs have no number of their own.
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Folder = 3,
    Regular = 4,
    Socket = 6,
    Link = 7,
}

/// What a descriptor is for. They are reported; what is allowed is decided by the grants.
pub(super) mod rights {
    pub(in super::super) const FD_READ: u64 = 1 << 1;
    pub(in super::super) const FD_SEEK: u64 = 1 << 2;
    pub(in super::super) const FD_WRITE: u64 = 1 << 6;
    pub(in super::super) const FD_READDIR: u64 = 1 << 14;
    pub(in super::super) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub(in super::super) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(in super::super) const ALL: u64 = (1 << 30) - 1;
    /// Of a granted folder: what programs expect of one, and of what is opened below it.
    pub(in super::super) const GRANTED: u64 = 0x07b7_fe00;
    pub(in super::super) const GRANTED_INHERITING: u64 = GRANTED | 0x08e0_01ff;
}

/// Flags of open files.
pub(super) mod fdflags {
    pub(in super::super) const APPEND: u32 = 1;
    pub(in super::super) const DSYNC: u32 = 2;
    pub(in super::super) const NONBLOCK: u32 = 4;
    pub(in super::super) const RSYNC: u32 = 8;
    pub(in super::super) const SYNC: u32 = 16;
    pub(in super::super) const ALL: u32 = 31;
}

/// Flags of opening a path.
pub(super) mod oflags {
    pub(in super::super) const CREATE: u32 = 1;
    pub(in super::super) const DIRECTORY: u32 = 2;
    pub(in super::super) const EXCLUSIVE: u32 = 4;
    pub(in super::super) const TRUNCATE: u32 = 8;
    pub(in super::super) const ALL: u32 = 15;
}

/// Refuses bits that mean nothing.
pub(super) fn only(flags: u32, known: u32) -> Answer<u32> {
    if flags & !known == 0 { Ok(flags) } else { Err(Errno::Invalid.into()) }
}

/// Whether a path's last link is followed.
pub(super) fn follows(lookup: u32) -> Answer<bool> {
    only(lookup, 1).map(|flags| flags == 1)
}

/// A record of `N` bytes that is filled field by field.
pub(super) struct Record<const N: usize>([u8; N]);

impl<const N: usize> Record<N> {
    pub(super) fn new() -> Self {
        Self([0; N])
    }

    /// The same, with these bytes at an offset; what would not fit is left out.
    pub(super) fn with<const M: usize>(mut self, at: usize, bytes: [u8; M]) -> Self {
        if let Some(place) = self.0.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = bytes;
        }
        self
    }

    pub(super) fn bytes(&self) -> &[u8; N] {
        &self.0
    }
}

/// `filestat`.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileStat {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) kind: FileType,
    pub(super) links: u64,
    pub(super) size: u64,
    /// Nanoseconds since 1970.
    pub(super) accessed: u64,
    pub(super) modified: u64,
    pub(super) changed: u64,
}

impl FileStat {
    /// Of a stream: nothing but its type.
    pub(super) fn of_stream(kind: FileType) -> Self {
        Self { device: 0, inode: 0, kind, links: 0, size: 0, accessed: 0, modified: 0, changed: 0 }
    }

    pub(super) fn record(&self) -> Record<64> {
        Record::new()
            .with(0, self.device.to_le_bytes())
            .with(8, self.inode.to_le_bytes())
            .with(16, [self.kind as u8])
            .with(24, self.links.to_le_bytes())
            .with(32, self.size.to_le_bytes())
            .with(40, self.accessed.to_le_bytes())
            .with(48, self.modified.to_le_bytes())
            .with(56, self.changed.to_le_bytes())
    }
}

/// `fdstat`.
#[derive(Clone, Copy, Debug)]
pub(super) struct FdStat {
    pub(super) kind: FileType,
    pub(super) flags: u32,
    pub(super) rights: u64,
    pub(super) inheriting: u64,
}

impl FdStat {
    pub(super) fn record(&self) -> Record<24> {
        let [low, high, ..] = self.flags.to_le_bytes();
        Record::new()
            .with(0, [self.kind as u8])
            .with(2, [low, high])
            .with(8, self.rights.to_le_bytes())
            .with(16, self.inheriting.to_le_bytes())
    }
}

/// An entry of a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    /// Where the listing goes on behind it.
    pub(super) next: u64,
    pub(super) inode: u64,
    pub(super) kind: FileType,
    pub(super) name: &'a [u8],
}

impl Entry<'_> {
    pub(super) fn record(&self) -> Record<24> {
        let len = u32::try_from(self.name.len()).unwrap_or(u32::MAX);
        Record::new()
            .with(0, self.next.to_le_bytes())
            .with(8, self.inode.to_le_bytes())
            .with(16, len.to_le_bytes())
            .with(20, [self.kind as u8])
    }
}

/// What a time is set to.
#[derive(Clone, Copy, Debug)]
pub(super) enum SetTime {
    Keep,
    Now,
    /// Nanoseconds since 1970.
    To(u64),
}

/// The times of accesses and of changes that `fstflags` ask for.
pub(super) fn set_times(accessed: u64, modified: u64, flags: u32) -> Answer<(SetTime, SetTime)> {
    only(flags, 15)?;
    let one = |time, to, now| match (flags & to != 0, flags & now != 0) {
        (false, false) => Ok(SetTime::Keep),
        (false, true) => Ok(SetTime::Now),
        (true, false) => Ok(SetTime::To(time)),
        (true, true) => Err(Errno::Invalid),
    };
    Ok((one(accessed, 1, 2)?, one(modified, 4, 8)?))
}
