//! A `Value` as text: what `repr` gives in Python, to a bound.

use super::Value;
use super::stdlib::{DateTime, Range, Time, TimeDelta, Zone};
use std::fmt::{self, Write};

/// Characters after which the text is cut off.
const LONGEST: usize = 16 << 10;

/// Containers in one another that are shown.
const DEPTH: usize = 64;

/// Bytes of an `int` that is written in decimal.
const DIGITS: usize = 512;

/// As Python's `repr`, cut off with `…` after 16 Ki characters. Objects that live in the guest have no text here:
/// [`Object::repr`](crate::Object::repr) asks the interpreter.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Bounded { f, left: LONGEST };
        match write(&mut out, self, DEPTH) {
            Err(fmt::Error) if out.left == 0 => f.write_char('…'),
            other => other,
        }
    }
}

/// Takes so many characters and fails then.
struct Bounded<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    left: usize,
}

impl Write for Bounded<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.char_indices().nth(self.left) {
            None => {
                self.left -= text.chars().count();
                self.f.write_str(text)
            }
            Some((end, _)) => {
                self.left = 0;
                self.f.write_str(text.get(..end).unwrap_or_default())?;
                Err(fmt::Error)
            }
        }
    }
}

type Out<'a, 'b, 'c> = &'a mut Bounded<'b, 'c>;

fn write(out: Out<'_, '_, '_>, value: &Value, depth: usize) -> fmt::Result {
    match value {
        Value::None => out.write_str("None"),
        Value::Bool(true) => out.write_str("True"),
        Value::Bool(false) => out.write_str("False"),
        Value::Int(number) => write!(out, "{number}"),
        Value::BigInt(bytes) => big_int(out, bytes),
        Value::Float(number) => float(out, *number, true),
        Value::Complex { real, imaginary } => complex(out, *real, *imaginary),
        Value::Str(text) => quoted(out, text),
        Value::WideStr(bytes) => quoted(out, &String::from_utf8_lossy(bytes)),
        Value::Bytes(data) => bytes(out, data),
        Value::List(items) => items_in(out, ("[", "]"), items, depth),
        Value::Tuple(items) if items.len() == 1 => items_in(out, ("(", ",)"), items, depth),
        Value::Tuple(items) => items_in(out, ("(", ")"), items, depth),
        Value::Set(items) if items.is_empty() => out.write_str("set()"),
        Value::Set(items) => items_in(out, ("{", "}"), items, depth),
        Value::FrozenSet(items) if items.is_empty() => out.write_str("frozenset()"),
        Value::FrozenSet(items) => items_in(out, ("frozenset({", "})"), items, depth),
        Value::Dict(pairs) => dict(out, pairs, depth),
        Value::Date(date) => {
            write!(out, "datetime.date({}, {}, {})", date.year, date.month, date.day)
        }
        Value::Time(time) => {
            out.write_str("datetime.time(")?;
            time_of_day(out, time)?;
            zone(out, time)
        }
        Value::DateTime(moment) => {
            let DateTime { date, time } = &**moment;
            write!(out, "datetime.datetime({}, {}, {}, ", date.year, date.month, date.day)?;
            time_of_day(out, time)?;
            zone(out, time)
        }
        Value::TimeDelta(delta) => time_delta(out, *delta),
        Value::Decimal(text) => write!(out, "Decimal('{text}')"),
        Value::Fraction(fraction) => {
            out.write_str("Fraction(")?;
            write(out, &fraction.numerator, 0)?;
            out.write_str(", ")?;
            write(out, &fraction.denominator, 0)?;
            out.write_str(")")
        }
        Value::Uuid(bytes) => uuid(out, bytes),
        Value::Pid(pid) => write!(out, "{pid}"),
        Value::Ref(reference) => write!(out, "{reference}"),
        Value::Path(path) => {
            out.write_str("PosixPath(")?;
            quoted(out, path)?;
            out.write_str(")")
        }
        Value::Range(range) => match **range {
            Range { start, stop, step: 1 } => write!(out, "range({start}, {stop})"),
            Range { start, stop, step } => write!(out, "range({start}, {stop}, {step})"),
        },
        Value::Member(member) => write!(out, "<member {}>", member.name),
        Value::Host(_) => out.write_str("<host object>"),
        Value::Object(_) => out.write_str("<object>"),
    }
}

