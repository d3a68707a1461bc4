//! Conversions written by hand, with the interpreter at hand; parameters that take any object.

use crate::support::{interpreter, raised};
use ophidia::array::ndarray::{Array1, Array2, ArrayD, array};
use ophidia::{
    Arguments, Class, ConversionError, Encoder, Error, FromObject, FromPython, Function, Object,
    Python, Result, Shared, ToPython, Value,
};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq)]
struct Point {
    x: f64,
    y: f64,
}

impl FromObject for Point {
    fn from_object(object: &Object, py: &mut Python<'_>) -> Result<Self> {
        Ok(Self { x: object.getattr_as(py, "x")?, y: object.getattr_as(py, "y")? })
    }
}

impl ToPython for Point {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.call_named("shapes.Point", Arguments::new().arg(self.x).kwarg("y", self.y))
    }
}

#[derive(Debug, PartialEq, ToPython, FromPython)]
struct Line {
    name: String,
    from: Point,
    to: Option<Point>,
}

#[derive(Debug, PartialEq, ToPython, FromPython)]
enum Shape {
    Empty,
    Dot(Point),
    Circle {
        center: Point,
        radius: f64,
    },
    #[python(tuple)]
    Box {
        corner: Point,
        sides: Vec<f64>,
    },
}

#[derive(Debug, PartialEq)]
enum Color {
    Red,
    Green,
}

impl ToPython for Color {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.named(match self {
            Self::Red => "shapes.Color.RED",
            Self::Green => "shapes.Color.GREEN",
        })
    }
}

/// With a module `shapes`, whose `Point` is a named tuple, so that it would have a plain form.
fn shapes() -> ophidia::Interpreter {
    let mut py = interpreter();
    py.run(
        "import sys, types
shapes = types.ModuleType('shapes')
sys.modules['shapes'] = shapes
exec('''
import collections, enum
Point = collections.namedtuple('Point', 'x y')
Color = enum.Enum('Color', 'RED GREEN')
''', shapes.__dict__)
Point = shapes.Point",
    )
    .expect("a module");
    py
}

#[test]
fn types_are_read_from_objects_and_made_by_calling_classes() -> Result<()> {
    let mut py = shapes();
    let py = &mut *py;
    let point = |x: f64, y: f64| Point { x, y };
    assert_eq!(py.eval_as::<Point>("Point(1, 2)")?, point(1.0, 2.0));
    assert_eq!(
        py.eval_as::<Vec<Point>>("[Point(1, 2), Point(3, 4)]")?,
        [point(1.0, 2.0), point(3.0, 4.0)]
    );
    let named: HashMap<String, Option<Point>> = py.eval_as("{'a': Point(1, 2), 'b': None}")?;
    assert_eq!((&named["a"], &named["b"]), (&Some(point(1.0, 2.0)), &None));
    let nested: Vec<(i64, Vec<Point>)> = py.eval_as("[(1, [Point(1, 2)]), (2, [])]")?;
    assert_eq!(nested, [(1, vec![point(1.0, 2.0)]), (2, vec![])]);
    let array: [Point; 1] = py.eval_as("(Point(5, 6),)")?;
    assert_eq!(array, [point(5.0, 6.0)]);

    let line: Line = py.eval_as("{'name': 'a' * 500, 'from': Point(1, 2)}")?;
    assert_eq!((line.name.len(), &line.from, &line.to), (500, &point(1.0, 2.0), &None));
    let all = [
        Shape::Empty,
        Shape::Dot(point(1.0, 2.0)),
        Shape::Circle { center: point(1.0, 2.0), radius: 3.0 },
        Shape::Box { corner: point(1.0, 2.0), sides: vec![3.0, 4.0] },
    ];
    let source = "['Empty', {'Dot': Point(1, 2)}, {'Circle': {'center': Point(1, 2), 'radius': 3}},
{'Box': (Point(1, 2), [3, 4])}]";
    assert_eq!(py.eval_as::<Vec<Shape>>(source)?, all);

    // The way back: instances of the class, in containers and derived types.
    py.set("got", (point(1.0, 2.0), vec![point(3.0, 4.0)], &line, &all[2]))?;
    py.run(
        "point, (other,), line, circle = got
assert type(point) is Point and point == Point(1.0, 2.0) and other == Point(3.0, 4.0)
assert type(line['from']) is Point and line['to'] is None
assert type(circle['Circle']['center']) is Point",
    )?;
    py.set("colors", [Color::Red, Color::Green])?;
    py.run("assert colors == list(shapes.Color)")?;
    Ok(())
}

