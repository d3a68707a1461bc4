//! A finished guest in the cache.

use crate::Error;
use crate::cache::guest_folder;
use crate::digest::{hash_tree, sha256_file};
use crate::error::At;
use crate::flavour::Flavour;
use crate::keys::{Keys, PYTHON, Toolchain};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A guest that stands in the cache, whole.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Guest {
    /// Its folder.
    pub dir: PathBuf,
    key: String,
}

/// What is recorded about a guest when it is built (`info.json`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Info {
    /// The name of its inputs, see [`Guest::key`].
    pub key: String,
    /// The version of CPython in it.
    pub python: String,
    /// The packages in it, by name, with their versions.
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
    /// The SHA-256 of `guest.wasm`.
    pub wasm_sha256: String,
    /// The size of `guest.wasm` in bytes.
    pub wasm_bytes: u64,
    /// The SHA-256 over names and contents of the standard library.
    pub stdlib_sha256: String,
    /// Seconds that each stage took, by its name; a stage that was found in the cache is absent.
    pub seconds: BTreeMap<String, f64>,
}

impl Guest {
    pub(crate) fn at(cache: &Path, key: &str) -> Self {
        Self { dir: guest_folder(cache, key), key: key.to_owned() }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.info_file().is_file() && self.wasm().is_file() && self.stdlib().is_dir()
    }

    fn info_file(&self) -> PathBuf {
        self.dir.join("info.json")
    }

    /// The module: a reactor with the bridge linked in, not yet initialised.
    #[must_use]
    pub fn wasm(&self) -> PathBuf {
        self.dir.join("guest.wasm")
    }

    /// The standard library, which the guest expects to see as [`STDLIB`](crate::STDLIB).
    #[must_use]
    pub fn stdlib(&self) -> PathBuf {
        self.dir.join("lib")
    }

    /// The native Python of the same version and sources, the baseline of comparisons.
    #[must_use]
    pub fn native_python(&self) -> PathBuf {
        let series = PYTHON.rsplit_once('.').map_or(PYTHON, |(series, _)| series);
        self.dir.join("native/bin").join(format!("python{series}"))
    }

    /// The licences of what is in it.
    #[must_use]
    pub fn licenses(&self) -> PathBuf {
        self.dir.join("licenses")
    }

    /// The first 16 hexadecimal digits of the SHA-256 over everything it was built from.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Compares module and standard library with what was recorded when they were built.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when one of them, or the record itself, is another; [`Error::Io`] when it cannot be
    /// read.
    pub fn check(&self) -> Result<(), Error> {
        let damaged = |what: String| Error::Damaged { dir: self.dir.clone(), what };
        let info = self.info().map_err(|error| damaged(error.to_string()))?;
        for (what, found, recorded) in [
            ("guest.wasm", sha256_file(&self.wasm())?, info.wasm_sha256),
            ("the standard library", hash_tree(&self.stdlib())?, info.stdlib_sha256),
        ] {
            if found != recorded {
                return Err(damaged(format!("{what} has SHA-256 {found}, {recorded} was built")));
            }
        }
        Ok(())
    }

    /// Reads what was recorded when it was built.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Unexpected`] when the record cannot be read.
    pub fn info(&self) -> Result<Info, Error> {
        let path = self.info_file();
        let bytes = fs::read(&path).at("read", &path)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Unexpected { path, reason: error.to_string() })
    }
}

/// Finds the guest of the default flavour, as [`locate_flavour`] does.
#[must_use]
pub fn locate(cache: &Path) -> Option<Guest> {
    locate_flavour(cache, &Flavour::default())
}

/// Finds the guest that this version of the recipe gives with these packages, when the cache has it. Builds nothing.
///
/// Which compiler the guest was to be built with comes from the environment: `WASI_SDK_PATH`, else the
/// pinned one.
#[must_use]
pub fn locate_flavour(cache: &Path, flavour: &Flavour) -> Option<Guest> {
    let keys = Keys::of(&Toolchain::ambient(), flavour);
    let guest = Guest::at(cache, &keys.guest);
    guest.is_complete().then_some(guest)
}
