//! `Request`: something to be done on an interpreter of a pool, and how it is done.

use super::answer::Answer;
use super::core::{Coming, Core};
use super::job::{Delivery, Done, Id, Job, Ran};
use super::lend::{Asked, give_back, lease};
use super::map::Map;
use super::metering;
use super::narrow::{check_grants, check_limits};
use super::pending::{Finished, Pending};
use super::sessions::Session;
use super::stats::Ending;
use crate::convert::{Args, FromPython};
use crate::error::{Error, PoolError, Result, panicked, panics};
use crate::policy::{Grants, Limits};
use crate::python::{Interpreter, Sandbox};
use crate::sandbox::control::Interrupter;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

/// A request before it is handed in. It has the pool's sandbox and no tenant, that of the name `""`, unless it says
/// otherwise.
///
/// The methods that hand it in give a [`Pending`]. A refusal is the result of that, so there is one place for errors.
#[derive(Clone, Debug)]
pub struct Request {
    core: Arc<Core>,
    tenant: String,
    session: Of,
    limits: Option<Limits>,
    grants: Option<Grants>,
    patience: Duration,
}

/// On whose interpreter a request runs.
#[derive(Clone, Debug)]
enum Of {
    /// Nobody's: one of its own.
    Own,
    /// That of its tenant's session of this key.
    Key(String),
    /// That of this one.
    Session(Session),
}

