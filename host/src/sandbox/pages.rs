//! The pages of a linear memory that differ from what it began with: what a fork copies, and a checkpoint writes.
//!
//! At rest an interpreter is its linear memory: its globals are as at the start, its tables never change, and no frame is
//! on a stack. How the pages are found, and how another instance comes to have them, is this file's alone.

use super::memories::{Beginning, Memories};
use super::memory::GuestMemory;
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::Arc;
use wasmtime::AsContextMut;

/// Bytes of a page, as far as comparing goes; the system's may be larger.
pub(crate) const PAGE: usize = 4096;

/// Bytes of a page of WebAssembly, by which memories grow.
pub(crate) const WASM_PAGE: usize = 64 << 10;

/// The guest's stack lies at the beginning of its memory (`--stack-first`, `stack-size` in `guest.lock.toml`).
/// At rest nothing on it is alive: the stack pointer stands at its end.
const STACK: usize = 8 << 20;

const ZEROS: [u8; PAGE] = [0; PAGE];

impl Beginning {
    /// Makes of these bytes of a memory their difference from what it began with; and of a difference the bytes.
    pub(crate) fn difference(&self, range: Range<usize>, bytes: &mut [u8]) {
        let here = self.bytes().get(range.start..).unwrap_or_default();
        bytes.iter_mut().zip(here).for_each(|(byte, was)| *byte ^= was);
    }

    /// Whether these bytes of a memory are not what it began with.
    pub(crate) fn differs(&self, memory: &[u8], range: Range<usize>) -> bool {
        memory.get(range.clone()) != self.bytes().get(range)
    }

    /// What is there at the beginning, at a page that may lie beyond.
    fn page(&self, range: Range<usize>) -> &[u8] {
        let beyond = ZEROS.get(..range.len()).unwrap_or_default();
        self.bytes().get(range).unwrap_or(beyond)
    }
}

/// Pages that differ, and where their bytes are.
#[derive(Clone, Debug)]
pub(crate) struct Pages<'a> {
    /// Bytes of the whole memory.
    pub(crate) len: usize,
    /// Where they lie, in order, by bytes: whole pages, but for a memory's end.
    pub(crate) ranges: Vec<Range<usize>>,
    bytes: Bytes<'a>,
}

#[derive(Clone, Debug)]
enum Bytes<'a> {
    /// In a whole memory that is there meanwhile.
    Live(&'a [u8]),
    /// By themselves, one range after another.
    Apart(Vec<u8>),
}

impl<'a> Pages<'a> {
    /// Finds those of a memory at rest that differ from a beginning: that which it began with, or the image that this lies
    /// over. `frame` is where the guest has its frames: behind the stack, where that comes first.
    pub(crate) fn find(
        memory: &'a [u8],
        frame: u32,
        pristine: &Beginning,
        began: &Beginning,
    ) -> Self {
        let dead = if frame as usize >= STACK { STACK } else { 0 };
        let candidates = match began.written(memory) {
            Some(written) if std::ptr::eq(pristine, began) => written,
            Some(written) => united(written, began.over()),
            None => std::iter::once(0..memory.len()).collect(),
        };
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for candidate in candidates {
            let mut start = candidate.start.max(dead);
            while start < candidate.end {
                let end = start.saturating_add(PAGE).min(candidate.end);
                if memory.get(start..end) != Some(pristine.page(start..end)) {
                    match ranges.last_mut() {
                        Some(last) if last.end == start => last.end = end,
                        _ => ranges.push(start..end),
                    }
                }
                start = end;
            }
        }
        Self { len: memory.len(), ranges, bytes: Bytes::Live(memory) }
    }

    /// Those in which what memories begin with is not the image.
    pub(crate) fn of(began: &'a Beginning) -> Self {
        let (len, ranges) = (began.size(), began.over().to_vec());
        Self { len, ranges, bytes: Bytes::Live(began.bytes()) }
    }

    /// None that differ.
    pub(crate) fn none(began: &Beginning) -> Pages<'static> {
        Pages { len: began.size(), ranges: Vec::new(), bytes: Bytes::Live(&[]) }
    }

    /// Of bytes that came from elsewhere, one range after another. Fails with what is wrong with them.
    pub(crate) fn apart(
        len: usize,
        ranges: Vec<Range<usize>>,
        bytes: Vec<u8>,
    ) -> Result<Self, String> {
        if !len.is_multiple_of(WASM_PAGE) {
            return Err(format!("a memory of {len} bytes"));
        }
        let mut before = 0;
        let mut total = 0usize;
        for range in &ranges {
            if range.start < before || range.start >= range.end || range.end > len {
                return Err(format!("pages at {:#x} to {:#x}", range.start, range.end));
            }
            before = range.end;
            total = total.saturating_add(range.len());
        }
        if total != bytes.len() {
            return Err(format!("{} bytes of pages, of which there are {total}", bytes.len()));
        }
        Ok(Self { len, ranges, bytes: Bytes::Apart(bytes) })
    }

    /// A beginning for memories that have them from the start: written down once, and mapped by each. They are those that
    /// differ from the image.
    pub(crate) fn frozen(&self, memories: &Memories, image: &Beginning) -> Result<Arc<Beginning>> {
        self.beyond(image.size())?;
        memories.over(image, self.len, self.each())
    }

    /// By how much the whole memory is larger than one that begins with so many bytes.
    fn beyond(&self, have: usize) -> Result<usize> {
        self.len.checked_sub(have).ok_or_else(|| {
            Error::host(format!("a memory of {} bytes, where an image has {have}", self.len))
        })
    }

    /// How many bytes they are.
    pub(crate) fn size(&self) -> usize {
        self.ranges.iter().map(Range::len).sum()
    }

    /// Each range with its bytes.
    pub(crate) fn each(&self) -> impl Iterator<Item = (Range<usize>, &[u8])> + Clone {
        let mut at = 0;
        self.ranges.iter().map(move |range| {
            let bytes = match &self.bytes {
                Bytes::Live(memory) => memory.get(range.clone()),
                Bytes::Apart(bytes) => bytes.get(at..at + range.len()),
            };
            at += range.len();
            (range.clone(), bytes.unwrap_or_default())
        })
    }

    /// Gives them to an instance that was never entered: its memory is then the one that they were found in, but for
    /// the dead stack.
    pub(crate) fn apply(&self, memory: GuestMemory, mut store: impl AsContextMut) -> Result<()> {
        let have = memory.0.data_size(store.as_context());
        let more = self.beyond(have)?;
        if more > 0 {
            let grown = memory.0.grow(store.as_context_mut(), (more / WASM_PAGE) as u64);
            grown.map_err(|error| {
                Error::host(format!("a memory cannot grow: {error:#}")).because(error)
            })?;
        }
        let to = memory.0.data_mut(store.as_context_mut());
        for (range, bytes) in self.each() {
            if let Some(to) = to.get_mut(range)
                && to.len() == bytes.len()
            {
                to.copy_from_slice(bytes);
            }
        }
        Ok(())
    }
}

