//! Turns: a thread runs guest code only while it holds one. There are as many as guests may run at once.
//!
//! A thread gives its turn back when its slice is over and somebody wants one, and while it waits in a call of the
//! host. From one that does not, because it is in a slow function of the host, say, the keeper takes it: that thread
//! then waits for another turn when it comes back to guest code.

use super::core::{Core, Item};
use super::fair::{Fair, Lane, Number};
use super::worker::Hands;
use crate::sandbox::control::{Control, Ring, Stop};
use crate::sandbox::turn::Turn;
use parking_lot::{Condvar, Mutex};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long guest code runs while others wait.
pub(super) const SLICE: Duration = Duration::from_millis(5);

/// A turn that is held for so long while others wait is taken.
pub(super) const OVERDUE: Duration = Duration::from_millis(10);

/// Who has a turn, and since when.
struct Held {
    tenant: Number,
    since: Instant,
    hands: Arc<Hands>,
}

/// All turns.
pub(super) struct Turns {
    free: usize,
    held: HashMap<u64, Held>,
}

impl Turns {
    pub(super) fn new(count: usize) -> Self {
        Self { free: count, held: HashMap::new() }
    }

    pub(super) fn has_free(&self) -> bool {
        self.free > 0
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Gives a turn to a thread.
    pub(super) fn hold(&mut self, hands: &Arc<Hands>, tenant: Number) {
        self.free = self.free.saturating_sub(1);
        hands.revoked.store(false, Ordering::Relaxed);
        let held = Held { tenant, since: Instant::now(), hands: Arc::clone(hands) };
        self.held.insert(hands.id, held);
    }

    /// Takes a thread's turn back; says whether it had one.
    pub(super) fn release<T>(&mut self, thread: u64, fair: &mut Fair<T>, now: Instant) -> bool {
        let Some(held) = self.held.remove(&thread) else { return false };
        self.free += 1;
        fair.over(held.tenant, now.saturating_duration_since(held.since));
        true
    }

    /// Charges turns that have lasted because nobody else wanted them, so that who comes now is level with their
    /// tenants.
    pub(super) fn settle<T>(&mut self, fair: &mut Fair<T>, now: Instant) {
        for held in self.held.values_mut() {
            let lasted = now.saturating_duration_since(held.since);
            if lasted > SLICE {
                fair.lasts(held.tenant, lasted);
                held.since = now;
            }
        }
    }

    /// Takes the turns that are overdue; says how many those were.
    pub(super) fn revoke<T>(&mut self, fair: &mut Fair<T>, now: Instant) -> usize {
        let overdue = |held: &&Held| now.saturating_duration_since(held.since) > OVERDUE;
        let threads: Vec<_> =
            self.held.values().filter(overdue).map(|held| held.hands.id).collect();
        for thread in &threads {
            if let Some(held) = self.held.get(thread) {
                held.hands.revoked.store(true, Ordering::Relaxed);
            }
            self.release(*thread, fair, now);
        }
        threads.len()
    }
}

/// A thread that waits for a turn in the middle of a request.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) hands: Arc<Hands>,
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    granted: bool,
    rung: bool,
}

impl Waiter {
    pub(super) fn new(hands: &Arc<Hands>) -> Arc<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Arc::new(Self { hands: Arc::clone(hands), state, changed })
    }

    pub(super) fn grant(&self) {
        self.state.lock().granted = true;
        self.changed.notify_one();
    }

    fn is_granted(&self) -> bool {
        self.state.lock().granted
    }

    /// Waits for a turn, a ring of the bell, or this time; says whether it was a turn.
    fn wait(&self, until: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while !state.granted && !state.rung {
            match until {
                Some(until) if self.changed.wait_until(&mut state, until).timed_out() => break,
                Some(_) => {}
                None => self.changed.wait(&mut state),
            }
        }
        state.rung = false;
        state.granted
    }
}

impl Ring for Waiter {
    fn ring(&self) {
        self.state.lock().rung = true;
        self.changed.notify_one();
    }
}