impl Request {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        let patience = core.settings.queue_time;
        let (tenant, core) = (String::new(), Arc::clone(core));
        Self { core, tenant, session: Of::Own, limits: None, grants: None, patience }
    }

    pub(super) fn of_session(session: &Session) -> Self {
        let tenant = session.0.tenant.clone();
        Self { tenant, session: Of::Session(session.clone()), ..Self::new(&session.0.core) }
    }

    /// Whose it is. At most 256 bytes. A session's request is its session's tenant's, whatever is said here.
    #[must_use]
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        if !matches!(self.session, Of::Session(_)) {
            self.tenant = name.into();
        }
        self
    }

    /// Runs it in its tenant's session of this key: a new one, or the one that there is. At most 256 bytes. Where that is
    /// refused, as by [`Pool::session_of`](crate::Pool::session_of), so is the request. A session's request stays its own.
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// # let pool = ophidia::Pool::builder(ophidia::Runtime::ambient()?).build()?;
    /// pool.request().tenant("ada").session("notebook").run("x = 1").wait()?;
    /// let x: i64 = pool.request().tenant("ada").session("notebook").eval("x").wait()?;
    /// assert_eq!(x, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn session(mut self, key: impl Into<String>) -> Self {
        if !matches!(self.session, Of::Session(_)) {
            self.session = Of::Key(key.into());
        }
        self
    }

    /// Its limits, none of which may be above the pool's. The interpreter is started for it.
    ///
    /// One above is refused by [`PoolError::Override`], and so are limits of a session's request.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Its grants, which have to be some of the pool's. The interpreter is started for it, and folders are opened by
    /// their paths again.
    ///
    /// Others are refused by [`PoolError::Override`], and so are grants of a session's request.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = Some(grants);
        self
    }

    /// How long it may wait for its beginning, if that is less than
    /// [`PoolBuilder::queue_time`](crate::PoolBuilder::queue_time).
    #[must_use]
    pub fn queue_time(mut self, time: Duration) -> Self {
        self.patience = time.min(self.core.settings.queue_time);
        self
    }

    /// Runs statements in `__main__`. They may `await` at their top level: while they do, the request holds no thread.
    pub fn run(self, source: impl Into<String>) -> Pending<()> {
        let source = source.into();
        self.with_async(move |py| Box::pin(async move { py.run_async(&source).await }))
    }

    /// Evaluates an expression in `__main__` and gives its value as a Rust type. What can be awaited is, without a
    /// thread.
    pub fn eval<T: FromPython + Send + 'static>(self, source: impl Into<String>) -> Pending<T> {
        let source = source.into();
        self.with_async(move |py| Box::pin(async move { py.eval_async_as(&source).await }))
    }

    /// Calls a function: `module.function`, which imports the module, or the name of one in `__main__` or among the
    /// built-in ones. The arguments are a tuple. What it gives is awaited, without a thread, if it can be.
    pub fn call<T: FromPython + Send + 'static>(
        self,
        function: impl Into<String>,
        args: impl Args + Send + 'static,
    ) -> Pending<T> {
        let function = function.into();
        self.with_async(move |py| {
            Box::pin(async move {
                let callable = py.named(&function)?;
                py.call_async_as(&callable, args).await
            })
        })
    }

    /// Does anything with the interpreter, as one request. What `body` gives must not hold on to objects of the
    /// interpreter: it is gone afterwards, and they are refused.
    pub fn with<T: Send + 'static>(
        self,
        body: impl FnOnce(&mut Interpreter) -> Result<T> + Send + 'static,
    ) -> Pending<T> {
        self.with_async(move |py| Box::pin(async move { body(py) }))
    }

    /// The same of a future: while it waits, the request holds no thread.
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// # let pool = ophidia::Pool::builder(ophidia::Runtime::ambient()?).build()?;
    /// let slept = pool.request().with_async(|py| {
    ///     Box::pin(async move {
    ///         py.run_async("import asyncio\nawait asyncio.sleep(0.01)").await?;
    ///         py.eval_async_as::<i64>("6 * 7").await
    ///     })
    /// });
    /// assert_eq!(slept.wait()?, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_async<T: Send + 'static>(
        self,
        body: impl for<'i> FnOnce(&'i mut Interpreter) -> Body<'i, T> + Send + 'static,
    ) -> Pending<T> {
        let answer = Answer::new();
        let id = self.core.next_id();
        let pending = Pending::new(Arc::clone(&answer), id, Arc::downgrade(&self.core));
        let (narrowed, of) = match self.narrowed().and_then(|narrowed| Ok((narrowed, self.of()?))) {
            Ok(settled) => settled,
            Err(error) => {
                answer.give(Err(error));
                return pending;
            }
        };
        // Held until the request is in its queue.
        let session = of.as_ref().map(|session| session.0.number);
        let came = Instant::now();
        let asked = Asked { id, session, narrowed, came, patience: self.patience };
        let delivery = Delivery(Arc::clone(&answer));
        let work = Box::pin(carry_out(Arc::clone(&self.core), asked, body, delivery));
        let patience = self.patience;
        let span = metering::Span::new(id, session);
        let job = Job { id, tenant: 0, session, came, patience, work, refuse: answer, span };
        self.core.submit(Coming { tenant: &self.tenant, job });
        pending
    }

    /// Does the same with each input, a few at a time, each on an interpreter of its own. The results come in the order
    /// of the inputs, or [as they are completed](Map::as_completed). An error is that of one input: the others go on.
    pub fn map<I, T>(
        self,
        inputs: I,
        body: impl Fn(&mut Interpreter, I::Item) -> Result<T> + Send + Sync + 'static,
    ) -> Map<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        T: Send + 'static,
    {
        let body = Arc::new(body);
        Map::new(self, inputs.into_iter(), move |request, input| {
            let body = Arc::clone(&body);
            request.with(move |py| body(py, input))
        })
    }

    /// The same of futures: while one waits, it holds no thread. [`Map::ahead`] says how many are under way at once.
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// # let pool = ophidia::Pool::builder(ophidia::Runtime::ambient()?).workers(2).build()?;
    /// let slept = pool.map_async(0..100, |py, n| {
    ///     Box::pin(async move {
    ///         py.set("n", n)?;
    ///         py.eval_async_as::<i64>("await __import__('asyncio').sleep(0.01, 2 * n)").await
    ///     })
    /// });
    /// let sum = slept.ahead(100).sum::<ophidia::Result<i64>>()?;
    /// assert_eq!(sum, 9_900);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_async<I, T>(
        self,
        inputs: I,
        body: impl for<'i> Fn(&'i mut Interpreter, I::Item) -> Body<'i, T> + Send + Sync + 'static,
    ) -> Map<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        T: Send + 'static,
    {
        let body = Arc::new(body);
        Map::new(self, inputs.into_iter(), move |request, input| {
            let body = Arc::clone(&body);
            request.with_async(move |py| body(py, input))
        })
    }

    pub(super) fn workers(&self) -> usize {
        self.core.settings.workers
    }

    /// The session that it runs in, if there is one.
    fn of(&self) -> Result<Option<Session>> {
        Ok(match &self.session {
            Of::Own => None,
            Of::Key(key) => Some(self.core.open_session(&self.tenant, key)?),
            Of::Session(session) => Some(session.clone()),
        })
    }

    /// The sandbox of its own, if it has one.
    fn narrowed(&self) -> Result<Option<Sandbox>> {
        let Self { session, limits, grants, core, .. } = self;
        let pool = &core.interpreters.sandbox;
        if !matches!(session, Of::Own) && (limits.is_some() || grants.is_some()) {
            let field = if limits.is_some() { "limits" } else { "grants" };
            let asked = "other ones for one request of a session".into();
            let allowed = "those that its interpreter was started with".into();
            return Err(PoolError::Override { field, asked, allowed }.into());
        }
        if let Some(limits) = limits {
            check_limits(limits, pool.limits())?;
        }
        let Some(grants) = grants else {
            return limits.as_ref().map(|limits| pool.with_limits(*limits)).transpose();
        };
        check_grants(grants, pool.grants())?;
        let limits = limits.as_ref().unwrap_or(pool.limits());
        Ok(Some(pool.to_builder().grants(grants.clone()).limits(*limits).build()?))
    }
}

/// What is done with an interpreter, as a future: `Box::pin(async move { … })`.
pub(super) type Body<'i, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'i>>;