/// Ranges in order that cover both of these, which are in order.
fn united(mut ranges: Vec<Range<usize>>, others: &[Range<usize>]) -> Vec<Range<usize>> {
    ranges.extend_from_slice(others);
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.into_iter().fold(Vec::new(), |mut fewer: Vec<Range<usize>>, range| {
        match fewer.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => fewer.push(range),
        }
        fewer
    })
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges, of which some have one")]
mod tests {
    use super::super::memories;
    use super::*;
    use crate::image::contents::Contents;

    fn memories() -> Memories {
        Memories::new(1, 0, memories::Pages::of_system()).expect("one fits")
    }

    fn of(bytes: &[u8]) -> Arc<Beginning> {
        memories().beginning(Contents::of_bytes(bytes)).expect("it can be mapped")
    }

    #[test]
    fn ranges_are_united_where_they_touch() {
        let found = united(vec![0..2, 8..9, 20..30], &[1..3, 3..4, 9..10, 22..25, 40..41]);
        assert_eq!(found, [0..4, 8..10, 20..30, 40..41]);
    }

    /// A memory of four pages of WebAssembly, of which the image has three.
    fn memory() -> (Vec<u8>, Arc<Beginning>) {
        let mut memory = vec![0; 4 * WASM_PAGE];
        memory[5 * PAGE..6 * PAGE].fill(7);
        let pristine = of(&memory[..3 * WASM_PAGE]);
        (memory, pristine)
    }

    #[test]
    fn pages_that_differ_are_found_and_no_others() {
        let (mut memory, pristine) = memory();
        assert_eq!(Pages::find(&memory, 64, &pristine, &pristine).size(), 0);
        for at in [0, PAGE + 1, 5 * PAGE, 3 * WASM_PAGE + 9] {
            memory[at] = 9;
        }
        memory[9 * PAGE] = 0; // written, and the same
        let found = Pages::find(&memory, 64, &pristine, &pristine);
        let last = 3 * WASM_PAGE;
        let expected = [0..2 * PAGE, 5 * PAGE..6 * PAGE, last..last + PAGE];
        assert_eq!(found.ranges, expected);
        assert_eq!(found.size(), 4 * PAGE);
        assert!(pristine.differs(&memory, 0..1) && !pristine.differs(&memory, 1..PAGE));
        assert!(pristine.differs(&memory, 3 * WASM_PAGE..3 * WASM_PAGE + 1), "beyond the image");
        let frozen = found.frozen(&memories(), &pristine).expect("it can be mapped");
        assert!(frozen.bytes() == memory);
        assert!(Pages::of(&frozen).each().eq(found.each()));
        assert_eq!(Pages::none(&frozen).size(), 0);
        // Where it began with that, others differ, from the image as from that.
        memory[12 * PAGE] = 1;
        let since = Pages::find(&memory, 64, &frozen, &frozen);
        assert_eq!(since.ranges, [12 * PAGE..13 * PAGE]);
        assert_eq!(Pages::find(&memory, 64, &pristine, &frozen).size(), 5 * PAGE);
    }

    #[test]
    fn the_dead_stack_is_left_out() {
        let memory = vec![1; STACK + WASM_PAGE];
        let pristine = of(&[0; WASM_PAGE]);
        let frame = STACK as u32 + 128;
        assert_eq!(
            Pages::find(&memory, frame, &pristine, &pristine).ranges,
            [STACK..STACK + WASM_PAGE]
        );
        // Where the frame is, no stack comes first.
        assert_eq!(Pages::find(&memory, 128, &pristine, &pristine).size(), memory.len());
    }

    #[test]
    fn ranges_from_elsewhere_are_checked() {
        let apart = |len, ranges: &[Range<usize>], bytes| {
            Pages::apart(len, ranges.to_vec(), vec![0; bytes]).err()
        };
        let len = 2 * WASM_PAGE;
        assert_eq!(apart(len, &[0..PAGE, PAGE..2 * PAGE], 2 * PAGE), None);
        for (len, ranges, bytes) in [
            (len + 1, &[][..], 0),
            (len, &[0..PAGE, 0..PAGE], 2 * PAGE),
            (len, &[PAGE..PAGE], 0),
            (len, &[len - 1..len + 1], 2),
            (len, &[0..PAGE], 5),
        ] {
            assert!(apart(len, ranges, bytes).is_some(), "{ranges:?}");
        }
    }
}
