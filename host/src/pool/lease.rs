//! Interpreters of a pool: started ahead or on demand, and what to do when the runtime has no slot for one.

use super::job::Id;
use crate::checkpoint::Template;
use crate::error::{Error, LimitExceeded, PoolError, Result};
use crate::python::{Interpreter, Runtime, Sandbox, Streams};
use crate::sandbox::reactor::Reactor;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Where a pool's interpreters come from.
pub(super) struct Interpreters {
    runtime: Runtime,
    /// Where they begin, if not as new.
    template: Option<Template>,
    pub(super) sandbox: Sandbox,
    pub(super) warm: Warm,
    /// Requests that wait for a slot.
    pub(super) line: Line,
    started: AtomicU64,
}

impl Interpreters {
    pub(super) fn new(
        (runtime, template): (Runtime, Option<Template>),
        sandbox: Sandbox,
        warm: RangeInclusive<usize>,
    ) -> Self {
        // The life of an interpreter begins when it is started: one with an end is not kept waiting.
        let warm = if sandbox.limits().life.is_some() { 0..=0 } else { warm };
        let (line, started) = (Line::default(), AtomicU64::new(0));
        Self { runtime, template, sandbox, warm: Warm::new(&warm), line, started }
    }

    /// Native stack that a thread needs, in bytes.
    pub(super) fn stack(&self) -> usize {
        self.runtime.shared.stack
    }

    pub(super) fn reactor(&self) -> Arc<Reactor> {
        Arc::clone(&self.runtime.shared.reactor)
    }

    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    fn start(&self, sandbox: &Sandbox) -> Result<Interpreter> {
        let interpreter = match &self.template {
            Some(template) => template.start_with(sandbox, Streams::default())?,
            None => self.runtime.start(sandbox)?,
        };
        self.started.fetch_add(1, Ordering::Relaxed);
        Ok(interpreter)
    }

    /// Starts one for a request to come, if there is none for it; says whether it did.
    pub(super) fn start_ahead(&self) -> bool {
        if !self.line.is_empty() || !self.warm.reserve() {
            return false;
        }
        let started = self.start(&self.sandbox);
        let goes_on = started.is_ok();
        let spare = self.warm.put(started.ok());
        self.drop_all(spare);
        goes_on
    }

    /// One in this sandbox, the pool's own if it is none. When there is no slot, it waits for one until then.
    pub(super) async fn get(
        &self,
        id: Id,
        narrowed: Option<&Sandbox>,
        patience: (Option<Instant>, Duration),
    ) -> Result<Interpreter> {
        if narrowed.is_none()
            && let Some(interpreter) = self.warm.take()
        {
            return Ok(interpreter);
        }
        let sandbox = narrowed.unwrap_or(&self.sandbox);
        self.in_line(id, || self.start(sandbox), patience).await
    }

    /// The same of one that has slept.
    pub(super) async fn wake<T>(
        &self,
        id: Id,
        wake: impl Fn(&Runtime, &Sandbox) -> Result<T>,
        patience: (Option<Instant>, Duration),
    ) -> Result<T> {
        self.in_line(id, || wake(&self.runtime, &self.sandbox), patience).await
    }

    /// What starts one, when it is this request's turn and there is a slot.
    async fn in_line<T>(
        &self,
        id: Id,
        start: impl Fn() -> Result<T>,
        (until, patience): (Option<Instant>, Duration),
    ) -> Result<T> {
        let place = InLine { line: &self.line, id };
        loop {
            if self.line.is_first(id) {
                match start() {
                    Err(Error::Limit(LimitExceeded::Interpreters { .. })) => {
                        // One that waits for a request takes a slot too.
                        if let Some(spare) = self.warm.take_spare() {
                            drop(spare);
                            continue;
                        }
                    }
                    started => {
                        drop(place);
                        return started;
                    }
                }
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(PoolError::QueueTimeout { limit: patience }.into());
            }
            self.line.wait(id, until).await;
        }
    }

    /// Drops interpreters, and tells whoever waits for their slots.
    pub(super) fn drop_all(&self, interpreters: impl IntoIterator<Item = Interpreter>) {
        let mut any = false;
        for interpreter in interpreters {
            any = true;
            // It may hold values of the caller's, whose `Drop` panics.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(interpreter)));
        }
        if any {
            self.line.wake_first();
        }
    }
}

/// Interpreters that wait for requests.
pub(super) struct Warm {
    least: usize,
    most: usize,
    state: Mutex<Ready>,
}

