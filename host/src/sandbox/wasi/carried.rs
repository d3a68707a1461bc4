//! What of the system goes along when a guest goes on elsewhere: clocks, trees in memory, open files.
//!
//! Files are opened again, by their paths, under what is granted there; those of trees in memory are the same ones
//! also when they have other names or none by now. What cannot be opened keeps its number, and says why.

use super::Context;
use super::clocks::{Readings, Stream};
use super::descriptors::{Descriptor, Numbered, OpenFile, OpenFolder};
use super::mounts::OpenedAt;
use super::output::Stdout;
use super::tree::memory::{Collected, NoTree, Node, TreeState};
use super::tree::{File, Folder, Opened, Opening};
use super::{Input, Stdin};
use crate::error::LimitExceeded;
use crate::policy::Quota;
use crate::sandbox::travel::{Bytes, Damaged, Travel, travels, unknown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What one guest has of the system, as data.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) clocks: Readings,
    /// Where its random bytes go on, if they are made of a seed.
    entropy: Option<Stream>,
    /// Its own trees, by the paths at which they are mounted.
    trees: Vec<(PathBuf, TreeState)>,
    /// Bytes and files that it has added to folders of the host.
    folders: Vec<(PathBuf, (u64, u64))>,
    descriptors: Vec<Option<Kept>>,
}

travels!(Carried { clocks, entropy, trees, folders, descriptors });

/// What a descriptor is of.
#[derive(Clone, Debug)]
enum Kept {
    Input,
    Output {
        is_stderr: bool,
    },
    /// The beginning of all paths.
    Root,
    Folder(Arc<str>),
    File(KeptFile),
    Lost(Arc<str>),
    /// The same as this lower number.
    Same(u32),
}

#[derive(Clone, Debug)]
struct KeptFile {
    path: Arc<str>,
    flags: u32,
    position: u64,
    reads: bool,
    writes: bool,
    /// Which file of the host it was, if it is one: a number for its device and inode.
    identity: Option<u64>,
    /// The tree in memory and the number in it, if it is in one of the guest's own.
    node: Option<(u32, u32)>,
}

travels!(KeptFile { path, flags, position, reads, writes, identity, node });

impl Travel for Kept {
    fn put(&self, out: &mut Vec<u8>) {
        let number: u8 = match self {
            Self::Input => 0,
            Self::Output { is_stderr: false } => 1,
            Self::Output { is_stderr: true } => 2,
            Self::Root => 3,
            Self::Folder(_) => 4,
            Self::File(_) => 5,
            Self::Lost(_) => 6,
            Self::Same(_) => 7,
        };
        number.put(out);
        match self {
            Self::Folder(text) | Self::Lost(text) => text.put(out),
            Self::File(file) => file.put(out),
            Self::Same(number) => number.put(out),
            Self::Input | Self::Output { .. } | Self::Root => {}
        }
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        Ok(match u8::take(from)? {
            0 => Self::Input,
            1 => Self::Output { is_stderr: false },
            2 => Self::Output { is_stderr: true },
            3 => Self::Root,
            4 => Self::Folder(Travel::take(from)?),
            5 => Self::File(Travel::take(from)?),
            6 => Self::Lost(Travel::take(from)?),
            7 => Self::Same(Travel::take(from)?),
            other => return unknown("a descriptor", other),
        })
    }
}

impl Carried {
    /// Lets random bytes go on elsewhere, where they are made of a seed.
    pub(crate) fn set_entropy(&mut self, stream: Option<Stream>) {
        self.entropy = stream;
    }
}

/// How a guest goes on elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Branch {
    /// Beside the one that it was: a file has to be the same one still.
    Fork,
    /// In its place, perhaps on another machine: a file is what its path leads to.
    Restore,
}

/// More numbers than any table of descriptors has.
const MOST_NUMBERS: usize = 1 << 16;

/// What a connection says that did not go along.
const CONNECTION: &str = "a connection of the interpreter that this one began as: connections do not go along, open it again";

