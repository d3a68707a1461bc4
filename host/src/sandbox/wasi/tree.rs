//! Trees: what a guest may find at a path. A folder of the host, or one in memory; both have the same operations.

#[cfg(feature = "archives")]
pub(super) mod archive;
pub(super) mod given;
pub(super) mod host;
pub(super) mod memory;
pub(super) mod quota;

use super::abi::{Entry, FileStat, FileType, SetTime};
use super::errno::{Answer, Errno, Failure};
use memory::{Device, FolderNode, Node, OpenMemory};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How a path is opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Opening {
    pub(super) follow: bool,
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) append: bool,
    pub(super) create: bool,
    pub(super) exclusive: bool,
    pub(super) truncate: bool,
    pub(super) directory: bool,
    pub(super) sync: bool,
    pub(super) data_sync: bool,
}

/// A folder. Cloning gives the same one.
#[derive(Clone, Debug)]
pub(super) enum Folder {
    Host(host::Folder),
    Memory(Arc<FolderNode>),
}

/// An open regular file.
#[derive(Debug)]
pub(super) enum File {
    Host(host::File),
    Memory(OpenMemory),
    Device { device: Device, reads: bool, writes: bool, stat: FileStat },
}

/// What a path led to.
#[derive(Debug)]
pub(super) enum Opened {
    Folder(Folder),
    File(File),
}

/// Where a path leads, whether or not anything is there.
#[derive(Debug)]
pub(super) enum Place<'a> {
    /// Below a folder of the host, which finds its way itself.
    Host(host::Folder, std::borrow::Cow<'a, Path>),
    /// A name in a folder in memory; links before it have been followed. With `true` it has to be a folder.
    Memory(Arc<FolderNode>, Vec<u8>, bool),
}

impl Folder {
    pub(super) fn own_stat(&self) -> Answer<FileStat> {
        match self {
            Self::Host(folder) => folder.own_stat(),
            Self::Memory(folder) => Ok(Node::Folder(Arc::clone(folder)).stat()),
        }
    }

    pub(super) fn set_own_times(&self, times: (SetTime, SetTime), now: u64) -> Answer {
        match self {
            Self::Host(folder) => folder.set_own_times(times),
            Self::Memory(folder) => Node::Folder(Arc::clone(folder)).set_times(times, now),
        }
    }

