//! Turns: a thread that runs guests for a pool holds one. It gives its turn back while it waits, and when its slice
//! is over and somebody else is waiting for a turn.
//!
//! The thread says so itself once; guests of any interpreter that run on it look here. On other threads this costs
//! one look at a word of the thread's.

use super::control::{Control, Stop};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Whoever waits for less keeps the turn, and is charged for the time.
const SHORT: Duration = Duration::from_millis(1);

/// The turn of a thread, as whoever hands turns out keeps it.
pub(crate) trait Turn {
    /// Called by guest code every few microseconds. Gives the turn back when its time is over, and then waits for
    /// the next one. Fails when the operation has to end.
    fn look(&self, control: &Control) -> Result<(), Stop>;

    /// Gives the turn back; says whether there was one.
    fn give_back(&self) -> bool;

    /// Waits for a turn. Without a control nothing ends the wait.
    fn take(&self, control: Option<&Control>) -> Result<(), Stop>;
}

thread_local! {
    static HAS: Cell<bool> = const { Cell::new(false) };
    static TURN: RefCell<Option<Rc<dyn Turn>>> = const { RefCell::new(None) };
}

/// Guests on this thread run by turns from here on.
pub(crate) fn install(turn: Rc<dyn Turn>) {
    TURN.set(Some(turn));
    HAS.set(true);
}

fn here() -> Option<Rc<dyn Turn>> {
    if !HAS.get() {
        return None;
    }
    TURN.try_with(|turn| turn.borrow().clone()).ok().flatten()
}

#[inline]
pub(super) fn look(control: &Control) -> Result<(), Stop> {
    if HAS.get() { look_here(control) } else { Ok(()) }
}

fn look_here(control: &Control) -> Result<(), Stop> {
    let look = |turn: &RefCell<Option<Rc<dyn Turn>>>| {
        turn.borrow().as_ref().map_or(Ok(()), |turn| turn.look(control))
    };
    TURN.try_with(look).unwrap_or(Ok(()))
}

/// A thread that waits: what it has given back for as long.
#[derive(Default)]
pub(crate) struct Away {
    given: Option<Rc<dyn Turn>>,
    asked: bool,
}

impl Away {
    /// Whether [`begin`](Self::begin) is yet to be called, for a wait from now until then, if it has an end. A short
    /// one is not worth it: a guest could make as many as it likes.
    pub(crate) fn is_due(&self, now: Instant, until: Option<Instant>) -> bool {
        let short = |until: Instant| until.saturating_duration_since(now) < SHORT;
        !self.asked && HAS.get() && !until.is_some_and(short)
    }

    /// Gives the turn back, if there is one. Locks are taken: hold none that a wake-up needs.
    pub(crate) fn begin(&mut self) {
        self.asked = true;
        self.given = here().filter(|turn| turn.give_back());
    }

    /// Waits for a turn again, if one was given back. An operation that ends needs none, so nobody calls it then.
    pub(crate) fn back(self, control: Option<&Control>) -> Result<(), Stop> {
        self.given.map_or(Ok(()), |turn| turn.take(control))
    }
}
