//! Deadlines, interruption and cancellation: the control that guest code and waiting host calls
//! look at.
//!
//! Guest code calls the host every few microseconds, because [`metering`](crate::image::metering) made it
//! so; the host then looks at that interpreter's [`Control`]. A host call that waits (a sleep, a read
//! of standard input) looks at the same control itself.

mod cpu;
mod descriptor;

pub(crate) use descriptor::is_ready;

use super::fuel;
use super::state::HasSandbox;
use super::turn::{self, Away};
use crate::error::{Error, LimitExceeded, PythonError};
use crate::policy::Limits;
use cpu::Cpu;
use descriptor::Bell;
use ophidia_abi::{ASK_INTERRUPT, ASK_TIMEOUT, Frame, HOST_MODULE, import};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
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

/// When an operation ends, and why.
#[derive(Debug)]
struct Deadline {
    at: Instant,
    hard: Instant,
    limit: LimitExceeded,
}

/// What a waiting host call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The time to wait is over.
    Elapsed,
    /// Python is asked for a `KeyboardInterrupt`, or for a `TimeoutError`.
    Interrupted,
}

/// What wakes somebody who waits elsewhere and has to look at the control again.
pub(crate) trait Ring: Send + Sync + std::fmt::Debug {
    fn ring(&self);
}

/// Longer than anything runs.
const AGES: Duration = Duration::from_secs(1 << 32);

/// No operation is running.
const IDLE: u64 = u64::MAX;

/// One is running whose clock nobody has looked at yet.
const FRESH: u64 = u64::MAX - 1;

/// One interpreter's controls, shared with whoever may interrupt it.
#[derive(Debug)]
pub(crate) struct Control {
    timeout: Option<Duration>,
    /// How long an operation goes on after its time, in which it is told and may end by itself.
    grace: Duration,
    /// When the interpreter's life ends.
    end: Option<(Instant, Duration)>,
    /// Processor time.
    cpu: Cpu,
    /// What instants are counted from.
    origin: Instant,
    /// When the running operation began, in nanoseconds. Reading a clock takes longer than many operations
    /// do, so it is read when the operation is first looked at: a few microseconds later.
    began: AtomicU64,
    /// Guards the moment between looking at the controls and waiting. Who waits for a descriptor leaves
    /// something to ring here.
    waiting: Mutex<Option<Bell>>,
    changed: Condvar,
    /// What Python is to be asked for: nothing, [`ASK_INTERRUPT`] or [`ASK_TIMEOUT`].
    asked: AtomicU32,
    /// Whether the running operation has been told that its time is over.
    told: AtomicBool,
    cancel: AtomicBool,
    /// Whether something of the host has ended that the guest's event loop may wait for.
    arrived: AtomicBool,
}

