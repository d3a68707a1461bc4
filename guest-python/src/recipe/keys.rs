//! Works out the keys that name what a build gives. The build script runs this, so that no start of a program
//! has to; the crate itself has it only for its tests.

use sha2::{Digest as _, Sha256};

/// Raised whenever this crate's own code changes what a build gives.
const RECIPE: u32 = 10;

/// The same for what it gives of numpy alone.
const NUMPY_RECIPE: u32 = 1;

/// What of the lock file's tables is numpy's alone.
const NUMPY_OPTIONS: [&str; 2] = ["numpy", "openblas"];

/// What of them only links the guest, from objects that are there.
const LINK_OPTIONS: [&str; 3] = ["bridge", "link", "system_libraries"];

/// The keys of CPython, of numpy and of the guest that the pinned compiler makes of these inputs: the first 16
/// hexadecimal digits of the SHA-256 over all that goes into each. Files by their names, folder first.
pub(crate) fn keys<'a>(
    (lock, header): (&str, &str),
    files: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
) -> [String; 3] {
    let folders = |hash: &mut Sha256, folders: &[&str]| {
        for folder in folders {
            for (name, bytes) in files.clone() {
                if let Some(name) = name.strip_prefix(folder).and_then(|n| n.strip_prefix('/')) {
                    add(hash, name, bytes);
                }
            }
        }
    };
    let mut hash = Sha256::new();
    add(&mut hash, "recipe", &RECIPE.to_le_bytes());
    add(&mut hash, "lock", without_numpy(lock).as_bytes());
    add(&mut hash, "toolchain", b"pinned");
    folders(&mut hash, &["patches", "profile", "recipe"]);
    let cpython = hash.clone();
    add(&mut hash, "recipe", &NUMPY_RECIPE.to_le_bytes());
    add(&mut hash, "lock", without(lock, &LINK_OPTIONS).to_string().as_bytes());
    folders(&mut hash, &["numpy", "openblas"]);
    let numpy = hash.clone();
    add(&mut hash, "lock", lock.as_bytes());
    folders(&mut hash, &["bridge", "python", "ophidia"]);
    add(&mut hash, "header", header.as_bytes());
    [cpython, numpy, hash]
        .map(|hash| hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// What of the lock file goes into CPython.
fn without_numpy(lock: &str) -> String {
    let mut lock = without(lock, &[&NUMPY_OPTIONS[..], &LINK_OPTIONS].concat());
    if let Some(toml::Value::Array(sources)) = lock.get_mut("source") {
        sources.retain(|source| source.get("use").and_then(|used| used.as_str()) != Some("numpy"));
    }
    lock.to_string()
}

/// The lock file without these options.
fn without(lock: &str, options: &[&str]) -> toml::Table {
    let mut lock: toml::Table = lock.parse().unwrap_or_default();
    for table in ["flags", "configure"] {
        if let Some(toml::Value::Table(table)) = lock.get_mut(table) {
            table.retain(|name, _| !options.contains(&name));
        }
    }
    lock
}

fn add(hash: &mut Sha256, name: &str, bytes: &[u8]) {
    for part in [name.as_bytes(), bytes] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
}

#[cfg(test)]
mod tests {
    use crate::keys::Keys;
    use crate::recipe::inputs::{FILES, Inputs, LOCK};

    /// The embedded recipe, for a test to change.
    #[derive(Clone)]
    struct Recipe {
        lock: String,
        header: String,
        files: Vec<(String, Vec<u8>)>,
    }

    impl Recipe {
        fn embedded() -> Self {
            let files = FILES.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
            let header = Inputs::embedded().expect("valid").header().to_owned();
            Self { lock: LOCK.to_owned(), header, files: files.collect() }
        }

        /// With another byte in a file of this folder.
        fn changed(mut self, folder: &str) -> Self {
            let file = self.files.iter_mut().find(|(name, _)| name.starts_with(folder));
            file.expect("a file").1.push(b'\n');
            self
        }

        fn keys(&self) -> Keys {
            let files = self.files.iter().map(|(name, bytes)| (&**name, &**bytes));
            let [cpython, numpy, guest] = super::keys((&self.lock, &self.header), files);
            Keys { cpython, numpy, guest }
        }
    }

    #[test]
    fn the_build_script_has_worked_out_the_same_keys() {
        assert_eq!(Keys::PINNED.map(str::to_owned), {
            let Keys { cpython, numpy, guest } = Recipe::embedded().keys();
            [cpython, numpy, guest]
        });
    }

    #[test]
    fn a_change_of_the_bridge_leaves_cpython_as_it_is() {
        let recipe = Recipe::embedded();
        let (keys, changed) = (recipe.keys(), recipe.changed("bridge/").keys());
        assert_eq!(keys.cpython, changed.cpython);
        assert_ne!(keys.guest, changed.guest);
    }

    #[test]
    fn a_change_of_how_it_is_linked_leaves_the_objects_as_they_are() {
        let recipe = Recipe::embedded();
        let (keys, mut changed) = (recipe.keys(), recipe);
        changed.lock = changed.lock.replacen("\nlink = [", "\nlink = [\"-Wl,--new\", ", 1);
        let changed = changed.keys();
        assert_eq!(keys.cpython, changed.cpython);
        assert_eq!(keys.numpy, changed.numpy);
        assert_ne!(keys.guest, changed.guest);
    }

    #[test]
    fn a_change_of_lock_or_patch_or_profile_gives_a_new_key() {
        let recipe = Recipe::embedded();
        let keys = recipe.keys();
        let mut lock = recipe.clone();
        lock.lock = lock.lock.replacen("-O3", "-O1", 1);
        let (patch, profile) = (recipe.clone().changed("patches/"), recipe.changed("profile/"));
        for changed in [lock, patch, profile] {
            let changed = changed.keys();
            assert_ne!(keys.cpython, changed.cpython);
            assert_ne!(keys.guest, changed.guest);
        }
    }

    #[test]
    fn a_change_of_the_header_gives_a_new_guest() {
        let mut recipe = Recipe::embedded();
        let keys = recipe.keys();
        recipe.header.push('\n');
        let changed = recipe.keys();
        assert_eq!(keys.cpython, changed.cpython);
        assert_ne!(keys.guest, changed.guest);
        assert_eq!(keys.guest.len(), 16);
    }

    #[test]
    fn a_change_of_numpy_leaves_cpython_as_it_is() {
        let recipe = Recipe::embedded();
        let keys = recipe.keys();
        for (old, new) in
            [("\"-mrelaxed-simd\", ", ""), ("version = \"2.5.5\"", "version = \"2.5.4\"")]
        {
            let mut after = recipe.clone();
            after.lock = after.lock.replacen(old, new, 1);
            let changed = after.keys();
            assert_eq!(keys.cpython, changed.cpython);
            assert_ne!(keys.numpy, changed.numpy);
        }
    }
}
