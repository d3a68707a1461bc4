//! Linear memories of our own: each is a private mapping of what it begins with, in a slot that is used again.
//!
//! The module has no data ([`contents`](crate::image::contents)). So one compiled code serves memories of any
//! [`Beginning`]: the image is one.
//!
//! - A [`slot`] is address space for one memory, guard pages before and behind it. Whoever starts an instance
//!   [takes](Memories::take) one, ready for use, and instantiates [with it](Ready::instantiate): [`creator`] hands
//!   it to wasmtime. It comes back when the memory is dropped.
//! - Before it can be taken again it is reset: where the system tells which pages were written to ([`pages`]), these are copied
//!   back, so that the next interpreter starts without a fault for each. Of one slot that is 1 MiB at most
//!   ([`KEEP`]), of all idle ones together what the runtime says. What is over is given back to the system. A slot
//!   that cannot be reset is given up.
//! - An idle slot belongs to its beginning, and is given up with it. Only where there would be too many slots, one of another
//!   beginning is given up for it.
//!
//! All that is unsafe about memories is in this folder: mappings in [`slot`] and [`heap`], the scan of pages in
//! [`pages`], and in [`creator`] the promise to wasmtime that they are what it takes them for.

mod creator;
mod heap;
mod pages;
mod pristine;
mod slot;

use crate::error::{Error, LimitExceeded, Result};
use crate::image::contents::Contents;
pub(crate) use pages::Pages;
use parking_lot::Mutex;
use pristine::Pristine;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use slot::Slot;
use std::ops::Range;
use std::sync::{Arc, OnceLock, Weak};
use wasmtime::MemoryCreator;

/// Bytes of linear memory that a slot keeps, reset by copying, when its interpreter ends: four times what a start and
/// a short program write to. What is over is given back.
const KEEP: usize = 1 << 20;

/// The most interpreters that one runtime can hold. The 128 TiB of address space that a process has are 32,000 slots. But
/// Linux lets a process divide it into 65,530 pieces (`vm.max_map_count`), of which a memory takes two, a third one when it
/// has grown, and a fourth for exceptions: guards that adjoin are one.
const MOST: u32 = 16_000;

/// Of the mappings that Linux lets a process have, what memories take at most, and the rest of the process leaves.
const MAPPINGS: usize = 49_000;

/// The most pieces that lie over what an image begins with, in a memory.
const MOST_PIECES: usize = 8;

/// The memories of one runtime. Cloning gives the same.
#[derive(Clone)]
pub(crate) struct Memories(Arc<Shared>);

struct Shared {
    /// How many may be alive at once.
    most: u32,
    /// Bytes that all idle slots may keep.
    bound: usize,
    pages: Pages,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Slots that are taken.
    taken: u32,
    /// Idle ones, by their beginning; the last one used is the first to be used again.
    idle: FxHashMap<u64, Vec<Idle>>,
    /// How many of them.
    count: u32,
    /// Bytes that they keep, and those may keep that are being reset.
    kept: usize,
    /// The number of the last beginning.
    last: u64,
}

/// A slot that is reset.
struct Idle {
    slot: Slot,
    kept: usize,
}

/// What memories begin with.
pub(crate) struct Beginning {
    number: u64,
    pristine: Pristine,
    /// Where it is not what the image begins with, in order.
    over: Vec<Range<usize>>,
    digest: OnceLock<[u8; 32]>,
    /// Where idle slots of it are.
    memories: Weak<Shared>,
}