#[test]
fn such_types_are_parameters_and_results_of_host_functions() -> Result<()> {
    let mut py = shapes();
    let add = |points: Vec<Point>, by: f64, name: String| Line {
        name,
        from: points.first().cloned().unwrap_or(Point { x: 0.0, y: 0.0 }),
        to: points.get(1).map(|point| Point { x: point.x + by, y: point.y }),
    };
    py.set("add", Function::new("add", add))?;
    let swap = |point: Point| Some(Point { x: point.y, y: point.x });
    py.set("swap", Function::new("swap", swap))?;
    py.run(
        "assert swap(Point(1, 2)) == Point(2, 1)
line = add([Point(1, 2), Point(3, 4)], 10, 'l')
assert line == {'name': 'l', 'from': Point(1, 2), 'to': Point(13, 4)}",
    )?;
    let error = raised(py.run("swap(5)"));
    assert_eq!(error.type_name, "AttributeError");
    let error = raised(py.run("add([Point(1, 'x')], 10, 'l')"));
    assert_eq!(
        (&*error.type_name, &*error.message),
        ("TypeError", "argument arg0[0]: expected float, got str")
    );
    Ok(())
}

#[test]
fn what_cannot_be_read_or_made_says_why() -> Result<()> {
    let mut py = shapes();
    let py = &mut *py;
    let said = |result: Result<Vec<Point>>| match result {
        Err(error @ Error::Conversion(_)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said(py.eval_as("[Point(1, 2), Point('x', 2)]")), "[1]: expected float, got str");
    let error = raised(py.eval_as::<Vec<Point>>("[5]"));
    assert_eq!(error.type_name, "AttributeError");
    let plain = Value::from((1, 2)).extract::<Point>().expect_err("no interpreter");
    assert!(plain.to_string().contains("with its interpreter at hand"), "{plain}");
    let value = Value::of(Point { x: 1.0, y: 2.0 }).expect_err("no interpreter");
    assert!(value.to_string().contains("made"), "{value}");
    py.run("del shapes.Point")?;
    assert_eq!(raised(py.set("p", Point { x: 1.0, y: 2.0 })).type_name, "AttributeError");

    // A class of this interpreter is none of another.
    struct Of<'a>(&'a Object);
    impl ToPython for Of<'_> {
        fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
            out.call(self.0, (1, "x"))
        }
    }
    let class = py.eval_object("lambda *args: args")?;
    assert_eq!(py.object(Of(&class))?.extract::<(i64, String)>(py)?, (1, "x".into()));
    assert!(matches!(interpreter().object(Of(&class)), Err(Error::Conversion(_))));
    Ok(())
}

#[test]
fn an_object_parameter_takes_anything() -> Result<()> {
    struct Bag(Vec<String>);
    let mut py = interpreter();
    let describe =
        |py: &mut Python<'_>, object: Object, times: i64, name: String| -> Result<String> {
            Ok(format!("{name}: {}", object.repr(py)?.repeat(times as usize)))
        };
    let describe = Function::new("describe", describe)
        .param_default("object", 10)
        .param_default("times", 1)
        .param_default("name", "it");
    py.set("describe", describe)?;
    py.set("same", Function::new("same", |object: Object| object))?;
    let all =
        |py: &mut Python<'_>, first: Object, rest: Vec<Object>, named: HashMap<String, Object>| {
            let mut text = first.repr(py)?;
            for object in rest.iter().chain(named.values()) {
                text += &object.repr(py)?;
            }
            Ok::<_, Error>(text)
        };
    let all =
        Function::new("all_of", all).positional("first").var_args("rest").var_keywords("named");
    py.set("all_of", all)?;
    let numbers = |first: Object, rest: Vec<i64>, named: HashMap<String, Value>| {
        drop(first);
        (rest, named)
    };
    let numbers = Function::new("numbers", numbers)
        .positional("first")
        .var_args("rest")
        .var_keywords("named");
    py.set("numbers", numbers)?;
    let class = Class::<Bag>::new("Bag").init(|| Bag(Vec::new())).method(
        "put",
        |bag: &mut Bag,
         py: &mut Python<'_>,
         object: Object,
         label: Option<String>|
         -> Result<usize> {
            bag.0.push(format!("{}{}", object.repr(py)?, label.unwrap_or_default()));
            Ok(bag.0.len())
        },
    );
    let class = py.class(&class)?;
    py.set("Bag", class)?;
    let keep = |bag: Shared<Bag>, object: Object| (bag, object);
    py.set("keep", Function::new("keep", keep))?;
    py.run(
        "import datetime, decimal
things = [None, True, 0, -5, 2**200, 1.5, 1j, '', 'x' * 1000, '\\ud800', b'ab', [1, [2]], (), {'a': None}, {1},
          frozenset(), int, print, object(), decimal.Decimal('1.5'), datetime.date(2024, 1, 2), range(3)]
for thing in things:
    assert describe(thing) == f'it: {thing!r}', thing
    assert describe(thing, 2, 'n') == f'n: {thing!r}{thing!r}', thing
    assert describe(object=thing, name='k') == f'k: {thing!r}', thing
    assert same(thing) is thing or type(thing) in (int, float, str), thing
    assert all_of(thing, thing, a=thing) == repr(thing) * 3, thing
    assert Bag().put(thing, None) == 1 and Bag().put(thing, 'x') == 1
assert describe() == 'it: 10'
assert numbers(None, 1, 2, a=[1], b=None) == ([1, 2], {'a': [1], 'b': None})
class Named(str): pass
assert describe([], 1, Named('n')) == 'n: []'
big = [object()]
assert same(big) is big
bag = Bag()
kept, thing = keep(bag, big)
assert thing is big and kept.put(1, None) == 1 if hasattr(kept, 'put') else True",
    )?;
    let error = raised(py.run("describe(None, 'x')"));
    assert_eq!(error.message, "argument times: expected int, got str");
    let error = raised(py.run("numbers(None, 1, [])"));
    assert_eq!(error.type_name, "TypeError");
    Ok(())
}

