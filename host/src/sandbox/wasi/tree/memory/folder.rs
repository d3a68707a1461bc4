//! Folders in memory: names and what they stand for, in the order in which they came.

use super::super::super::abi::{Entry, FileType};
use super::super::super::errno::{Answer, Errno, Failure};
use super::super::{Opened, Opening};
use super::file::FileNode;
use super::{Below, Head, LinkNode, Node, Origin, Tree, check_name};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// Where a listing goes on behind `.` and `..`.
const FIRST: u64 = 2;

/// A folder.
#[derive(Debug)]
pub(in super::super::super) struct FolderNode {
    head: Head,
    /// What it lies in; empty for a tree's first folder, and for one that was removed.
    pub(super) above: Mutex<Weak<Self>>,
    pub(super) entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) slots: BTreeMap<Arc<[u8]>, Slot>,
    pub(super) order: BTreeMap<u64, Arc<[u8]>>,
    pub(super) next: u64,
    pub(super) below: Option<Below>,
    /// Whether the names that lie below are in.
    pub(super) merged: bool,
    /// Whether nothing can be put into it any more.
    pub(super) removed: bool,
    /// Names of what was given and has been removed.
    pub(super) gone: BTreeSet<Arc<[u8]>>,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) order: u64,
    pub(super) what: What,
    /// Whether the program has given it this name.
    pub(super) moved: bool,
}

#[derive(Debug)]
pub(super) enum What {
    There(Node),
    /// It lies below, and has not been looked at.
    Below {
        kind: FileType,
        inode: u64,
    },
}

impl FolderNode {
    pub(super) fn new(head: Head, below: Option<Below>) -> Self {
        let entries = Entries { below, next: FIRST, ..Entries::default() };
        Self { head, above: Mutex::default(), entries: Mutex::new(entries) }
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(in super::super::super) fn tree(&self) -> &Arc<Tree> {
        &self.head.tree
    }

    pub(in super::super::super) fn above(&self) -> Option<Arc<Self>> {
        self.above.lock().upgrade()
    }

    /// Its entries, with the names of what lies below.
    fn entries(&self) -> Answer<MutexGuard<'_, Entries>> {
        let mut entries = self.entries.lock();
        if !entries.merged {
            entries.merge()?;
        }
        Ok(entries)
    }

    /// What a name stands for.
    pub(in super::super::super) fn child(self: &Arc<Self>, name: &[u8]) -> Answer<Option<Node>> {
        let mut entries = self.entries()?;
        let entries = &mut *entries;
        let Some(slot) = entries.slots.get_mut(name) else { return Ok(None) };
        if let (What::Below { .. }, Some(below)) = (&slot.what, &entries.below) {
            match below.node(name, &self.head.tree)? {
                Some(node) => {
                    if let Node::Folder(folder) = &node {
                        *folder.above.lock() = Arc::downgrade(self);
                    }
                    slot.what = What::There(node);
                }
                // It has gone meanwhile.
                None => {
                    entries.take(name);
                    return Ok(None);
                }
            }
        }
        Ok(match &slot.what {
            What::There(node) => Some(node.clone()),
            What::Below { .. } => None,
        })
    }

    /// Gives something a name that is free.
    pub(super) fn put(self: &Arc<Self>, name: &[u8], node: Node) -> Answer {
        check_name(name)?;
        let mut entries = self.entries()?;
        if entries.removed {
            return Err(Errno::NoEntry.into());
        }
        if entries.slots.contains_key(name) {
            return Err(Errno::Exists.into());
        }
        if let Node::Folder(folder) = &node {
            *folder.above.lock() = Arc::downgrade(self);
        }
        entries.add(name.into(), What::There(node));
        Ok(())
    }

    /// Whether a new name can be made here; asked before anything is made for it.
    fn admits(&self, name: &[u8]) -> Answer {
        self.head.tree.changes()?;
        check_name(name)?;
        let entries = self.entries()?;
        if entries.removed {
            return Err(Errno::NoEntry.into());
        }
        if entries.slots.contains_key(name) { Err(Errno::Exists.into()) } else { Ok(()) }
    }

    pub(in super::super::super) fn create_folder(
        self: &Arc<Self>,
        name: &[u8],
        now: u64,
    ) -> Answer {
        self.admits(name)?;
        let head = Head::of_program(&self.head.tree, now)?;
        self.put(name, Node::Folder(Arc::new(Self::new(head, None))))?;
        self.head.touch(now);
        Ok(())
    }

