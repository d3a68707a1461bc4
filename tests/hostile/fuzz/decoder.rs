//! Any bytes are a value, or an error; in bounds of memory, with no handle lost, and what is decoded is
//! encoded and decoded to the same.

use crate::support::{LONGEST, TIME, VALUE, bounded, replay, turn};
use ophidia::{Error, Value, decode_any};
use ophidia_abi::Encoded;
use std::sync::atomic::{AtomicUsize, Ordering};

const OBJECTS: u32 = 100;

/// Inputs that were values.
static VALUES: AtomicUsize = AtomicUsize::new(0);

/// The first byte says whether the others are one value or the arguments of a call.
fn target(input: &[u8]) {
    let Some((&kind, bytes)) = input.split_first() else { return };
    let arguments = (kind >= 128).then_some(u32::from(kind - 128));
    // Beside the value: what is said of it, the queue of handles.
    let most = VALUE as usize + bytes.len() + (32 << 10);
    let (result, waiting) = bounded(most, || decode_any(bytes, arguments, (VALUE, OBJECTS)));
    match result {
        Ok(values) => {
            assert_eq!(waiting, 0, "what is held is not let go of");
            VALUES.fetch_add(1, Ordering::Relaxed);
            values.into_iter().for_each(again);
        }
        Err(Error::GuestFault(said)) => assert!(said.len() < 300, "{said}"),
        Err(Error::Limit(_)) => {}
        Err(other) => panic!("{other:?}"),
    }
}

/// A plain value survives the way back; one with a NaN in it is no longer equal to itself.
fn again(value: Value) {
    let plain = value == value.clone();
    if let Ok(again) = Value::of(value.clone())
        && plain
    {
        assert_eq!(again, value);
    }
}

/// Fuzzing begins with a value of every kind: those that may come out are taken, the others refused.
#[test]
fn every_tag_has_an_input() {
    let _turn = turn();
    let mut begun: Vec<u8> = Vec::new();
    for (name, input) in super::support::corpus("decoder") {
        let [0, tag, ..] = *input else { continue };
        let (result, _) = decode_any(&input[1..], None, (VALUE, OBJECTS));
        let only_in = [Encoded::Function, Encoded::Array, Encoded::Made];
        let refused = only_in.iter().any(|only_in| *only_in as u8 == tag);
        assert!(result.is_ok() != refused, "{name}: {result:?}");
        begun.push(tag);
    }
    for (tag, name) in Encoded::ALL {
        assert!(begun.contains(&(*tag as u8)), "no input begins with {name}");
    }
}

#[test]
fn decoder() {
    let _turn = turn();
    replay("decoder", target);
    let kept = VALUES.load(Ordering::Relaxed);
    bolero::check!().with_max_len(LONGEST).with_test_time(TIME).for_each(target);
    assert!(VALUES.load(Ordering::Relaxed) > kept, "no random input was a value");
}
