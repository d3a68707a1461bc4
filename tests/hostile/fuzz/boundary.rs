//! A guest that does what the input says, wherever it is entered: it writes to its memory and its slots,
//! calls the host with any numbers, forgets, grows, traps, waits, and returns anything. The host does
//! what the beginning of the input says. Whatever comes of it is a value or an error.

use crate::support::{LONGEST, TIME, VALUE, bounded, replay, turn};
use ophidia::array::ndarray::{Array2, Ix1, IxDyn};
use ophidia::{
    Arguments, Error, FromPython, Function, HostObject, Input, Interpreter, Object, Python, Result,
    Runtime, Shared, Value,
};
use ophidia_hostile::Guest;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Where the guest keeps what it does next.
const SCRIPT: u32 = 2 << 20;

/// Bytes of it at most.
const SCRIPT_LONGEST: u32 = 4_096;

/// The interpreter of the input, in WebAssembly: `$step` does things until one gives a result.
fn guest() -> Guest {
    let fields = format!(
        "(global $end (mut i32) (i32.const 0))
         (global $level (mut i32) (i32.const 0))
         (func $byte (result i32) (local $value i32)
           (if (i32.ge_u (global.get $at) (global.get $end)) (then (return (i32.const 0))))
           (local.set $value (i32.load8_u (i32.add (i32.const {SCRIPT}) (global.get $at))))
           (global.set $at (i32.add (global.get $at) (i32.const 1)))
           (local.get $value))
         (func $small (result i32) (i32.shl (call $byte) (i32.and (call $byte) (i32.const 31))))
         (func $near (result i32)
           (i32.add (i32.const {room}) (i32.shl (call $byte) (i32.const 3))))
         (func $long (result i64)
           (i64.or (i64.extend_i32_u (call $small))
             (i64.shl (i64.extend_i32_u (call $byte)) (i64.const 32))))
         ;; Copies bytes of the input to where there is room; gives how many.
         (func $copy (param $to i32) (result i32) (local $left i32) (local $len i32)
           (local.set $len (call $byte))
           (local.set $left (i32.sub (global.get $end) (global.get $at)))
           (if (i32.gt_u (local.get $len) (local.get $left))
             (then (local.set $len (local.get $left))))
           (memory.copy (local.get $to) (i32.add (i32.const {SCRIPT}) (global.get $at))
             (local.get $len))
           (global.set $at (i32.add (global.get $at) (local.get $len)))
           (local.get $len))
         (func $read_all (local $read i32)
           (i32.store (i32.const 0) (i32.const {SCRIPT}))
           (i32.store (i32.const 4) (i32.const {SCRIPT_LONGEST}))
           (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
           (global.set $end (i32.load (i32.const 8)))
           (global.set $at (i32.const 0)))
         (func $step (result i32) (local $to i32) (local $what i32)
           (loop $more
             (if (i32.ge_u (global.get $at) (global.get $end)) (then (return (i32.const 0))))
             (local.set $what (i32.and (call $byte) (i32.const 15)))
             (if (i32.eq (local.get $what) (i32.const 0)) (then (return (i32.const 0))))
             (if (i32.eq (local.get $what) (i32.const 1)) (then (return (call $small))))
             (if (i32.eq (local.get $what) (i32.const 2)) (then
               (i32.store (call $small) (call $small))))
             (if (i32.eq (local.get $what) (i32.const 3)) (then
               (call $slot (global.get $level) (i32.and (call $byte) (i32.const 7))
                 (i32.and (call $byte) (i32.const 15)) (call $small) (call $long))))
             (if (i32.eq (local.get $what) (i32.const 4)) (then
               (local.set $to (call $near))
               (call $slot (global.get $level) (i32.and (call $byte) (i32.const 7)) (i32.const 7)
                 (call $copy (local.get $to)) (i64.extend_i32_u (local.get $to)))))
             (if (i32.eq (local.get $what) (i32.const 5)) (then
               (local.set $to (call $near))
               (call $slot (global.get $level) (i32.and (call $byte) (i32.const 7)) (i32.const 4)
                 (call $copy (local.get $to)) (i64.extend_i32_u (local.get $to)))))
             (if (i32.eq (local.get $what) (i32.const 6)) (then
               (call $slot (global.get $level) (i32.and (call $byte) (i32.const 7)) (i32.const 6)
                 (call $byte) (i64.extend_i32_u (call $byte)))))
             (if (i32.eq (local.get $what) (i32.const 7)) (then
               (local.set $to (call $near))
               (global.set $level (i32.add (global.get $level) (i32.const 1)))
               (drop (call $call (i32.and (call $byte) (i32.const 15)) (local.get $to)
                 (call $copy (local.get $to)) (i32.and (call $byte) (i32.const 7))
                 (i32.const 0) (global.get $level)))
               (global.set $level (i32.sub (global.get $level) (i32.const 1)))))
             (if (i32.eq (local.get $what) (i32.const 8)) (then
               (local.set $to (call $near))
               (drop (call $call (i32.and (call $byte) (i32.const 15)) (local.get $to)
                 (select (call $copy (local.get $to)) (i32.const {plain})
                   (i32.and (call $byte) (i32.const 1)))
                 (i32.and (call $byte) (i32.const 7))
                 (i32.and (call $byte) (i32.const 7)) (i32.and (call $byte) (i32.const 63))))))
             (if (i32.eq (local.get $what) (i32.const 9)) (then
               (drop (call $call (call $small) (call $small) (call $small) (call $small)
                 (call $small) (call $small)))))
             (if (i32.eq (local.get $what) (i32.const 10)) (then (call $forget (call $byte))))
             (if (i32.eq (local.get $what) (i32.const 11)) (then
               (drop (memory.grow (call $small)))))
             (if (i32.eq (local.get $what) (i32.const 12)) (then
               (local.set $to (call $near))
               (drop (call $call (i32.const -1) (local.get $to) (call $copy (local.get $to))
                 (i32.const 1) (i32.const 0) (global.get $level)))))
             (if (i32.eq (local.get $what) (i32.const 13)) (then
               (drop (call $fd_write (i32.and (call $byte) (i32.const 3)) (call $small)
                 (i32.and (call $small) (i32.const 1023)) (call $small)))))
             (if (i32.eq (local.get $what) (i32.const 14)) (then
               (if (i32.eq (call $byte) (i32.const 255)) (then unreachable))
               (if (i32.eq (call $byte) (i32.const 255)) (then (loop $ever (br $ever))))))
             (if (i32.eq (local.get $what) (i32.const 15)) (then
               (local.set $to (call $near))
               (drop (call $copy (local.get $to)))
               (call $slot (global.get $level) (i32.const 0) (i32.const 6)
                 (i32.load offset=4 (local.get $to)) (i64.load32_u (local.get $to)))
               (call $slot (global.get $level) (i32.const 6) (i32.const 5) (i32.const {layout})
                 (i64.extend_i32_u (local.get $to)))))
             (br $more))
           (i32.const 0))",
        layout = ophidia_abi::Layout::SIZE,
        plain = ophidia_abi::IN_SLOT,
        room = ophidia_hostile::ROOM,
    );
    let address = |given: u32| {
        format!(
            "(local $result i32) (local.set $result (call $step))
             (select (local.get $result) (i32.const {given}) (local.get $result))"
        )
    };
    let mut guest = Guest::new().with(&fields);
    for export in ophidia_abi::EXPORTS.iter().filter(|export| export.result.is_some()) {
        guest = guest.does(export.name, "(call $step)");
    }
    guest
        .does(
            ophidia_abi::export::FRAME,
            &format!(
                "(local $result i32) (call $read_all) (local.set $result (call $byte))
                 (select (i32.shl (local.get $result) (i32.const 15)) (i32.const {})
                   (i32.gt_u (local.get $result) (i32.const 250)))",
                ophidia_hostile::FRAME
            ),
        )
        .does(ophidia_abi::export::BUFFER, &address(ophidia_hostile::INPUT))
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| guest().runtime());

static TOKIO: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().expect("a runtime"));

