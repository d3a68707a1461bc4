//! What a guest may touch and how much it may use: plain data.

mod grants;
mod limits;
mod streams;

pub use grants::{Access, DirGrant, Grants};
pub use limits::Limits;
pub use streams::{InputKind, OutputKind};
