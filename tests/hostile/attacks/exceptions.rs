//! Exceptions of WebAssembly, which C++ is compiled to: nobody catches them, nothing else happens, all are kept.

use crate::support::*;
use ophidia::{Python, Runtime};
use std::path::Path;
use std::time::Duration;

/// Bytes of memory that a guest begins with.
const MEMORY: u64 = 4 << 20;

/// What an exception takes that refers to another one, and what the heap of the first ones has room for.
const OBJECT: u64 = 48;
const FIRST: u64 = 64 << 10;

/// What is said of one that nothing catches.
const UNCAUGHT: &str = "an exception of C++ that nothing caught";

/// A guest that may throw, and does this when it is hostile. `$chain` refers to another exception.
fn throwing(body: &str) -> Guest {
    running(body).with("(tag $e) (tag $chain (param exnref))")
}

/// Runs this in a block that catches everything.
fn caught(body: &str) -> String {
    format!("(block $caught (try_table (catch_all $caught) {body}))")
}

/// Exceptions that refer to one another, in a function that makes so many.
fn chain(count: u32) -> String {
    format!(
        "(func $chained (local $head exnref) (local $n i32)
           (loop $again
             (local.set $head (block $caught (result exnref)
               (try_table (result exnref) (catch_all_ref $caught)
                 (throw $chain (local.get $head)))))
             (local.set $n (i32.add (local.get $n) (i32.const 1)))
             (br_if $again (i32.lt_u (local.get $n) (i32.const {count})))))"
    )
}

/// A call of the host's function that was given first.
const CALL: &str = "(drop (call $call (i32.const 0) (i32.const 16384) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 1)))";

/// Runs a guest that has some memory and all the time it needs; gives what came of it, and the most memory there was.
fn within(memory: u64, guest: &Guest) -> (Result<(), Error>, u64) {
    let runtime = runtime(guest);
    let builder = runtime.interpreter().memory(memory).timeout(Duration::from_secs(600));
    let mut py = builder.build().expect("it is not hostile yet");
    let result = bounded(|| py.run("!"));
    let peak = py.usage().peak_memory;
    assert!(peak <= memory, "{peak} bytes of {memory}");
    drop(py);
    interpreter(&runtime).expect("its slots are free").run("").expect("a new one works");
    (result, peak)
}

/// How much was asked for beyond the limit on memory.
fn asked(result: Result<(), Error>) -> u64 {
    match result {
        Err(Error::Limit(LimitExceeded::Memory { asked, .. })) => asked,
        other => panic!("not the limit: {other:?}"),
    }
}

#[test]
fn what_is_caught_is_nobodys_business() {
    let body = format!("{} (i32.const 0)", caught("(throw $e)"));
    attack(&throwing(&body), |py| {
        (0..1_000).try_for_each(|_| py.run("!"))?;
        assert_eq!(py.usage().memory, MEMORY + FIRST);
        Ok(())
    })
    .expect("it is caught");
}

#[test]
fn what_nothing_catches_is_a_fault() {
    let told = fault(attack(&throwing("(throw $e)"), |py| py.run("!")));
    assert_eq!(told, UNCAUGHT);
    let again = "(throw_ref (block $object (result exnref)
        (try_table (result exnref) (catch_all_ref $object) (throw $e))))";
    assert_eq!(fault(attack(&throwing(again), |py| py.run("!"))), UNCAUGHT);
    let nothing = "(throw_ref (ref.null exn))";
    let told = fault(attack(&throwing(nothing), |py| py.run("!")));
    assert!(told.contains("null reference"), "{told}");
    let deep = throwing("(call $deep (i32.const 5000)) (i32.const 0)").with(
        "(func $deep (param i32)
           (if (i32.eqz (local.get 0)) (then (throw $e)))
           (call $deep (i32.sub (local.get 0) (i32.const 1))))",
    );
    assert_eq!(fault(attack(&deep, |py| py.run("!"))), UNCAUGHT);
    let operation = throwing("(i32.const 0)").operates("(throw $e)");
    assert_eq!(fault(attack(&operation, |py| py.import("sys"))), UNCAUGHT);
}

