//! Blanking: secrets in what comes back are overwritten with `*`, also when they come in pieces.
//!
//! What is held back while a body streams depends on the longest form of a secret and on control characters in the
//! body, never on whether bytes look like a secret's beginning. Otherwise a guest could have an origin echo guesses,
//! see which are held back, and learn a secret letter by letter.

use super::forms::{self, Form};
use super::spelling::{ESCAPES, Units};
use std::collections::BTreeMap;

/// What is searched for: each form of each secret, letters without regard to case.
pub(super) struct Needles {
    /// In lower case, by their first bytes.
    by_first: BTreeMap<u8, Vec<Form>>,
    /// A bit for each two bytes that one may begin with in whatever spelling, so that most places cost one look: 8 KiB.
    filter: Vec<u64>,
    /// All spellings that are found are shorter than this.
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
        all.iter_mut().for_each(|form| form.text.make_ascii_lowercase());
        all.sort();
        all.dedup();
        let longest = all.iter().map(|form| form.most).max().unwrap_or_default();
        let mut needles = Self { by_first: BTreeMap::new(), filter: Vec::new(), longest };
        for form in all {
            let Some((&[first, second], _)) = form.text.split_first_chunk() else { continue };
            needles.filter.resize(1 << 10, 0);
            for first in raw(first) {
                // In UTF-16 a zero follows.
                for second in raw(second).into_iter().chain(ESCAPES).chain([0]) {
                    needles.may_begin(first, second);
                }
            }
            needles.by_first.entry(first).or_default().push(form);
        }
        if !needles.is_empty() {
            ESCAPES
                .iter()
                .for_each(|first| (0..=255).for_each(|second| needles.may_begin(*first, second)));
        }
        needles
    }

    /// Notes that one may begin with these two bytes.
    fn may_begin(&mut self, first: u8, second: u8) {
        let (word, bit) = place(first, second);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether there is nothing to blank.
    pub(super) fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }

    /// A text that is all there.
    pub(super) fn blank(&self, text: &[u8]) -> Vec<u8> {
        let mut blanked = Vec::with_capacity(text.len());
        self.pass(text, text.len(), 0, &mut blanked);
        blanked
    }

    /// The length of the longest needle, as it is spelled, that `text` begins with.
    fn found(&self, text: &[u8]) -> Option<usize> {
        let (&[first, second], rest) = text.split_first_chunk()?;
        let (word, bit) = place(first, second);
        if self.filter.get(word)? & bit == 0 {
            return None;
        }
        let widths: &[usize] = match (second, rest) {
            (0, [0, 0, ..]) => &[2, 4],
            (0, _) => &[2],
            _ => &[1],
        };
        let spelled = |&width| {
            let units = Units { text, width };
            let firsts = units.first_bytes().into_iter();
            let forms = firsts.filter_map(|first| self.by_first.get(&first.to_ascii_lowercase()));
            forms.flatten().filter_map(|form| units.spell(form)).max()
        };
        widths.iter().filter_map(spelled).max()
    }

    /// Appends the first `most` bytes of `text`, blanked, the first `starred` of them in any case. Gives how many bytes
    /// after them are to be starred. Needles may overlap: the search is in what was there before.
    fn pass(&self, text: &[u8], most: usize, starred: usize, out: &mut Vec<u8>) -> usize {
        let begin = out.len();
        out.extend_from_slice(text.get(..most).unwrap_or(text));
        let mut star = |from: usize, until: usize| {
            let until = until.min(most);
            let range = out.get_mut(begin + from..begin + until).unwrap_or_default();
            // The zeros of UTF-16 stay.
            range.iter_mut().filter(|byte| **byte != 0).for_each(|byte| *byte = b'*');
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

/// The bytes that a byte in lower case may stand as without an escape.
fn raw(byte: u8) -> [u8; 2] {
    [byte, if byte == b' ' { b'+' } else { byte.to_ascii_uppercase() }]
}

/// Where the filter has two bytes: which word, and the bit in it.
fn place(first: u8, second: u8) -> (usize, u64) {
    (usize::from(first) << 2 | usize::from(second >> 6), 1 << (second & 63))
}

/// Blanks one body as it comes.
#[derive(Default)]
pub(super) struct Blanker {
    /// What came and was not passed on: shorter than the longest needle as it may be spelled.
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

    /// How many bytes at the end a needle could begin in and reach past. No spelling has a control character but the
    /// zeros of UTF-16, so none reaches past a line's end: events and lines are passed on at once.
    fn tail(&self, needles: &Needles) -> usize {
        let last = self.held.iter().rev().take(needles.longest.saturating_sub(1));
        last.take_while(|byte| **byte == 0 || !byte.is_ascii_control()).count()
    }
}
