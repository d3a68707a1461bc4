//! What the guest calls the host with: each wrong number, argument and level is found out.

use crate::support::*;
use ophidia::{HostObject, Python};
use ophidia_abi::{ATTEND, IN_SLOT, LEVELS, OPERANDS, SlotIndex, Tag};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A call of the host with these six numbers.
fn call(numbers: [u32; 6]) -> String {
    let numbers: String = numbers.iter().map(|number| format!("(i32.const {number}) ")).collect();
    format!("(drop (call $call {numbers})) (i32.const 0)")
}

/// A guest that calls the host so, once it has been given a function (number 0).
fn calling(numbers: [u32; 6]) -> Result<(), Error> {
    attack(&running(&call(numbers)).with(&data(ROOM, &[0])), |py| {
        py.set("f", Function::new("f", |value: Value| value))?;
        py.run("!")
    })
}

#[test]
fn wild_arguments() {
    calling([0, ROOM, 1, 1, 0, 1]).expect("one None at level 1");
    for (numbers, said) in [
        ([7, ROOM, 1, 1, 0, 1], "no function of the host"),
        ([u32::MAX - 1, ROOM, 1, 1, 0, 1], "no function of the host"),
        ([ATTEND, ROOM, 1, 1, 0, 1], "only the bridge makes"),
        ([ATTEND, ROOM, 0, 0, 0, 1], "only the bridge makes"),
        ([0, u32::MAX, 1, 1, 0, 1], "outside its memory"),
        ([0, ROOM, u32::MAX, 1, 0, 1], "outside its memory"),
        ([0, ROOM, 1, 0, 0, 1], "1 bytes after"),
        ([0, ROOM, 1, 2, 0, 1], "cut off"),
        ([0, ROOM, 1, u32::MAX, 0, 1], "cut off"),
        ([0, ROOM, 1, 0, 1, 1], "without names"),
        ([0, ROOM, 1, 0, u32::MAX, 1], "without names"),
        ([0, ROOM, 1, u32::MAX, u32::MAX, 1], "cut off"),
        ([0, ROOM, 1, 1, 0, LEVELS], "a call at level"),
        ([0, ROOM, 1, 1, 0, u32::MAX], "a call at level"),
    ] {
        let told = fault(calling(numbers));
        assert!(told.contains(said), "{numbers:?}: {told}");
    }
}

/// The same with plain arguments, of which the first is this slot, the others are `None`.
fn calling_plainly(count: u32, tag: u32, len: u32, payload: u64) -> Result<(), Error> {
    let first = SlotIndex::ALL.len();
    let slot = format!(
        "(call $slot (i32.const 1) (i32.const {first}) (i32.const {tag}) (i32.const {len})
           (i64.const {payload}))"
    );
    let call = call([0, u32::MAX, IN_SLOT, count, 0, 1]);
    attack(&running(&format!("{slot} {call}")).with(&data(ROOM, &[0xff])), |py| {
        py.set("f", Function::new("f", |value: Value| value))?;
        py.run("!")
    })
}

#[test]
fn wild_operands() {
    let (none, text) = (Tag::None as u32, Tag::Str as u32);
    calling_plainly(1, Tag::Int as u32, u32::MAX, u64::MAX).expect("an int");
    calling_plainly(1, text, 3, 8).expect("a text of zeroes");
    for (count, tag, len, payload) in [
        (OPERANDS + 1, none, 0, 0),
        (u32::MAX, none, 0, 0),
        (1, Tag::Handle as u32, 1, 0),
        (1, Tag::Encoded as u32, 1, ROOM.into()),
        (1, Tag::Bytes as u32, 1, ROOM.into()),
        (1, 99, 0, 0),
        (1, text, 1, ROOM.into()),
        (1, text, 1, u64::MAX),
        (1, text, 1, u64::from(u32::MAX)),
    ] {
        let told = fault(calling_plainly(count, tag, len, payload));
        assert!(told.contains("is not plain"), "{count} {tag} {len} {payload}: {told}");
    }
    calling_plainly(1, text, u32::MAX, 8).expect("an exception, of which the guest makes nothing");
}

#[test]
fn anything_is_forgotten() {
    let body = "(loop
        (call $forget (local.get $mode))
        (local.set $mode (i32.add (local.get $mode) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $mode) (i32.const 5000))))
      (call $forget (i32.const -1)) (call $forget (i32.const -1)) (i32.const 0)";
    attack(&running(body), |py| {
        py.set("f", Function::new("f", || 1))?;
        py.run("!")?;
        py.set("g", Function::new("g", || 2))?;
        py.run("!")
    })
    .expect("forgetting what is not there is nothing");
    // And called after it was.
    let body = format!("(call $forget (i32.const 0)) {}", call([0, ROOM, 0, 0, 0, 1]));
    let result = attack(&running(&body), |py| {
        py.set("f", Function::new("f", || 1))?;
        py.run("!")
    });
    assert!(fault(result).contains("no function of the host"));
}

