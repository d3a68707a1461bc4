//! Finds the CPython guest of Ophidia in the cache, or builds it there.
//!
//! The guest is CPython for WASI with Ophidia's bridge linked in. [`locate`] finds the one that fits this
//! version of the recipe, [`build`] makes it when it is missing: from pinned sources and a pinned
//! toolchain, without root, in a few minutes. Everything the recipe consists of (lock file, patches,
//! profile, bridge, in-guest package) is embedded in this crate.
//!
//! ```no_run
//! let cache = ophidia_guest::ambient_cache_dir().ok_or("no cache folder")?;
//! let options = ophidia_guest::BuildOptions::ambient();
//! let guest = ophidia_guest::build(&cache, &options, &mut ophidia_guest::Silent)?;
//! assert!(guest.wasm().is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod check;
mod cpython;
mod error;
mod fetch;
mod guest;
mod inputs;
mod keys;
mod libraries;
mod licenses;
mod link;
mod lock;
mod numpy;
mod objects;
mod openblas;
mod prerequisites;
mod process;
mod profile;
mod progress;
mod recipe;
mod stages;
mod stdlib;
mod toolchain;
mod unpack;

pub use cache::{Cleaned, ambient_cache_dir, clean};
pub use error::{Error, Missing};
pub use guest::{Guest, Info, locate};
pub use lock::{Client, Lock, Source};
pub use prerequisites::missing;
pub use progress::{Progress, Silent};
pub use recipe::{BuildOptions, Reproduced, build, prepare, verify_reproducible};
