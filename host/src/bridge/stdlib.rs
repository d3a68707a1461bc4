//! Values of the standard library in the encoding, both ways. What the guest says is checked for
//! being in range, so that nothing beyond has to.

use super::decode::{Decoder, cut_off};
use super::encode::Encoder;
use crate::error::ConversionError;
use crate::error::{Error, Result};
use crate::value::Value;
use crate::value::stdlib::{Date, DateTime, Fraction, Member, Range, Time, TimeDelta, Zone};
use ophidia_abi::{Encoded, NO_OFFSET};

type Encode = Result<(), ConversionError>;

impl Encoder<'_> {
    /// A `datetime.date`.
    pub fn date(&mut self, date: Date) -> Encode {
        self.put(Encoded::Date, &date_bytes(date))
    }

    /// A `datetime.time`.
    pub fn time(&mut self, time: &Time) -> Encode {
        self.put(Encoded::Time, &time_bytes(time))?;
        self.zone(time.zone.as_ref())
    }

    /// A `datetime.datetime`.
    pub fn date_time(&mut self, moment: &DateTime) -> Encode {
        self.put(Encoded::DateTime, &date_bytes(moment.date))?;
        self.put_raw(&time_bytes(&moment.time))?;
        self.zone(moment.time.zone.as_ref())
    }

    fn zone(&mut self, zone: Option<&Zone>) -> Encode {
        let offset = zone.and_then(Zone::offset).unwrap_or(NO_OFFSET);
        self.put_raw(&offset.to_le_bytes())?;
        match zone {
            Some(Zone::Named { name, .. }) => self.str(name),
            _ => self.none(),
        }
    }

    /// A `datetime.timedelta`.
    pub fn time_delta(&mut self, delta: TimeDelta) -> Encode {
        self.put(Encoded::TimeDelta, &delta.days.to_le_bytes())?;
        self.put_raw(&delta.seconds.to_le_bytes())?;
        self.put_raw(&delta.microseconds.to_le_bytes())
    }

    /// A `decimal.Decimal`, from the text of one.
    pub fn decimal(&mut self, text: &str) -> Encode {
        self.put_counted(Encoded::Decimal, text.as_bytes())
    }

    /// A `fractions.Fraction`.
    ///
    /// # Errors
    ///
    /// One of the parts is no `int`.
    pub fn fraction(&mut self, fraction: &Fraction) -> Encode {
        self.put(Encoded::Fraction, &[])?;
        [&fraction.numerator, &fraction.denominator].into_iter().try_for_each(|part| match part {
            Value::Int(number) => self.int(*number),
            Value::BigInt(bytes) => self.big_int(bytes),
            other => Err(ConversionError::mismatch("int", other)),
        })
    }

    /// A `uuid.UUID`, the most significant byte first.
    pub fn uuid(&mut self, bytes: &[u8; 16]) -> Encode {
        self.put(Encoded::Uuid, bytes)
    }

    /// A `pathlib.Path`.
    pub fn path(&mut self, path: &str) -> Encode {
        self.put_counted(Encoded::Path, path.as_bytes())
    }

    /// A `range`.
    pub fn range(&mut self, range: Range) -> Encode {
        self.put(Encoded::Range, &range.start.to_le_bytes())?;
        self.put_raw(&range.stop.to_le_bytes())?;
        self.put_raw(&range.step.to_le_bytes())
    }
}

fn date_bytes(date: Date) -> [u8; 4] {
    let [low, high] = date.year.to_le_bytes();
    [low, high, date.month, date.day]
}

fn time_bytes(time: &Time) -> [u8; 8] {
    let [a, b, c, d] = time.microsecond.to_le_bytes();
    [time.hour, time.minute, time.second, time.fold.into(), a, b, c, d]
}

