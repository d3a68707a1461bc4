//! What carries packets between nodes.

use crate::error::Result;
use std::sync::Arc;
use std::time::Duration;

/// Whom a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To<'a> {
    /// All nodes of the group, the sender perhaps included.
    All,
    /// The node of this name.
    Node(&'a str),
    /// One node of the group that has domains, whichever the transport chooses.
    Any,
}

/// Who hears of packets: a [`Node`](crate::Node).
pub trait Listener: Send + Sync {
    /// A packet has come, from the node of that name. Packets of one node are handed over one at a time.
    fn hear(&self, from: &str, packet: &[u8]);

    /// The way to the others is open, or is not. What is sent while it is not may be lost.
    fn connected(&self, is_connected: bool);

    /// What the transport is told that goes wrong, such as a permission that is missing.
    fn trouble(&self, what: &str);
}

/// Carries packets between the nodes of one group: over a message system, or within a simulation.
///
/// It may lose packets, bring them twice, late and in another order: a [`Node`](crate::Node) makes of that what its group
/// promises, or says that a connection is lost. But it is believed whom a packet is from. It never calls the listener from
/// within a call of its own.
pub trait Transport: Send + Sync + 'static {
    /// Begins to listen, as the node of that name. With `takes_any`, packets [`To::Any`] may come here, too.
    ///
    /// # Errors
    ///
    /// What stands in the way.
    fn listen(&self, name: &str, takes_any: bool, listener: Arc<dyn Listener>) -> Result<()>;

    /// Sends a packet, and does not wait for it.
    fn send(&self, to: To<'_>, packet: Vec<u8>);

    /// Bytes that a packet may have.
    fn most_bytes(&self) -> usize;

    /// Ends listening, and does not wait for it; what was sent before still goes.
    fn close(&self);

    /// Waits until what was sent before it was closed has gone, at most so long.
    fn closed(&self, within: Duration) {
        let _ = within;
    }
}
