//! Clocks: what a guest reads the time from. Plain data.

#[cfg(feature = "serde")]
use std::fmt::{self, Display};
#[cfg(feature = "serde")]
use std::str::FromStr;
use std::time::Duration;
#[cfg(feature = "serde")]
use std::time::UNIX_EPOCH;

/// Where a guest's clocks come from, the time of day and the monotonic one alike. Limits go by the host's clock
/// whatever the guest's is.
///
/// In text, which is also how serde has it (with the feature `serde`): `host`, `2020-01-01T00:00:00Z`,
/// `2020-01-01T00:00:00Z+1ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub enum Clock {
    /// The host's.
    #[default]
    Host,
    /// One that begins at a time and goes on by a step at each reading; with a step of zero it stands. A program that
    /// sleeps moves it on by as long as it would have slept, and does not wait.
    Fixed {
        /// Where it begins, since 1970 (UTC), before 2262: Python counts nanoseconds in 64 bits.
        start: Duration,
        /// How far a reading moves it.
        step: Duration,
    },
}

/// Nanoseconds since 1970 that a clock of Python can tell: until 2262-04-11T23:47:16Z.
const MOST_NANOS: u128 = i64::MAX as u128;

impl Clock {
    /// Refuses a clock that Python cannot read.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Fixed { start, .. } if start.as_nanos() > MOST_NANOS => Err(format!(
                "a clock that begins {} s after 1970: Python's end in 2262: give a time before 2262-04-11",
                start.as_secs()
            )),
            Self::Host | Self::Fixed { .. } => Ok(()),
        }
    }
}

#[cfg(feature = "serde")]
/// Seconds since 1970 that texts of four digits a year end before.
const YEAR_10000: u64 = 253_402_300_800;

#[cfg(feature = "serde")]
impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "host" {
            return Ok(Self::Host);
        }
        let (time, step) = match text.split_once('+') {
            Some((time, step)) => (time, Some(step)),
            None => (text, None),
        };
        let start = humantime::parse_rfc3339(time)
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .ok_or("give a time from 1970 on in UTC, such as 2020-01-01T00:00:00Z, or host")?;
        let step = step.map(humantime::parse_duration).transpose();
        let step = step.map_err(|_| {
            "give a time and a step, such as 2020-01-01T00:00:00Z+1ms for a millisecond at each reading"
        })?;
        let clock = Self::Fixed { start, step: step.unwrap_or_default() };
        clock.check().map(|()| clock)
    }
}

#[cfg(feature = "serde")]
impl Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Fixed { start, step } => {
                match UNIX_EPOCH.checked_add(*start) {
                    Some(time) if start.as_secs() < YEAR_10000 => {
                        write!(f, "{}", humantime::format_rfc3339(time))?;
                    }
                    _ => write!(f, "{}s after 1970", start.as_secs())?,
                }
                if step.is_zero() {
                    return Ok(());
                }
                write!(f, "+{}", humantime::format_duration(*step).to_string().replace(' ', ""))
            }
        }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<String> for Clock {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(feature = "serde")]
impl From<Clock> for String {
    fn from(clock: Clock) -> Self {
        clock.to_string()
    }
}