#[test]
fn what_is_thrown_while_it_starts_is_a_fault() {
    for export in ["ophidia_frame", "ophidia_buffer", "ophidia_start"] {
        let runtime = runtime(&throwing("(i32.const 0)").does(export, "(throw $e)"));
        assert_eq!(fault(bounded(|| interpreter(&runtime))), UNCAUGHT, "{export}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wasm = throwing("(i32.const 0)").does("ophidia_initialize", "(throw $e)").wasm();
    let made = Runtime::builder(folder).max_interpreters(1).build_of(&wasm, folder);
    let said = made.map(drop).expect_err("there is no snapshot");
    assert!(matches!(&said, Error::Image(said) if said.contains(UNCAUGHT)), "{said:?}");
}

#[test]
fn tags_of_others_are_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wasm = wat::parse_str("(module (import \"ophidia\" \"tag\" (tag)))").expect("valid text");
    let made = Runtime::builder(folder).max_interpreters(1).build_of(&wasm, folder);
    let said = made.map(drop).expect_err("nobody has that").to_string();
    assert!(said.contains("imports ophidia::tag"), "{said}");
}

#[test]
fn nothing_is_thrown_through_the_host() {
    let guest = throwing(&format!("{} (i32.const 0)", caught(CALL)));
    // From an entry that the host makes in the middle of a call, whether its function cares or not.
    let inner = guest.clone().does("ophidia_run_module", "(throw $e)");
    let result = attack(&inner, |py| {
        py.set("f", Function::new("f", |py: &mut Python<'_>| py.run_module("x")))?;
        py.run("!")
    });
    assert_eq!(fault(result), UNCAUGHT);
    let result = attack(&inner, |py| {
        py.set("f", Function::new("f", |py: &mut Python<'_>| drop(py.run_module("x"))))?;
        py.run("!")
    });
    assert_eq!(fault(result), UNCAUGHT);
    // From the guest's buffer for a long answer.
    let buffer = guest.clone().does(
        "ophidia_buffer",
        "(if (i32.gt_u (local.get $size) (i32.const 5000)) (then (throw $e))) (i32.const 1048576)",
    );
    let result = attack(&buffer, |py| {
        py.set("f", Function::new("f", || "x".repeat(6_000)))?;
        py.run("!")
    });
    assert_eq!(fault(result), UNCAUGHT);
    // What the host itself fails with is nothing that could be caught.
    let result = attack(&guest, |py| py.run("!"));
    let told = fault(result);
    assert!(told.contains("no function of the host"), "{told}");
}

#[test]
fn a_call_that_the_guest_leaves_by_an_exception_is_over() {
    // The host calls, and the guest throws and catches in the middle of it: nobody has to know.
    let guest = throwing(&format!("{CALL} (i32.const 0)"))
        .does("ophidia_run_module", &format!("{} (i32.const 0)", caught("(throw $e)")));
    attack(&guest, |py| {
        py.set("f", Function::new("f", |py: &mut Python<'_>| py.run_module("x")))?;
        (0..100).try_for_each(|_| py.run("!"))
    })
    .expect("all are caught");
}

#[test]
fn loops_of_exceptions_end_in_time() {
    let deep = "(func $deep (param i32)
        (if (i32.eqz (local.get 0)) (then (throw $e)))
        (call $deep (i32.sub (local.get 0) (i32.const 1))))";
    for body in [
        "(throw $e)".to_owned(),
        "(call $deep (i32.const 1000))".to_owned(),
        caught("(throw $e)").replace("$caught", "$inner") + "(throw $e)",
    ] {
        let body = format!("(loop $again {} (br $again)) (i32.const 0)", caught(&body));
        let result = attack(&throwing(&body).with(deep), |py| py.run("!"));
        assert!(matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{result:?}");
    }
}

#[test]
fn exceptions_that_nobody_has_any_more_leave_room() {
    let body = format!(
        "(loop $again {}
           (local.set $mode (i32.add (local.get $mode) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $mode) (i32.const 100000))))
         (i32.const 0)",
        caught("(throw $e)")
    );
    let (result, peak) = within(MEMORY + (1 << 20), &throwing(&body));
    result.expect("each is caught");
    assert_eq!(peak, MEMORY + FIRST);
}

#[test]
fn exceptions_that_are_kept_count_as_memory() {
    let count = 3_000_000;
    let memory = 16 << 20;
    assert!(u64::from(count) * OBJECT > memory);
    let guest = throwing("(call $chained) (i32.const 0)").with(&chain(count));
    let (result, peak) = within(memory, &guest);
    // The heap doubles, as long as the memory beside it leaves room for that.
    assert_eq!((asked(result), peak), (MEMORY + (16 << 20), MEMORY + (8 << 20)));
}

#[test]
fn memory_and_exceptions_have_one_limit() {
    let memory = 16 << 20;
    // Some 3 MiB of exceptions, for which there are 4, and then as much memory as there is.
    let grow = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))";
    let exceptions = throwing(&format!("(call $chained) {grow} unreachable")).with(&chain(60_000));
    let (result, peak) = within(memory, &exceptions);
    let least = asked(result);
    assert!(least <= memory + (64 << 10), "{least}");
    assert!(peak > memory - (1 << 20) && peak <= memory, "{peak}");
    // The other way round: what was kept back is enough for the first ones.
    let first = throwing(&format!("{grow} {} (i32.const 0)", caught("(throw $e)")));
    let (result, _) = within(memory, &first);
    result.expect("there is room for one");
    let many = throwing(&format!("{grow} (call $chained) (i32.const 0)")).with(&chain(60_000));
    let (result, _) = within(memory, &many);
    assert!(asked(result) > memory - (1 << 20));
}

#[test]
fn slots_of_exceptions_are_free_again() {
    let runtime = runtime(&throwing(&format!("{} (i32.const 0)", caught("(throw $e)"))));
    for _ in 0..100 {
        let mut py = interpreter(&runtime).expect("a slot");
        py.run("!").expect("it is caught");
    }
    // All at once, and no more.
    let all: Vec<_> = (0..8).map(|_| interpreter(&runtime).expect("a slot")).collect();
    let more = interpreter(&runtime).map(drop);
    let limit = matches!(more, Err(Error::Limit(LimitExceeded::Interpreters { limit: 8, .. })));
    assert!(limit, "{more:?}");
    drop(all);
    runtime.trim().expect("nothing refuses it");
    interpreter(&runtime).expect("a slot").run("!").expect("it is caught");
}

#[test]
fn as_many_interpreters_as_fit_and_no_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = |guest: &Guest, count| {
        let builder = Runtime::builder(folder).max_interpreters(count);
        builder.build_of(&guest.wasm(), folder).map(drop).map_err(|error| error.to_string())
    };
    for guest in [throwing("(throw $e)"), Guest::new()] {
        made(&guest, 16_000).expect("they fit");
        for count in [0, 16_001] {
            let said = made(&guest, count).expect_err("too many or none");
            assert!(said.contains(&format!("{count} asked, 1 to 16000 possible")), "{said}");
        }
    }
}
