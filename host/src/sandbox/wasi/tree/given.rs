//! Trees for reading that are made of files at hand: from a map of names, a tar archive (also compressed with
//! gzip) or a zip archive.

use super::memory::{FolderNode, Kind, Tree};
use crate::policy::{Bytes, Quota};
use crate::sandbox::wasi::errno::Failure;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
use std::sync::Arc;

/// Bytes that the files of an archive may have in all: it is held in memory.
const MOST: u64 = 1 << 30;

/// Nothing can be added to them.
const NOTHING: Quota = Quota { bytes: 0, files: 0 };

/// A tree of these files, by their paths in it.
pub(in crate::sandbox::wasi) fn of_files(
    files: &BTreeMap<String, Bytes>,
    device: u64,
    now: u64,
) -> io::Result<Arc<FolderNode>> {
    let root = Tree::new(Kind::Shared, NOTHING, device, None, now);
    for (path, bytes) in files {
        put(&root, Path::new(path), Some(Arc::clone(&bytes.0)), now)?;
    }
    Ok(root)
}

/// A tree of what an archive holds: files and folders. Links and devices in it are left out.
pub(in crate::sandbox::wasi) fn of_archive(
    path: &Path,
    device: u64,
    now: u64,
) -> io::Result<Arc<FolderNode>> {
    let root = Tree::new(Kind::Shared, NOTHING, device, None, now);
    let mut file = BufReader::new(File::open(path)?);
    let mut first = [0; 4];
    let len = file.read(&mut first)?;
    file.rewind()?;
    // As each zip archive begins, one without files too.
    match first.get(..len) {
        Some(b"PK\x03\x04" | b"PK\x05\x06") => zip(&root, file, now)?,
        Some([0x1f, 0x8b, ..]) => tar(&root, GzDecoder::new(file), now)?,
        _ => tar(&root, file, now)?,
    }
    Ok(root)
}

fn zip(root: &Arc<FolderNode>, file: impl Read + Seek, now: u64) -> io::Result<()> {
    let mut archive = zip::ZipArchive::new(file).map_err(io::Error::other)?;
    let mut room = MOST;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(io::Error::other)?;
        let path = entry
            .enclosed_name()
            .ok_or_else(|| unfit(Path::new(&*entry.name().unwrap_or_default())))?;
        if entry.is_dir() {
            put(root, &path, None, now)?;
        } else if entry.is_file() {
            put(root, &path, Some(content(entry, &mut room)?), now)?;
        }
    }
    Ok(())
}

fn tar(root: &Arc<FolderNode>, file: impl Read, now: u64) -> io::Result<()> {
    let mut archive = tar::Archive::new(file);
    let mut room = MOST;
    for entry in archive.entries()? {
        let entry = entry?;
        let (kind, path) = (entry.header().entry_type(), entry.path()?.into_owned());
        if kind.is_dir() {
            put(root, &path, None, now)?;
        } else if kind.is_file() {
            put(root, &path, Some(content(entry, &mut room)?), now)?;
        }
    }
    Ok(())
}

/// What an entry holds, as far as there is room: what it says of its size is not believed.
fn content(entry: impl Read, room: &mut u64) -> io::Result<Arc<[u8]>> {
    let mut bytes = Vec::new();
    entry.take(*room + 1).read_to_end(&mut bytes)?;
    *room = room.checked_sub(bytes.len() as u64).ok_or_else(|| {
        io::Error::other("its files have more than 1 GiB in all: grant a folder instead")
    })?;
    Ok(bytes.into())
}

/// Puts a file at a path, or makes a folder.
fn put(root: &Arc<FolderNode>, path: &Path, bytes: Option<Arc<[u8]>>, now: u64) -> io::Result<()> {
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
        Failure::Stop(stop) => io::Error::other(format!("{}: {stop}", path.display())),
    };
    let last = if bytes.is_some() { names.pop() } else { None };
    let mut folder = Arc::clone(root);
    for name in names {
        folder = folder.give_folder(name.as_bytes(), now).map_err(failed)?;
    }
    match (last, bytes) {
        (Some(name), Some(bytes)) => folder.give(name.as_bytes(), bytes, now).map_err(failed),
        (None, Some(_)) => Err(unfit(path)),
        (_, None) => Ok(()),
    }
}

fn unfit(path: &Path) -> io::Error {
    io::Error::other(format!("{path:?} is no path of a file below it: give one such as data/a.csv"))
}