fn items_in(
    out: Out<'_, '_, '_>,
    (open, close): (&str, &str),
    items: &[Value],
    depth: usize,
) -> fmt::Result {
    out.write_str(open)?;
    match depth.checked_sub(1) {
        None if !items.is_empty() => out.write_str("...")?,
        None => {}
        Some(depth) => {
            for (i, item) in items.iter().enumerate() {
                out.write_str(if i == 0 { "" } else { ", " })?;
                write(out, item, depth)?;
            }
        }
    }
    out.write_str(close)
}

fn dict(out: Out<'_, '_, '_>, pairs: &[(Value, Value)], depth: usize) -> fmt::Result {
    out.write_str("{")?;
    match depth.checked_sub(1) {
        None if !pairs.is_empty() => out.write_str("...")?,
        None => {}
        Some(depth) => {
            for (i, (key, value)) in pairs.iter().enumerate() {
                out.write_str(if i == 0 { "" } else { ", " })?;
                write(out, key, depth)?;
                out.write_str(": ")?;
                write(out, value, depth)?;
            }
        }
    }
    out.write_str("}")
}

/// The shortest digits that give the same number, an exponent where Python writes one. `point`: whether a whole
/// number ends in `.0`.
fn float(out: Out<'_, '_, '_>, number: f64, point: bool) -> fmt::Result {
    if number.is_nan() {
        return out.write_str("nan");
    }
    if number.is_infinite() {
        return out.write_str(if number < 0.0 { "-inf" } else { "inf" });
    }
    let magnitude = number.abs();
    if number == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return match point && number.fract() == 0.0 {
            true => write!(out, "{number:.1}"),
            false => write!(out, "{number}"),
        };
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(out, "{digits}e{sign}{exponent:0>2}")
}

fn complex(out: Out<'_, '_, '_>, real: f64, imaginary: f64) -> fmt::Result {
    if real == 0.0 && real.is_sign_positive() {
        float(out, imaginary, false)?;
        return out.write_str("j");
    }
    out.write_str("(")?;
    float(out, real, false)?;
    if imaginary.is_nan() || imaginary.is_sign_positive() {
        out.write_str("+")?;
    }
    float(out, imaginary, false)?;
    out.write_str("j)")
}

/// In decimal; a number of more than 512 bytes as its size alone.
fn big_int(out: Out<'_, '_, '_>, bytes: &[u8]) -> fmt::Result {
    if bytes.len() > DIGITS {
        return write!(out, "<int of {} bytes>", bytes.len());
    }
    let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
    // The magnitude, then nine decimal digits at a time.
    let mut carry = u16::from(negative);
    let mut rest: Vec<u8> = bytes
        .iter()
        .map(|byte| {
            let sum = u16::from(if negative { !byte } else { *byte }) + carry;
            carry = sum >> 8;
            (sum & 0xff) as u8
        })
        .collect();
    rest.push(carry as u8);
    let mut groups = Vec::new();
    while rest.iter().any(|byte| *byte != 0) {
        let mut remainder = 0u64;
        for byte in rest.iter_mut().rev() {
            let value = remainder << 8 | u64::from(*byte);
            *byte = (value / 1_000_000_000) as u8;
            remainder = value % 1_000_000_000;
        }
        groups.push(remainder);
    }
    out.write_str(if negative { "-" } else { "" })?;
    write!(out, "{}", groups.pop().unwrap_or_default())?;
    groups.iter().rev().try_for_each(|group| write!(out, "{group:09}"))
}

