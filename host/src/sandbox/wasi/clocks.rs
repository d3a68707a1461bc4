//! Clocks and entropy: the host's, or such as give the same in each run.

use super::errno::{Answer, Errno};
use crate::policy::Clock;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a guest reads the time from, in nanoseconds.
#[derive(Debug)]
pub(super) enum Clocks {
    Host {
        /// When the monotonic clock read zero.
        started: Instant,
    },
    Fixed {
        /// Since 1970.
        now: u64,
        /// When the monotonic clock read zero.
        started: u64,
        step: u64,
    },
}

impl Clocks {
    pub(super) fn new(clock: Clock) -> Self {
        match clock {
            Clock::Host => Self::Host { started: Instant::now() },
            Clock::Fixed { start, step } => {
                Self::Fixed { now: nanos(start), started: nanos(start), step: nanos(step) }
            }
        }
    }

    /// The time of day, since 1970, which nobody has read.
    pub(super) fn now(&self) -> u64 {
        match self {
            Self::Host { .. } => {
                nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
            }
            Self::Fixed { now, .. } => *now,
        }
    }

    /// The guest reads the time of day.
    pub(super) fn read_time(&mut self) -> u64 {
        let now = self.now();
        self.step();
        now
    }

    /// The guest reads the monotonic clock.
    pub(super) fn read_monotonic(&mut self) -> u64 {
        let now = match self {
            Self::Host { started } => nanos(started.elapsed()),
            Self::Fixed { now, started, .. } => now.saturating_sub(*started),
        };
        self.step();
        now
    }

    fn step(&mut self) {
        if let Self::Fixed { now, step, .. } = self {
            *now = now.saturating_add(*step);
        }
    }

    /// How long it is until a clock reads this; nothing when it does.
    pub(super) fn until(&self, nanoseconds: u64, monotonic: bool) -> Duration {
        let now = match self {
            Self::Fixed { now, started, .. } if monotonic => now.saturating_sub(*started),
            Self::Host { started } if monotonic => nanos(started.elapsed()),
            _ => self.now(),
        };
        Duration::from_nanos(nanoseconds.saturating_sub(now))
    }

    /// Whether somebody who waits passes the time himself.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed { .. })
    }

    /// Somebody has waited for as long.
    pub(super) fn pass(&mut self, time: Duration) {
        if let Self::Fixed { now, .. } = self {
            *now = now.saturating_add(nanos(time));
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Where random bytes come from.
#[derive(Debug)]
pub(super) enum Entropy {
    System,
    /// `ChaCha20` (RFC 8439) from a seed: equal in each run, and no secret.
    Seeded(Box<ChaCha20Rng>),
}

impl Entropy {
    pub(super) fn new(seed: Option<u64>) -> Self {
        match seed {
            Some(seed) => Self::Seeded(Box::new(ChaCha20Rng::seed_from_u64(seed))),
            None => Self::System,
        }
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Answer {
        match self {
            Self::System => getrandom::fill(bytes).map_err(|_| Errno::Io)?,
            Self::Seeded(stream) => stream.fill_bytes(bytes),
        }
        Ok(())
    }
}
