//! Trees for reading of what tar and zip archives hold.

use super::given::{Given, put, unfit};
use super::memory::{FolderNode, Kind, Tree};
use super::quota::Quota;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Bytes that the files of an archive may have in all: it is held in memory.
const MOST: u64 = 1 << 30;

/// The longest text of a link, as on Linux.
const LONGEST_LINK: usize = 4096;

/// As many links as are followed.
const MOST_FOLLOWED: u32 = 40;

/// A tree of what an archive holds: files, also by their other names, folders, and symbolic links that lead to what is in
/// it. Devices are left out.
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
    let (mut room, mut links) = (MOST, Links::default());
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(io::Error::other)?;
        let path = entry
            .enclosed_name()
            .ok_or_else(|| unfit(Path::new(&*entry.name().unwrap_or_default())))?;
        if entry.is_dir() {
            put(root, &path, Given::Folder, now)?;
        } else if entry.is_file() {
            put(root, &path, Given::File(content(entry, &mut room)?), now)?;
        } else if entry.is_symlink() {
            links.add(&path, OsStr::from_bytes(&content(entry, &mut room)?).into())?;
        }
    }
    links.put(root, now)
}

fn tar(root: &Arc<FolderNode>, file: impl Read, now: u64) -> io::Result<()> {
    let mut archive = tar::Archive::new(file);
    let (mut room, mut links) = (MOST, Links::default());
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let entry = entry?;
        let (kind, path) = (entry.header().entry_type(), entry.path()?.into_owned());
        if kind.is_dir() {
            put(root, &path, Given::Folder, now)?;
        } else if kind.is_symlink() {
            links.add(&path, entry.link_name()?.unwrap_or_default().into_owned())?;
        } else if kind.is_file() {
            let bytes = content(entry, &mut room)?;
            files.insert(plain(&path), Arc::clone(&bytes));
            put(root, &path, Given::File(bytes), now)?;
        } else if kind.is_hard_link() {
            let of = entry.link_name()?.unwrap_or_default();
            if let Some(text) = links.0.get(&plain(&of)).cloned() {
                links.add(&path, text)?;
                continue;
            }
            let bytes = files.get(&plain(&of)).cloned().ok_or_else(|| {
                let (path, of) = (path.display(), of.display());
                io::Error::other(format!(
                    "{path} is another name of {of}, which does not come before it"
                ))
            })?;
            files.insert(plain(&path), Arc::clone(&bytes));
            put(root, &path, Given::File(bytes), now)?;
        }
    }
    links.put(root, now)
}

/// The symbolic links of an archive, by their paths: their texts.
#[derive(Default)]
struct Links(BTreeMap<PathBuf, PathBuf>);

impl Links {
    fn add(&mut self, path: &Path, text: PathBuf) -> io::Result<()> {
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(unfit(path));
        }
        self.0.insert(plain(path), text);
        Ok(())
    }

    /// Puts those that lead to what is in the tree, whether or not it is there. Where a file or a folder has the same
    /// name, that counts, and what lies below a link is left out.
    fn put(self, root: &Arc<FolderNode>, now: u64) -> io::Result<()> {
        for (path, text) in &self.0 {
            let fits = (1..=LONGEST_LINK).contains(&text.as_os_str().len());
            let below_link = path.ancestors().skip(1).any(|above| self.0.contains_key(above));
            if fits && !below_link && self.stays(path, text) {
                put(root, path, Given::Link(text.clone()), now)?;
            }
        }
        Ok(())
    }

    /// Whether a link never leaves the tree on its way, by whatever links it leads.
    fn stays(&self, path: &Path, text: &Path) -> bool {
        let mut at = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut ahead: Vec<_> = text.components().rev().collect();
        let mut followed = 0;
        while let Some(part) = ahead.pop() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    if !at.pop() {
                        return false;
                    }
                }
                Component::Normal(name) => {
                    at.push(name);
                    if let Some(text) = self.0.get(&at) {
                        followed += 1;
                        if followed > MOST_FOLLOWED {
                            return false;
                        }
                        at.pop();
                        ahead.extend(text.components().rev());
                    }
                }
                Component::RootDir | Component::Prefix(_) => return false,
            }
        }
        true
    }
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