#[test]
fn objects_come_out_of_containers_with_anything() -> Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run("inner = [1]\nmixed = [None, 5, 'x', inner, {'a': inner}, 2**100]")?;
    let inner = py.get("inner")?;
    let objects: Vec<Object> = py.get("mixed")?.extract(py)?;
    let mut texts = Vec::new();
    for object in &objects {
        texts.push(object.repr(py)?);
    }
    assert_eq!(texts.join(" "), format!("None 5 'x' [1] {{'a': [1]}} {}", 1_u128 << 100));
    assert!(objects[3].is(py, &inner)?, "the list itself");
    let pairs: Vec<(String, Object)> = py.eval_as("[('a', inner), ('b' * 1000, 3)]")?;
    assert!(pairs[0].1.is(py, &inner)?);
    assert_eq!((pairs[1].0.len(), pairs[1].1.extract::<i64>(py)?), (1_000, 3));
    let options: Vec<Option<Object>> = py.eval_as("[None, inner]")?;
    assert!(options[0].is_none() && options[1].is_some());
    let (numbers, object): (Vec<i64>, Object) = py.eval_as("([1, 2], inner)")?;
    assert_eq!(numbers, [1, 2]);
    assert!(object.is(py, &inner)?);
    let deep: Vec<Vec<Vec<Vec<Object>>>> = py.eval_as("[[[[inner]]]]")?;
    assert!(deep[0][0][0][0].is(py, &inner)?);
    Ok(())
}

#[test]
fn arrays_of_objects_come_out_and_go_in() -> Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run(
        "import numpy as np
thing = object()
a = np.array([[thing, None], [5, 'x']], dtype=object)",
    )?;
    let thing = py.get("thing")?;
    let out: Array2<Object> = py.get("a")?.extract(py)?;
    assert_eq!(out.dim(), (2, 2));
    assert!(out[(0, 0)].is(py, &thing)?);
    assert_eq!(out[(1, 1)].str(py)?, "x");
    assert!(out[(0, 1)].repr(py)? == "None");
    let any: ArrayD<Object> = py.eval_as("a.T[::-1]")?;
    assert_eq!((any.shape(), any[[1, 1]].extract::<i64>(py)?), (&[2, 2][..], 5));
    let lists: Vec<Vec<Object>> = py.get("a")?.extract(py)?;
    assert!(lists[0][0].is(py, &thing)?);
    // Of any other type, too.
    assert_eq!(py.eval_as::<Vec<Vec<f64>>>("np.ones((2, 1))")?, [[1.0], [1.0]]);
    assert_eq!(py.eval_as::<Array1<Object>>("np.arange(3)")?[2].extract::<i64>(py)?, 2);

    let back = array![[thing.clone(), py.object("y")?]];
    py.set("back", back)?;
    py.run("assert back.dtype == object and back.shape == (1, 2)\nassert back[0, 0] is thing and back[0, 1] == 'y'")?;
    let lists = array![py.object([1, 2])?, py.object([3, 4])?];
    py.set("lists", lists)?;
    py.run("assert lists.shape == (2,) and lists[1] == [3, 4]")?;

    let error = py.get("a")?.extract::<Array1<Object>>(py).expect_err("two dimensions");
    assert_eq!(error.to_string(), "expected 1 dimensions, got 2");
    assert_eq!(raised(py.eval_as::<Array1<Object>>("[1]")).type_name, "TypeError");
    let few = py.eval_as::<Vec<Object>>("np.array(5)").expect_err("no rows");
    assert!(few.to_string().contains("expected list"), "{few}");
    Ok(())
}
