//! The guest's namespace: one tree of names, in which trees are mounted at their paths.
//!
//! A path is followed from name to name. What lies below a folder of the host is left to the host, which never
//! leaves that folder; but `..` is taken off the text before, as it may lead to another tree.

use super::abi::{Entry, FileStat, FileType, SetTime};
use super::errno::{Answer, Errno, Failure};
use super::tree::host;
use super::tree::memory::{FolderNode, Node};
use super::tree::{Folder, Opened, Opening, Place};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// As many links as a system follows.
const LINKS: u32 = 40;

/// As many `..` in folders of the host are followed in one path: nobody looks at the deadline meanwhile.
const UPS: u32 = 256;

/// The longest name, as on Linux.
const LONGEST_NAME: usize = 255;

/// Bit of the places in a listing that stand for what is mounted.
const MOUNTED: u64 = 1 << 63;

/// The names at which trees are mounted, and those on the way.
#[derive(Clone, Debug)]
pub(super) struct Shape(Vec<Name>);

#[derive(Clone, Debug, Default)]
struct Name {
    above: usize,
    name: Box<[u8]>,
    below: BTreeMap<Box<[u8]>, usize>,
    /// Which of the trees is mounted here.
    tree: Option<usize>,
}

impl Default for Shape {
    fn default() -> Self {
        Self(vec![Name::default()])
    }
}

impl Shape {
    /// Mounts a tree at a path; gives `false` where one is already.
    pub(super) fn mount(&mut self, path: &str, tree: usize) -> bool {
        let mut at = 0;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let next = self.0.len();
            let Some(here) = self.0.get_mut(at) else { return false };
            let found = *here.below.entry(name.as_bytes().into()).or_insert(next);
            if found == next {
                let name = name.as_bytes().into();
                self.0.push(Name { above: at, name, ..Name::default() });
            }
            at = found;
        }
        match self.0.get_mut(at) {
            Some(here) if here.tree.is_none() => here.tree = Some(tree),
            _ => return false,
        }
        true
    }

    /// The same, with no tree at a path.
    pub(super) fn without(mut self, path: &str) -> Self {
        let mut at = Some(0);
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = at.and_then(|at| self.0.get(at)?.below.get(name.as_bytes()).copied());
        }
        if let Some(name) = at.and_then(|at| self.0.get_mut(at)) {
            name.tree = None;
        }
        self
    }

    fn get(&self, at: usize) -> Answer<&Name> {
        Ok(self.0.get(at).ok_or(Errno::Io)?)
    }
}

/// One guest's namespace.
#[derive(Debug)]
pub(super) struct Namespace {
    shape: Arc<Shape>,
    trees: Vec<Folder>,
}

/// A folder that a guest has: where it is among the mounted ones, and what is in it.
#[derive(Clone, Debug)]
pub(super) struct Position {
    /// The number of its name in the shape, if it has one there.
    mount: Option<usize>,
    /// Nothing, for a name that only leads to others.
    inner: Option<Folder>,
}

impl Position {
    /// A folder by itself.
    pub(super) fn folder(folder: Folder) -> Self {
        Self { mount: None, inner: Some(folder) }
    }
}

/// Whether a link is followed that is a path's last name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    Yes,
    /// Only where a slash behind it asks for a folder.
    Slash,
    /// For what gives names and takes them away.
    Never,
}

impl Follow {
    pub(super) fn yes(follow: bool) -> Self {
        if follow { Self::Yes } else { Self::Slash }
    }
}

/// Where a path leads.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// A folder that has been reached: where the path began, or where a tree is mounted.
    Here(Position),
    /// Anything else.
    At(Place<'a>),
    /// Below no tree: a name that only leads to others has no other names.
    Nowhere,
}

/// Where a walk has come to.
#[derive(Clone)]
enum Inner {
    Nothing,
    Memory(Arc<FolderNode>),
    /// Below a folder of the host.
    Host(host::Folder, PathBuf),
}