impl Control {
    /// One without limits but for that of an operation, which ends at once.
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Self::of(&Limits {
            timeout,
            grace: Duration::ZERO,
            cpu: None,
            life: None,
            ..Limits::default()
        })
    }

    pub(crate) fn of(limits: &Limits) -> Self {
        let origin = Instant::now();
        let end = limits.life.and_then(|life| Some((origin.checked_add(life)?, life)));
        Self {
            timeout: limits.timeout,
            grace: limits.grace,
            end,
            cpu: Cpu::new(limits.cpu),
            origin,
            began: AtomicU64::new(IDLE),
            waiting: Mutex::default(),
            changed: Condvar::new(),
            asked: AtomicU32::new(0),
            told: AtomicBool::new(false),
            cancel: AtomicBool::new(false),
            arrived: AtomicBool::new(false),
        }
    }

    /// Starts the clock of an operation, which has run this long already.
    #[inline]
    pub(super) fn begin(&self, spent: Duration) {
        self.asked.store(0, Ordering::Relaxed);
        self.told.store(false, Ordering::Relaxed);
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
            nanos => Some({
                self.cpu.end();
                self.origin.elapsed().saturating_sub(Duration::from_nanos(nanos))
            }),
        }
    }

    /// Looks at the clock, so that what the operation does from here on counts.
    #[inline]
    pub(crate) fn look(&self) {
        if self.began.load(Ordering::Relaxed) == FRESH {
            self.look_at_clock(Duration::ZERO);
        }
    }

    /// When the running operation is told to end, and when it has to.
    fn deadline(&self) -> Option<Deadline> {
        let nanos = match self.began.load(Ordering::Relaxed) {
            IDLE => return None,
            FRESH => self.look_at_clock(Duration::ZERO),
            nanos => nanos,
        };
        let own = self.timeout.and_then(|limit| {
            let at = self.origin.checked_add(Duration::from_nanos(nanos).checked_add(limit)?)?;
            let limit = LimitExceeded::Timeout { limit };
            // So long a grace is none that ends; what is told stays told.
            let hard = at.checked_add(self.grace).or_else(|| at.checked_add(AGES)).unwrap_or(at);
            Some(Deadline { at, hard, limit })
        });
        match (own, self.end) {
            (Some(own), Some((end, _))) if own.hard <= end => Some(own),
            (_, Some((end, limit))) => {
                Some(Deadline { at: end, hard: end, limit: LimitExceeded::Life { limit } })
            }
            (own, None) => own,
        }
    }

    /// What the running operation has been told of by a `TimeoutError`.
    pub(crate) fn told(&self) -> Option<LimitExceeded> {
        let limit = self.timeout?;
        self.told.load(Ordering::Relaxed).then_some(LimitExceeded::Timeout { limit })
    }

    /// Asks Python for a `TimeoutError`, once in an operation.
    #[cold]
    fn tell(&self) {
        if !self.told.swap(true, Ordering::Relaxed) {
            self.asked.store(ASK_TIMEOUT, Ordering::Release);
        }
    }

    #[cold]
    fn look_at_clock(&self, spent: Duration) -> u64 {
        let since = self.origin.elapsed().saturating_sub(spent);
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(FRESH - 1);
        self.began.store(nanos, Ordering::Relaxed);
        self.cpu.begin();
        nanos
    }

    pub(crate) fn interrupt(&self) {
        // A time that is over is not taken back.
        let _ = self.asked.compare_exchange(0, ASK_INTERRUPT, Ordering::Release, Ordering::Relaxed);
        self.wake();
    }

    pub(crate) fn cancel(&self) {
        self.cancel.store(true, Ordering::Release);
        self.wake();
    }

    /// Processor time of operations that have ended.
    pub(crate) fn cpu(&self) -> Duration {
        self.cpu.used()
    }

    /// Says that something of the host has ended, and wakes whoever waits.
    pub(crate) fn arrive(&self) {
        self.arrived.store(true, Ordering::Release);
        self.wake();
    }

    /// Takes note of that; what ends from here on is said anew.
    pub(crate) fn take_arrived(&self) {
        self.arrived.store(false, Ordering::Release);
    }

    pub(crate) fn has_arrived(&self) -> bool {
        self.arrived.load(Ordering::Acquire)
    }

    /// Makes whoever waits look again.
    pub(crate) fn wake(&self) {
        if let Some(bell) = &*self.waiting.lock() {
            bell.ring();
        }
        self.changed.notify_all();
    }

    /// Takes what Python is to be asked for, if it is anything.
    pub(crate) fn take_interrupt(&self) -> Option<u32> {
        match self.asked.load(Ordering::Relaxed) {
            0 => None,
            _ => Some(self.asked.swap(0, Ordering::Acquire)).filter(|asked| *asked != 0),
        }
    }

    pub(crate) fn interrupt_pending(&self) -> bool {
        self.asked.load(Ordering::Acquire) != 0
    }

    /// Fails when the operation has to end now. When it is to end by itself, that is asked of Python.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.cancel.load(Ordering::Acquire) {
            return Err(Stop::Cancelled);
        }
        self.cpu.check()?;
        let Some(deadline) = self.deadline() else { return Ok(()) };
        let now = Instant::now();
        if now >= deadline.hard {
            return Err(Stop::Limit(deadline.limit));
        }
        if now >= deadline.at {
            self.tell();
        }
        Ok(())
    }

    /// When somebody who waits has to look again.
    fn next_look(&self) -> Option<Instant> {
        let deadline = self.deadline()?;
        let told = self.told.load(Ordering::Relaxed);
        Some(if told { deadline.hard } else { deadline.at })
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
        let mut away = Away::default();
        let woken = self.wait_away(&mut away, until, ready)?;
        away.back(Some(self))?;
        Ok(woken)
    }

    fn wait_away(
        &self,
        away: &mut Away,
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
            if away.is_due(now, until) {
                MutexGuard::unlocked(&mut guard, || away.begin());
                continue;
            }
            let next = [until, self.next_look()].into_iter().flatten().min();
            match next {
                Some(next) => {
                    self.changed.wait_until(&mut guard, next);
                }
                None => self.changed.wait(&mut guard),
            }
        }
    }
}

impl Control {
    /// Lets `wait` wait for something that is not the control's, until it says that it is over or the operation has to
    /// end. It is told when to look again at the latest; an end before that rings the bell.
    pub(crate) fn wait_elsewhere(
        &self,
        bell: Arc<dyn Ring>,
        mut wait: impl FnMut(Option<Instant>) -> bool,
    ) -> Result<(), Stop> {
        *self.waiting.lock() = Some(Bell::Elsewhere(bell));
        let woken = loop {
            if let Err(stop) = self.check() {
                break Err(stop);
            }
            if wait(self.next_look()) {
                break Ok(());
            }
        };
        *self.waiting.lock() = None;
        woken
    }
}

/// Links the function that metered guest code calls.
pub(crate) fn add_to_linker<T: HasSandbox>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let meter = |mut caller: Caller<'_, T>, left: i32| -> wasmtime::Result<()> {
        fuel::refill(&mut caller, left)?;
        let control = &caller.data().sandbox().control;
        control.check()?;
        turn::look(control)?;
        raise_interrupt(caller.as_context_mut());
        Ok(())
    };
    linker.func_wrap(HOST_MODULE, import::METER, meter)?;
    Ok(())
}

/// Sets the words that make the evaluation loop raise `KeyboardInterrupt` or `TimeoutError`, if that is asked for.
///
/// As the bridge arranges it: one word says what is asked, the other makes the loop look. A guest
/// that names words elsewhere in its own memory harms only itself.
pub(crate) fn raise_interrupt<T: HasSandbox>(mut store: StoreContextMut<'_, T>) {
    let state = store.data().sandbox();
    let Some(asked) = state.control.take_interrupt() else { return };
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
    let _ = memory.write(&mut store, flag, &asked.to_le_bytes());
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
