//! Plain values of Python's standard library that Rust has no type for: dates and times, fractions,
//! ranges and members of enums, as [`Value`] holds them.
//!
//! All are plain data. What comes out of the guest is in range; what goes in is checked by Python.
//! The features `jiff` and `chrono` convert dates and times to the types of these crates.

use crate::value::Object;
use crate::value::Value;
use std::fmt;

/// A `datetime.date`, in the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// From 1 to 9999.
    pub year: u16,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
}

/// A `datetime.time`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Time {
    /// From 0 to 23.
    pub hour: u8,
    /// From 0 to 59.
    pub minute: u8,
    /// From 0 to 59.
    pub second: u8,
    /// From 0 to 999,999.
    pub microsecond: u32,
    /// Whether it is the second of two that read the same, because clocks were set back.
    pub fold: bool,
    /// The time zone, unless it is naive.
    pub zone: Option<Zone>,
}

/// The `tzinfo` of a time. Zones of the program's own classes have no plain form: what has one is an
/// [`Object`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// A `datetime.timezone`: microseconds east of UTC, less than a day. Names are not kept.
    Fixed(i64),
    /// A `zoneinfo.ZoneInfo`. The guest has no time zone data of its own: grant it
    /// `/usr/share/zoneinfo` under that name, or the package `tzdata`, before you send one in.
    Named {
        /// Such as `Europe/Berlin`.
        name: String,
        /// Microseconds east of UTC, as Python works it out; a `time` without a date has none. It is
        /// not looked at on the way in.
        offset: Option<i64>,
    },
}

impl Zone {
    /// Microseconds east of UTC, when they are known.
    #[must_use]
    pub fn offset(&self) -> Option<i64> {
        match self {
            Self::Fixed(offset) => Some(*offset),
            Self::Named { offset, .. } => *offset,
        }
    }
}

/// A `datetime.datetime`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// The day.
    pub date: Date,
    /// The time on that day, and the zone.
    pub time: Time,
}

/// A `datetime.timedelta`: the sum of its fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeDelta {
    /// From -999,999,999 to 999,999,999.
    pub days: i32,
    /// From 0 to 86,399.
    pub seconds: u32,
    /// From 0 to 999,999.
    pub microseconds: u32,
}

impl TimeDelta {
    const DAY: i128 = 86_400_000_000;

    /// All of it in microseconds.
    #[must_use]
    pub fn total_microseconds(self) -> i128 {
        let seconds = i128::from(self.seconds) * 1_000_000;
        i128::from(self.days) * Self::DAY + seconds + i128::from(self.microseconds)
    }

    /// A delta of that many microseconds; `None` when Python cannot hold it.
    #[must_use]
    pub fn from_microseconds(all: i128) -> Option<Self> {
        let days = i32::try_from(all.div_euclid(Self::DAY)).ok()?;
        let rest = all.rem_euclid(Self::DAY);
        let (seconds, microseconds) = (rest / 1_000_000, rest % 1_000_000);
        (days.unsigned_abs() <= 999_999_999).then_some(Self {
            days,
            seconds: u32::try_from(seconds).ok()?,
            microseconds: u32::try_from(microseconds).ok()?,
        })
    }
}

/// A `fractions.Fraction`. Both parts are an `int` of any size; the denominator is positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Fraction {
    /// The numerator.
    pub numerator: Value,
    /// The denominator.
    pub denominator: Value,
}

/// A `range` whose numbers fit 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The first number, unless there is none.
    pub start: i64,
    /// Where it ends: this number is not part of it.
    pub stop: i64,
    /// From one number to the next; not 0.
    pub step: i64,
}

/// A member of an `enum.Enum`. Fieldless enums that derive `FromPython` are made from one by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name in the class.
    pub name: String,
    /// The member itself.
    pub object: Object,
}

/// As in ISO 8601.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// As in ISO 8601; the name of a zone follows in brackets.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second)?;
        if self.microsecond != 0 {
            write!(f, ".{:06}", self.microsecond)?;
        }
        let Some(zone) = &self.zone else { return Ok(()) };
        if let Some(offset) = zone.offset() {
            let (sign, all) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
            let (seconds, microseconds) = (all / 1_000_000, all % 1_000_000);
            write!(f, "{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)?;
            if seconds % 60 != 0 || microseconds != 0 {
                write!(f, ":{:02}", seconds % 60)?;
            }
            if microseconds != 0 {
                write!(f, ".{microseconds:06}")?;
            }
        }
        match zone {
            Zone::Fixed(_) => Ok(()),
            Zone::Named { name, .. } => write!(f, "[{name}]"),
        }
    }
}

/// As in ISO 8601.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.date, self.time)
    }
}

/// As in ISO 8601, in seconds: `-PT1.5S`.
impl fmt::Display for TimeDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.total_microseconds();
        let (sign, all) = (if all < 0 { "-" } else { "" }, all.unsigned_abs());
        write!(f, "{sign}PT{}", all / 1_000_000)?;
        match all % 1_000_000 {
            0 => f.write_str("S"),
            rest => write!(f, ".{rest:06}S"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_in_iso_8601() {
        let date = Date { year: 33, month: 4, day: 3 };
        let zone = Some(Zone::Named { name: "Asia/Jerusalem".into(), offset: Some(8_454_000_000) });
        let time = Time { hour: 15, microsecond: 9, zone, ..Time::default() };
        let text = DateTime { date, time }.to_string();
        assert_eq!(text, "0033-04-03T15:00:00.000009+02:20:54[Asia/Jerusalem]");
        let time = Time { zone: Some(Zone::Fixed(-1)), ..Time::default() };
        assert_eq!(time.to_string(), "00:00:00-00:00:00.000001");
        assert_eq!(TimeDelta::from_microseconds(-1_500_000).unwrap().to_string(), "-PT1.500000S");
    }

    #[test]
    fn deltas_are_sums_of_their_fields() {
        let most = (999_999_999 + 1) * TimeDelta::DAY - 1;
        for all in [0, 1, -1, -86_400_000_000, most, -999_999_999 * TimeDelta::DAY] {
            assert_eq!(TimeDelta::from_microseconds(all).unwrap().total_microseconds(), all);
        }
        for all in [most + 1, -999_999_999 * TimeDelta::DAY - 1, i128::MAX, i128::MIN] {
            assert_eq!(TimeDelta::from_microseconds(all), None);
        }
    }
}