/// In the quotes that need no backslash, if there are any.
fn quoted(out: Out<'_, '_, '_>, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.write_char(quote)?;
    for letter in text.chars() {
        match letter {
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            letter if letter == quote => write!(out, "\\{letter}")?,
            letter if letter.is_ascii_control() || ('\u{80}'..'\u{a1}').contains(&letter) => {
                write!(out, "\\x{:02x}", u32::from(letter))?;
            }
            letter => out.write_char(letter)?,
        }
    }
    out.write_char(quote)
}

fn bytes(out: Out<'_, '_, '_>, bytes: &[u8]) -> fmt::Result {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    write!(out, "b{}", char::from(quote))?;
    for byte in bytes {
        match *byte {
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            byte if byte == quote => write!(out, "\\{}", char::from(byte))?,
            byte @ 0x20..0x7f => out.write_char(byte.into())?,
            byte => write!(out, "\\x{byte:02x}")?,
        }
    }
    out.write_char(quote.into())
}

fn time_of_day(out: Out<'_, '_, '_>, time: &Time) -> fmt::Result {
    write!(out, "{}, {}", time.hour, time.minute)?;
    if time.second != 0 || time.microsecond != 0 {
        write!(out, ", {}", time.second)?;
    }
    if time.microsecond != 0 {
        write!(out, ", {}", time.microsecond)?;
    }
    if time.fold { out.write_str(", fold=1") } else { Ok(()) }
}

fn zone(out: Out<'_, '_, '_>, time: &Time) -> fmt::Result {
    match &time.zone {
        None => {}
        Some(Zone::Fixed(0)) => out.write_str(", tzinfo=datetime.timezone.utc")?,
        Some(Zone::Fixed(offset)) => {
            out.write_str(", tzinfo=datetime.timezone(")?;
            let offset = TimeDelta::from_microseconds(i128::from(*offset)).unwrap_or_default();
            time_delta(out, offset)?;
            out.write_str(")")?;
        }
        Some(Zone::Named { name, .. }) => {
            out.write_str(", tzinfo=zoneinfo.ZoneInfo(key=")?;
            quoted(out, name)?;
            out.write_str(")")?;
        }
    }
    out.write_str(")")
}

fn time_delta(out: Out<'_, '_, '_>, delta: TimeDelta) -> fmt::Result {
    let fields = [
        ("days", i64::from(delta.days)),
        ("seconds", i64::from(delta.seconds)),
        ("microseconds", i64::from(delta.microseconds)),
    ];
    out.write_str("datetime.timedelta(")?;
    let mut between = "";
    for (name, value) in fields.iter().filter(|(_, value)| *value != 0) {
        write!(out, "{between}{name}={value}")?;
        between = ", ";
    }
    out.write_str(if between.is_empty() { "0)" } else { ")" })
}

fn uuid(out: Out<'_, '_, '_>, bytes: &[u8; 16]) -> fmt::Result {
    out.write_str("UUID('")?;
    for (i, byte) in bytes.iter().enumerate() {
        out.write_str(if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" })?;
        write!(out, "{byte:02x}")?;
    }
    out.write_str("')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_data_reads_as_in_python() {
        // A round trip through a guest is in tests/all/values.rs.
        let nested = Value::from((1, "it's", vec![Some(1.5), None]));
        assert_eq!(nested.to_string(), r#"(1, "it's", [1.5, None])"#);
        assert_eq!(Value::from((true,)).to_string(), "(True,)");
        for (number, text) in [
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (1.25e-5, "1.25e-05"),
            (0.0001, "0.0001"),
            (-0.0, "-0.0"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(Value::from(number).to_string(), text);
        }
        assert_eq!(Value::from(u128::MAX).to_string(), u128::MAX.to_string());
        assert_eq!(Value::from(i128::MIN).to_string(), i128::MIN.to_string());
    }

    #[test]
    fn long_and_deep_values_are_cut_off() {
        let long = Value::from("ä".repeat(1 << 20)).to_string();
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.ends_with('…'));
        let mut deep = Value::None;
        for _ in 0..100 {
            deep = Value::List(vec![deep]);
        }
        assert!(deep.to_string().contains("[...]"));
        assert_eq!(Value::BigInt(vec![1; 1000]).to_string(), "<int of 1000 bytes>");
    }
}
