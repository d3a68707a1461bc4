//! A tree in memory as data: what goes along when its guest goes on elsewhere. Pages are shared, not copied.

use super::content::{PAGE, Pages};
use super::file::{Data, FileNode};
use super::folder::{Entries, Slot, What};
use super::{Below, FolderNode, Head, LinkNode, Node, Origin, Tree, check_name};
use crate::sandbox::travel::{Bytes, Damaged, Travel, travels, unknown};
use crate::sandbox::wasi::abi::FileType;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The nodes of a tree. The first is its first folder; a folder lies in one that comes before it.
#[derive(Clone, Debug)]
pub(in crate::sandbox::wasi) struct TreeState {
    inodes: u64,
    nodes: Vec<NodeState>,
}

travels!(TreeState { inodes, nodes });

#[derive(Clone, Debug)]
struct NodeState {
    inode: u64,
    times: [u64; 3],
    by_program: bool,
    what: Kind,
}

travels!(NodeState { inode, times, by_program, what });

#[derive(Clone, Debug)]
enum Kind {
    Folder(FolderState),
    File(FileState),
    Link(PathBuf),
}

#[derive(Clone, Debug)]
struct FolderState {
    /// The path to what it shows beside its own, in what the first folder shows.
    below: Option<PathBuf>,
    merged: bool,
    removed: bool,
    next: u64,
    entries: Vec<EntryState>,
    gone: Vec<Arc<[u8]>>,
}

travels!(FolderState { below, merged, removed, next, entries, gone });

#[derive(Clone, Debug)]
struct EntryState {
    name: Arc<[u8]>,
    order: u64,
    moved: bool,
    to: To,
}

travels!(EntryState { name, order, moved, to });

#[derive(Clone, Copy, Debug)]
enum To {
    /// A node by its number.
    Node(u32),
    /// What lies below and was not looked at.
    Below(FileType, u64),
}

#[derive(Clone, Debug)]
struct FileState {
    changed: bool,
    data: Content,
}

travels!(FileState { changed, data });

#[derive(Clone, Debug)]
enum Content {
    Own(Pages),
    Shared(Arc<[u8]>),
    /// A file of the host's below, by its path there, and its size.
    Host(PathBuf, u64),
}

impl Travel for Kind {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Folder(folder) => {
                0u8.put(out);
                folder.put(out);
            }
            Self::File(file) => {
                1u8.put(out);
                file.put(out);
            }
            Self::Link(text) => {
                2u8.put(out);
                text.put(out);
            }
        }
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        Ok(match u8::take(from)? {
            0 => Self::Folder(Travel::take(from)?),
            1 => Self::File(Travel::take(from)?),
            2 => Self::Link(Travel::take(from)?),
            other => return unknown("a node of a tree", other),
        })
    }
}

impl Travel for To {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Node(number) => {
                0u8.put(out);
                number.put(out);
            }
            Self::Below(kind, inode) => {
                (*kind as u8 + 1).put(out);
                inode.put(out);
            }
        }
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        let kind = match u8::take(from)? {
            0 => return Ok(Self::Node(Travel::take(from)?)),
            1 => FileType::Unknown,
            3 => FileType::CharacterDevice,
            4 => FileType::Folder,
            5 => FileType::Regular,
            8 => FileType::Link,
            other => return unknown("an entry of a folder", other),
        };
        Ok(Self::Below(kind, Travel::take(from)?))
    }
}