    pub(super) fn sync(&self) -> Answer {
        match self {
            Self::Host(folder) => folder.sync(),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Whether it was opened for reading.
    pub(super) fn reads(&self) -> bool {
        match self {
            Self::Host(folder) => folder.reads,
            Self::Memory(_) => true,
        }
    }

    /// Tells of the entries from a place on until `each` has enough.
    pub(super) fn list(
        &self,
        from: u64,
        chunk: usize,
        each: &mut dyn FnMut(Entry<'_>) -> Answer<bool>,
    ) -> Answer {
        match self {
            Self::Host(folder) => folder.list(from, chunk, each),
            Self::Memory(folder) => folder.list(from, each),
        }
    }
}

impl Place<'_> {
    pub(super) fn open(&self, how: Opening, now: u64) -> Answer<Opened> {
        let (folder, name, must) = match self {
            Self::Host(folder, path) => {
                return Ok(match folder.open(path, how)? {
                    host::Opened::Folder(folder) => Opened::Folder(Folder::Host(folder)),
                    host::Opened::File(file) => Opened::File(File::Host(file)),
                });
            }
            Self::Memory(folder, name, must) => (folder, name, *must),
        };
        if how.directory && (how.create || how.exclusive || how.truncate) {
            return Err(Errno::Invalid.into());
        }
        if how.create && must {
            return Err(Errno::IsFolder.into());
        }
        match folder.child(name)? {
            Some(_) if how.create && how.exclusive => Err(Errno::Exists.into()),
            Some(Node::Folder(_)) if how.write || how.truncate || how.create => {
                Err(Errno::IsFolder.into())
            }
            Some(Node::Folder(folder)) => Ok(Opened::Folder(Folder::Memory(folder))),
            Some(Node::File(_) | Node::Device(_)) if must || how.directory => {
                Err(Errno::NotFolder.into())
            }
            Some(node @ Node::Device(_)) => Ok(Opened::File(File::of_device(&node, how))),
            Some(Node::File(file)) => file.open(how, now),
            // Had it been to be followed, the place would be another.
            Some(Node::Link(_)) => Err(Errno::Loop.into()),
            None if how.create => folder.create_file(name, how, now),
            None => Err(Errno::NoEntry.into()),
        }
    }

    /// What is there. The last link has been followed if it was to be.
    fn node(folder: &Arc<FolderNode>, name: &[u8], must: bool) -> Answer<Node> {
        let node = folder.child(name)?.ok_or(Errno::NoEntry)?;
        if must && node.kind() != FileType::Folder {
            return Err(Errno::NotFolder.into());
        }
        Ok(node)
    }

    pub(super) fn stat(&self, follow: bool) -> Answer<FileStat> {
        match self {
            Self::Host(folder, path) => folder.stat(path, follow),
            Self::Memory(folder, name, must) => Ok(Self::node(folder, name, *must)?.stat()),
        }
    }

    pub(super) fn set_times(&self, follow: bool, times: (SetTime, SetTime), now: u64) -> Answer {
        match self {
            Self::Host(folder, path) => folder.set_times(path, follow, times),
            Self::Memory(folder, name, must) => {
                Self::node(folder, name, *must)?.set_times(times, now)
            }
        }
    }

    pub(super) fn create_folder(&self, now: u64) -> Answer {
        match self {
            Self::Host(folder, path) => folder.create_folder(path),
            Self::Memory(folder, name, _) => folder.create_folder(name, now),
        }
    }

    pub(super) fn remove_folder(&self, now: u64) -> Answer {
        match self {
            Self::Host(folder, path) => folder.remove_folder(path),
            Self::Memory(folder, name, _) => folder.remove_folder(name, now),
        }
    }

    pub(super) fn remove_file(&self, now: u64) -> Answer {
        match self {
            Self::Host(folder, path) => folder.remove_file(path),
            Self::Memory(folder, name, must) => {
                Self::node(folder, name, *must)?;
                folder.remove_file(name, now)
            }
        }
    }

    pub(super) fn rename(&self, to: &Self, now: u64) -> Answer {
        match (self, to) {
            (Self::Host(folder, path), Self::Host(to, to_path)) => folder.rename(path, to, to_path),
            (Self::Memory(folder, name, must), Self::Memory(to, to_name, must_too))
                if Arc::ptr_eq(folder.tree(), to.tree()) =>
            {
                Self::node(folder, name, *must || *must_too)?;
                folder.rename(name, to, to_name, now)
            }
            _ => Err(self.crossing(to)),
        }
    }

    pub(super) fn link(&self, to: &Self, now: u64) -> Answer {
        match (self, to) {
            (Self::Host(folder, path), Self::Host(to, to_path)) => folder.link(path, to, to_path),
            (Self::Memory(folder, name, must), Self::Memory(to, to_name, must_too))
                if Arc::ptr_eq(folder.tree(), to.tree()) =>
            {
                folder.tree().changes()?;
                let node = Self::node(folder, name, *must)?;
                if *must_too && to.child(to_name)?.is_none() {
                    return Err(Errno::NoEntry.into());
                }
                to.link(to_name, node, now)
            }
            _ => Err(self.crossing(to)),
        }
    }

    /// Why nothing can go from one tree to another: both sides have to be granted for writing first of all.
    fn crossing(&self, to: &Self) -> Failure {
        let changes = |place: &Self| match place {
            Self::Host(folder, _) => folder.changes(),
            Self::Memory(folder, ..) => folder.tree().changes(),
        };
        match changes(self).and_then(|()| changes(to)) {
            Ok(()) => Errno::OtherDevice.into(),
            Err(refused) => refused,
        }
    }

    pub(super) fn symlink(&self, text: &Path, now: u64) -> Answer {
        match self {
            Self::Host(folder, path) => folder.symlink(text, path),
            Self::Memory(folder, name, true) if folder.child(name)?.is_none() => {
                Err(Errno::NoEntry.into())
            }
            Self::Memory(folder, name, _) => folder.create_link(name, text, now),
        }
    }

    pub(super) fn read_link(&self) -> Answer<PathBuf> {
        match self {
            Self::Host(folder, path) => folder.read_link(path),
            Self::Memory(folder, name, must) => match Self::node(folder, name, *must)? {
                Node::Link(link) => Ok(link.text.clone()),
                Node::Folder(_) | Node::File(_) | Node::Device(_) => Err(Errno::Invalid.into()),
            },
        }
    }
}

impl File {
    fn of_device(node: &Node, how: Opening) -> Self {
        let device = match node {
            Node::Device(node) => node.device,
            Node::Folder(_) | Node::File(_) | Node::Link(_) => Device::Null,
        };
        let reads = how.read || !how.write;
        Self::Device { device, reads, writes: how.write, stat: node.stat() }
    }

    /// Whether what is read are random bytes, which are the caller's to draw.
    pub(super) fn is_random(&self) -> bool {
        matches!(self, Self::Device { device: Device::Random, .. })
    }

    /// Whether it was opened for reading.
    pub(super) fn reads(&self) -> bool {
        match self {
            Self::Host(file) => file.reads,
            Self::Memory(file) => file.reads,
            Self::Device { reads, .. } => *reads,
        }
    }

    /// Whether it was opened for writing.
    pub(super) fn writes(&self) -> bool {
        match self {
            Self::Host(file) => file.writes,
            Self::Memory(file) => file.writes,
            Self::Device { writes, .. } => *writes,
        }
    }

    pub(super) fn stat(&self) -> Answer<FileStat> {
        match self {
            Self::Host(file) => file.stat(),
            Self::Memory(file) => Ok(file.stat()),
            Self::Device { stat, .. } => Ok(*stat),
        }
    }

    pub(super) fn read_at(&self, bytes: &mut [u8], position: u64) -> Answer<usize> {
        if !self.reads() {
            return Err(Errno::BadDescriptor.into());
        }
        match self {
            Self::Host(file) => file.read_at(bytes, position),
            Self::Memory(file) => file.read_at(bytes, position),
            Self::Device { device: Device::Null, .. } => Ok(0),
            Self::Device { .. } => {
                bytes.fill(0);
                Ok(bytes.len())
            }
        }
    }

    pub(super) fn write_at(&self, bytes: &[u8], position: u64, now: u64) -> Answer<usize> {
        if !self.writes() {
            return Err(Errno::BadDescriptor.into());
        }
        match self {
            Self::Host(file) => file.write_at(bytes, position),
            Self::Memory(file) => file.write_at(bytes, position, now),
            Self::Device { .. } => Ok(bytes.len()),
        }
    }

    /// Writes at the end, whatever else writes there, and gives where that is then.
    pub(super) fn append(&self, bytes: &[u8], now: u64) -> Answer<(usize, u64)> {
        if !self.writes() {
            return Err(Errno::BadDescriptor.into());
        }
        match self {
            Self::Host(file) => file.append(bytes),
            Self::Memory(file) => file.append(bytes, now),
            Self::Device { .. } => Ok((bytes.len(), 0)),
        }
    }

    pub(super) fn set_append(&self, append: bool) -> Answer {
        match self {
            Self::Host(file) => file.set_append(append),
            Self::Memory(file) => {
                file.appends().store(append, Ordering::Relaxed);
                Ok(())
            }
            Self::Device { .. } => Ok(()),
        }
    }

    pub(super) fn set_size(&self, size: u64, now: u64) -> Answer {
        if let Self::Memory(file) = self {
            file.changes()?;
        }
        if !self.writes() {
            return Err(self.unwritten());
        }
        match self {
            Self::Host(file) => file.set_size(size),
            Self::Memory(file) => file.set_size(size, now),
            Self::Device { .. } => Err(Errno::Invalid.into()),
        }
    }

    /// Why what was not opened for writing is not cut: it may not be, or it was not asked for.
    fn unwritten(&self) -> Failure {
        match self {
            Self::Host(file) if !file.writable => Failure::not_writable(),
            _ => Errno::Invalid.into(),
        }
    }

    pub(super) fn set_times(&self, times: (SetTime, SetTime), now: u64) -> Answer {
        match self {
            Self::Host(file) => file.set_times(times),
            Self::Memory(file) => file.set_times(times, now),
            Self::Device { .. } => Err(Failure::not_writable()),
        }
    }

    pub(super) fn sync(&self, data_only: bool) -> Answer {
        match self {
            Self::Host(file) => file.sync(data_only),
            Self::Memory(_) | Self::Device { .. } => Ok(()),
        }
    }
}
