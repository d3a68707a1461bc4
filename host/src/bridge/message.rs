//! Messages between interpreters: looked through on their way, and made into values where Rust receives them. What
//! numbers something of one interpreter, such as a handle, means something else in another, and goes no further.

use super::decode::{Owner, cut_off, decode_message};
use super::{Encoder, Table};
use crate::error::{ConversionError, Error, Result};
use crate::value::handle::Domain;
use crate::value::{Pid, Ref, Value};
use ophidia_abi::{Encoded, MAX_DEPTH};

type Encode = Result<(), ConversionError>;

/// Checks that the bytes are one value of plain data, pids, references and arrays.
pub(crate) fn check_message(bytes: &[u8]) -> Result<()> {
    let mut input = Walk { rest: bytes };
    input.value(0)?;
    match input.rest.len() {
        0 => Ok(()),
        left => Err(Error::GuestFault(format!("{left} bytes after a message"))),
    }
}

/// What a message of one Python side to another begins with: the tuple of a word and what it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head<'a> {
    pub(crate) word: &'a str,
    pub(crate) about: Option<Pid>,
    /// The number of a call.
    pub(crate) number: Option<u64>,
}

/// The head of a message that was checked, if it has one. Of a call it is about who calls.
pub(crate) fn message_head(bytes: &[u8]) -> Option<Head<'_>> {
    let mut input = Walk { rest: bytes };
    input.expect(Encoded::Tuple).ok()?;
    let parts = input.count(1).ok()?;
    input.expect(Encoded::Str).ok()?;
    let word = input.text().ok()?;
    let about = if parts > 1 { input.about() } else { None };
    let number = about.and_then(|_| input.number());
    Some(Head { word, about, number })
}

/// The value of a message that was checked, and the bytes of the host that it takes. An array is the tuple of `""`, its
/// type in numpy's words, its shape, and its bytes.
pub(crate) fn read_message(bytes: &[u8], limit: u64) -> Result<(Value, u64)> {
    let (domain, table) = (Domain::new(0), Table::new(0));
    let (held, holding, control) = (0, None, None);
    decode_message(Owner { domain: &domain, table: &table, limit, held, holding, control }, bytes)
}

