//! `Pool`: many requests over few threads, each on an interpreter of its own.

mod answer;
mod asleep;
mod builder;
mod core;
mod course;
mod fair;
mod job;
mod keeper;
mod lease;
mod lend;
mod map;
mod metering;
mod narrow;
mod pending;
mod request;
mod sessions;
mod shutdown;
mod sleeper;
mod stats;
mod tenants;
mod turns;
mod worker;

pub use asleep::Asleep;
pub use builder::PoolBuilder;
pub use map::{AsCompleted, Map};
pub use pending::{Finished, Full, Pending};
pub use request::Request;
pub use sessions::Session;
pub use shutdown::{Drained, Shutdown};
pub use stats::{Ending, Stats, Times};
pub use tenants::Tenant;

use self::core::Core;
use crate::checkpoint::Locked;
use crate::convert::{Args, FromPython};
use crate::error::Result;
use crate::python::{Interpreter, Runtime};
use crate::sandbox::reactor::Reactor;
use asleep::Folder;
use builder::Settings;
use lease::Interpreters;
use parking_lot::Mutex;
use request::Body;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Interpreters for the requests of a service. Cloning it gives the same pool.
///
/// Each request runs on an interpreter that nobody used before and nobody uses after, unless it is a
/// [`Session`]'s. Guests run on the pool's own threads, as many at once as there are workers. While others wait, a
/// guest runs for 5 ms and then lets them; one that waits (asleep, for the network, for an asynchronous function of the
/// host) lets them at once. From a thread in a slow function of the host its turn is taken after 10 to 15 ms.
///
/// Tenants share the time by their weights, whatever they ask for: the queue and the turns are one fair queue.
///
/// ```
/// use ophidia::{Pool, Runtime, Sandbox, Tenant};
/// use std::time::Duration;
///
/// # fn main() -> ophidia::Result<()> {
/// let sandbox = Sandbox::builder().timeout(Duration::from_secs(2)).memory(64 << 20).build()?;
/// let pool = Pool::builder(Runtime::ambient()?)
///     .sandbox(sandbox)
///     .workers(2)
///     .queue(1_000)
///     .queue_time(Duration::from_secs(5))
///     .tenant("free", Tenant::default().weight(1).most(4))
///     .build()?;
/// let answer: i64 = pool.request().tenant("free").eval("6 * 7").wait()?;
/// assert_eq!(answer, 42);
/// let done = pool.request().run("print('hi')").wait_full()?;
/// assert_eq!(done.stdout, b"hi\n");
/// # Ok(())
/// # }
/// ```
///
/// # Runtimes
///
/// A pool works inside tokio and outside of it, in any number of threads; a [`Pending`] can be awaited anywhere. Two
/// pools of one runtime have workers of their own each, and share the runtime's slots
/// ([`max_interpreters`](crate::RuntimeBuilder::max_interpreters)). A request for which there is no slot waits for one.
///
/// # Its end
///
/// When the last clone is dropped, requests that wait or run are cancelled and threads joined, which takes
/// [`PoolBuilder::grace`] at most. [`shutdown`](Self::shutdown) lets requests end by themselves before. Handles of
/// requests and sessions do not keep a pool alive.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Owner>);

/// Whose end is the pool's.
#[derive(Debug)]
struct Owner {
    core: Arc<Core>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    sleeper: Mutex<Option<JoinHandle<()>>>,
}

impl Pool {
    /// Starts to configure a pool of this runtime.
    #[must_use]
    pub fn builder(runtime: Runtime) -> PoolBuilder {
        PoolBuilder::new(runtime)
    }

    fn start(
        settings: Settings,
        interpreters: Interpreters,
        opened: Option<(Folder, Locked)>,
    ) -> io::Result<Self> {
        let (folder, lock) = opened.unzip();
        let core = Arc::new(Core::new(settings, interpreters, folder));
        let kept = Arc::clone(&core);
        let builder = thread::Builder::new().name("ophidia-keeper".into());
        let keeper = builder.spawn(move || kept.keep_house())?;
        let keeper = Mutex::new(Some(keeper));
        let pool = Self(Arc::new(Owner { core, keeper, sleeper: Mutex::default() }));
        *pool.0.sleeper.lock() = pool.0.core.start_sleeper(lock)?;
        pool.0.core.start_threads()?;
        Ok(pool)
    }

