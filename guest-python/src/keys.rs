//! The keys that name what a build leaves in the cache, and the compiler that they depend on.

use crate::digest::hex;
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use std::{env, fs};

include!(concat!(env!("OUT_DIR"), "/keys.rs"));

/// Names of the things a build leaves in the cache, of 16 hexadecimal digits each.
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
    /// Those of the pinned compiler: CPython's, numpy's and the guest's.
    pub(crate) const PINNED: [&str; 3] = PINNED;

    /// Those of what this compiler makes.
    pub(crate) fn of(toolchain: &Toolchain) -> Self {
        let [cpython, numpy, guest] = Self::PINNED.map(|key| match toolchain.identity() {
            None => key.to_owned(),
            Some(identity) => {
                let digest = Sha256::digest(format!("{key} {identity}"));
                hex(&digest).chars().take(key.len()).collect()
            }
        });
        Self { cpython, numpy, guest }
    }
}

/// Which compiler builds the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one in the lock file.
    Pinned,
    /// A WASI SDK on this machine.
    WasiSdk(PathBuf),
}

impl Toolchain {
    /// The SDK that `WASI_SDK_PATH` names, else the pinned one.
    pub(crate) fn ambient() -> Self {
        ambient_folder("WASI_SDK_PATH").map_or(Self::Pinned, Self::WasiSdk)
    }

    /// What tells an SDK from others. The pinned compiler is part of the recipe.
    fn identity(&self) -> Option<String> {
        let Self::WasiSdk(sdk) = self else { return None };
        // Every release carries a file VERSION that names all its parts.
        let version = fs::read(sdk.join("VERSION")).unwrap_or_default();
        Some(format!("wasi-sdk {} {}", sdk.display(), hex(&Sha256::digest(version))))
    }
}

/// The absolute path of a folder that the environment names.
pub(crate) fn ambient_folder(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    std::path::absolute(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_compiler_and_another_release_of_it_have_keys_of_their_own() {
        let sdk = tempfile::tempdir().expect("a folder");
        let keys = || Keys::of(&Toolchain::WasiSdk(sdk.path().to_owned()));
        let (pinned, first) = (Keys::of(&Toolchain::Pinned), keys());
        fs::write(sdk.path().join("VERSION"), "25.0").expect("a file");
        let second = keys();
        for (one, other) in [(&pinned, &first), (&first, &second), (&pinned, &second)] {
            assert!(one.cpython != other.cpython && one.numpy != other.numpy);
            assert!(one.guest != other.guest && one.guest.len() == other.guest.len());
        }
        assert_eq!(second, keys());
    }
}
