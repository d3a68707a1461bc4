//! Scopes with conversions of one's own, and scopes in which results stay objects.

use crate::support::{interpreter, raised};
use ophidia::{
    Arguments, CodeKind, Converters, Error, Function, Object, Python, PythonError, Value,
};
use std::collections::BTreeMap;

#[test]
fn conversions_of_ones_own() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run("class Point:\n    def __init__(self, x): self.x = x\np = Point(3)\ndef kind(v): return type(v).__name__")?;
    let x =
        |py: &mut ophidia::Python<'_>, point: Object| Ok(Value::Int(point.getattr_as(py, "x")?));
    let as_number = || Converters::new().from_python("Point", x);
    assert!(matches!(py.eval("p")?, Value::Object(_)));
    let value = py.with_converters(as_number(), |py| py.eval("[p, {'p': p}]"))?;
    let dict = Value::Dict(vec![(Value::Str("p".into()), Value::Int(3))]);
    assert_eq!(value, Value::List(vec![Value::Int(3), dict]));

    let sorted = py.get("sorted")?;
    let kind = py.get("kind")?;
    let tuples = Converters::new().to_python("list", py.get("tuple")?);
    let nested = py.with_converters(tuples, |py| {
        assert_eq!(kind.call_as::<String>(py, (vec![1],))?, "tuple");
        let back = Converters::new().to_python("list", sorted.clone()).from_python("Point", x);
        let inner = py.with_converters(back, |py| {
            assert_eq!(py.eval("p")?, Value::Int(3));
            kind.call_as::<String>(py, (vec![2, 1],))
        })?;
        // Restored, also when a scope ends in an error.
        let error = py.with_converters(as_number(), |py| py.run("1 / 0"));
        assert_eq!(raised(error).type_name, "ZeroDivisionError");
        assert!(matches!(py.eval("p")?, Value::Object(_)));
        Ok(inner)
    })?;
    assert_eq!(nested, "tuple", "the inner scope sorts, then the outer one makes a tuple");
    assert_eq!(kind.call_as::<String>(&mut py, (vec![1],))?, "list");

    // Arguments of host functions too.
    py.set("twice", Function::new("twice", |n: i64| n * 2))?;
    assert_eq!(raised(py.eval("twice(p)")).type_name, "TypeError");
    assert_eq!(py.with_converters(as_number(), |py| py.eval("twice(p)"))?, Value::Int(6));
    Ok(())
}