    pub(in super::super::super) fn create_link(
        self: &Arc<Self>,
        name: &[u8],
        text: &Path,
        now: u64,
    ) -> Answer {
        self.admits(name)?;
        if text.as_os_str().is_empty() {
            return Err(Errno::NoEntry.into());
        }
        let tree = &self.head.tree;
        tree.quota.take(text.as_os_str().len() as u64).map_err(|_| tree.quota.no_bytes())?;
        let head = match Head::of_program(tree, now) {
            Ok(head) => head,
            Err(error) => {
                tree.quota.give_back(text.as_os_str().len() as u64);
                return Err(error);
            }
        };
        self.put(name, Node::Link(Arc::new(LinkNode { head, text: text.into() })))?;
        self.head.touch(now);
        Ok(())
    }

    /// Opens a file that is not there yet.
    pub(in super::super::super) fn create_file(
        self: &Arc<Self>,
        name: &[u8],
        how: Opening,
        now: u64,
    ) -> Answer<Opened> {
        self.admits(name)?;
        let file = Arc::new(FileNode::create(&self.head.tree, now)?);
        self.put(name, Node::File(Arc::clone(&file)))?;
        self.head.touch(now);
        file.open(how, now)
    }

    /// Another name for what is no folder, of this tree.
    pub(in super::super::super) fn link(
        self: &Arc<Self>,
        name: &[u8],
        node: Node,
        now: u64,
    ) -> Answer {
        if matches!(node, Node::Folder(_)) {
            return Err(Errno::NotPermitted.into());
        }
        self.admits(name)?;
        if node.head().links.load(std::sync::atomic::Ordering::Relaxed) >= LINKS {
            return Err(Errno::TooManyLinks.into());
        }
        // Each name takes room of the host's, and counts as a file does.
        let quota = &self.head.tree.quota;
        quota.take_file().map_err(|_| quota.no_file())?;
        node.head().linked();
        self.put(name, node)?;
        self.mark_moved(name)?;
        self.head.touch(now);
        Ok(())
    }

    pub(in super::super::super) fn remove_file(self: &Arc<Self>, name: &[u8], now: u64) -> Answer {
        self.head.tree.changes()?;
        match self.child(name)? {
            None => Err(Errno::NoEntry.into()),
            Some(Node::Folder(_)) => Err(Errno::IsFolder.into()),
            Some(node) => {
                node.head().unlinked();
                self.entries()?.remove(name, node.head());
                self.head.touch(now);
                Ok(())
            }
        }
    }

    pub(in super::super::super) fn remove_folder(
        self: &Arc<Self>,
        name: &[u8],
        now: u64,
    ) -> Answer {
        self.head.tree.changes()?;
        match self.child(name)? {
            None => Err(Errno::NoEntry.into()),
            Some(Node::Folder(folder)) => {
                folder.retire()?;
                self.entries()?.remove(name, &folder.head);
                self.head.touch(now);
                Ok(())
            }
            Some(_) => Err(Errno::NotFolder.into()),
        }
    }

    /// Nothing can be put into it any more; what has something in it is refused.
    fn retire(&self) -> Answer {
        let mut entries = self.entries()?;
        if !entries.slots.is_empty() {
            return Err(Errno::NotEmpty.into());
        }
        entries.removed = true;
        *self.above.lock() = Weak::new();
        Ok(())
    }

    /// Gives what has a name here another one, in a folder of the same tree. What has that is replaced, as far as
    /// it may be.
    pub(in super::super::super) fn rename(
        self: &Arc<Self>,
        name: &[u8],
        to: &Arc<Self>,
        to_name: &[u8],
        now: u64,
    ) -> Answer {
        self.head.tree.changes()?;
        check_name(to_name)?;
        let node = self.child(name)?.ok_or(Errno::NoEntry)?;
        let there = to.child(to_name)?;
        if there.as_ref().is_some_and(|there| there.is_same(&node)) {
            return Ok(());
        }
        if let Node::Folder(folder) = &node
            && to.lies_in(folder)
        {
            return Err(Errno::Invalid.into());
        }
        match (&node, &there) {
            (_, None) => to.admits(to_name)?,
            (Node::Folder(_), Some(Node::Folder(there))) => {
                there.retire()?;
                to.entries()?.remove(to_name, &there.head);
            }
            (Node::Folder(_), Some(_)) => return Err(Errno::NotFolder.into()),
            (_, Some(Node::Folder(_))) => return Err(Errno::IsFolder.into()),
            (_, Some(there)) => {
                there.head().unlinked();
                to.entries()?.remove(to_name, there.head());
            }
        }
        self.entries()?.remove(name, node.head());
        to.put(to_name, node)?;
        to.mark_moved(to_name)?;
        self.head.touch(now);
        to.head.touch(now);
        Ok(())
    }

