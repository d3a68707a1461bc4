//! The runtime: loaded when guest and image are in the cache, else built first, in sight.

use super::progress::{BuildProgress, ImageProgress};
use ophidia::guest::{self, BuildOptions};
use ophidia::{Error, Result, Runtime};
use std::path::{Path, PathBuf};

/// The cache folder that the environment names.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    guest::ambient_cache_dir().ok_or_else(|| {
        Error::Host("the environment names no cache folder: set OPHIDIA_CACHE or HOME".into())
    })
}

/// The runtime, with room for one interpreter.
pub(crate) fn runtime() -> Result<Runtime> {
    let cache = cache_dir()?;
    match from_cache(&cache) {
        Err(Error::GuestMissing { .. }) => {
            guest(&cache)?;
            from_cache(&cache)
        }
        other => other,
    }
}

/// The guest, built now if the cache has none.
pub(crate) fn guest(cache: &Path) -> Result<()> {
    if guest::locate(cache)?.is_none() {
        let mut progress = BuildProgress::new();
        progress.announce(cache);
        guest::build(cache, &BuildOptions::ambient(), &mut progress)?;
    }
    Ok(())
}

fn from_cache(cache: &Path) -> Result<Runtime> {
    let mut progress = ImageProgress::default();
    Runtime::builder(cache)
        .max_interpreters(1)
        .progress(Box::new(move |stage| progress.show(&stage)))
        .build()
}
