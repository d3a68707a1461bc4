//! What a pool tells the facade `metrics`, with the feature of that name; nothing without it.
//!
//! Labels are from closed sets: outcomes, and names of limits. No text of a caller's or of a tenant's is one.

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
pub(super) fn finished(ending: Ending, ran: Option<Duration>) {
    #[cfg(feature = "metrics")]
    {
        metrics::counter!("ophidia_pool_finished_total", "outcome" => ending.name()).increment(1);
        if let Ending::Limit(limit) = ending {
            metrics::counter!("ophidia_pool_limits_total", "limit" => limit).increment(1);
        }
        if let Some(ran) = ran {
            let name = "ophidia_pool_run_seconds";
            metrics::histogram!(name, "outcome" => ending.name()).record(ran);
        }
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (ending, ran);
}

/// How many requests wait, and how many are under way.
#[inline]
pub(super) fn level(queued: usize, begun: usize) {
    #[cfg(feature = "metrics")]
    {
        metrics::gauge!("ophidia_pool_queued").set(queued as f64);
        metrics::gauge!("ophidia_pool_begun").set(begun as f64);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (queued, begun);
}
