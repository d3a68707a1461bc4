//! What a pool has done: counts, times, peaks.

use crate::error::{Error, Lost, PoolError};
use std::collections::BTreeMap;
use std::time::Duration;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Ending {
    /// It gave its result.
    Ok,
    /// Python raised, or a value had another type than asked for.
    Raised,
    /// A limit fired, of that name.
    Limit(&'static str),
    /// It was cancelled: asked for, its handle dropped, or the pool shut down.
    Cancelled,
    /// It waited too long in the queue.
    Late,
    /// It was told that its session's interpreter is gone.
    Lost,
    /// The guest or the host failed.
    Failed,
    /// Code of the host panicked on the thread that ran it.
    Panicked,
}

impl Ending {
    /// Its name: `ok`, `raised`, `limit`, `cancelled`, `late`, `lost`, `failed` or `panicked`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Raised => "raised",
            Self::Limit(_) => "limit",
            Self::Cancelled => "cancelled",
            Self::Late => "late",
            Self::Lost => "lost",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
        }
    }

    /// That of a request which ended with this error.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::Python(_) | Error::Conversion(_) => Self::Raised,
            Error::Limit(limit) => Self::Limit(limit.name()),
            Error::Cancelled => Self::Cancelled,
            Error::Poisoned(poisoned) => Self::of(&poisoned.cause),
            Error::Pool(PoolError::QueueTimeout { .. }) => Self::Late,
            Error::Pool(PoolError::SessionLost {
                reason: Lost::Failed(_) | Lost::Idle(_) | Lost::Life(_),
                ..
            }) => Self::Lost,
            Error::Pool(PoolError::ShuttingDown) => Self::Cancelled,
            _ => Self::Failed,
        }
    }
}

/// What a pool does now and has done since it began.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that wait for their beginning, now.
    pub queued: usize,
    /// The most that waited at once.
    pub most_queued: usize,
    /// Requests under way, now: those that run, are parked or await.
    pub begun: usize,
    /// The most that were under way at once.
    pub most_begun: usize,
    /// Requests with a turn, now: at most as many as there are workers.
    pub running: usize,
    /// Requests on a thread without a turn, now: they wait in a call of the host, or for their turn.
    pub parked: usize,
    /// Requests under way without a thread, now: they wait for an interpreter, for what Python awaits, or for a turn after
    /// that.
    pub awaiting: usize,
    /// Threads, now.
    pub threads: usize,
    /// The most threads at once.
    pub most_threads: usize,
    /// Interpreters that have been started ahead and wait for a request, now.
    pub warm: usize,
    /// Sessions with an interpreter, now.
    pub sessions: usize,
    /// Sessions that sleep, now: [`Asleep`](crate::Asleep).
    pub asleep: usize,
    /// Bytes of memory that they take, but for those in the folder.
    pub asleep_bytes: u64,
    /// How often a session was put away.
    pub put_away: u64,
    /// How often one was woken.
    pub woken: u64,
    /// How often one could not be put away, and has stayed awake.
    pub stayed_awake: u64,
    /// Tenants that are remembered, now.
    pub tenants: usize,
    /// Requests that have come, but for those that were refused.
    pub accepted: u64,
    /// Requests that were refused: the queue was full, a quota used up, the pool shut down.
    pub refused: u64,
    /// Interpreters that have been started.
    pub started: u64,
    /// Requests that have ended, by how they did.
    pub finished: BTreeMap<Ending, u64>,
    /// The most memory that an interpreter of a request has had, in bytes, untouched and shared pages included.
    pub most_memory: u64,
    /// How often a thread gave its turn to another in the middle of guest code.
    pub slices: u64,
    /// How often a turn was taken from a thread that did not give it back, such as one in a slow function of the host.
    pub revoked: u64,
    /// How long requests waited for their beginning.
    pub queue_time: Times,
    /// How long requests ran, from their beginning to their end, waiting included.
    pub run_time: Times,
}

impl Stats {
    /// Requests that have ended like this.
    #[must_use]
    pub fn count(&self, ending: Ending) -> u64 {
        self.finished.get(&ending).copied().unwrap_or_default()
    }

    /// Requests that a limit has ended, whichever it was.
    #[must_use]
    pub fn limited(&self) -> u64 {
        let limits = self.finished.iter().filter(|(ending, _)| matches!(ending, Ending::Limit(_)));
        limits.map(|(_, count)| count).sum()
    }
}

/// A distribution of times, each known to within a fifth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// How many there were.
    pub count: u64,
    /// Half took no longer.
    pub p50: Duration,
    /// Nine of ten took no longer.
    pub p90: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// Buckets for each doubling of a time.
const PARTS: usize = 4;

/// Doublings, from a microsecond on: to 36 minutes.
const DOUBLINGS: usize = 32;

/// Counts of times by their size, a quarter of a doubling each. Of fixed size.
pub(super) struct Histogram {
    buckets: [u64; PARTS * DOUBLINGS],
    count: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; PARTS * DOUBLINGS], count: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = match micros {
            0..PARTS64 => micros as usize,
            _ => {
                let doubling = micros.ilog2() as usize;
                let part = (micros >> (doubling - 2)) as usize & (PARTS - 1);
                (doubling - 1) * PARTS + part
            }
        };
        if let Some(bucket) = self.buckets.get_mut(bucket.min(PARTS * DOUBLINGS - 1)) {
            *bucket += 1;
        }
        self.count += 1;
        self.max = self.max.max(time);
    }

    /// The upper end of the bucket in which this share of all is reached.
    fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            // The last bucket has no end.
            if bucket + 1 < self.buckets.len() && seen >= wanted && *count > 0 {
                return Duration::from_micros(upper(bucket)).min(self.max);
            }
        }
        self.max
    }

    pub(super) fn times(&self) -> Times {
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| self.quantile(share));
        Times { count: self.count, p50, p90, p99, max: self.max }
    }
}

const PARTS64: u64 = PARTS as u64;

/// Where a bucket ends, in microseconds.
fn upper(bucket: usize) -> u64 {
    match (bucket / PARTS, bucket % PARTS) {
        (0, part) => part as u64 + 1,
        (doubling, part) => (PARTS64 + part as u64 + 1) << (doubling - 1),
    }
}

/// What of the stats is counted as it happens.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) most_queued: usize,
    pub(super) most_begun: usize,
    pub(super) most_memory: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) slices: u64,
    pub(super) revoked: u64,
    pub(super) finished: BTreeMap<Ending, u64>,
    pub(super) queue_time: Histogram,
    pub(super) run_time: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another() {
        let mut last = 0;
        for bucket in 0..PARTS * DOUBLINGS {
            assert!(upper(bucket) > last, "{bucket}");
            last = upper(bucket);
        }
    }

    #[test]
    fn quantiles_are_near() {
        let mut times = Histogram::default();
        (1..=10_000).for_each(|micros| times.add(Duration::from_micros(micros)));
        let Times { count, p50, p90, p99, max } = times.times();
        assert_eq!((count, max), (10_000, Duration::from_millis(10)));
        for (got, due) in [(p50, 5_000), (p90, 9_000), (p99, 9_900)] {
            let got = got.as_micros() as f64;
            let due = f64::from(due);
            assert!(got >= due && got <= due * 1.25, "{got} for {due}");
        }
        let mut long = Histogram::default();
        long.add(Duration::MAX);
        long.add(Duration::ZERO);
        assert_eq!(long.times().p99, Duration::MAX);
        assert_eq!(Histogram::default().times(), Times::default());
    }
}
