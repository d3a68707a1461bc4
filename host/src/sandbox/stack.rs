//! The native stack: whether the calling thread has enough of it left to enter a guest.
//!
//! Guest code takes at most what its runtime says, counted from the outermost entry on, and traps beyond it. What
//! is not there cannot be counted: a smaller stack would end the process.

use crate::error::{Error, Result};
use std::cell::Cell;
use std::hint::black_box;

/// What the host itself takes, below the guest's code and above it.
const HOST: usize = 256 << 10;

thread_local! {
    /// Where the stack ends, and the furthest out that is known to be on it. A part of a stack that lies elsewhere
    /// (a segment, a coroutine's) is measured anew.
    static KNOWN: Cell<(usize, usize)> = const { Cell::new((usize::MAX, 0)) };
}

/// Where an interpreter's outermost entry stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place(usize);

impl Place {
    /// The present place, for an outermost entry of a guest that may use so much; an error when less is left below it.
    #[inline]
    pub(crate) fn outermost(stack: usize) -> Result<Self> {
        let here = Self::here();
        let (end, most) = KNOWN.get();
        if here.0 > most || here.0.saturating_sub(end) < stack + HOST {
            here.measure(stack + HOST)?;
        }
        Ok(here)
    }

    /// Whether a further entry, below this outermost one, is on the same stack and within its share.
    #[inline]
    pub(crate) fn check_below(self, stack: usize) -> Result<()> {
        let here = Self::here();
        if here.0 <= self.0 && here.0 >= self.0.saturating_sub(stack + HOST) {
            return Ok(());
        }
        Err(elsewhere())
    }

    #[inline(always)]
    fn here() -> Self {
        let mark = black_box(0_u8);
        Self(std::ptr::from_ref(&mark).addr())
    }

    #[cold]
    fn measure(self, needed: usize) -> Result<()> {
        match stacker::remaining_stack() {
            Some(left) if left < needed => Err(Error::host(format!(
                "the calling thread has {left} bytes of stack left, {needed} are needed: call from a thread \
                 with a larger one (std::thread::Builder::stack_size), or from further out"
            ))),
            Some(left) => {
                KNOWN.set((self.0.saturating_sub(left), self.0));
                Ok(())
            }
            // Nobody knows on this platform.
            None => Ok(()),
        }
    }
}

#[cold]
fn elsewhere() -> Error {
    Error::host(
        "an interpreter was called on another stack than the call it is in the middle of, or too deep in it",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::image::engine::STACK;
    use std::thread;

    fn on(size: usize, test: impl FnOnce() -> bool + Send + 'static) -> bool {
        thread::Builder::new().stack_size(size).spawn(test).unwrap().join().unwrap()
    }

    #[test]
    fn a_stack_is_large_enough_or_not() {
        assert!(on(2 << 20, || Place::outermost(STACK).is_ok()));
        assert!(on(256 << 10, || Place::outermost(STACK).is_err()));
        // Asked again where more is left, and where less is.
        fn deeper(from: Place, bytes: usize) -> bool {
            let room = black_box([0_u8; 4 << 10]);
            let here = std::ptr::from_ref(&room).addr();
            if here + bytes < from.0 {
                Place::outermost(STACK).is_ok()
            } else {
                black_box(deeper(from, bytes))
            }
        }
        let far = |bytes| deeper(Place::here(), bytes);
        assert!(on(4 << 20, move || Place::outermost(STACK).is_ok()
            && far(1 << 20)
            && !far(3 << 20)));
        assert!(on(4 << 20, move || !far(3 << 20)
            && far(1 << 20)
            && Place::outermost(STACK).is_ok()));
    }

    #[test]
    fn another_stack_is_not_below() {
        let place = Place::outermost(STACK).unwrap();
        fn below(place: Place) -> bool {
            place.check_below(STACK).is_ok()
        }
        assert!(black_box(below as fn(Place) -> bool)(place));
        assert!(on(2 << 20, move || !below(place)));
    }
}
