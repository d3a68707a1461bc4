//! Trees for reading of what tar and zip archives hold.

use super::given::{put, unfit};
use super::memory::{FolderNode, Kind, Tree};
use super::quota::Quota;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Bytes that the files of an archive may have in all: it is held in memory.
const MOST: u64 = 1 << 30;

/// A tree of what an archive holds: files, also by their other names, and folders. Symbolic links and devices in it are
/// left out.
pub(in crate::sandbox::wasi) fn of_archive(
    path: &Path,
    device: u64,
    now: u64,
) -> io::Result<Arc<FolderNode>> {
    let root = Tree::root(Kind::Shared, Quota::none(), device, None, now);
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
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let entry = entry?;
        let (kind, path) = (entry.header().entry_type(), entry.path()?.into_owned());
        if kind.is_dir() {
            put(root, &path, None, now)?;
        } else if kind.is_file() {
            let bytes = content(entry, &mut room)?;
            files.insert(plain(&path), Arc::clone(&bytes));
            put(root, &path, Some(bytes), now)?;
        } else if kind.is_hard_link() {
            let of = entry.link_name()?.unwrap_or_default();
            let bytes = files.get(&plain(&of)).cloned().ok_or_else(|| {
                let (path, of) = (path.display(), of.display());
                io::Error::other(format!(
                    "{path} is another name of {of}, which does not come before it"
                ))
            })?;
            files.insert(plain(&path), Arc::clone(&bytes));
            put(root, &path, Some(bytes), now)?;
        }
    }
    Ok(())
}

/// The names of a path.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
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