/// Something that panics when it is let go of.
struct Brittle;

impl Drop for Brittle {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("let go of");
        }
    }
}

/// What is said of the panics above takes memory of its own, for a backtrace.
fn quietly() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let said = panic.payload().downcast_ref::<&str>().copied().unwrap_or_default();
            if !["let go of", "not to be told"].contains(&said) {
                hook(panic);
            }
        }));
    });
}

/// An attack in the middle of which a panic of the host's own code ends up as an error.
fn panicking(guest: &Guest, body: impl FnOnce(&mut Interpreter) -> Result<(), Error>) {
    quietly();
    let result = catch_unwind(AssertUnwindSafe(|| attack(guest, body)));
    match result {
        Ok(Err(Error::Host(said))) => assert!(said.contains("panicked"), "{said}"),
        Ok(other) => panic!("{other:?}"),
        Err(_) => panic!("the panic went through"),
    }
}

#[test]
fn panics_of_the_hosts_own_code_do_not_pass_through_the_guest() {
    let forget = running("(call $forget (i32.const 0)) (i32.const 0)");
    panicking(&forget, |py| {
        py.set("object", HostObjectOf(HostObject::new(Brittle)))?;
        py.run("!")
    });
    panicking(&forget, |py| {
        let brittle = Brittle;
        py.set(
            "f",
            Function::new("f", move || {
                let _keep = &brittle;
            }),
        )?;
        py.run("!")
    });
    // A function that is forgotten while it runs is let go of when it returns.
    let forgotten = running(&call([0, ROOM, 0, 0, 0, 1]))
        .does("ophidia_run_module", "(call $forget (i32.const 0)) (i32.const 0)");
    panicking(&forgotten, |py| {
        let brittle = Brittle;
        let forget = move |py: &mut Python<'_>| {
            let _keep = &brittle;
            py.run_module("x")
        };
        py.set("f", Function::new("f", forget))?;
        py.run("!")
    });
    #[derive(Debug)]
    struct Unspeakable;
    impl std::fmt::Display for Unspeakable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("not to be told");
        }
    }
    impl std::error::Error for Unspeakable {}
    panicking(&running(&call([0, ROOM, 0, 0, 0, 1])), |py| {
        py.set("f", Function::new("f", || Err::<(), _>(Unspeakable)))?;
        py.run("!")
    });
}

/// An object of the host as a value.
struct HostObjectOf(HostObject);

impl ophidia::ToPython for HostObjectOf {
    fn to_python(&self, out: &mut ophidia::Encoder<'_>) -> Result<(), ophidia::ConversionError> {
        out.host_object(&self.0)
    }
}

#[test]
fn calls_within_calls() {
    // Wherever the guest is entered, it calls a function that enters it again.
    let again = call([0, ROOM, 0, 0, 0, 1]);
    let enter = |py: &mut Python<'_>| py.run("!");
    let asking = Guest::new()
        .with("(global $hostile (mut i32) (i32.const 0))")
        .does("ophidia_run", "(i32.const 0)")
        .does(
            "ophidia_buffer",
            &format!(
                "(if (i32.gt_u (local.get $size) (i32.const 5000)) (then (drop (block (result i32) {again}))))
                 (i32.const {INPUT})"
            ),
        );
    let long = "x".repeat(6_000);
    let text = long.clone();
    let result = attack(&asking, |py| {
        py.set("f", Function::new("f", move |py: &mut Python<'_>| py.run(&text)))?;
        py.run(&long)
    });
    let told = fault(result);
    assert!(told.contains("a call at level") || told.contains("stack"), "{told}");
    let result = attack(&running(&again), |py| {
        py.set("f", Function::new("f", enter))?;
        py.run("!")
    });
    let told = fault(result);
    assert!(told.contains("a call at level") || told.contains("stack"), "{told}");
}

#[test]
fn calls_before_anything_is_known() {
    for export in ["ophidia_frame", "ophidia_buffer", "ophidia_start"] {
        for number in [0, ATTEND] {
            let guest = Guest::new().does(export, &call([number, 0, 0, 0, 0, 0]));
            let runtime = runtime(&guest);
            let _ = fault(bounded(|| interpreter(&runtime)));
        }
    }
}

#[test]
fn a_wait_without_end_ends_in_time() {
    // A float: minus one, however long it takes.
    let mut wait = vec![ophidia_abi::Encoded::Float as u8];
    for seconds in [-1.0f64, f64::NAN, f64::INFINITY, 1e300] {
        wait.truncate(1);
        wait.extend(seconds.to_le_bytes());
        let guest = running(&call([ATTEND, ROOM, 9, 1, 0, 1])).with(&data(ROOM, &wait));
        let result = attack(&guest, |py| py.run("!"));
        assert!(matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{result:?}");
    }
}
