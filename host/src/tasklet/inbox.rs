//! What has come for a domain and waits until its interpreter takes it.

use crate::sandbox::control::Control;
use crate::sandbox::holding::Holding;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that may come before the interpreter has started.
const EARLY: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Tasklets that live there, as of its last step.
    alive: AtomicU64,
    /// Messages for which there was no room.
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    frames: Vec<u8>,
    owner: Option<Owner>,
}

/// Who reads it, and pays for it.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) control: Arc<Control>,
    pub(super) holding: Arc<Holding>,
}

impl Inbox {
    /// From now on that one pays for what waits here, and is woken.
    pub(super) fn belongs_to(&self, owner: Owner) {
        let mut state = self.state.lock();
        let len = state.frames.len() as u64;
        // There is little of it, and it is taken at once.
        if owner.holding.take(len).is_err() {
            state.frames.clear();
        }
        state.owner = Some(owner);
    }

    /// Adds frames, `count` messages, and leaves none; whether there was room.
    pub(super) fn put(&self, frames: &mut Vec<u8>, count: u64) -> bool {
        let mut state = self.state.lock();
        let len = frames.len();
        let has_room = match &state.owner {
            Some(owner) => owner.holding.take(len as u64).is_ok(),
            None => state.frames.len() + len <= EARLY,
        };
        if !has_room {
            self.refused.fetch_add(count, Ordering::Relaxed);
            frames.clear();
            return false;
        }
        let was_empty = state.frames.is_empty();
        if was_empty {
            std::mem::swap(&mut state.frames, frames);
        } else {
            state.frames.append(frames);
        }
        let owner = if was_empty { state.owner.clone() } else { None };
        drop(state);
        if let Some(owner) = owner {
            owner.control.arrive();
        }
        true
    }

    /// Whether there is room for one of so many bytes.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.state.lock().owner.as_ref().is_none_or(|owner| owner.holding.room() >= len as u64)
    }

    /// Takes all there is.
    pub(super) fn take(&self) -> Vec<u8> {
        let mut state = self.state.lock();
        if let Some(owner) = &state.owner {
            owner.control.take_arrived();
            owner.holding.give_back(state.frames.len() as u64);
        }
        std::mem::take(&mut state.frames)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().frames.is_empty()
    }

    pub(super) fn set_alive(&self, count: u64) {
        self.alive.store(count, Ordering::Relaxed);
    }

    pub(super) fn alive(&self) -> u64 {
        self.alive.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
