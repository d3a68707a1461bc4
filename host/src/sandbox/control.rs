//! Deadlines, interruption and cancellation: the control that guest code and waiting host calls
//! look at.
//!
//! Guest code calls the host every few microseconds, because [`metering`](crate::image::metering) made it
//! so; the host then looks at that interpreter's [`Control`]. A host call that waits (a sleep, a read
//! of standard input) looks at the same control itself.

mod descriptor;

pub(crate) use descriptor::is_ready;

use super::state::HasSandbox;
use crate::error::{Error, LimitExceeded, PythonError};
use descriptor::Bell;
use ophidia_abi::{Frame, HOST_MODULE, import};
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wasmtime::{AsContextMut, Caller, Linker, StoreContextMut};

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

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Limit(limit) => limit.into(),
            Stop::Cancelled => Self::Cancelled,
            Stop::Exit(status) => PythonError {
                type_name: "SystemExit".into(),
                exit_status: Some(status.into()),
                ..PythonError::default()
            }
            .into(),
        }
    }
}

/// What a waiting host call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The time to wait is over.
    Elapsed,
    /// A `KeyboardInterrupt` is asked for.
    Interrupted,
}

/// No operation is running.
const IDLE: u64 = u64::MAX;

/// One is running whose clock nobody has looked at yet.
const FRESH: u64 = u64::MAX - 1;

/// One interpreter's controls, shared with whoever may interrupt it.
#[derive(Debug)]
pub(crate) struct Control {
    timeout: Option<Duration>,
    /// What instants are counted from.
    origin: Instant,
    /// When the running operation began, in nanoseconds. Reading a clock takes longer than many operations
    /// do, so it is read when the operation is first looked at: a few microseconds later.
    began: AtomicU64,
    /// Guards the moment between looking at the controls and waiting. Who waits for a descriptor leaves
    /// something to ring here.
    waiting: Mutex<Option<Bell>>,
    changed: Condvar,
    interrupt: AtomicBool,
    cancel: AtomicBool,
}

impl Control {
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout,
            origin: Instant::now(),
            began: AtomicU64::new(IDLE),
            waiting: Mutex::default(),
            changed: Condvar::new(),
            interrupt: AtomicBool::new(false),
            cancel: AtomicBool::new(false),
        }
    }

    /// Starts the clock of an operation, which has run this long already.
    #[inline]
    pub(super) fn begin(&self, spent: Duration) {
        self.interrupt.store(false, Ordering::Relaxed);
        self.began.store(FRESH, Ordering::Relaxed);
        if !spent.is_zero() {
            self.look_at_clock(spent);
        }
    }

    /// Stops it; gives how long the operation took, `None` for one that nobody looked at the clock in.
    #[inline]
    pub(super) fn end(&self) -> Option<Duration> {
        // Nobody else writes it: no exchange is needed.
        let began = self.began.load(Ordering::Relaxed);
        self.began.store(IDLE, Ordering::Relaxed);
        match began {
            IDLE | FRESH => None,
            nanos => Some(self.origin.elapsed().saturating_sub(Duration::from_nanos(nanos))),
        }
    }

    /// Looks at the clock, so that what the operation does from here on counts.
    #[inline]
    pub(crate) fn look(&self) {
        if self.began.load(Ordering::Relaxed) == FRESH {
            self.look_at_clock(Duration::ZERO);
        }
    }

    /// When the running operation has to end.
    fn deadline(&self) -> Option<(Instant, Duration)> {
        let nanos = match self.began.load(Ordering::Relaxed) {
            IDLE => return None,
            FRESH => self.look_at_clock(Duration::ZERO),
            nanos => nanos,
        };
        let limit = self.timeout?;
        Some((self.origin.checked_add(Duration::from_nanos(nanos).checked_add(limit)?)?, limit))
    }

    #[cold]
    fn look_at_clock(&self, spent: Duration) -> u64 {
        let since = self.origin.elapsed().saturating_sub(spent);
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(FRESH - 1);
        self.began.store(nanos, Ordering::Relaxed);
        nanos
    }

    pub(crate) fn interrupt(&self) {
        self.interrupt.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn cancel(&self) {
        self.cancel.store(true, Ordering::Release);
        self.wake();
    }

    /// Makes whoever waits look again.
    pub(crate) fn wake(&self) {
        if let Some(bell) = &*self.waiting.lock() {
            bell.ring();
        }
        self.changed.notify_all();
    }

    /// Takes the request for a `KeyboardInterrupt`, if there is one.
    pub(crate) fn take_interrupt(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed) && self.interrupt.swap(false, Ordering::Acquire)
    }

    pub(crate) fn interrupt_pending(&self) -> bool {
        self.interrupt.load(Ordering::Acquire)
    }

    /// Fails when the operation has to end now.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.cancel.load(Ordering::Acquire) {
            return Err(Stop::Cancelled);
        }
        match self.deadline() {
            Some((at, limit)) if Instant::now() >= at => {
                Err(Stop::Limit(LimitExceeded::Timeout { limit }))
            }
            _ => Ok(()),
        }
    }

    /// Waits until `until`, the deadline, an interruption or a cancellation, whichever is first.
    /// `None` waits for the latter three only.
    pub(crate) fn wait(&self, until: Option<Instant>) -> Result<Wake, Stop> {
        self.wait_for(until, || false)
    }

    /// As above, and until `ready` says so after a [`wake`](Self::wake).
    pub(crate) fn wait_for(
        &self,
        until: Option<Instant>,
        ready: impl Fn() -> bool,
    ) -> Result<Wake, Stop> {
        let mut guard = self.waiting.lock();
        loop {
            self.check()?;
            if self.interrupt_pending() {
                return Ok(Wake::Interrupted);
            }
            let now = Instant::now();
            if ready() || until.is_some_and(|until| now >= until) {
                return Ok(Wake::Elapsed);
            }
            let next = [until, self.deadline().map(|(at, _)| at)].into_iter().flatten().min();
            match next {
                Some(next) => {
                    self.changed.wait_until(&mut guard, next);
                }
                None => self.changed.wait(&mut guard),
            }
        }
    }
}