impl Context {
    /// What goes along. Standard streams are told from others by these.
    pub(crate) fn carried(&self, stdout: &Stdout, stderr: &Stdout) -> Carried {
        let (mut trees, mut folders) = (Vec::new(), Vec::new());
        for (path, tree) in self.namespace.mounted() {
            match tree {
                Folder::Memory(root) if root.tree().changes().is_ok() => {
                    trees.push((path, Collected::of(root)));
                }
                Folder::Memory(_) => {}
                Folder::Host(folder) => {
                    if let Some(Quota { bytes, files }) = folder.added() {
                        folders.push((path, (bytes, files)));
                    }
                }
            }
        }
        let descriptors = self.descriptors.all().map(|descriptor| {
            let descriptor = match descriptor? {
                Numbered::Is(descriptor) => descriptor,
                Numbered::Same(number) => return Some(Kept::Same(number)),
            };
            Some(match descriptor {
                Descriptor::Input(_) => Kept::Input,
                Descriptor::Output(output) if output.is(stdout) => {
                    Kept::Output { is_stderr: false }
                }
                Descriptor::Output(output) if output.is(stderr) => Kept::Output { is_stderr: true },
                Descriptor::Output(_) => Kept::Lost("a stream that is no more".into()),
                Descriptor::Folder(folder) if folder.granted => Kept::Root,
                Descriptor::Folder(folder) => Kept::Folder(Arc::clone(&folder.path)),
                Descriptor::File(file) => Kept::File(KeptFile::of(file, &mut trees)),
                Descriptor::Socket(_) | Descriptor::Tls(_) => Kept::Lost(CONNECTION.into()),
                Descriptor::Lost(why) => Kept::Lost(Arc::clone(why)),
            })
        });
        let descriptors = descriptors.collect();
        Carried {
            clocks: self.clocks.readings(),
            entropy: self.entropy.place(),
            trees: trees.into_iter().map(|(path, tree)| (path, tree.finish())).collect(),
            folders,
            descriptors,
        }
    }

    /// A stream of random bytes for a copy of the guest, where they are made of a seed.
    pub(crate) fn branch_entropy(&mut self) -> Option<Stream> {
        self.entropy.branch()
    }

    /// A copy of the guest's standard input.
    pub(crate) fn branch_input(&self) -> Input {
        let stdin = self.descriptors.each().find_map(|descriptor| match descriptor {
            Descriptor::Input(stdin) => Some(stdin.branch()),
            _ => None,
        });
        stdin.unwrap_or_else(Input::empty)
    }

    /// Begins with what another guest has had, as far as it is granted here.
    ///
    /// # Errors
    ///
    /// More files are open, or more is in a tree, than these limits allow; what was written down is damaged.
    pub(crate) fn go_on(&mut self, from: &Carried, how: Branch) -> Result<(), NoWay> {
        self.clocks.go_on(&from.clocks);
        if let Some(stream) = &from.entropy {
            self.entropy.go_on(stream);
        }
        let mut nodes = Vec::new();
        for (path, state) in &from.trees {
            let found = self.namespace.mounted().find_map(|(at, tree)| match tree {
                Folder::Memory(root) if at == *path && root.tree().changes().is_ok() => {
                    Some(Arc::clone(root))
                }
                _ => None,
            });
            nodes.push(match found {
                Some(root) => state.fill(&root).map_err(|error| NoWay::of(path, error))?,
                None => Vec::new(),
            });
        }
        for (path, (bytes, files)) in &from.folders {
            for (at, tree) in self.namespace.mounted() {
                if let (true, Folder::Host(folder)) = (at == *path, tree) {
                    folder.go_on(Quota { bytes: *bytes, files: *files });
                }
            }
        }
        self.reopen(&from.descriptors, &nodes, how)
    }

    fn reopen(
        &mut self,
        kept: &[Option<Kept>],
        nodes: &[Vec<Node>],
        how: Branch,
    ) -> Result<(), NoWay> {
        if kept.len() > MOST_NUMBERS {
            let said = format!("{} numbers of descriptors", kept.len());
            return Err(NoWay::Damaged(Damaged(said)));
        }
        let mut streams: Vec<_> =
            (0..4).map(|fd| self.descriptors.remove(fd).ok().flatten()).collect();
        let mut stream = |at: usize| streams.get_mut(at).and_then(Option::take);
        let (stdin, stdout, stderr, root) = (stream(0), stream(1), stream(2), stream(3));
        let (mut stdin, mut root) = (stdin, root);
        let outputs = [stdout, stderr].map(|output| match output {
            Some(Descriptor::Output(output)) => Some(output),
            _ => None,
        });
        let all = kept.iter().map(|kept| {
            Some(Numbered::Is(match kept.as_ref()? {
                Kept::Input => {
                    let another = || Descriptor::Input(Stdin::new(Input::empty()));
                    stdin.take().unwrap_or_else(another)
                }
                Kept::Output { is_stderr } => {
                    let output = outputs.get(usize::from(*is_stderr)).cloned().flatten();
                    let lost = || Descriptor::Lost("a stream that is no more".into());
                    output.map_or_else(lost, Descriptor::Output)
                }
                Kept::Root => match root.take() {
                    Some(root) => root,
                    None => Descriptor::Lost("a second beginning of all paths".into()),
                },
                Kept::Folder(path) => match self.reopen_folder(path) {
                    Ok(folder) => Descriptor::Folder(folder),
                    Err(why) => lost("folder", path, &why),
                },
                Kept::File(file) => match self.reopen_file(file, nodes, how) {
                    Ok(open) => Descriptor::File(open),
                    Err(why) => lost("file", &file.path, &why),
                },
                Kept::Lost(why) => Descriptor::Lost(Arc::clone(why)),
                Kept::Same(number) => return Some(Numbered::Same(*number)),
            }))
        });
        let all = all.collect();
        Ok(self.descriptors.replace(all)?)
    }

