//! Finds the CPython guest of Ophidia in the cache; with the feature `build`, makes it there.
//!
//! The guest is CPython for WASI with Ophidia's bridge linked in. [`locate`] finds the one that fits this
//! version of the recipe.
//!
//! With the feature `build`, `build` makes the guest when it is missing: from pinned sources and a pinned
//! toolchain, without root, in a few minutes. Everything the recipe consists of (lock file, patches, profile,
//! bridge, in-guest package) is embedded in this crate then.
//!
//! ```no_run
//! let cache = ophidia_guest::ambient_cache_dir().ok_or("no cache folder")?;
//! let guest = ophidia_guest::locate(&cache).ok_or("no guest: `ophidia guest build` builds it")?;
//! assert_eq!(guest.info()?.python, ophidia_guest::PYTHON);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "build")]
#[doc(hidden)]
pub mod audit;
mod cache;
mod digest;
mod error;
mod flavour;
mod guest;
mod keys;
#[cfg(feature = "build")]
mod recipe;

pub use cache::ambient_cache_dir;
pub use error::{Error, Missing};
pub use flavour::{Flavour, Package, flavours, package_of, packages, version_of};
pub use guest::{Guest, Info, locate, locate_flavour};
pub use keys::{PYTHON, SERIES, STDLIB};
#[cfg(feature = "build")]
pub use recipe::{
    BuildOptions, Cleaned, Client, Lock, Progress, Purpose, Reproduced, Silent, Source, build,
    clean, missing, prepare, verify_reproducible,
};
