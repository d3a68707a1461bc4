//! What a guest may touch and how much it may use: plain data.

mod clock;
mod file;
mod grants;
mod limits;
mod network;
mod streams;
mod trees;

pub use clock::Clock;
pub use file::Policy;
pub use grants::{Access, DirGrant, Grants};
pub use limits::Limits;
pub use network::{HttpGrant, Network, NetworkLimits, Secret};
pub use streams::{InputKind, OutputKind};
pub use trees::{Bytes, Mount, Quota, Tree};
