//! Everything the guest is made from, embedded.

use crate::Error;
use crate::error::At;
use crate::flavour::Package as Known;
use crate::recipe::lock::{Lock, Purpose, Source, host};
use crate::recipe::package::Package;
use std::fs;
use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The text of the lock file.
pub(crate) const LOCK: &str = include_str!("../../guest.lock.toml");

/// The notices that go with a finished guest.
pub(crate) const NOTICES: &str = include_str!("../../THIRD-PARTY-NOTICES.md");

/// What a build consists of. A test puts other contents in.
#[derive(Debug, Clone)]
pub(crate) struct Inputs {
    pub(crate) lock: Lock,
    files: Vec<(String, Vec<u8>)>,
    header: String,
}

impl Inputs {
    /// What is embedded in this crate.
    pub(crate) fn embedded() -> Result<Self, Error> {
        let mut header = String::new();
        ophidia_abi::header::write(&mut header)
            .map_err(|error| Error::Lock(format!("the bridge's header: {error}")))?;
        Ok(Self {
            lock: Lock::parse(LOCK)?,
            files: FILES.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect(),
            header,
        })
    }

    /// The files of one folder, sorted, named from there.
    pub(crate) fn folder<'a>(
        &'a self,
        folder: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.files.iter().filter_map(move |(name, bytes)| {
            let name = name.strip_prefix(folder)?.strip_prefix('/')?;
            Some((name, &**bytes))
        })
    }

    /// Writes the files of one folder below `target`.
    pub(crate) fn write_folder(&self, folder: &str, target: &Path) -> Result<(), Error> {
        for (name, bytes) in self.folder(folder) {
            let path = target.join(name);
            let parent = path.parent().unwrap_or(target);
            fs::create_dir_all(parent).at("create", parent)?;
            fs::write(&path, bytes).at("write", &path)?;
        }
        Ok(())
    }

    /// The file of a package.
    pub(crate) fn package_text(&self, name: &str) -> Result<&str, Error> {
        let path = format!("packages/{name}/package.toml");
        let found = self.files.iter().find(|(file, _)| *file == path);
        let bytes = found.map(|(_, bytes)| &**bytes).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|error| Error::Lock(format!("{path}: {error}")))
    }

    /// What the file of a package says.
    pub(crate) fn package(&self, name: &str) -> Result<Package, Error> {
        Package::parse(name, self.package_text(name)?)
    }

    /// The files to have on this machine for CPython and these packages, without the pinned toolchain when
    /// `own_toolchain` is false.
    pub(crate) fn needed(&self, own_toolchain: bool, packages: &[Package]) -> Vec<Source> {
        let host = host();
        let sources = self.lock.sources.iter().cloned();
        sources
            .chain(packages.iter().flat_map(Package::sources))
            .filter(|source| own_toolchain || source.purpose != Purpose::Toolchain)
            .filter(|source| source.host.as_ref().is_none_or(|wanted| *wanted == host))
            .collect()
    }

    /// What the files of these packages say.
    pub(crate) fn packages(&self, known: &[&Known]) -> Result<Vec<Package>, Error> {
        known.iter().map(|known| self.package(known.name)).collect()
    }

    /// The C header of the bridge.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_is_embedded_whole() {
        let inputs = Inputs::embedded().expect("valid");
        for folder in ["bridge", "ophidia", "packages", "patches", "profile", "python", "recipe"] {
            assert!(inputs.folder(folder).count() > 0, "{folder}");
        }
    }
}
