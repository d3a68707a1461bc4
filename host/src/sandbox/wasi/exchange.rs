//! Files in and out: what the host puts into a guest's trees, takes out of them, and is told of.

use super::Context;
use super::abi::FileType;
use super::errno::{Answer, Errno, Failure};
use super::mounts::{Follow, Found, OpenedAt};
use super::tree::memory::{Change, Node};
use super::tree::{Folder, Opening, Place};
use crate::policy::Quota;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, or something that has no kind here.
    Other,
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileEntry {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub kind: FileKind,
    /// Bytes of a file; 0 of anything else.
    pub size: u64,
}

/// What has become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was not there.
    Created,
    /// It was there, and was written to or replaced.
    Changed,
    /// It is not there any more.
    Removed,
}

/// One thing that is not as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileChange {
    /// The path, as the guest names it.
    pub path: PathBuf,
    /// What has become of it.
    pub change: ChangeKind,
    /// What it is now; `None` of what was removed.
    pub kind: Option<FileKind>,
}

impl From<FileType> for FileKind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::Regular => Self::File,
            FileType::Folder => Self::Folder,
            FileType::Link => Self::Link,
            _ => Self::Other,
        }
    }
}

/// As an error of the system, with the path in it.
fn told<T>(path: &Path, answer: Answer<T>) -> io::Result<T> {
    answer.map_err(|failure| {
        let (kind, said) = match failure {
            Failure::Errno(errno) => errno.told(),
            Failure::Refused(refusal) => (refusal.errno.told().0, refusal.said.into_owned()),
            Failure::Stop(stop) => (io::ErrorKind::Other, stop.to_string()),
        };
        io::Error::new(kind, format!("{}: {said}", path.display()))
    })
}

