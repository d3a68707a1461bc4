//! `PoolBuilder`: how many threads, how long a queue, which tenants.

use super::Pool;
use super::asleep::Asleep;
use super::lease::Interpreters;
use super::tenants::{Tenant, check_name};
use crate::checkpoint::Template;
use crate::error::{Error, PoolError, Result};
use crate::python::{Runtime, Sandbox};
use std::collections::HashMap;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;

/// The settings of a pool, but for its runtime and sandbox.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) workers: usize,
    pub(super) threads: usize,
    pub(super) queue: usize,
    pub(super) queue_time: Duration,
    pub(super) tenants: HashMap<String, Tenant>,
    pub(super) others: Tenant,
    pub(super) most_tenants: usize,
    pub(super) sessions: usize,
    pub(super) session_idle: Option<Duration>,
    pub(super) session_life: Option<Duration>,
    pub(super) asleep: Option<Asleep>,
    pub(super) grace: Duration,
    pub(super) tokio: Option<Handle>,
}

impl Settings {
    /// How many sessions may rest awake, where they are put away at all.
    pub(super) fn awake(&self) -> Option<usize> {
        self.asleep.as_ref().map(|asleep| asleep.awake.unwrap_or(usize::MAX))
    }
}

/// Configures a [`Pool`]. The defaults:
///
/// | setting | default |
/// |---|---|
/// | `sandbox` | [`Sandbox::default`]: no grants, default limits |
/// | `template` | none: interpreters begin as new |
/// | `workers` | the processors that the process may use |
/// | `threads` | 64 more than workers |
/// | `warm` | one interpreter to four for each worker |
/// | `queue`, `queue_time` | 1,000 requests, 5 seconds |
/// | `tenants`, `most_tenants` | [`Tenant::default`], 10,000 of them |
/// | `sessions`, `session_idle`, `session_life` | 1,000; 5 minutes; none |
/// | `asleep` | none: sessions stay awake |
/// | `grace` | 5 seconds |
/// | `tokio` | the runtime in whose context [`build`](Self::build) is called, if any |
#[derive(Clone, Debug)]
pub struct PoolBuilder {
    runtime: Runtime,
    sandbox: Sandbox,
    template: Option<Template>,
    threads: Option<usize>,
    warm: Option<RangeInclusive<usize>>,
    settings: Settings,
}

impl PoolBuilder {
    pub(super) fn new(runtime: Runtime) -> Self {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let settings = Settings {
            workers,
            threads: 0,
            queue: 1_000,
            queue_time: Duration::from_secs(5),
            tenants: HashMap::new(),
            others: Tenant::default(),
            most_tenants: 10_000,
            sessions: 1_000,
            session_idle: Some(Duration::from_secs(300)),
            session_life: None,
            asleep: None,
            grace: Duration::from_secs(5),
            tokio: None,
        };
        let (sandbox, template) = (Sandbox::default(), None);
        Self { runtime, sandbox, template, threads: None, warm: None, settings }
    }

    /// The grants, limits, streams and modules of the host that requests have. One may ask for less of its limits and
    /// grants.
    #[must_use]
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Where interpreters begin: with what its set-up code has made. It is a template of the pool's runtime. Modules of the host
    /// are those of [`sandbox`](Self::sandbox).
    #[must_use]
    pub fn template(mut self, template: Template) -> Self {
        self.template = Some(template);
        self
    }

