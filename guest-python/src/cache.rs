//! The cache folder, and the place of a finished guest in it.

use std::env;
use std::path::{Path, PathBuf};

/// The folder Ophidia keeps its guests and images in: `$OPHIDIA_CACHE`, else `ophidia` in the user's
/// cache folder. `None` when the environment names neither.
#[must_use]
pub fn ambient_cache_dir() -> Option<PathBuf> {
    match env::var_os("OPHIDIA_CACHE") {
        Some(dir) if !dir.is_empty() => std::path::absolute(dir).ok(),
        _ => Some(dirs::cache_dir()?.join("ophidia")),
    }
}

/// Where the guest of this key stands.
pub(crate) fn guest_folder(cache: &Path, key: &str) -> PathBuf {
    cache.join("guest").join(key)
}
