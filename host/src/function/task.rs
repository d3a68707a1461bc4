//! Asynchronous functions of the host: futures that run on the caller's tokio runtime while Python
//! awaits them.

use super::call::{Call, CallArguments, Failure};
use super::closure::{BoxError, HostFunction, Outcome};
use super::definition::Function;
use super::{raise_parts, write};
use crate::bridge::Encoder;
use crate::convert::arity::{arity, each_arity};
use crate::convert::{FromPython, ToPython};
use crate::error::{ConversionError, Error, LimitExceeded, PythonError, Result, panicked};
use crate::python::Python;
use crate::python::state::{Guest, State};
use crate::sandbox::control::{self, Control, Wake};
use crate::sandbox::holding::Holding;
use ophidia_abi::Want;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use wasmtime::{AsContextMut, Caller};

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
    fn runtime(&self, limit: u32) -> Result<Handle> {
        // One that is cancelled is there until tokio drops it.
        let alive = self.running.len().max(Arc::strong_count(&self.ended) - 1);
        if alive >= limit as usize {
            return Err(LimitExceeded::Tasks { asked: alive as u64 + 1, limit }.into());
        }
        match &self.runtime {
            Some(runtime) => Ok(runtime.clone()),
            None => Handle::try_current().map_err(|_| {
                Error::Host(
                    "no tokio runtime to run an asynchronous function on: call from within one, or \
                     name one with InterpreterBuilder::tokio"
                        .into(),
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
    fn spawn(
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

    fn cancel(&mut self, number: i64) {
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

/// A panic of the function that ends the call of the host which waits for it, whatever Python catches.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Panicked(Error);

/// The future, with a panic as what it ends with.
async fn uncaught(function: String, future: impl Future<Output = Ended> + Send) -> Ended {
    let mut future = Some(Box::pin(future));
    poll_fn(move |context| {
        let poll = || {
            let Some(running) = &mut future else { return Poll::Pending };
            let polled = running.as_mut().poll(context);
            // What it holds may panic too.
            if polled.is_ready() {
                future = None;
            }
            polled
        };
        catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|panic| {
            let error = panicked(format_args!("the host function {function}"), &*panic);
            Poll::Ready(Err(Box::new(Panicked(error))))
        })
    })
    .await
}

/// A closure that [`Function::new_async`] takes. `M` only tells the kinds of closures apart.
pub trait AsyncFunction<M>: Send + Sync + 'static {
    /// How many parameters it has.
    #[doc(hidden)]
    const ARITY: usize;

    /// In what form it wants them.
    #[doc(hidden)]
    const WANT: Want;

    /// Starts it and writes the number of the task.
    #[doc(hidden)]
    fn start<A: CallArguments>(&self, py: &mut Python<'_>, arguments: A) -> Result<u32, Failure>;
}

struct Async<M, F>(F, PhantomData<fn(M)>);

impl<M: 'static, F: AsyncFunction<M>> HostFunction<Async<M, F>> for Async<M, F> {
    const ARITY: usize = F::ARITY;
    const WANT: Want = F::WANT;

    fn call<A: CallArguments>(&self, py: &mut Python<'_>, arguments: A) -> Result<u32, Failure> {
        self.0.start(py, arguments)
    }
}

impl Function {
    /// An asynchronous function: as [`new`](Self::new), of a closure that returns a future. Python
    /// awaits it, in `asyncio`; any number may be under way at once.
    ///
    /// The future is polled once where it is called, so one that has nothing to wait for takes no other thread; what is left
    /// of it runs on the tokio runtime that [`InterpreterBuilder::tokio`] names, else on the one
    /// whose context the interpreter is called in (as within `spawn_blocking`). It is aborted when
    /// Python cancels it and when the interpreter is dropped. A panic in it ends the call of the host in
    /// which Python waits for it, as that of any function.
    ///
    /// [`InterpreterBuilder::tokio`]: crate::InterpreterBuilder::tokio
    pub fn new_async<M: 'static, F: AsyncFunction<M>>(
        name: impl Into<String>,
        function: F,
    ) -> Self {
        Self::new(name, Async(function, PhantomData)).awaited()
    }
}

fn start<R>(
    py: &mut Python<'_>,
    function: &str,
    future: impl Future<Output = R> + Send + 'static,
) -> Result<u32, BoxError>
where
    R: Outcome,
    R::Value: Send + 'static,
{
    let State { bridge, session, .. } = py.state_mut();
    let runtime = session.tasks.runtime(bridge.domain.limit());
    let runtime = runtime.map_err(|error| py.guest().ours(error))?;
    let future = async {
        let value = future.await.outcome()?;
        Ok(Box::new(value) as Box<dyn ToPython + Send>)
    };
    let mut future = Box::pin(uncaught(function.to_owned(), future));
    // What needs no waiting is done here: another thread would take longer to be told of it.
    let polled = {
        let _inside = runtime.enter();
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    };
    let again = py.state_mut().session.again.take();
    if let Poll::Ready(ended) = polled {
        let ended = true_end(py, ended)?;
        let State { sandbox, session, .. } = py.state_mut();
        return match again {
            Some(number) => {
                session.tasks.end(number, ended, &sandbox.control);
                Ok(0)
            }
            None => Ok(tell(py, Told { number: 0, ended })?),
        };
    }
    let State { sandbox, session, .. } = py.state_mut();
    let (held, call) = (session.own_arguments, session.own_call.take());
    let spawned = session.tasks.spawn(&runtime, &sandbox.control, (again, call), held, future);
    let number = spawned.map_err(|error| py.guest().ours(error))?;
    match again {
        Some(_) => Ok(0),
        None => Ok(write(py, |out| out.int(number))?),
    }
}

impl Recorded {
    /// One that another interpreter has recorded.
    pub(crate) fn new(function: Function, call: Call, held: u64) -> Self {
        Self { function, call, held }
    }

    /// Makes the call again, under the number that it had. What it fails with at once is what it ends with.
    ///
    /// # Errors
    ///
    /// There is no tokio runtime, or the call ends the interpreter.
    pub(crate) fn again(self, py: &mut Python<'_>, number: i64) -> Result<()> {
        let State { bridge, session, .. } = py.state_mut();
        drop(session.tasks.runtime(bridge.domain.limit())?);
        let (outer, recorded) = (session.own_arguments, self.clone());
        (session.again, session.own_call) = (Some(number), Some(recorded));
        session.own_arguments = self.held;
        let called = catch_unwind(AssertUnwindSafe(|| self.function.call(py, self.call)));
        let State { sandbox, session, .. } = py.state_mut();
        session.own_arguments = outer;
        let is_begun = session.again.take().is_none();
        session.own_call = None;
        let error: BoxError = match called {
            Ok(Ok(_)) if is_begun => return Ok(()),
            Ok(Ok(_)) => "a function that was awaited and is no more".into(),
            Ok(Err(Failure::Raised(error))) => error,
            Ok(Err(Failure::NotPlain)) => "an argument that nothing can be read of".into(),
            Err(panic) => {
                let name = format_args!("the host function {}", self.function.name());
                return Err(py.guest().poison(panicked(name, &*panic)));
            }
        };
        if let Some(reason) = &sandbox.poisoned {
            return Err(reason.clone());
        }
        session.tasks.end(number, Err(error), &sandbox.control);
        Ok(())
    }
}

/// What one has ended with, unless that is a panic, which ends this interpreter.
fn true_end(py: &mut Python<'_>, ended: Ended) -> Result<Ended> {
    match ended.map_err(|error| error.downcast::<Panicked>()) {
        Err(Ok(panicked)) => Err(py.guest().poison(panicked.0)),
        Err(Err(error)) => Ok(Err(error)),
        Ok(value) => Ok(Ok(value)),
    }
}

/// Tells Python of one that has ended. One that cannot be converted has failed.
fn tell(py: &mut Python<'_>, told: Told) -> Result<u32> {
    let most = match write(py, |out| told.to_python(out)) {
        Err(Error::Conversion(_)) => usize::MAX,
        Err(Error::Limit(_)) if !py.state().sandbox.is_poisoned() => LARGE,
        other => return other,
    };
    let told = checked(py, told, most);
    write(py, |out| told.to_python(out))
}

macro_rules! closure {
    ($($name:ident $field:tt),*) => {
        impl<Body, Fut, R, $($name: FromPython),*> AsyncFunction<fn($($name),*) -> Fut> for Body
        where
            Body: Fn($($name),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: Outcome,
            R::Value: Send + 'static,
        {
            const ARITY: usize = arity!($($field)*);
            const WANT: Want = Want::of_arguments(&[$($name::WANT),*]);

            #[allow(
                unused_mut, non_snake_case,
                reason = "there may be no parameter; parameters are named like their types"
            )]
            fn start<Given: CallArguments>(
                &self,
                py: &mut Python<'_>,
                mut arguments: Given,
            ) -> Result<u32, Failure> {
                $(let $name = arguments.next::<$name>(py)?;)*
                Ok(start(py, arguments.function(), self($($name),*))?)
            }
        }
    };
}

closure! {}
each_arity! { closure }

/// One that has ended, as Python is told of it: its number, whether it failed, and the value; or the
/// exception, or its class and its message.
struct Told {
    number: i64,
    ended: Ended,
}

impl ToPython for Told {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.tuple(3, |out| {
            out.int(self.number)?;
            out.bool(self.ended.is_err())?;
            match &self.ended {
                Ok(value) => value.to_python(out),
                Err(error) => raise_parts(&**error, "RuntimeError", out),
            }
        })
    }
}

/// Waits until a task has ended, or for so many seconds (−1: however long it takes); gives those that
/// have ended.
fn wait(caller: &mut Caller<'_, State>, seconds: f64) -> wasmtime::Result<Vec<(i64, Ended)>> {
    let began = Instant::now();
    let timeout = Duration::try_from_secs_f64(seconds).ok();
    let until = timeout.and_then(|timeout| began.checked_add(timeout));
    let ended = Arc::clone(&caller.data().session.tasks.ended);
    let expiry = caller.data().sandbox.control.expiry();
    let until = [until, expiry].into_iter().flatten().min();
    let wake = caller.data().sandbox.control.wait_for(until, || !ended.list.lock().is_empty())?;
    if wake == Wake::Interrupted {
        control::raise_interrupt(caller.as_context_mut());
    }
    caller.data().sandbox.control.take_arrived();
    let ended = std::mem::take(&mut *ended.list.lock());
    let State { sandbox, session, .. } = caller.data_mut();
    let tasks = &mut session.tasks;
    let mut told: Vec<_> =
        ended.into_iter().filter(|(number, _)| tasks.running.remove(number).is_some()).collect();
    told.extend(tasks.expire(&sandbox.control));
    if let (true, Some(timeout)) = (told.is_empty(), timeout)
        && began.elapsed() >= timeout
    {
        // A clock that stands goes on by what was waited for.
        sandbox.wasi.pass(timeout);
    }
    Ok(told)
}

/// The bridge's own call of the host: `wait(seconds)`, or `cancel(number)`.
pub(super) fn attend(
    caller: &mut Caller<'_, State>,
    number: Option<i64>,
    seconds: f64,
) -> wasmtime::Result<u32> {
    if let Some(number) = number {
        caller.data_mut().session.tasks.cancel(number);
        return Ok(write(&mut Python::new(caller.as_context_mut()), |out| out.none())?);
    }
    let mut told = Vec::new();
    for (number, ended) in wait(caller, seconds)? {
        let mut guest = Guest::new(caller.as_context_mut());
        let ended = true_end(&mut guest.python(), ended)?;
        told.push(Told { number, ended });
    }
    let mut guest = Guest::new(caller.as_context_mut());
    let py: &mut Python<'_> = &mut guest.python();
    let most = match write(py, |out| told.to_python(out)) {
        // One that cannot be converted fails alone.
        Err(Error::Conversion(_)) => usize::MAX,
        // So does each that is large, where the guest has no room for all of them.
        Err(Error::Limit(_)) if !py.state().sandbox.is_poisoned() => LARGE,
        other => return Ok(other?),
    };
    let each: Vec<_> = told.into_iter().map(|told| checked(py, told, most)).collect();
    Ok(write(py, |out| each.to_python(out))?)
}

/// Bytes from which on an answer is large.
const LARGE: usize = 64 << 10;

/// One that can be told, in at most so many bytes; else it has failed.
fn checked(py: &mut Python<'_>, told: Told, most: usize) -> Told {
    let tried = py.guest().encoded(|out| told.to_python(out), |_, bytes| (false, Ok(bytes.len())));
    let failed: BoxError = match tried {
        Ok(size) if size <= most => return told,
        Ok(size) => {
            let said = format!("an answer of {size} bytes, for which there is no memory");
            PythonError::new("MemoryError", said).into()
        }
        Err(error) => error.into(),
    };
    Told { number: told.number, ended: Err(failed) }
}