impl Travel for Content {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Own(pages) => {
                0u8.put(out);
                pages.len.put(out);
                u32::try_from(pages.pages.len()).unwrap_or(u32::MAX).put(out);
                for page in &pages.pages {
                    page.is_some().put(out);
                    out.extend_from_slice(page.as_ref().map_or(&[], |page| &page[..]));
                }
            }
            Self::Shared(bytes) => {
                1u8.put(out);
                bytes.put(out);
            }
            Self::Host(path, len) => {
                2u8.put(out);
                path.put(out);
                len.put(out);
            }
        }
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        Ok(match u8::take(from)? {
            0 => {
                let (len, count) = (u64::take(from)?, u32::take(from)?);
                if Pages::price(len) / PAGE as u64 != u64::from(count) {
                    return Err(Damaged(format!("a file of {len} bytes in {count} pages")));
                }
                from.take_room::<Option<Arc<[u8; PAGE]>>>(count as usize)?;
                let mut pages = Vec::new();
                for _ in 0..count {
                    pages.push(match bool::take(from)? {
                        true => {
                            let mut page = [0; PAGE];
                            page.copy_from_slice(from.next(PAGE)?);
                            Some(Arc::new(page))
                        }
                        false => None,
                    });
                }
                Self::Own(Pages { pages, len })
            }
            1 => Self::Shared(Travel::take(from)?),
            2 => Self::Host(Travel::take(from)?, Travel::take(from)?),
            other => return unknown("the content of a file", other),
        })
    }
}

/// A tree that is being written down.
#[derive(Debug)]
pub(in crate::sandbox::wasi) struct Collected {
    tree: Arc<Tree>,
    state: TreeState,
    /// The numbers of nodes by where their heads lie.
    numbers: HashMap<usize, u32>,
}

impl Collected {
    /// Everything that has a name below a tree's first folder.
    pub(in crate::sandbox::wasi) fn of(root: &Arc<FolderNode>) -> Self {
        let tree = Arc::clone(root.tree());
        let inodes = tree.inodes.load(Ordering::Relaxed);
        let state = TreeState { inodes, nodes: Vec::new() };
        let mut this = Self { tree, state, numbers: HashMap::new() };
        let mut left = vec![Arc::clone(root)];
        this.number(&Node::Folder(Arc::clone(root)));
        // One after another: what a folder holds comes behind it.
        while let Some(folder) = left.pop() {
            let at = this.number(&Node::Folder(Arc::clone(&folder)));
            let state = this.folder(&folder, &mut left);
            if let Some(node) = this.state.nodes.get_mut(at as usize) {
                node.what = Kind::Folder(state);
            }
        }
        this
    }

    /// Whether this is of the same tree.
    pub(in crate::sandbox::wasi) fn is_of(&self, tree: &Arc<Tree>) -> bool {
        Arc::ptr_eq(&self.tree, tree)
    }

    /// The number of a file, which may have no name any more.
    pub(in crate::sandbox::wasi) fn file(&mut self, file: &Arc<FileNode>) -> u32 {
        self.number(&Node::File(Arc::clone(file)))
    }

    pub(in crate::sandbox::wasi) fn finish(self) -> TreeState {
        self.state
    }

    fn number(&mut self, node: &Node) -> u32 {
        let head = node.head();
        let next = u32::try_from(self.state.nodes.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(std::ptr::from_ref(head).addr()).or_insert(next);
        if number == next {
            self.state.nodes.push(NodeState {
                inode: head.inode,
                times: *head.times.lock(),
                by_program: head.origin == Origin::Program,
                what: match node {
                    Node::File(file) => Kind::File(FileState {
                        changed: file.is_changed(),
                        data: match &*file.data.lock() {
                            Data::Own(pages) => Content::Own(pages.clone()),
                            Data::Shared(bytes) => Content::Shared(Arc::clone(bytes)),
                            Data::Host(_, path, len) => Content::Host(path.clone(), *len),
                        },
                    }),
                    Node::Link(link) => Kind::Link(link.text.clone()),
                    // What is in it is written down by itself; devices are never asked for here.
                    Node::Folder(_) | Node::Device(_) => Kind::Link(PathBuf::new()),
                },
            });
        }
        number
    }

    fn folder(&mut self, folder: &Arc<FolderNode>, left: &mut Vec<Arc<FolderNode>>) -> FolderState {
        let entries = folder.entries.lock();
        let below = entries.below.as_ref().map(|below| match below {
            Below::Host(_, path) | Below::Memory(_, path) => path.clone(),
        });
        let entry = |(name, slot): (&Arc<[u8]>, &Slot)| {
            let to = match &slot.what {
                What::There(Node::Device(device)) => {
                    To::Below(FileType::CharacterDevice, device.head.inode)
                }
                What::There(node) => {
                    if let Node::Folder(folder) = node {
                        left.push(Arc::clone(folder));
                    }
                    To::Node(self.number(node))
                }
                What::Below { kind, inode } => To::Below(*kind, *inode),
            };
            EntryState { name: Arc::clone(name), order: slot.order, moved: slot.moved, to }
        };
        FolderState {
            below,
            merged: entries.merged,
            removed: entries.removed,
            next: entries.next,
            entries: entries.slots.iter().map(entry).collect(),
            gone: entries.gone.iter().cloned().collect(),
        }
    }
}

/// Why a tree cannot be as it was.
#[derive(Debug)]
pub(in crate::sandbox::wasi) enum NoTree {
    /// Its quota, or what the host may hold for the guest, is too small: bytes and files that there are.
    NoRoom(u64, u64),
    Damaged(Damaged),
}

impl From<Damaged> for NoTree {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged(damaged)
    }
}