struct Walk<'a> {
    names: &'a Namespace,
    start: &'a Position,
    mount: Option<usize>,
    inner: Inner,
    /// The mounted name that was left last, and how many names ago.
    left: Option<(usize, usize)>,
    links: u32,
    /// How often a folder of the host was left by `..`, which the host is asked for each time.
    ups: u32,
}

impl Namespace {
    pub(super) fn new(shape: Arc<Shape>, trees: Vec<Folder>) -> Self {
        Self { shape, trees }
    }

    /// The beginning of all paths.
    pub(super) fn root(&self) -> Position {
        Position { mount: Some(0), inner: self.tree(0).cloned() }
    }

    /// Every tree, and the path that it is mounted at.
    pub(super) fn mounted(&self) -> impl Iterator<Item = (PathBuf, &Folder)> {
        let path = |mut at: usize| {
            let mut names = Vec::new();
            while let Some(name) = self.shape.0.get(at).filter(|_| at != 0) {
                names.push(OsStr::from_bytes(&name.name));
                at = name.above;
            }
            let mut path = PathBuf::from("/");
            path.extend(names.into_iter().rev());
            path
        };
        (0..self.shape.0.len()).filter_map(move |at| Some((path(at), self.tree(at)?)))
    }

    /// The tree that is mounted at a name.
    fn tree(&self, at: usize) -> Option<&Folder> {
        self.trees.get(self.shape.0.get(at)?.tree?)
    }

    /// Follows a path from a folder.
    pub(super) fn find<'a>(
        &self,
        from: &Position,
        path: &'a Path,
        follow: Follow,
    ) -> Answer<Found<'a>> {
        let path_bytes = path.as_os_str().as_bytes();
        if let (None, Some(Folder::Host(folder))) = (from.mount, &from.inner) {
            return Ok(Found::At(Place::Host(folder.clone(), Cow::Borrowed(path))));
        }
        if path_bytes.is_empty() {
            return Err(Errno::NoEntry.into());
        }
        if path_bytes.first() == Some(&b'/') {
            return Err(Failure::escape());
        }
        let mut walk = Walk {
            names: self,
            start: from,
            mount: from.mount,
            inner: Inner::Nothing,
            left: None,
            links: 0,
            ups: 0,
        };
        walk.inner = match (&from.inner, from.mount) {
            (Some(Folder::Memory(folder)), None) => Inner::Memory(Arc::clone(folder)),
            (_, Some(mount)) => walk.inside(mount)?,
            (_, None) => Inner::Nothing,
        };
        walk.follow(Cow::Borrowed(path_bytes), follow)
    }
}

impl<'n> Walk<'n> {
    /// What is at a mounted name.
    fn inside(&self, mount: usize) -> Answer<Inner> {
        match self.names.tree(mount) {
            Some(Folder::Memory(folder)) => return Ok(Inner::Memory(Arc::clone(folder))),
            Some(Folder::Host(folder)) => return Ok(Inner::Host(folder.clone(), PathBuf::new())),
            None if mount == 0 => return Ok(Inner::Nothing),
            None => {}
        }
        let name = self.names.shape.get(mount)?;
        Ok(match self.inside(name.above)? {
            Inner::Nothing => Inner::Nothing,
            Inner::Memory(folder) => match folder.child(&name.name)? {
                Some(Node::Folder(folder)) => Inner::Memory(folder),
                _ => Inner::Nothing,
            },
            Inner::Host(folder, path) => {
                Inner::Host(folder, path.join(OsStr::from_bytes(&name.name)))
            }
        })
    }

