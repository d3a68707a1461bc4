//! Types of other crates as Python values: dates and times, big integers, decimals, identifiers.

use crate::conversions::{berlin, python, python_with};
use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use jiff::civil::{self, date, time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};
use num_bigint::{BigInt, BigUint};
use ophidia::{FromPython, Interpreter, ToPython};
use rust_decimal::Decimal;
use std::fmt::Debug;
use uuid::Uuid;

/// Goes in, is what the expression says, and comes out as it was.
fn same<T: ToPython + FromPython + PartialEq + Debug>(py: &mut Interpreter, value: T, repr: &str) {
    let object = py.object(&value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    assert_eq!(object.repr(py).expect("a text"), repr);
    assert_eq!(object.extract::<T>(py).expect(repr), value);
}

fn refused<T: FromPython + Debug>(py: &mut Interpreter, source: &str, said: &str) {
    let object = py.eval_object(source).expect(source);
    let error = object.extract::<T>(py).expect_err(source).to_string();
    assert!(error.contains(said), "{source}: {error}");
}

#[test]
fn jiff() {
    let mut py = python();
    same(&mut py, date(1, 1, 1), "datetime.date(1, 1, 1)");
    same(&mut py, date(9999, 12, 31), "datetime.date(9999, 12, 31)");
    same(&mut py, time(23, 59, 59, 999_999_000), "datetime.time(23, 59, 59, 999999)");
    let moment = civil::datetime(2024, 2, 29, 1, 2, 3, 4_000);
    same(&mut py, moment, "datetime.datetime(2024, 2, 29, 1, 2, 3, 4)");
    let before = Timestamp::from_microsecond(-1).expect("a time");
    let repr = "datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.timezone.utc)";
    same(&mut py, before, repr);
    let east = TimeZone::fixed(Offset::constant(-3));
    let zoned = moment.to_zoned(east).expect("a time");
    let zone = "datetime.timezone(datetime.timedelta(days=-1, seconds=75600))";
    same(&mut py, zoned, &format!("datetime.datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo={zone})"));
    same(&mut py, SignedDuration::from_micros(-1), {
        "datetime.timedelta(days=-1, seconds=86399, microseconds=999999)"
    });
    for source in ["timedelta.min", "timedelta.max"] {
        let object = py.eval_object(source).expect(source);
        let delta: SignedDuration = object.extract(&mut py).expect(source);
        let same: bool = object.call_method_as(&mut py, "__eq__", (delta,)).expect("told");
        assert!(same, "{source}: {delta}");
    }

    for year in [0, -1] {
        let error = py.object(date(year, 1, 1)).expect_err("before Python's time").to_string();
        assert!(error.contains("a year from 1 to 9999"), "{error}");
    }
    refused::<Timestamp>(&mut py, "datetime.datetime(2024, 1, 1)", "a datetime with a zone");
    refused::<civil::DateTime>(&mut py, "datetime.datetime.now(timezone.utc)", "without a zone");
    refused::<Timestamp>(&mut py, "datetime.datetime.max.replace(tzinfo=timezone.utc)", "range");
    let odd = "datetime.datetime.now(timezone(timedelta(microseconds=1)))";
    refused::<Zoned>(&mut py, odd, "an offset of whole seconds");
    refused::<civil::Date>(&mut py, "datetime.datetime(2024, 1, 1)", "expected date, got datetime");
}

#[test]
fn jiff_with_named_zones() {
    let folder = berlin();
    let mut py = python_with(folder.path());
    let zone = TimeZone::get("Europe/Berlin").expect("bundled");
    for (hour, fold) in [(0, ""), (1, ", fold=1")] {
        let twice = civil::datetime(2024, 10, 27, 2, 30, 0, 0).to_zoned(zone.clone());
        let twice = twice.and_then(|first| first.checked_add(SignedDuration::from_hours(hour)));
        let repr = format!(
            "datetime.datetime(2024, 10, 27, 2, 30{fold}, \
             tzinfo=zoneinfo.ZoneInfo(key='Europe/Berlin'))"
        );
        same(&mut py, twice.expect("a time"), &repr);
    }
    py.run("made = zoneinfo.ZoneInfo.from_file(open('/usr/share/zoneinfo/Europe/Berlin', 'rb'), key='../x')")
        .expect("runs");
    refused::<Zoned>(&mut py, "datetime.datetime(2024, 1, 1, tzinfo=made)", "../x");
}

#[test]
fn chrono() {
    let mut py = python();
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a date");
    same(&mut py, day(1, 1, 1), "datetime.date(1, 1, 1)");
    same(&mut py, day(9999, 12, 31), "datetime.date(9999, 12, 31)");
    let late = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time");
    same(&mut py, late, "datetime.time(23, 59, 59, 999999)");
    let moment = day(2024, 2, 29).and_time(late);
    let repr = "datetime.datetime(2024, 2, 29, 23, 59, 59, 999999";
    same(&mut py, moment, &format!("{repr})"));
    same(&mut py, moment.and_utc(), &format!("{repr}, tzinfo=datetime.timezone.utc)"));
    let offset = FixedOffset::east_opt(-3_600).expect("an offset");
    let zone = "datetime.timezone(datetime.timedelta(days=-1, seconds=82800))";
    let moment = moment.and_local_timezone(offset).single().expect("one time");
    same(&mut py, moment, &format!("{repr}, tzinfo={zone})"));
    same(&mut py, chrono::TimeDelta::microseconds(-1), {
        "datetime.timedelta(days=-1, seconds=86399, microseconds=999999)"
    });

    assert!(py.object(day(0, 1, 1)).is_err() && py.object(NaiveDate::MAX).is_err());
    assert!(py.object(chrono::DateTime::<Utc>::MAX_UTC).is_err());
    assert!(py.object(chrono::TimeDelta::MAX).is_err());
    let leap = NaiveTime::from_hms_milli_opt(23, 59, 59, 1_500).expect("a leap second");
    assert!(py.object(leap).expect_err("no such").to_string().contains("a leap second"));
    refused::<chrono::DateTime<Utc>>(&mut py, "datetime.datetime.min", "a datetime with a zone");
    refused::<NaiveDateTime>(&mut py, "datetime.datetime.now(timezone.utc)", "without a zone");
    let edge = "datetime.datetime.min.replace(tzinfo=timezone(timedelta(hours=23)))";
    let object = py.eval_object(edge).expect("a datetime");
    let utc: chrono::DateTime<Utc> = object.extract(&mut py).expect("fits chrono");
    assert_eq!(utc.to_rfc3339(), "0000-12-31T01:00:00+00:00");
}

#[test]
fn numbers_and_identifiers() {
    let mut py = python();
    let large = BigInt::from(-7).pow(99);
    same(&mut py, large.clone(), &large.to_string());
    same(&mut py, BigInt::from(i64::MIN), "-9223372036854775808");
    let large = BigUint::from(2u8).pow(512) - 1u8;
    same(&mut py, large.clone(), &large.to_string());
    refused::<BigUint>(&mut py, "-2 ** 99", "a negative one");
    same(&mut py, Decimal::MAX, "Decimal('79228162514264337593543950335')");
    same(&mut py, Decimal::new(-100, 28), "Decimal('-1.00E-26')");
    same(&mut py, Decimal::new(150, 2), "Decimal('1.50')");
    for source in ["'NaN'", "'-Infinity'", "'1E+999999'", "'1E-999999'", "2 ** 97", "2 ** 9999"] {
        let source = format!("decimal.Decimal({source})");
        refused::<Decimal>(&mut py, &source, "a Decimal of 96 bits");
    }
    same(&mut py, Uuid::from_u128(1), "UUID('00000000-0000-0000-0000-000000000001')");
    refused::<Uuid>(&mut py, "'00000000-0000-0000-0000-000000000001'", "expected UUID, got str");
}
