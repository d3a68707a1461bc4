//! The futures of asynchronous functions of the host that one interpreter waits for: their numbers, their times, and what
//! they have ended with.

use super::call::Call;
use super::closure::BoxError;
use super::definition::Function;
use crate::convert::ToPython;
use crate::error::{Error, LimitExceeded, PythonError, Result};
use crate::sandbox::control::Control;
use crate::sandbox::holding::Holding;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// What a future has ended with.
pub(crate) type Ended = Result<Box<dyn ToPython + Send>, BoxError>;

/// The futures that one interpreter waits for.
pub(crate) struct Tasks {
    runtime: Option<Handle>,
    /// By number, which is the order that they began in.
    running: BTreeMap<i64, Running>,
    last: i64,
    ended: Arc<AllEnded>,
}

struct Running {
    /// Nothing, of one that was begun in another interpreter and has ended here.
    abort: Option<AbortHandle>,
    cancelled: Arc<AtomicBool>,
    /// When it has to end.
    until: Option<Instant>,
    /// What was called, and with what.
    call: Option<Recorded>,
}

/// A call of an asynchronous function: what has to be known to make it again.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) function: Function,
    pub(crate) call: Call,
    /// Bytes that the arguments take; they are counted once more for this.
    pub(super) held: u64,
    /// Which of all calls of the host it is.
    pub(crate) ordinal: u64,
}

impl Recorded {
    /// One that another interpreter has recorded.
    pub(crate) fn new(function: Function, call: Call, held: u64, ordinal: u64) -> Self {
        Self { function, call, held, ordinal }
    }

    /// Whether a checkpoint is asked for once it has ended.
    pub(super) fn saves(&self) -> bool {
        self.function.saves()
    }
}

/// What has ended and was not told yet. Every future holds on to it until it is dropped.
struct AllEnded {
    list: Mutex<Vec<(i64, Ended)>>,
    /// What the arguments in futures count in.
    arguments: Arc<Holding>,
}

impl Tasks {
    /// None yet. What the arguments of all of them take counts there.
    pub(crate) fn new(runtime: Option<Handle>, arguments: Arc<Holding>) -> Self {
        let ended = Arc::new(AllEnded { list: Mutex::default(), arguments });
        Self { runtime, running: BTreeMap::new(), last: 0, ended }
    }

    /// Where futures of this function run, if one more may.
    pub(super) fn runtime(&self, limit: u32) -> Result<Handle> {
        // One that is cancelled is there until tokio drops it.
        let alive = self.running.len().max(Arc::strong_count(&self.ended) - 1);
        if alive >= limit as usize {
            return Err(LimitExceeded::Tasks { asked: alive as u64 + 1, limit }.into());
        }
        match &self.runtime {
            Some(runtime) => Ok(runtime.clone()),
            None => Handle::try_current().map_err(|_| {
                Error::host(
                    "no tokio runtime to run an asynchronous function on: call from within one, or \
                     name one with InterpreterBuilder::tokio",
                )
            }),
        }
    }

    /// The last number, and those of the calls under way, each with what was called.
    pub(crate) fn under_way(&self) -> (i64, Vec<(i64, Option<&Recorded>)>) {
        let running = self.running.iter().map(|(number, running)| (*number, running.call.as_ref()));
        (self.last, running.collect())
    }

    /// Goes on behind a last number.
    pub(crate) fn go_on(&mut self, last: i64) {
        self.last = last;
    }

    /// Lets a call that another interpreter has begun end here.
    pub(crate) fn end(&mut self, number: i64, ended: Ended, control: &Control) {
        let running = Running { abort: None, cancelled: Arc::default(), until: None, call: None };
        self.running.insert(number, running);
        self.ended.list.lock().push((number, ended));
        control.arrive();
    }