impl Beginning {
    /// How large a memory is at its beginning, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.pristine.size()
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.pristine.bytes()
    }

    /// The SHA-256 of all of it, worked out when it is first asked for: some 15 ms.
    pub(crate) fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| Sha256::digest(self.bytes()).into())
    }

    /// Where it is not what the image begins with, in order: nowhere, of an image.
    pub(crate) fn over(&self) -> &[Range<usize>] {
        &self.over
    }

    /// Ranges of bytes of a memory that began with this which may have been written to, in order: whole pages, none that
    /// was written to left out. `None` where the system does not tell.
    pub(crate) fn written(&self, memory: &[u8]) -> Option<Vec<Range<usize>>> {
        let memories = self.memories.upgrade()?;
        let start = memory.as_ptr().addr();
        let mapped = self.size().min(memory.len());
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (file, from, to) in [(true, 0, mapped), (false, mapped, memory.len())] {
            let mut at = from;
            while at < to {
                let written = memories.pages.written(start + at..start + to, file, usize::MAX)?;
                for range in written.ranges {
                    let (from, to) = (range.start - start, range.end - start);
                    match ranges.last_mut() {
                        Some(last) if last.end == from => last.end = to,
                        _ => ranges.push(from..to),
                    }
                }
                at = written.end - start;
            }
        }
        Some(ranges)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        let Some(memories) = self.memories.upgrade() else { return };
        let gone = memories.state.lock().forget(self.number);
        drop(gone);
    }
}

impl State {
    /// Idle slots of a beginning that nothing begins with any more.
    fn forget(&mut self, number: u64) -> Vec<Idle> {
        let gone = self.idle.remove(&number).unwrap_or_default();
        gone.iter().for_each(|idle| self.left(idle));
        gone
    }

    /// A slot is idle no more.
    fn left(&mut self, idle: &Idle) {
        self.count -= 1;
        self.kept -= idle.kept;
    }

    /// An idle slot of this beginning.
    fn pop(&mut self, number: u64) -> Option<Idle> {
        let idle = self.idle.get_mut(&number)?.pop()?;
        self.left(&idle);
        Some(idle)
    }

    fn push(&mut self, number: u64, idle: Idle) {
        self.count += 1;
        self.idle.entry(number).or_default().push(idle);
    }

    /// An idle slot of any beginning.
    fn any(&mut self) -> Option<Idle> {
        let (number, _) = self.idle.iter().find(|(_, idle)| !idle.is_empty())?;
        self.pop(*number)
    }
}

impl Memories {
    /// For so many interpreters at once, whose idle slots keep so many bytes in all.
    ///
    /// # Errors
    ///
    /// When so many do not fit.
    pub(crate) fn new(most: u32, bound: usize, pages: Pages) -> Result<Self> {
        if !(1..=MOST).contains(&most) {
            return Err(Error::host(format!(
                "max_interpreters: {most} asked, 1 to {MOST} possible (each takes 4 GiB of address space, and up to 4 of the 65,530 \
                 mappings of a process: use another process for more)"
            )));
        }
        Ok(Self(Arc::new(Shared { most, bound, pages, state: Mutex::default() })))
    }

    /// How many may be alive at once.
    pub(crate) fn most(&self) -> u32 {
        self.0.most
    }

    /// What gives wasmtime the slots that were taken.
    pub(crate) fn creator(&self) -> Arc<dyn MemoryCreator> {
        Arc::new(creator::Creator)
    }

    /// What memories may begin with: an image.
    pub(crate) fn beginning(&self, contents: Contents) -> Result<Arc<Beginning>> {
        let pristine = Pristine::map(contents).map_err(|error| refused("the image", error))?;
        Ok(self.begins(pristine, Vec::new()))
    }

    /// What memories may begin with: an image, and other bytes in these ranges, which are in order. What comes behind the
    /// image's end is zeros beside these.
    ///
    /// # Errors
    ///
    /// [`Error::Host`] when the system has no room for it, or the ranges do not lie in a memory of this size.
    pub(crate) fn over<'a>(
        &self,
        image: &Beginning,
        size: usize,
        ranges: impl Iterator<Item = (Range<usize>, &'a [u8])> + Clone,
    ) -> Result<Arc<Beginning>> {
        let most = pieces_over(self.0.most);
        let pristine = image.pristine.under(size, ranges.clone(), most);
        let pristine = pristine.map_err(|error| refused("a frozen memory", error))?;
        Ok(self.begins(pristine, ranges.map(|(range, _)| range).collect()))
    }

