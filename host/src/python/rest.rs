//! Programs that await at rest: futures of Rust that hold neither a thread nor a stack while Python waits.

use super::{Interpreter, Python};
use crate::convert::{Args, FromPython};
use crate::error::{Error, LimitExceeded, Result};
use crate::sandbox::wasi::MOST_SUBSCRIPTIONS;
use crate::value::{Object, Value};
use ophidia_abi::{ASK_TIMEOUT, Mode, RESTS, Want};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// What the program waits for, as the guest says: seconds until its next timer (below zero: there is none), whether for the
/// host, and descriptors, each with whether it is to be written to.
pub(crate) type Waits = (f64, bool, Vec<(u32, bool)>);

/// Why a step is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Something may have happened that it waits for.
    Ready = 0,
    /// Somebody has interrupted it.
    Interrupted = 1,
    /// Its time is over.
    Late = 2,
    /// Nobody waits for it any more.
    Abandoned = 3,
}

/// # Awaiting
///
/// Source text may have `await` at its top level. What these methods give are futures, for any executor: while Python
/// waits, for a timer, a socket, a function of the host, the future is pending, and nothing of the interpreter is on any
/// thread. All of it runs on one event loop of the interpreter's, so that tasks that one operation has begun go on in the next
/// one.
///
/// The whole is one operation with one deadline: waiting counts. Dropping a future cancels the Python task, as
/// `asyncio.Task.cancel` does, and leaves the interpreter usable; what the task does about it may take
/// [`Limits::grace`](crate::Limits::grace) at most, and 10 ms where that is less.
///
/// Code that blocks, such as `time.sleep`, `input()` and `asyncio.run`, still does: it holds the thread that polls the future.
impl Interpreter {
    /// Runs statements in `__main__`, as [`run`](Python::run) does, awaiting at rest.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> ophidia::Result<()> {
    /// let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// py.run_async("import asyncio\nawait asyncio.sleep(0.01)\nx = 1").await?;
    /// assert_eq!(py.eval_async("x + await asyncio.sleep(0, 1)").await?, 2.into());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_async(&mut self, source: &str) -> Result<()> {
        let begin = |py: &mut Python<'_>| py.begun(Mode::Exec, source.as_bytes(), "<string>");
        Program::new(self, begin)?.run().await?.unit()
    }

    /// Evaluates an expression in `__main__`, as [`eval`](Python::eval) does, awaiting at rest. A value that can be
    /// awaited, such as a coroutine, is.
    pub async fn eval_async(&mut self, source: &str) -> Result<Value> {
        self.eval_async_as(source).await
    }

    /// The same, as a Rust type.
    pub async fn eval_async_as<T: FromPython>(&mut self, source: &str) -> Result<T> {
        let begin = |py: &mut Python<'_>| py.begun(Mode::Eval, source.as_bytes(), "<string>");
        Program::new(self, begin)?.run().await?.result()
    }

    /// Calls a function, and awaits what it gives, if that can be awaited, at rest.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> ophidia::Result<()> {
    /// let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// py.run("import asyncio\nasync def double(x):\n    await asyncio.sleep(0.01)\n    return 2 * x")?;
    /// let double = py.get("double")?;
    /// assert_eq!(py.call_async_as::<i64>(&double, (21,)).await?, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn call_async(&mut self, function: &Object, args: impl Args) -> Result<Object> {
        self.call_async_as(function, args).await
    }

    /// The same, as a Rust type.
    pub async fn call_async_as<T: FromPython>(
        &mut self,
        function: &Object,
        args: impl Args,
    ) -> Result<T> {
        let begin = |py: &mut Python<'_>| {
            let called = function.call(py, args)?;
            py.call_helper_own("rest.begin", (&called,))
        };
        Program::new(self, begin)?.run().await?.result()
    }
}

impl Python<'_> {
    pub(super) fn begun(&mut self, mode: Mode, source: &[u8], filename: &str) -> Result<Object> {
        let mode = mode as u32 | RESTS;
        self.run_as(mode, source, filename, None, Want::Handle)?;
        self.guest().object()
    }
}

/// One that is under way.
pub(crate) struct Program<'i> {
    interpreter: &'i mut Interpreter,
    /// What is stepped through, until it has ended.
    task: Option<Object>,
    began: Instant,
    /// Whether its time begins anew whenever it waits.
    waits_freely: bool,
    /// Whether it goes on when this is dropped.
    goes_on: bool,
}

