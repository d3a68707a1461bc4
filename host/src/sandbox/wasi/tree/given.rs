//! Trees for reading that are made of files at hand.

use super::memory::{FolderNode, Kind, Tree};
use super::quota::Quota;
use crate::policy::Bytes;
use crate::sandbox::wasi::errno::Failure;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A tree of these files, by their paths in it.
pub(in crate::sandbox::wasi) fn of_files(
    files: &BTreeMap<String, Bytes>,
    device: u64,
    now: u64,
) -> io::Result<Arc<FolderNode>> {
    let root = Tree::root(Kind::Shared, Quota::none(), device, None, now);
    for (path, bytes) in files {
        put(&root, Path::new(path), Given::File(Arc::clone(&bytes.0)), now)?;
    }
    Ok(root)
}

/// What is to lie at a path.
#[cfg_attr(not(feature = "archives"), expect(dead_code, reason = "maps have files alone"))]
pub(super) enum Given {
    Folder,
    File(Arc<[u8]>),
    /// A symbolic link with this text, unless something is there.
    Link(PathBuf),
}

/// Puts this at a path.
pub(super) fn put(root: &Arc<FolderNode>, path: &Path, given: Given, now: u64) -> io::Result<()> {
    let mut names: Vec<&OsStr> = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => names.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(unfit(path)),
        }
    }
    let failed = |failure: Failure| match failure {
        Failure::Errno(errno) => io::Error::other(format!("{}: {errno:?}", path.display())),
        Failure::Refused(refusal) => {
            io::Error::other(format!("{}: {}", path.display(), refusal.said))
        }
        Failure::Stop(stop) => io::Error::other(format!("{}: {stop}", path.display())),
    };
    let last = if let Given::Folder = given { None } else { names.pop() };
    let mut folder = Arc::clone(root);
    for name in names {
        folder = folder.give_folder(name.as_bytes(), now).map_err(failed)?;
    }
    match (last.map(OsStr::as_bytes), given) {
        (_, Given::Folder) => Ok(()),
        (None, _) => Err(unfit(path)),
        (Some(name), Given::File(bytes)) => folder.give(name, bytes, now).map_err(failed),
        (Some(name), Given::Link(text)) => match folder.child(name).map_err(failed)? {
            Some(_) => Ok(()),
            None => folder.give_link(name, text, now).map_err(failed),
        },
    }
}

pub(super) fn unfit(path: &Path) -> io::Error {
    io::Error::other(format!("{path:?} is no path of a file below it: give one such as data/a.csv"))
}
