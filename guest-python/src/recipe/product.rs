//! What the build of a package leaves in the cache.

use crate::Error;
use crate::digest::sorted_files;
use crate::error::At;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a package that was built.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    dir: PathBuf,
    name: String,
}

/// An extension module of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Extension {
    /// Its dotted name.
    pub(crate) name: String,
    /// The function that starts it.
    pub(crate) init: String,
}

impl Extension {
    /// The module of this dotted name: its function is called after all of it, since two packages may each have
    /// a module of the same last name.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), init: format!("PyInit_{}", name.replace('.', "_")) }
    }

    /// The option by which a compiler gives the function its name.
    pub(crate) fn option(&self) -> String {
        let last = self.name.rsplit('.').next().unwrap_or_default();
        format!("-DPyInit_{last}={}", self.init)
    }
}

impl Product {
    pub(crate) fn at(dir: &Path, name: &str) -> Self {
        Self { dir: dir.to_owned(), name: name.to_owned() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// All its extension modules, linked with one another.
    pub(crate) fn object(&self) -> PathBuf {
        self.dir.join(format!("{}.o", self.name))
    }

    /// Static libraries for the guest.
    pub(crate) fn archives(&self) -> PathBuf {
        self.dir.join("archives")
    }

    /// The same libraries for this machine.
    pub(crate) fn native(&self) -> PathBuf {
        self.dir.join("native")
    }

    /// Headers for those who need it.
    pub(crate) fn include(&self) -> PathBuf {
        self.dir.join("include")
    }

    /// Python files.
    pub(crate) fn lib(&self) -> PathBuf {
        self.dir.join("lib")
    }

    pub(crate) fn licenses(&self) -> PathBuf {
        self.dir.join("licenses")
    }

    fn list(&self) -> PathBuf {
        self.dir.join("modules.txt")
    }

    /// Writes down which modules its object has.
    pub(crate) fn set_extensions(&self, extensions: &[Extension]) -> Result<(), Error> {
        let lines: String =
            extensions.iter().map(|module| format!("{} {}\n", module.name, module.init)).collect();
        fs::write(self.list(), lines).at("write", &self.list())
    }

    /// Its extension modules; none of a library.
    pub(crate) fn extensions(&self) -> Result<Vec<Extension>, Error> {
        if !self.list().is_file() {
            return Ok(Vec::new());
        }
        let text = fs::read_to_string(self.list()).at("read", &self.list())?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.map(|(name, init)| Extension { name: name.into(), init: init.into() }).collect())
    }

    /// Its static libraries for the guest, sorted.
    pub(crate) fn archive_files(&self) -> Result<Vec<PathBuf>, Error> {
        if !self.archives().is_dir() {
            return Ok(Vec::new());
        }
        let files = sorted_files(&self.archives())?;
        Ok(files.into_iter().map(|(_, path)| path).filter(|path| is_archive(path)).collect())
    }
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "a")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_of_the_same_last_name_have_functions_of_their_own() {
        let (one, other) = (Extension::new("pandas._libs.lib"), Extension::new("lxml.lib"));
        assert_eq!(one.option(), "-DPyInit_lib=PyInit_pandas__libs_lib");
        assert_ne!(one.init, other.init);
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let product = Product::at(folder.path(), "regex");
        assert_eq!(product.extensions().expect("none"), []);
        assert!(product.archive_files().expect("none").is_empty());
        let modules = [Extension::new("regex._regex"), Extension::new("top")];
        product.set_extensions(&modules).expect("written");
        assert_eq!(product.extensions().expect("read"), modules);
    }
}
