//! `Group`: domains whose tasklets send one another messages, over the workers of a pool.

use super::domain::{Domain, Setup, Trace};
use super::frame::the_domain;
use super::info::DomainInfo;
use super::mailbox::Mailbox;
use super::router::Router;
use crate::convert::ToPython;
use crate::error::{Error, PythonError, Result};
use crate::pool::{Pending, Pool};
use crate::python::Interpreter;
use crate::sandbox::reactor::Reactor;
use crate::value::{Pid, Value};
use ophidia_abi::message::{ANY_DOMAIN, Kind};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// How long spawning may take, with what is before it in that domain.
const PATIENCE: Duration = Duration::from_secs(30);

/// Interpreters of a pool, each a domain of tasklets; pids work in all of them.
///
/// Each runs the group's code in its `__main__`, then tasklets, as messages come. A message is data: it is copied once, looked
/// through by the host, and refused where it holds what belongs to one interpreter. Order is kept between any two
/// tasklets; a message comes once or not at all: not where its receiver has ended, or has no room. Domains run
/// on the pool's workers, in turns with its other requests, and hold no thread while their tasklets wait.
///
/// [`Limits::timeout`](crate::Limits::timeout) bounds how long a domain may be busy at a time. A domain that ends takes its
/// tasklets along: those linked to them or monitoring them are told, with the reason "noconnection".
///
/// ```
/// use ophidia::{Group, Pool, Runtime};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> ophidia::Result<()> {
/// let pool = Pool::builder(Runtime::ambient()?).workers(2).build()?;
/// let code = "from ophidia.tasklets import Server\n\
///             class Counter(Server):\n    \
///                 async def init(self): self.n = 0\n    \
///                 async def handle_call(self, by): self.n += by; return self.n";
/// let group = Group::builder(&pool).domains(2).code(code).build()?;
/// let counter = group.spawn("Counter", ()).await?;
/// let mut me = group.mailbox();
/// assert_eq!(me.call::<i64>(counter, 2, Duration::from_secs(5)).await?, 2);
/// assert_eq!(me.call::<i64>(counter, 40, Duration::from_secs(5)).await?, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Group {
    shared: Arc<Shared>,
    domains: Mutex<Vec<Running>>,
    errors: Errors,
    /// Kept, since its last handle ends it.
    _pool: Pool,
}

/// A domain as the pool's request, until that has ended.
#[derive(Debug)]
struct Running {
    number: u64,
    request: Option<Pending<()>>,
}

/// Why domains have ended: each notes it before others hear of its end.
type Errors = Arc<Mutex<Vec<(u64, Error)>>>;

/// What a group and its mailboxes have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) router: Arc<Router>,
    pub(super) reactor: Arc<Reactor>,
}

/// How a [`Group`] is made.
#[derive(Clone)]
pub struct GroupBuilder {
    pool: Pool,
    domains: usize,
    setup: Option<Setup>,
    trace: Option<Trace>,
    code: String,
    trusted: bool,
    tenant: String,
}

impl std::fmt::Debug for GroupBuilder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = out.debug_struct("GroupBuilder");
        out.field("domains", &self.domains).field("trusted", &self.trusted).finish_non_exhaustive()
    }
}

impl GroupBuilder {
    /// How many domains; two by default.
    #[must_use]
    pub fn domains(mut self, count: usize) -> Self {
        self.domains = count;
        self
    }

    /// What is done in each domain before its code runs, such as to add to the path of its modules.
    #[must_use]
    pub fn setup(
        mut self,
        setup: impl Fn(&mut Interpreter) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.setup = Some(Arc::new(setup));
        self
    }

    /// Is told what happens to tasklets, in lines of JSON: `ns` since the interpreter began, `event`, and `pid`, which is
    /// `domain.index.generation`. What brings something about comes before it, from whichever interpreters. A `spawn` has `by` and `function`; a `send` has `to`, and `pid` only where a tasklet sends;
    /// a `receive` has `waiting`, the messages that still wait; an `exit` has `reason`. Where a domain has more to tell between
    /// two looks of the host than it keeps, an event `left-out` has their `count`. What it tells is a guest's word.
    #[must_use]
    pub fn trace(mut self, listener: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.trace = Some(Arc::new(listener));
        self
    }

