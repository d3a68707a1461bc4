//! Policies: grants and limits together, in a file that people write.

use super::{Grants, Limits, Tree};
use std::path::{Path, PathBuf};

/// What a guest may touch and use.
///
/// In TOML (with the feature `toml`) every field has its default and may be left out; what is not known is refused:
///
/// ```toml
/// [limits]
/// timeout = 2.5               # seconds
/// memory = 67108864           # bytes
/// folder = { bytes = 52428800, files = 1000 }
///
/// [grants]
/// env = [["LANG", "C.UTF-8"]]
/// tmp = { bytes = 1048576, files = 100 }
/// seed = 1
/// clock = "2020-01-01T00:00:00Z+1ms"
///
/// [[grants.dirs]]
/// host = "data"               # relative to the file's own folder
/// guest = "/data"
/// access = "read-only"        # or "read-write"
///
/// [[grants.mounts]]
/// guest = "/project"
/// tree.overlay.folder.host = "project"
///
/// [grants.network]
/// hosts = ["db.example.com:5432"]
///
/// [[grants.network.http]]
/// origin = "https://api.example.com"
/// methods = ["GET"]
/// paths = ["/v1/"]
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Policy {
    /// What it may touch.
    pub grants: Grants,
    /// What it may use.
    pub limits: Limits,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    ///
    /// A text that names line, field and what would be right.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| in_words(error.to_string().trim_end()))
    }

    /// With paths of the host that are relative taken from this folder.
    #[must_use]
    pub fn relative_to(mut self, folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref();
        for dir in &mut self.grants.dirs {
            rebase(&mut dir.host, folder);
        }
        for roots in &mut self.grants.network.roots {
            rebase(roots, folder);
        }
        for mount in &mut self.grants.mounts {
            let mut tree = &mut mount.tree;
            while let Tree::Overlay(below) = tree {
                tree = below;
            }
            match tree {
                Tree::Folder { host, .. } | Tree::Kept(host) | Tree::Archive(host) => {
                    rebase(host, folder)
                }
                Tree::Memory | Tree::Files(_) | Tree::Overlay(_) => {}
            }
        }
        self
    }
}

/// What is said of a number that is none of Rust's, with the numbers that there are.
#[cfg(feature = "toml")]
fn in_words(said: &str) -> String {
    let types = [
        ("u64", u64::MAX),
        ("u32", u32::MAX.into()),
        ("u16", u16::MAX.into()),
        ("u8", u8::MAX.into()),
    ];
    let named = |(name, most)| Some((said.strip_suffix(&format!("expected {name}"))?, most));
    match types.into_iter().find_map(named) {
        Some((before, most)) => {
            let before = before.replace("` as i128,", "`,");
            format!("{before}expected a whole number from 0 to {most}")
        }
        None => said.to_owned(),
    }
}

fn rebase(path: &mut PathBuf, folder: &Path) {
    *path = folder.join(&path);
}
