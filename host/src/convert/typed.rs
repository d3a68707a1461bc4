//! Tests: Rust types that are read straight out of an encoding.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::{FromPython, ToPython};
use crate::bridge::{Direct, Encoder, Owner, Table, decode};
use crate::value::handle::Domain;
use ophidia_abi::Encoded;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

fn encoded(value: impl ToPython) -> Vec<u8> {
    let (domain, mut table) = (Domain::new(0), Table::new(0));
    let mut out = Encoder::new(&domain, &mut table, Vec::new());
    value.to_python(&mut out).unwrap();
    out.finish().0
}

fn taken<T: FromPython>(bytes: &[u8], left: u64) -> Option<T> {
    Direct::new(bytes, left).whole(T::from_direct)
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
    assert_eq!(taken::<Vec<i64>>(&[&numbers[..], &[0]].concat(), 1 << 20), None, "one byte more");
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
    let owner = Owner {
        domain: &domain,
        table: &table,
        limit: 1 << 20,
        held: 0,
        holding: None,
        control: None,
    };
    let decoded = decode(owner, bytes).unwrap();
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
