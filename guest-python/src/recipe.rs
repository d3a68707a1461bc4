//! Building a guest: from the cache when it is there, else by the stages of the recipe, under a lock.

mod building;
mod cache;
mod check;
mod cpython;
mod face;
mod fetch;
mod inputs;
#[cfg(test)]
mod keys;
mod licenses;
mod link;
mod lock;
mod objects;
mod package;
mod parts;
mod prerequisites;
mod process;
mod product;
mod profile;
mod programs;
mod progress;
mod stages;
mod stdlib;
mod toolchain;
mod unpack;
pub(crate) mod wasm;

pub use cache::{Cleaned, clean};
pub use lock::{Client, Lock, Purpose, Source};
pub use prerequisites::missing;
pub use progress::{Progress, Silent};

use crate::Error;
use crate::digest::{hash_tree, sha256_file};
use crate::error::At as _;
use crate::flavour::Flavour;
use crate::guest::Guest;
use crate::keys::{Keys, Toolchain, ambient_folder};
use cache::Cache;
use inputs::Inputs;
use stages::{Build, Finished};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

/// How a guest is built. The default takes everything from the lock file, and as many jobs as there are
/// processors.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// A folder with files of the lock file, by their names; used before anything is fetched.
    pub sources: Option<PathBuf>,
    /// An unpacked WASI SDK to compile with instead of the pinned toolchain. The bytes will differ.
    pub wasi_sdk: Option<PathBuf>,
    /// Which packages are in it.
    pub flavour: Flavour,
    /// Compiler processes at once; as many as there are processors when absent.
    pub jobs: Option<usize>,
}

impl BuildOptions {
    /// Options from the environment: `OPHIDIA_SOURCES` and `WASI_SDK_PATH`.
    #[must_use]
    pub fn ambient() -> Self {
        let (sources, wasi_sdk) =
            (ambient_folder("OPHIDIA_SOURCES"), ambient_folder("WASI_SDK_PATH"));
        Self { sources, wasi_sdk, ..Self::default() }
    }

    pub(crate) fn toolchain(&self) -> Toolchain {
        self.wasi_sdk.clone().map_or(Toolchain::Pinned, Toolchain::WasiSdk)
    }

    pub(crate) fn jobs(&self) -> usize {
        self.jobs.or_else(|| Some(available_parallelism().ok()?.get())).unwrap_or(1)
    }
}

/// Gives the guest of this recipe, from the cache or built now.
///
/// A build takes some minutes, about 2 GB while it runs, and leaves about 300 MB. When another process is
/// building in the same cache, this one waits for it. Nothing half-made is ever seen: a build that fails
/// or is killed leaves only verified downloads and, for the next build to remove, its working folder.
///
/// # Errors
///
/// [`Error::Missing`] names all that the machine lacks; [`Error::Fetch`], [`Error::Hash`],
/// [`Error::DiskFull`] and [`Error::Command`] tell what went wrong on the way.
pub fn build(
    cache: &Path,
    options: &BuildOptions,
    progress: &mut dyn Progress,
) -> Result<Guest, Error> {
    let keys = Keys::of(&options.toolchain(), &options.flavour);
    let cache = Cache::new(cache);
    let guest = Guest::at(cache.root(), &keys.guest);
    if guest.is_complete() {
        return Ok(guest);
    }
    let lock = cache.lock(progress)?;
    // Another process may have built it while this one waited.
    if guest.is_complete() {
        return Ok(guest);
    }
    let inputs = Inputs::embedded()?;
    let finished = Finished::in_cache(&cache, &keys, &options.flavour);
    let mut work = lock.work(&keys.guest)?;
    let mut build = Build::new(&inputs, options, (&cache, Some(&lock)), work.path(), progress);
    let result = build.all(&lock, &finished, &guest);
    if result.is_err() {
        work.keep_logs();
    }
    result.map(|()| guest)
}

/// Fills the folder `target` with what the guest is compiled from: toolchain, libraries, and CPython
/// configured in `python/guest-build`. `profile/train.py` goes on from there; no guest is needed, as a
/// change may be the reason that none can be built with the old profile.
///
/// # Errors
///
/// Those of [`build`].
pub fn prepare(
    cache: &Path,
    options: &BuildOptions,
    target: &Path,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let inputs = Inputs::embedded()?;
    let cache = Cache::new(cache);
    let _lock = cache.lock(progress)?;
    fs::create_dir_all(target).at("create", target)?;
    Build::new(&inputs, options, (&cache, None), target, progress).prepare()
}

/// What [`verify_reproducible`] compared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reproduced {
    /// The SHA-256 of both `guest.wasm`.
    pub wasm_sha256: String,
    /// The SHA-256 over both standard libraries.
    pub stdlib_sha256: String,
}

/// Builds the guest once more, in a new folder, and compares the bytes of `guest.wasm` and of the standard
/// library with those in the cache. The native Python, which only runs the recipe's scripts, is taken from
/// the cache.
///
/// # Errors
///
/// [`Error::NotReproducible`] names what differs; otherwise those of [`build`].
pub fn verify_reproducible(
    cache: &Path,
    options: &BuildOptions,
    progress: &mut dyn Progress,
) -> Result<Reproduced, Error> {
    let first = build(cache, options, progress)?;
    let recorded = first.info()?;
    let inputs = Inputs::embedded()?;
    let cache = Cache::new(cache);
    let lock = cache.lock(progress)?;
    let mut work = lock.work("again")?;
    let mut build = Build::new(&inputs, options, (&cache, None), work.path(), progress);
    let second = build.again(&first);
    if second.is_err() {
        work.keep_logs();
    }
    let second = second?;
    for (what, one, two) in [
        ("guest.wasm", sha256_file(&first.wasm())?, second.wasm_sha256.clone()),
        ("the standard library", hash_tree(&first.stdlib())?, second.stdlib_sha256.clone()),
        ("the record of guest.wasm", recorded.wasm_sha256, second.wasm_sha256.clone()),
        (
            "the record of the standard library",
            recorded.stdlib_sha256,
            second.stdlib_sha256.clone(),
        ),
    ] {
        if one != two {
            let other = work.path().join("guest/lib");
            let file = stdlib::first_difference(&first.stdlib(), &other)?;
            let file = file.map_or_else(String::new, |file| format!(" (first of all {file})"));
            return Err(Error::NotReproducible(format!("{what}{file}")));
        }
    }
    Ok(second)
}