    /// Guests that run at once. More of them take turns of 5 ms while others wait.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.settings.workers = count;
        self
    }

    /// Threads at most, and so requests in the middle of guest code or of a call of the host. A request that finds none
    /// waits in the queue. Threads are started on demand, and end after 10 seconds of idleness but for as many as there
    /// are workers.
    #[must_use]
    pub fn threads(mut self, most: usize) -> Self {
        self.threads = Some(most);
        self
    }

    /// Interpreters that are started ahead: the least, and the most there may be when many are needed. Each takes a
    /// slot of the runtime. In a sandbox with [`Limits::life`](crate::Limits::life) there are none, since that is
    /// counted from their start.
    #[must_use]
    pub fn warm(mut self, least: usize, most: usize) -> Self {
        self.warm = Some(least..=most);
        self
    }

    /// Requests that may wait for their beginning. One more is refused by [`PoolError::QueueFull`]; with 0, whatever
    /// cannot begin at once. One that has had its turn and waits for a slot of the runtime is not counted: of these there
    /// are no more than all tenants may have running.
    #[must_use]
    pub fn queue(mut self, requests: usize) -> Self {
        self.settings.queue = requests;
        self
    }

    /// How long a request may wait for its beginning. Then it is refused by [`PoolError::QueueTimeout`].
    #[must_use]
    pub fn queue_time(mut self, time: Duration) -> Self {
        self.settings.queue_time = time;
        self
    }

    /// What the tenant of this name may have.
    #[must_use]
    pub fn tenant(mut self, name: impl Into<String>, tenant: Tenant) -> Self {
        self.settings.tenants.insert(name.into(), tenant);
        self
    }

    /// What each tenant may have that is not named by [`tenant`](Self::tenant). Requests without a tenant are those of
    /// one whose name is empty.
    #[must_use]
    pub fn tenants(mut self, others: Tenant) -> Self {
        self.settings.others = others;
        self
    }

    /// Tenants that are remembered at once: those with requests, sessions, or a rate that is used in part. One more is
    /// refused by [`PoolError::TenantsFull`].
    #[must_use]
    pub fn most_tenants(mut self, count: usize) -> Self {
        self.settings.most_tenants = count;
        self
    }

    /// Sessions at once. One more is refused by [`PoolError::SessionsFull`].
    #[must_use]
    pub fn sessions(mut self, count: usize) -> Self {
        self.settings.sessions = count;
        self
    }

    /// How long a session's interpreter is kept without a request. `None` is for as long as the pool lives.
    #[must_use]
    pub fn session_idle(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.settings.session_idle = time.into();
        self
    }

    /// How long a session's interpreter is kept after its start; a request under way then goes on to its end.
    #[must_use]
    pub fn session_life(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.settings.session_life = time.into();
        self
    }

    /// How sessions sleep that nobody uses. [`session_idle`](Self::session_idle) goes on: a sleeping session ends then, too.
    #[must_use]
    pub fn asleep(mut self, asleep: Asleep) -> Self {
        self.settings.asleep = Some(asleep);
        self
    }

    /// How long dropping the pool waits for threads in code of the host that does not return. It is not waited for
    /// longer: such a thread ends when its code does.
    #[must_use]
    pub fn grace(mut self, time: Duration) -> Self {
        self.settings.grace = time;
        self
    }

    /// The tokio runtime that asynchronous functions of the host run on, unless the sandbox names one.
    #[must_use]
    pub fn tokio(mut self, runtime: Handle) -> Self {
        self.settings.tokio = Some(runtime);
        self
    }

    /// Starts the pool.
    ///
    /// # Errors
    ///
    /// [`PoolError::Setting`] when a setting is none that works; [`Error::Host`] when a thread is refused.
    pub fn build(self) -> Result<Pool> {
        let Self { runtime, sandbox, template, threads, warm, mut settings } = self;
        let wrong = |field, reason: String| Err(PoolError::Setting { field, reason }.into());
        let workers = settings.workers;
        settings.threads = threads.unwrap_or_else(|| workers.saturating_add(64));
        if !(1..=4_096).contains(&workers) {
            return wrong("workers", format!("{workers} asked, 1 to 4096 possible"));
        }
        if settings.threads < workers {
            let reason =
                format!("{} asked for {workers} workers: one each is the least", settings.threads);
            return wrong("threads", reason);
        }
        let slots = runtime.max_interpreters() as usize;
        let most = workers.saturating_mul(4).min(slots);
        let warm = warm.unwrap_or(1..=most.max(1));
        if warm.start() > warm.end() || *warm.end() > slots {
            let (least, most) = warm.into_inner();
            let reason = format!("{least} to {most} asked of {slots} slots that the runtime has");
            return wrong("warm", reason);
        }
        for (name, tenant) in &settings.tenants {
            check_name("tenant", name)?;
            tenant.check(name)?;
        }
        settings.others.check("any other")?;
        if settings.most_tenants == 0 {
            return wrong("most_tenants", "0 asked, 1 or more possible".into());
        }
        if template.as_ref().is_some_and(|template| !template.is_of(&runtime)) {
            let reason = "it is of another runtime: make it, or open it, with the pool's".into();
            return wrong("template", reason);
        }
        let opened = match &mut settings.asleep {
            Some(asleep) => {
                asleep.awake.get_or_insert(slots / 2);
                asleep.open()?
            }
            None => None,
        };
        if settings.tokio.is_none() {
            settings.tokio = Handle::try_current().ok();
        }
        let interpreters = Interpreters::new((runtime, template), sandbox, warm);
        Pool::start(settings, interpreters, opened)
            .map_err(|error| Error::host(format!("no thread for a pool: {error}")).because(error))
    }
}
