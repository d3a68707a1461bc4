//! Files and folders of the host, through cap-primitives, which lets no path, link or rename leave the folder
//! that was granted.

mod charge;
mod kept;
mod list;

use super::super::abi::{Entry, FileStat, FileType, SetTime};
use super::super::errno::{Answer, Errno, Failure};
use super::Opening;
use crate::policy::Quota as Most;
use cap_primitives::fs as cap;
use cap_primitives::fs::{
    DirOptions, FileTypeExt, FollowSymlinks, Metadata, MetadataExt, OpenOptions, OpenOptionsExt,
    SystemTimeSpec,
};
use charge::{Charge, Held};
use kept::Kept;
use rustix::fs::{Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::fs;
use std::io::{self, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// A folder. Cloning gives the same one, which any number of interpreters may hold.
#[derive(Clone, Debug)]
pub(in super::super) struct Folder {
    dir: Arc<fs::File>,
    /// Whether anything below it may be changed.
    pub(in super::super) writable: bool,
    /// Whether it was opened for reading.
    pub(in super::super) reads: bool,
    /// What below it may not be changed although it may.
    kept: Kept,
    /// What is added to it.
    charge: Option<Arc<Charge>>,
}

/// A regular file.
#[derive(Debug)]
pub(in super::super) struct File {
    file: fs::File,
    /// Whether the grant lets its size and times be changed.
    pub(in super::super) writable: bool,
    /// What it was opened for.
    pub(in super::super) reads: bool,
    pub(in super::super) writes: bool,
    /// Who pays for what is written.
    held: Option<Held>,
}

/// What a path led to.
#[derive(Debug)]
pub(in super::super) enum Opened {
    Folder(Folder),
    File(File),
}

/// Bytes of a listing at a time.
const LISTED: usize = 32 << 10;

fn follow(yes: bool) -> FollowSymlinks {
    if yes { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

/// How folders are opened.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// A folder of the host, wherever it is.
    pub(in super::super) fn open_ambient(path: &Path, writable: bool) -> io::Result<Self> {
        let dir = rustix::fs::open(path, FOLDER, Mode::empty())?;
        Ok(Self {
            dir: Arc::new(dir.into()),
            writable,
            reads: true,
            kept: Kept::default(),
            charge: None,
        })
    }

    /// The same folder, in which these are granted for reading alone: their paths relative to it, without links.
    pub(in super::super) fn keeping(self, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { kept: Kept::new(folders), ..self }
    }

    /// The same folder, for a guest that may add so much to it; a refusal calls that by this name.
    pub(in super::super) fn with_quota(&self, most: Most, name: Arc<str>) -> Self {
        Self { charge: Some(Charge::new(most, name)), ..self.clone() }
    }

    /// Bytes and files that the guest has added, if they are counted.
    pub(in super::super) fn added(&self) -> Option<Most> {
        Some(self.charge.as_ref()?.used())
    }

    /// The same, with the most there have been and as much as there may be.
    pub(in super::super) fn account(&self) -> Option<[Most; 3]> {
        Some(self.charge.as_ref()?.account())
    }

    /// Goes on where the guest has added so much.
    pub(in super::super) fn go_on(&self, added: Most) {
        if let Some(charge) = &self.charge {
            charge.go_on(added);
        }
    }

    /// Makes what is new at a path, and counts it.
    fn make<T>(&self, make: impl FnOnce() -> Answer<T>) -> Answer<T> {
        match &self.charge {
            Some(charge) => charge.file(make),
            None => make(),
        }
    }

    /// Does what takes a name away from what is there, if anything is, and counts that.
    fn take_away(&self, path: &Path, take: impl FnOnce() -> Answer) -> Answer {
        let Some(charge) = &self.charge else { return take() };
        let there = self.stat(path, false).ok();
        take()?;
        if let Some(there) = there {
            charge.gone(
                there.inode,
                there.links,
                if there.kind == FileType::Regular { there.size } else { 0 },
            );
        }
        Ok(())
    }

    /// Refuses what would change something in a folder granted for reading.
    pub(super) fn changes(&self) -> Answer {
        if self.writable { Ok(()) } else { Err(Failure::not_writable()) }
    }

    /// Refuses what would change something at a path. With `moves`, what is there gets another name or goes.
    fn changes_at(&self, path: &Path, moves: bool) -> Answer {
        self.changes()?;
        if self.kept.is_empty() {
            return Ok(());
        }
        let place = kept::place_of(&self.dir, path, !moves)?;
        if self.kept.has(&place) || (moves && self.kept.is_below(&place)) {
            return Err(Failure::not_writable());
        }
        Ok(())
    }

    /// Opens a regular file or a folder. A FIFO, a device or a socket could wait for ever, or do something
    /// by being opened: it is looked at before, and again when it is open, which does not wait.
    pub(in super::super) fn open(&self, path: &Path, how: Opening) -> Answer<Opened> {
        let changes = how.write || how.create || how.truncate;
        if changes {
            self.changes()?;
        }
        if how.directory && (how.create || how.exclusive || how.truncate) {
            return Err(Errno::Invalid.into());
        }
        let (kept, inside) = match self.kept.is_empty() {
            true => (Kept::default(), false),
            false => {
                let place = kept::place_of(&self.dir, path, how.follow)?;
                (self.kept.below(&place), self.kept.has(&place))
            }
        };
        if inside && changes {
            return Err(Failure::not_writable());
        }
        let writable = self.writable && !inside;
        if !(how.create && how.exclusive)
            && let Ok(there) = cap::stat(&self.dir, path, follow(how.follow))
        {
            can_be_opened(&there)?;
        }
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        flags.set(OFlags::SYNC, how.sync);
        flags.set(OFlags::DSYNC, how.data_sync);
        flags.set(OFlags::APPEND, how.append);
        let mut options = OpenOptions::new();
        options
            .read(how.read || !how.write)
            .write(how.write || how.create || how.truncate)
            .truncate(how.truncate)
            .create(how.create && !how.exclusive)
            .create_new(how.create && how.exclusive)
            // What cap-fs-ext calls; that crate has nothing else for us.
            ._cap_fs_ext_follow(follow(how.follow))
            .custom_flags(flags.bits().cast_signed());
        let before = match &self.charge {
            Some(_) if changes => self.stat(path, how.follow).ok(),
            _ => None,
        };
        let open = || Ok(cap::open(&self.dir, path, &options)?);
        let file = match before {
            None if how.create => self.make(open)?,
            _ => open()?,
        };
        if let (Some(charge), Some(before), true) = (&self.charge, before, how.truncate) {
            charge.shrink(before.size);
        }
        let there = Metadata::from_file(&file)?;
        can_be_opened(&there)?;
        let reads = how.read || !how.write;
        if there.is_dir() {
            let charge = self.charge.clone();
            return Ok(Opened::Folder(Self { dir: Arc::new(file), writable, reads, kept, charge }));
        }
        if how.directory {
            return Err(Errno::NotFolder.into());
        }
        let writes = how.write;
        let inode = identity(there.dev(), there.ino());
        let held = self.charge.as_ref().map(|charge| Held::new(charge, inode));
        Ok(Opened::File(File { file, writable, reads, writes, held }))
    }

    pub(in super::super) fn stat(&self, path: &Path, follows: bool) -> Answer<FileStat> {
        // Slashes and dots at the end ask for a folder, and follow a link to one.
        let (mut plain, mut must) = without_slashes(path);
        while let Some(shorter) = plain.as_os_str().as_bytes().strip_suffix(b"/.") {
            (plain, _) = without_slashes(Path::new(std::ffi::OsStr::from_bytes(shorter)));
            must = true;
        }
        if !must || plain.as_os_str().is_empty() {
            return Ok(stat_of(&cap::stat(&self.dir, path, follow(follows))?));
        }
        let there = cap::stat(&self.dir, plain, FollowSymlinks::Yes)?;
        if there.is_dir() { Ok(stat_of(&there)) } else { Err(Errno::NotFolder.into()) }
    }

    /// The place of a folder that a path leads to: without links, relative to this one.
    pub(in super::super) fn place_of_folder(&self, path: &Path) -> Answer<PathBuf> {
        let place = kept::place_of(&self.dir, path, true)?;
        if !place.as_os_str().is_empty() && self.stat(&place, false)?.kind != FileType::Folder {
            return Err(Errno::NotFolder.into());
        }
        Ok(place)
    }

    pub(in super::super) fn own_stat(&self) -> Answer<FileStat> {
        Ok(stat_of(&Metadata::from_file(&self.dir)?))
    }

    /// Sets the times of what a path names.
    pub(in super::super) fn set_times(
        &self,
        path: &Path,
        follows: bool,
        times: (SetTime, SetTime),
    ) -> Answer {
        self.changes_at(path, !follows)?;
        if !follows {
            let (accessed, modified) = times;
            let (accessed, modified) = (time_spec(accessed), time_spec(modified));
            return Ok(cap::set_times_nofollow(&self.dir, path, accessed, modified)?);
        }
        // There is no call for this that stays below the folder, so it has to be opened; whether for
        // reading or for writing is what its permissions decide.
        let read = Opening { follow: true, read: true, ..Opening::default() };
        let write = Opening { follow: true, write: true, ..Opening::default() };
        let opened = match self.open(path, read) {
            Err(Failure::Errno(Errno::Access)) => self.open(path, write),
            opened => opened,
        };
        match opened? {
            Opened::Folder(folder) => folder.set_own_times(times),
            Opened::File(file) => file.set_times(times),
        }
    }

    pub(in super::super) fn set_own_times(&self, times: (SetTime, SetTime)) -> Answer {
        self.changes()?;
        Ok(rustix::fs::futimens(&self.dir, &timestamps(times))?)
    }

    pub(in super::super) fn sync(&self) -> Answer {
        Ok(self.dir.sync_all()?)
    }

    pub(in super::super) fn create_folder(&self, path: &Path) -> Answer {
        self.changes_at(path, false)?;
        self.make(|| Ok(cap::create_dir(&self.dir, path, &DirOptions::new())?))
    }

    pub(in super::super) fn remove_folder(&self, path: &Path) -> Answer {
        self.changes_at(path, true)?;
        // What is there has to be a folder anyway; a link is none.
        let path = without_slashes(path).0;
        self.take_away(path, || Ok(cap::remove_dir(&self.dir, path)?))
    }

    pub(in super::super) fn remove_file(&self, path: &Path) -> Answer {
        self.changes_at(path, true)?;
        self.take_away(path, || Ok(cap::remove_file(&self.dir, path)?))
    }

    /// Both folders have to be granted for writing, since a link or a new name is another way to the file.
    pub(in super::super) fn rename(&self, path: &Path, to: &Self, to_path: &Path) -> Answer {
        self.changes_at(path, true)?;
        to.changes_at(to_path, true)?;
        // Slashes at the end ask for a folder. Whether it is one is looked at here, and never by the
        // call itself, which some systems let follow a link then.
        let (path, must) = without_slashes(path);
        let (to_path, must_too) = without_slashes(to_path);
        if (must || must_too) && !cap::stat(&self.dir, path, FollowSymlinks::No)?.is_dir() {
            return Err(Errno::NotFolder.into());
        }
        self.link_stays_inside(path, to, to_path)?;
        let rename = || Ok(cap::rename(&self.dir, path, &to.dir, to_path)?);
        let number = |folder: &Self, path| folder.stat(path, false).ok().map(|stat| stat.inode);
        if to.charge.is_none() || number(self, path) == number(to, to_path) {
            return rename();
        }
        self.moves_to(to, path, || to.take_away(to_path, rename))
    }

    /// Does what takes something to another folder, which pays for it from then on.
    fn moves_to(&self, to: &Self, path: &Path, go: impl FnOnce() -> Answer) -> Answer {
        let (from, to) = match (&self.charge, &to.charge) {
            (Some(from), Some(to)) if Arc::ptr_eq(from, to) => return go(),
            (from, Some(to)) => (from, to),
            (_, None) => return go(),
        };
        let there = self.stat(path, false)?;
        // A folder goes by its name alone: what is in it is not walked.
        let size = if there.kind == FileType::Regular { there.size } else { 0 };
        if to.grow(0, size)? < size {
            return Err(to.full());
        }
        to.file(go)?;
        if let Some(from) = from {
            from.gone(there.inode, 1, size);
        }
        Ok(())
    }

    /// As [`rename`](Self::rename).
    pub(in super::super) fn link(&self, path: &Path, to: &Self, to_path: &Path) -> Answer {
        self.changes_at(path, true)?;
        to.changes_at(to_path, true)?;
        self.link_stays_inside(path, to, to_path)?;
        to.make(|| Ok(cap::hard_link(&self.dir, path, &to.dir, to_path)?))
    }

    /// Absolute texts are refused: they would mean something else to the host. So are those that lead above the folder:
    /// the guest could not follow them, but whoever works on the host would.
    pub(in super::super) fn symlink(&self, text: &Path, path: &Path) -> Answer {
        self.changes_at(path, true)?;
        self.stays_inside(text, path)?;
        self.make(|| Ok(cap::symlink(text, &self.dir, path)?))
    }

    /// Refuses a link at a path whose text leads above this folder, by its names alone.
    fn stays_inside(&self, text: &Path, path: &Path) -> Answer {
        let ups = || text.components().any(|part| part == Component::ParentDir);
        if !ups() {
            return Ok(());
        }
        let place = kept::place_of(&self.dir, path, false)?;
        let mut depth = place.components().count().saturating_sub(1);
        for part in text.components() {
            match part {
                Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(Failure::escape)?,
                Component::Normal(_) => depth += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// The same, where a link at a path gets another one.
    fn link_stays_inside(&self, path: &Path, to: &Self, to_path: &Path) -> Answer {
        match cap::read_link_contents(&self.dir, path) {
            Ok(text) => to.stays_inside(&text, to_path),
            Err(_) => Ok(()),
        }
    }

    pub(in super::super) fn read_link(&self, path: &Path) -> Answer<PathBuf> {
        Ok(cap::read_link(&self.dir, path)?)
    }

    /// What a link says, also where that is absolute: for a tree in memory, in which it leads elsewhere.
    pub(super) fn link_text(&self, path: &Path) -> Answer<PathBuf> {
        Ok(cap::read_link_contents(&self.dir, path)?)
    }

    /// Tells of the entries from a place on until `each` has enough. The kernel knows the places, so a
    /// listing of any length takes one pass and no memory.
    pub(in super::super) fn list(
        &self,
        from: u64,
        chunk: usize,
        each: &mut dyn FnMut(Entry<'_>) -> Answer<bool>,
    ) -> Answer {
        let own = Metadata::from_file(&self.dir)?;
        // A descriptor has one place in its folder: one that several hold is opened again for each listing.
        let again = match Arc::strong_count(&self.dir) {
            1 => None,
            _ => Some(rustix::fs::openat(&self.dir, ".", FOLDER, Mode::empty())?),
        };
        let again = again.map(fs::File::from);
        list::entries(
            again.as_ref().unwrap_or(&self.dir),
            from,
            chunk,
            &mut |next, inode, kind, name| {
                // What lies above is not told of.
                let inode = if name == b".." { own.ino() } else { inode };
                each(Entry { next, inode: identity(own.dev(), inode), kind, name })
            },
        )
    }

    /// The same of a folder in it, from the beginning.
    pub(super) fn list_at(
        &self,
        path: &Path,
        each: &mut dyn FnMut(Entry<'_>) -> Answer<bool>,
    ) -> Answer {
        if path.as_os_str().is_empty() {
            return self.list(0, LISTED, each);
        }
        match self.open(path, Opening { directory: true, ..Opening::default() })? {
            Opened::Folder(folder) => folder.list(0, LISTED, each),
            Opened::File(_) => Err(Errno::NotFolder.into()),
        }
    }
}

impl File {
    pub(in super::super) fn stat(&self) -> Answer<FileStat> {
        Ok(stat_of(&Metadata::from_file(&self.file)?))
    }

    pub(in super::super) fn read_at(&self, bytes: &mut [u8], position: u64) -> Answer<usize> {
        Ok(self.file.read_at(bytes, position)?)
    }

    pub(in super::super) fn write_at(&self, bytes: &[u8], position: u64) -> Answer<usize> {
        self.paid(bytes, Some(position), |bytes| Ok(self.file.write_at(bytes, position)?))
    }

    /// Writes at the end, whatever else writes there, and gives where that is then.
    pub(in super::super) fn append(&self, bytes: &[u8]) -> Answer<(usize, u64)> {
        let mut file = &self.file;
        let written = self.paid(bytes, None, |bytes| Ok(file.write(bytes)?))?;
        Ok((written, file.stream_position()?))
    }

    /// Writes what may be added, at a place or at the end.
    fn paid(
        &self,
        bytes: &[u8],
        position: Option<u64>,
        write: impl FnOnce(&[u8]) -> Answer<usize>,
    ) -> Answer<usize> {
        let Some(Held { charge, .. }) = &self.held else { return write(bytes) };
        let size = Metadata::from_file(&self.file)?.len();
        let position = position.unwrap_or(size);
        let end = position.checked_add(bytes.len() as u64).ok_or(Errno::TooBig)?;
        let reached = charge.grow(size, end)?;
        let fits = usize::try_from(reached.saturating_sub(position)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..fits).unwrap_or(bytes);
        let written = match bytes {
            [] => Err(charge.full()),
            bytes => write(bytes),
        };
        // What was paid for and has not been written.
        let wrote = written.as_ref().map_or(0, |written| *written as u64);
        let grown = if wrote == 0 { size } else { (position + wrote).max(size) };
        charge.shrink(reached.max(size).saturating_sub(grown));
        written
    }

    pub(in super::super) fn set_append(&self, append: bool) -> Answer {
        let mut flags = rustix::fs::fcntl_getfl(&self.file)?;
        flags.set(OFlags::APPEND, append);
        Ok(rustix::fs::fcntl_setfl(&self.file, flags)?)
    }

    pub(in super::super) fn set_size(&self, size: u64) -> Answer {
        let Some(Held { charge, .. }) = &self.held else { return Ok(self.file.set_len(size)?) };
        let before = Metadata::from_file(&self.file)?.len();
        let reached = charge.grow(before, size)?;
        if reached < size {
            charge.shrink(reached - before);
            return Err(charge.full());
        }
        let set = self.file.set_len(size);
        charge.shrink(if set.is_ok() {
            before.saturating_sub(size)
        } else {
            size.saturating_sub(before)
        });
        Ok(set?)
    }

    pub(in super::super) fn set_times(&self, times: (SetTime, SetTime)) -> Answer {
        if !self.writable {
            return Err(Failure::not_writable());
        }
        Ok(rustix::fs::futimens(&self.file, &timestamps(times))?)
    }

    pub(in super::super) fn sync(&self, data_only: bool) -> Answer {
        Ok(if data_only { self.file.sync_data() } else { self.file.sync_all() }?)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if let Some(held) = &self.held {
            held.close(Metadata::from_file(&self.file).map_or(0, |there| there.len()));
        }
    }
}

/// Refuses what is neither a regular file nor a folder.
fn can_be_opened(there: &Metadata) -> Answer {
    // A link is not followed here; opening it will say so.
    if there.is_file() || there.is_dir() || there.is_symlink() {
        return Ok(());
    }
    Err(Errno::NotSupported.into())
}

fn without_slashes(path: &Path) -> (&Path, bool) {
    let bytes = path.as_os_str().as_bytes();
    let kept = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
    let plain = bytes.get(..kept).unwrap_or(bytes);
    (Path::new(std::ffi::OsStr::from_bytes(plain)), kept < bytes.len())
}

/// One number for a device and an inode, so that the host's devices stay its own affair.
fn identity(device: u64, inode: u64) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault};
    BuildHasherDefault::<rustc_hash::FxHasher>::default().hash_one((device, inode))
}

fn kind_of(kind: cap::FileType) -> FileType {
    if kind.is_file() {
        FileType::Regular
    } else if kind.is_dir() {
        FileType::Folder
    } else if kind.is_symlink() {
        FileType::Link
    } else if kind.is_block_device() {
        FileType::BlockDevice
    } else if kind.is_char_device() {
        FileType::CharacterDevice
    } else if kind.is_socket() {
        FileType::Socket
    } else {
        FileType::Unknown
    }
}

fn stat_of(there: &Metadata) -> FileStat {
    // Times before 1970 and after 2554 have no number here.
    let nanos = |seconds: i64, nanos: i64| {
        let seconds = u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000_000);
        seconds.saturating_add(u64::try_from(nanos).unwrap_or(0))
    };
    FileStat {
        device: 1,
        inode: identity(there.dev(), there.ino()),
        kind: kind_of(there.file_type()),
        links: there.nlink(),
        size: there.len(),
        accessed: nanos(there.atime(), there.atime_nsec()),
        modified: nanos(there.mtime(), there.mtime_nsec()),
        changed: nanos(there.ctime(), there.ctime_nsec()),
    }
}

fn timestamps((accessed, modified): (SetTime, SetTime)) -> Timestamps {
    let one = |time| match time {
        SetTime::Keep => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        SetTime::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        SetTime::To(nanos) => Timespec {
            tv_sec: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(nanos % 1_000_000_000).unwrap_or(0),
        },
    };
    Timestamps { last_access: one(accessed), last_modification: one(modified) }
}

fn time_spec(time: SetTime) -> Option<SystemTimeSpec> {
    match time {
        SetTime::Keep => None,
        SetTime::Now => Some(SystemTimeSpec::SymbolicNow),
        SetTime::To(nanos) => {
            let time = UNIX_EPOCH + Duration::from_nanos(nanos);
            Some(SystemTimeSpec::Absolute(cap_primitives::time::SystemTime::from_std(time)))
        }
    }
}
