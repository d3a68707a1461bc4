//! What it is asked for before anything runs: frames, buffers, statuses, endless loops.

use crate::support::*;
use std::time::Duration;

/// A guest that does this in an export, once its working directory is named.
fn starting(export: &'static str, body: &str) -> Result<Interpreter, Error> {
    let runtime = runtime(&Guest::new().does(export, body));
    bounded(|| interpreter(&runtime))
}

const FOREVER: &str = "(loop (br 0)) (i32.const 0)";

#[test]
fn frames_outside_memory() {
    for address in [4 << 20, (4 << 20) - 3_500, u32::MAX, u32::MAX - 15] {
        let started = starting("ophidia_frame", &format!("(i32.const {address})"));
        assert!(fault(started).contains("outside its memory"), "{address:#x}");
    }
}

#[test]
fn buffers_outside_memory() {
    let text = "x".repeat(100);
    for address in [(4 << 20) - 50, 4 << 20, u32::MAX, u32::MAX - 50] {
        // The first buffer is for the empty name of a folder, so that it starts.
        let guest = Guest::new().does(
            "ophidia_buffer",
            &format!(
                "(select (i32.const {address}) (i32.const {INPUT})
                   (i32.and (local.get $size) (i32.const -2)))"
            ),
        );
        let runtime = runtime(&guest);
        let mut py = interpreter(&runtime).expect("an empty text fits");
        let result = bounded(|| py.run(&text));
        // A short buffer is asked for once; the one for nothing serves.
        if result.is_ok() {
            let result = bounded(|| py.run(&text.repeat(100)));
            assert!(fault(result).contains("outside its memory"), "{address:#x}");
        }
    }
    assert!(fault(starting("ophidia_buffer", "(i32.const 0)")).contains("no buffer"));
}

#[test]
fn unknown_statuses() {
    for status in [5, 77, u32::MAX] {
        let result = starting("ophidia_start", &format!("(i32.const {status})"));
        assert!(fault(result).contains("unknown status"));
        let result = attack(&running(&format!("(i32.const {status})")), |py| py.run("!"));
        assert!(fault(result).contains("unknown status"));
    }
    let result = attack(&running("(i32.const 4)"), |py| py.run("!"));
    assert!(fault(result).contains("refused a call"));
    // Known ones, where they make no sense, are harmless.
    attack(&running("(i32.const 3)"), |py| py.run("!")).expect("nothing is said of it");
}

#[test]
fn loops_without_end() {
    for export in ["ophidia_frame", "ophidia_buffer", "ophidia_start"] {
        let result = starting(export, FOREVER);
        assert!(matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{result:?}");
    }
    let result = attack(&running(FOREVER), |py| py.run("!"));
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{result:?}");
    let guest = running("(i32.const 0)").operates(FOREVER);
    let result = attack(&guest, |py| py.import("sys"));
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{result:?}");
}

#[test]
fn bulk_operations_that_take_long() {
    let from = 4 << 20;
    let len = 1 << 30;
    for operation in [
        format!("(memory.fill (i32.const {from}) (i32.const 1) (i32.const {len}))"),
        // Upward and downward, overlapping by all but a byte.
        format!("(memory.copy (i32.const {from}) (i32.const {}) (i32.const {len}))", from + 1),
        format!("(memory.copy (i32.const {}) (i32.const {from}) (i32.const {len}))", from + 1),
    ] {
        // Nothing looks at the clock afterwards: the instruction itself has to end.
        let body = format!("(drop (memory.grow (i32.const 16400))) {operation} (i32.const 0)");
        let runtime = runtime(&running(&body));
        let py = runtime.interpreter().memory(2 << 30).timeout(Duration::from_millis(20));
        let mut py = py.build().expect("an interpreter");
        let result = bounded(|| py.run("!"));
        assert!(matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{result:?}");
    }
}

#[test]
fn traps() {
    for (body, said) in [
        ("unreachable", "unreachable"),
        ("(i32.load (i32.const -4))", "out of bounds"),
        ("(i32.div_u (i32.const 1) (i32.const 0))", "divide by zero"),
        ("(call $deep)", "stack"),
    ] {
        let guest =
            running(body).with("(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))");
        let told = fault(attack(&guest, |py| py.run("!")));
        assert!(told.contains(said), "{told}");
    }
}

#[test]
fn memory_that_grows() {
    let grow = "(drop (memory.grow (i32.const 64)))";
    let result = attack(&running(&format!("(loop {grow} (br 0)) (i32.const 0)")), |py| py.run("!"));
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{result:?}");
    let give_up =
        "(loop (br_if 0 (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable";
    let result = attack(&running(give_up), |py| py.run("!"));
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Memory { .. }))), "{result:?}");
}

#[test]
fn wild_calls_of_wasi() {
    let pointers = "(i32.const -8) (i32.const -1) (i32.const -4)";
    for call in [
        format!("(call $fd_write (i32.const 1) {pointers})"),
        format!("(call $fd_read (i32.const 0) {pointers})"),
        format!("(call $poll {pointers} (i32.const -1))"),
        "(call $poll (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const -1))".to_owned(),
        "(call $random (i32.const -1) (i32.const 65536))".to_owned(),
        // As many vectors as fit, each of all the memory.
        "(call $fd_write (i32.const 1) (i32.const 0) (i32.const 524288) (i32.const 0))".to_owned(),
    ] {
        let body = format!("(drop {call}) (i32.const 0)");
        match attack(&running(&body), |py| py.run("!")) {
            Ok(()) | Err(Error::GuestFault(_) | Error::Limit(_)) => {}
            other => panic!("{call}: {other:?}"),
        }
    }
    let result = attack(&running("(call $exit (i32.const -7)) (i32.const 0)"), |py| py.run("!"));
    assert!(matches!(&result, Err(Error::Python(e)) if e.exit_status == Some(-7)), "{result:?}");
}