/// Appends the encoding of a message.
pub(crate) fn write_message(
    bytes: Vec<u8>,
    write: impl FnOnce(&mut Encoder<'_>) -> Result<(), ConversionError>,
) -> Result<Vec<u8>> {
    let (domain, mut table) = (Domain::new(0), Table::new(0));
    let mut encoder = Encoder::after(&domain, &mut table, bytes);
    write(&mut encoder)?;
    Ok(encoder.finish().0)
}

struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(taken)
    }

    fn count(&mut self, least: usize) -> Result<usize> {
        let (count, rest) = self.rest.split_first_chunk().ok_or_else(cut_off)?;
        self.rest = rest;
        let count = u32::from_le_bytes(*count) as usize;
        if count > rest.len() / least { Err(cut_off()) } else { Ok(count) }
    }

    fn counted(&mut self) -> Result<&'a [u8]> {
        let len = self.count(1)?;
        self.take(len)
    }

    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.counted()?)
            .map_err(|_| Error::GuestFault("a text in a message that is not UTF-8".into()))
    }

    fn tag(&mut self) -> Result<Encoded> {
        let (tag, rest) = self.rest.split_first().ok_or_else(cut_off)?;
        self.rest = rest;
        Encoded::from_number(*tag)
            .ok_or_else(|| Error::GuestFault(format!("a message with the unknown tag {tag}")))
    }

    fn values(&mut self, count: usize, depth: u32) -> Result<()> {
        (0..count).try_for_each(|_| self.value(depth))
    }

    fn value(&mut self, depth: u32) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::GuestFault(format!("a message nested more than {MAX_DEPTH} deep")));
        }
        match self.tag()? {
            Encoded::None | Encoded::False | Encoded::True => {}
            Encoded::Int | Encoded::Float => drop(self.take(8)?),
            Encoded::Complex | Encoded::Uuid | Encoded::Pid | Encoded::Ref => drop(self.take(16)?),
            Encoded::Str | Encoded::Decimal | Encoded::Path => drop(self.text()?),
            Encoded::BigInt | Encoded::WideStr | Encoded::Bytes => drop(self.counted()?),
            Encoded::List | Encoded::Tuple | Encoded::Set | Encoded::FrozenSet => {
                let count = self.count(1)?;
                self.values(count, depth + 1)?;
            }
            Encoded::Dict => {
                let count = self.count(2)?;
                self.values(2 * count, depth + 1)?;
            }
            Encoded::Date => drop(self.take(4)?),
            Encoded::TimeDelta => drop(self.take(12)?),
            Encoded::Time => {
                self.take(16)?;
                self.value(depth + 1)?;
            }
            Encoded::DateTime => {
                self.take(20)?;
                self.value(depth + 1)?;
            }
            Encoded::Range => drop(self.take(24)?),
            Encoded::Fraction => self.values(2, depth + 1)?,
            Encoded::Array => self.array(depth + 1)?,
            tag @ (Encoded::Handle
            | Encoded::Function
            | Encoded::HostObject
            | Encoded::Member
            | Encoded::Made) => {
                return Err(Error::GuestFault(format!(
                    "a message with a {tag:?}, which means nothing in another interpreter"
                )));
            }
        }
        Ok(())
    }

    /// A pid, or the first of a tuple of some.
    fn about(&mut self) -> Option<Pid> {
        let mut tag = self.tag().ok()?;
        if tag == Encoded::Tuple {
            self.count(1).ok().filter(|count| *count > 0)?;
            tag = self.tag().ok()?;
        }
        let bytes = (tag == Encoded::Pid).then(|| self.take(16).ok())??;
        let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let domain = u64::from_le_bytes(*bytes.first_chunk()?);
        Some(Pid { domain, index: word(8)?, generation: word(12)? })
    }

    /// The number of a reference.
    fn number(&mut self) -> Option<u64> {
        let bytes = (self.tag().ok()? == Encoded::Ref).then(|| self.take(16).ok())??;
        bytes.last_chunk().map(|number| u64::from_le_bytes(*number))
    }

    fn expect(&mut self, tag: Encoded) -> Result<()> {
        if self.tag()? == tag {
            return Ok(());
        }
        Err(Error::GuestFault("a message with an array that is none".into()))
    }

    /// The tuple of a format, a type in numpy's words, a shape, and as many bytes as these say.
    fn array(&mut self, depth: u32) -> Result<()> {
        let wrong = || Error::GuestFault("a message with an array that is none".into());
        self.expect(Encoded::Tuple)?;
        if self.count(1)? != 4 {
            return Err(wrong());
        }
        self.expect(Encoded::Str)?;
        let format = self.counted()?;
        self.expect(Encoded::Str)?;
        let item = item_size(self.text()?).ok_or_else(wrong)?;
        self.expect(Encoded::Tuple)?;
        let dimensions = self.count(1)?;
        let mut size = Some(item);
        for _ in 0..dimensions {
            self.expect(Encoded::Int)?;
            let extent = i64::from_le_bytes(*self.take(8)?.first_chunk().ok_or_else(cut_off)?);
            size = size.zip(usize::try_from(extent).ok()).and_then(|(a, b)| a.checked_mul(b));
        }
        self.expect(Encoded::Bytes)?;
        let bytes = self.counted()?;
        if !format.is_empty() || depth > MAX_DEPTH || dimensions > 32 || size != Some(bytes.len()) {
            return Err(wrong());
        }
        Ok(())
    }
}

/// Bytes of an item of a type that holds no object: `<f8`, `|b1`, `<U12`, `<M8[ns]`.
fn item_size(kind: &str) -> Option<usize> {
    let rest = kind.trim_start_matches(['<', '>', '|', '=']);
    let (letter, rest) = rest.split_at_checked(1)?;
    let digits = rest.split_once('[').map_or(rest, |(digits, _)| digits);
    let count: usize = digits.parse().ok()?;
    match letter {
        "b" | "i" | "u" | "f" | "c" | "m" | "M" | "S" | "V" => Some(count),
        "U" => count.checked_mul(4),
        _ => None,
    }
}

