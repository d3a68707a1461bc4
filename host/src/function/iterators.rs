//! Rust iterators and streams as Python iterators, which pull one item at a time.

use super::closure::{BoxError, Outcome};
use super::definition::Function;
use crate::bridge::Encoder;
use crate::convert::ToPython;
use crate::error::{ConversionError, PythonError};
use crate::python::Python;
use futures_core::Stream;
use parking_lot::Mutex;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

/// A Rust iterator as a Python iterator: `for item in …` and `next(…)` pull one item at a time.
///
/// Items are [`ToPython`], or a `Result` whose error is raised where Python asked for the item; it may ask for the
/// next one afterwards. The Rust iterator is dropped when it has ended, when Python calls `close()`, and when Python
/// lets go of the object. A panic in it ends the call of the host that led there, as in any function.
///
/// ```
/// use ophidia::HostIterator;
/// # fn main() -> ophidia::Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// py.set("squares", HostIterator::new((1_u64..).map(|n| n * n)))?; // it has no end
/// py.run("assert [next(squares), next(squares), next(squares)] == [1, 4, 9]")?;
///
/// let numbers = HostIterator::new("1 2 x".split(' ').map(str::parse::<i32>));
/// py.set("numbers", numbers)?;
/// assert!(py.run("for number in numbers: print(number)").is_err()); // invalid digit found in string
/// assert_eq!(py.take_stdout(), b"1\n2\n");
/// # Ok(())
/// # }
/// ```
///
/// As a method's result it makes a class of the host iterable without collecting anything; see
/// [`Class::iter`](crate::Class::iter). Handing it over twice gives two objects that pull from the same iterator.
#[derive(Clone, Debug)]
pub struct HostIterator(Function);

impl HostIterator {
    /// From an iterator, or anything else that Rust's `for` takes.
    pub fn new<I>(items: I) -> Self
    where
        I: IntoIterator<Item: Outcome<Value: 'static>, IntoIter: Send + 'static>,
    {
        let mut items = items.into_iter();
        Self::from_fn(move |_| items.next())
    }

    /// From a closure that gives the next item, with the interpreter at hand; `None` is the end.
    pub fn from_fn<R: Outcome<Value: 'static>>(
        next: impl FnMut(&mut Python<'_>) -> Option<R> + Send + 'static,
    ) -> Self {
        let source = Mutex::new(Source::Waiting(next));
        Self(Function::new("next", move |py: &mut Python<'_>| pull(&source, py)))
    }
}

/// Where items come from. Nobody waits for it: whoever asks while it is asked already gets an error.
enum Source<F> {
    Waiting(F),
    Running,
    Ended,
}

/// The next item in a tuple, so that `None` is the end.
fn pull<R: Outcome, F: FnMut(&mut Python<'_>) -> Option<R>>(
    source: &Mutex<Source<F>>,
    py: &mut Python<'_>,
) -> Result<Option<(R::Value,)>, BoxError> {
    let set = |to| std::mem::replace(&mut *source.lock(), to);
    let mut next = match set(Source::Running) {
        Source::Waiting(next) => next,
        Source::Running => {
            return Err(PythonError::new("ValueError", "the iterator is in use already").into());
        }
        Source::Ended => {
            set(Source::Ended);
            return Ok(None);
        }
    };
    let item = next(py);
    // What has ended is dropped out here, not under the lock.
    match &item {
        Some(_) => drop(set(Source::Waiting(next))),
        None => drop((set(Source::Ended), next)),
    }
    item.map(|item| Ok((item.outcome()?,))).transpose()
}

impl ToPython for HostIterator {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.call_named(".HostIterator", (&self.0,))
    }
}

/// A Rust stream as an asynchronous Python iterator: `async for` pulls one item at a time.
///
/// It runs on the tokio runtime that asynchronous functions run on ([`Function::new_async`]). Items, errors and
/// panics are as with [`HostIterator`]. When Python gives up waiting for an item, as with `asyncio.timeout`, the
/// item is not lost: the next one that Python asks for is that one, unless the stream itself loses it.
///
/// ```
/// use ophidia::HostStream;
/// # fn main() -> ophidia::Result<()> {
/// # let tokio = tokio::runtime::Runtime::new().expect("tokio");
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().tokio(tokio.handle().clone()).build()?;
/// let mut left = 3;
/// let countdown = HostStream::from_fn(move || {
///     left -= 1;
///     async move { (left >= 0).then_some(left) }
/// });
/// py.set("countdown", countdown)?;
/// py.run("import asyncio\nasync def main(): return [n async for n in countdown]")?;
/// let main = py.get("main")?.call(&mut py, ())?;
/// assert_eq!(main.block_on(&mut py)?.extract::<Vec<i32>>(&mut py)?, [2, 1, 0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HostStream(Function);

/// What gives one item after another.
trait Pull: Send + 'static {
    type Item: Outcome<Value: Send + 'static>;

    fn pull(&mut self) -> impl Future<Output = Option<Self::Item>> + Send;
}

struct Streamed<S>(Pin<Box<S>>);

impl<S: Stream<Item: Outcome<Value: Send + 'static>> + Send + 'static> Pull for Streamed<S> {
    type Item = S::Item;

    async fn pull(&mut self) -> Option<S::Item> {
        poll_fn(|context| self.0.as_mut().poll_next(context)).await
    }
}

struct Called<F>(F);

impl<F, Fut, R> Pull for Called<F>
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = Option<R>> + Send + 'static,
    R: Outcome<Value: Send + 'static> + 'static,
{
    type Item = R;

    fn pull(&mut self) -> impl Future<Output = Option<R>> + Send {
        (self.0)()
    }
}

impl HostStream {
    /// From a stream.
    pub fn new<S>(stream: S) -> Self
    where
        S: Stream<Item: Outcome<Value: Send + 'static>> + Send + 'static,
    {
        Self::of(Streamed(Box::pin(stream)))
    }

    /// From a closure whose future gives the next item; `None` is the end.
    pub fn from_fn<F, Fut, R>(next: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Option<R>> + Send + 'static,
        R: Outcome<Value: Send + 'static> + 'static,
    {
        Self::of(Called(next))
    }

    fn of<P: Pull>(source: P) -> Self {
        // The lock is held while the source is polled; a future that was cancelled lets go of it when it is dropped.
        let source = Arc::new(tokio::sync::Mutex::new(Some(source)));
        Self(Function::new_async("next", move || {
            let source = Arc::clone(&source);
            async move {
                let mut slot = source.lock_owned().await;
                let item = match &mut *slot {
                    Some(source) => source.pull().await,
                    None => None,
                };
                if item.is_none() {
                    *slot = None;
                }
                drop(slot);
                item.map(|item| Ok::<_, BoxError>((item.outcome()?,))).transpose()
            }
        }))
    }
}

impl ToPython for HostStream {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.call_named(".HostStream", (&self.0,))
    }
}
