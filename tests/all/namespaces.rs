//! Source text with names of its own, and with values of Rust's.

use crate::support::{interpreter, raised};
use ophidia::{CodeKind, Namespace, Object, SourceKind, Value, values};
use std::collections::HashMap;

#[test]
fn each_namespace_has_its_own_names() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run("x = 'main'")?;
    let (a, b) = (py.namespace()?, py.namespace()?);
    a.set(py, "x", 1)?;
    a.run(py, "import math\ndef area(r): return math.pi * r * x\ny = area(2)\nclass Boom(Exception): pass")?;
    b.run(py, "x = 10")?;
    assert!(a.eval_as::<f64>(py, "y")? > 6.0);
    assert_eq!(a.get_as::<i64>(py, "x")?, 1);
    assert_eq!(b.eval(py, "x")?, Value::Int(10));
    assert_eq!(py.eval("x")?, "main".into());
    assert!(a.contains(py, "area")? && !b.contains(py, "area")?);
    assert_eq!(raised(b.eval(py, "area(1)")).type_name, "NameError");
    assert_eq!(raised(b.get(py, "area")).type_name, "KeyError");
    b.delete(py, "x")?;
    assert_eq!(raised(b.delete(py, "x")).type_name, "KeyError");

    // What it defines finds its names later too, and is called what a program's own is.
    let area = a.get(py, "area")?;
    a.set(py, "x", 2)?;
    assert!(area.call_as::<f64>(py, (2,))? > 12.5);
    let error = raised(a.run(py, "\nraise Boom('no')"));
    assert_eq!(error.type_name, "Boom");
    assert!(error.traceback(py)?.contains("    raise Boom('no')\n"), "{error:?}");
    Ok(())
}

#[test]
fn code_locals_and_modules_in_a_namespace() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    let names = py.namespace()?;
    let statements = py.compile("count = count + 1", "<counter>", CodeKind::Statements)?;
    let expression = py.compile("count * 10", "<counter>", CodeKind::Expression)?;
    py.run("count = 100")?;
    names.set(py, "count", 1)?;
    names.run_code(py, &statements)?;
    py.run_code(&statements)?;
    assert_eq!(names.eval_code(py, &expression)?.extract::<i64>(py)?, 20);
    assert_eq!(py.eval_code(&expression)?.extract::<i64>(py)?, 1_010);
    names.run_source(py, SourceKind::Interactive, b"count + 1", "<stdin>")?;
    assert_eq!(py.eval("__import__('builtins')._")?, Value::Int(3));

    let locals = py.object(HashMap::from([("price", 2)]))?;
    let with = names.with_locals(locals.clone());
    with.run(py, "total = price * count")?;
    assert_eq!(locals.get_item(py, "total")?.extract::<i64>(py)?, 4);
    assert!(with.contains(py, "total")? && !names.contains(py, "total")?);
    with.run_code(py, &statements)?;
    assert_eq!(with.get_as::<i64>(py, "count")?, 3, "left in the locals");
    assert_eq!(names.get_as::<i64>(py, "count")?, 2);

    let json = py.import("json")?.getattr(py, "__dict__")?;
    assert_eq!(Namespace::of(json).eval(py, "dumps([1])")?, "[1]".into());
    let list = Namespace::of(py.object([1])?);
    assert_eq!(raised(list.run(py, "x = 1")).type_name, "TypeError");
    let mut other = interpreter();
    assert!(matches!(names.run(&mut other, ""), Err(ophidia::Error::Conversion(_))));
    Ok(())
}

#[test]
fn source_text_uses_values_of_rusts() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run("rate = 3\nclass Point:\n    def __init__(self, x): self.x = x\npoint = Point(5)")?;
    let (point, words) = (py.get("point")?, ["a", "b"]);
    assert_eq!(py.eval_with::<i64>("a + b * rate", values! { a: 1, b: 2 })?, 7);
    assert_eq!(py.eval_with::<i64>("point.x", values! { point: &point })?, 5);
    assert_eq!(py.eval_with::<i64>("a + b", [("a", 3), ("b", 4)])?, 7);
    // Everything inside sees them: generators, lambdas, functions.
    let nested = "sum((lambda w: n * len(w))(w) for w in words)";
    assert_eq!(py.eval_with::<i64>(nested, values! { words, n: 10 })?, 20);
    let same: Object = py.eval_with("point", values! { point: &point })?;
    assert!(same.is(py, &point)?);
    py.run_with(
        "def double(): return 2 * n\nglobal result\nresult = double()\nlost = 1",
        values! { n: 21 },
    )?;
    assert_eq!(
        py.eval("result, 'lost' in globals(), 'n' in globals()")?,
        (42, false, false).into()
    );

    let names = py.namespace()?;
    names.set(py, "rate", 100)?;
    assert_eq!(names.eval_with::<i64>(py, "rate + a", values! { a: 1 })?, 101);
    names.run_with(py, "global kept\nkept = a", values! { a: 7 })?;
    assert_eq!(names.get_as::<i64>(py, "kept")?, 7);

    for (name, error) in [("if", "ValueError"), ("a b", "ValueError"), ("", "ValueError")] {
        assert_eq!(raised(py.eval_with::<i64>("1", [(name, 1)])).type_name, error, "{name}");
    }
    assert_eq!(raised(py.eval_with::<i64>("1 +", values! {})).type_name, "SyntaxError");
    let error = raised(py.run_with("x = 1\nx / zero", values! { zero: 0 }));
    assert_eq!(error.type_name, "ZeroDivisionError");
    let traceback = error.traceback(py)?;
    assert!(traceback.contains("line 2, in <module>\n    x / zero\n"), "{traceback}");
    Ok(())
}
