//! What has come for a domain and waits until its interpreter takes it.

use super::frame::{self, the_domain};
use crate::bridge::Encoder;
use crate::convert::ToPython;
use crate::sandbox::control::Control;
use crate::sandbox::holding::Holding;
use ophidia_abi::message::Kind;
use parking_lot::Mutex;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are brought at once; before more are copied it is looked whether there is room.
pub(super) const BATCH: usize = 1 << 20;

/// Bytes that may come before the interpreter has started.
const EARLY: usize = 1 << 20;

/// Domains of which it is told at once that they are gone, where nobody has heard of them.
const MOST_UNKNOWN: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Tasklets that live there, as of its last step.
    alive: AtomicU64,
    /// Bytes of memory that its interpreter has.
    memory: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// In batches, each some frames and how many.
    batches: VecDeque<Batch>,
    bytes: usize,
    owner: Option<Owner>,
    /// The number of this domain, and those that have ended before what waits here came: it hears of them whether or not there
    /// is room.
    number: u64,
    gone: BTreeSet<u64>,
    /// Domains that nobody has heard of, and that something was to go to.
    unknown: BTreeSet<u64>,
    /// Of these it hears with what comes next: its memory had no room for them alone.
    late: BTreeSet<u64>,
}

/// Frames that follow one another.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) frames: Vec<u8>,
    pub(super) count: u64,
    /// Domains that have ended after that, and before what follows.
    after: BTreeSet<u64>,
}

/// Who reads it, and pays for it.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) control: Arc<Control>,
    pub(super) holding: Arc<Holding>,
}

/// What was taken out; it is paid for until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) batch: Batch,
    /// Domains that are not there any more: the last frames are about them.
    pub(super) gone: BTreeSet<u64>,
    paid: Option<(Arc<Holding>, u64)>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some((holding, bytes)) = self.paid.take() {
            holding.give_back(bytes);
        }
    }
}

impl Inbox {
    pub(super) fn new(number: u64) -> Self {
        let state = State { number, ..State::default() };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    /// From now on that one pays for what waits here, and is woken. Gives how many messages there was no room for.
    pub(super) fn belongs_to(&self, owner: Owner) -> u64 {
        let mut state = self.state.lock();
        let mut refused = 0;
        if owner.holding.take(state.bytes as u64).is_err() {
            for mut batch in std::mem::take(&mut state.batches) {
                refused += batch.count;
                state.gone.append(&mut batch.after);
            }
            state.bytes = 0;
        }
        state.owner = Some(owner);
        refused
    }

    pub(super) fn has_owner(&self) -> bool {
        self.state.lock().owner.is_some()
    }

    /// Adds frames; gives back those that there is no room for.
    pub(super) fn put(&self, mut batch: Batch) -> Option<Batch> {
        let mut state = self.state.lock();
        let len = batch.frames.len();
        let has_room = match &state.owner {
            Some(owner) => owner.holding.take(len as u64).is_ok(),
            None => state.bytes + len <= EARLY,
        };
        if !has_room {
            return Some(batch);
        }
        let was_empty = state.batches.is_empty();
        state.bytes += len;
        let joins = |last: &&mut Batch| last.after.is_empty() && last.frames.len() + len <= BATCH;
        match state.batches.back_mut().filter(joins) {
            Some(last) => {
                last.frames.append(&mut batch.frames);
                last.count += batch.count;
            }
            None => state.batches.push_back(batch),
        }
        let owner = if was_empty { state.owner.clone() } else { None };
        drop(state);
        if let Some(owner) = owner {
            owner.control.arrive();
        }
        None
    }

    /// Whether there is room for one of so many bytes.
    pub(super) fn has_room(&self, len: usize) -> bool {
        match &self.state.lock().owner {
            Some(owner) => owner.holding.room() >= len as u64,
            None => len <= EARLY,
        }
    }

    /// Notes that a domain is not there, or not any more.
    pub(super) fn note_gone(&self, domain: u64, is_known: bool) {
        let mut state = self.state.lock();
        if !is_known {
            if state.unknown.len() >= MOST_UNKNOWN {
                return;
            }
            state.unknown.insert(domain);
        } else if let Some(last) = state.batches.back_mut() {
            last.after.insert(domain);
        } else {
            state.gone.insert(domain);
        }
        let owner = state.owner.clone();
        drop(state);
        if let Some(owner) = owner {
            owner.control.arrive();
        }
    }

    /// Takes the first batch.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.state.lock();
        if let Some(owner) = &state.owner {
            owner.control.take_arrived();
        }
        // What has ended before the first came is told first, by itself.
        let mut gone = std::mem::take(&mut state.gone);
        let first = if gone.is_empty() { state.batches.pop_front() } else { None };
        let mut batch = first.unwrap_or_default();
        gone.append(&mut batch.after);
        gone.append(&mut state.unknown);
        gone.append(&mut state.late);
        let bytes = batch.frames.len();
        state.bytes -= bytes;
        let paid = state.owner.as_ref().map(|owner| (Arc::clone(&owner.holding), bytes as u64));
        let number = state.number;
        drop(state);
        for domain in &gone {
            let said = |out: &mut Encoder<'_>| ("gone", *domain).to_python(out);
            let (frames, to) = (std::mem::take(&mut batch.frames), the_domain(number));
            batch.frames = frame::write(frames, Kind::Control, to, said).unwrap_or_default();
        }
        Taken { batch, gone, paid }
    }

    /// What was taken and has no room in the guest is lost, but for the ends of domains. Gives how many messages that were.
    pub(super) fn lose(&self, mut taken: Taken) -> u64 {
        let mut state = self.state.lock();
        let again = if taken.batch.count > 0 { &mut state.gone } else { &mut state.late };
        again.append(&mut taken.gone);
        taken.batch.count
    }

    pub(super) fn is_empty(&self) -> bool {
        let state = self.state.lock();
        state.batches.is_empty() && state.gone.is_empty() && state.unknown.is_empty()
    }

    /// Notes how many tasklets live there, and how much memory it has.
    pub(super) fn set_seen(&self, alive: u64, memory: u64) {
        // It is the guest's word.
        self.alive.store(alive.min(u32::MAX.into()), Ordering::Relaxed);
        self.memory.store(memory, Ordering::Relaxed);
    }

    pub(super) fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    pub(super) fn alive(&self) -> u64 {
        self.alive.load(Ordering::Relaxed)
    }
}
