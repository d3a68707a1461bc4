//! Encoded values that come out of the guest. Everything here is hostile until it has been checked:
//! counts against the bytes that are left, depth against a bound, text for being UTF-8.

use super::Table;
use crate::error::LimitExceeded;
use crate::error::{Error, Result};
use crate::sandbox::control::Control;
use crate::sandbox::holding::Holding;
use crate::value::Object;
use crate::value::handle::{Domain, Handle};
use crate::value::{Pid, Ref, Value};
use ophidia_abi::{Encoded, MAX_DEPTH};
use std::sync::Arc;

/// Whose values these are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) domain: &'a Arc<Domain>,
    pub(crate) table: &'a Table,
    /// How many bytes of the host one value, or all arguments of a call, may take.
    pub(crate) limit: u64,
    /// What of it is taken already.
    pub(crate) held: u64,
    /// What the host holds for the guest in all.
    pub(crate) holding: Option<&'a Holding>,
    /// What says when the operation has to end.
    pub(crate) control: Option<&'a Control>,
}

impl Owner<'_> {
    /// How many bytes of the host there is room for.
    pub(super) fn room(&self) -> u64 {
        let own = self.limit.saturating_sub(self.held);
        self.holding.map_or(own, |holding| own.min(holding.room()))
    }

    /// What is told of more.
    #[cold]
    pub(super) fn exceeded(&self) -> LimitExceeded {
        match self.holding {
            Some(holding) if holding.room() < self.limit.saturating_sub(self.held) => {
                holding.exceeded()
            }
            _ => LimitExceeded::Value { limit: self.limit },
        }
    }
}

/// Bytes that are decoded between two looks at the clock.
pub(super) const STRIDE: usize = 64 << 10;

/// Decodes one value, which has to take up all the bytes.
pub(crate) fn decode(owner: Owner<'_>, bytes: &[u8]) -> Result<Value> {
    Decoder::whole(owner, bytes, |input| {
        input.spend(size_of::<Value>())?;
        input.value(0)
    })
    .map(|(value, _)| value)
}

/// Decodes a message of a guest, which may hold arrays: each is the tuple that describes it. Gives how many bytes of the
/// host it takes, too.
pub(super) fn decode_message(owner: Owner<'_>, bytes: &[u8]) -> Result<(Value, u64)> {
    Decoder::whole(owner, bytes, |input| {
        input.has_arrays = true;
        input.spend(size_of::<Value>())?;
        input.value(0)
    })
}

/// Decodes `count` values that follow one another; gives how many bytes of the host they take, too.
pub(crate) fn decode_all(owner: Owner<'_>, bytes: &[u8], count: u32) -> Result<(Vec<Value>, u64)> {
    Decoder::whole(owner, bytes, |input| {
        // Each takes a byte at least.
        let count = count as usize;
        if count > bytes.len() {
            return Err(cut_off());
        }
        input.values(count, 0)
    })
}

pub(super) struct Decoder<'a> {
    owner: Owner<'a>,
    rest: &'a [u8],
    /// What the rest may take of the limit.
    left: u64,
    /// With fewer bytes left than these, the clock is looked at.
    look_at: usize,
    /// Whether arrays may come.
    has_arrays: bool,
}

