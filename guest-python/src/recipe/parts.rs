//! What a finished guest was made from, and what becomes of both when one is damaged.

use crate::digest::hash_tree;
use crate::flavour::Flavour;
use crate::keys::{Keys, Toolchain};
use crate::recipe::cache::Cache;
use crate::recipe::fetch;
use crate::recipe::inputs::Inputs;
use crate::recipe::link::Parts;
use crate::recipe::lock::Source;
use crate::recipe::progress::Progress;
use crate::recipe::stages::Finished;
use crate::{Error, Guest};
use std::path::PathBuf;

impl Guest {
    /// The cache that it stands in.
    fn cache(&self) -> Cache {
        Cache::new(self.dir.ancestors().nth(2).unwrap_or(&self.dir))
    }

    /// What it is linked from.
    fn finished(&self) -> Finished {
        // A record that cannot be read is one of a guest that is built anew.
        let packages = self.info().map(|info| info.packages).unwrap_or_default();
        let names: Vec<String> = packages.into_keys().collect();
        let flavour = Flavour::of(&names).unwrap_or_default();
        Finished::in_cache(&self.cache(), &Keys::of(&Toolchain::ambient(), &flavour), &flavour)
    }

    /// The source archive of CPython, named `cpython`, or of a package, as it was fetched: with its test-suite.
    ///
    /// # Errors
    ///
    /// [`Error::Fetch`] when it is no longer in the cache; [`Error::Lock`] when nothing is called so.
    pub fn source_archive(&self, name: &str) -> Result<PathBuf, Error> {
        let inputs = Inputs::embedded()?;
        let mut sources = inputs.lock.sources.iter().cloned();
        let source: Source = match sources.find(|source| source.name == name) {
            Some(source) => source,
            None => {
                let sources = inputs.package(name)?.sources();
                let first = sources.into_iter().next();
                first.ok_or_else(|| Error::Lock(format!("{name} has no sources")))?
            }
        };
        let path = fetch::kept(&self.cache(), &source);
        if path.is_file() {
            return Ok(path);
        }
        let reason = "it is no longer in the cache; build the guest anew".to_owned();
        Err(Error::Fetch { file: source.file.clone(), reason })
    }

    /// What it was linked from besides the bridge and the system's libraries: the packages' objects, then the
    /// archives in the linker's order.
    ///
    /// # Errors
    ///
    /// [`Error::Lock`] when the embedded recipe is malformed.
    pub fn parts(&self) -> Result<Vec<PathBuf>, Error> {
        let parts = Parts::of(&Inputs::embedded()?, &self.finished())?;
        Ok([parts.objects, parts.archives].concat())
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
            let finished = self.finished();
            lock.discard(&finished.cpython)?;
            for (_, product) in finished.linked() {
                lock.discard(product.dir())?;
            }
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
        let keys = Keys::of(&Toolchain::ambient(), &Flavour::default());
        let places = Cache::new(cache);
        let guest = Guest::at(cache, &keys.guest);
        fs::create_dir_all(guest.stdlib()).expect("a folder");
        fs::write(guest.stdlib().join("os.py"), "name = 'posix'").expect("a file");
        fs::write(guest.wasm(), "module").expect("a file");
        let info = Info {
            key: keys.guest.clone(),
            python: "3".into(),
            packages: BTreeMap::new(),
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
