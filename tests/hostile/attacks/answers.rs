//! What an entry leaves in the frame: each lie about it is found out.

use crate::support::*;
use ophidia_abi::{CUT, ERROR_TEXT, Encoded, LOST, MEMORY_ERROR, SlotIndex, Tag};

const STR: u32 = Tag::Str as u32;
const HANDLE: u32 = Tag::Handle as u32;
const ENCODED: u32 = Tag::Encoded as u32;

/// A value slot.
fn slot(tag: u32, len: u32, payload: u64) -> String {
    format!("(call $value (i32.const {tag}) (i32.const {len}) (i64.const {payload}))")
}

#[test]
fn wild_slots() {
    for tag in [8, 99, u32::MAX] {
        assert!(fault(value(&slot(tag, 0, 0))).contains("unknown tag"));
    }
    for tag in [STR, Tag::Bytes as u32, ENCODED] {
        for (len, address) in
            [(1, 4 << 20), (u32::MAX, 1), (2, (4 << 20) - 1), (1, u64::from(u32::MAX))]
        {
            assert!(fault(value(&slot(tag, len, address))).contains("outside its memory"));
        }
        assert!(fault(value(&slot(tag, 1, 1 << 32))).contains("past 4 GiB"));
        assert!(fault(value(&slot(tag, 1, u64::MAX))).contains("past 4 GiB"));
    }
    assert!(fault(value(&slot(HANDLE, 1, 1 << 32))).contains("index"));
}

/// A run of the body, with bytes in the room as the value.
fn encoded(bytes: &[u8], len: u32) -> Result<Value, Error> {
    let guest = running(&format!("{} (i32.const 0)", slot(ENCODED, len, ROOM.into())));
    attack(&guest.with(&data(ROOM, bytes)), |py| py.eval("!"))
}

#[test]
fn wild_encodings() {
    let head = |tag: Encoded, count: u32| [&[tag as u8][..], &count.to_le_bytes()].concat();
    for tag in [Encoded::List, Encoded::Dict, Encoded::Set, Encoded::Str, Encoded::BigInt] {
        assert!(fault(encoded(&head(tag, u32::MAX), 5)).contains("cut off"));
    }
    let deep = [head(Encoded::List, 1).repeat(65), vec![0]].concat();
    assert!(fault(encoded(&deep, deep.len() as u32)).contains("nested more than 64"));
    assert!(fault(encoded(&[200], 1)).contains("unknown tag 200"));
    assert!(fault(encoded(&head(Encoded::HostObject, 3), 5)).contains("no object of the host"));
    // Nothing but containers that claim to be as large as can be.
    let claims: Vec<u8> = (0..64).flat_map(|_| head(Encoded::Dict, 1 << 20)).collect();
    let result = encoded(&claims, 3 << 20);
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Value { .. }))), "{result:?}");
    // A million times None: a byte each in the guest, and more in the host.
    let result = encoded(&head(Encoded::List, 1 << 20), (1 << 20) + 5);
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Value { .. }))), "{result:?}");
}

#[test]
fn what_a_fault_says_is_short() {
    // A fraction, a time with a long name of its zone: both out of range.
    let count = (VALUE as u32 / 2).to_le_bytes();
    let mut negative = vec![Encoded::Fraction as u8, Encoded::Int as u8];
    negative.extend([0; 8]);
    negative.push(Encoded::BigInt as u8);
    negative.extend(count);
    let mut zone = vec![Encoded::Time as u8, 99, 0, 0, 0, 0, 0, 0, 0];
    zone.extend(i64::MIN.to_le_bytes());
    zone.push(Encoded::Str as u8);
    zone.extend(count);
    for bytes in [negative, zone] {
        let len = bytes.len() as u32 + VALUE as u32 / 2;
        let said = fault(encoded(&bytes, len));
        assert!(said.contains("out of range") && said.len() < 200, "{said:.200}");
    }
}

#[test]
fn long_keys_are_cut_in_errors() {
    let len = VALUE as u32 / 2;
    let mut map = vec![Encoded::Dict as u8, 1, 0, 0, 0, Encoded::Str as u8];
    map.extend(len.to_le_bytes());
    let total = map.len() as u32 + len + 1;
    let guest = Guest::new()
        .operates(&format!("{} (i32.const 0)", slot(ENCODED, total, ROOM.into())))
        .does(
            "ophidia_run",
            &format!(
                "(if (local.get $source_len) (then {}) (else {})) (i32.const 0)",
                slot(HANDLE, 1, 0),
                slot(0, 0, 0),
            ),
        )
        .with(&data(ROOM, &map));
    type Map = std::collections::HashMap<String, i64>;
    let result = attack(&guest, |py| py.eval_object("!")?.extract::<Map>(py));
    let said = result.expect_err("None is no int").to_string();
    assert!(said.contains("expected int, got None") && said.len() < 1_000, "{} bytes", said.len());
}