    /// Starts a future; gives its number. The next call that is made takes this one, where one is given.
    pub(super) fn spawn(
        &mut self,
        runtime: &Handle,
        control: &Arc<Control>,
        (again, call): (Option<i64>, Option<Recorded>),
        held: u64,
        future: impl Future<Output = Ended> + Send + 'static,
    ) -> Result<i64> {
        let recorded = call.as_ref().map_or(0, |call| call.held);
        self.ended.arguments.take(held.saturating_add(recorded))?;
        let number = again.unwrap_or_else(|| {
            self.last = self.last.wrapping_add(1);
            self.last
        });
        let cancelled = Arc::new(AtomicBool::new(false));
        let until = control.call_ends();
        // Dropped by a runtime that shuts down too, so that nobody waits for ever.
        let end = End {
            number,
            until,
            held: held.saturating_add(recorded),
            result: None,
            cancelled: Arc::clone(&cancelled),
            ended: Arc::clone(&self.ended),
            control: Arc::clone(control),
        };
        let task = runtime.spawn(async move {
            let mut end = end;
            end.result = Some(future.await);
        });
        let abort = Some(task.abort_handle());
        self.running.insert(number, Running { abort, cancelled, until, call });
        if self.running.len() == 1 {
            control.set_expiry(until);
        }
        Ok(number)
    }

    /// Whether one has ended that Python was not told of; for whoever waits without this.
    pub(super) fn has_ended(&self) -> impl Fn() -> bool + use<> {
        let ended = Arc::clone(&self.ended);
        move || !ended.list.lock().is_empty()
    }

    /// Those that have ended and are still waited for, or whose time is over; and whether one of them asks for a checkpoint.
    pub(super) fn take_ended(&mut self, control: &Control) -> (Vec<(i64, Ended)>, bool) {
        let ended = std::mem::take(&mut *self.ended.list.lock());
        let (mut told, mut saves) = (Vec::new(), false);
        for (number, ended) in ended {
            if let Some(running) = self.running.remove(&number) {
                saves |= running.call.as_ref().is_some_and(Recorded::saves);
                told.push((number, ended));
            }
        }
        told.extend(self.expire(control));
        (told, saves)
    }

    /// Ends those whose time is over, and says when the next one's is.
    fn expire(&mut self, control: &Control) -> Vec<(i64, Ended)> {
        let Some(limit) = control.call_limit() else { return Vec::new() };
        let now = Instant::now();
        let mut late = Vec::new();
        while let Some((number, first)) = self.running.first_key_value()
            && first.until.is_some_and(|until| until <= now)
        {
            let number = *number;
            self.cancel(number);
            late.push((number, Err(too_late(limit))));
        }
        let next = self.running.first_key_value().and_then(|(_, first)| first.until);
        control.set_expiry(next);
        late
    }

    pub(super) fn cancel(&mut self, number: i64) {
        if let Some(task) = self.running.remove(&number) {
            task.end();
            let mut list = self.ended.list.lock();
            let found = list.iter().position(|(ended, _)| *ended == number);
            let found = found.map(|at| list.remove(at));
            drop(list);
            drop(found); // the caller's own code, which may take its time
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.running.values().for_each(Running::end);
    }
}

impl Running {
    fn end(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }
}

/// What becomes of one that takes too long.
fn too_late(limit: Duration) -> BoxError {
    let said = LimitExceeded::HostCallTime { limit }.to_string();
    PythonError::new("TimeoutError", said).into()
}

struct End {
    number: i64,
    until: Option<Instant>,
    held: u64,
    result: Option<Ended>,
    /// Set before the list is looked at: who cancels wants to hear no more of it.
    cancelled: Arc<AtomicBool>,
    ended: Arc<AllEnded>,
    control: Arc<Control>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.ended.arguments.give_back(self.held);
        let result = self.result.take();
        let result = result.unwrap_or_else(|| Err("the asynchronous function did not end".into()));
        let result = match self.control.call_limit() {
            Some(limit) if self.until.is_some_and(|until| Instant::now() >= until) => {
                Err(too_late(limit))
            }
            _ => result,
        };
        let mut list = self.ended.list.lock();
        if !self.cancelled.load(Ordering::Relaxed) {
            list.push((self.number, result));
            drop(list);
            self.control.arrive();
        }
    }
}