impl Context {
    /// What an absolute path leads to.
    pub(super) fn at<'a>(&self, path: &'a Path, follow: bool) -> Answer<Found<'a>> {
        let relative = path.strip_prefix("/").map_err(|_| Errno::Invalid)?;
        let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
        self.namespace.find(&self.namespace.root(), relative, Follow::yes(follow))
    }

    /// Puts bytes at a path, in folders that are made on the way.
    pub(crate) fn put_file(&self, path: &Path, bytes: Arc<[u8]>) -> io::Result<()> {
        told(path, self.put(path, bytes))
    }

    fn put(&self, path: &Path, bytes: Arc<[u8]>) -> Answer {
        let now = self.now();
        if let Some(folder) = path.parent() {
            self.make_folders(folder, now)?;
        }
        match self.at(path, true)? {
            Found::At(Place::Memory(folder, name, false)) => {
                folder.tree().changes()?;
                folder.give(&name, bytes, now)
            }
            found => {
                let how =
                    Opening { write: true, create: true, truncate: true, ..Opening::default() };
                let OpenedAt::File(file) = found.open(how, now)? else {
                    return Err(Errno::IsFolder.into());
                };
                let mut done = 0;
                while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
                    match file.write_at(rest, done as u64, now)? {
                        0 => return Err(Errno::NoSpace.into()),
                        written => done += written,
                    }
                }
                Ok(())
            }
        }
    }

    fn make_folders(&self, path: &Path, now: u64) -> Answer {
        let mut missing = Vec::new();
        let mut at = path;
        loop {
            match self.at(at, true).and_then(|found| found.stat(true)) {
                Ok(there) if there.kind == FileType::Folder => break,
                Ok(_) => return Err(Errno::NotFolder.into()),
                Err(failure) if failure.errno() == Some(Errno::NoEntry) => missing.push(at),
                Err(error) => return Err(error),
            }
            at = at.parent().ok_or(Errno::NoEntry)?;
        }
        for folder in missing.into_iter().rev() {
            match self.at(folder, true)? {
                Found::At(Place::Memory(above, name, _)) => {
                    above.tree().changes()?;
                    above.give_folder(&name, now)?;
                }
                found => found.create_folder(now)?,
            }
        }
        Ok(())
    }

    /// What a file holds, if it is not larger than `most`.
    pub(crate) fn get_file(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let read = || {
            let how = Opening { read: true, follow: true, ..Opening::default() };
            let OpenedAt::File(file) = self.at(path, true)?.open(how, self.now())? else {
                return Err(Errno::IsFolder.into());
            };
            let size = file.stat()?;
            if size.kind != FileType::Regular {
                return Err(Errno::NotSupported.into());
            }
            if size.size > most {
                return Err(Errno::TooBig.into());
            }
            let mut bytes = vec![0; usize::try_from(size.size).map_err(|_| Errno::TooBig)?];
            let mut done = 0;
            while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
                match file.read_at(rest, done as u64)? {
                    0 => break,
                    read => done += read,
                }
            }
            bytes.truncate(done);
            Ok(bytes)
        };
        told(path, read())
    }

    /// The names in a folder, sorted.
    pub(crate) fn list_folder(&self, path: &Path) -> io::Result<Vec<FileEntry>> {
        let list = || {
            let how = Opening { read: true, follow: true, directory: true, ..Opening::default() };
            let OpenedAt::Folder(position) = self.at(path, true)?.open(how, self.now())? else {
                return Err(Errno::NotFolder.into());
            };
            let mut names = Vec::new();
            position.list(&self.namespace, 0, LISTED, &mut |entry| {
                if entry.name != b"." && entry.name != b".." {
                    names.push((String::from_utf8_lossy(entry.name).into_owned(), entry.kind));
                }
                Ok(true)
            })?;
            names.sort_by(|(name, _), (other, _)| name.cmp(other));
            Ok(names)
        };
        let entry = |(name, kind): (String, FileType)| {
            let size = match kind {
                FileType::Regular => {
                    self.at(&path.join(&name), false).and_then(|found| found.stat(false))
                }
                _ => Err(Errno::NoEntry.into()),
            };
            FileEntry { name, kind: kind.into(), size: size.map_or(0, |stat| stat.size) }
        };
        Ok(told(path, list())?.into_iter().map(entry).collect())
    }

    /// Removes a file.
    pub(crate) fn remove_file(&self, path: &Path) -> io::Result<()> {
        told(path, self.at(path, false).and_then(|found| found.remove_file(self.now())))
    }

    /// Bytes and files that the guest has in trees in memory, and that it has added to folders of the host: now, the most
    /// there have been in each, added up, and as much as there may be.
    pub(crate) fn stored(&self) -> ([Quota; 3], [Quota; 3]) {
        let (mut memory, mut host) = ([NOTHING; 3], [NOTHING; 3]);
        for (_, folder) in self.namespace.mounted() {
            let (sums, account) = match folder {
                Folder::Memory(folder) => (&mut memory, Some(folder.tree().quota.account())),
                Folder::Host(folder) => (&mut host, folder.account()),
            };
            for (sum, one) in sums.iter_mut().zip(account.into_iter().flatten()) {
                sum.bytes = sum.bytes.saturating_add(one.bytes);
                sum.files = sum.files.saturating_add(one.files);
            }
        }
        (memory, host)
    }

    /// What the program has created, changed and removed in trees in memory, by path.
    pub(crate) fn changes(&self) -> Vec<FileChange> {
        let mut changes = Vec::new();
        for (path, folder) in self.namespace.mounted() {
            let Folder::Memory(folder) = folder else { continue };
            if folder.tree().changes().is_err() {
                continue;
            }
            folder.changes(&path, &mut |change, path, node| {
                let change = match change {
                    Change::Created => ChangeKind::Created,
                    Change::Changed => ChangeKind::Changed,
                    Change::Removed => ChangeKind::Removed,
                };
                changes.push(FileChange {
                    path,
                    change,
                    kind: node.map(Node::kind).map(Into::into),
                });
            });
        }
        changes.sort_by(|one, other| one.path.cmp(&other.path));
        changes
    }
}

const NOTHING: Quota = Quota { bytes: 0, files: 0 };

/// Bytes of a listing at a time.
const LISTED: usize = 32 << 10;
