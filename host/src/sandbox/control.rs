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
use std::task::Waker;
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
pub(crate) struct Deadline {
    /// When Python is told.
    pub(crate) at: Instant,
    /// When it ends whatever Python does.
    pub(crate) hard: Instant,
    pub(crate) limit: LimitExceeded,
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

/// What is cancelled has so long for its end, even where nothing else has any grace.
const LEAST_BOUND: Duration = Duration::from_millis(10);

/// No operation is running.
const IDLE: u64 = u64::MAX;

/// No such instant.
const NEVER: u64 = u64::MAX;

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
    /// How long it has lived before.
    lived: Duration,
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
    /// How long one call of a function of the host may take.
    call_limit: Option<Duration>,
    /// When the one under way has to end, as instants are counted; [`NEVER`] without a limit or a call.
    call_until: AtomicU64,
    /// Whether Python code within that call has been told so.
    call_told: AtomicBool,
    /// When what nobody waits for any more has to end, counted in the same way.
    bound: AtomicU64,
    /// When the first of the asynchronous calls under way has to end, counted in the same way.
    expires: AtomicU64,
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
        Self::going_on(limits, Duration::ZERO, Duration::ZERO)
    }

    /// One of an interpreter that has lived and used so much before.
    pub(crate) fn going_on(limits: &Limits, lived: Duration, cpu: Duration) -> Self {
        let origin = Instant::now();
        let end = limits
            .life
            .and_then(|life| Some((origin.checked_add(life.saturating_sub(lived))?, life)));
        let used = cpu;
        let cpu = Cpu::new(limits.cpu);
        cpu.add(used);
        Self {
            timeout: limits.timeout,
            grace: limits.grace,
            end,
            cpu,
            origin,
            lived,
            began: AtomicU64::new(IDLE),
            waiting: Mutex::default(),
            changed: Condvar::new(),
            asked: AtomicU32::new(0),
            told: AtomicBool::new(false),
            call_limit: limits.host_call_time,
            call_until: AtomicU64::new(NEVER),
            call_told: AtomicBool::new(false),
            bound: AtomicU64::new(NEVER),
            expires: AtomicU64::new(NEVER),
            cancel: AtomicBool::new(false),
            arrived: AtomicBool::new(false),
        }
    }

    /// Starts the clock of an operation, or that of the rest of one, which has run this long already.
    #[inline]
    pub(super) fn begin(&self, resumed: Option<Duration>) {
        self.began.store(FRESH, Ordering::Relaxed);
        match resumed {
            None => {
                self.asked.store(0, Ordering::Relaxed);
                self.told.store(false, Ordering::Relaxed);
            }
            // What it was asked for meanwhile, and told before, holds on.
            Some(spent) => drop(self.look_at_clock(spent)),
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
        self.deadline_of(nanos)
    }

    /// The same of an operation that began then.
    pub(crate) fn deadline_since(&self, began: Instant) -> Option<Deadline> {
        self.deadline_of(self.number(began))
    }

    fn deadline_of(&self, nanos: u64) -> Option<Deadline> {
        let own = self.timeout.and_then(|limit| {
            let at = self.origin.checked_add(Duration::from_nanos(nanos).checked_add(limit)?)?;
            let limit = LimitExceeded::Timeout { limit };
            // So long a grace is none that ends; what is told stays told.
            let hard = at.checked_add(self.grace).or_else(|| at.checked_add(AGES)).unwrap_or(at);
            Some(Deadline { at, hard, limit })
        });
        let life = self.end.map(|(end, limit)| {
            let limit = LimitExceeded::Life { limit };
            Deadline { at: end, hard: end, limit }
        });
        let call = self.call_limit.and_then(|limit| {
            let at = self.instant(self.call_until.load(Ordering::Relaxed))?;
            let limit = LimitExceeded::HostCallTime { limit };
            Some(Deadline { at, hard: at.checked_add(self.grace).unwrap_or(at), limit })
        });
        let bound = self.instant(self.bound.load(Ordering::Relaxed)).map(|at| {
            let limit = LimitExceeded::Timeout { limit: self.grace };
            Deadline { at, hard: at, limit }
        });
        [own, life, call, bound].into_iter().flatten().min_by_key(|deadline| deadline.hard)
    }

    /// Gives what runs from now on as much time as the grace is, and [`LEAST_BOUND`] at least; or all that it has, again.
    pub(crate) fn bound(&self, bounded: bool) {
        let until = Instant::now().checked_add(self.grace.max(LEAST_BOUND)).filter(|_| bounded);
        self.bound.store(until.map_or(NEVER, |at| self.number(at)), Ordering::Relaxed);
    }

    /// The instant of this number.
    fn instant(&self, nanos: u64) -> Option<Instant> {
        (nanos != NEVER).then(|| self.origin.checked_add(Duration::from_nanos(nanos)))?
    }

    /// The number of an instant.
    fn number(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.origin).as_nanos()).unwrap_or(NEVER)
    }

    /// What the running operation has been told of by a `TimeoutError`, or the call of the host that it is in.
    pub(crate) fn told(&self) -> Option<LimitExceeded> {
        match self.timeout {
            Some(limit) if self.told.load(Ordering::Relaxed) => {
                Some(LimitExceeded::Timeout { limit })
            }
            _ => self.told_of_call(),
        }
    }

    /// What Python code within the call of the host under way has been told of.
    pub(crate) fn told_of_call(&self) -> Option<LimitExceeded> {
        let limit = self.call_limit?;
        self.call_told.load(Ordering::Relaxed).then_some(LimitExceeded::HostCallTime { limit })
    }

    /// Notes that the operation is told that its time is over; whether it has been before.
    pub(crate) fn note_told(&self) -> bool {
        self.told.swap(true, Ordering::Relaxed)
    }

    /// What begins anew is yet to be told.
    pub(crate) fn renew(&self) {
        self.told.store(false, Ordering::Relaxed);
        let (asked, relaxed) = (&self.asked, Ordering::Relaxed);
        let _ = asked.compare_exchange(ASK_TIMEOUT, 0, relaxed, relaxed);
    }

    /// Asks Python for a `TimeoutError`, once in an operation, and once in a call of the host.
    #[cold]
    fn tell(&self, of: &LimitExceeded) {
        let told = if matches!(of, LimitExceeded::HostCallTime { .. }) {
            &self.call_told
        } else {
            &self.told
        };
        if !told.swap(true, Ordering::Relaxed) {
            self.asked.store(ASK_TIMEOUT, Ordering::Release);
        }
    }

    /// A call of a function of the host begins: from here on it has its time. Gives what [`end_call`](Self::end_call)
    /// wants.
    #[inline]
    pub(crate) fn begin_call(&self) -> u64 {
        if self.call_limit.is_some() { self.begin_bounded_call() } else { NEVER }
    }

    #[cold]
    fn begin_bounded_call(&self) -> u64 {
        let outer = self.call_until.load(Ordering::Relaxed);
        let until = self.call_ends().map_or(NEVER, |at| self.number(at));
        self.call_until.store(outer.min(until), Ordering::Relaxed);
        outer
    }

    /// How long one call may take.
    pub(crate) fn call_limit(&self) -> Option<Duration> {
        self.call_limit
    }

    /// When a call has to end that begins now.
    pub(crate) fn call_ends(&self) -> Option<Instant> {
        Instant::now().checked_add(self.call_limit?)
    }

    /// It has ended; fails when it took too long.
    #[inline]
    pub(crate) fn end_call(&self, outer: u64) -> Result<(), LimitExceeded> {
        if self.call_limit.is_some() { self.end_bounded_call(outer) } else { Ok(()) }
    }

    #[cold]
    fn end_bounded_call(&self, outer: u64) -> Result<(), LimitExceeded> {
        let until = self.call_until.swap(outer, Ordering::Relaxed);
        let over = self.instant(until).is_some_and(|until| Instant::now() >= until);
        // What nobody has been asked for yet is asked for no more, unless it is the operation that is over.
        if self.call_told.swap(false, Ordering::Relaxed) && !self.told.load(Ordering::Relaxed) {
            self.asked.store(0, Ordering::Relaxed);
        }
        match self.call_limit {
            Some(limit) if over => Err(LimitExceeded::HostCallTime { limit }),
            _ => Ok(()),
        }
    }

    /// Says when the first of the asynchronous calls under way has to end.
    pub(crate) fn set_expiry(&self, at: Option<Instant>) {
        self.expires.store(at.map_or(NEVER, |at| self.number(at)), Ordering::Relaxed);
    }

    /// When that is.
    pub(crate) fn expiry(&self) -> Option<Instant> {
        self.instant(self.expires.load(Ordering::Relaxed))
    }

    /// How long the running operation, or the call of the host that it is in, may go on. `None` without a limit.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.at.saturating_duration_since(Instant::now()))
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

    /// How long its interpreter has lived.
    pub(crate) fn age(&self) -> Duration {
        self.lived.saturating_add(self.origin.elapsed())
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
            || self.expiry().is_some_and(|expiry| expiry <= Instant::now())
    }

    /// Lets `wake` wake a task, where an interpreter is at rest; `None` when it is no longer.
    pub(crate) fn set_waker(&self, waker: Option<&Waker>) {
        let bell = waker.map(|waker| Bell::Task(waker.clone()));
        let before = std::mem::replace(&mut *self.waiting.lock(), bell);
        drop(before); // without the lock: it may be anybody's
    }

    /// Fails where the interpreter is to end.
    pub(crate) fn check_cancelled(&self) -> Result<(), Stop> {
        if self.cancel.load(Ordering::Acquire) { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Makes whoever waits look again.
    pub(crate) fn wake(&self) {
        // Rung without the lock: it may be anybody's waker.
        let bell = self.waiting.lock().clone();
        if let Some(bell) = bell {
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
            self.tell(&deadline.limit);
        }
        Ok(())
    }

    /// When somebody who waits has to look again.
    fn next_look(&self) -> Option<Instant> {
        let deadline = self.deadline()?;
        let told = match deadline.limit {
            LimitExceeded::HostCallTime { .. } => self.call_told.load(Ordering::Relaxed),
            _ => self.told.load(Ordering::Relaxed),
        };
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
