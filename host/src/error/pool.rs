//! `PoolError`: why a pool refused a request, or gave it up before it ran.

use super::Error;
use std::sync::Arc;
use std::time::Duration;

/// Why a [`Pool`](crate::Pool) did not run a request.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// As many requests wait as may: [`PoolBuilder::queue`](crate::PoolBuilder::queue).
    #[error(
        "pool queue: {limit} requests may wait, and do (try again later, or raise PoolBuilder::queue)"
    )]
    QueueFull {
        /// Requests that may wait.
        limit: usize,
    },
    /// A request has waited for as long as it may: [`PoolBuilder::queue_time`](crate::PoolBuilder::queue_time).
    #[error(
        "pool queue_time: not begun after {limit:?} (try again later, or raise PoolBuilder::queue_time)"
    )]
    QueueTimeout {
        /// How long it may wait.
        limit: Duration,
    },
    /// A tenant is at one of its quotas.
    #[error("tenant {tenant:?}: quota {quota}: {limit} allowed{} (raise Tenant::{quota})", later(*.retry))]
    TenantQuota {
        /// The tenant.
        tenant: String,
        /// The quota, as its setter in [`Tenant`](crate::Tenant) is called: `queued` or `rate`.
        quota: &'static str,
        /// What is allowed: requests that wait, or requests a second.
        limit: f64,
        /// When a request would be let in again, if that is known.
        retry: Option<Duration>,
    },
    /// More tenants are known that the pool has to remember than it may:
    /// [`PoolBuilder::most_tenants`](crate::PoolBuilder::most_tenants).
    #[error(
        "tenant {tenant:?}: {limit} others are known, as many as may be (raise PoolBuilder::most_tenants)"
    )]
    TenantsFull {
        /// The tenant that is one too many.
        tenant: String,
        /// Tenants that may be known.
        limit: usize,
    },
    /// A name of a tenant or a session is too long.
    #[error("{what}: a name of {len} bytes, {limit} allowed")]
    Name {
        /// `tenant` or `session`.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The pool shuts down, or has.
    #[error("the pool shuts down: it takes no more requests")]
    ShuttingDown,
    /// The interpreter of a session is gone, with whatever the session had made in it. Told once: the next request
    /// begins with a new one.
    #[error("session {key:?} is lost: {reason} (the next request begins anew)")]
    SessionLost {
        /// The session's key.
        key: String,
        /// Why.
        #[source]
        reason: Lost,
    },
    /// A sleeping session cannot be woken: what is written of it is torn, sealed with another key, or belongs to another build,
    /// or its functions of the host are missing. It stays as it is, for whoever mends that.
    #[error(
        "session {key:?} cannot be woken from {place}: {reason} (it stays as it is; Session::end gives it up)"
    )]
    SessionAsleep {
        /// The session's key.
        key: String,
        /// Where it lies: `memory`, or its file.
        place: String,
        /// What is wrong with it.
        #[source]
        reason: Arc<Error>,
    },
    /// As many sessions are open as may be: [`PoolBuilder::sessions`](crate::PoolBuilder::sessions).
    #[error(
        "session {key:?}: {limit} others are open, as many as may be (end some, or raise PoolBuilder::sessions)"
    )]
    SessionsFull {
        /// The session that is one too many.
        key: String,
        /// Sessions that may be open.
        limit: usize,
    },
    /// A request asked for more than the pool's sandbox has.
    #[error(
        "{field}: {asked} asked, {allowed} allowed by the pool (ask for less, or raise it in the pool's sandbox)"
    )]
    Override {
        /// The field of [`Limits`](crate::Limits) or [`Grants`](crate::Grants), such as `limits.memory`.
        field: &'static str,
        /// What was asked.
        asked: String,
        /// What the pool allows.
        allowed: String,
    },
    /// A setting of the builder is none that works.
    #[error("{field}: {reason}")]
    Setting {
        /// The setter of the builder.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why the interpreter of a session is gone.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// A request left it unusable: a limit fired, the guest trapped, host code panicked, the request was cancelled.
    #[error("a request ended with: {0}")]
    Failed(#[source] Arc<Error>),
    /// Nobody used it for as long as [`PoolBuilder::session_idle`](crate::PoolBuilder::session_idle) allows.
    #[error("unused for {0:?}")]
    Idle(Duration),
    /// It has lived as long as [`PoolBuilder::session_life`](crate::PoolBuilder::session_life) allows.
    #[error("{0:?} of life are over")]
    Life(Duration),
}

fn later(retry: Option<Duration>) -> String {
    retry.map(|retry| format!(", the next in {retry:?}")).unwrap_or_default()
}