    fn follow<'a>(mut self, path: Cow<'_, [u8]>, follow: Follow) -> Answer<Found<'a>> {
        let mut text = path.into_owned();
        let mut at = 0;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let skipped = rest.iter().take_while(|byte| **byte == b'/').count();
            let rest = rest.get(skipped..).unwrap_or_default();
            if rest.is_empty() {
                return self.arrived();
            }
            let len = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let name = rest.get(..len).unwrap_or_default();
            let behind = rest.get(len..).unwrap_or_default();
            at += skipped + len;
            match name {
                b"." => continue,
                b".." => {
                    self.up()?;
                    continue;
                }
                _ => {}
            }
            if name.len() > LONGEST_NAME {
                return Err(Errno::NameTooLong.into());
            }
            let last = behind.iter().all(|byte| *byte == b'/');
            let must = !behind.is_empty();
            if let Some(mount) = self.mounted(name)? {
                self.inner = self.inside(mount)?;
                self.mount = Some(mount);
                continue;
            }
            match &mut self.inner {
                Inner::Nothing => return Ok(Found::Nowhere),
                Inner::Host(_, path) => {
                    path.push(OsStr::from_bytes(name));
                    self.deeper();
                    if last {
                        // `a/` and `a/.` ask for a folder.
                        let Inner::Host(folder, mut path) = self.inner else {
                            return Err(Errno::Io.into());
                        };
                        if must {
                            path.as_mut_os_string().push("/");
                        }
                        return Ok(Found::At(Place::Host(folder, Cow::Owned(path))));
                    }
                }
                Inner::Memory(folder) => {
                    let child = folder.child(name)?;
                    match child {
                        Some(Node::Link(link))
                            if !last
                                || follow == Follow::Yes
                                || (must && follow == Follow::Slash) =>
                        {
                            self.links += 1;
                            if self.links > LINKS {
                                return Err(Errno::Loop.into());
                            }
                            let mut longer = link.text.as_os_str().as_bytes().to_vec();
                            longer.extend_from_slice(behind);
                            if longer.len() > LONGEST {
                                return Err(Errno::NameTooLong.into());
                            }
                            if longer.first() == Some(&b'/') {
                                self.start_again()?;
                            }
                            (text, at) = (longer, 0);
                        }
                        _ if last => {
                            let place = Place::Memory(Arc::clone(folder), name.to_vec(), must);
                            return Ok(Found::At(place));
                        }
                        Some(Node::Folder(child)) => {
                            *folder = child;
                            self.deeper();
                        }
                        Some(_) => return Err(Errno::NotFolder.into()),
                        None => return Err(Errno::NoEntry.into()),
                    }
                }
            }
        }
    }

    /// One name further, to what is not mounted.
    fn deeper(&mut self) {
        match (self.mount.take(), &mut self.left) {
            (Some(mount), left) => *left = Some((mount, 1)),
            (None, Some((_, names))) => *names += 1,
            (None, None) => {}
        }
    }

    /// To the folder above. Nothing leads above where the path began, but for the beginning of all paths.
    fn up(&mut self) -> Answer {
        if let Some(mount) = self.mount {
            if mount == 0 {
                return Ok(());
            }
            if self.start.mount == Some(mount) {
                return Err(Failure::escape());
            }
            let above = self.names.shape.get(mount)?.above;
            self.mount = Some(above);
            self.inner = self.inside(above)?;
            return Ok(());
        }
        match &mut self.inner {
            Inner::Host(folder, path) => {
                self.ups += 1;
                if self.ups > UPS {
                    return Err(Errno::NameTooLong.into());
                }
                // What is above a link is above where it leads.
                let mut path = folder.place_of_folder(path)?;
                path.pop();
                return self.again(&path);
            }
            Inner::Memory(folder) => {
                if let Some(Folder::Memory(start)) = &self.start.inner
                    && self.left.is_none()
                    && Arc::ptr_eq(start, folder)
                {
                    return Err(Failure::escape());
                }
                *folder = folder.above().ok_or(Errno::NoEntry)?;
            }
            Inner::Nothing => return Err(Errno::NoEntry.into()),
        }
        match self.left {
            Some((mount, 1)) => {
                self.left = None;
                self.mount = Some(mount);
                self.inner = self.inside(mount)?;
            }
            Some((mount, names)) => self.left = Some((mount, names - 1)),
            None => {}
        }
        Ok(())
    }

    /// From where the host's folder is mounted, down a path without links.
    fn again(&mut self, path: &Path) -> Answer {
        let (mut mount, _) = self.left.take().ok_or_else(Failure::escape)?;
        while self.names.tree(mount).is_none() && mount != 0 {
            mount = self.names.shape.get(mount)?.above;
        }
        self.mount = Some(mount);
        self.inner = self.inside(mount)?;
        for name in path.components() {
            let name = name.as_os_str();
            match self.mounted(name.as_bytes())? {
                Some(mount) => {
                    self.inner = self.inside(mount)?;
                    self.mount = Some(mount);
                }
                None => {
                    if let Inner::Host(_, path) = &mut self.inner {
                        path.push(name);
                    }
                    self.deeper();
                }
            }
        }
        Ok(())
    }

    /// What is mounted at a name here.
    fn mounted(&self, name: &[u8]) -> Answer<Option<usize>> {
        Ok(match self.mount {
            Some(mount) => self.names.shape.get(mount)?.below.get(name).copied(),
            None => None,
        })
    }

    fn start_again(&mut self) -> Answer {
        if self.start.mount != Some(0) {
            return Err(Failure::escape());
        }
        (self.mount, self.left) = (Some(0), None);
        self.inner = self.inside(0)?;
        Ok(())
    }

    /// The path has ended at a folder.
    fn arrived<'a>(self) -> Answer<Found<'a>> {
        let inner = match self.inner {
            Inner::Nothing => None,
            Inner::Memory(folder) => Some(Folder::Memory(folder)),
            Inner::Host(folder, path) if path.as_os_str().is_empty() => Some(Folder::Host(folder)),
            Inner::Host(folder, path) => {
                if self.mount.is_none() {
                    return Ok(Found::At(Place::Host(folder, Cow::Owned(path.join(".")))));
                }
                let how = Opening { directory: true, ..Opening::default() };
                match folder.open(&path, how) {
                    Ok(host::Opened::Folder(folder)) => Some(Folder::Host(folder)),
                    Ok(host::Opened::File(_)) | Err(Failure::Errno(_) | Failure::Refused(_)) => {
                        None
                    }
                    Err(stop @ Failure::Stop(_)) => return Err(stop),
                }
            }
        };
        Ok(Found::Here(Position { mount: self.mount, inner }))
    }
}

