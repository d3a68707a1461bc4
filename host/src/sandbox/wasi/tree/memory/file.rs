//! Files in memory, and open ones.

use super::super::super::abi::{FileStat, FileType, SetTime};
use super::super::super::errno::{Answer, Errno};
use super::super::{Opened, Opening, host};
use super::content::Pages;
use super::{Head, Origin, Tree};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The most bytes of a host's file that are kept for others to read.
const KEPT: u64 = 4 << 20;

/// A regular file.
#[derive(Debug)]
pub(in super::super::super) struct FileNode {
    head: Head,
    pub(super) data: Mutex<Data>,
    /// Whether the program has written to what was given.
    pub(super) changed: AtomicBool,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    /// Written here, and counted in the quota.
    Own(Pages),
    /// Somebody else's.
    Shared(Arc<[u8]>),
    /// A file of the host's, by the path in a folder, and how large it was.
    Host(host::Folder, PathBuf, u64),
}

impl Data {
    fn len(&self) -> u64 {
        match self {
            Self::Own(pages) => pages.len(),
            Self::Shared(bytes) => bytes.len() as u64,
            Self::Host(_, _, len) => *len,
        }
    }
}

impl FileNode {
    pub(super) fn new(head: Head, data: Data) -> Self {
        Self { head, data: Mutex::new(data), changed: AtomicBool::new(false) }
    }

    /// A new one of the program's.
    pub(super) fn create(tree: &Arc<Tree>, now: u64) -> Answer<Self> {
        Ok(Self::new(Head::of_program(tree, now)?, Data::Own(Pages::default())))
    }

    /// One that is given.
    pub(super) fn of_bytes(tree: &Arc<Tree>, bytes: Arc<[u8]>, now: u64) -> Self {
        Self::new(Head::new(tree, Origin::Given, [now; 3]), Data::Shared(bytes))
    }

    /// One of the host's.
    pub(super) fn of_host(
        tree: &Arc<Tree>,
        folder: host::Folder,
        path: PathBuf,
        stat: &FileStat,
    ) -> Self {
        Self::new(Head::of_stat(tree, stat), Data::Host(folder, path, stat.size))
    }

    /// The same file in another tree, which may change its own.
    pub(super) fn in_tree(&self, tree: &Arc<Tree>) -> Self {
        let times = *self.head.times.lock();
        let data = match &*self.data.lock() {
            Data::Own(pages) => Data::Shared(pages.to_bytes()),
            data => data.clone(),
        };
        Self::new(Head::of_below(tree, self.head.inode, times), data)
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(in super::super::super) fn tree(&self) -> &Arc<Tree> {
        &self.head.tree
    }

    pub(super) fn len(&self) -> u64 {
        self.data.lock().len()
    }

    /// Whether the program has written to it.
    pub(super) fn is_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    /// Opens it. What has to change it gets pages of its own first.
    pub(in crate::sandbox::wasi) fn open(
        self: &Arc<Self>,
        how: Opening,
        now: u64,
    ) -> Answer<Opened> {
        let changes = how.write || how.truncate;
        if changes {
            self.head.tree.changes()?;
        }
        let mut below = None;
        let mut data = self.data.lock();
        if changes && how.truncate {
            self.own(&mut data, &[])?;
            if let Data::Own(pages) = &mut *data {
                pages.set_len(0, &self.head.tree.quota)?;
            }
            self.written(now);
        } else if let Data::Host(folder, path, len) = &*data {
            let file = open_host(folder, path)?;
            if self.head.tree.keeps && *len <= KEPT {
                match whole(&file, KEPT)? {
                    Some(bytes) => *data = Data::Shared(bytes),
                    None => below = Some(file),
                }
            } else {
                below = Some(file);
            }
        }
        drop(data);
        Ok(Opened::File(super::super::File::Memory(OpenMemory {
            node: Arc::clone(self),
            below,
            reads: how.read || !how.write,
            writes: how.write,
            append: AtomicBool::new(how.append),
        })))
    }

    /// Makes what is there the guest's own, with these bytes in it.
    fn own(&self, data: &mut Data, bytes: &[u8]) -> Answer {
        if !matches!(data, Data::Own(_)) {
            let quota = &self.head.tree.quota;
            quota.take(Pages::price(bytes.len() as u64)).map_err(|_| quota.no_bytes())?;
            *data = Data::Own(Pages::of(bytes));
        }
        Ok(())
    }

    /// Its pages, its own from now on.
    fn pages<'a>(&self, data: &'a mut Data, below: Option<&host::File>) -> Answer<&'a mut Pages> {
        let quota = &self.head.tree.quota;
        let (most, full) = (quota.room(), || quota.no_bytes());
        let bytes = match (&*data, below) {
            (Data::Own(_), _) => None,
            (Data::Shared(bytes), _) => Some(Arc::clone(bytes)),
            (Data::Host(..), Some(file)) => Some(whole(file, most)?.ok_or_else(full)?),
            (Data::Host(folder, path, _), None) => {
                Some(whole(&open_host(folder, path)?, most)?.ok_or_else(full)?)
            }
        };
        if let Some(bytes) = bytes {
            self.own(data, &bytes)?;
        }
        match data {
            Data::Own(pages) => Ok(pages),
            Data::Shared(_) | Data::Host(..) => Err(Errno::Io.into()),
        }
    }

    fn written(&self, now: u64) {
        self.changed.store(true, Ordering::Relaxed);
        self.head.touch(now);
    }
}

