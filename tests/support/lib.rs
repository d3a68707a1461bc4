//! What the whole-system tests share: finding the pieces, calling the command, installing packages.

mod call;
mod nats;
mod pieces;
pub mod servers;
mod site;
pub mod suite;

pub use call::{Call, Outcome, native_python, ophidia, ophidia_command};
pub use nats::{NatsServer, Way, nats_program};
pub use pieces::{cache, command, guest, repository};
pub use site::site_packages;
