//! Where the pieces under test are: the repository, the cache, the guest, the built command.
//!
//! A missing piece fails the test at once and names the command that makes it; nothing is skipped.

use std::path::{Path, PathBuf};

use ophidia_guest::Guest;

/// The repository's root folder.
///
/// # Panics
/// Never: the crate lies directly below the root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the repository")
}

/// The cache folder that the command uses as well.
///
/// # Panics
/// When the user has no cache folder and `OPHIDIA_CACHE` is not set.
pub fn cache() -> PathBuf {
    ophidia_guest::ambient_cache_dir().expect("no cache folder: set OPHIDIA_CACHE to a folder")
}

/// The built guest.
///
/// # Panics
/// When there is none in the cache.
pub fn guest() -> Guest {
    ophidia_guest::locate(&cache())
        .expect("no guest in the cache: build it with `cargo run --release -- guest build`")
}

/// The `ophidia` command built beside the running test.
///
/// # Panics
/// When it has not been built.
pub fn command() -> PathBuf {
    let this = std::env::current_exe().expect("the running program has a path");
    let name = format!("ophidia{}", std::env::consts::EXE_SUFFIX);
    let found = this
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        let release = if cfg!(debug_assertions) { "" } else { " --release" };
        panic!("no `{name}` near {}: build it with `cargo build{release}`", this.display())
    })
}
