//! The dates and times of the crate `chrono`. Needs the feature `chrono`.
//!
//! Python counts microseconds and years from 1 to 9999: what is less is cut off, other years are
//! errors, as are leap seconds.

use super::stdlib::delta;
use super::{ConversionError, FromPython, ToPython};
use crate::bridge::Encoder;
use crate::value::Value;
use crate::value::stdlib::{self as values, Zone};
use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta,
    TimeZone, Timelike, Utc,
};

fn to_date(date: NaiveDate) -> Result<values::Date, ConversionError> {
    let year = u16::try_from(date.year()).ok().filter(|year| (1..=9999).contains(year));
    let year =
        year.ok_or_else(|| ConversionError::new("a year from 1 to 9999", date.year().to_string()))?;
    let small = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    Ok(values::Date { year, month: small(date.month()), day: small(date.day()) })
}

fn to_time(time: NaiveTime, zone: Option<Zone>) -> Result<values::Time, ConversionError> {
    let microsecond = time.nanosecond() / 1_000;
    if microsecond >= 1_000_000 {
        return Err(ConversionError::new("a time that Python knows", "a leap second"));
    }
    let small = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    Ok(values::Time {
        hour: small(time.hour()),
        minute: small(time.minute()),
        second: small(time.second()),
        microsecond,
        fold: false,
        zone,
    })
}

fn to_date_time(
    moment: NaiveDateTime,
    zone: Option<Zone>,
) -> Result<values::DateTime, ConversionError> {
    Ok(values::DateTime { date: to_date(moment.date())?, time: to_time(moment.time(), zone)? })
}

fn from_date(date: values::Date) -> Result<NaiveDate, ConversionError> {
    NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
        .ok_or_else(|| ConversionError::new("a date", date.to_string()))
}

fn from_time(time: &values::Time) -> Result<NaiveTime, ConversionError> {
    let (hour, minute, second) = (time.hour.into(), time.minute.into(), time.second.into());
    NaiveTime::from_hms_micro_opt(hour, minute, second, time.microsecond)
        .ok_or_else(|| ConversionError::new("a time", time.to_string()))
}

fn from_date_time(moment: &values::DateTime) -> Result<NaiveDateTime, ConversionError> {
    Ok(from_date(moment.date)?.and_time(from_time(&moment.time)?))
}

fn naive<T>(made: T, zone: Option<&Zone>) -> Result<T, ConversionError> {
    match zone {
        None => Ok(made),
        Some(_) => Err(ConversionError::new("a time without a zone", "one with a zone")),
    }
}

/// A `date`.
impl ToPython for NaiveDate {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.date(to_date(*self)?)
    }
}

impl FromPython for NaiveDate {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        values::Date::from_python(value).and_then(from_date)
    }
}

/// A `time` without a zone.
impl ToPython for NaiveTime {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.time(&to_time(*self, None)?)
    }
}

/// A `time` without a zone.
impl FromPython for NaiveTime {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let time = values::Time::from_python(value)?;
        naive(from_time(&time)?, time.zone.as_ref())
    }
}

/// A `datetime` without a zone.
impl ToPython for NaiveDateTime {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.date_time(&to_date_time(*self, None)?)
    }
}

/// A `datetime` without a zone.
impl FromPython for NaiveDateTime {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let moment = values::DateTime::from_python(value)?;
        naive(from_date_time(&moment)?, moment.time.zone.as_ref())
    }
}

/// A `datetime` with the offset from UTC that it has then, whatever the zone.
impl<Z: TimeZone> ToPython for DateTime<Z> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        let offset = self.offset().fix();
        let zone = Zone::Fixed(i64::from(offset.local_minus_utc()) * 1_000_000);
        let local = self.naive_utc().checked_add_offset(offset);
        let local =
            local.ok_or_else(|| ConversionError::new("a year from 1 to 9999", "another"))?;
        out.date_time(&to_date_time(local, Some(zone))?)
    }
}

/// A `datetime` with a zone.
impl FromPython for DateTime<FixedOffset> {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let moment = values::DateTime::from_python(value)?;
        let east = moment
            .time
            .zone
            .as_ref()
            .and_then(Zone::offset)
            .ok_or_else(|| ConversionError::new("a datetime with a zone", "one without"))?;
        let seconds = i32::try_from(east / 1_000_000).ok().filter(|_| east % 1_000_000 == 0);
        let offset = seconds
            .and_then(FixedOffset::east_opt)
            .ok_or_else(|| ConversionError::new("an offset of whole seconds", "another"))?;
        let local = from_date_time(&moment)?;
        let utc = local.checked_sub_offset(offset);
        let utc = utc.ok_or_else(|| ConversionError::new("a datetime", moment.to_string()))?;
        Ok(offset.from_utc_datetime(&utc))
    }
}

/// A `datetime` with any zone.
impl FromPython for DateTime<Utc> {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        DateTime::<FixedOffset>::from_python(value).map(Into::into)
    }
}

/// A `timedelta`.
impl ToPython for TimeDelta {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        let whole = i128::from(self.num_seconds()) * 1_000_000;
        out.time_delta(delta(whole + i128::from(self.subsec_nanos() / 1_000))?)
    }
}

impl FromPython for TimeDelta {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let delta = values::TimeDelta::from_python(value)?;
        let seconds = i64::from(delta.days) * 86_400 + i64::from(delta.seconds);
        let nanoseconds = delta.microseconds.checked_mul(1_000);
        nanoseconds
            .and_then(|nanoseconds| Self::new(seconds, nanoseconds))
            .ok_or_else(|| ConversionError::new("a timedelta", delta.to_string()))
    }
}
