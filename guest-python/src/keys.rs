//! The keys that name what a build gives. The build script reads this file too: it works them out for the
//! pinned compiler, so that no start of the command has to.

use sha2::{Digest as _, Sha256};

/// Raised whenever this crate's own code changes what a build gives.
const RECIPE: u32 = 8;

/// The same for what it gives of numpy alone.
const NUMPY_RECIPE: u32 = 1;

/// What of the lock file's tables is numpy's alone.
const NUMPY_OPTIONS: [&str; 2] = ["numpy", "openblas"];

/// What names the compiler in the lock file.
pub(crate) const PINNED: &str = "pinned";

/// Names of the things a build leaves in the cache: the first 16 hexadecimal digits of the SHA-256
/// over all that goes into each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// CPython without the bridge. It takes minutes, and a change of the bridge leaves it as it is.
    pub(crate) cpython: String,
    /// numpy for that CPython.
    pub(crate) numpy: String,
    /// The guest.
    pub(crate) guest: String,
}

impl Keys {
    /// Those of what these inputs give: files by their names, folder first.
    pub(crate) fn of<'a>(
        (lock, header): (&str, &str),
        files: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
        toolchain: &str,
    ) -> Self {
        let folders = |hash: &mut Sha256, folders: &[&str]| {
            for folder in folders {
                for (name, bytes) in files.clone() {
                    if let Some(name) = name.strip_prefix(folder).and_then(|n| n.strip_prefix('/'))
                    {
                        add(hash, name, bytes);
                    }
                }
            }
        };
        let mut hash = Sha256::new();
        add(&mut hash, "recipe", &RECIPE.to_le_bytes());
        add(&mut hash, "lock", without_numpy(lock).as_bytes());
        add(&mut hash, "toolchain", toolchain.as_bytes());
        folders(&mut hash, &["patches", "profile", "recipe"]);
        let cpython = hash.clone().finalize();
        add(&mut hash, "recipe", &NUMPY_RECIPE.to_le_bytes());
        add(&mut hash, "lock", lock.as_bytes());
        folders(&mut hash, &["numpy", "openblas"]);
        let numpy = hash.clone().finalize();
        folders(&mut hash, &["bridge", "python"]);
        add(&mut hash, "header", header.as_bytes());
        let guest = hash.finalize();
        let short = |digest: &[u8]| hex(digest).chars().take(16).collect();
        Self { cpython: short(&cpython), numpy: short(&numpy), guest: short(&guest) }
    }
}

/// What of the lock file goes into CPython.
fn without_numpy(lock: &str) -> String {
    let mut lock: toml::Table = lock.parse().unwrap_or_default();
    if let Some(toml::Value::Array(sources)) = lock.get_mut("source") {
        sources.retain(|source| source.get("use").and_then(|used| used.as_str()) != Some("numpy"));
    }
    for table in ["flags", "configure"] {
        if let Some(toml::Value::Table(table)) = lock.get_mut(table) {
            table.retain(|name, _| !NUMPY_OPTIONS.contains(&name));
        }
    }
    lock.to_string()
}

fn add(hash: &mut Sha256, name: &str, bytes: &[u8]) {
    for part in [name.as_bytes(), bytes] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
