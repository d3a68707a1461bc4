//! Packets between nodes: a head of fixed size, and bytes.

/// What every packet begins with: who it is, and the version of what follows.
const MAGIC: [u8; 4] = *b"Oph\x01";

/// Bytes of a head.
pub(super) const HEAD: usize = 64;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The sender is here: a value says with which domains.
    Hello,
    /// As that, and wants to know who else is.
    Asks,
    /// The sender leaves.
    Bye,
    /// Frames.
    Data,
    /// A part of a frame; more follow.
    Part,
    /// Only what every head says.
    Ack,
    /// Packets are missing from `seq` on.
    Missing,
    /// Who takes what is to be spawned? `seq` is the question's number.
    Pick,
    /// This node does: with which domain, and how many tasklets are there.
    Picked,
}

const KINDS: [Kind; 9] = [
    Kind::Hello,
    Kind::Asks,
    Kind::Bye,
    Kind::Data,
    Kind::Part,
    Kind::Ack,
    Kind::Missing,
    Kind::Pick,
    Kind::Picked,
];

/// The head of a packet. Numbers of nodes are those of their lives: a node that is started again has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Who sends it, and whom it is for: 0 for whoever hears it.
    pub(super) from: u64,
    pub(super) to: u64,
    /// How often the two have lost and found one another.
    pub(super) epoch: u64,
    /// Its number in that, from 1, for data.
    pub(super) seq: u64,
    /// All of the other's packets that have come, up to this number.
    pub(super) ack: u64,
    /// Messages among these that were brought to whom they were for, and those that were not.
    pub(super) delivered: u64,
    pub(super) refused: u64,
    /// Messages in it.
    pub(super) count: u16,
}

impl Head {
    pub(super) fn new(kind: Kind, from: u64, to: u64) -> Self {
        Self { kind, from, to, epoch: 0, seq: 0, ack: 0, delivered: 0, refused: 0, count: 0 }
    }

    /// The packet of this head and those bytes.
    pub(super) fn packet(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.extend_from_slice(&MAGIC);
        let kind = KINDS.iter().position(|kind| *kind == self.kind).unwrap_or_default();
        bytes.extend_from_slice(&[u8::try_from(kind).unwrap_or_default(), 0]);
        bytes.extend_from_slice(&self.count.to_le_bytes());
        for word in
            [self.from, self.to, self.epoch, self.seq, self.ack, self.delivered, self.refused]
        {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(body);
        bytes
    }

    /// The head of a packet, and what follows.
    pub(super) fn read(packet: &[u8]) -> Option<(Self, &[u8])> {
        let (head, body) = packet.split_first_chunk::<HEAD>()?;
        let rest = head.strip_prefix(&MAGIC)?;
        let [kind, 0, rest @ ..] = rest else { return None };
        let (count, mut words) = rest.split_first_chunk::<2>()?;
        let mut word = || {
            let (word, rest) = words.split_first_chunk::<8>()?;
            words = rest;
            Some(u64::from_le_bytes(*word))
        };
        let head = Self {
            kind: *KINDS.get(usize::from(*kind))?,
            from: word()?,
            to: word()?,
            epoch: word()?,
            seq: word()?,
            ack: word()?,
            delivered: word()?,
            refused: word()?,
            count: u16::from_le_bytes(*count),
        };
        Some((head, body))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        for kind in KINDS {
            let head = Head {
                kind,
                from: 1 << 40,
                to: 2,
                epoch: 3,
                seq: 4,
                ack: u64::MAX,
                delivered: 6,
                refused: 7,
                count: 8,
            };
            let packet = head.packet(b"body");
            assert_eq!(packet.len(), HEAD + 4);
            assert_eq!(Head::read(&packet).unwrap(), (head, &b"body"[..]));
            assert!(Head::read(&packet[..HEAD - 1]).is_none(), "cut off");
        }
        assert!(Head::read(&[0; HEAD]).is_none(), "another program's");
        let mut packet = Head::new(Kind::Ack, 1, 2).packet(&[]);
        packet[4] = 99;
        assert!(Head::read(&packet).is_none(), "an unknown kind");
    }
}