impl<'i> Program<'i> {
    pub(crate) fn new(
        interpreter: &'i mut Interpreter,
        begin: impl FnOnce(&mut Python<'_>) -> Result<Object>,
    ) -> Result<Self> {
        let began = Instant::now();
        let task = Some(interpreter.operation(begin)?);
        Ok(Self { interpreter, task, began, waits_freely: false, goes_on: false })
    }

    /// One that was begun before and has taken so long, for a part of its way.
    pub(super) fn going_on(
        interpreter: &'i mut Interpreter,
        task: Object,
        spent: Duration,
    ) -> Self {
        let now = Instant::now();
        let began = now.checked_sub(spent).unwrap_or(now);
        Self { interpreter, task: Some(task), began, waits_freely: false, goes_on: true }
    }

    /// Notes that a wait is over, and how long the program has taken, of one that the caller steps through.
    pub(super) fn note_wait(&mut self, number: u64, waited: Duration, spent: Duration) {
        if let Some(of) = self.interpreter.state_mut().session.programs.get_mut(&number) {
            of.note_wait(waited, spent);
        }
    }

    /// The same, to be cancelled when it is dropped.
    pub(super) fn abandoned(mut self) -> Self {
        self.goes_on = false;
        self
    }

    /// How long it has taken by now.
    pub(super) fn spent(&self) -> Duration {
        self.began.elapsed()
    }

    /// Steps through it until it is done.
    async fn run(mut self) -> Result<Self> {
        let mut why = Why::Ready;
        while let Some(waits) = self.step(why)? {
            why = self.rest(waits).await?;
        }
        Ok(self)
    }

    /// Runs what can be run.
    pub(super) fn step(&mut self, why: Why) -> Result<Option<Waits>> {
        self.step_after(self.began.elapsed(), why)
    }

    /// The same, in an operation that has taken so long.
    fn step_after(&mut self, spent: Duration, why: Why) -> Result<Option<Waits>> {
        let Some(task) = &self.task else { return Ok(None) };
        let step = |py: &mut Python<'_>| py.call_helper_as("rest.step", (task, why as u32));
        self.interpreter.closing(spent, step)
    }

    /// Makes a step by another function of the in-guest package, which takes something along.
    pub(crate) fn step_with<T: FromPython>(
        &mut self,
        step: &'static str,
        why: Why,
        what: Value,
    ) -> Result<T> {
        let task = self.task.as_ref().ok_or_else(|| Error::host("a program that has ended"))?;
        let step = |py: &mut Python<'_>| py.call_helper_as(step, (task, why as u32, what));
        self.interpreter.closing(self.began.elapsed(), step)
    }

    /// Asks a function of the in-guest package about a number.
    pub(crate) fn ask(&mut self, name: &'static str, number: u32) -> Result<u32> {
        let ask = |py: &mut Python<'_>| py.call_helper_as(name, (number,));
        self.interpreter.closing(self.began.elapsed(), ask)
    }

    /// Writes into the guest's memory, where it has said.
    pub(crate) fn put(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        let mut guest = self.interpreter.guest();
        let written = guest.memory()?.write(&mut guest.store, address, bytes);
        written.map_err(|fault| guest.poison(fault))
    }

    /// Bytes of memory that the guest has.
    pub(crate) fn memory(&mut self) -> u64 {
        self.interpreter.guest().store.data().sandbox.ledger.memory()
    }

    /// Looks at the guest's memory, where it has said.
    pub(crate) fn look<T>(
        &mut self,
        address: u32,
        len: u32,
        body: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<T> {
        let guest = self.interpreter.guest();
        let memory = guest.store.data().sandbox.memory()?;
        body(memory.bytes(&guest.store, address, len)?)
    }

    /// The interpreter cannot be used any more, for this reason.
    pub(crate) fn poison(&mut self, reason: Error) -> Error {
        self.interpreter.guest().poison(reason)
    }

    /// As if it had waited, unless there was more to do at once.
    pub(crate) fn pass(&mut self, (seconds, ..): &Waits) {
        if *seconds != 0.0 {
            self.renew();
        }
    }

    /// Its time begins anew.
    fn renew(&mut self) {
        self.began = Instant::now();
        self.interpreter.state().sandbox.control.renew();
    }

    /// What is bounded is how long it is busy at a time, not how long it waits.
    pub(crate) fn waits_freely(&mut self) {
        self.waits_freely = true;
    }

    /// What it has come to.
    fn result<T: FromPython>(mut self) -> Result<T> {
        let task = self.ended()?;
        self.interpreter.closing(self.began.elapsed(), |py| py.apply_as("rest.result", (&task,)))
    }

    /// The same, of one that gives nothing.
    pub(crate) fn unit(mut self) -> Result<()> {
        let task = self.ended()?;
        self.interpreter
            .closing(self.began.elapsed(), |py| py.call_helper_unit("rest.result", (&task,)))
    }

    fn ended(&mut self) -> Result<Object> {
        self.task.take().ok_or_else(|| Error::host("a program that ended before its end"))
    }

    /// Waits, without anything of the guest on the stack; says why the next step is made.
    pub(crate) async fn rest(&mut self, waits: Waits) -> Result<Why> {
        loop {
            if let Some(why) = self.rest_until(waits.clone(), None).await? {
                return Ok(why);
            }
        }
    }

    /// The same, until then at most: gives nothing when there is still no reason for a step.
    pub(super) async fn rest_until(
        &mut self,
        (seconds, works, descriptors): Waits,
        until: Option<Instant>,
    ) -> Result<Option<Why>> {
        let most = until;
        let control = Arc::clone(&self.interpreter.state().sandbox.control);
        let descriptors: BTreeSet<_> = descriptors.into_iter().collect();
        if descriptors.len() > MOST_SUBSCRIPTIONS as usize {
            let said = format!("an event loop that waits for {} descriptors", descriptors.len());
            return Err(self.interpreter.guest().poison(Error::GuestFault(said)));
        }
        let seconds = Duration::try_from_secs_f64(seconds).ok();
        let wasi = &mut self.interpreter.python.state_mut().sandbox.wasi;
        let passed =
            seconds.is_some_and(|time| !works && descriptors.is_empty() && wasi.pass(time));
        let now = Instant::now();
        // With nothing left to do at once.
        let is_free = self.waits_freely && seconds != Some(Duration::ZERO);
        if is_free {
            self.began = now; // as far as this wait is concerned
        }
        let timer = if passed { Some(now) } else { seconds.and_then(|time| now.checked_add(time)) };
        let deadline = control.deadline_since(self.began);
        let end =
            deadline.as_ref().map(|end| if control.told().is_some() { end.hard } else { end.at });
        let until = [timer, end, most].into_iter().flatten().min();
        let watched = wasi.watch(&descriptors).map_err(|error| {
            Error::host(format!("a socket cannot be watched: {error}")).because(error)
        })?;
        let mut waiting = self.interpreter.runtime.shared.reactor.wait(watched, until)?;
        let mut first = true;
        let rested = Rested(&control);
        let woken = poll_fn(|context| {
            control.set_waker(Some(context.waker()));
            control.check_cancelled()?;
            match control.take_interrupt() {
                Some(ASK_TIMEOUT) => return Poll::Ready(Ok(Some(Why::Late))),
                Some(_) => return Poll::Ready(Ok(Some(Why::Interrupted))),
                None => {}
            }
            let now = Instant::now();
            if let Some(deadline) = deadline.as_ref().filter(|end| now >= end.at) {
                if is_free && matches!(deadline.limit, LimitExceeded::Timeout { .. }) {
                    return Poll::Ready(Ok(Some(Why::Ready)));
                }
                if now >= deadline.hard {
                    return Poll::Ready(Err(deadline.limit.clone().into()));
                }
                if !control.note_told() {
                    return Poll::Ready(Ok(Some(Why::Late)));
                }
            }
            let wasi = &mut self.interpreter.python.state_mut().sandbox.wasi;
            let due = timer.is_some_and(|timer| now >= timer);
            // What is watched is told apart from the end of the time that there is.
            let over = most.is_some_and(|most| now >= most);
            let polled = waiting.poll(context).is_ready() && !over;
            let ready = due
                || polled
                || (works && control.has_arrived())
                || (!descriptors.is_empty() && wasi.any_ready(&descriptors));
            if ready && !std::mem::take(&mut first) {
                // A clock that stands goes on by what was waited for.
                if let (true, false, Some(time)) = (due, passed, seconds) {
                    wasi.pass(time);
                }
                return Poll::Ready(Ok(Some(Why::Ready)));
            }
            if over && !ready {
                return Poll::Ready(Ok(None));
            }
            first = false;
            // Others have their turn first.
            if ready {
                context.waker().wake_by_ref();
            }
            Poll::Pending
        });
        let woken: Result<Option<Why>> = woken.await;
        drop(rested);
        if is_free {
            self.renew();
        }
        woken.map_err(|error| match error {
            Error::Cancelled | Error::Limit(_) => self.interpreter.guest().poison(error),
            other => other,
        })
    }
}

/// Nobody is woken any more who was at rest.
struct Rested<'c>(&'c crate::sandbox::control::Control);

impl Drop for Rested<'_> {
    fn drop(&mut self) {
        self.0.set_waker(None);
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        let control = Arc::clone(&self.interpreter.state().sandbox.control);
        let is_over = self.interpreter.is_poisoned() || control.check_cancelled().is_err();
        if let (Some(_), false) = (&self.task, is_over || self.goes_on) {
            control.bound(true);
            // What it has to say to that, nobody hears.
            let _ = self.step_after(Duration::ZERO, Why::Abandoned);
            control.bound(false);
        }
    }
}
