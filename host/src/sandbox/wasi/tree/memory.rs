//! Trees in memory: of the guest's own files, of files that were given, or of what lies below, a folder of the host
//! or another tree, whose files stay as they are.
//!
//! What lies below is looked at once: a folder's names when it is first used, a file when it is first opened. A
//! tree that is shared for reading therefore asks the host for each of them once, however many guests read it.

mod carried;
mod changes;
mod content;
mod file;
mod folder;

pub(in crate::sandbox::wasi) use carried::{Collected, NoTree, TreeState};
pub(in crate::sandbox::wasi) use changes::Change;
pub(in super::super) use file::{FileNode, OpenMemory};
pub(in super::super) use folder::FolderNode;

use super::super::abi::{FileStat, FileType, SetTime};
use super::super::errno::{Answer, Errno, Failure};
use super::host;
use super::quota::Quota;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The longest name, as on Linux.
const LONGEST_NAME: usize = 255;

/// What all nodes of a tree share.
#[derive(Debug)]
pub(in super::super) struct Tree {
    pub(in super::super) quota: Quota,
    /// Whether the guest may change it.
    writable: bool,
    /// Whether what is read of the host is kept for the next.
    keeps: bool,
    device: u64,
    inodes: AtomicU64,
}

/// The kinds of trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// One guest's, to be changed.
    Own,
    /// Shared, for reading alone.
    Shared,
}

impl Tree {
    /// A tree, and its first folder. What lies below is seen in it.
    pub(in super::super) fn root(
        kind: Kind,
        quota: Quota,
        device: u64,
        below: Option<Below>,
        now: u64,
    ) -> Arc<FolderNode> {
        let own = kind == Kind::Own;
        let tree =
            Arc::new(Self { quota, writable: own, keeps: !own, device, inodes: AtomicU64::new(1) });
        let head = Head::new(&tree, Origin::Given, [now; 3]);
        Arc::new(FolderNode::new(head, below))
    }
}

/// A tree of the devices that programs expect.
pub(in super::super) fn devices(device: u64) -> Arc<FolderNode> {
    let folder = Tree::root(Kind::Shared, Quota::none(), device, None, 0);
    for (name, device) in [
        ("null", Device::Null),
        ("zero", Device::Zero),
        ("random", Device::Random),
        ("urandom", Device::Random),
    ] {
        let head = Head::new(folder.tree(), Origin::Given, [0; 3]);
        // The folder is new, and the names are as they should be.
        let _ = folder.put(name.as_bytes(), Node::Device(Arc::new(DeviceNode { head, device })));
    }
    folder
}

/// What a folder in memory shows beside its own.
#[derive(Clone, Debug)]
pub(in super::super) enum Below {
    /// A folder of the host, and the path in it.
    Host(host::Folder, PathBuf),
    /// A folder of another tree, and the path to it there.
    Memory(Arc<FolderNode>, PathBuf),
}

/// Who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The program; it counts in the quota.
    Program,
    /// It was there when the program began, or was put there for it.
    Given,
}

/// What a name in a tree stands for.
#[derive(Clone, Debug)]
pub(in super::super) enum Node {
    Folder(Arc<FolderNode>),
    File(Arc<FileNode>),
    Link(Arc<LinkNode>),
    Device(Arc<DeviceNode>),
}

/// What has no content of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Device {
    /// Takes everything and holds nothing.
    Null,
    /// Holds zeros without end.
    Zero,
    /// Holds random bytes without end.
    Random,
}

/// A device's name in a tree.
#[derive(Debug)]
pub(in super::super) struct DeviceNode {
    head: Head,
    pub(in super::super) device: Device,
}

/// What every node has.
#[derive(Debug)]
pub(super) struct Head {
    tree: Arc<Tree>,
    inode: u64,
    origin: Origin,
    links: AtomicU32,
    /// Accessed, modified, changed: nanoseconds since 1970.
    times: Mutex<[u64; 3]>,
}

/// A symbolic link.
#[derive(Debug)]
pub(in super::super) struct LinkNode {
    head: Head,
    pub(in super::super) text: PathBuf,
}

impl Head {
    fn new(tree: &Arc<Tree>, origin: Origin, times: [u64; 3]) -> Self {
        let mut head = Self::of_below(tree, tree.inodes.fetch_add(1, Ordering::Relaxed), times);
        head.origin = origin;
        head
    }