    /// What each domain runs first, in `__main__`: the functions that tasklets are spawned of. Nothing by default.
    #[must_use]
    pub fn code(mut self, source: impl Into<String>) -> Self {
        self.code = source.into();
        self
    }

    /// Whether a domain runs source text that another one sends, as `spawn_on` does with functions inside of functions.
    /// Not by default: a domain spawns the program's own tasklets, by name.
    #[must_use]
    pub fn trusted(mut self, trusted: bool) -> Self {
        self.trusted = trusted;
        self
    }

    /// The pool's tenant that the domains are of; the one of no name by default.
    #[must_use]
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.tenant = name.into();
        self
    }

    /// Hands the domains in to the pool, each a request that begins when the pool has room for it, and lasts as long as the
    /// domain: it counts among what its tenant may have running.
    ///
    /// # Errors
    ///
    /// [`Error::Pool`] when the pool refuses one at once, and [`Error::Host`] without a source of random numbers. One that is
    /// refused later, since it has waited too long, is among [`Group::errors`].
    pub fn build(self) -> Result<Group> {
        let shared = Shared { router: Arc::new(Router::new()?), reactor: self.pool.reactor() };
        let code: Arc<str> = self.code.into();
        let errors = Errors::default();
        let homes: Vec<_> = (0..self.domains).map(|_| shared.router.add()).collect();
        shared.router.introduce();
        let domains = homes.into_iter().enumerate().map(|(index, (number, inbox))| {
            let (router, code) = (Arc::clone(&shared.router), Arc::clone(&code));
            let (setup, trusts, is_first) = (self.setup.clone(), self.trusted, index == 0);
            let trace = self.trace.clone();
            let domain = Domain { number, inbox, router, setup, code, trusts, is_first, trace };
            let request = self.pool.request().tenant(&self.tenant);
            let errors = Arc::clone(&errors);
            let request = request.with_async(move |py| {
                Box::pin(async move {
                    let ended = domain.run(py).await;
                    if let Err(error) = &ended {
                        errors.lock().push((number, error.clone()));
                    }
                    ended
                })
            });
            if request.is_finished() {
                return request.wait().map(|()| Running { number, request: None });
            }
            Ok(Running { number, request: Some(request) })
        });
        let domains = Mutex::new(domains.collect::<Result<Vec<_>>>()?);
        Ok(Group { shared: Arc::new(shared), domains, errors, _pool: self.pool })
    }
}

impl Group {
    /// Starts to configure a group over a pool.
    #[must_use]
    pub fn builder(pool: &Pool) -> GroupBuilder {
        let (code, tenant) = (String::new(), String::new());
        let pool = pool.clone();
        GroupBuilder { pool, domains: 2, setup: None, trace: None, code, trusted: false, tenant }
    }

    /// The domains that are there.
    #[must_use]
    pub fn domains(&self) -> Vec<u64> {
        self.shared.router.domains()
    }