/// Links the function that metered guest code calls.
pub(crate) fn add_to_linker<T: HasSandbox>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let meter = |mut caller: Caller<'_, T>, _work: u32| -> wasmtime::Result<()> {
        caller.data().sandbox().control.check()?;
        raise_interrupt(caller.as_context_mut());
        Ok(())
    };
    linker.func_wrap(HOST_MODULE, import::METER, meter)?;
    Ok(())
}

/// Sets the words that make the evaluation loop raise `KeyboardInterrupt`, if that is asked for.
///
/// As the bridge arranges it: one word says what is asked, the other makes the loop look. A guest
/// that names words elsewhere in its own memory harms only itself.
pub(crate) fn raise_interrupt<T: HasSandbox>(mut store: StoreContextMut<'_, T>) {
    let state = store.data().sandbox();
    if !state.control.take_interrupt() {
        return;
    }
    let (Some(memory), frame) = (state.memory, state.frame) else { return };
    let word = |store: &StoreContextMut<'_, T>, offset: usize| {
        let address = frame.checked_add(u32::try_from(offset).ok()?)?;
        memory.u32(store, address).ok()
    };
    let flag = word(&store, std::mem::offset_of!(Frame, interrupt_flag));
    let breaker = word(&store, std::mem::offset_of!(Frame, eval_breaker));
    let bits = word(&store, std::mem::offset_of!(Frame, eval_breaker_bits));
    let (Some(flag), Some(breaker), Some(bits)) = (flag, breaker, bits) else { return };
    let Ok(current) = memory.u32(&store, breaker) else { return };
    let _ = memory.write(&mut store, flag, &1u32.to_le_bytes());
    let _ = memory.write(&mut store, breaker, &(current | bits).to_le_bytes());
}

/// Interrupts or cancels what an [`Interpreter`](crate::Interpreter) is doing, from any thread.
#[derive(Clone, Debug)]
pub struct Interrupter(pub(crate) Arc<Control>);

impl Interrupter {
    /// Raises `KeyboardInterrupt` in the running call; without a running call it does nothing.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }

    /// Ends the running operation, or the next one, with [`Error::Cancelled`](crate::Error::Cancelled). The
    /// guest cannot prevent it; the interpreter is poisoned.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
