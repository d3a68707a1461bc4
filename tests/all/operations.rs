//! One operation has one deadline, however often it enters the guest, and its time is counted, however short
//! it is.

use crate::library::RUNTIME;
use crate::support::interpreter;
use ophidia::{
    CodeKind, Converters, Error, Function, Interpreter, LimitExceeded, Object, Python, PythonError,
    SourceKind, Value,
};
use std::time::{Duration, Instant};

/// Takes two thirds of the time there is, in which nothing is out of time yet.
const SLOW: &str = "
import time
def slow():
    end = time.monotonic() + 0.2
    while time.monotonic() < end: pass
    return 1
class Slow:
    def __getattribute__(self, name):
        if name != '__dict__': slow()
        return object.__getattribute__(self, name)
    def __setattr__(self, name, value): slow()
    def __delattr__(self, name): slow()
    def __enter__(self): return slow()
    def __exit__(self, *error): slow()
class Lying:
    @property
    def __class__(self): slow()
class Outer:
    @property
    def inner(self):
        slow()
        return Slow()
outer = Outer()
";

fn limited() -> Interpreter {
    let short = RUNTIME.interpreter().timeout(Duration::from_millis(300)).grace(Duration::ZERO);
    let mut py = short.build().expect("an interpreter");
    py.run(SLOW).expect("definitions");
    py
}