    fn begins(&self, pristine: Pristine, over: Vec<Range<usize>>) -> Arc<Beginning> {
        let number = {
            let mut state = self.0.state.lock();
            state.last += 1;
            state.last
        };
        let (digest, memories) = (OnceLock::new(), Arc::downgrade(&self.0));
        Arc::new(Beginning { number, pristine, over, digest, memories })
    }

    /// Takes a slot for a memory that begins with this.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded::Interpreters`] when all are taken; [`Error::Host`] when the system gives no address space.
    pub(crate) fn take(&self, beginning: &Arc<Beginning>) -> Result<Ready> {
        let (idle, surplus) = {
            let mut state = self.0.state.lock();
            if state.taken >= self.0.most {
                let limit = self.0.most;
                let asked = u64::from(limit) + 1;
                return Err(LimitExceeded::Interpreters { asked, limit }.into());
            }
            state.taken += 1;
            let idle = state.pop(beginning.number);
            let full = state.taken + state.count > self.0.most;
            let surplus = if full { state.any() } else { None };
            (idle, surplus)
        };
        let place = Place(Arc::clone(&self.0));
        drop(surplus);
        let slot = match idle {
            Some(idle) => idle.slot,
            None => Slot::new(&beginning.pristine).map_err(|error| refused("a memory", error))?,
        };
        Ok(Ready(Taken { slot: Some(slot), beginning: Arc::clone(beginning), place }))
    }

    /// Gives the pages of idle slots back to the system; gives how many bytes that were.
    pub(crate) fn trim(&self) -> usize {
        let mut state = self.0.state.lock();
        let all = std::mem::take(&mut state.idle);
        let mut given = 0;
        for (number, idle) in all {
            for mut idle in idle {
                state.left(&idle);
                given += idle.kept;
                if idle.kept == 0 || idle.slot.discard().is_ok() {
                    state.push(number, Idle { kept: 0, ..idle });
                }
            }
        }
        given
    }
}

/// How many pieces may lie over an image where so many memories may be alive: all of them together must not take more
/// mappings than there are. A memory takes three, and two for each piece.
fn pieces_over(most: u32) -> usize {
    let most = most as usize;
    (MAPPINGS.saturating_sub(3 * most) / (2 * most)).min(MOST_PIECES)
}

fn refused(what: &str, error: std::io::Error) -> Error {
    Error::host(format!(
        "{what} cannot be mapped: {error} (address space, or vm.max_map_count, is used up)"
    ))
    .because(error)
}

/// A place among those that may be alive at once.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.state.lock().taken -= 1;
    }
}

/// A slot that is taken. It is reset when it is dropped.
struct Taken {
    /// `None` once that has begun.
    slot: Option<Slot>,
    beginning: Arc<Beginning>,
    // Dropped last: whoever takes the place finds the slot.
    place: Place,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(mut slot) = self.slot.take() else { return };
        let memories = &self.place.0;
        let may_keep = {
            let mut state = memories.state.lock();
            let may_keep = KEEP.min(memories.bound.saturating_sub(state.kept));
            state.kept += may_keep;
            may_keep
        };
        let reset = slot.reset(&self.beginning.pristine, &memories.pages, may_keep);
        let mut state = memories.state.lock();
        state.kept -= may_keep;
        // Without an answer nobody knows what is in it.
        if let Ok(kept) = reset {
            state.kept += kept;
            state.push(self.beginning.number, Idle { slot, kept });
        }
    }
}

/// A slot that is ready for a memory.
pub(crate) struct Ready(Taken);

impl Ready {
    /// Makes an instance, whose memory lies in this slot. One that is not made leaves the slot as it is.
    pub(crate) fn instantiate<T>(self, instantiate: impl FnOnce() -> T) -> T {
        creator::with(self, instantiate)
    }
}

#[cfg(test)]
mod tests;
