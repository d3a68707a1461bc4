//! Messages between tasklets of several interpreters: frames, one after the other.
//!
//! A frame is a `u32` count of the bytes behind it; a byte that says what it is, a [`Kind`]; whom it is for: a `u64`
//! domain, a `u32` index and a `u32` generation; and a value of the [encoding](crate::Encoded). The domain 0 is
//! the one that it comes from or goes to.

use crate::numbered::numbered;

/// Bytes of a frame in front of its value.
pub const HEAD: u32 = 21;

/// The domain that stands for whichever of the group has least to do.
pub const ANY_DOMAIN: u64 = u64::MAX;

/// So many bytes wait in the guest until it lets the host take them.
pub const OUTBOX: u32 = 1 << 20;

numbered! {
    /// What a frame is.
    pub enum Kind: u8 {
        /// A message.
        Send = 0 "SEND",
        /// A message before others.
        Urgent = 1 "URGENT",
        /// An answer: the tuple of the call's reference and a value.
        Reply = 2 "REPLY",
        /// What the in-guest package says to another's: links, monitors, exits, spawning.
        Control = 3 "CONTROL",
    }
}