impl TreeState {
    /// Bytes and files that it takes of a quota.
    fn price(&self) -> (u64, u64) {
        let mut names = 0;
        let (mut bytes, mut files) = (0u64, 0u64);
        for node in self.nodes.iter() {
            files += u64::from(node.by_program);
            bytes = bytes.saturating_add(match &node.what {
                Kind::File(FileState { data: Content::Own(pages), .. }) => Pages::price(pages.len),
                Kind::Link(text) if node.by_program => text.as_os_str().len() as u64,
                Kind::Folder(folder) => {
                    let named = |entry: &&EntryState| matches!(entry.to, To::Node(_));
                    names += folder.entries.iter().filter(named).count() as u64;
                    0
                }
                _ => 0,
            });
        }
        // Each name of a file beyond its first.
        let first = self.nodes.len() as u64 - 1;
        (bytes, files + names.saturating_sub(first))
    }

    /// Fills a tree that nobody has used with these nodes; gives them by number. What they take is paid for.
    pub(in crate::sandbox::wasi) fn fill(
        &self,
        root: &Arc<FolderNode>,
    ) -> Result<Vec<Node>, NoTree> {
        if !matches!(self.nodes.first(), Some(NodeState { what: Kind::Folder(_), .. })) {
            return Err(Damaged("a tree without a first folder".into()).into());
        }
        let tree = root.tree();
        let no_room = |_| {
            let (bytes, files) = self.price();
            NoTree::NoRoom(bytes, files)
        };
        tree.inodes.fetch_max(self.inodes, Ordering::Relaxed);
        let below = root.entries.lock().below.clone();
        let mut nodes = vec![Node::Folder(Arc::clone(root))];
        *root.head().times.lock() = self.nodes.first().map_or([0; 3], |node| node.times);
        for state in self.nodes.iter().skip(1) {
            if state.by_program {
                tree.quota.take_file().map_err(no_room)?;
            }
            let head = Head {
                tree: Arc::clone(tree),
                inode: state.inode,
                origin: if state.by_program { Origin::Program } else { Origin::Given },
                links: AtomicU32::new(0),
                times: Mutex::new(state.times),
            };
            nodes.push(match &state.what {
                Kind::Folder(_) => Node::Folder(Arc::new(FolderNode::new(head, None))),
                Kind::File(file) => {
                    let data = match &file.data {
                        Content::Own(pages) => {
                            tree.quota.take(Pages::price(pages.len)).map_err(no_room)?;
                            Data::Own(pages.clone())
                        }
                        Content::Shared(bytes) => Data::Shared(Arc::clone(bytes)),
                        Content::Host(path, len) => match &below {
                            Some(Below::Host(folder, _)) => {
                                Data::Host(folder.clone(), path.clone(), *len)
                            }
                            _ => {
                                let said = "a file of a folder of the host that is not granted";
                                return Err(Damaged(said.into()).into());
                            }
                        },
                    };
                    let node = FileNode::new(head, data);
                    node.changed.store(file.changed, Ordering::Relaxed);
                    Node::File(Arc::new(node))
                }
                Kind::Link(text) => {
                    if state.by_program {
                        let price = text.as_os_str().len() as u64;
                        tree.quota.take(price).map_err(no_room)?;
                    }
                    Node::Link(Arc::new(LinkNode { head, text: text.clone() }))
                }
            });
        }
        let mut has_place = vec![false; nodes.len()];
        for (at, (state, node)) in self.nodes.iter().zip(&nodes).enumerate() {
            if let (Kind::Folder(state), Node::Folder(folder)) = (&state.what, node) {
                let below = state.below.as_deref();
                let below = below.and_then(|path| there(below_root(&nodes)?, path));
                let entries = Self::entries(state, at, &nodes, &mut has_place, (folder, below))
                    .map_err(|error| match error {
                        Unmade::NoRoom => no_room(0),
                        Unmade::Damaged(damaged) => damaged.into(),
                    })?;
                *folder.entries.lock() = entries;
            }
        }
        Ok(nodes)
    }

