//! What a pool tells the facade `metrics`, with the feature of that name, and `tracing`, with that; nothing without them.
//!
//! Labels are from closed sets: outcomes, and names of limits. No text of a caller's or of a tenant's is one.
//!
//! Recorders and subscribers are somebody else's code: nothing here is called under the pool's lock.

use super::job::{Id, Ran};
use super::stats::Ending;
use std::time::Duration;

/// A request was refused.
#[inline]
pub(super) fn refused() {
    #[cfg(feature = "metrics")]
    metrics::counter!("ophidia_pool_refused_total").increment(1);
}

/// A request begins, having waited for so long.
#[inline]
pub(super) fn begins(waited: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("ophidia_pool_queue_seconds").record(waited);
    #[cfg(not(feature = "metrics"))]
    let _ = waited;
}

/// A request is over.
#[inline]
pub(super) fn finished(ending: Ending, ran: Option<Ran>) {
    #[cfg(feature = "metrics")]
    {
        metrics::counter!("ophidia_pool_finished_total", "outcome" => ending.name()).increment(1);
        if let Ending::Limit(limit) = ending {
            metrics::counter!("ophidia_pool_limits_total", "limit" => limit).increment(1);
        }
        if let Some(Ran { time, memory }) = ran {
            let name = "ophidia_pool_run_seconds";
            metrics::histogram!(name, "outcome" => ending.name()).record(time);
            metrics::histogram!("ophidia_pool_memory_bytes").record(memory as f64);
        }
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (ending, ran);
}

/// How many requests wait and are under way, and the most that did and were.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "there is nobody to tell"))]
pub(super) struct Levels {
    pub(super) queued: usize,
    pub(super) begun: usize,
    pub(super) most_queued: usize,
    pub(super) most_begun: usize,
}

impl Levels {
    /// Tells by how much they have changed. A gauge is that of all pools of the process, and threads come here in any
    /// order: so it is added to, and never set.
    #[inline]
    pub(super) fn tell(self, before: Self) {
        #[cfg(feature = "metrics")]
        {
            change("ophidia_pool_queued", before.queued, self.queued);
            change("ophidia_pool_begun", before.begun, self.begun);
            change("ophidia_pool_most_queued", before.most_queued, self.most_queued);
            change("ophidia_pool_most_begun", before.most_begun, self.most_begun);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = before;
    }
}

#[cfg(feature = "metrics")]
fn change(name: &'static str, before: usize, now: usize) {
    let gauge = metrics::gauge!(name);
    if now >= before {
        gauge.increment((now - before) as f64);
    } else {
        gauge.decrement((before - now) as f64);
    }
}

/// The span of a request, from its coming to its end, within that of whoever asks.
pub(super) struct Span(#[cfg(feature = "tracing")] tracing::Span);

impl Span {
    #[inline]
    pub(super) fn new(id: Id, session: Option<u64>) -> Self {
        #[cfg(feature = "tracing")]
        return Self(tracing::info_span!(
            target: "ophidia::pool",
            "request",
            id,
            session,
            outcome = tracing::field::Empty
        ));
        #[cfg(not(feature = "tracing"))]
        {
            let _ = (id, session);
            Self()
        }
    }

    /// Does a part of the request's work.
    #[inline]
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        #[cfg(feature = "tracing")]
        return self.0.in_scope(work);
        #[cfg(not(feature = "tracing"))]
        work()
    }

    /// Says how it has ended.
    #[inline]
    pub(super) fn ends(&self, outcome: &'static str) {
        #[cfg(feature = "tracing")]
        self.0.record("outcome", outcome);
        #[cfg(not(feature = "tracing"))]
        let _ = outcome;
    }
}