impl Drop for FileNode {
    fn drop(&mut self) {
        if let Data::Own(pages) = self.data.get_mut() {
            self.head.tree.quota.give_back(Pages::price(pages.len()));
        }
    }
}

fn open_host(folder: &host::Folder, path: &std::path::Path) -> Answer<host::File> {
    let how = Opening { read: true, ..Opening::default() };
    match folder.open(path, how)? {
        host::Opened::File(file) => Ok(file),
        // It has become a folder since.
        host::Opened::Folder(_) => Err(Errno::Stale.into()),
    }
}

/// All of a host's file, unless it is larger than this.
fn whole(file: &host::File, most: u64) -> Answer<Option<Arc<[u8]>>> {
    let size = file.stat()?.size;
    let (Ok(len), true) = (usize::try_from(size), size <= most) else { return Ok(None) };
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Errno::NoMemory)?;
    bytes.resize(len, 0);
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    bytes.truncate(done);
    Ok(Some(bytes.into()))
}

/// An open file in memory.
#[derive(Debug)]
pub(in crate::sandbox::wasi) struct OpenMemory {
    node: Arc<FileNode>,
    /// The host's, while nothing has been written.
    below: Option<host::File>,
    pub(in crate::sandbox::wasi) reads: bool,
    pub(in crate::sandbox::wasi) writes: bool,
    append: AtomicBool,
}

impl OpenMemory {
    /// The file.
    pub(in crate::sandbox::wasi) fn node(&self) -> &Arc<FileNode> {
        &self.node
    }

    pub(in crate::sandbox::wasi) fn stat(&self) -> FileStat {
        self.node.head.stat(FileType::Regular, self.node.len())
    }

    pub(in crate::sandbox::wasi) fn read_at(
        &self,
        bytes: &mut [u8],
        position: u64,
    ) -> Answer<usize> {
        match &*self.node.data.lock() {
            Data::Own(pages) => Ok(pages.read_at(bytes, position)),
            Data::Shared(shared) => {
                let from = usize::try_from(position).unwrap_or(usize::MAX);
                let rest = shared.get(from..).unwrap_or_default();
                let len = rest.len().min(bytes.len());
                if let (Some(to), Some(from)) = (bytes.get_mut(..len), rest.get(..len)) {
                    to.copy_from_slice(from);
                }
                Ok(len)
            }
            Data::Host(folder, path, _) => match &self.below {
                Some(file) => file.read_at(bytes, position),
                None => open_host(folder, path)?.read_at(bytes, position),
            },
        }
    }

    pub(in crate::sandbox::wasi) fn write_at(
        &self,
        bytes: &[u8],
        position: u64,
        now: u64,
    ) -> Answer<usize> {
        let mut data = self.node.data.lock();
        let pages = self.node.pages(&mut data, self.below.as_ref())?;
        let written = pages.write_at(bytes, position, &self.node.head.tree.quota)?;
        self.node.written(now);
        Ok(written)
    }

    /// Writes at the end, and gives where that is then.
    pub(in crate::sandbox::wasi) fn append(&self, bytes: &[u8], now: u64) -> Answer<(usize, u64)> {
        let mut data = self.node.data.lock();
        let pages = self.node.pages(&mut data, self.below.as_ref())?;
        let written = pages.write_at(bytes, pages.len(), &self.node.head.tree.quota)?;
        let end = pages.len();
        self.node.written(now);
        Ok((written, end))
    }

    pub(in crate::sandbox::wasi) fn appends(&self) -> &AtomicBool {
        &self.append
    }

    pub(in crate::sandbox::wasi) fn set_size(&self, size: u64, now: u64) -> Answer {
        let mut data = self.node.data.lock();
        let pages = self.node.pages(&mut data, self.below.as_ref())?;
        pages.set_len(size, &self.node.head.tree.quota)?;
        self.node.written(now);
        Ok(())
    }

    pub(in crate::sandbox::wasi) fn set_times(
        &self,
        times: (SetTime, SetTime),
        now: u64,
    ) -> Answer {
        self.node.head.set_times(times, now)
    }

    pub(in crate::sandbox::wasi) fn changes(&self) -> Answer {
        self.node.head.tree.changes()
    }
}
