//! Objects that stay in the guest: held, called, inspected, converted and let go of from Rust.

use crate::library::RUNTIME;
use ophidia::{Arguments, Error, Function, Interpreter, LimitExceeded, Object, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

fn python() -> Interpreter {
    RUNTIME.interpreter().build().expect("an interpreter")
}

/// The type and message of the exception an operation ends with.
fn raised<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, String) {
    match result {
        Err(Error::Python(error)) => (error.type_name.clone(), error.message.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn modules_functions_and_attributes() {
    let mut py = python();
    let math = py.import("math").expect("a module");
    let sqrt = math.getattr(&mut py, "sqrt").expect("a function");
    assert_eq!(sqrt.call_as::<f64>(&mut py, (2.25,)).expect("a float"), 1.5);
    assert_eq!(math.call_method_as::<i64>(&mut py, "gcd", (12, 18)).expect("an int"), 6);
    let path = py.import("os.path").expect("a submodule");
    let joined: String = path.call_method_as(&mut py, "join", ("a", "b")).expect("a str");
    assert_eq!(joined, "a/b");
    assert!(
        math.hasattr(&mut py, "pi").expect("told") && !math.hasattr(&mut py, "no").expect("told")
    );
    // By class, not by name: a subclass is one, a namesake is not.
    py.run(
        "class Missing(AttributeError): pass
Namesake = type('AttributeError', (Exception,), {'__module__': 'builtins'})
class Odd:
    def __getattr__(self, name): raise {'gone': Missing, 'broken': Namesake}[name]
odd = Odd()",
    )
    .expect("runs");
    let odd = py.get("odd").expect("an object");
    assert!(!odd.hasattr(&mut py, "gone").expect("told"));
    assert_eq!(raised(odd.hasattr(&mut py, "broken")).0, "AttributeError");
    assert_eq!(raised(py.get("odd.gone")).0, "Missing");
    assert_eq!(raised(math.getattr(&mut py, "no")).0, "AttributeError");
    assert_eq!(raised(py.import("no_such_module")).0, "ModuleNotFoundError");
}

#[test]
fn names_are_read_set_and_deleted() {
    let mut py = python();
    let pi: f64 = py.get("math.pi").and_then(|pi| pi.extract(&mut py)).expect("a float");
    assert_eq!(pi, std::f64::consts::PI);
    py.set("limit", 3).expect("set");
    py.run("limit += 1\nclass Box: pass\nbox = Box()").expect("runs");
    py.set("box.content", "tea").expect("set");
    assert_eq!(py.eval("limit, box.content").expect("a tuple"), {
        Value::Tuple(vec![Value::Int(4), Value::Str("tea".into())])
    });
    py.delete("box.content").expect("deleted");
    py.delete("limit").expect("deleted");
    assert_eq!(raised(py.get("box.content")).0, "AttributeError");
    assert_eq!(raised(py.get("limit")).0, "ModuleNotFoundError");
    assert_eq!(py.get("len").and_then(|len| len.call_as(&mut py, ("four",))).ok(), Some(4));
    let joined = py.get("collections.abc.Sized").and_then(|class| class.repr(&mut py));
    assert_eq!(joined.expect("a class"), "<class 'collections.abc.Sized'>");
    // Whatever needs to be imported on the way, is.
    let svd = py.get("numpy.linalg.svd").expect("a function");
    assert_eq!(svd.getattr_as::<String>(&mut py, "__name__").ok().as_deref(), Some("svd"));
    let file = py.get("xml.sax.handler.ContentHandler").expect("a class of two modules down");
    assert!(file.is_callable(&mut py).expect("told"));
    py.run("import xml as short").expect("runs");
    assert!(py.get("short.dom.minidom").is_ok(), "by another name");
    let error = raised(py.get("xml.nothing"));
    assert_eq!(error, ("AttributeError".into(), "module 'xml' has no attribute 'nothing'".into()));
}

/// Handles that the guest never gave out, or that it has given out to something else since.
#[test]
fn stale_and_forged_handles_are_refused() -> ophidia::Result<()> {
    let mut py = python();
    let list = py.object([1])?;
    let (index, generation) = list.index_and_generation();
    drop(list);
    let reused = py.object([2, 3])?;
    assert_eq!(reused.index_and_generation(), (index, generation + 1), "the place is taken again");
    let same = py.eval_object("lambda *values: values")?;
    for (index, generation) in
        [(index, generation), (index, u32::MAX), (9_999, 1), (u32::MAX, 1), (u32::MAX, u32::MAX)]
    {
        let forged = Object::forged(&py, index, generation)?;
        for refused in [
            forged.len(&mut py).map(drop),              // in a register
            forged.call(&mut py, ([1],)).map(drop),     // in an encoding
            same.call(&mut py, (&forged,)).map(drop),   // in a slot
            same.call(&mut py, ([&forged],)).map(drop), // in a container
        ] {
            let said = "the host holds no such object".to_owned();
            assert_eq!(raised(refused), ("ReferenceError".into(), said), "{index} {generation}");
        }
        // Letting go of it lets go of nothing else.
        drop(forged);
        assert_eq!(reused.len(&mut py)?, 2);
    }
    Ok(())
}

#[test]
fn calls_take_positional_and_keyword_arguments() {
    let mut py = python();
    py.run("def f(*args, **kwargs): return args, kwargs").expect("runs");
    let f = py.get("f").expect("a function");
    type Received = (Vec<i64>, BTreeMap<String, i64>);
    let none: Received = f.call_as(&mut py, ()).expect("called");
    assert_eq!(none, (vec![], BTreeMap::new()));
    let arguments = Arguments::new().arg(1).args([2, 3]).kwarg("a", 4).kwargs([("b", 5)]);
    let (args, kwargs): Received = f.call_as(&mut py, arguments).expect("called");
    assert_eq!(args, [1, 2, 3]);
    assert_eq!(kwargs, BTreeMap::from([("a".into(), 4), ("b".into(), 5)]));
    let many: Vec<i64> = (0..1_000).collect();
    let (args, _): Received = f.call_as(&mut py, Arguments::new().args(&many)).expect("called");
    assert_eq!(args, many);
    let method = Arguments::new().arg("b a").kwarg("maxsplit", 1);
    let parts: Vec<String> = py
        .object("x b a")
        .and_then(|text| text.call_method_as(&mut py, "split", (" ",)))
        .expect("a list");
    assert_eq!(parts, ["x", "b", "a"]);
    assert_eq!(raised(f.call_method(&mut py, "no", method)).0, "AttributeError");
    assert_eq!(raised(py.object(1).and_then(|one| one.call(&mut py, ()))).0, "TypeError");
}

#[test]
fn containers_are_indexed_and_iterated() {
    let mut py = python();
    let dict = py.object(BTreeMap::from([("a", 1), ("b", 2)])).expect("a dict");
    assert_eq!(dict.len(&mut py).expect("told"), 2);
    assert!(
        dict.contains(&mut py, "a").expect("told") && !dict.contains(&mut py, "z").expect("told")
    );
    dict.set_item(&mut py, "c", [3, 4]).expect("set");
    dict.del_item(&mut py, "a").expect("deleted");
    let item: (u8, u8) =
        dict.get_item(&mut py, "c").and_then(|item| item.extract(&mut py)).expect("two ints");
    assert_eq!(item, (3, 4));
    assert_eq!(raised(dict.get_item(&mut py, "a")), ("KeyError".into(), "'a'".into()));

    let squares = py.eval_object("(n * n for n in range(4))").expect("a generator");
    let iterator = squares.iter(&mut py).expect("an iterator");
    assert!(iterator.is(&mut py, &squares).expect("told"));
    let mut sum = 0;
    while let Some(item) = iterator.next(&mut py).expect("goes on") {
        sum += item.extract::<i64>(&mut py).expect("an int");
    }
    assert_eq!(sum, 14);
    assert!(iterator.next(&mut py).expect("ended").is_none());
    let failing = py.eval_object("(1 // n for n in [1, 0])").expect("a generator");
    assert!(failing.next(&mut py).expect("one").is_some());
    assert_eq!(raised(failing.next(&mut py)).0, "ZeroDivisionError");
    assert_eq!(raised(dict.next(&mut py)).0, "TypeError");
}

#[test]
fn what_objects_say_of_themselves() {
    let mut py = python();
    let object = py.eval_object("__import__('fractions').Fraction(1, 3)").expect("a fraction");
    assert_eq!(object.str(&mut py).expect("text"), "1/3");
    assert_eq!(object.repr(&mut py).expect("text"), "Fraction(1, 3)");
    let class = object.get_type(&mut py).expect("a class");
    assert_eq!(class.getattr_as::<String>(&mut py, "__name__").expect("text"), "Fraction");
    assert!(object.is_truthy(&mut py).expect("told"));
    assert!(!py.object(0).and_then(|zero| zero.is_truthy(&mut py)).expect("told"));
    assert_eq!(object.clone(), object);
}

#[test]
fn values_go_in_and_come_out_as_they_were() {
    let mut py = python();
    let values = [
        Value::None,
        Value::Bool(true),
        Value::Int(i64::MIN),
        Value::BigInt([&[0; 8][..], &[1]].concat()),
        Value::BigInt(vec![0, 0, 0, 0, 0, 0, 0, 0, 0xff]),
        Value::Float(f64::MIN_POSITIVE),
        Value::Complex { real: 1.5, imaginary: -2.0 },
        Value::Str("grüße \0 🐍".into()),
        Value::WideStr(b"a\xed\xa0\x80".to_vec()),
        Value::Bytes(vec![0, 255]),
        Value::Tuple(vec![]),
        Value::List(vec![Value::Int(1), Value::List(vec![Value::Str("x".into())])]),
        Value::Dict(vec![
            (Value::Str("b".into()), Value::None),
            (Value::Tuple(vec![Value::Int(1)]), Value::Dict(vec![])),
        ]),
        Value::Set(vec![Value::Int(1)]),
        Value::FrozenSet(vec![Value::Float(0.5)]),
    ];
    let same = py.eval_object("lambda value: value").expect("a function");
    for value in values {
        assert_eq!(same.call_as::<Value>(&mut py, (&value,)).expect("comes back"), value);
    }
    let check = py.eval_object("lambda *values: list(map(repr, values))").expect("a function");
    let shown: Vec<String> = check
        .call_as(
            &mut py,
            (u64::MAX, i128::MIN, u128::MAX, 'ß', Some(1.5f32), (1, "a"), HashSet::from([7])),
        )
        .expect("shown");
    let expected = [
        "18446744073709551615",
        "-170141183460469231731687303715884105728",
        "340282366920938463463374607431768211455",
        "'ß'",
        "1.5",
        "(1, 'a')",
        "{7}",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn integers_of_every_width_come_out_or_do_not_fit() {
    let mut py = python();
    let mut int = |source: &str| py.eval_object(source).expect(source);
    let (big, small, byte) = (int("2 ** 128 - 1"), int("-2 ** 127"), int("256"));
    assert_eq!(big.extract::<u128>(&mut py).ok(), Some(u128::MAX));
    assert_eq!(small.extract::<i128>(&mut py).ok(), Some(i128::MIN));
    for error in [
        big.extract::<i128>(&mut py).map(drop),
        small.extract::<u128>(&mut py).map(drop),
        byte.extract::<u8>(&mut py).map(drop),
        byte.extract::<i8>(&mut py).map(drop),
    ] {
        assert!(error.expect_err("does not fit").to_string().starts_with("expected an int from "));
    }
    assert_eq!(byte.extract::<u16>(&mut py).ok(), Some(256));
    assert_eq!(byte.extract::<isize>(&mut py).ok(), Some(256));
    assert_eq!(byte.extract::<usize>(&mut py).ok(), Some(256));
    assert!(small.extract::<isize>(&mut py).is_err() && small.extract::<usize>(&mut py).is_err());
}

#[test]
fn wrong_types_are_named_with_the_path_to_them() {
    let mut py = python();
    let error = |py: &mut Interpreter, source: &str| {
        let object = py.eval_object(source).expect(source);
        let result = object.extract::<Vec<HashMap<String, f64>>>(py);
        result.expect_err("another type").to_string()
    };
    assert_eq!(
        error(&mut py, "[{}, {'price': 1.5, 'name': 'x'}]"),
        "[1][\"name\"]: expected float, got str"
    );
    assert_eq!(error(&mut py, "[{1: 2.5}]"), "[0]key [1]: expected str, got int");
    assert_eq!(error(&mut py, "7"), "expected list, got int");
    let text = py.eval_object("'\\ud800'").expect("a str");
    let error = text.extract::<String>(&mut py).expect_err("no characters");
    assert_eq!(error.to_string(), "expected a str of characters, got a str with lone surrogates");
}

#[test]
fn cycles_and_deep_values_stay_in_the_guest() {
    let mut py = python();
    py.run("a = []\na.append(a)\nb = 1\nfor _ in range(100): b = [b]").expect("runs");
    for name in ["a", "b"] {
        let mut value = py.eval(name).expect("a value");
        let mut depth = 0;
        while let Value::List(mut items) = value {
            value = items.pop().expect("one item");
            depth += 1;
        }
        assert!(matches!(value, Value::Object(_)) && depth == 64, "{name}: {depth}");
    }
    let mut deep = Value::None;
    for _ in 0..70 {
        deep = Value::List(vec![deep]);
    }
    let error = py.object(deep).expect_err("too deep").to_string();
    assert!(error.contains("64 containers"), "{error}");
}

#[test]
fn objects_of_another_interpreter_are_refused() {
    let (mut one, mut other) = (python(), python());
    let list = one.object([1]).expect("a list");
    let error = list.len(&mut other).expect_err("foreign");
    assert!(matches!(error, Error::Conversion(_)), "{error:?}");
    assert!(error.to_string().contains("another interpreter's"), "{error}");
    let error = other.object((1, &list)).expect_err("foreign").to_string();
    assert!(error.contains("another interpreter's"), "{error}");
    assert_eq!(list.len(&mut one).expect("its own"), 1);
}

#[test]
fn dropped_objects_are_let_go_of() {
    let mut py = python();
    py.run("import sys\nclass C: pass\nc = C()").expect("runs");
    let count = py.eval_object("lambda: sys.getrefcount(c)").expect("a function");
    drop(py.get("c").expect("an object")); // what finds names is held from here on
    let before: i64 = count.call_as(&mut py, ()).expect("a count");
    let held = py.objects_held().expect("told");
    for _ in 0..100 {
        let some: Vec<Object> = (0..100).map(|_| py.get("c").expect("an object")).collect();
        std::thread::spawn(move || drop(some)).join().expect("dropped elsewhere");
    }
    assert_eq!(py.objects_held().expect("told"), held);
    drop(py.eval("[c, c]").expect("a list"));
    py.run("import gc; freed = sys.getrefcount(c)").expect("runs");
    assert_eq!(py.eval("freed").expect("a count"), Value::Int(before), "a run lets go too");
    assert_eq!(count.call_as::<i64>(&mut py, ()).expect("a count"), before);
}

#[test]
fn objects_held_and_values_copied_are_bounded() {
    let mut py = RUNTIME.interpreter().objects(100).value(1 << 20).build().expect("one");
    let some: Vec<Object> = (0..90).map(|_| py.object(()).expect("an object")).collect();
    let error = py.eval("[object() for _ in range(100)]").expect_err("too many");
    assert!(matches!(error, Error::Limit(LimitExceeded::Objects { limit: 100 })), "{error:?}");
    drop(some);
    assert_eq!(py.objects_held().expect("told"), 0, "what came before the limit is let go of");
    for source in ["'x' * 2**21", "b'x' * 2**21", "[None] * 2**17", "['x' * 2**20, 1]"] {
        let error = py.eval(source).expect_err("too large");
        assert!(matches!(error, Error::Limit(LimitExceeded::Value { .. })), "{source}: {error:?}");
    }
    let error = py.eval("[object(), 'x' * 2**28]").expect_err("more than travels at once");
    assert!(matches!(&error, Error::Limit(_) | Error::Python(_)), "{error:?}");
    assert_eq!(py.objects_held().expect("told"), 0, "what was given out before is let go of");
    let bytes: Vec<u8> =
        py.object(Value::Bytes(vec![7; 1 << 19])).and_then(|b| b.extract(&mut py)).expect("bytes");
    assert_eq!(bytes, vec![7; 1 << 19]);
    assert_eq!(py.eval("1 + 1").expect("goes on"), Value::Int(2));
}

#[test]
fn an_object_taken_while_a_value_is_copied_stays() -> ophidia::Result<()> {
    let mut py = RUNTIME.interpreter().build()?;
    let kept = Arc::new(Mutex::new(None));
    let place = Arc::clone(&kept);
    let keep = move |object: Object| *place.lock().expect("no panic") = Some(object);
    py.set("keep", Function::new("keep", keep))?;
    py.run(
        "import pathlib\n\
         def told(path):\n    keep([7])\n    raise ValueError('not to be copied')\n\
         pathlib.PurePath.__str__ = told",
    )?;
    let error = py.eval("[object(), pathlib.Path('x')]").expect_err("it cannot be copied");
    assert!(error.to_string().contains("not to be copied"), "{error}");
    let object = kept.lock().expect("no panic").take().expect("told() was called");
    assert_eq!(object.extract::<Vec<i64>>(&mut py)?, [7]);
    Ok(())
}

#[test]
fn objects_let_go_of_in_calls_do_not_pile_up() -> ophidia::Result<()> {
    let mut py = RUNTIME.interpreter().memory(72 << 20).build()?;
    py.set("take", Function::new("take", |_: Object| ()))?;
    py.run("for _ in range(1_500_000): take(object())")?;
    assert!(py.objects_held()? < 10);
    Ok(())
}

/// Ten million objects made and dropped, in batches of a thousand: the guest's own count of references
/// says that none is left, and the table has not grown.
#[test]
fn ten_million_handles_leak_nothing() -> ophidia::Result<()> {
    let mut py = RUNTIME.interpreter().timeout(None).build()?;
    py.run("import sys\nclass Thing: pass\nthing = Thing()\ndef same(): return thing")?;
    let same = py.get("same")?;
    let count = |py: &mut Interpreter| -> ophidia::Result<i64> {
        py.objects_held()?;
        match py.eval("sys.getrefcount(thing)")? {
            Value::Int(count) => Ok(count),
            other => panic!("{other:?}"),
        }
    };
    let (references, held) = (count(&mut py)?, py.objects_held()?);
    for _ in 0..10_000 {
        let mut batch = Vec::with_capacity(1_000);
        for _ in 0..1_000 {
            batch.push(same.call(&mut py, ())?);
        }
    }
    assert_eq!((count(&mut py)?, py.objects_held()?), (references, held));
    assert!(py.usage().peak_memory < 64 << 20, "{:?}", py.usage());
    Ok(())
}