    /// A mailbox of Rust.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::new(&self.shared)
    }

    /// Spawns a tasklet in the domain with the fewest: of a function of the group's code, or of a module as
    /// `module.function`. The arguments are a tuple.
    ///
    /// # Errors
    ///
    /// [`Error::Python`] when it cannot be spawned, or the domain ends meanwhile. When the future is dropped, it may have been
    /// spawned all the same.
    pub async fn spawn(&self, function: &str, args: impl ToPython) -> Result<Pid> {
        // Where there are other nodes, they are asked first.
        let router = &self.shared.router;
        let any = (!router.peers.there().is_empty()).then_some(ANY_DOMAIN);
        let domain = any.or_else(|| router.least_busy());
        let domain = domain.ok_or_else(|| not_spawned(function, "no domain is left"))?;
        self.spawn_on(domain, function, args).await
    }

    /// Spawns one in this domain.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    pub async fn spawn_on(&self, domain: u64, function: &str, args: impl ToPython) -> Result<Pid> {
        let (module, name) = function.rsplit_once('.').unwrap_or(("__main__", function));
        let request = Spawn { module, name, args };
        let mut mailbox = self.mailbox();
        match mailbox.call(the_domain(domain), request, PATIENCE).await? {
            Value::Tuple(parts) => match <[Value; 2]>::try_from(parts) {
                Ok([Value::Str(word), Value::Pid(pid)]) if word == "ok" => Ok(pid),
                Ok([_, Value::Str(reason)]) => Err(not_spawned(function, &reason)),
                _ => Err(not_spawned(function, "its domain gave no pid")),
            },
            _ => Err(not_spawned(function, "its domain gave no pid")),
        }
    }

    /// Spawns the program's main tasklet, in the first domain: what its code gave to `ophidia.tasklets.run`, if it did. When
    /// that has ended, `("EXIT", pid, reason)` comes to the mailbox, which monitors it and its domain as well.
    ///
    /// # Errors
    ///
    /// [`Error::Python`] when it cannot be spawned, or the domain ends meanwhile.
    pub async fn start_main(&self, mailbox: &mut Mailbox) -> Result<Option<Pid>> {
        let first = self.domains.lock().first().map(|one| one.number);
        let Some(domain) = first else { return Ok(None) };
        let main = ("main", mailbox.pid());
        let pid = match mailbox.call(the_domain(domain), main, PATIENCE).await? {
            Value::Tuple(parts) => match <[Value; 2]>::try_from(parts) {
                Ok([_, Value::Pid(pid)]) => pid,
                Ok([_, Value::Str(reason)]) => return Err(not_spawned("main", &reason)),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        mailbox.monitor(pid);
        mailbox.monitor(the_domain(domain));
        Ok(Some(pid))
    }

    /// What there is to know of a domain, asked of itself: with those tasklets that have done most since it was asked last, 64 at
    /// most.
    ///
    /// # Errors
    ///
    /// [`Error::Python`] when it has not answered in time, or ends meanwhile; [`Error::Conversion`] where it says nothing of itself.
    pub async fn info(&self, domain: u64, busiest: u32, timeout: Duration) -> Result<DomainInfo> {
        let mut mailbox = self.mailbox();
        let answer = mailbox.call(the_domain(domain), ("info", busiest), timeout).await?;
        let memory = self.shared.router.memory(domain);
        Ok(DomainInfo::read(domain, memory, answer)?)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Sends a message, as [`Mailbox::send`] does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send(&self, to: Pid, message: impl ToPython) -> Result<()> {
        self.shared.router.send(Kind::Send, to, |out| message.to_python(out)).map(drop)
    }

    /// Messages between domains and mailboxes: those that were brought, and those that were lost, since their receiver was
    /// gone or had no room.
    #[must_use]
    pub fn messages(&self) -> (u64, u64) {
        self.shared.router.counts()
    }

    /// Domains that have ended, and why.
    #[must_use]
    pub fn errors(&self) -> Vec<(u64, Error)> {
        // Those that the pool has refused or ended have noted nothing.
        for one in &mut *self.domains.lock() {
            if let Some(request) = one.request.take_if(|request| request.is_finished())
                && let Err(error) = request.wait()
            {
                let mut errors = self.errors.lock();
                if errors.iter().all(|(number, _)| *number != one.number) {
                    errors.push((one.number, error));
                }
            }
        }
        self.errors.lock().clone()
    }

    /// Ends a domain, as if it had crashed.
    pub fn end(&self, domain: u64) {
        let domains = self.domains.lock();
        let one = domains.iter().find(|one| one.number == domain);
        if let Some(request) = one.and_then(|one| one.request.as_ref()) {
            request.cancel();
        }
    }
}

fn not_spawned(function: &str, reason: &str) -> Error {
    PythonError::new("RuntimeError", format!("{function} was not spawned: {reason}")).into()
}

/// The request by which a domain spawns a tasklet.
struct Spawn<'a, A> {
    module: &'a str,
    name: &'a str,
    args: A,
}

impl<A: ToPython> ToPython for Spawn<'_, A> {
    fn to_python(
        &self,
        out: &mut crate::bridge::Encoder<'_>,
    ) -> Result<(), crate::error::ConversionError> {
        out.tuple(3, |out| {
            out.str("spawn")?;
            out.tuple(2, |out| {
                out.str(self.module)?;
                out.str(self.name)
            })?;
            self.args.to_python(out)
        })
    }
}
