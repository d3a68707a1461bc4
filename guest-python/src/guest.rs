//! A finished guest in the cache.

use crate::Error;
use crate::cache::Cache;
use crate::error::At;
use crate::fetch;
use crate::inputs::{self, Inputs, sha256_file};
use crate::progress::Progress;
use crate::recipe::BuildOptions;
use crate::{link, numpy, stdlib};
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
    cache: PathBuf,
}

/// What is recorded about a guest when it is built (`info.json`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Info {
    /// The name of its inputs, see [`Guest::key`].
    pub key: String,
    /// The version of CPython in it.
    pub python: String,
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
    pub(crate) fn at(cache: &Cache, key: &str) -> Self {
        Self { dir: cache.guest(key), key: key.to_owned(), cache: cache.root().to_owned() }
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

    /// The standard library, which the guest expects to see as `/usr/lib/python3.13`.
    #[must_use]
    pub fn stdlib(&self) -> PathBuf {
        self.dir.join("lib")
    }

    /// The native Python of the same version and sources, the baseline of comparisons.
    #[must_use]
    pub fn native_python(&self) -> PathBuf {
        let series = Inputs::embedded().map(|inputs| inputs.lock.python_series().to_owned());
        self.dir.join("native/bin").join(format!("python{}", series.unwrap_or_else(|_| "3".into())))
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

    /// CPython's source archive, with its test-suite.
    ///
    /// # Errors
    ///
    /// [`Error::Fetch`] when it is no longer in the cache.
    pub fn source_tarball(&self) -> Result<PathBuf, Error> {
        let inputs = Inputs::embedded()?;
        let mut sources = inputs.lock.sources.iter();
        let source = sources
            .find(|source| source.name == "cpython")
            .ok_or_else(|| Error::Lock("it has no cpython".into()))?;
        let path = fetch::kept(&Cache::new(&self.cache), source);
        if path.is_file() {
            return Ok(path);
        }
        let reason = "it is no longer in the cache; build the guest anew".to_owned();
        Err(Error::Fetch { file: source.file.clone(), reason })
    }

    /// What it was linked from besides the bridge and the system's libraries: numpy's object, then the
    /// archives in the linker's order.
    ///
    /// # Errors
    ///
    /// [`Error::Lock`] when the embedded lock file is malformed.
    pub fn parts(&self) -> Result<Vec<PathBuf>, Error> {
        let inputs = Inputs::embedded()?;
        let keys = inputs::keys(&BuildOptions::ambient().toolchain())?;
        let cache = Cache::new(&self.cache);
        let mut parts = vec![cache.numpy(&keys.numpy).join(numpy::OBJECT)];
        parts.extend(link::archives(&inputs, &cache.cpython(&keys.cpython)));
        Ok(parts)
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
            ("the standard library", stdlib::hash_tree(&self.stdlib())?, info.stdlib_sha256),
        ] {
            if found != recorded {
                return Err(damaged(format!("{what} has SHA-256 {found}, {recorded} was built")));
            }
        }
        Ok(())
    }

    /// Removes it from the cache, if it is damaged: the next build makes it anew.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be removed.
    pub fn discard_damaged(&self, progress: &mut dyn Progress) -> Result<(), Error> {
        let lock = Cache::new(&self.cache).lock(progress)?;
        // Another process may have built it anew while this one waited.
        if self.check().is_ok() {
            return Ok(());
        }
        // The library's files are hard links to those of its parts: what happened to one happened to both.
        let recorded = self.info().map(|info| info.stdlib_sha256);
        if recorded.ok() != stdlib::hash_tree(&self.stdlib()).ok() {
            let keys = inputs::keys(&BuildOptions::ambient().toolchain())?;
            let cache = Cache::new(&self.cache);
            lock.discard(&cache.cpython(&keys.cpython))?;
            lock.discard(&cache.numpy(&keys.numpy))?;
        }
        lock.discard(&self.dir)
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

pub(crate) fn write_info(folder: &Path, info: &Info) -> Result<(), Error> {
    let path = folder.join("info.json");
    let text = serde_json::to_string_pretty(info)
        .map_err(|error| Error::Unexpected { path: path.clone(), reason: error.to_string() })?;
    fs::write(&path, text + "\n").at("write", &path)
}

/// Finds the guest that this version of the recipe gives, when the cache has it. Builds nothing.
///
/// Which compiler the guest was to be built with comes from the environment, as in
/// [`BuildOptions::ambient`].
///
/// # Errors
///
/// [`Error::Lock`] when the embedded lock file is malformed.
pub fn locate(cache: &Path) -> Result<Option<Guest>, Error> {
    let keys = inputs::keys(&BuildOptions::ambient().toolchain())?;
    let guest = Guest::at(&Cache::new(cache), &keys.guest);
    Ok(guest.is_complete().then_some(guest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    /// A guest of the cache with a module, a library and what both came from.
    fn made(cache: &Path) -> (Guest, PathBuf) {
        let keys = inputs::keys(&BuildOptions::ambient().toolchain()).expect("keys");
        let places = Cache::new(cache);
        let guest = Guest::at(&places, &keys.guest);
        fs::create_dir_all(guest.stdlib()).expect("a folder");
        fs::write(guest.stdlib().join("os.py"), "name = 'posix'").expect("a file");
        fs::write(guest.wasm(), "module").expect("a file");
        let info = Info {
            key: keys.guest.clone(),
            python: "3".into(),
            wasm_sha256: sha256_file(&guest.wasm()).expect("hashed"),
            wasm_bytes: 6,
            stdlib_sha256: stdlib::hash_tree(&guest.stdlib()).expect("hashed"),
            seconds: BTreeMap::new(),
        };
        write_info(&guest.dir, &info).expect("written");
        let parts = places.cpython(&keys.cpython);
        fs::create_dir_all(&parts).expect("a folder");
        (guest, parts)
    }

    #[test]
    fn a_whole_guest_is_left_alone() {
        let cache = tempfile::tempdir().expect("a folder");
        let (guest, parts) = made(cache.path());
        guest.check().expect("whole");
        guest.discard_damaged(&mut Silent).expect("nothing to do");
        assert!(guest.is_complete() && parts.exists());
    }

    #[test]
    fn a_damaged_module_goes_and_its_parts_stay() {
        let cache = tempfile::tempdir().expect("a folder");
        let (guest, parts) = made(cache.path());
        fs::write(guest.wasm(), "mod").expect("a file");
        let said = guest.check().expect_err("damaged").to_string();
        assert!(said.contains("guest.wasm has SHA-256"), "{said}");
        guest.discard_damaged(&mut Silent).expect("removed");
        assert!(!guest.dir.exists() && parts.exists());
    }

    #[test]
    fn a_damaged_library_goes_with_its_parts_which_are_the_same_files() {
        let cache = tempfile::tempdir().expect("a folder");
        let (guest, parts) = made(cache.path());
        fs::write(guest.stdlib().join("os.py"), "name = 'nt'").expect("a file");
        let said = guest.check().expect_err("damaged").to_string();
        assert!(said.contains("the standard library has SHA-256"), "{said}");
        guest.discard_damaged(&mut Silent).expect("removed");
        assert!(!guest.dir.exists() && !parts.exists());
    }
}