    /// What waits for the interpreters of its runtime.
    pub(crate) fn reactor(&self) -> Arc<Reactor> {
        self.0.core.interpreters.reactor()
    }

    /// Starts a request, without a tenant and with the pool's sandbox.
    #[must_use]
    pub fn request(&self) -> Request {
        Request::new(&self.0.core)
    }

    /// Runs statements in `__main__`, for no tenant.
    pub fn run(&self, source: impl Into<String>) -> Pending<()> {
        self.request().run(source)
    }

    /// Evaluates an expression in `__main__`, for no tenant.
    pub fn eval<T: FromPython + Send + 'static>(&self, source: impl Into<String>) -> Pending<T> {
        self.request().eval(source)
    }

    /// Calls a function, as [`Request::call`] does, for no tenant.
    pub fn call<T: FromPython + Send + 'static>(
        &self,
        function: impl Into<String>,
        args: impl Args + Send + 'static,
    ) -> Pending<T> {
        self.request().call(function, args)
    }

    /// Does the same with each input, as [`Request::map`] does, for no tenant.
    pub fn map<I, T>(
        &self,
        inputs: I,
        body: impl Fn(&mut Interpreter, I::Item) -> Result<T> + Send + Sync + 'static,
    ) -> Map<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        T: Send + 'static,
    {
        self.request().map(inputs, body)
    }

    /// The same of futures, as [`Request::map_async`] does, for no tenant.
    pub fn map_async<I, T>(
        &self,
        inputs: I,
        body: impl for<'i> Fn(&'i mut Interpreter, I::Item) -> Body<'i, T> + Send + Sync + 'static,
    ) -> Map<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        T: Send + 'static,
    {
        self.request().map_async(inputs, body)
    }

    /// The session of this key among those of no tenant: a new one, or the one that there is. At most 256 bytes.
    ///
    /// # Errors
    ///
    /// [`PoolError::SessionsFull`](crate::PoolError::SessionsFull),
    /// [`PoolError::Name`](crate::PoolError::Name), [`PoolError::ShuttingDown`](crate::PoolError::ShuttingDown).
    pub fn session(&self, key: &str) -> Result<Session> {
        self.session_of("", key)
    }

    /// The same among the sessions of a tenant. Those of another one with the same key are other sessions.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session), and [`PoolError::TenantsFull`](crate::PoolError::TenantsFull).
    pub fn session_of(&self, tenant: &str, key: &str) -> Result<Session> {
        self.0.core.open_session(tenant, key)
    }

    /// What it does now and has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.core.stats()
    }

    /// Takes no more requests; what waits and runs may end by itself within this time, and is cancelled then. The pool
    /// comes to its end whether or not anybody waits for that.
    pub fn shutdown(&self, time: Duration) -> Shutdown {
        let now = Instant::now();
        // A time beyond all clocks: nothing is cancelled.
        let far = || now.checked_add(Duration::from_secs(1 << 30)).unwrap_or(now);
        Shutdown(self.0.core.close(now.checked_add(time).unwrap_or_else(far)))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.core.close(Instant::now());
        let threads = [self.keeper.lock().take(), self.sleeper.lock().take()];
        // The last handle may be a request's own, which the keeper drops, or a session's, which the sleeper does.
        let own = thread::current().id();
        if threads.iter().flatten().any(|thread| thread.thread().id() == own) {
            return;
        }
        self.core.join(self.core.settings.grace);
        if self.core.is_over() {
            for thread in threads.into_iter().flatten() {
                let _ = thread.join();
            }
        }
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("settings", &self.settings).finish_non_exhaustive()
    }
}