impl<'a> Decoder<'a> {
    fn whole<T>(
        owner: Owner<'a>,
        bytes: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(T, u64)> {
        let allowed = owner.room();
        let look_at = bytes.len().saturating_sub(STRIDE);
        let mut input = Self { owner, rest: bytes, left: allowed, look_at, has_arrays: false };
        let values = match read(&mut input) {
            Ok(values) => values,
            Err(error) => {
                // The guest has given out the handles that were not reached too.
                let _ = input.release_rest();
                return Err(error);
            }
        };
        match input.rest.len() {
            0 => Ok((values, allowed.saturating_sub(input.left))),
            left => Err(Error::GuestFault(format!("{left} bytes after an encoded value"))),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The count of a container whose items take at least so many bytes each.
    fn count(&mut self, least: usize) -> Result<usize> {
        let count = u32::from_le_bytes(self.array()?) as usize;
        if count > self.rest.len() / least { Err(cut_off()) } else { Ok(count) }
    }

    fn counted(&mut self) -> Result<&'a [u8]> {
        let len = self.count(1)?;
        let bytes = self.take(len)?;
        self.spend(len)?;
        Ok(bytes)
    }

    /// A byte of the guest's may become 32 of the host's: what they come to is bounded.
    fn spend(&mut self, bytes: usize) -> Result<()> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(bytes).ok_or_else(|| self.owner.exceeded())?;
        Ok(())
    }

    /// Lets go of every handle in what is left. Containers need no nesting for that: what is in them
    /// follows them.
    fn release_rest(&mut self) -> Result<()> {
        while let Ok([tag]) = self.array() {
            match Encoded::from_number(tag) {
                Some(Encoded::None | Encoded::False | Encoded::True) => {}
                Some(Encoded::Int | Encoded::Float) => drop(self.take(8)?),
                Some(Encoded::Complex | Encoded::Pid | Encoded::Ref) => drop(self.take(16)?),
                // The zone's name and the parts of the others follow as values.
                Some(Encoded::Fraction | Encoded::Member | Encoded::Array | Encoded::Made) => {}
                Some(Encoded::Date) => drop(self.take(4)?),
                Some(Encoded::TimeDelta) => drop(self.take(12)?),
                Some(Encoded::Time | Encoded::Uuid) => drop(self.take(16)?),
                Some(Encoded::DateTime) => drop(self.take(20)?),
                Some(Encoded::Range) => drop(self.take(24)?),
                Some(
                    Encoded::BigInt
                    | Encoded::Str
                    | Encoded::WideStr
                    | Encoded::Bytes
                    | Encoded::Decimal
                    | Encoded::Path,
                ) => {
                    let len = self.count(1)?;
                    self.take(len)?;
                }
                Some(
                    Encoded::List
                    | Encoded::Tuple
                    | Encoded::Dict
                    | Encoded::Set
                    | Encoded::FrozenSet,
                ) => drop(self.take(4)?),
                Some(Encoded::Handle) => {
                    let handle = self.handle()?;
                    self.owner.domain.refuse(handle);
                }
                Some(Encoded::Function | Encoded::HostObject) => drop(self.take(4)?),
                None => return Err(cut_off()),
            }
        }
        Ok(())
    }

    fn handle(&mut self) -> Result<Handle> {
        let index = u32::from_le_bytes(self.array()?);
        Ok(Handle::new(index, u32::from_le_bytes(self.array()?)))
    }

    fn pid(&mut self) -> Result<Pid> {
        let domain = u64::from_le_bytes(self.array()?);
        let index = u32::from_le_bytes(self.array()?);
        Ok(Pid { domain, index, generation: u32::from_le_bytes(self.array()?) })
    }

    fn object(&mut self) -> Result<Object> {
        let handle = self.handle()?;
        self.spend(Object::SIZE).inspect_err(|_| self.owner.domain.refuse(handle))?;
        super::hold(self.owner.domain, handle)
    }

    fn items(&mut self, depth: u32) -> Result<Vec<Value>> {
        let count = self.count(1)?;
        self.values(count, depth)
    }

    fn values(&mut self, count: usize, depth: u32) -> Result<Vec<Value>> {
        let mut values = self.room(count)?;
        for _ in 0..count {
            values.push(self.value(depth)?);
        }
        Ok(values)
    }

    /// Room for exactly so many, paid for before it is taken.
    fn room<T>(&mut self, count: usize) -> Result<Vec<T>> {
        self.spend(count.saturating_mul(size_of::<T>()))?;
        Ok(Vec::with_capacity(count))
    }

    fn pairs(&mut self, depth: u32) -> Result<Vec<(Value, Value)>> {
        let count = self.count(2)?;
        let mut pairs = self.room(count)?;
        for _ in 0..count {
            pairs.push((self.value(depth)?, self.value(depth)?));
        }
        Ok(pairs)
    }

    fn boxed<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Box<T>> {
        self.spend(size_of::<T>())?;
        read(self).map(Box::new)
    }

    /// The tag of the next value, if there is one.
    pub(super) fn next_tag(&self) -> Option<Encoded> {
        self.rest.first().copied().and_then(Encoded::from_number)
    }

    #[cold]
    fn look(&mut self) -> Result<()> {
        self.look_at = self.rest.len().saturating_sub(STRIDE);
        self.owner.control.map_or(Ok(()), |control| Ok(control.check()?))
    }

    /// The next value, whose own size is paid for.
    pub(super) fn value(&mut self, depth: u32) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(Error::GuestFault(format!("a value nested more than {MAX_DEPTH} deep")));
        }
        if self.rest.len() < self.look_at {
            self.look()?;
        }
        let [tag] = self.array()?;
        let tag = Encoded::from_number(tag).ok_or_else(|| {
            Error::GuestFault(format!("an encoded value with the unknown tag {tag}"))
        })?;
        Ok(match tag {
            Encoded::None => Value::None,
            Encoded::False => Value::Bool(false),
            Encoded::True => Value::Bool(true),
            Encoded::Int => Value::Int(i64::from_le_bytes(self.array()?)),
            Encoded::BigInt => Value::BigInt(self.counted()?.to_vec()),
            Encoded::Float => Value::Float(f64::from_le_bytes(self.array()?)),
            Encoded::Complex => Value::Complex {
                real: f64::from_le_bytes(self.array()?),
                imaginary: f64::from_le_bytes(self.array()?),
            },
            Encoded::Str => Value::Str(super::utf8(self.counted()?)?),
            Encoded::WideStr => Value::WideStr(self.counted()?.to_vec()),
            Encoded::Bytes => Value::Bytes(self.counted()?.to_vec()),
            Encoded::List => Value::List(self.items(depth + 1)?),
            Encoded::Tuple => Value::Tuple(self.items(depth + 1)?),
            Encoded::Dict => Value::Dict(self.pairs(depth + 1)?),
            Encoded::Set => Value::Set(self.items(depth + 1)?),
            Encoded::FrozenSet => Value::FrozenSet(self.items(depth + 1)?),
            Encoded::Handle => Value::Object(self.object()?),
            Encoded::Date => Value::Date(self.date()?),
            Encoded::Time => Value::Time(self.boxed(Self::time)?),
            Encoded::DateTime => Value::DateTime(self.boxed(Self::date_time)?),
            Encoded::TimeDelta => Value::TimeDelta(self.time_delta()?),
            Encoded::Decimal => Value::Decimal(super::utf8(self.counted()?)?),
            Encoded::Fraction => Value::Fraction(self.boxed(Self::fraction)?),
            Encoded::Uuid => Value::Uuid(self.array()?),
            Encoded::Path => Value::Path(super::utf8(self.counted()?)?),
            Encoded::Range => Value::Range(self.boxed(Self::range)?),
            Encoded::Member => Value::Member(self.boxed(Self::member)?),
            Encoded::Pid => Value::Pid(self.pid()?),
            Encoded::Ref => Value::Ref(Ref {
                domain: u64::from_le_bytes(self.array()?),
                number: u64::from_le_bytes(self.array()?),
            }),
            Encoded::HostObject => {
                let number = u32::from_le_bytes(self.array()?);
                Value::Host(self.owner.table.object(number)?)
            }
            Encoded::Function => {
                return Err(Error::GuestFault("a host function on its way to the host".into()));
            }
            Encoded::Array if self.has_arrays => self.value(depth + 1)?,
            Encoded::Array => {
                return Err(Error::GuestFault("a host array on its way to the host".into()));
            }
            Encoded::Made => {
                return Err(Error::GuestFault(
                    "an object to be made on its way to the host".into(),
                ));
            }
        })
    }
}

