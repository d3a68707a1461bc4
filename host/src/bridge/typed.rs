//! Encoded values that become Rust's without a [`Value`](super::Value) between: containers of what is plain.
//!
//! Whatever is not as a type wants it, wrong bytes too, gives `None`: the whole is decoded then as anything
//! else is, and says what is wrong.

use super::{Plain, bytes};
use crate::python::state::State;
use ophidia_abi::{Encoded, Frame, SlotIndex, Tag};
use wasmtime::StoreContextMut;

/// What is left of an encoding.
#[derive(Clone, Copy, Debug)]
pub struct Direct<'a> {
    rest: &'a [u8],
    /// How many bytes of the host the rest may take.
    left: u64,
}

/// What is in the value slot of the present level, when that is encoded.
#[inline]
pub(crate) fn direct<'a>(store: &'a StoreContextMut<'_, State>) -> Option<Direct<'a>> {
    let slot = super::slots::slot_at(store, Frame::slot_offset(SlotIndex::Value))?;
    if slot.tag != Tag::Encoded as u32 {
        return None;
    }
    let state = store.data();
    Some(Direct { rest: bytes(store, state.memory?, slot).ok()?, left: state.value_limit })
}

impl<'a> Direct<'a> {
    /// Reads all of it.
    pub(crate) fn whole<T>(mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        read(&mut self).filter(|_| self.rest.is_empty())
    }

    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(u64::try_from(bytes).ok()?)?;
        Some(())
    }

    /// Takes the next value if it is plain.
    #[inline]
    pub(crate) fn plain(&mut self) -> Option<Plain<'a>> {
        let (tag, rest) = self.rest.split_first()?;
        let (value, rest) = match Encoded::from_u8(*tag)? {
            Encoded::None => (Plain::None, rest),
            Encoded::False => (Plain::Bool(false), rest),
            Encoded::True => (Plain::Bool(true), rest),
            Encoded::Int => {
                let (number, rest) = rest.split_first_chunk()?;
                (Plain::Int(i64::from_le_bytes(*number)), rest)
            }
            Encoded::Float => {
                let (number, rest) = rest.split_first_chunk()?;
                (Plain::Float(f64::from_le_bytes(*number)), rest)
            }
            Encoded::Str => {
                let (len, rest) = rest.split_first_chunk()?;
                let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
                let (text, rest) = rest.split_at_checked(len)?;
                self.spend(len)?;
                (Plain::Str(std::str::from_utf8(text).ok()?), rest)
            }
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    /// Takes a `None`, if that is next.
    pub(crate) fn none(&mut self) -> bool {
        let (none, rest) = match self.rest.split_first() {
            Some((tag, rest)) => (*tag == Encoded::None as u8, rest),
            None => (false, self.rest),
        };
        if none {
            self.rest = rest;
        }
        none
    }

    /// Takes the head of a container with one of these tags: how many items follow, each of which takes
    /// `size` bytes of the host. They are no more than there are bytes left.
    pub(crate) fn count(&mut self, tags: &[Encoded], size: usize) -> Option<usize> {
        let (tag, rest) = self.rest.split_first()?;
        let (count, rest) = rest.split_first_chunk()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        if !tags.contains(&Encoded::from_u8(*tag)?) || count > rest.len() {
            return None;
        }
        self.spend(count.saturating_mul(size))?;
        self.rest = rest;
        Some(count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::bridge::Encoder;
    use crate::convert::{FromPython, ToPython};
    use crate::function::Table;
    use crate::value::handle::Domain;
    use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

    fn encoded(value: impl ToPython) -> Vec<u8> {
        let (domain, mut table) = (Domain::new(0), Table::new(0));
        let mut out = Encoder::new(&domain, &mut table, Vec::new());
        value.to_python(&mut out).unwrap();
        out.finish().0
    }

    fn taken<T: FromPython>(bytes: &[u8], left: u64) -> Option<T> {
        Direct { rest: bytes, left }.whole(T::from_direct)
    }

    #[test]
    fn containers_of_plain_values_are_taken() {
        let numbers = vec![1_i64, -2, 3];
        assert_eq!(taken::<Vec<i64>>(&encoded(&numbers), 1 << 20), Some(numbers));
        let rows = vec![(1, "one".to_owned(), Some(1.5)), (2, String::new(), None)];
        assert_eq!(taken::<Vec<(i64, String, Option<f64>)>>(&encoded(&rows), 1 << 20), Some(rows));
        let prices = HashMap::from([("tea".to_owned(), vec![1.0, 2.0])]);
        assert_eq!(taken::<HashMap<String, Vec<f64>>>(&encoded(&prices), 1 << 20), Some(prices));
        let sorted = BTreeMap::from([(true, BTreeSet::from([1_u8]))]);
        assert_eq!(taken::<BTreeMap<bool, BTreeSet<u8>>>(&encoded(&sorted), 1 << 20), Some(sorted));
    }

    #[test]
    fn all_else_is_left_to_the_decoder() {
        let numbers = encoded(vec![1_i64, 2, 300]);
        assert_eq!(taken::<Vec<u8>>(&numbers, 1 << 20), None, "300 is no u8");
        assert_eq!(taken::<Vec<String>>(&numbers, 1 << 20), None);
        assert_eq!(taken::<(i64, i64)>(&numbers, 1 << 20), None, "three items");
        assert_eq!(taken::<Vec<i64>>(&numbers, 23), None, "24 bytes of the host");
        assert_eq!(
            taken::<Vec<i64>>(&[&numbers[..], &[0]].concat(), 1 << 20),
            None,
            "one byte more"
        );
        for len in 0..numbers.len() {
            assert_eq!(taken::<Vec<i64>>(&numbers[..len], 1 << 20), None, "cut off after {len}");
        }
        let endless = [&[Encoded::List as u8][..], &u32::MAX.to_le_bytes()].concat();
        assert_eq!(taken::<Vec<()>>(&endless, u64::MAX), None);
        // A table has a byte for each item at least, even of a type that has none.
        let claimed = [&[Encoded::Set as u8][..], &1_000_u32.to_le_bytes(), &[0; 1_000]].concat();
        assert_eq!(taken::<HashSet<()>>(&claimed, 1_999), None);
        assert_eq!(taken::<HashSet<()>>(&claimed, 2_000), Some(HashSet::from([()])));
        let not_text = [&[Encoded::Str as u8][..], &1_u32.to_le_bytes(), &[0xff]].concat();
        assert_eq!(taken::<String>(&not_text, 1 << 20), None);
    }

    /// What is taken of any bytes is what the decoder makes of them.
    fn agrees<T: FromPython + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> bool {
        let Some(taken) = taken::<T>(bytes, 1 << 20) else { return false };
        let (domain, table) = (Domain::new(0), Table::new(0));
        let owner =
            crate::bridge::Owner { domain: &domain, table: &table, limit: 1 << 20, held: 0 };
        let decoded = crate::bridge::decode(owner, bytes).unwrap();
        assert_eq!(T::from_python(decoded).unwrap(), taken, "{bytes:?}");
        true
    }

    #[test]
    fn any_bytes_give_what_the_decoder_gives() {
        // A linear congruential generator: the same bytes every time.
        let mut state = 1_u32;
        let mut below = |bound: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % bound
        };
        let rows = encoded(vec![(1_i64, "one".to_owned()), (2, String::new())]);
        let prices = encoded(BTreeMap::from([("tea".to_owned(), 7_i64), ("jam".to_owned(), 8)]));
        let set = encoded(BTreeSet::from([1_i64, 300]));
        let mut agreed = 0;
        for _ in 0..if cfg!(miri) { 300 } else { 30_000 } {
            for good in [&rows, &prices, &set] {
                let mut bytes = good.clone();
                for _ in 0..below(3) {
                    let at = below(bytes.len() as u32) as usize;
                    let bound = if below(2) == 0 { 12 } else { 256 };
                    bytes[at] = below(bound) as u8;
                }
                agreed += u32::from(agrees::<Vec<(i64, String)>>(&bytes));
                agreed += u32::from(agrees::<BTreeMap<String, i64>>(&bytes));
                agreed += u32::from(agrees::<BTreeSet<u8>>(&bytes));
                agreed += u32::from(agrees::<Vec<Option<bool>>>(&bytes));
            }
        }
        assert!(agreed > 300, "only {agreed} were taken");
    }
}