/// The longest path that links may make, as on Linux.
const LONGEST: usize = 4096;

impl<'a> Found<'a> {
    /// What is at the path, which does something to what is not mounted.
    fn place(self, here: Errno) -> Answer<Place<'a>> {
        match self {
            Self::At(place) => Ok(place),
            Self::Here(_) => Err(here.into()),
            Self::Nowhere => Err(Failure::not_granted(Errno::NoEntry)),
        }
    }

    pub(super) fn open(self, how: Opening, now: u64) -> Answer<OpenedAt> {
        match self {
            Self::At(place) => Ok(match place.open(how, now)? {
                Opened::Folder(folder) => OpenedAt::Folder(Position::folder(folder)),
                Opened::File(file) => OpenedAt::File(file),
            }),
            Self::Here(_) if how.create && how.exclusive => Err(Errno::Exists.into()),
            Self::Here(_) if how.directory && (how.create || how.truncate) => {
                Err(Errno::Invalid.into())
            }
            Self::Here(_) if how.write || how.truncate || how.create => Err(Errno::IsFolder.into()),
            Self::Here(position) => Ok(OpenedAt::Folder(position)),
            Self::Nowhere if how.create => Err(Failure::not_granted(Errno::NotPermitted)),
            Self::Nowhere => Err(Failure::not_granted(Errno::NoEntry)),
        }
    }

    pub(super) fn stat(self, follow: bool) -> Answer<FileStat> {
        match self {
            Self::Here(position) => position.stat(),
            found => found.place(Errno::Io)?.stat(follow),
        }
    }

    pub(super) fn set_times(self, follow: bool, times: (SetTime, SetTime), now: u64) -> Answer {
        match self {
            Self::Here(position) => position.set_times(times, now),
            found => found.place(Errno::Io)?.set_times(follow, times, now),
        }
    }

    pub(super) fn create_folder(self, now: u64) -> Answer {
        self.new_place()?.create_folder(now)
    }

    pub(super) fn symlink(self, text: &Path, now: u64) -> Answer {
        self.new_place()?.symlink(text, now)
    }

    pub(super) fn remove_folder(self, now: u64) -> Answer {
        let here = match self {
            Self::Here(Position { mount: None, .. }) => Errno::Invalid,
            _ => Errno::Busy,
        };
        self.place(here)?.remove_folder(now)
    }

    pub(super) fn remove_file(self, now: u64) -> Answer {
        self.place(Errno::IsFolder)?.remove_file(now)
    }

    pub(super) fn read_link(self) -> Answer<PathBuf> {
        self.place(Errno::Invalid)?.read_link()
    }

    pub(super) fn rename(self, to: Self, now: u64) -> Answer {
        let from = self.place(Errno::Busy)?;
        from.rename(&to.other_place()?, now)
    }

    pub(super) fn link(self, to: Self, now: u64) -> Answer {
        let from = self.place(Errno::NotPermitted)?;
        from.link(&to.new_place()?, now)
    }

    /// A place for something new.
    fn new_place(self) -> Answer<Place<'a>> {
        match self {
            Self::Nowhere => Err(Failure::not_granted(Errno::NotPermitted)),
            found => found.place(Errno::Exists),
        }
    }

    /// A place for something that has one already.
    fn other_place(self) -> Answer<Place<'a>> {
        match self {
            Self::Nowhere => Err(Failure::not_granted(Errno::NotPermitted)),
            found => found.place(Errno::Busy),
        }
    }
}

