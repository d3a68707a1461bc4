//! What a node says of itself to the others.

use super::frame::node_of;
use crate::bridge::{read_message, write_message};
use crate::convert::{FromPython as _, ToPython as _};

/// Domains, and nodes, that one may speak of.
const MOST: usize = 10_000;

/// Bytes that it may take here.
const MOST_BYTES: u64 = 4 << 20;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    /// When it has joined, in milliseconds since 1970.
    pub(super) since: u64,
    /// Its domains, and how many tasklets live in each.
    pub(super) domains: Vec<(u64, u64)>,
    /// The epochs of its connections, by the numbers of the other nodes.
    pub(super) epochs: Vec<(u64, u64)>,
}

impl Hello {
    pub(super) fn write(&self) -> Vec<u8> {
        let said = (self.since, self.domains.as_slice(), self.epochs.as_slice());
        write_message(Vec::new(), |out| said.to_python(out)).unwrap_or_default()
    }

    /// What the node of that number says; None where that is nothing.
    pub(super) fn read(bytes: &[u8], number: u64) -> Option<Self> {
        let (value, _) = read_message(bytes, MOST_BYTES).ok()?;
        let (since, domains, epochs) =
            <(u64, Vec<(u64, u64)>, Vec<(u64, u64)>)>::from_python(value).ok()?;
        let is_own = domains.iter().all(|(domain, _)| node_of(*domain) == number);
        let is_short = domains.len() <= MOST && epochs.len() <= MOST;
        (is_own && is_short).then_some(Self { since, domains, epochs })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_read_as_it_was_written() {
        let node = 5 << 24;
        let hello = Hello {
            since: 1_700_000_000_000,
            domains: vec![(node + 1, 0), (node + 2, 7)],
            epochs: vec![(9 << 24, 3)],
        };
        let bytes = hello.write();
        assert_eq!(Hello::read(&bytes, node).unwrap(), hello);
        assert!(Hello::read(&bytes, 6 << 24).is_none(), "domains of another node");
        for end in 0..bytes.len() {
            assert!(Hello::read(&bytes[..end], node).is_none(), "cut off at {end}");
        }
    }
}