    /// Whether it is that folder, or lies in it.
    fn lies_in(self: &Arc<Self>, folder: &Arc<Self>) -> bool {
        let mut at = Some(Arc::clone(self));
        while let Some(here) = at {
            if Arc::ptr_eq(&here, folder) {
                return true;
            }
            at = here.above();
        }
        false
    }

    /// Tells of the entries from a place on until `each` has enough.
    pub(in super::super::super) fn list(
        self: &Arc<Self>,
        from: u64,
        each: &mut dyn FnMut(Entry<'_>) -> Answer<bool>,
    ) -> Answer {
        let inode = |folder: &Self| folder.head.inode;
        let above = self.above().map_or(inode(self), |above| inode(&above));
        for (place, inode, name) in [(0, inode(self), &b"."[..]), (1, above, b"..")] {
            let entry = Entry { next: place + 1, inode, kind: FileType::Folder, name };
            if from <= place && !each(entry)? {
                return Ok(());
            }
        }
        let entries = self.entries()?;
        for (order, name) in entries.order.range(from.max(FIRST)..) {
            let Some(slot) = entries.slots.get(name) else { continue };
            let (inode, kind) = match &slot.what {
                What::There(node) => (node.head().inode, node.kind()),
                What::Below { kind, inode } => (*inode, *kind),
            };
            if !each(Entry { next: order + 1, inode, kind, name })? {
                break;
            }
        }
        Ok(())
    }

    /// Puts bytes at a name, whatever was there but a folder, on the host's behalf.
    pub(in super::super::super) fn give(
        self: &Arc<Self>,
        name: &[u8],
        bytes: Arc<[u8]>,
        now: u64,
    ) -> Answer {
        match self.child(name)? {
            Some(Node::Folder(_)) => return Err(Errno::IsFolder.into()),
            Some(node) => {
                node.head().unlinked();
                self.entries()?.take(name);
            }
            None => {}
        }
        self.put(name, Node::File(Arc::new(FileNode::of_bytes(&self.head.tree, bytes, now))))
    }

    /// A link of that name, which is free, on the host's behalf.
    pub(in super::super::super) fn give_link(
        self: &Arc<Self>,
        name: &[u8],
        text: PathBuf,
        now: u64,
    ) -> Answer {
        let head = Head::new(&self.head.tree, Origin::Given, [now; 3]);
        self.put(name, Node::Link(Arc::new(LinkNode { head, text })))
    }

    /// A folder of that name, which is made on the host's behalf if it is not there.
    pub(in super::super::super) fn give_folder(
        self: &Arc<Self>,
        name: &[u8],
        now: u64,
    ) -> Answer<Arc<Self>> {
        match self.child(name)? {
            Some(Node::Folder(folder)) => Ok(folder),
            Some(_) => Err(Errno::NotFolder.into()),
            None => {
                let head = Head::new(&self.head.tree, Origin::Given, [now; 3]);
                let folder = Arc::new(Self::new(head, None));
                self.put(name, Node::Folder(Arc::clone(&folder)))?;
                Ok(folder)
            }
        }
    }

    fn mark_moved(&self, name: &[u8]) -> Answer {
        if let Some(slot) = self.entries()?.slots.get_mut(name) {
            slot.moved = true;
        }
        Ok(())
    }

    /// What it holds by now and the program may have changed. With `all` what nobody has looked at, too.
    pub(super) fn everything(self: &Arc<Self>, all: bool) -> Contents {
        if all {
            let names: Vec<_> = match self.entries() {
                Ok(entries) => entries.slots.keys().cloned().collect(),
                Err(_) => Vec::new(),
            };
            for name in names {
                // What cannot be looked at any more has gone below.
                let _ = self.child(&name);
            }
        }
        let entries = self.entries.lock();
        let there = entries.slots.iter().filter_map(|(name, slot)| match &slot.what {
            What::There(node) => Some((Arc::clone(name), node.clone(), slot.moved)),
            What::Below { .. } => None,
        });
        let gone = entries.gone.iter().filter(|name| !entries.slots.contains_key(*name));
        Contents { there: there.collect(), gone: gone.cloned().collect() }
    }

    /// Whether something that was given had this name and is gone.
    pub(super) fn had(&self, name: &[u8]) -> bool {
        self.entries.lock().gone.contains(name)
    }
}

/// What a folder holds.
pub(super) struct Contents {
    /// Each by its name, with whether the program has given it that.
    pub(super) there: Vec<(Arc<[u8]>, Node, bool)>,
    /// Names of what was given and is gone.
    pub(super) gone: Vec<Arc<[u8]>>,
}

/// Names of one file.
const LINKS: u32 = 1_000;

impl Entries {
    fn add(&mut self, name: Arc<[u8]>, what: What) {
        let order = self.next;
        self.next += 1;
        self.order.insert(order, Arc::clone(&name));
        self.slots.insert(name, Slot { order, what, moved: false });
    }

