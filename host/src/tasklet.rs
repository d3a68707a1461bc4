//! Tasklets of several interpreters: a group of domains over a pool, and mailboxes of Rust among them.

mod boxes;
mod domain;
mod event;
mod frame;
mod group;
mod hello;
mod inbox;
mod info;
mod link;
mod mailbox;
mod membership;
#[cfg(feature = "nats")]
mod nats;
mod node;
mod packet;
mod peers;
mod router;
mod simulated;
mod transport;

pub use event::NodeEvent;
pub use group::{Group, GroupBuilder};
pub use info::{DomainInfo, TaskletInfo};
pub use link::Tally;
pub use mailbox::Mailbox;
#[cfg(feature = "nats")]
pub use nats::{Nats, NatsBuilder};
pub use node::{Node, NodeBuilder, PeerInfo};
pub use simulated::{Conditions, Simulated};
pub use transport::{Listener, To, Transport};