    /// Of what lies below, and keeps its number.
    fn of_below(tree: &Arc<Tree>, inode: u64, times: [u64; 3]) -> Self {
        Self {
            tree: Arc::clone(tree),
            inode,
            origin: Origin::Given,
            links: AtomicU32::new(1),
            times: Mutex::new(times),
        }
    }

    fn of_stat(tree: &Arc<Tree>, stat: &FileStat) -> Self {
        Self::of_below(tree, stat.inode, [stat.accessed, stat.modified, stat.changed])
    }

    /// One that the program makes, if it may have one more.
    fn of_program(tree: &Arc<Tree>, now: u64) -> Answer<Self> {
        tree.changes()?;
        tree.quota.take_file().map_err(|_| tree.quota.no_file())?;
        Ok(Self::new(tree, Origin::Program, [now; 3]))
    }

    fn stat(&self, kind: FileType, size: u64) -> FileStat {
        let [accessed, modified, changed] = *self.times.lock();
        let links = self.links.load(Ordering::Relaxed).into();
        let (device, inode) = (self.tree.device, self.inode);
        FileStat { device, inode, kind, links, size, accessed, modified, changed }
    }

    fn touch(&self, now: u64) {
        let mut times = self.times.lock();
        let [_, modified, changed] = &mut *times;
        (*modified, *changed) = (now, now);
    }

    fn set_times(&self, (accessed, modified): (SetTime, SetTime), now: u64) -> Answer {
        self.tree.changes()?;
        let set = |time: &mut u64, to| match to {
            SetTime::Keep => {}
            SetTime::Now => *time = now,
            SetTime::To(to) => *time = to,
        };
        let mut times = self.times.lock();
        let [access, modification, changed] = &mut *times;
        set(access, accessed);
        set(modification, modified);
        *changed = now;
        Ok(())
    }

    /// It has one name more.
    fn linked(&self) {
        self.links.fetch_add(1, Ordering::Relaxed);
    }

    /// It has one name less. All but one counted by themselves.
    fn unlinked(&self) {
        if self.links.fetch_sub(1, Ordering::Relaxed) > 1 {
            self.tree.quota.give_file_back();
        }
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        if self.origin == Origin::Program {
            self.tree.quota.give_file_back();
        }
    }
}

impl Tree {
    /// Refuses changes of a tree that is for reading alone.
    pub(in super::super) fn changes(&self) -> Answer {
        if self.writable { Ok(()) } else { Err(Failure::not_writable()) }
    }
}

impl Node {
    fn head(&self) -> &Head {
        match self {
            Self::Folder(node) => node.head(),
            Self::File(node) => node.head(),
            Self::Link(node) => &node.head,
            Self::Device(node) => &node.head,
        }
    }

    pub(in super::super) fn kind(&self) -> FileType {
        match self {
            Self::Folder(_) => FileType::Folder,
            Self::File(_) => FileType::Regular,
            Self::Link(_) => FileType::Link,
            Self::Device(_) => FileType::CharacterDevice,
        }
    }

    pub(in super::super) fn stat(&self) -> FileStat {
        let size = match self {
            Self::Folder(_) | Self::Device(_) => 0,
            Self::File(node) => node.len(),
            Self::Link(node) => node.text.as_os_str().len() as u64,
        };
        self.head().stat(self.kind(), size)
    }

    pub(in super::super) fn set_times(&self, times: (SetTime, SetTime), now: u64) -> Answer {
        self.head().set_times(times, now)
    }

    fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.head(), other.head())
    }
}

impl Drop for LinkNode {
    fn drop(&mut self) {
        if self.head.origin == Origin::Program {
            self.head.tree.quota.give_back(self.price());
        }
    }
}

impl LinkNode {
    /// A text counts by its bytes.
    fn price(&self) -> u64 {
        self.text.as_os_str().len() as u64
    }
}

/// A name that a file can have.
fn check_name(name: &[u8]) -> Answer {
    if name.len() > LONGEST_NAME {
        return Err(Errno::NameTooLong.into());
    }
    if name.is_empty() || name.contains(&0) || name.contains(&b'/') {
        return Err(Errno::Invalid.into());
    }
    Ok(())
}
