//! What a finished guest was made from, and what becomes of both when one is damaged.

use crate::digest::hash_tree;
use crate::keys::{Keys, Toolchain};
use crate::recipe::cache::Cache;
use crate::recipe::inputs::Inputs;
use crate::recipe::progress::Progress;
use crate::recipe::{fetch, link, numpy};
use crate::{Error, Guest};
use std::path::PathBuf;

impl Guest {
    /// The cache that it stands in.
    fn cache(&self) -> Cache {
        Cache::new(self.dir.ancestors().nth(2).unwrap_or(&self.dir))
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
        let path = fetch::kept(&self.cache(), source);
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
        let keys = Keys::of(&Toolchain::ambient());
        let cache = self.cache();
        let mut parts = vec![cache.numpy(&keys.numpy).join(numpy::OBJECT)];
        parts.extend(link::archives(&inputs, &cache.cpython(&keys.cpython)));
        Ok(parts)
    }

    /// Removes it from the cache, if it is damaged: the next build makes it anew.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be removed.
    pub fn discard_damaged(&self, progress: &mut dyn Progress) -> Result<(), Error> {
        let lock = self.cache().lock(progress)?;
        // Another process may have built it anew while this one waited.
        if self.check().is_ok() {
            return Ok(());
        }
        // The library's files are hard links to those of its parts: what happened to one happened to both.
        let recorded = self.info().map(|info| info.stdlib_sha256);
        if recorded.ok() != hash_tree(&self.stdlib()).ok() {
            let keys = Keys::of(&Toolchain::ambient());
            let cache = self.cache();
            lock.discard(&cache.cpython(&keys.cpython))?;
            lock.discard(&cache.numpy(&keys.numpy))?;
        }
        lock.discard(&self.dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Info;
    use crate::digest::sha256_file;
    use crate::recipe::progress::Silent;
    use crate::recipe::stages::write_info;
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    /// A guest of the cache with a module, a library and what both came from.
    fn made(cache: &Path) -> (Guest, PathBuf) {
        let keys = Keys::of(&Toolchain::ambient());
        let places = Cache::new(cache);
        let guest = Guest::at(cache, &keys.guest);
        fs::create_dir_all(guest.stdlib()).expect("a folder");
        fs::write(guest.stdlib().join("os.py"), "name = 'posix'").expect("a file");
        fs::write(guest.wasm(), "module").expect("a file");
        let info = Info {
            key: keys.guest.clone(),
            python: "3".into(),
            wasm_sha256: sha256_file(&guest.wasm()).expect("hashed"),
            wasm_bytes: 6,
            stdlib_sha256: hash_tree(&guest.stdlib()).expect("hashed"),
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