#[test]
fn errors_without_end() {
    let slots = |tag: u32, len: u32, at: u64| -> String {
        [SlotIndex::Type, SlotIndex::Message, SlotIndex::Traceback]
            .into_iter()
            .map(|index| {
                format!(
                    "(call $slot (i32.const 0) (i32.const {}) (i32.const {tag}) (i32.const {len}) \
                     (i64.const {at}))",
                    index as u32
                )
            })
            .collect()
    };
    for status in [1, 2] {
        let status = format!("(i32.const {status})");
        let raised = |slots: String| attack(&running(&(slots + &status)), |py| py.run("!"));
        assert!(fault(raised(slots(STR, u32::MAX, 0))).contains("outside its memory"));
        assert!(fault(raised(slots(99, 0, 0))).contains("unknown tag"));
        assert!(fault(raised(slots(HANDLE, 0, 0))).contains("not text"));
        let error = raised(slots(STR, 3 << 20, 1 << 19)).expect_err("raised");
        let Error::Python(error) = error else { panic!("{error:?}") };
        let texts =
            [&*error.type_name, &*error.message, error.made_traceback().unwrap_or_default()];
        assert!(texts.iter().all(|text| text.len() <= ERROR_TEXT as usize), "each is bounded");
        assert!(error.message.ends_with(CUT), "it says so");
    }
}

/// An exception with this name and message, of this kind by the guest's word, after so much memory was asked.
fn raised(kind: &str, pages: u32) -> Result<(), Error> {
    let body = format!(
        "(drop (memory.grow (i32.const {pages})))
         (call $slot (i32.const 0) (i32.const 1) (i32.const {STR}) (i32.const 11) (i64.const {ROOM}))
         (call $slot (i32.const 0) (i32.const 2) (i32.const {STR}) (i32.const 11) (i64.const {ROOM}))
         {kind} (i32.const 1)"
    );
    attack(&running(&body).with(&data(ROOM, b"MemoryError")), |py| py.run("!"))
}

#[test]
fn a_refusal_is_the_hosts_to_say() {
    let kind = |tag: u32, bits: u64| {
        format!(
            "(call $slot (i32.const 0) (i32.const {}) (i32.const {tag}) (i32.const 0) (i64.const {bits}))",
            SlotIndex::Kind as u32
        )
    };
    let (memory_error, lost) = (u64::from(MEMORY_ERROR), u64::from(LOST));
    for bits in [0, memory_error, lost, memory_error | lost, u64::MAX] {
        // Whatever it says, nothing was refused.
        let result = raised(&kind(Tag::Int as u32, bits), 1);
        assert!(matches!(result, Err(Error::Python(_))), "{bits}: {result:?}");
        // Something was.
        let result = raised(&kind(Tag::Int as u32, bits), 60_000);
        let limit = matches!(result, Err(Error::Limit(LimitExceeded::Memory { .. })));
        assert_eq!(limit, bits != 0, "{bits}: {result:?}");
    }
    // The name alone says nothing, nor does what is no number.
    for said in [String::new(), kind(Tag::None as u32, 1), kind(STR, memory_error), kind(HANDLE, 1)]
    {
        assert!(matches!(raised(&said, 60_000), Err(Error::Python(_))), "{said}");
    }
    assert!(fault(raised(&kind(99, 1), 60_000)).contains("unknown tag 99"));
}

#[test]
fn forged_handles() {
    let guest = Guest::new()
        .does(
            "ophidia_run",
            &format!(
                "(if (local.get $source_len) (then {})) (i32.const 0)",
                slot(HANDLE, u32::MAX, u32::MAX.into())
            ),
        )
        .operates(&format!("{} (i32.const 0)", slot(Tag::Int as u32, 0, 7)));
    let said = attack(&guest, |py| {
        let object = py.eval_object("!")?;
        assert_eq!(object.len(py)?, 7);
        object.getattr(py, "name").map(drop)
    });
    assert!(fault(said).contains("a handle was asked, int came"));
    // Any number of them.
    let result = attack(&guest, |py| {
        let mut held = Vec::new();
        loop {
            held.push(py.eval_object("!")?);
        }
        #[allow(unreachable_code, reason = "says what is returned")]
        Ok(())
    });
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Objects { limit: OBJECTS }))));
}

#[test]
fn handles_that_are_refused_do_not_pile_up() {
    // Three hundred thousand handles in one list, over and over.
    let count = 300_000u32;
    let mut list = vec![Encoded::List as u8];
    list.extend(count.to_le_bytes());
    let handle = "(local.set $source (i32.const 0))
        (loop
          (i32.store8 (i32.add (i32.const 16389) (i32.mul (local.get $source) (i32.const 9)))
            (i32.const 15))
          (local.set $source (i32.add (local.get $source) (i32.const 1)))
          (br_if 0 (i32.lt_u (local.get $source) (i32.const 300000))))";
    let body = format!("{handle} {} (i32.const 0)", slot(ENCODED, 5 + 9 * count, ROOM.into()));
    let result = attack(&running(&body).with(&data(ROOM, &list)), |py| {
        for _ in 0..20 {
            let error = py.eval("!").expect_err("too many");
            assert!(matches!(error, Error::Limit(_)), "{error:?}");
        }
        Ok(())
    });
    result.expect("nothing is at fault");
}
