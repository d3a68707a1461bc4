//! Clocks and entropy: the host's, or such as give the same in each run.

use super::errno::{Answer, Errno};
use crate::policy::Clock;
use crate::sandbox::travel::travels;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a guest reads the time from, in nanoseconds.
#[derive(Debug)]
pub(super) enum Clocks {
    Host {
        /// When the monotonic clock read `before`: zero, but for one that goes on.
        started: Instant,
        before: u64,
    },
    Fixed {
        /// Since 1970.
        now: u64,
        /// What the monotonic clock reads.
        passed: u64,
        step: u64,
    },
}

/// What clocks read when an interpreter is left, in nanoseconds: its monotonic one, and the time of day of the host, or
/// of the guest where that is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readings {
    pub(crate) monotonic: u64,
    pub(crate) time: u64,
    pub(crate) is_fixed: bool,
}

travels!(Readings { monotonic, time, is_fixed });

impl Clocks {
    pub(super) fn new(clock: Clock) -> Self {
        match clock {
            Clock::Host => Self::Host { started: Instant::now(), before: 0 },
            Clock::Fixed { start, step } => {
                Self::Fixed { now: nanos(start), passed: 0, step: nanos(step) }
            }
        }
    }

    /// What they read at this moment.
    pub(super) fn readings(&self) -> Readings {
        let (monotonic, time) = (self.monotonic(), self.now());
        Readings { monotonic, time, is_fixed: self.is_fixed() }
    }

    /// Goes on from there, and from its time of day where neither is the host's.
    pub(super) fn go_on(&mut self, from: &Readings) {
        match self {
            Self::Host { started, before } => {
                (*started, *before) = (Instant::now(), from.monotonic);
            }
            Self::Fixed { now, passed, .. } => {
                *passed = from.monotonic;
                if from.is_fixed {
                    *now = from.time;
                }
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

    /// The monotonic clock, which nobody has read.
    fn monotonic(&self) -> u64 {
        match self {
            Self::Host { started, before } => before.saturating_add(nanos(started.elapsed())),
            Self::Fixed { passed, .. } => *passed,
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
        let now = self.monotonic();
        self.step();
        now
    }

    fn step(&mut self) {
        if let Self::Fixed { now, passed, step } = self {
            *now = now.saturating_add(*step);
            *passed = passed.saturating_add(*step);
        }
    }

    /// How long it is until a clock reads this; nothing when it does.
    pub(super) fn until(&self, nanoseconds: u64, monotonic: bool) -> Duration {
        let now = if monotonic { self.monotonic() } else { self.now() };
        Duration::from_nanos(nanoseconds.saturating_sub(now))
    }

    /// Whether somebody who waits passes the time himself.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed { .. })
    }

    /// Somebody has waited for as long.
    pub(super) fn pass(&mut self, time: Duration) {
        if let Self::Fixed { now, passed, .. } = self {
            *now = now.saturating_add(nanos(time));
            *passed = passed.saturating_add(nanos(time));
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The key of a stream of random bytes, and the place in it.
pub(crate) type Stream = ([u8; 32], u128);

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

    /// Where it is, of one that is made of a seed: the generator's key, and how many words it has given.
    pub(super) fn place(&self) -> Option<Stream> {
        match self {
            Self::System => None,
            Self::Seeded(stream) => Some((stream.get_seed(), stream.get_word_pos())),
        }
    }

    /// Goes on from there, where it is made of a seed.
    pub(super) fn go_on(&mut self, (key, place): &Stream) {
        if let Self::Seeded(stream) = self {
            **stream = ChaCha20Rng::from_seed(*key);
            stream.set_word_pos(*place);
        }
    }

    /// A stream of its own for a copy of the guest, equal in each run too; it is drawn from this one.
    pub(super) fn branch(&mut self) -> Option<Stream> {
        match self {
            Self::System => None,
            Self::Seeded(stream) => {
                let mut key = [0; 32];
                stream.fill_bytes(&mut key);
                Some((key, 0))
            }
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
