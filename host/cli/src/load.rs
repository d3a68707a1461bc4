//! The runtime: loaded when guest and image are in the cache, else built first, in sight.

use crate::bytecode;
use crate::progress::{BuildProgress, ImageProgress};
use crate::sandbox::Sandbox;
use ophidia::{Error, Result, Runtime};
use ophidia_guest::{self as guest, BuildOptions, Progress as _};
use std::path::{Path, PathBuf};

/// The cache folder that the environment names.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    guest::ambient_cache_dir().ok_or_else(|| {
        Error::Host("the environment names no cache folder: set OPHIDIA_CACHE or HOME".into())
    })
}

/// The runtime, with room for one interpreter.
pub(crate) fn runtime() -> Result<Runtime> {
    runtime_for(1)
}

/// The runtime, with room for so many interpreters.
pub(crate) fn runtime_for(count: u32) -> Result<Runtime> {
    let cache = cache_dir()?;
    match from_cache(&cache, count) {
        Err(Error::GuestMissing { .. }) => {
            guest(&cache)?;
            from_cache(&cache, count)
        }
        Err(Error::GuestDamaged { .. }) => {
            whole_guest(&cache)?;
            from_cache(&cache, count)
        }
        other => other,
    }
}

/// The same, and the standard library of its guest.
pub(crate) fn runtime_and_stdlib() -> Result<(Runtime, PathBuf)> {
    let runtime = runtime()?;
    let cache = cache_dir()?;
    let guest = guest::locate(&cache).ok_or(Error::GuestMissing { cache })?;
    Ok((runtime, guest.stdlib()))
}

/// Keeps bytecode for the sandbox's sites, where the cache can be written.
pub(crate) fn with_bytecode(runtime: &Runtime, sandbox: &mut Sandbox) {
    let Ok(cache) = cache_dir() else { return };
    let key = guest::locate(&cache).map(|guest| guest.key().to_owned());
    if let (Some(key), false) = (key, sandbox.site_grants().is_empty()) {
        bytecode::prepare(runtime, sandbox, &cache, &key);
    }
}

/// The guest, built now if the cache has none.
fn guest(cache: &Path) -> Result<()> {
    if guest::locate(cache).is_none() {
        let mut progress = BuildProgress::new();
        progress.announce(cache);
        guest::build(cache, &BuildOptions::ambient(), &mut progress)?;
    }
    Ok(())
}

/// The same, built anew if what the cache has is damaged.
pub(crate) fn whole_guest(cache: &Path) -> Result<()> {
    guest(cache)?;
    let Some(found) = guest::locate(cache) else { return Ok(()) };
    if let Err(damage) = found.check() {
        let mut progress = BuildProgress::new();
        progress.message(&format!("{damage}; building it anew"));
        found.discard_damaged(&mut progress)?;
        guest::build(cache, &BuildOptions::ambient(), &mut progress)?;
    }
    Ok(())
}

/// Native stack of the program, in bytes: as deep a recursion as with python3.
const STACK: usize = 25 << 20;

/// What the thread that runs it needs, with room for the host.
pub(crate) const THREAD_STACK: usize = STACK + (2 << 20);

fn from_cache(cache: &Path, count: u32) -> Result<Runtime> {
    let mut progress = ImageProgress::default();
    Runtime::builder(cache)
        .max_interpreters(count)
        .stack(STACK)
        .progress(Box::new(move |stage| progress.show(&stage)))
        .build()
}
