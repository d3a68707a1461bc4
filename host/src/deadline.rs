//! Deadlines, interruption and cancellation: the control that guest code and waiting host calls
//! look at.
//!
//! Guest code calls the host every few microseconds, because [`metering`](crate::metering) made it
//! so; the host then looks at that interpreter's [`Control`]. A host call that waits (a sleep, a read
//! of standard input) looks at the same control itself.

use crate::interpreter::State;
use crate::limits::LimitExceeded;
use ophidia_abi::{HOST_MODULE, import};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wasmtime::{Caller, Linker};

/// Why the host ends a running call.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error(transparent)]
    Limit(LimitExceeded),
    #[error("cancelled by the host")]
    Cancelled,
    #[error("the guest ended its process with status {0}")]
    Exit(i32),
}

/// What a waiting host call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The time to wait is over.
    Elapsed,
    /// A `KeyboardInterrupt` is asked for.
    Interrupted,
}

#[derive(Debug, Default)]
struct Timer {
    deadline: Option<(Instant, Duration)>,
}

/// One interpreter's controls, shared with whoever may interrupt it.
#[derive(Debug, Default)]
pub(crate) struct Control {
    timer: Mutex<Timer>,
    changed: Condvar,
    interrupt: AtomicBool,
    cancel: AtomicBool,
}

impl Control {
    /// Starts the clock of one call.
    pub(crate) fn begin(&self, timeout: Option<Duration>) {
        self.interrupt.store(false, Ordering::Relaxed);
        self.lock().deadline =
            timeout.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
    }

    pub(crate) fn end(&self) {
        self.lock().deadline = None;
    }

    fn lock(&self) -> MutexGuard<'_, Timer> {
        self.timer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn interrupt(&self) {
        self.interrupt.store(true, Ordering::Release);
        drop(self.lock());
        self.changed.notify_all();
    }

    pub(crate) fn cancel(&self) {
        self.cancel.store(true, Ordering::Release);
        drop(self.lock());
        self.changed.notify_all();
    }

    /// Takes the request for a `KeyboardInterrupt`, if there is one.
    pub(crate) fn take_interrupt(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed) && self.interrupt.swap(false, Ordering::Acquire)
    }

    pub(crate) fn interrupt_pending(&self) -> bool {
        self.interrupt.load(Ordering::Acquire)
    }

    /// Fails when the call has to end now.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        self.check_locked(&self.lock())
    }

    fn check_locked(&self, timer: &Timer) -> Result<(), Stop> {
        if self.cancel.load(Ordering::Acquire) {
            return Err(Stop::Cancelled);
        }
        match timer.deadline {
            Some((at, limit)) if Instant::now() >= at => {
                Err(Stop::Limit(LimitExceeded::Timeout { limit }))
            }
            _ => Ok(()),
        }
    }

    /// Waits until `until`, the deadline, an interruption or a cancellation, whichever is first.
    /// `None` waits for the latter three only.
    pub(crate) fn wait(&self, until: Option<Instant>) -> Result<Wake, Stop> {
        let mut timer = self.lock();
        loop {
            self.check_locked(&timer)?;
            if self.interrupt_pending() {
                return Ok(Wake::Interrupted);
            }
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                return Ok(Wake::Elapsed);
            }
            let next = [until, timer.deadline.map(|(at, _)| at)].into_iter().flatten().min();
            timer = match next {
                Some(next) => {
                    let left = next.saturating_duration_since(now);
                    self.changed.wait_timeout(timer, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(timer).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Links the function that metered guest code calls.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let meter = |mut caller: Caller<'_, State>, _work: u32| -> wasmtime::Result<()> {
        caller.data().control.check()?;
        State::raise_interrupt(&mut caller);
        Ok(())
    };
    linker.func_wrap(HOST_MODULE, import::METER, meter)?;
    Ok(())
}

/// Interrupts or cancels what an [`Interpreter`](crate::Interpreter) is doing, from any thread.
#[derive(Clone, Debug)]
pub struct Interrupter(pub(crate) Arc<Control>);

impl Interrupter {
    /// Raises `KeyboardInterrupt` in the running call; without a running call it does nothing.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }

    /// Ends the running call, or the next one, with [`Error::Cancelled`](crate::Error::Cancelled).
    /// The guest cannot prevent it; the interpreter is poisoned.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