    fn take(&mut self, name: &[u8]) -> Option<Slot> {
        let slot = self.slots.remove(name)?;
        self.order.remove(&slot.order);
        Some(slot)
    }

    /// On the program's behalf: what was given is remembered.
    fn remove(&mut self, name: &[u8], head: &Head) {
        // A name that the program has given was not there before.
        let slot = self.take(name);
        if slot.is_some_and(|slot| !slot.moved) && head.origin == Origin::Given {
            self.gone.insert(name.into());
        }
    }

    fn merge(&mut self) -> Answer {
        if let Some(below) = self.below.clone() {
            below.names(&mut |name, kind, inode| {
                if !self.slots.contains_key(name) {
                    self.add(name.into(), What::Below { kind, inode });
                }
            })?;
        }
        self.merged = true;
        Ok(())
    }
}

impl Below {
    /// Tells of everything in it that a tree can show.
    fn names(&self, tell: &mut dyn FnMut(&[u8], FileType, u64)) -> Answer {
        let mut each = |entry: Entry<'_>| {
            let shown = matches!(entry.kind, FileType::Regular | FileType::Folder | FileType::Link);
            if shown && entry.name != b"." && entry.name != b".." {
                tell(entry.name, entry.kind, entry.inode);
            }
            Ok(true)
        };
        match self {
            Self::Host(folder, path) => folder.list_at(path, &mut each),
            Self::Memory(folder, _) => folder.list(0, &mut each),
        }
    }

    /// What a name in it stands for, in a tree above; `None` where it has gone or cannot be shown.
    fn node(&self, name: &[u8], tree: &Arc<Tree>) -> Answer<Option<Node>> {
        match self {
            Self::Host(folder, path) => {
                let path = path.join(std::ffi::OsStr::from_bytes(name));
                host_node(folder, path, tree)
            }
            Self::Memory(folder, path) => Ok(folder.child(name)?.map(|node| match node {
                Node::Folder(below) => {
                    let head = Head::of_below(tree, below.head.inode, *below.head.times.lock());
                    let path = path.join(std::ffi::OsStr::from_bytes(name));
                    Node::Folder(Arc::new(FolderNode::new(head, Some(Self::Memory(below, path)))))
                }
                Node::File(file) => Node::File(Arc::new(file.in_tree(tree))),
                Node::Link(link) => {
                    let head = Head::of_below(tree, link.head.inode, *link.head.times.lock());
                    Node::Link(Arc::new(LinkNode { head, text: link.text.clone() }))
                }
                device @ Node::Device(_) => device,
            })),
        }
    }
}

fn host_node(
    folder: &super::host::Folder,
    path: PathBuf,
    tree: &Arc<Tree>,
) -> Answer<Option<Node>> {
    let stat = match folder.stat(&path, false) {
        Ok(stat) => stat,
        Err(Failure::Errno(Errno::NoEntry)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let head = || Head::of_stat(tree, &stat);
    Ok(match stat.kind {
        FileType::Folder => {
            let below = Some(Below::Host(folder.clone(), path));
            Some(Node::Folder(Arc::new(FolderNode::new(head(), below))))
        }
        FileType::Regular => {
            Some(Node::File(Arc::new(FileNode::of_host(tree, folder.clone(), path, &stat))))
        }
        FileType::Link => {
            let text = folder.link_text(&path)?;
            Some(Node::Link(Arc::new(LinkNode { head: head(), text })))
        }
        _ => None,
    })
}

impl Drop for FolderNode {
    /// One after another: folders may lie as deep in one another as the quota allows, and the stack is not so deep.
    fn drop(&mut self) {
        let mut left: Vec<Slot> =
            std::mem::take(&mut self.entries.get_mut().slots).into_values().collect();
        while let Some(slot) = left.pop() {
            if let What::There(Node::Folder(folder)) = slot.what
                && let Some(folder) = Arc::into_inner(folder)
            {
                left.extend(std::mem::take(&mut folder.entries.lock().slots).into_values());
            }
        }
    }
}
