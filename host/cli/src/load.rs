//! The runtime: loaded when guest and image are in the cache, else built first, in sight.

use crate::bytecode;
use crate::progress::{BuildProgress, ImageProgress};
use crate::sandbox::Sandbox;
use ophidia::{Error, Result, Runtime};
use ophidia_guest::{self as guest, BuildOptions, Flavour, Guest, Progress as _};
use std::path::{Path, PathBuf};

/// How many bytes files have together; `None` when one is missing.
pub(crate) fn size(files: &[PathBuf]) -> Option<u64> {
    files.iter().map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// The cache folder that the environment names.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    guest::ambient_cache_dir().ok_or_else(|| {
        Error::Host("the environment names no cache folder: set OPHIDIA_CACHE or HOME".into())
    })
}

/// The runtime of a flavour, with room for one interpreter.
pub(crate) fn runtime(flavour: &Flavour) -> Result<Runtime> {
    runtime_for(flavour, 1)
}

/// The same, with room for so many interpreters.
pub(crate) fn runtime_for(flavour: &Flavour, count: u32) -> Result<Runtime> {
    let cache = cache_dir()?;
    match from_cache(&cache, flavour, count) {
        Err(Error::GuestMissing { .. }) => {
            guest(&cache, flavour)?;
            from_cache(&cache, flavour, count)
        }
        Err(Error::GuestDamaged { .. }) => {
            whole_guest(&cache, flavour)?;
            from_cache(&cache, flavour, count)
        }
        other => other,
    }
}

/// The guest of a flavour, which is in the cache.
pub(crate) fn located(flavour: &Flavour) -> Result<Guest> {
    let cache = cache_dir()?;
    guest::locate_flavour(&cache, flavour)
        .ok_or_else(|| Error::GuestMissing { cache, command: flavour.command() })
}

/// Keeps bytecode for the sandbox's sites, where the cache can be written.
pub(crate) fn with_bytecode(runtime: &Runtime, sandbox: &mut Sandbox) {
    let Ok(cache) = cache_dir() else { return };
    let key = sandbox.flavour().ok().and_then(|flavour| guest::locate_flavour(&cache, &flavour));
    let key = key.map(|guest| guest.key().to_owned());
    if let (Some(key), false) = (key, sandbox.site_grants().is_empty()) {
        bytecode::prepare(runtime, sandbox, &cache, &key);
    }
}

/// The guest, built now if the cache has none.
fn guest(cache: &Path, flavour: &Flavour) -> Result<()> {
    if guest::locate_flavour(cache, flavour).is_none() {
        let mut progress = BuildProgress::new();
        progress.announce(cache);
        guest::build(cache, &options(flavour), &mut progress)?;
    }
    Ok(())
}

/// How the guest of a flavour is built here.
pub(crate) fn options(flavour: &Flavour) -> BuildOptions {
    BuildOptions { flavour: flavour.clone(), ..BuildOptions::ambient() }
}

/// The same, built anew if what the cache has is damaged.
pub(crate) fn whole_guest(cache: &Path, flavour: &Flavour) -> Result<()> {
    guest(cache, flavour)?;
    let Some(found) = guest::locate_flavour(cache, flavour) else { return Ok(()) };
    if let Err(damage) = found.check() {
        let mut progress = BuildProgress::new();
        progress.message(&format!("{damage}; building it anew"));
        found.discard_damaged(&mut progress)?;
        guest::build(cache, &options(flavour), &mut progress)?;
    }
    Ok(())
}

/// Native stack of the program, in bytes: as deep a recursion as with python3.
const STACK: usize = 25 << 20;

/// What the thread that runs it needs, with room for the host.
pub(crate) const THREAD_STACK: usize = STACK + (2 << 20);

fn from_cache(cache: &Path, flavour: &Flavour, count: u32) -> Result<Runtime> {
    let mut progress = ImageProgress::default();
    Runtime::builder(cache)
        .flavour(flavour.clone())
        .max_interpreters(count)
        .stack(STACK)
        .progress(Box::new(move |stage| progress.show(&stage)))
        .build()
}
