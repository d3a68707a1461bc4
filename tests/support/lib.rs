//! What the whole-system tests share: finding the pieces, calling the command, installing packages.

mod call;
mod pieces;
pub mod servers;
mod site;
pub mod suite;

pub use call::{Call, Outcome, native_python, ophidia, ophidia_command};
pub use pieces::{cache, command, guest, repository};
pub use site::site_packages;
