//! Values of Python's standard library, and the types of Rust's that mean the same.

use super::{ConversionError, FromPython, ToPython};
use crate::bridge::Encoder;
use crate::value::Value;
use crate::value::stdlib::{Date, DateTime, Fraction, Member, Range, Time, TimeDelta};
use std::path::{Path, PathBuf};
use std::time::Duration;

macro_rules! values {
    ($($ty:ident $name:literal |$value:ident, $out:ident| $write:expr, $inner:ident $read:expr;)*) => {$(
        impl ToPython for $ty {
            fn to_python(&self, $out: &mut Encoder<'_>) -> Result<(), ConversionError> {
                let $value = self;
                $write
            }
        }

        impl FromPython for $ty {
            fn from_python(value: Value) -> Result<Self, ConversionError> {
                match value {
                    Value::$ty($inner) => Ok($read),
                    other => Err(ConversionError::mismatch($name, &other)),
                }
            }
        }
    )*};
}

values! {
    Date "date" |date, out| out.date(*date), date date;
    Time "time" |time, out| out.time(time), time *time;
    DateTime "datetime" |moment, out| out.date_time(moment), moment *moment;
    TimeDelta "timedelta" |delta, out| out.time_delta(*delta), delta delta;
    Fraction "Fraction" |fraction, out| out.fraction(fraction), fraction *fraction;
    Range "range" |range, out| out.range(*range), range *range;
    Member "a member of an Enum" |member, out| out.object(&member.object), member *member;
}

/// A `timedelta`, of whole microseconds: what is less is cut off.
impl ToPython for Duration {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.time_delta(delta(i128::try_from(self.as_micros()).unwrap_or(i128::MAX))?)
    }
}

/// A `timedelta` that is not negative.
impl FromPython for Duration {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let delta = TimeDelta::from_python(value)?;
        let seconds = u64::try_from(delta.days).map_err(|_| {
            ConversionError::new("a timedelta that is not negative", delta.to_string())
        })? * 86_400;
        Ok(Self::new(seconds + u64::from(delta.seconds), delta.microseconds * 1_000))
    }
}

/// A `timedelta` of so many microseconds.
pub(super) fn delta(microseconds: i128) -> Result<TimeDelta, ConversionError> {
    TimeDelta::from_microseconds(microseconds)
        .ok_or_else(|| ConversionError::new("a time of at most 999999999 days", "more"))
}

/// A `pathlib.Path`.
impl ToPython for Path {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        match self.to_str() {
            Some(path) => out.path(path),
            None => Err(ConversionError::new("a path in UTF-8", format!("{self:?}"))),
        }
    }
}

/// A `pathlib.Path`.
impl ToPython for PathBuf {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        self.as_path().to_python(out)
    }
}

/// A `pathlib.Path` or `str`.
impl FromPython for PathBuf {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Path(path) | Value::Str(path) => Ok(path.into()),
            other => Err(ConversionError::mismatch("Path or str", &other)),
        }
    }
}

/// A `range`.
impl ToPython for std::ops::Range<i64> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.range(Range { start: self.start, stop: self.end, step: 1 })
    }
}

/// A `range` in steps of 1.
impl FromPython for std::ops::Range<i64> {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let Range { start, stop, step } = Range::from_python(value)?;
        match step {
            1 => Ok(start..stop),
            step => Err(ConversionError::new("a range in steps of 1", format!("of {step}"))),
        }
    }
}