/// Whatever of Rust's becomes an object, by whichever way.
#[test]
fn values_are_converted_on_every_way_in() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run(
        "class Name(str): pass
class Box: pass
def show(*args, **kwargs): return repr((args, kwargs))
def names(value):
    if isinstance(value, dict):
        return [names(each) for pair in value.items() for each in pair]
    return [names(each) for each in value] if isinstance(value, (list, tuple, set)) else type(value).__name__
kept = ['a', 'b']
def generator():
    received = []
    while True: received.append((yield received))",
    )?;
    let (show, names, name) = (py.get("show")?, py.get("names")?, py.get("Name")?);
    let kept = py.get("kept")?;
    let answer = Function::new("answer", || vec!["x"]);
    let plain = Function::new("plain", |py: &mut Python<'_>| py.set("inner", "x").map(|()| "x"));
    py.set("answer", answer)?;
    py.set("plain", plain)?;
    let tags = |py: &mut Python<'_>, value: &Object| names.call_as::<Value>(py, (value,));
    let text = |text: &str| Value::Str(text.into());
    let list = |items: Vec<Value>| Value::List(items);
    py.with_converters(Converters::new().to_python("str", name.clone()), |py| {
        // At any depth; keys, too.
        let nested = BTreeMap::from([("k", vec![Some(("a", 1)), None])]);
        let object = py.object(&nested)?;
        let pair = list(vec![text("Name"), text("int")]);
        let expected = list(vec![text("Name"), list(vec![pair, text("NoneType")])]);
        assert_eq!(tags(py, &object)?, expected);
        // Names of variables, attributes and keyword arguments are none of it.
        py.set("v", "x")?;
        let set = py.get("v")?;
        assert_eq!(tags(py, &set)?, text("Name"));
        let keyword = py.get("type")?;
        let kinds = py.eval_object("lambda type, /, **kwargs: [*map(type, kwargs)]")?;
        let keys = kinds.call(py, Arguments::new().arg(&keyword).kwarg("word", "x"))?;
        assert_eq!(keys.repr(py)?, "[<class 'str'>]");
        let thing = py.get("Box")?.call(py, ())?;
        thing.setattr(py, "a", "x")?;
        let attribute = thing.getattr(py, "a")?;
        assert_eq!(tags(py, &attribute)?, text("Name"));
        let dict = py.eval_object("{}")?;
        dict.set_item(py, "k", ["x"])?;
        assert!(dict.contains(py, "k")?);
        let expected = list(vec![text("Name"), list(vec![text("Name")])]);
        assert_eq!(tags(py, &dict)?, expected);
        dict.del_item(py, "k")?;
        let sum = py.object(vec![1])?.add(py, vec!["x"])?;
        assert_eq!(tags(py, &sum)?, list(vec![text("int"), text("Name")]));
        let generator = py.get("generator")?.call(py, ())?;
        generator.next(py)?;
        let received = generator.send(py, ("x",))?.expect("it goes on");
        assert_eq!(tags(py, &received)?, list(vec![list(vec![text("Name")])]));
        // Results of host functions, in slots or not; and what a function sets meanwhile.
        let results =
            py.eval("type(answer()[0]).__name__, type(plain()).__name__, type(inner).__name__")?;
        assert_eq!(results, Value::Tuple(vec![text("Name"); 3]));
        // An object goes in as it is, with what is in it.
        assert!(show.call_as::<String>(py, (&kept,))?.contains("(['a', 'b'],)"));
        assert_eq!(tags(py, &kept)?, list(vec![text("str"), text("str")]));
        Ok(())
    })?;
    assert_eq!(names.call_as::<Value>(py, (["x"],))?, list(vec![text("str")]));
    Ok(())
}

/// What the library itself hands to Python is not converted, nor what that gives back.
#[test]
fn the_librarys_own_calls_are_left_alone() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run(
        "def fail(*args): raise LookupError('converted')
async def numbers():
    yield 1
def outer():
    try: 1 / 0
    except ZeroDivisionError as error: raise ValueError('v') from error",
    )?;
    let fail = py.get("fail")?;
    let hostile = Converters::new()
        .to_python("str", fail.clone())
        .to_python("tuple", fail.clone())
        .to_python("types.NoneType", fail)
        .from_python("BaseException", |_, _| Ok(Value::None))
        .from_python("type", |_, _| Ok(Value::Int(7)));
    py.with_converters(hostile, |py| {
        let list = py.object(vec![3])?;
        let longer = list.iadd(py, vec![4])?;
        assert!(longer.is(py, &list)?);
        assert_eq!(longer.extract::<Vec<i64>>(py)?, [3, 4]);
        let seven = py.object(7)?;
        assert_eq!((seven.hash(py)?, seven.neg(py)?.repr(py)?), (7, "-7".into()));
        assert!(seven.lt(py, 8)? && seven.hasattr(py, "real")? && !seven.hasattr(py, "unreal")?);
        assert!(seven.dir(py)?.methods.contains(&"bit_length".into()));
        let class = py.get("int")?;
        assert!(seven.is_instance(py, &class)? && seven.is_instance(py, (&class, &class))?);
        assert_eq!(list.get_slice(py, ..1)?.len(py)?, 1);
        let code = py.compile("1 + 1", "<sum>", CodeKind::Expression)?;
        assert_eq!(py.eval_code(&code)?.extract::<i64>(py)?, 2);
        let items = py.get("numbers")?.call(py, ())?.async_iter(py)?;
        assert!(items.next(py)?.is_some() && items.next(py)?.is_none());
        let error = raised(py.run("outer()"));
        let cause = error.cause(py)?.expect("a cause");
        assert_eq!(cause.type_name, "ZeroDivisionError");
        assert!(cause.is_instance(py, "ArithmeticError")? && error.is_instance(py, "ValueError")?);
        let made = PythonError::new("KeyError", "k").to_exception(py)?;
        assert_eq!(made.repr(py)?, "KeyError('k')");
        py.delete("fail")?;
        Ok(())
    })
}