/// What a path led to.
#[derive(Debug)]
pub(super) enum OpenedAt {
    Folder(Position),
    File(super::tree::File),
}

impl Position {
    pub(super) fn stat(&self) -> Answer<FileStat> {
        match &self.inner {
            Some(folder) => folder.own_stat(),
            None => Ok(FileStat {
                inode: self.mount.map_or(0, |mount| mount as u64 + 1),
                links: 1,
                ..FileStat::of_stream(FileType::Folder)
            }),
        }
    }

    pub(super) fn set_times(&self, times: (SetTime, SetTime), now: u64) -> Answer {
        match &self.inner {
            Some(folder) => folder.set_own_times(times, now),
            None => Err(Failure::not_granted(Errno::NotPermitted)),
        }
    }

    pub(super) fn sync(&self) -> Answer {
        self.inner.as_ref().map_or(Ok(()), Folder::sync)
    }

    pub(super) fn reads(&self) -> bool {
        self.inner.as_ref().is_none_or(Folder::reads)
    }

    /// Tells of the entries from a place on: of what is in it, then of what is mounted there.
    pub(super) fn list(
        &self,
        names: &Namespace,
        from: u64,
        chunk: usize,
        each: &mut dyn FnMut(Entry<'_>) -> Answer<bool>,
    ) -> Answer {
        let mounted = self.mount.and_then(|mount| names.shape.0.get(mount)).map(|name| &name.below);
        let mut on = true;
        let first = if from & MOUNTED == 0 { 0 } else { from & !MOUNTED };
        if usize::try_from(first).map_or(true, |first| first > mounted.map_or(0, BTreeMap::len)) {
            return Err(Errno::Invalid.into());
        }
        if from & MOUNTED == 0 {
            match &self.inner {
                Some(folder) => folder.list(from, chunk, &mut |entry| {
                    if mounted.is_some_and(|below| below.contains_key(entry.name)) {
                        return Ok(true);
                    }
                    on = each(entry)?;
                    Ok(on)
                })?,
                None => {
                    let own = self.stat()?.inode;
                    for (next, name) in [(1, &b"."[..]), (2, b"..")] {
                        let entry = Entry { next, inode: own, kind: FileType::Folder, name };
                        if on && from < next {
                            on = each(entry)?;
                        }
                    }
                }
            }
        }
        for (place, (name, mount)) in (0..).zip(mounted.into_iter().flatten()) {
            if !on {
                break;
            }
            if place >= first {
                let next = MOUNTED | (place + 1);
                on = each(Entry { next, inode: *mount as u64 + 1, kind: FileType::Folder, name })?;
            }
        }
        Ok(())
    }
}
