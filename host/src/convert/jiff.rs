//! The dates and times of the crate `jiff`. Needs the feature `jiff`.
//!
//! Python counts microseconds and years from 1 to 9999: what is less is cut off, other years are
//! errors.

use super::stdlib::delta;
use super::{ConversionError, FromPython, ToPython};
use crate::bridge::Encoder;
use crate::value::Value;
use crate::value::stdlib::{self as values, TimeDelta, Zone};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

/// jiff's refusal of what does not fit.
fn refused(error: impl std::fmt::Display) -> ConversionError {
    ConversionError::other(error.to_string())
}

fn to_date(date: Date) -> Result<values::Date, ConversionError> {
    let year = u16::try_from(date.year()).ok().filter(|year| (1..=9999).contains(year));
    let year =
        year.ok_or_else(|| ConversionError::new("a year from 1 to 9999", date.year().to_string()))?;
    Ok(values::Date { year, month: date.month().unsigned_abs(), day: date.day().unsigned_abs() })
}

fn to_time(time: Time, zone: Option<Zone>) -> values::Time {
    values::Time {
        hour: time.hour().unsigned_abs(),
        minute: time.minute().unsigned_abs(),
        second: time.second().unsigned_abs(),
        microsecond: time.subsec_nanosecond().unsigned_abs() / 1_000,
        fold: false,
        zone,
    }
}

fn to_date_time(moment: DateTime, zone: Option<Zone>) -> Result<values::DateTime, ConversionError> {
    Ok(values::DateTime { date: to_date(moment.date())?, time: to_time(moment.time(), zone) })
}

fn from_date(date: values::Date) -> Result<Date, ConversionError> {
    let year = i16::try_from(date.year).map_err(refused)?;
    Date::new(year, date.month.cast_signed(), date.day.cast_signed()).map_err(refused)
}

fn from_time(time: &values::Time) -> Result<Time, ConversionError> {
    let nanosecond = time.microsecond.checked_mul(1_000).and_then(|all| i32::try_from(all).ok());
    let nanosecond = nanosecond.unwrap_or(i32::MAX);
    Time::new(
        time.hour.cast_signed(),
        time.minute.cast_signed(),
        time.second.cast_signed(),
        nanosecond,
    )
    .map_err(refused)
}

fn naive<T>(made: T, zone: Option<&Zone>) -> Result<T, ConversionError> {
    match zone {
        None => Ok(made),
        Some(_) => Err(ConversionError::new("a time without a zone", "one with a zone")),
    }
}

fn from_date_time(moment: &values::DateTime) -> Result<DateTime, ConversionError> {
    Ok(from_date(moment.date)?.to_datetime(from_time(&moment.time)?))
}

fn from_aware(moment: &values::DateTime) -> Result<Timestamp, ConversionError> {
    let offset = moment
        .time
        .zone
        .as_ref()
        .and_then(Zone::offset)
        .ok_or_else(|| ConversionError::new("a datetime with a zone", "one without"))?;
    let utc = Offset::UTC.to_timestamp(from_date_time(moment)?).map_err(refused)?;
    utc.checked_sub(SignedDuration::from_micros(offset)).map_err(refused)
}

/// A `date`.
impl ToPython for Date {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.date(to_date(*self)?)
    }
}

impl FromPython for Date {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        values::Date::from_python(value).and_then(from_date)
    }
}

/// A `time` without a zone.
impl ToPython for Time {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.time(&to_time(*self, None))
    }
}

/// A `time` without a zone.
impl FromPython for Time {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let time = values::Time::from_python(value)?;
        naive(from_time(&time)?, time.zone.as_ref())
    }
}

/// A `datetime` without a zone.
impl ToPython for DateTime {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.date_time(&to_date_time(*self, None)?)
    }
}

/// A `datetime` without a zone.
impl FromPython for DateTime {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let moment = values::DateTime::from_python(value)?;
        naive(from_date_time(&moment)?, moment.time.zone.as_ref())
    }
}

/// A `datetime` in UTC.
impl ToPython for Timestamp {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.date_time(&to_date_time(Offset::UTC.to_datetime(*self), Some(Zone::Fixed(0)))?)
    }
}

/// A `datetime` with a zone.
impl FromPython for Timestamp {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        values::DateTime::from_python(value).and_then(|moment| from_aware(&moment))
    }
}

/// A `datetime` with a zone: a `ZoneInfo` where it has a name, for which the guest needs the
/// data.
impl ToPython for Zoned {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        let offset = i64::from(self.offset().seconds()) * 1_000_000;
        let zone = match self.time_zone().iana_name() {
            Some(name) if *self.time_zone() != TimeZone::UTC => {
                Zone::Named { name: name.to_owned(), offset: Some(offset) }
            }
            _ => Zone::Fixed(offset),
        };
        let mut moment = to_date_time(self.datetime(), Some(zone))?;
        // The second time that clocks show this.
        let first = self.time_zone().to_ambiguous_timestamp(self.datetime()).earlier();
        moment.time.fold = first.is_ok_and(|first| first < self.timestamp());
        out.date_time(&moment)
    }
}

/// A `datetime` with a zone; a name has to be one that this host has the data of.
impl FromPython for Zoned {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let moment = values::DateTime::from_python(value)?;
        let timestamp = from_aware(&moment)?;
        let zone = match moment.time.zone {
            Some(Zone::Named { name, .. }) => TimeZone::get(&name).map_err(refused)?,
            Some(Zone::Fixed(offset)) if offset % 1_000_000 == 0 => {
                let seconds = i32::try_from(offset / 1_000_000).map_err(refused)?;
                TimeZone::fixed(Offset::from_seconds(seconds).map_err(refused)?)
            }
            _ => return Err(ConversionError::new("an offset of whole seconds", "another")),
        };
        Ok(timestamp.to_zoned(zone))
    }
}

/// A `timedelta`.
impl ToPython for SignedDuration {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.time_delta(delta(self.as_micros())?)
    }
}

impl FromPython for SignedDuration {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let all = TimeDelta::from_python(value)?.total_microseconds();
        let (seconds, rest) = (all.div_euclid(1_000_000), all.rem_euclid(1_000_000));
        let seconds = i64::try_from(seconds).map_err(refused)?;
        let nanoseconds = i32::try_from(rest * 1_000).map_err(refused)?;
        Ok(Self::from_secs(seconds).saturating_add(Self::new(0, nanoseconds)))
    }
}
