//! What a guest may touch and how much it may use: plain data.

mod grants;
mod limits;

pub use grants::{Access, DirGrant, Grants};
pub use limits::Limits;
