//! What happens among nodes.

use std::fmt;

/// What happens among nodes, as one of them sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// Another node is there.
    Joined {
        /// What it is called.
        name: String,
    },
    /// It has left of its own accord.
    Left {
        /// What it is called.
        name: String,
    },
    /// Nothing was heard of it for too long, it was started anew, or it has lost this one.
    Lost {
        /// What it is called.
        name: String,
    },
    /// It has said what no node says: the connection with it was ended, and begins anew.
    Refused {
        /// What it is called.
        name: String,
        /// What it has said.
        reason: String,
    },
    /// Another node has joined under the name of this one, while this one was not heard of: this one has left.
    Replaced,
    /// The transport reaches the others, again.
    Connected,
    /// The transport does not reach the others, and tries to.
    Disconnected,
    /// What the transport is told that goes wrong.
    Trouble {
        /// In its words.
        what: String,
    },
}

impl fmt::Display for NodeEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined { name } => write!(out, "{name} is there"),
            Self::Left { name } => write!(out, "{name} has left"),
            Self::Lost { name } => write!(out, "{name} is lost"),
            Self::Refused { name, reason } => write!(out, "{name} is refused: {reason}"),
            Self::Replaced => write!(out, "another node has taken the name of this one"),
            Self::Connected => write!(out, "connected"),
            Self::Trouble { what } => write!(out, "{what}"),
            Self::Disconnected => write!(out, "not connected, and trying again"),
        }
    }
}