    fn entries(
        state: &FolderState,
        at: usize,
        nodes: &[Node],
        has_place: &mut [bool],
        (folder, below): (&Arc<FolderNode>, Option<Below>),
    ) -> Result<Entries, Unmade> {
        let damaged = |said: &str| Err(Unmade::Damaged(Damaged(said.into())));
        let FolderState { merged, removed, next, .. } = *state;
        let gone = state.gone.iter().cloned().collect();
        if next > MOST_ENTRIES {
            return damaged("a folder of too many names");
        }
        let mut entries = Entries { below, merged, removed, next, gone, ..Entries::default() };
        for EntryState { name, order, moved, to } in &state.entries {
            if check_name(name).is_err() || *order >= next {
                return damaged("a name that no file has");
            }
            let what = match *to {
                To::Below(kind, inode) => What::Below { kind, inode },
                To::Node(number) => {
                    let number = number as usize;
                    let Some(node) = nodes.get(number) else {
                        return damaged("a name for nothing");
                    };
                    let is_first =
                        !std::mem::replace(has_place.get_mut(number).ok_or(Unmade::NoRoom)?, true);
                    match node {
                        Node::Folder(inner) if number > at && is_first => {
                            *inner.above.lock() = Arc::downgrade(folder);
                        }
                        Node::Folder(_) => return damaged("a folder that lies in itself"),
                        _ if !is_first => {
                            let quota = &node.head().tree.quota;
                            quota.take_file().map_err(|_| Unmade::NoRoom)?;
                        }
                        _ => {}
                    }
                    node.head().linked();
                    What::There(node.clone())
                }
            };
            let is_new = entries.order.insert(*order, Arc::clone(name)).is_none();
            let slot = Slot { order: *order, what, moved: *moved };
            if entries.slots.insert(Arc::clone(name), slot).is_some() || !is_new {
                return damaged("two files of one name");
            }
        }
        Ok(entries)
    }
}

/// More names than any folder has had.
const MOST_ENTRIES: u64 = 1 << 48;

enum Unmade {
    NoRoom,
    Damaged(Damaged),
}

/// What the first folder shows beside its own.
fn below_root(nodes: &[Node]) -> Option<Below> {
    match nodes.first()? {
        Node::Folder(root) => root.entries.lock().below.clone(),
        _ => None,
    }
}

/// What lies at a path there; nothing, where it is no more.
fn there(root: Below, path: &Path) -> Option<Below> {
    match root {
        Below::Host(folder, _) => Some(Below::Host(folder, path.to_owned())),
        Below::Memory(mut folder, _) => {
            for name in path.components() {
                let Component::Normal(name) = name else { return None };
                use std::os::unix::ffi::OsStrExt;
                folder = match folder.child(name.as_bytes()).ok()?? {
                    Node::Folder(folder) => folder,
                    _ => return None,
                };
            }
            Some(Below::Memory(folder, path.to_owned()))
        }
    }
}