struct Ready {
    interpreters: Vec<Interpreter>,
    /// How many are being started.
    starting: usize,
    /// How many there should be.
    target: usize,
    closed: bool,
}

impl Warm {
    fn new(counts: &RangeInclusive<usize>) -> Self {
        let (least, most) = (*counts.start(), *counts.end());
        let state = Ready { interpreters: Vec::new(), starting: 0, target: least, closed: false };
        Self { least, most, state: Mutex::new(state) }
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().interpreters.len()
    }

    /// One that is ready. Where there is none, there should be more.
    fn take(&self) -> Option<Interpreter> {
        let mut state = self.state.lock();
        let ready = state.interpreters.pop();
        if ready.is_none() {
            state.target = (state.target * 2).clamp(1, self.most.max(1)).min(self.most);
        }
        ready
    }

    /// One that is ready, for its slot.
    fn take_spare(&self) -> Option<Interpreter> {
        let mut state = self.state.lock();
        state.target = self.least.min(state.interpreters.len());
        state.interpreters.pop()
    }

    /// Whether to start another, which is then expected.
    fn reserve(&self) -> bool {
        let mut state = self.state.lock();
        let wanted = !state.closed && state.interpreters.len() + state.starting < state.target;
        state.starting += usize::from(wanted);
        wanted
    }

    /// Takes in what was reserved; without any there are to be no more for now. Gives it back when it came too late.
    fn put(&self, started: Option<Interpreter>) -> Option<Interpreter> {
        let mut state = self.state.lock();
        state.starting = state.starting.saturating_sub(1);
        match started {
            Some(interpreter) if !state.closed => {
                state.interpreters.push(interpreter);
                None
            }
            None => {
                state.target = state.interpreters.len();
                None
            }
            late => late,
        }
    }

    /// Whether there are, or should be, more than the least.
    pub(super) fn is_over_least(&self) -> bool {
        let state = self.state.lock();
        state.target != self.least || state.interpreters.len() > state.target
    }

    /// Wants fewer; gives those that are too many.
    pub(super) fn relax(&self) -> Vec<Interpreter> {
        let mut state = self.state.lock();
        if state.closed {
            return Vec::new();
        }
        state.target = (state.target / 2).max(self.least);
        let kept = state.target.min(state.interpreters.len());
        state.interpreters.split_off(kept)
    }

    /// Wants none from here on; gives those there are.
    pub(super) fn close(&self) -> Vec<Interpreter> {
        let mut state = self.state.lock();
        state.closed = true;
        std::mem::take(&mut state.interpreters)
    }
}

/// A request that waits for a slot.
struct Waits {
    id: Id,
    until: Option<Instant>,
    waker: Option<Waker>,
}

/// Requests that wait for a slot, in the order in which they came.
#[derive(Default)]
pub(super) struct Line {
    waiting: Mutex<VecDeque<Waits>>,
    len: AtomicUsize,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Whether nobody has come before.
    fn is_first(&self, id: Id) -> bool {
        self.is_empty() || self.waiting.lock().front().is_none_or(|first| first.id == id)
    }

    /// Waits until it is worth another try.
    async fn wait(&self, id: Id, until: Option<Instant>) {
        let mut waits = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waits, true) {
                return Poll::Ready(());
            }
            let waker = Some(context.waker().clone());
            let mut waiting = self.waiting.lock();
            match waiting.iter_mut().find(|other| other.id == id) {
                Some(own) => own.waker = waker,
                None => waiting.push_back(Waits { id, until, waker }),
            }
            self.len.store(waiting.len(), Ordering::Relaxed);
            Poll::Pending
        })
        .await;
    }

    pub(super) fn wake_first(&self) {
        if self.is_empty() {
            return;
        }
        let waker = self.waiting.lock().front_mut().and_then(|first| first.waker.take());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes the first, and those whose time is over.
    pub(super) fn wake_due(&self, now: Instant) {
        if self.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        let due = waiting.iter_mut().enumerate().filter_map(|(at, waits)| {
            let late = waits.until.is_some_and(|until| until <= now);
            if at == 0 || late { waits.waker.take() } else { None }
        });
        let due: Vec<_> = due.collect();
        drop(waiting);
        due.into_iter().for_each(Waker::wake);
    }

    fn leave(&self, id: Id) {
        let mut waiting = self.waiting.lock();
        waiting.retain(|other| other.id != id);
        self.len.store(waiting.len(), Ordering::Relaxed);
        drop(waiting);
        self.wake_first();
    }
}

/// A request's place in the line, if it has one.
struct InLine<'a> {
    line: &'a Line,
    id: Id,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.line.leave(self.id);
        }
    }
}