/// That an operation whose parts are each in time is not, as a whole.
#[track_caller]
fn out_of_time<T: std::fmt::Debug>(body: impl FnOnce(&mut Interpreter) -> ophidia::Result<T>) {
    let mut py = limited();
    let began = Instant::now();
    let ended = body(&mut py);
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_converter_over_many_objects() {
    let converters =
        || Converters::new().from_python("int", |_: &mut Python<'_>, _: Object| Ok(Value::None));
    out_of_time(|py| {
        py.with_converters(converters(), |py| py.eval("[Lying() for _ in range(99)]"))
    });
    // One whose closure takes its time, without a word to Python.
    let slow = Converters::new().from_python("Slow", |_: &mut Python<'_>, _: Object| {
        std::thread::sleep(Duration::from_millis(200));
        Ok(Value::None)
    });
    out_of_time(|py| py.with_converters(slow, |py| py.eval("[Slow() for _ in range(99)]")));
    // In the arguments of a function of the host.
    out_of_time(|py| {
        py.set("take", Function::variadic("take", |_, call| call.positional.len()))?;
        py.with_converters(converters(), |py| py.run("take([Lying() for _ in range(99)])"))
    });
}

#[test]
fn names_with_dots() {
    out_of_time(|py| py.set("outer.inner.x", 1));
    out_of_time(|py| py.delete("outer.inner.x"));
}

#[test]
fn a_context_manager_is_left_in_the_time_it_was_entered_with() {
    out_of_time(|py| {
        let manager = py.eval_object("Slow()")?;
        manager.with(py, |_, _| Ok(()))
    });
    // What the body does are operations of their own.
    let mut py = limited();
    let mut three = || -> ophidia::Result<()> {
        let manager = py.eval_object("__import__('contextlib').nullcontext()")?;
        let slow = py.get("slow")?;
        manager.with(&mut py, |py, _| (0..3).try_for_each(|_| slow.call(py, ()).map(drop)))?;
        Ok(())
    };
    three().expect("each is in time");
}

#[test]
fn calls_of_a_function_of_the_host_are_part_of_what_called_it() {
    out_of_time(|py| {
        let slow = py.get("slow")?;
        let thrice = move |py: &mut Python<'_>| (0..30).for_each(|_| drop(slow.call(py, ())));
        py.set("thrice", Function::new("thrice", thrice))?;
        py.run("thrice()")
    });
}

#[test]
fn the_class_of_what_cannot_be_converted() {
    out_of_time(|py| {
        py.run(
            "class Meta(type):
    def __getattribute__(cls, name):
        if name == '__qualname__': slow()
        return type.__getattribute__(cls, name)
class Odd(metaclass=Meta): pass
def give():
    slow()
    return Odd()",
        )?;
        let give = py.get("give")?;
        give.call_as::<i64>(py, ())
    });
}

/// Each public method is one operation, whatever it does.
#[test]
fn operations_are_counted() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run(
        "import contextlib
class Box:
    x = 1
box, items = Box(), [1, 2, 3]
manager = contextlib.nullcontext()
def generate():
    while True:
        try: yield 1
        except KeyError: pass",
    )?;
    let (items, manager, class, generator, text) = (
        py.get("items")?,
        py.get("manager")?,
        py.get("Box")?,
        py.eval_object("generate()")?,
        py.object("text")?,
    );
    let Err(Error::Python(error)) = py.run("1 / 0") else { panic!("not raised") };
    let before = py.usage().operations;
    error.traceback(&mut py)?;
    error.traceback(&mut py)?;
    assert_eq!(py.usage().operations, before + 1, "a traceback is made once");
    let code = py.compile("1", "<x>", CodeKind::Expression)?;
    let statement = py.compile("x = 1", "<x>", CodeKind::Statements)?;
    let (key, wrong) = (PythonError::new("KeyError", "k"), py.get("ValueError")?);
    generator.next(&mut py)?;
    type Method<'a> = Box<dyn Fn(&mut Python<'_>) -> ophidia::Result<()> + 'a>;
    fn method<'a, T>(call: impl Fn(&mut Python<'_>) -> ophidia::Result<T> + 'a) -> Method<'a> {
        Box::new(move |py| call(py).map(drop))
    }
    let methods: Vec<(&str, Method<'_>)> = vec![
        ("run", method(|py| py.run("1"))),
        ("run_source", method(|py| py.run_source(SourceKind::Main, b"1", "<x>"))),
        ("eval", method(|py| py.eval("[items, box]"))),
        ("eval_object", method(|py| py.eval_object("box"))),
        ("compile", method(|py| py.compile("1", "<x>", CodeKind::Expression))),
        ("run_code", method(|py| py.run_code(&statement))),
        ("eval_code", method(|py| py.eval_code(&code))),
        ("completeness", method(|py| py.completeness("1"))),
        ("append_path", method(|py| py.append_path("/x"))),
        ("import", method(|py| py.import("json"))),
        ("get", method(|py| py.get("box.x"))),
        ("set", method(|py| py.set("y", 1))),
        ("set.", method(|py| py.set("box.y", 1))),
        ("delete.", method(|py| py.set("box.y", 1).and_then(|()| py.delete("box.y")))),
        ("delete", method(|py| py.set("y", 1).and_then(|()| py.delete("y")))),
        ("object", method(|py| py.object(vec![1, 2]))),
        ("objects_held", method(|py| py.objects_held())),
        ("array", method(|py| py.array_from(&[1.0, 2.0]))),
        ("array", method(|py| py.array_from_iter(2, [1_u8, 2]))),
        ("zeros", method(|py| py.zeros::<f64, _>(3))),
        ("getattr", method(|py| class.getattr(py, "x"))),
        ("hasattr", method(|py| class.hasattr(py, "another"))),
        ("get_slice", method(|py| items.get_slice(py, 1..2))),
        ("set_slice", method(|py| items.set_slice(py, 1..2, vec![7]))),
        ("del_slice", method(|py| items.del_slice(py, 1..1))),
        ("iter", method(|py| items.iter(py))),
        ("add", method(|py| items.add(py, vec![7]))),
        ("hash", method(|py| text.hash(py))),
        ("lt", method(|py| items.lt(py, vec![7]))),
        ("downcast", method(|py| Ok(items.downcast(py, &class).is_err()))),
        ("extract", method(|py| Ok(items.extract::<i64>(py).is_err()))),
        ("is_instance", method(|py| items.is_instance(py, &class))),
        ("dir", method(|py| items.dir(py))),
        ("signature", method(|py| class.signature(py))),
        ("downgrade", method(|py| class.downgrade(py))),
        ("send", method(|py| generator.send(py, 1))),
        ("throw", method(|py| generator.throw(py, &key))),
        ("with", method(|py| manager.with(py, |_, _| Ok(())))),
        ("args", method(|py| error.args(py))),
        ("is_instance", method(|py| key.is_instance(py, "LookupError"))),
        ("frames", method(|py| error.frames(py))),
        ("context", method(|py| error.context(py))),
        ("from_type", method(|py| PythonError::from_type(py, &wrong, ("x",)))),
        (
            "with_converters",
            method(|py| {
                let text = Converters::new().from_python("Box", |_, _| Ok(Value::None));
                let text = text.to_python("list", Function::new("f", |it: Value| it));
                py.with_converters(text, |_| Ok(()))
            }),
        ),
        ("capture_output", method(|py| py.capture_output(|_| Ok(())).map(|_| ()))),
    ];
    for (name, call) in &methods {
        // Names and helpers are looked up once.
        call(&mut py)?;
        let before = py.usage().operations;
        call(&mut py)?;
        let expected = match *name {
            "capture_output" => 0,
            "delete" | "delete." => 2,
            _ => 1,
        };
        assert_eq!(py.usage().operations - before, expected, "{name}");
    }
    let before = py.usage().operations;
    py.set("back", Function::new("back", |py: &mut Python<'_>| py.set("box.y", 1)))?;
    py.run("back()")?;
    assert_eq!(py.usage().operations - before, 2, "a call back is part of what called");
    Ok(())
}

#[test]
fn short_operations_count() -> ophidia::Result<()> {
    let mut py = interpreter();
    let one = py.eval_object("lambda: 1")?;
    // What others do on the machine meanwhile is now counted and now not.
    let counts = |py: &mut Interpreter| -> ophidia::Result<(Duration, Duration)> {
        let (before, began) = (py.usage(), Instant::now());
        for _ in 0..20_000 {
            one.call_as::<i64>(py, ())?;
        }
        let (took, after) = (began.elapsed(), py.usage());
        assert_eq!(after.operations - before.operations, 20_000);
        Ok((after.duration - before.duration, took))
    };
    let mut told = Vec::new();
    for _ in 0..50 {
        let (counted, took) = counts(&mut py)?;
        if counted >= took / 2 && counted <= took * 2 {
            return Ok(());
        }
        told.push((counted, took));
    }
    panic!("{told:?}");
}
