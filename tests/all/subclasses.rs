//! Instances of subclasses of built-in classes, members of enums among them, where a Rust type is asked for.

use crate::support::{interpreter, raised};
use num_bigint::BigInt;
use num_complex::Complex;
use ophidia::{Converters, FromPython, Function, Interpreter, Object, Serde, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::path::PathBuf;

const CLASSES: &str = "
import collections, enum, http
class Text(str): pass
class Count(int): pass
class Real(float): pass
class Raw(bytes): pass
class Wave(complex): pass
class Items(list): pass
class Pair(tuple): pass
class Table(dict): pass
class Bag(set): pass
class Fixed(frozenset): pass
Point = collections.namedtuple('Point', 'x y')
class Size(enum.IntEnum): SMALL = 1; HUGE = 2 ** 70
class Flags(enum.IntFlag): A = 1; B = 2
class Colour(enum.StrEnum): RED = 'red'; BLUE = 'blue'
class Rate(float, enum.Enum): LOW = 0.5; NONE = -0.0
class Code(bytes, enum.Enum): FIRST = b'1'
class Turn(complex, enum.Enum): LEFT = 1j
class Box(tuple, enum.Enum): CUBE = (1, 2)
class Named(str, enum.Enum): A = 'a'
class Plain(enum.Enum): ONE = 1
class Loud(int, enum.Enum):
    ONE = 1
    def __add__(self, other): raise RuntimeError('not to be called')
    __radd__ = __int__ = __index__ = __float__ = __pos__ = __le__ = __ge__ = __eq__ = __add__
    __hash__ = int.__hash__
";

fn python() -> Interpreter {
    let mut py = interpreter();
    py.run(CLASSES).expect("classes");
    py
}

fn extract<T: FromPython>(py: &mut Interpreter, source: &str) -> Result<T, String> {
    let object = py.eval_object(source).expect(source);
    object.extract(py).map_err(|error| error.to_string())
}

#[track_caller]
fn gives<T: FromPython + PartialEq + Debug>(py: &mut Interpreter, source: &str, expected: T) {
    assert_eq!(extract(py, source), Ok(expected), "{source}");
}

#[test]
fn numbers_and_texts() {
    let py = &mut python();
    for source in ["http.HTTPStatus.OK", "Count(200)"] {
        gives(py, source, 200u8);
        gives(py, source, 200u16);
        gives(py, source, 200i32);
        gives(py, source, 200i64);
        gives(py, source, 200u128);
        gives(py, source, 200isize);
        gives(py, source, 200f64);
        gives(py, source, 200f32);
        gives(py, source, Some(200i64));
        gives(py, source, BigInt::from(200));
        gives(py, source, rust_decimal::Decimal::from(200));
        gives(py, source, Complex::from(200f64));
    }
    gives(py, "Size.HUGE", 1i128 << 70);
    gives(py, "Size.HUGE", 2f64.powi(70));
    gives(py, "Flags.A | Flags.B", 3i64);
    gives(py, "Flags(0)", 0i64);
    gives(py, "Loud.ONE", 1i64);
    for source in ["Rate.LOW", "Real(0.5)"] {
        gives(py, source, 0.5f64);
        gives(py, source, 0.5f32);
    }
    assert_eq!(extract::<f64>(py, "Rate.NONE").map(f64::to_bits), Ok((-0.0f64).to_bits()));
    for source in ["Turn.LEFT", "Wave(1j)"] {
        gives(py, source, Complex::<f64>::i());
    }
    for source in ["Colour.RED", "Text('red')"] {
        gives(py, source, "red".to_owned());
        gives(py, source, Some("red".to_owned()));
        gives(py, source, PathBuf::from("red"));
    }
    gives(py, "Named.A", 'a');
    for source in ["Code.FIRST", "Raw(b'1')"] {
        gives(py, source, vec![b'1']);
    }
    // What does not fit says so of the number.
    let range = "expected an int from 0 to 255, got";
    assert_eq!(extract::<u8>(py, "http.HTTPStatus.NOT_FOUND"), Err(format!("{range} 404")));
    assert_eq!(extract::<u8>(py, "Count(-1)"), Err(format!("{range} -1")));
    let member = "got a member of an Enum".to_owned();
    assert_eq!(extract::<i64>(py, "Plain.ONE"), Err(format!("expected int, {member}")));
    assert_eq!(extract::<f64>(py, "Plain.ONE"), Err(format!("expected float, {member}")));
    assert_eq!(extract::<String>(py, "Plain.ONE"), Err(format!("expected str, {member}")));
    assert_eq!(extract::<Vec<u8>>(py, "Plain.ONE"), Err(format!("expected list, {member}")));
    assert_eq!(extract::<i64>(py, "Colour.RED"), Err("expected int, got str".to_owned()));
    assert_eq!(extract::<i64>(py, "True"), Err("expected int, got bool".to_owned()));
    let class = "expected int, got an object of class object".to_owned();
    assert_eq!(extract::<i64>(py, "object()"), Err(class));
    assert_eq!(py.objects_held().expect("told"), 0);
}

#[test]
fn containers() {
    let py = &mut python();
    gives(py, "Items([1, 2])", vec![1, 2]);
    gives(py, "Pair((1, 'a'))", (1, 'a'));
    gives(py, "Point(1, 2.5)", (1, 2.5));
    gives(py, "Point(1, 2)", [1, 2]);
    gives(py, "Bag({1})", HashSet::from([1]));
    gives(py, "Fixed({1})", BTreeSet::from([1]));
    let map = HashMap::from([("a".to_owned(), 1)]);
    for source in ["Table(a=1)", "collections.defaultdict(int, a=1)", "collections.Counter('a')"] {
        gives(py, source, map.clone());
    }
    gives(py, "collections.OrderedDict(a=1)", BTreeMap::from([("a".to_owned(), 1)]));
    gives(py, "Box.CUBE", (1, 2));
    gives(py, "Box.CUBE", vec![1, 2]);

    gives(py, "[http.HTTPStatus.OK, Count(2), 3, Flags.B]", vec![200, 2, 3, 2]);
    gives(
        py,
        "{Colour.RED: 1, Text('x'): Size.SMALL}",
        HashMap::from([("red".to_owned(), 1), ("x".into(), 1)]),
    );
    gives(
        py,
        "{Colour.RED: [Point(Count(1), Rate.LOW)]}",
        BTreeMap::from([("red".to_owned(), vec![(1, 0.5)])]),
    );
    gives(py, "Items([Table({Named.A: Box.CUBE})])", vec![HashMap::from([('a', [1, 2])])]);
    gives(py, "{Colour.RED, 'a'}", BTreeSet::from(["a".to_owned(), "red".to_owned()]));
    gives(py, "[Code.FIRST, Raw(b'2')]", vec![vec![b'1'], vec![b'2']]);
    gives(py, "[Rate.LOW, Real(1), Size.HUGE]", vec![0.5, 1.0, 2f64.powi(70)]);
    let error = extract::<Vec<i64>>(py, "[1, Plain.ONE]");
    assert_eq!(error, Err("[1]: expected int, got a member of an Enum".to_owned()));
    // Beside objects, and values of any kind.
    let (object, count): (Object, i64) = extract(py, "(Colour.RED, Size.SMALL)").expect("a pair");
    assert_eq!((object.str(py).expect("text"), count), ("red".to_owned(), 1));
    let named: HashMap<String, Object> = extract(py, "{Colour.RED: 5}").expect("a map");
    assert!(named.contains_key("red"));
    let (value, inner): (Value, Vec<i64>) =
        extract(py, "(Size.SMALL, Items([Size.SMALL]))").expect("a pair");
    assert!(matches!(value, Value::Member(_)), "{value:?}");
    assert_eq!(inner, [1]);
    drop((object, named, value));
    py.run("").expect("runs");
    assert_eq!(py.objects_held().expect("told"), 0);
}

#[derive(Debug, PartialEq, FromPython, serde::Deserialize)]
struct Order {
    name: String,
    count: i64,
    #[python(default)]
    #[serde(default)]
    rates: Vec<f64>,
}

#[derive(Debug, PartialEq, FromPython, serde::Deserialize)]
#[python(rename_all = "UPPERCASE")]
#[serde(rename_all = "UPPERCASE")]
enum Hue {
    Red,
    Mixed { amount: i64 },
}

#[derive(Debug, PartialEq, FromPython)]
#[python(tuple)]
struct Area {
    x: i64,
    y: i64,
}

#[derive(Debug, PartialEq)]
struct Percent(u8);

impl FromPython for Percent {
    fn from_python(value: Value) -> Result<Self, ophidia::ConversionError> {
        value.extract().map(Self)
    }
}

#[test]
fn derived_types_and_those_of_ones_own() {
    let py = &mut python();
    py.run("class Field(enum.StrEnum): NAME = 'name'; COUNT = 'count'; RATES = 'rates'")
        .expect("runs");
    let order = || Order { name: "red".into(), count: 1, rates: vec![0.5, 1.0] };
    for source in [
        "dict(name=Colour.RED, count=Size.SMALL, rates=Items([Rate.LOW, Count(1)]))",
        "Table({Field.NAME: Text('red'), 'count': 1, Field.RATES: (0.5, 1)})",
    ] {
        gives(py, source, order());
        gives(py, source, Serde(order()));
        gives(py, &format!("[{source}]"), vec![order()]);
    }
    gives(py, "Point(Size.SMALL, Count(2))", Area { x: 1, y: 2 });
    gives(py, "Box.CUBE", Area { x: 1, y: 2 });
    gives(py, "Size.SMALL", Percent(1));
    gives(py, "Count(1)", Percent(1));
    // A member is the variant of its name.
    gives(py, "Colour.RED", Hue::Red);
    gives(py, "Text('RED')", Hue::Red);
    gives(py, "{Text('MIXED'): Table(amount=Size.SMALL)}", Hue::Mixed { amount: 1 });
    gives(py, "Colour.RED", Serde(Hue::Red));
    gives(py, "{Text('MIXED'): Table(amount=Size.SMALL)}", Serde(Hue::Mixed { amount: 1 }));
    gives(py, "[Plain.ONE, Colour.RED]", Serde(vec!["ONE".to_owned(), "red".into()]));
    let json: Serde<serde_json::Value> =
        extract(py, "{Colour.RED: [Size.SMALL, Rate.LOW, Plain.ONE]}").expect("data");
    assert_eq!(json.0.to_string(), r#"{"red":[1,0.5,"ONE"]}"#);
    let error = extract::<Serde<Vec<i64>>>(py, "[Colour.RED]");
    assert_eq!(error, Err("[0]: expected i64, got str".to_owned()));
}

#[test]
fn arguments_of_host_functions() {
    let py = &mut python();
    let add = |a: i64, b: f64, name: String| format!("{name}{}", a as f64 + b);
    py.set("add", Function::new("add", add)).expect("set");
    let count = |all: Vec<i64>, by: HashMap<String, i64>| all.iter().sum::<i64>() + by["red"];
    py.set("count", Function::new("count", count)).expect("set");
    // What takes any value or object changes the form in which the others come.
    let mixed = |_: Value, a: i64, all: Vec<f64>, order: Order, hue: Hue| {
        a as f64 + all[0] + order.count as f64 + if hue == Hue::Red { 10.0 } else { 20.0 }
    };
    py.set("mixed", Function::new("mixed", mixed)).expect("set");
    let held = |_: Object, a: i64, pair: (String, u8), order: Order, hue: Hue| {
        format!("{a}{}{}{}{hue:?}", pair.0, pair.1, order.count)
    };
    py.set("held", Function::new("held", held)).expect("set");
    let rest = |first: i64, rest: Vec<i64>, named: HashMap<String, f64>| {
        first + rest.iter().sum::<i64>() + named["x"] as i64
    };
    let rest =
        Function::new("rest", rest).positional("first").var_args("rest").var_keywords("named");
    py.set("rest", rest).expect("set");
    py.run(
        "assert add(Size.SMALL, Rate.LOW, Colour.RED) == 'red1.5'
assert add(Count(1), Real(2), Text('x')) == 'x3'
assert count([Size.SMALL, Flags.B], {Colour.RED: Count(5)}) == 8
assert count(Items([1]), Table(red=1)) == 2
order = Table(name=Colour.RED, count=Size.SMALL)
for one in Size.SMALL, Count(1), 1:
    assert mixed(None, one, Items([one]), order, Colour.RED) == 13
    assert mixed(Count(1), one, (one,), dict(order), Text('RED')) == 13
    assert held(object(), one, Point(Colour.RED, one), order, Text('RED')) == '1red11Red'
    assert held(one, one, ['red', one], order, Table(MIXED=Table(amount=one))) == '1red11Mixed { amount: 1 }'
    assert rest(one, one, 2, x=one) == 5 and rest(one, x=Rate.LOW) == 1",
    )
    .expect("runs");
    let error = raised(py.run("add(Plain.ONE, 1, 'x')"));
    assert_eq!(error.message, "argument arg0: expected int, got a member of an Enum");
    let error = raised(py.run("mixed(1, object(), [], order, 'RED')"));
    assert_eq!(error.message, "argument arg1: expected int, got an object of class object");
}

#[test]
fn while_converters_are_there() {
    let py = &mut python();
    // One for a subclass comes first.
    let twice = Converters::new().from_python("Count", |py, count| {
        Ok(Value::Int(2 * count.call_method_as::<i64>(py, "__int__", ())?))
    });
    py.with_converters(twice, |py| {
        assert_eq!(py.eval_as::<i64>("Count(4)")?, 8);
        assert_eq!(py.eval_as::<i64>("Size.SMALL")?, 1);
        assert_eq!(py.eval_as::<String>("Text('x')")?, "x");
        assert_eq!(py.eval_as::<Vec<i64>>("Items([Count(4), Size.SMALL])")?, [8, 1]);
        assert_eq!(py.eval_as::<(i64, f64)>("Point(Count(4), Real(1))")?, (8, 1.0));
        assert_eq!(py.eval_as::<HashMap<String, i64>>("Table({Colour.RED: Count(4)})")?["red"], 8);
        Ok(())
    })
    .expect("converted");
    // Converters on the way in are not for what the library asks.
    let none = Converters::new()
        .to_python("int", py.get("Text").expect("a class"))
        .to_python("str", py.get("Text").expect("a class"));
    py.with_converters(none, |py| {
        assert_eq!(py.eval_as::<i64>("Size.SMALL")?, 1);
        assert_eq!(py.eval_as::<String>("Colour.RED")?, "red");
        Ok(())
    })
    .expect("converted");
}
