//! The keys that name what a build leaves in the cache, and the compiler that they depend on.

use crate::digest::hex;
use crate::flavour::{Flavour, Package};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use std::{env, fs};

include!(concat!(env!("OUT_DIR"), "/keys.rs"));

/// Names of the things a build leaves in the cache, of 16 hexadecimal digits each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// CPython without the bridge. It takes minutes, and a change of the bridge leaves it as it is.
    pub(crate) cpython: String,
    /// The guest.
    pub(crate) guest: String,
    identity: Option<String>,
}

impl Keys {
    /// Those of what this compiler makes, with these packages in the guest.
    pub(crate) fn of(toolchain: &Toolchain, flavour: &Flavour) -> Self {
        let identity = toolchain.identity();
        let mut parts = vec![BRIDGE, CPYTHON];
        parts.extend(flavour.linked().iter().flat_map(|package| [package.key, package.face]));
        Self {
            cpython: with(&identity, CPYTHON),
            guest: with(&identity, &short(&parts.join(" "))),
            identity,
        }
    }

    /// What the build of a package leaves.
    #[cfg(feature = "build")]
    pub(crate) fn package(&self, package: &Package) -> String {
        with(&self.identity, package.key)
    }
}

/// A key of what the pinned compiler makes, or else of what this one makes.
fn with(identity: &Option<String>, key: &str) -> String {
    match identity {
        None => key.to_owned(),
        Some(identity) => short(&format!("{key} {identity}")),
    }
}

fn short(text: &str) -> String {
    hex(&Sha256::digest(text)).chars().take(16).collect()
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
        let flavour = Flavour::default();
        let keys = || Keys::of(&Toolchain::WasiSdk(sdk.path().to_owned()), &flavour);
        let (pinned, first) = (Keys::of(&Toolchain::Pinned, &flavour), keys());
        fs::write(sdk.path().join("VERSION"), "25.0").expect("a file");
        let second = keys();
        for (one, other) in [(&pinned, &first), (&first, &second), (&pinned, &second)] {
            assert_ne!(one.cpython, other.cpython);
            assert!(one.guest != other.guest && one.guest.len() == other.guest.len());
            for package in flavour.packages() {
                assert_ne!(one.package(package), other.package(package));
            }
        }
        assert_eq!(second, keys());
    }

    #[test]
    fn each_flavour_has_a_guest_of_its_own_and_all_share_cpython() {
        let keys = |names: &[&str]| {
            Keys::of(&Toolchain::Pinned, &Flavour::of(names).expect("known packages"))
        };
        let (none, one, two) = (keys(&[]), keys(&["numpy"]), keys(&["numpy", "regex"]));
        assert!(none.guest != one.guest && one.guest != two.guest && none.guest != two.guest);
        assert!(none.cpython == one.cpython && one.cpython == two.cpython);
    }
}
