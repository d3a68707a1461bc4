//! Templates, forks and checkpoints: interpreters that begin where another one is.
//!
//! An interpreter at rest is the pages of its memory that differ from the image's ([`pages`](crate::sandbox::pages)), and
//! what the host knows of it, which each layer writes down for itself (`carried.rs` of `sandbox/`, `sandbox/wasi/` and
//! `python/`). A [fork](fork) gives both to another instance; a [dump] is both as bytes.

mod dump;
mod durable;
mod fork;
mod frozen;
mod info;
mod lock;
mod restore;
mod seeds;
mod template;

pub use durable::{Durable, DurableState};
pub use fork::ForkOptions;
pub use info::CheckpointInfo;
pub(crate) use lock::{Locked, lock};
pub use restore::{CheckpointOptions, RestoreOptions, Resume};
pub(crate) use restore::{load, store};
pub use template::Template;