/// Nor is what a converter does, which may itself be a function of the host.
#[test]
fn converters_are_not_applied_to_what_they_do() -> ophidia::Result<()> {
    let mut py = interpreter();
    let wrap = |py: &mut Python<'_>, items: Vec<i64>| -> ophidia::Result<Vec<i64>> {
        py.set("seen", vec![items.len() as i64])?;
        Ok(items.into_iter().rev().collect())
    };
    let reversed = Converters::new().to_python("list", Function::new("reversed", wrap));
    let object = py.with_converters(reversed, |py| py.object(vec![vec![1, 2, 3]]));
    // The outer list is refused: its items are lists.
    assert_eq!(raised(object).type_name, "TypeError");
    let reversed = Converters::new().to_python("list", Function::new("reversed", wrap));
    let object = py.with_converters(reversed, |py| py.object((vec![1, 2, 3],)))?;
    assert_eq!(object.repr(&mut py)?, "([3, 2, 1],)");
    assert_eq!(py.eval("seen")?, Value::List(vec![Value::Int(3)]));

    // A converter that fails ends the operation and not the scope.
    py.run("def picky(value):\n    if value > 1: raise ValueError(value)\n    return value * 10")?;
    let picky = Converters::new().to_python("int", py.get("picky")?);
    py.with_converters(picky, |py| {
        assert_eq!(raised(py.object(vec![1, 2])).to_string(), "ValueError: 2");
        assert_eq!(py.object(1)?.repr(py)?, "10");
        Ok(())
    })?;
    assert_eq!(py.object(2)?.repr(&mut py)?, "2");
    Ok(())
}

/// A scope ends when its body panics; one inside a host function ends with the function.
#[test]
fn scopes_end_whatever_happens() -> ophidia::Result<()> {
    let mut py = interpreter();
    let texts =
        |py: &mut Python<'_>| Ok::<_, Error>(Converters::new().to_python("int", py.get("str")?));
    let scope = texts(&mut py)?;
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        py.with_converters(scope, |_| -> ophidia::Result<()> { panic!("in the body") })
    }));
    assert!(result.is_err());
    assert_eq!(py.object(1)?.repr(&mut py)?, "1");

    let inner = move |py: &mut Python<'_>| -> ophidia::Result<String> {
        let scope = texts(py)?;
        py.with_converters(scope, |py| py.object(1)?.repr(py))
    };
    py.set("inner", Function::new("inner", inner))?;
    py.set("one", Function::new("one", || vec![1]))?;
    py.run("assert inner() == \"'1'\" and one() == [1]")?;
    Ok(())
}

#[test]
fn results_are_kept_as_objects() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run("def give(value): return value")?;
    let give = py.get("give")?;
    py.with_objects(|py| {
        let kept = py.eval("[1, 2]")?;
        let Value::Object(list) = kept else { panic!("{kept:?}") };
        assert_eq!(list.extract::<Vec<i64>>(py)?, [1, 2]);
        assert!(matches!(give.call_as(py, (1,))?, Value::Object(_)));
        // None is nothing that could be kept.
        assert_eq!(py.eval("None")?, Value::None);
        assert_eq!(give.call_as::<Value>(py, ((),))?, Value::None);
        Ok(())
    })?;
    assert!(matches!(py.eval("[1]")?, Value::List(_)));
    Ok(())
}