impl Decoder<'_> {
    pub(super) fn date(&mut self) -> Result<Date> {
        let [low, high, month, day] = self.array()?;
        let date = Date { year: u16::from_le_bytes([low, high]), month, day };
        let fits = (1..=9999).contains(&date.year) && (1..=days_of(&date)).contains(&day);
        if fits { Ok(date) } else { Err(wrong("date", &date)) }
    }

    pub(super) fn time(&mut self) -> Result<Time> {
        let [hour, minute, second, fold, a, b, c, d] = self.array()?;
        let microsecond = u32::from_le_bytes([a, b, c, d]);
        let offset = i64::from_le_bytes(self.array()?);
        let zone = self.zone(offset)?;
        let time = Time { hour, minute, second, microsecond, fold: fold != 0, zone };
        let fits = hour < 24 && minute < 60 && second < 60 && microsecond < 1_000_000;
        // The zone is not told: its name may be of any length.
        if fits { Ok(time) } else { Err(wrong("time", &(hour, minute, second, microsecond))) }
    }

    fn zone(&mut self, offset: i64) -> Result<Option<Zone>> {
        let offset = (offset != NO_OFFSET).then_some(offset);
        if let Some(offset) = offset
            && offset.unsigned_abs() >= 86_400_000_000
        {
            return Err(wrong("offset from UTC", &offset));
        }
        Ok(match self.one_of(&[Encoded::None, Encoded::Str])? {
            Value::Str(name) => Some(Zone::Named { name, offset }),
            _ => offset.map(Zone::Fixed),
        })
    }

    pub(super) fn date_time(&mut self) -> Result<DateTime> {
        Ok(DateTime { date: self.date()?, time: self.time()? })
    }

    pub(super) fn time_delta(&mut self) -> Result<TimeDelta> {
        let delta = TimeDelta {
            days: i32::from_le_bytes(self.array()?),
            seconds: u32::from_le_bytes(self.array()?),
            microseconds: u32::from_le_bytes(self.array()?),
        };
        match TimeDelta::from_microseconds(delta.total_microseconds()) {
            Some(normal) if normal == delta => Ok(delta),
            _ => Err(wrong("timedelta", &delta)),
        }
    }

    pub(super) fn fraction(&mut self) -> Result<Fraction> {
        let ints = [Encoded::Int, Encoded::BigInt];
        let (numerator, denominator) = (self.one_of(&ints)?, self.one_of(&ints)?);
        let positive = match &denominator {
            Value::Int(number) => *number > 0,
            Value::BigInt(bytes) => {
                bytes.last().is_some_and(|top| *top < 0x80) && bytes.iter().any(|byte| *byte != 0)
            }
            _ => false,
        };
        if positive {
            Ok(Fraction { numerator, denominator })
        } else {
            Err(Error::GuestFault(
                "a fraction out of range: its denominator is not positive".into(),
            ))
        }
    }

    pub(super) fn range(&mut self) -> Result<Range> {
        let range = Range {
            start: i64::from_le_bytes(self.array()?),
            stop: i64::from_le_bytes(self.array()?),
            step: i64::from_le_bytes(self.array()?),
        };
        if range.step == 0 { Err(wrong("range", &range)) } else { Ok(range) }
    }

    pub(super) fn member(&mut self) -> Result<Member> {
        match (self.one_of(&[Encoded::Str])?, self.one_of(&[Encoded::Handle])?) {
            (Value::Str(name), Value::Object(object)) => Ok(Member { name, object }),
            _ => Err(cut_off()),
        }
    }

    /// A value without others in it, of one of these kinds.
    fn one_of(&mut self, kinds: &[Encoded]) -> Result<Value> {
        let tag = self.next_tag();
        if tag.is_some_and(|tag| kinds.contains(&tag)) {
            self.value(0)
        } else {
            Err(Error::GuestFault(format!("{tag:?} inside a value, where {kinds:?} has to be")))
        }
    }
}

