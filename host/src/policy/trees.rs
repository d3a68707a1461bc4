//! Trees: what a guest finds at its paths, and how much it may add. Plain data.

use super::Access;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes and files that a guest may add to a tree. What it removes of its own, it may add again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Quota {
    /// Bytes, by the sizes of files; in memory in whole pages of 4 KiB, of which there has to be one. Default: 64 MiB.
    pub bytes: u64,
    /// Files, folders and links. Default: 10,000.
    pub files: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self { bytes: 64 << 20, files: 10_000 }
    }
}

impl Quota {
    /// So many bytes, and as many files as by default.
    #[must_use]
    pub fn of_bytes(bytes: u64) -> Self {
        Self { bytes, ..Self::default() }
    }
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Tree {
    /// A folder of the host, as it is at any time.
    Folder {
        /// The folder on the host.
        host: PathBuf,
        /// Whether it may be changed. In serde's formats `"read-only"`, the default, or `"read-write"`.
        #[cfg_attr(feature = "serde", serde(default))]
        access: Access,
    },
    /// A folder of the host for reading, whose names and files (those of at most 4 MiB) are read once and kept in
    /// memory for all interpreters of a [`Sandbox`](crate::Sandbox). Changes on the host are not seen. For packages.
    Kept(PathBuf),
    /// An empty folder in memory, of each interpreter its own.
    Memory,
    /// These files for reading, by their paths in it.
    Files(BTreeMap<String, Bytes>),
    /// The files of a tar archive (also compressed with gzip) or a zip archive, for reading, read when a sandbox is
    /// built. Hard links are files of their own. Symbolic links lead to what is in the archive; those that lead out of it,
    /// and devices, are left out. With the feature `archives`.
    Archive(PathBuf),
    /// What another tree holds, which may be changed in memory: the tree itself stays as it is.
    Overlay(Box<Self>),
}

/// What a file holds.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Vec<u8>", into = "Vec<u8>"))]
pub struct Bytes(pub Arc<[u8]>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.0.len())
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0.to_vec()
    }
}

/// A tree and the path at which the guest sees it.
///
/// ```
/// use ophidia::{Mount, Quota, Tree};
/// let input = [("numbers.csv".to_owned(), b"1,2\n".to_vec().into())];
/// let mounts = [
///     Mount::new("/in", Tree::Files(input.into())),
///     Mount { quota: Some(Quota::of_bytes(1 << 20)), ..Mount::new("/out", Tree::Memory) },
/// ];
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Mount {
    /// The absolute path at which the guest sees it. One below that of another mount hides what is there.
    pub guest: String,
    /// What is there.
    pub tree: Tree,
    /// What the guest may add to it. `None`, the default, is [`Limits::folder`](crate::Limits::folder) for a folder of
    /// the host, and [`Quota::default`] for a tree in memory.
    #[cfg_attr(feature = "serde", serde(default))]
    pub quota: Option<Quota>,
}

impl Mount {
    /// A tree at a path, with the default quota.
    pub fn new(guest: impl Into<String>, tree: Tree) -> Self {
        Self { guest: guest.into(), tree, quota: None }
    }
}

impl From<super::DirGrant> for Mount {
    fn from(dir: super::DirGrant) -> Self {
        Self::new(dir.guest, Tree::Folder { host: dir.host, access: dir.access })
    }
}