    fn reopen_folder(&self, path: &Arc<str>) -> Result<OpenFolder, String> {
        let how = Opening { follow: true, read: true, directory: true, ..Opening::default() };
        let found = self.at(Path::new(&**path), true).and_then(|found| found.open(how, self.now()));
        match found {
            Ok(OpenedAt::Folder(position)) => {
                Ok(OpenFolder { position, path: Arc::clone(path), granted: false })
            }
            Ok(OpenedAt::File(_)) => Err("it is a file by now".into()),
            Err(failure) => Err(failure.said()),
        }
    }

    fn reopen_file(
        &self,
        kept: &KeptFile,
        nodes: &[Vec<Node>],
        how: Branch,
    ) -> Result<OpenFile, String> {
        use super::abi::fdflags;
        let has = |flags: u32| kept.flags & flags != 0;
        let opening = Opening {
            follow: true,
            read: kept.reads,
            write: kept.writes,
            append: has(fdflags::APPEND),
            sync: has(fdflags::SYNC | fdflags::RSYNC),
            data_sync: has(fdflags::DSYNC),
            ..Opening::default()
        };
        let file = match kept.node {
            Some((tree, node)) => {
                let node = nodes.get(tree as usize).and_then(|nodes| nodes.get(node as usize));
                let Some(Node::File(file)) = node else {
                    return Err("it lies in a tree that is not granted here".into());
                };
                match file.open(opening, self.now()) {
                    Ok(Opened::File(file)) => file,
                    Ok(Opened::Folder(_)) => return Err("it is a folder by now".into()),
                    Err(failure) => return Err(failure.said()),
                }
            }
            None => {
                let found = self.at(Path::new(&*kept.path), true);
                match found.and_then(|found| found.open(opening, self.now())) {
                    Ok(OpenedAt::File(file)) => file,
                    Ok(OpenedAt::Folder(_)) => return Err("it is a folder by now".into()),
                    Err(failure) => return Err(failure.said()),
                }
            }
        };
        let same = kept.identity.is_none() || kept.identity == identity(&file);
        if how == Branch::Fork && !same {
            return Err("it is another file by now".into());
        }
        let KeptFile { position, flags, path, .. } = kept;
        Ok(OpenFile {
            file,
            position: *position,
            flags: *flags & fdflags::ALL,
            path: Arc::clone(path),
        })
    }
}

impl KeptFile {
    fn of(open: &OpenFile, trees: &mut [(PathBuf, Collected)]) -> Self {
        let node = match &open.file {
            File::Memory(file) => {
                let (node, mut trees) = (file.node(), (0u32..).zip(trees));
                let tree = trees.find(|(_, (_, tree))| tree.is_of(node.tree()));
                tree.map(|(at, (_, tree))| (at, tree.file(node)))
            }
            File::Host(_) | File::Device { .. } => None,
        };
        Self {
            path: Arc::clone(&open.path),
            flags: open.flags,
            position: open.position,
            reads: open.file.reads(),
            writes: open.file.writes(),
            identity: identity(&open.file),
            node,
        }
    }
}

/// Which file of the host it is.
fn identity(file: &File) -> Option<u64> {
    match file {
        File::Host(file) => file.stat().ok().map(|stat| stat.inode),
        File::Memory(_) | File::Device { .. } => None,
    }
}

fn lost(what: &str, path: &str, why: &str) -> Descriptor {
    Descriptor::Lost(
        format!("the {what} {path:?} of the interpreter that this one began as cannot be opened again: {why}")
            .into(),
    )
}

/// Why a guest cannot go on with these grants and limits.
#[derive(Debug)]
pub(crate) enum NoWay {
    Limit(LimitExceeded),
    /// A tree does not fit, in words.
    Grant(String),
    Damaged(Damaged),
}

impl From<LimitExceeded> for NoWay {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

impl NoWay {
    fn of(path: &Path, error: NoTree) -> Self {
        match error {
            NoTree::NoRoom(bytes, files) => Self::Grant(format!(
                "guest path {:?}: {bytes} bytes and {files} files are in it, more than its quota or the limit host_memory \
                 allows (raise them)",
                path.display()
            )),
            NoTree::Damaged(damaged) => Self::Damaged(damaged),
        }
    }
}