/// How many days the month has; 0 when there is no such month.
fn days_of(date: &Date) -> u8 {
    let leap = date.year.is_multiple_of(4)
        && (!date.year.is_multiple_of(100) || date.year.is_multiple_of(400));
    match date.month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

fn wrong(what: &str, value: &impl std::fmt::Debug) -> Error {
    Error::GuestFault(format!("a {what} out of range: {value:?}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::bridge::Table;
    use crate::bridge::decode::{Owner, decode};
    use crate::value::handle::Domain;

    fn read(parts: &[&[u8]]) -> Result<Value> {
        let (domain, table) = (Domain::new(1), Table::new(0));
        decode(
            Owner {
                domain: &domain,
                table: &table,
                limit: 1 << 20,
                held: 0,
                holding: None,
                control: None,
            },
            &parts.concat(),
        )
    }

    fn fault(parts: &[&[u8]]) -> String {
        match read(parts) {
            Err(Error::GuestFault(said)) => said,
            other => panic!("{parts:?}: {other:?}"),
        }
    }

    #[test]
    fn what_is_out_of_range_is_a_fault() {
        let (date, time) = ([Encoded::Date as u8], [Encoded::Time as u8]);
        for bytes in [[0, 0, 1, 1], [0x10, 0x27, 1, 1], [1, 0, 0, 1], [1, 0, 13, 1], [1, 0, 1, 0]] {
            assert!(fault(&[&date, &bytes]).contains("a date out of range"), "{bytes:?}");
        }
        assert!(read(&[&date, &[0xd0, 0x07, 2, 29]]).is_ok(), "2000-02-29");
        assert!(fault(&[&date, &[0x6c, 0x07, 2, 29]]).contains("day: 29"), "1900-02-29");
        let (naive, none) = (NO_OFFSET.to_le_bytes(), [Encoded::None as u8]);
        for (i, least) in [24, 60, 60].into_iter().enumerate() {
            let mut bytes = [0; 8];
            bytes[i] = least;
            assert!(fault(&[&time, &bytes, &naive, &none]).contains("a time out of range"));
        }
        let million = [0, 0, 0, 0, 0x40, 0x42, 0x0f, 0];
        assert!(fault(&[&time, &million, &naive, &none]).contains("a time out of range"));
        for offset in [86_400_000_000, -86_400_000_000, i64::MAX, i64::MIN + 1] {
            let said = fault(&[&time, &[0; 8], &offset.to_le_bytes(), &none]);
            assert!(said.contains("offset from UTC out of range"), "{said}");
        }
        assert!(fault(&[&time, &[0; 8], &naive, &[Encoded::True as u8]]).contains("inside"));
        assert!(fault(&[&time, &[0; 8], &naive]).contains("inside"));
        let delta = |days: i32, seconds: u32, microseconds: u32| {
            let parts = [days.to_le_bytes(), seconds.to_le_bytes(), microseconds.to_le_bytes()];
            fault(&[&[Encoded::TimeDelta as u8], &parts.concat()])
        };
        for (days, seconds, rest) in
            [(1_000_000_000, 0, 0), (i32::MIN, 0, 0), (0, 86_400, 0), (0, 0, 1_000_000)]
        {
            assert!(delta(days, seconds, rest).contains("a timedelta out of range"));
        }
        assert!(fault(&[&[Encoded::Range as u8], &[0; 24]]).contains("a range out of range"));
    }

    #[test]
    fn parts_of_another_kind_are_faults() {
        let fraction = [Encoded::Fraction as u8];
        let int = |number: i64| [&[Encoded::Int as u8][..], &number.to_le_bytes()].concat();
        assert!(read(&[&fraction, &int(1), &int(2)]).is_ok());
        for denominator in [int(0), int(-1), vec![Encoded::BigInt as u8, 1, 0, 0, 0, 0x80]] {
            assert!(fault(&[&fraction, &int(1), &denominator]).contains("a fraction out of range"));
        }
        assert!(fault(&[&fraction, &fraction, &int(1)]).contains("inside a value"));
        assert!(fault(&[&fraction.repeat(100_000)]).contains("inside a value"));
        assert!(fault(&[&[Encoded::Member as u8], &int(1)]).contains("inside a value"));
        assert!(fault(&[&[Encoded::Uuid as u8], &[0; 15]]).contains("cut off"));
        let text = [1, 0, 0, 0, 0xff];
        assert!(fault(&[&[Encoded::Decimal as u8], &text]).contains("not UTF-8"));
        assert!(fault(&[&[Encoded::Path as u8], &text]).contains("not UTF-8"));
    }
}