/// The turn of one thread, on that thread.
pub(super) struct Shift {
    core: Arc<Core>,
    hands: Arc<Hands>,
    tenant: Cell<Number>,
    /// Whether it is in the middle of a request. Between them guests run without a turn: those that are started ahead.
    works: Cell<bool>,
    held: Cell<bool>,
    until: Cell<Instant>,
}

impl Shift {
    pub(super) fn new(core: &Arc<Core>, hands: &Arc<Hands>) -> Self {
        Self {
            core: Arc::clone(core),
            hands: Arc::clone(hands),
            tenant: Cell::new(0),
            works: Cell::new(false),
            held: Cell::new(false),
            until: Cell::new(Instant::now()),
        }
    }

    /// The thread has got a turn with a request of this tenant's.
    pub(super) fn begins(&self, tenant: Number) {
        self.tenant.set(tenant);
        self.works.set(true);
        self.has_turn();
    }

    fn has_turn(&self) {
        self.held.set(true);
        self.until.set(Instant::now() + SLICE);
    }

    /// The thread is done with the request, and its turn is given back by whoever says so.
    pub(super) fn ends(&self) {
        self.works.set(false);
        self.held.set(false);
    }

    /// Gives this turn to somebody who wants it, and waits for another.
    #[cold]
    fn yields(&self, control: &Control) -> Result<(), Stop> {
        let waiter = Waiter::new(&self.hands);
        let mut state = self.core.state.lock();
        let now = Instant::now();
        let state_now = &mut *state;
        if state_now.turns.release(self.hands.id, &mut state_now.fair, now) {
            state.counts.slices += 1;
        }
        self.held.set(false);
        self.join(state, waiter, Some(control))
    }

    /// Waits for a turn among the others who do.
    fn join(
        &self,
        mut state: parking_lot::MutexGuard<'_, super::core::State>,
        waiter: Arc<Waiter>,
        control: Option<&Control>,
    ) -> Result<(), Stop> {
        let tenant = self.tenant.get();
        if !state.fair.knows(tenant) {
            // Its tenant is forgotten: what runs here is code of whoever is told of the end.
            return Ok(());
        }
        let number = state.fair.push(tenant, Lane::Parked, Item::Parked(Arc::clone(&waiter)));
        self.core.dispatch(&mut state);
        self.core.wake_keeper(&mut state);
        drop(state);
        let waited = match control {
            _ if waiter.is_granted() => Ok(()),
            Some(control) => {
                let bell: Arc<dyn Ring> = Arc::clone(&waiter) as _;
                control.wait_elsewhere(bell, |until| waiter.wait(until))
            }
            None => {
                while !waiter.wait(None) {}
                Ok(())
            }
        };
        if waited.is_err() {
            // An operation that ends needs no turn, but may have been given one at that moment.
            let mut state = self.core.state.lock();
            if state.fair.remove(tenant, Lane::Parked, number).is_some() {
                return waited;
            }
        }
        self.has_turn();
        waited
    }
}

impl Turn for Shift {
    fn look(&self, control: &Control) -> Result<(), Stop> {
        if !self.works.get() {
            return Ok(());
        }
        // It was taken, or given back by an operation that has ended meanwhile, one of another interpreter.
        if !self.held.get() || self.hands.revoked.load(Ordering::Relaxed) {
            return self.yields(control);
        }
        let contended = self.core.contended.load(Ordering::Relaxed);
        if contended && Instant::now() >= self.until.get() { self.yields(control) } else { Ok(()) }
    }

    fn give_back(&self) -> bool {
        if !self.held.replace(false) {
            return false;
        }
        let mut state = self.core.state.lock();
        let state_now = &mut *state;
        state_now.turns.release(self.hands.id, &mut state_now.fair, Instant::now());
        self.core.dispatch(&mut state);
        true
    }

    fn take(&self, control: Option<&Control>) -> Result<(), Stop> {
        if !self.works.get() {
            return Ok(());
        }
        let mut state = self.core.state.lock();
        let state_now = &mut *state;
        state_now.turns.settle(&mut state_now.fair, Instant::now());
        self.join(state, Waiter::new(&self.hands), control)
    }
}