/// Calls of a function of the host.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// What the host has done in interpreters that had started.
static ACTS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// An interpreter that is never attacked.
    static OTHER: RefCell<Option<Interpreter>> = const { RefCell::new(None) };
}

/// Functions of every kind, and an object; their numbers are 0 and up.
fn functions(py: &mut Python<'_>) -> Result<()> {
    let identity = |value: Value| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        value
    };
    py.set("identity", Function::new("identity", identity))?;
    py.set("typed", Function::new("typed", |_: i64, _: String, _: Vec<f64>| ()))?;
    py.set(
        "again",
        Function::new("again", |py: &mut Python<'_>, object: Object| {
            object.call_as::<Value>(py, (1, "x"))
        }),
    )?;
    py.set("run", Function::new("run", |py: &mut Python<'_>| py.eval("1")))?;
    py.set("any", Function::variadic("any", |_, call| format!("{call:?}").len() as i64))?;
    py.set("make", Function::new("make", |by: i64| Function::new("made", move |x: i64| x ^ by)))?;
    py.set("keep", Function::new("keep", || Shared::new(vec![1u8])))?;
    py.set(
        "fail",
        Function::new("fail", |text: String| Err::<(), _>(std::io::Error::other(text))),
    )?;
    let later = Function::new_async("later", |text: String| async move { text });
    py.set("later", later)?;
    py.set("named", Function::new("named", |a: i64, b: i64| a - b).param("a").param_default("b", 1))
}

/// What the host does for one byte of the input.
fn act(py: &mut Interpreter, kept: &mut Vec<Object>, action: u8) -> Result<()> {
    type Map = HashMap<String, (i64, Option<String>)>;
    let object = kept.last().cloned();
    match (action % 28, object) {
        (0, _) => py.run("pass"),
        (1, _) => py.eval("1").map(drop),
        (2, _) => py.eval_object("1").map(|object| kept.push(object)),
        (3, _) => py.import("sys").map(|object| kept.push(object)),
        (4, _) => functions(py),
        (5, _) => py.set("value", HostObjectOf(HostObject::new(7))),
        (6, _) => py.run_module("this"),
        (7, _) => py.append_path("/x"),
        (8, _) => py.completeness("if 1:").map(drop),
        (9, _) => py.finish(),
        (10, _) => py.objects_held().map(drop),
        (11, _) => py.capture_output(|py| py.run("pass")).map(drop),
        (12, _) => py.run(&"x".repeat(10_000)),
        (13, _) => {
            kept.clear();
            Ok(())
        }
        (14, Some(object)) => object.extract::<Map>(py).map(drop),
        (15, Some(object)) => object.extract::<Vec<Value>>(py).map(drop),
        (16, Some(object)) => object.extract::<(u8, bool, char)>(py).map(drop),
        (17, Some(object)) => object.getattr(py, "name").map(|object| kept.push(object)),
        (18, Some(object)) => object.next(py).map(drop),
        (19, Some(object)) => {
            let arguments = Arguments::new().arg(&object).kwarg("key", Function::new("f", || 1));
            object.call(py, arguments).map(|object| kept.push(object))
        }
        (20, Some(object)) => object.repr(py).map(drop),
        (21, Some(object)) => object.dir(py).map(drop),
        (22, Some(object)) => object.call_method_as::<Value>(py, "method", (1.5,)).map(drop),
        (23, Some(object)) => {
            let convert = |py: &mut Python<'_>, object: Object| object.repr(py).map(Value::Str);
            let converters = ophidia::Converters::new().from_python("sys.version", convert);
            py.with_converters(converters, |py| {
                Value::from_python(object.extract(py)?).map_err(Error::from)
            })
            .map(drop)
        }
        (24, Some(object)) => object.buffer(py).and_then(|buffer| {
            let any = buffer.view_dyn(py).map(|view| view.shape().iter().product::<usize>());
            let floats = buffer.view_mut::<f64, IxDyn>(py).map(|mut view| view.fill(1.0));
            let bytes = buffer.bytes(py).map(<[u8]>::len);
            let twice = py.views([buffer.writing::<u8, Ix1>(), buffer.writing()]).map(drop);
            any.map(drop).and(floats).and(bytes.map(drop)).and(twice)
        }),
        (25, Some(object)) => object.extract::<Array2<u8>>(py).map(drop),
        (26, _) => py.zeros::<f64, _>((4, 4)).map(|array| kept.push(array.object().clone())),
        (27, _) => py.array_from_iter(8, 0u8..).map(drop),
        _ => Ok(()),
    }
}

/// An object of the host as a value.
struct HostObjectOf(HostObject);

impl ophidia::ToPython for HostObjectOf {
    fn to_python(&self, out: &mut ophidia::Encoder<'_>) -> Result<(), ophidia::ConversionError> {
        out.host_object(&self.0)
    }
}

/// The first byte says how many bytes the host acts on; the others are the guest's.
fn target(input: &[u8]) {
    attempt(input);
}

/// What comes of each of the host's acts; of nothing else when the guest does not start.
fn attempt(input: &[u8]) -> Vec<(u8, Result<()>)> {
    let Some((&count, rest)) = input.split_first() else { return Vec::new() };
    let Some((actions, script)) = rest.split_at_checked(usize::from(count % 16)) else {
        return Vec::new();
    };
    let _tokio = TOKIO.enter();
    let runtime = &*RUNTIME;
    // A value, the arguments of calls, what they become, an instance, backtraces.
    let outcomes = bounded(6 * VALUE as usize + (2 << 20), || {
        let py = runtime.interpreter().value(VALUE).objects(100).memory(16 << 20).output(1 << 12);
        let py = py.stdin(Input::bytes(script)).timeout(Duration::from_millis(20));
        let mut py = match py.build() {
            Ok(py) => py,
            Err(error) => {
                told(&error);
                return Vec::new();
            }
        };
        let mut kept = Vec::new();
        let mut outcomes = Vec::with_capacity(actions.len());
        for action in actions {
            let outcome = act(&mut py, &mut kept, *action);
            ACTS.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = &outcome {
                told(error);
                let fault = matches!(error, Error::GuestFault(_));
                assert!(!fault || py.is_poisoned(), "a fault poisons: {error}");
            }
            outcomes.push((*action, outcome));
        }
        outcomes
    });
    OTHER.with_borrow_mut(|other| {
        let other = other.get_or_insert_with(|| {
            runtime.interpreter().timeout(None).build().expect("an empty script is harmless")
        });
        other.run("pass").expect("the other one goes on");
    });
    outcomes
}

/// An error can be told, and is of moderate length.
fn told(error: &Error) {
    assert!(error.to_string().len() < 4 * VALUE as usize);
    if let Error::Host(said) = error {
        assert!(!said.contains("panicked"), "{said}");
    }
}

/// The inputs that are kept still lead to what they are named for.
#[test]
fn inputs_reach_what_they_are_named_for() {
    let _turn = turn();
    let inputs = super::support::corpus("boundary");
    assert!(
        inputs.keys().eq(["arrays", "calls", "handles", "quiet", "raises"]),
        "{:?}",
        inputs.keys()
    );
    for (name, input) in inputs {
        let calls = CALLS.load(Ordering::Relaxed);
        let outcomes = attempt(&input);
        // An array of another type or one seen twice has been understood, too.
        let done = |wanted: u8| {
            let well = |outcome| matches!(outcome, &Ok(()) | &Err(Error::Conversion(_)));
            outcomes.iter().any(|(act, outcome)| *act == wanted && well(outcome))
        };
        let reached = match &*name {
            "arrays" => done(24) && done(25),
            "calls" => CALLS.load(Ordering::Relaxed) > calls,
            "handles" => done(2) && done(17) && done(19),
            "quiet" => done(0) && done(1),
            "raises" => {
                outcomes.iter().any(|(_, outcome)| matches!(outcome, Err(Error::Python(_))))
            }
            other => panic!("what is {other} for?"),
        };
        assert!(reached && !outcomes.is_empty(), "{name}: {outcomes:?}");
    }
}

/// T13: whatever a guest says at the boundary, nothing of the host breaks.
#[test]
fn boundary() {
    let _turn = turn();
    replay("boundary", target);
    let kept = ACTS.load(Ordering::Relaxed);
    bolero::check!().with_max_len(LONGEST).with_test_time(TIME).for_each(target);
    assert!(ACTS.load(Ordering::Relaxed) > kept, "no random input led to an act of the host");
}