/// An interpreter in the hands of a request. One that ends in the middle, since it is cancelled while it waits, leaves
/// nothing that could be used again.
struct Leased<'c> {
    core: &'c Core,
    session: Option<u64>,
    interpreter: Option<Interpreter>,
}

impl Drop for Leased<'_> {
    fn drop(&mut self) {
        if let Some(interpreter) = self.interpreter.take() {
            give_back(self.core, self.session, Err((interpreter, Some(Error::Cancelled))));
        }
    }
}

/// How a body has ended, and whether anything in it has panicked.
type Ended<T> = (thread::Result<Result<T>>, bool);

/// A body under way. One that is dropped in its middle is cancelled first: its interpreter goes anyway, and is not to be
/// entered on the thread of whoever cancels it.
struct Running<'i, T> {
    cancels: Cancels,
    body: Body<'i, T>,
}

struct Cancels {
    interrupter: Interrupter,
    ended: bool,
}

impl Drop for Cancels {
    fn drop(&mut self) {
        if !self.ended {
            self.interrupter.cancel();
        }
    }
}

/// Polls a body, each time as what may be cancelled by its number.
async fn ended<T>(core: &Core, id: Id, interrupter: Interrupter, body: Body<'_, T>) -> Ended<T> {
    let mut running = Running { cancels: Cancels { interrupter, ended: false }, body };
    let mut panicked = false;
    poll_fn(move |context| {
        let Running { cancels, body } = &mut running;
        if !core.polls(id, &cancels.interrupter) {
            return Poll::Ready((Ok(Err(Error::Cancelled)), panicked));
        }
        let before = panics();
        let polled = catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context)));
        panicked |= panics() != before;
        cancels.ended = !matches!(polled, Ok(Poll::Pending));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready((Ok(result), panicked)),
            Err(panic) => Poll::Ready((Err(panic), panicked)),
        }
    })
    .await
}

/// A request's work, on the threads of the pool.
async fn carry_out<T: Send + 'static>(
    core: Arc<Core>,
    asked: Asked,
    body: impl for<'i> FnOnce(&'i mut Interpreter) -> Body<'i, T> + Send + 'static,
    delivery: Delivery<T>,
) -> Done {
    let interpreter = match lease(&core, &asked).await {
        Ok(interpreter) => interpreter,
        Err(error) => return not_begun(error, delivery),
    };
    let began = Instant::now();
    let queued = began.saturating_duration_since(asked.came);
    metering::begins(queued);
    if !core.runs(asked.id, interpreter.interrupter(), queued) {
        give_back(&core, asked.session, Ok(interpreter));
        return not_begun(Error::Cancelled, delivery);
    }
    let interrupter = interpreter.interrupter();
    let mut leased = Leased { core: &core, session: asked.session, interpreter: Some(interpreter) };
    let (caught, has_panicked) = match &mut leased.interpreter {
        Some(interpreter) => {
            let body: Body<'_, T> = Box::pin(async move {
                let result = body(interpreter).await;
                // Whoever asked will not have the interpreter to ask for it.
                if let Err(Error::Python(error)) = &result
                    && !interpreter.is_poisoned()
                {
                    let _ = error.traceback(interpreter);
                }
                result
            });
            ended(&core, asked.id, interrupter, body).await
        }
        None => (Ok(Err(Error::Cancelled)), false),
    };
    let Some(mut interpreter) = leased.interpreter.take() else {
        return not_begun(Error::Cancelled, delivery);
    };
    let unwound = caught.is_err();
    let result = caught.unwrap_or_else(|panic| Err(panicked("the request", &*panic)));
    let cancelled = core.has_run(asked.id);
    let ran = began.elapsed();
    let ending = match &result {
        Ok(_) => Ending::Ok,
        Err(_) if has_panicked || unwound => Ending::Panicked,
        Err(error) => Ending::of(error),
    };
    let usage = interpreter.usage();
    let took = Ran { time: ran, memory: usage.peak_memory };
    let finished = Finished {
        id: asked.id,
        stdout: interpreter.take_stdout(),
        stderr: interpreter.take_stderr(),
        usage,
        queued,
        ran,
        result,
    };
    let spoilt = interpreter.is_poisoned() || cancelled || unwound;
    let kept = match &finished.result {
        _ if asked.session.is_none() => Err((interpreter, None)),
        Err(error) if spoilt => Err((interpreter, Some(error.clone()))),
        Ok(_) if spoilt => Err((interpreter, Some(Error::Cancelled))),
        _ => Ok(interpreter),
    };
    give_back(&core, asked.session, kept);
    let deliver = Box::new(move || {
        delivery.0.give(Ok(finished));
    });
    Done { ending, ran: Some(took), deliver }
}

fn not_begun<T: Send + 'static>(error: Error, delivery: Delivery<T>) -> Done {
    let ending = Ending::of(&error);
    let deliver = Box::new(move || {
        delivery.0.give(Err(error));
    });
    Done { ending, ran: None, deliver }
}
