//! Deadlines, interruption and cancellation: the epoch ticker, and the control that waiting host
//! calls look at.
//!
//! While any interpreter runs, the ticker advances the engine's epoch every millisecond; guest code
//! then calls back into the host, which looks at that interpreter's [`Control`]. A host call that
//! waits (a sleep, a read of standard input) looks at the same control itself.

use crate::limits::LimitExceeded;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use wasmtime::Engine;

/// How often the epoch advances, and so the precision of deadlines.
const TICK: Duration = Duration::from_millis(1);

/// How many ticks the ticker waits for new work before it goes to sleep.
const IDLE_TICKS: u32 = 64;

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

/// Advances an engine's epoch while interpreters run.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicU32,
    asleep: AtomicBool,
    closed: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Ticker {
    /// Makes a ticker whose thread starts asleep.
    pub(crate) fn new(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { asleep: AtomicBool::new(true), ..Shared::default() });
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("ophidia-ticker".into())
            .stack_size(128 << 10)
            .spawn(move || theirs.tick(&engine))?;
        Ok(Self { shared })
    }

    /// Keeps the epoch advancing until the answer is dropped.
    pub(crate) fn run(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            drop(self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.shared.wake.notify_one();
        }
        Running(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        drop(self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.wake.notify_one();
    }
}

/// Held while a call runs in the guest.
#[derive(Debug)]
pub(crate) struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn tick(&self, engine: &Engine) {
        let mut idle = IDLE_TICKS;
        while !self.closed.load(Ordering::SeqCst) {
            if self.running.load(Ordering::SeqCst) == 0 {
                idle += 1;
            } else {
                idle = 0;
            }
            if idle > IDLE_TICKS {
                self.sleep();
                idle = 0;
            }
            thread::sleep(TICK);
            engine.increment_epoch();
        }
    }

    fn sleep(&self) {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.asleep.store(true, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) == 0 && !self.closed.load(Ordering::SeqCst) {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}
