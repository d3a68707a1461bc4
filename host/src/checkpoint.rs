//! Templates, forks and checkpoints: interpreters that begin where another one is.

mod fork;
mod frozen;
mod seeds;

pub use fork::ForkOptions;
