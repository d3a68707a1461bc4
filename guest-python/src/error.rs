//! What can go wrong while the guest is found or built.

use std::io;
use std::path::{Path, PathBuf};

/// Why the guest could not be found or built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Programs that the build needs are not on this machine. All of them are named at once.
    #[error("{}", list_missing(.0))]
    Missing(Vec<Missing>),

    /// An item of the lock file could not be had.
    #[error(
        "cannot fetch {file}: {reason}\n(put {file} into a folder and set OPHIDIA_SOURCES to it, or try again with a network)"
    )]
    Fetch {
        /// The file's name.
        file: String,
        /// What the client said.
        reason: String,
    },

    /// A file is not the one that the lock file, or the file of a package, names.
    #[error(
        "{} is not what is pinned: SHA-256 {found}, {expected} expected (delete the file)", path.display()
    )]
    Hash {
        /// The file that was refused.
        path: PathBuf,
        /// The hash in the lock file.
        expected: String,
        /// The hash of the file.
        found: String,
    },

    /// The lock file, or the file of a package, cannot be understood.
    #[error("guest.lock.toml: {0}")]
    Lock(String),

    /// No package or no flavour is called so.
    #[error("{0}")]
    Flavour(String),

    /// A program that the build ran failed.
    #[error("{what} failed: {reason}\n{tail}\n(the whole log: {})", log.display())]
    Command {
        /// What was being done.
        what: String,
        /// How the program ended.
        reason: String,
        /// Its last lines of output.
        tail: String,
        /// The whole of its output.
        log: PathBuf,
    },

    /// The disk, or this user's share of it, is full.
    #[error(
        "no space left under {}: a build needs about 2 GB for a few minutes and keeps about 300 MB (free some, or set OPHIDIA_CACHE to a folder on another disk)", path.display()
    )]
    DiskFull {
        /// Where it was noticed.
        path: PathBuf,
    },

    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// An archive, a patch or a product of the build is not as expected.
    #[error("{}: {reason}", path.display())]
    Unexpected {
        /// The file in question.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A guest in the cache is not what was built there.
    #[error("the guest in {} is damaged: {what}", dir.display())]
    Damaged {
        /// Its folder.
        dir: PathBuf,
        /// What of it has changed.
        what: String,
    },

    /// A second build from a clean folder gave other bytes.
    #[error("the guest is not reproducible: {0} differs between two builds")]
    NotReproducible(String),

    /// Another part of the same build failed first.
    #[error("stopped, because another part of the build failed")]
    Stopped,
}

/// Something the build needs and this machine lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What is missing.
    pub what: String,
    /// What it is needed for.
    pub purpose: String,
    /// How to get it.
    pub remedy: String,
}

fn list_missing(missing: &[Missing]) -> String {
    let mut text = String::from("the guest cannot be built here; missing:");
    for item in missing {
        text.push_str(&format!("\n  {} ({}): {}", item.what, item.purpose, item.remedy));
    }
    text
}

/// Puts the path and the action into an I/O error, and tells a full disk from other failures.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::DiskFull { path: path.to_owned() }
            }
            _ => Error::Io { action, path: path.to_owned(), source },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_and_says_what_to_do() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let result: io::Result<()> = Err(kind.into());
            let error = result.at("write", Path::new("/cache/file")).expect_err("full");
            assert!(matches!(error, Error::DiskFull { .. }));
            assert!(error.to_string().contains("OPHIDIA_CACHE"), "{error}");
        }
        let other: io::Result<()> = Err(io::ErrorKind::PermissionDenied.into());
        assert!(matches!(other.at("write", Path::new("/f")), Err(Error::Io { .. })));
    }
}
