//! Programs that lie of their arrays, in the real guest: each is refused, sees its own bytes or ends its own
//! interpreter.

use crate::library::RUNTIME;
use ndarray::{Ix1, Ix2, IxDyn};
use ophidia::{Buffer, Error, Function, Interpreter, Python};

fn python() -> Interpreter {
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    py.run("import numpy as np\nfrom numpy.lib.stride_tricks import as_strided").expect("runs");
    py
}

fn buffer(py: &mut Interpreter, source: &str) -> Result<Buffer, Error> {
    py.eval_object(source).and_then(|object| object.buffer(py))
}

/// What is said of a refusal, after which the interpreter goes on.
fn refused<T: std::fmt::Debug>(py: &mut Interpreter, result: Result<T, Error>) -> String {
    let said = match result {
        Err(Error::Conversion(error)) => error.to_string(),
        Err(Error::Python(error)) => format!("{}: {}", error.type_name, error.message),
        other => panic!("{other:?}"),
    };
    py.run("assert 1 + 1 == 2").expect("it goes on");
    said
}

#[test]
fn places_outside_of_memory_end_the_interpreter() {
    for source in [
        "as_strided(np.zeros(1), (1 << 20,), (1 << 11,))",
        "as_strided(np.zeros(1), (2,), (-(1 << 30),))",
        "as_strided(np.zeros(1), (2, 2), (1 << 30, 1 << 30))",
        "as_strided(np.zeros(1), (1 << 27,), (8,))",
        "as_strided(np.zeros(1, 'i1'), (1 << 30,), (-1,))",
    ] {
        let mut py = python();
        match buffer(&mut py, source) {
            Err(Error::GuestFault(said)) => {
                assert!(said.contains("outside its memory"), "{source}: {said}");
            }
            other => panic!("{source}: {other:?}"),
        }
        assert!(matches!(py.run("pass"), Err(Error::Poisoned { .. })), "{source}");
    }
    python().run("pass").expect("another interpreter notices nothing");
}

#[test]
fn shapes_too_large_for_any_memory() {
    for source in [
        "as_strided(np.zeros(1, 'u1'), (1 << 16, 1 << 16), (0, 0))",
        "as_strided(np.zeros(1), (1 << 30, 1 << 30), (0, 0))",
        "as_strided(np.zeros(1, 'V0'), (1 << 30, 4), (0, 0))",
        "as_strided(np.zeros(1, 'u1'), (1 << 15,) * 4, (0,) * 4)",
    ] {
        let mut py = python();
        match buffer(&mut py, source) {
            Ok(buffer) => {
                // Nothing that can be walked over is longer than 4 GiB.
                assert!(buffer.len() <= u32::MAX as usize, "{source}");
                buffer.view_dyn(&py).expect_err(source);
            }
            Err(Error::GuestFault(_) | Error::Conversion(_) | Error::Python(_)) => {}
            other => panic!("{source}: {other:?}"),
        }
    }
    let mut py = python();
    let spread = buffer(&mut py, "as_strided(np.full(1, 3, 'u1'), (1 << 20, 3), (0, 0))");
    let spread = spread.expect("few bytes, many elements");
    let view = spread.view::<u8, Ix2>(&py).expect("a view");
    assert_eq!(view.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 9 << 20);
    let result = spread.view_mut::<u8, Ix2>(&mut py).map(drop);
    assert!(refused(&mut py, result).contains("lie in the same place"));
}

#[test]
fn formats_of_a_megabyte() {
    let mut py = python();
    for source in [
        "np.zeros(1, [('x' * 1_000_000, 'i4')])",
        "np.zeros(1, [(f'field {i}', 'f8') for i in range(50_000)])",
        "np.zeros(1, ','.join(['i4'] * 50_000))",
    ] {
        let result = buffer(&mut py, source);
        let said = refused(&mut py, result);
        assert!(said.contains("at most 255 are looked at") && said.len() < 400, "{source}: {said}");
    }
}