pub(super) fn cut_off() -> Error {
    Error::GuestFault("an encoded value is cut off".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    fn decode(domain: &Arc<Domain>, bytes: &[u8], limit: u64) -> Result<Value> {
        super::decode(
            Owner { domain, table: &Table::new(0), limit, held: 0, holding: None, control: None },
            bytes,
        )
    }

    fn fault(bytes: &[u8]) -> String {
        match decode(&Domain::new(10), bytes, 1 << 20) {
            Err(Error::GuestFault(said)) => said,
            other => panic!("{bytes:?}: {other:?}"),
        }
    }

    /// A tag, and a number behind it.
    fn head(tag: Encoded, number: u32) -> Vec<u8> {
        [&[tag as u8][..], &number.to_le_bytes()].concat()
    }

    #[test]
    fn hostile_encodings_are_faults() {
        assert!(fault(&[]).contains("cut off"));
        assert!(fault(&[99]).contains("unknown tag 99"));
        assert!(fault(&[Encoded::None as u8, 0]).contains("1 bytes after"));
        assert!(fault(&[Encoded::Int as u8, 0, 0]).contains("cut off"));
        for tag in [Encoded::Str, Encoded::List, Encoded::Dict, Encoded::BigInt, Encoded::Set] {
            assert!(fault(&head(tag, u32::MAX)).contains("cut off"), "{tag:?}");
            assert!(fault(&head(tag, 1)).contains("cut off"), "{tag:?}");
        }
        assert!(fault(&[&head(Encoded::Str, 1)[..], &[0xff]].concat()).contains("not UTF-8"));
        assert!(fault(&head(Encoded::List, 1).repeat(70)).contains("nested more than 64"));
        assert!(fault(&head(Encoded::Handle, 1)).contains("cut off"));
        assert!(fault(&head(Encoded::HostObject, 7)).contains("no object of the host"));
        assert!(fault(&head(Encoded::Function, 7)).contains("on its way to the host"));
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error() {
        // A linear congruential generator: the same bytes every time, of every kind of tag.
        let mut state = 1u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for _ in 0..if cfg!(miri) { 1_000 } else { 100_000 } {
            let len = usize::from(byte() % 40);
            let bytes: Vec<u8> =
                (0..len).map(|_| if byte() < 160 { byte() % 29 } else { byte() }).collect();
            let _ = decode(&Domain::new(3), &bytes, 1_000);
        }
    }

    /// Those of fuzzing; under Miri they can be read with `-Zmiri-disable-isolation` only.
    #[test]
    fn inputs_that_were_kept_are_a_value_or_an_error() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/hostile/fuzz/corpus/decoder");
        let mut values = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let input = std::fs::read(file.unwrap().path()).unwrap();
            let Some((0, bytes)) = input.split_first() else { continue };
            values += usize::from(decode(&Domain::new(3), bytes, 1 << 16).is_ok());
        }
        assert!(values > 20, "{values} of the inputs are values");
    }

    #[test]
    fn decoding_ends_at_the_deadline() {
        let control = Control::new(Some(std::time::Duration::ZERO));
        let mut operations = crate::sandbox::operation::Operations::default();
        operations.open(&control);
        let (domain, table) = (Domain::new(0), Table::new(0));
        let control = Some(&control);
        let owner = Owner {
            domain: &domain,
            table: &table,
            limit: 1 << 30,
            held: 0,
            holding: None,
            control,
        };
        let list = |count: u32| [head(Encoded::List, count), vec![0; count as usize]].concat();
        assert!(super::decode(owner, &list(1_000)).is_ok(), "too short to look at the clock");
        let ended = super::decode(owner, &list(1_000_000));
        assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
    }

    #[test]
    fn what_was_given_out_is_let_go_of_whatever_happens() {
        let handle = |index: u32| [&head(Encoded::Handle, index)[..], &[1, 0, 0, 0]].concat();
        let list = [head(Encoded::List, 3), handle(0), handle(1), handle(2)].concat();
        let domain = Domain::new(1);
        assert!(matches!(decode(&domain, &list, 1 << 20), Err(Error::Limit(_))));
        let released = domain.take_released();
        let mut released: Vec<_> =
            released.into_iter().map(|handle| (handle.index(), handle.generation())).collect();
        released.sort_unstable();
        assert_eq!(released, [(0, 1), (1, 1), (2, 1)]);
    }
}
