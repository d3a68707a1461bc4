//! Folders below one granted for writing that are granted for reading alone: they are kept as they are, by whatever
//! name a path gets there. A link leads to a place, and the place has the rights.

use super::without_slashes;
use crate::sandbox::wasi::errno::Answer;
use cap_primitives::fs as cap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// As many links as a system follows.
const LINKS: usize = 40;

/// The folders, without links, relative to the one that they are below.
#[derive(Clone, Debug)]
pub(super) struct Kept(Arc<[PathBuf]>);

impl Default for Kept {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Kept {
    pub(super) fn new(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(folders.into_iter().collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a place is in one of them.
    pub(super) fn has(&self, place: &Path) -> bool {
        self.0.iter().any(|kept| place.starts_with(kept))
    }

    /// Whether one of them is at a place or below it: what is there must stay, or they would have another name.
    pub(super) fn is_below(&self, place: &Path) -> bool {
        self.0.iter().any(|kept| kept.starts_with(place))
    }

    /// Those below a place, relative to it.
    pub(super) fn below(&self, place: &Path) -> Self {
        let inner = |kept: &PathBuf| Some(kept.strip_prefix(place).ok()?.to_owned());
        Self::new(self.0.iter().filter_map(inner))
    }
}

/// The place that a path leads to, whether or not anything is there yet: without links, relative to the folder.
pub(super) fn place_of(folder: &fs::File, path: &Path, follows: bool) -> Answer<PathBuf> {
    let mut path = without_slashes(path).0.to_owned();
    for _ in 0..LINKS {
        if follows && let Ok(place) = cap::canonicalize(folder, &path) {
            return Ok(plain(&place));
        }
        let Some(name) = path.file_name() else {
            return Ok(plain(&cap::canonicalize(folder, &path)?));
        };
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => plain(&cap::canonicalize(folder, parent)?),
            _ => PathBuf::new(),
        };
        let place = parent.join(name);
        match cap::read_link(folder, &place) {
            Ok(text) if follows => path = parent.join(text),
            _ => return Ok(place),
        }
    }
    Err(io::Error::from(rustix::io::Errno::LOOP).into())
}

/// Without `.`.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}
