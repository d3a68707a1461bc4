//! Everything the guest is made from, embedded, and the keys that name what it gives.

use crate::Error;
use crate::error::At;
use crate::keys::{Keys, hex};
use crate::lock::Lock;
use crate::toolchain::Toolchain;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::Read;
use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The text of the lock file.
pub(crate) const LOCK: &str = include_str!("../guest.lock.toml");

/// The notices that go with a finished guest.
pub(crate) const NOTICES: &str = include_str!("../THIRD-PARTY-NOTICES.md");

/// What a build consists of. A test puts other contents in.
#[derive(Debug, Clone)]
pub(crate) struct Inputs {
    pub(crate) lock: Lock,
    lock_text: String,
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
            lock_text: LOCK.to_owned(),
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

    /// Puts files of one folder where sources below `target` need them, as (name, place).
    pub(crate) fn place(
        &self,
        folder: &str,
        files: &[(&str, &str)],
        target: &Path,
    ) -> Result<(), Error> {
        for (name, bytes) in self.folder(folder) {
            if let Some((_, place)) = files.iter().find(|(file, _)| *file == name) {
                let path = target.join(place);
                fs::write(&path, bytes).at("write", &path)?;
            }
        }
        Ok(())
    }

    /// The C header of the bridge.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The keys of what these inputs give.
    fn keys(&self, toolchain: &Toolchain) -> Keys {
        let files = self.files.iter().map(|(name, bytes)| (&**name, &**bytes));
        Keys::of((&self.lock_text, &self.header), files, &toolchain.identity())
    }
}

/// The keys of what is embedded in this crate.
pub(crate) fn keys(toolchain: &Toolchain) -> Result<Keys, Error> {
    if *toolchain == Toolchain::Pinned {
        let [cpython, numpy, guest] = KEYS.map(str::to_owned);
        return Ok(Keys { cpython, numpy, guest });
    }
    Ok(Inputs::embedded()?.keys(toolchain))
}

/// The SHA-256 of a file's content.
pub(crate) fn sha256_file(path: &Path) -> Result<String, Error> {
    let mut file = fs::File::open(path).at("open", path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).at("read", path)?;
        match buffer.get(..count) {
            Some(part) if count > 0 => hash.update(part),
            _ => return Ok(hex(&hash.finalize())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_script_has_worked_out_the_same_keys() {
        let embedded = Inputs::embedded().expect("valid").keys(&Toolchain::Pinned);
        assert_eq!(keys(&Toolchain::Pinned).expect("valid"), embedded);
    }

    #[test]
    fn a_change_of_the_bridge_leaves_cpython_as_it_is() {
        let before = Inputs::embedded().expect("valid");
        let keys = before.keys(&Toolchain::Pinned);
        let mut after = before.clone();
        let (_, bytes) =
            after.files.iter_mut().find(|(name, _)| name.starts_with("bridge/")).expect("a bridge");
        bytes.push(b'\n');
        let changed = after.keys(&Toolchain::Pinned);
        assert_eq!(keys.cpython, changed.cpython);
        assert_ne!(keys.guest, changed.guest);
    }

    #[test]
    fn a_change_of_lock_or_patch_or_header_gives_a_new_key() {
        let before = Inputs::embedded().expect("valid");
        let keys = before.keys(&Toolchain::Pinned);
        let mut lock = before.clone();
        lock.lock_text = lock.lock_text.replacen("-O3", "-O1", 1);
        let mut patch = before.clone();
        patch
            .files
            .iter_mut()
            .find(|(name, _)| name.starts_with("patches/"))
            .expect("a patch")
            .1
            .push(0);
        for changed in [lock, patch] {
            let changed = changed.keys(&Toolchain::Pinned);
            assert_ne!(keys.cpython, changed.cpython);
            assert_ne!(keys.guest, changed.guest);
        }
        let mut profile = before.clone();
        profile
            .files
            .iter_mut()
            .find(|(name, _)| name.starts_with("profile/"))
            .expect("a profile")
            .1
            .push(0);
        assert_ne!(keys.cpython, profile.keys(&Toolchain::Pinned).cpython);
        let mut header = before;
        header.header.push('\n');
        let changed = header.keys(&Toolchain::Pinned);
        assert_eq!(keys.cpython, changed.cpython);
        assert_ne!(keys.guest, changed.guest);
        assert_eq!(keys.guest.len(), 16);
    }

    #[test]
    fn a_change_of_numpy_leaves_cpython_as_it_is() {
        let before = Inputs::embedded().expect("valid");
        let keys = before.keys(&Toolchain::Pinned);
        for (old, new) in
            [("\"-mrelaxed-simd\", ", ""), ("use = \"numpy\"\n", "use = \"numpy\" \n")]
        {
            let mut after = before.clone();
            after.lock_text = after.lock_text.replacen(old, new, 1);
            let changed = after.keys(&Toolchain::Pinned);
            assert_eq!(keys.cpython, changed.cpython);
            assert_ne!(keys.numpy, changed.numpy);
        }
    }

    #[test]
    fn the_recipe_is_embedded_whole() {
        let inputs = Inputs::embedded().expect("valid");
        for folder in ["bridge", "numpy", "openblas", "python", "patches", "profile", "recipe"] {
            assert!(inputs.folder(folder).count() > 0, "{folder}");
        }
    }
}
