//! Blanking: secrets in what comes back are overwritten with `*`, also when they come in pieces.
//!
//! What is held back while a body streams depends on the longest form of a secret and on control characters in the
//! body, never on whether bytes look like a secret's beginning. Otherwise a guest could have an origin echo guesses,
//! see which are held back, and learn a secret letter by letter.

use super::forms;
use std::collections::BTreeMap;

/// What is searched for: each form of each secret, letters without regard to case.
pub(super) struct Needles {
    /// By their first four bytes; see [`key`].
    by_key: BTreeMap<u32, Vec<Vec<u8>>>,
    /// A bit for each hash of a key, so that most positions cost one look: 8 KiB.
    filter: Vec<u64>,
    longest: usize,
}

impl std::fmt::Debug for Needles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Needles(***)")
    }
}

impl Needles {
    /// The needles of these header values, each of at least four bytes.
    pub(super) fn new<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let parts = values.flat_map(forms::parts);
        let mut all: Vec<_> = parts.flat_map(|part| forms::of(&part)).collect();
        all.iter_mut().for_each(|needle| needle.make_ascii_lowercase());
        all.sort();
        all.dedup();
        let longest = all.iter().map(Vec::len).max().unwrap_or_default();
        let mut found = Self { by_key: BTreeMap::new(), filter: Vec::new(), longest };
        for needle in all {
            let Some((first, _)) = needle.split_first_chunk::<4>() else { continue };
            let key = key(first);
            found.filter.resize(1 << 10, 0);
            let (word, bit) = place(key);
            if let Some(word) = found.filter.get_mut(word) {
                *word |= bit;
            }
            found.by_key.entry(key).or_default().push(needle);
        }
        found
    }

    /// Whether there is nothing to blank.
    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// A text that is all there.
    pub(super) fn blank(&self, text: &[u8]) -> Vec<u8> {
        let mut blanked = Vec::with_capacity(text.len());
        self.pass(text, text.len(), 0, &mut blanked);
        blanked
    }

    /// The longest needle that `text` begins with, as a length.
    fn found(&self, text: &[u8]) -> Option<usize> {
        let (first, _) = text.split_first_chunk::<4>()?;
        let key = key(first);
        let (word, bit) = place(key);
        if self.filter.get(word)? & bit == 0 {
            return None;
        }
        let begins = |needle: &&Vec<u8>| {
            text.get(..needle.len()).is_some_and(|text| text.eq_ignore_ascii_case(needle))
        };
        self.by_key.get(&key)?.iter().filter(begins).map(Vec::len).max()
    }

    /// Appends the first `most` bytes of `text`, blanked, the first `starred` of them in any case. Gives how many bytes
    /// after them are to be starred. Needles may overlap: the search is in what was there before.
    fn pass(&self, text: &[u8], most: usize, starred: usize, out: &mut Vec<u8>) -> usize {
        let begin = out.len();
        out.extend_from_slice(text.get(..most).unwrap_or(text));
        let mut star = |from: usize, until: usize| {
            let until = until.min(most);
            if let Some(range) = out.get_mut(begin + from..begin + until) {
                range.fill(b'*');
            }
        };
        star(0, starred);
        let mut end = starred;
        for at in 0..most {
            let Some(len) = text.get(at..).and_then(|text| self.found(text)) else { continue };
            if at + len > end {
                star(at.max(end), at + len);
                end = at + len;
            }
        }
        end.saturating_sub(most)
    }
}

/// Four bytes such that those that differ only in case are the same. Some others are as well, so the needles are
/// compared after it.
fn key(bytes: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*bytes) | 0x2020_2020
}

/// Where the filter has a key: which word, and the bit in it.
fn place(key: u32) -> (usize, u64) {
    let hash = key.wrapping_mul(0x9e37_79b1) >> 16;
    (usize::try_from(hash >> 6).unwrap_or_default(), 1 << (hash & 63))
}

/// Blanks one body as it comes.
#[derive(Default)]
pub(super) struct Blanker {
    /// What came and was not passed on: shorter than the longest needle.
    held: Vec<u8>,
    /// How many bytes of it are to be starred in any case.
    starred: usize,
}

impl std::fmt::Debug for Blanker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blanker({} bytes held)", self.held.len())
    }
}

impl Blanker {
    /// Appends what can be passed on after these bytes.
    pub(super) fn push(&mut self, needles: &Needles, bytes: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(bytes);
        let passed = self.held.len() - self.tail(needles);
        self.starred = needles.pass(&self.held, passed, self.starred, out);
        self.held.drain(..passed);
    }

    /// Appends the rest: the body is over.
    pub(super) fn end(&mut self, needles: &Needles, out: &mut Vec<u8>) {
        needles.pass(&self.held, self.held.len(), self.starred, out);
        *self = Self::default();
    }

    /// How many bytes at the end a needle could begin in and reach past. No needle holds a control character, so none
    /// reaches past a line's end: events and lines are passed on at once.
    fn tail(&self, needles: &Needles) -> usize {
        let most = needles.longest.saturating_sub(1);
        let last = self.held.iter().rev().take(most);
        last.take_while(|byte| !byte.is_ascii_control()).count()
    }
}
