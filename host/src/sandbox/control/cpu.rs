//! Processor time: what the thread that runs the guest has used in operations.

use super::Stop;
use crate::error::LimitExceeded;
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// No operation is under way that anybody has looked at.
const IDLE: u64 = u64::MAX;

/// The account of one interpreter. An operation of a few microseconds, which nobody looks at, does not count.
#[derive(Debug)]
pub(super) struct Cpu {
    limit: Option<Duration>,
    /// Nanoseconds of operations that have ended.
    used: AtomicU64,
    /// What the thread's clock read when the running one was first looked at.
    began: AtomicU64,
}

impl Cpu {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { limit, used: AtomicU64::new(0), began: AtomicU64::new(IDLE) }
    }

    /// Counts what was used before it was made.
    pub(super) fn add(&self, used: Duration) {
        let nanos = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        let sum = self.used.load(Ordering::Relaxed).saturating_add(nanos);
        self.used.store(sum, Ordering::Relaxed);
    }

    pub(super) fn begin(&self) {
        self.began.store(now(), Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        let began = self.began.swap(IDLE, Ordering::Relaxed);
        if began != IDLE {
            self.used.fetch_add(now().saturating_sub(began), Ordering::Relaxed);
        }
    }

    /// What has been used by now.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// Fails when all of it is used. Called by the thread that runs the operation.
    #[inline]
    pub(super) fn check(&self) -> Result<(), Stop> {
        match self.limit {
            Some(limit) => self.check_limit(limit),
            None => Ok(()),
        }
    }

    #[cold]
    fn check_limit(&self, limit: Duration) -> Result<(), Stop> {
        let running = match self.began.load(Ordering::Relaxed) {
            IDLE => Duration::ZERO,
            began => Duration::from_nanos(now().saturating_sub(began)),
        };
        if self.used() + running >= limit {
            return Err(Stop::Limit(LimitExceeded::Cpu { limit }));
        }
        Ok(())
    }
}

/// The processor time of this thread, in nanoseconds.
fn now() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