#[test]
fn exporters_of_ones_own() {
    let mut py = python();
    py.run(
        "
class Exporter:
    def __init__(self, give): self.give = give
    def __buffer__(self, flags): return self.give()
def fails(): raise LookupError('no buffer today')
released = memoryview(b'abc'); released.release()
endless = Exporter(lambda: memoryview(endless))
moved = []
def moves():
    moved.append(bytearray([len(moved)]) * 4)
    return memoryview(moved[-1])
",
    )
    .expect("runs");
    for (source, said) in [
        ("Exporter(fails)", "LookupError: no buffer today"),
        ("Exporter(lambda: b'abc')", "TypeError"),
        ("Exporter(lambda: None)", "TypeError"),
        ("Exporter(lambda: released)", "ValueError"),
        ("endless", "RecursionError"),
    ] {
        let result = buffer(&mut py, source);
        let told = refused(&mut py, result);
        assert!(told.contains(said), "{source}: {told}");
    }
    // Each buffer is the memory that it was given, whatever the exporter gives next.
    let object = py.eval_object("Exporter(moves)").expect("an object");
    let (first, second) = (object.buffer(&mut py), object.buffer(&mut py));
    let (first, second) = (first.expect("a buffer"), second.expect("a buffer"));
    py.run("junk = bytes(1 << 22)").expect("memory grows");
    assert_eq!(first.view::<u8, Ix1>(&py).expect("a view").to_vec(), [0; 4]);
    assert_eq!(second.view::<u8, Ix1>(&py).expect("a view").to_vec(), [1; 4]);
    let error = py.run("moved[0].append(1)").expect_err("it is pinned");
    assert!(matches!(&error, Error::Python(error) if error.type_name == "BufferError"), "{error}");
    drop(first);
    py.run("moved[0].append(1)").expect("let go of");
}

#[test]
fn an_exporter_that_calls_the_host_meanwhile() {
    let mut py = python();
    // It takes another buffer, whose layout must not be taken for that of the first.
    let inner = |py: &mut Python<'_>, other: Buffer| -> ophidia::Result<f64> {
        Ok(other.view::<f64, Ix1>(py)?.sum())
    };
    py.set("inner", Function::new("inner", inner)).expect("set");
    py.run(
        "
class Exporter:
    def __buffer__(self, flags):
        assert inner(np.arange(5.0)) == 10
        return memoryview(b'abc')
exporter = Exporter()",
    )
    .expect("runs");
    let seen = buffer(&mut py, "exporter").expect("a buffer");
    assert_eq!(seen.view::<u8, Ix1>(&py).expect("a view").to_vec(), b"abc");
}

/// numpy can be told to move an array that is in use: its old place is memory of the guest like any other.
#[test]
fn an_array_that_moves_all_the_same() {
    let mut py = python();
    py.run("a = np.arange(1000.0)").expect("runs");
    let seen = buffer(&mut py, "a").expect("a buffer");
    py.run(
        "a.resize(1_000_000, refcheck=False)\na[:] = 7\njunk = [bytes(8000) for _ in range(999)]",
    )
    .expect("it moves");
    assert_eq!(seen.view::<f64, Ix1>(&py).expect("a view").len(), 1000);
    seen.view_mut::<f64, Ix1>(&mut py).expect("a view").fill(1.0);
    drop(seen);
    // What it has destroyed there is its own.
    assert_eq!(python().eval("1 + 1").expect("a value"), 2.into());
}

#[test]
fn a_program_that_replaces_what_makes_arrays() {
    let mut py = python();
    for (stand_in, said) in [
        (
            "np.ones((2, 3), 'f4')",
            "a view of f64 with 2 dimensions was asked for; the object holds f32",
        ),
        ("np.ones(6)", "the object holds f64 with 1 dimension"),
        ("np.ones((3, 2))", "expected an array of the shape [2, 3], got [3, 2]"),
        ("np.broadcast_to(1.0, (2, 3))", "memory is read-only"),
        ("as_strided(np.ones(6), (2, 3), (0, 8))", "lie in the same place"),
        ("np.ones((2, 3), '>f8')", "the object holds big-endian f64"),
        ("'text'", "TypeError"),
        ("{}['zeros']", "KeyError"),
    ] {
        let program = format!("np.zeros = np.empty = lambda shape, kind: {stand_in}");
        py.run(&program).expect("runs");
        let result = py.zeros::<f64, _>((2, 3));
        let told = refused(&mut py, result);
        assert!(told.contains(said), "{stand_in}: {told}");
        let result = py.array_from_iter((2, 3), [0.0; 6]);
        let told = refused(&mut py, result);
        assert!(told.contains(said), "{stand_in}: {told}");
    }
    // The same array twice.
    py.run("one = np.ones(3)\nnp.zeros = lambda shape, kind: one").expect("runs");
    let first = py.zeros::<f64, _>(3).expect("an array");
    let second = py.zeros::<f64, _>(3).expect("an array");
    let result = py.views((first.writing(), second.writing())).map(drop);
    assert!(refused(&mut py, result).contains("memory that overlaps"));
    py.run("import sys\nsys.modules['numpy'] = object()").expect("runs");
    let result = py.zeros::<f64, _>(3);
    assert!(refused(&mut py, result).starts_with("AttributeError"));
    let seen = buffer(&mut py, "one").expect("a buffer");
    assert_eq!(seen.view::<f64, IxDyn>(&py).expect("a view").len(), 3);
}
