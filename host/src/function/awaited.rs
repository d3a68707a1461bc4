//! Asynchronous functions of the host: futures that run on the caller's tokio runtime while Python
//! awaits them.

use super::attend::{Panicked, Told, tell, true_end};
use super::call::{CallArguments, Failure};
use super::closure::{BoxError, HostFunction, Outcome};
use super::definition::Function;
use super::key::{CallKey, WithKey};
use super::task::{Ended, Recorded};
use super::write;
use crate::convert::arity::{arity, each_arity};
use crate::convert::{FromPython, ToPython};
use crate::error::{Result, panicked};
use crate::python::Python;
use crate::python::state::State;
use ophidia_abi::Want;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

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
        let session = &mut py.state_mut().session;
        session.save_asked |= session.own_call.as_ref().is_some_and(Recorded::saves);
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

        impl<Body, Fut, R, $($name: FromPython),*> AsyncFunction<fn(WithKey, $($name),*) -> Fut>
            for Body
        where
            Body: Fn(CallKey, $($name),*) -> Fut + Send + Sync + 'static,
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
                let key = CallKey::of(py)?;
                Ok(start(py, arguments.function(), self(key, $($name),*))?)
            }
        }
    };
}

closure! {}
each_arity! { closure }