impl Encoder<'_> {
    /// A tasklet's pid.
    pub fn pid(&mut self, pid: Pid) -> Encode {
        let mut data = [0; 16];
        data[..8].copy_from_slice(&pid.domain.to_le_bytes());
        data[8..12].copy_from_slice(&pid.index.to_le_bytes());
        data[12..].copy_from_slice(&pid.generation.to_le_bytes());
        self.put(Encoded::Pid, &data)
    }

    /// A tasklet's reference.
    pub fn reference(&mut self, reference: Ref) -> Encode {
        let mut data = [0; 16];
        data[..8].copy_from_slice(&reference.domain.to_le_bytes());
        data[8..].copy_from_slice(&reference.number.to_le_bytes());
        self.put(Encoded::Ref, &data)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_message_or_an_error() {
        // A linear congruential generator: the same bytes every time, of every kind of tag.
        let mut state = 7u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut messages = 0;
        for _ in 0..if cfg!(miri) { 1_000 } else { 200_000 } {
            let len = usize::from(byte() % 40);
            let bytes: Vec<u8> =
                (0..len).map(|_| if byte() < 160 { byte() % 33 } else { byte() % 3 }).collect();
            if check_message(&bytes).is_ok() {
                messages += 1;
                // What has passed is a value for Rust, too, as far as its parts are what they say.
                let _ = read_message(&bytes, 1 << 20);
            }
        }
        assert!(messages > 100, "{messages} are messages");
    }

    #[test]
    fn what_is_written_passes() {
        let pid = Pid { domain: 7, index: 1, generation: 2 };
        let bytes = write_message(Vec::new(), |out| {
            out.tuple(3, |out| {
                out.pid(pid)?;
                out.reference(Ref { domain: 7, number: 9 })?;
                out.str("text")
            })
        });
        let bytes = bytes.unwrap();
        check_message(&bytes).unwrap();
        let parts = vec![pid.into(), Ref { domain: 7, number: 9 }.into(), Value::from("text")];
        assert_eq!(read_message(&bytes, 1 << 20).unwrap().0, Value::Tuple(parts));
        assert!(read_message(&bytes, 10).is_err(), "what it takes is bounded");
        assert_eq!(message_head(&bytes), None, "it begins with no word");
        let control = write_message(Vec::new(), |out| {
            out.tuple(2, |out| {
                out.str("ended")?;
                out.pid(pid)
            })
        });
        let head = Head { word: "ended", about: Some(pid), number: None };
        assert_eq!(message_head(&control.unwrap()), Some(head));
        let call = write_message(Vec::new(), |out| {
            out.tuple(3, |out| {
                out.str("$call")?;
                out.tuple(2, |out| {
                    out.pid(pid)?;
                    out.reference(Ref { domain: 7, number: 9 })
                })?;
                out.none()
            })
        });
        let head = Head { word: "$call", about: Some(pid), number: Some(9) };
        assert_eq!(message_head(&call.unwrap()), Some(head));
        for end in 0..bytes.len() {
            assert!(check_message(&bytes[..end]).is_err(), "cut off at {end}");
        }
    }

    #[test]
    fn types_of_arrays_hold_no_objects() {
        for (kind, size) in [
            ("<f8", 8),
            ("|b1", 1),
            ("<U12", 48),
            ("|S3", 3),
            ("<M8[ns]", 8),
            (">c16", 16),
            ("|V5", 5),
        ] {
            assert_eq!(item_size(kind), Some(size), "{kind}");
        }
        for kind in ["|O", "|O8", "", "<", "<f", "<fx", "[('a', '<f8')]", "<U99999999999999999999"]
        {
            assert_eq!(item_size(kind), None, "{kind}");
        }
    }
}
