//! Tasklets of several interpreters: a group of domains over a pool, and mailboxes of Rust among them.

mod boxes;
mod domain;
mod frame;
mod group;
mod inbox;
mod mailbox;
mod router;

pub use group::{Group, GroupBuilder};
pub use mailbox::Mailbox;
