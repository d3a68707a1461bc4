//! Rust types and Python values: derived, through serde, and those of the standard library.

use crate::library::RUNTIME;
use num_complex::Complex;
use ophidia::values::{Date, DateTime, Fraction, Range, Time, TimeDelta, Zone};
use ophidia::{Access, DirGrant, Error, FromPython, Function, Interpreter, Serde, ToPython, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const IMPORTS: &str = "
import datetime, decimal, enum, fractions, io, pathlib, uuid, zoneinfo
from datetime import date, time, timedelta, timezone
";

pub(crate) fn python() -> Interpreter {
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    py.run(IMPORTS).expect("imports");
    py
}

/// With time zone data.
pub(crate) fn python_with(zones: &Path) -> Interpreter {
    let guest = "/usr/share/zoneinfo".to_owned();
    let grant = DirGrant { host: zones.into(), guest, access: Access::ReadOnly };
    let mut py = RUNTIME.interpreter().dir(grant).build().expect("an interpreter");
    py.run(IMPORTS).expect("imports");
    py
}

/// Time zone data of one zone: `Europe/Berlin`, by the rule in force since 1996.
pub(crate) fn berlin() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    // RFC 9636: a header, the counts, one type of local time and its name; twice, then the rule.
    let counts = [0, 0, 0, 0, 1u32, 4].map(u32::to_be_bytes).concat();
    let part =
        [b"TZif2", &[0; 15][..], &counts, &3_600u32.to_be_bytes(), &[0, 0], b"CET\0"].concat();
    let file = [&part[..], &part, b"\nCET-1CEST,M3.5.0,M10.5.0/3\n"].concat();
    std::fs::create_dir(folder.path().join("Europe")).expect("a folder");
    std::fs::write(folder.path().join("Europe/Berlin"), file).expect("a file");
    folder
}

fn eval(py: &mut Interpreter, source: &str) -> Value {
    py.eval(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// The value of the expression, which has to come out as plain data, goes back in equal to what it was,
/// and of the same type.
fn round_trip(py: &mut Interpreter, source: &str) -> Value {
    let value = eval(py, source);
    assert!(!matches!(value, Value::Object(_)), "{source}: {value:?}");
    let check = py.eval_object(&format!("lambda back: (repr(back), repr({source}))"));
    let check = check.expect("a function");
    let (back, was): (String, String) = check.call_as(py, (&value,)).expect("goes in");
    assert_eq!(back, was);
    value
}

#[derive(Debug, PartialEq, ToPython, FromPython)]
struct Order {
    item: String,
    price: f64,
    #[python(default)]
    paid: Option<Date>,
    size: Size,
}

#[derive(Debug, PartialEq, ToPython, FromPython)]
#[python(rename_all = "UPPERCASE")]
enum Size {
    Small,
    Large,
}

#[test]
fn derived_structs_and_enums_cross_both_ways() {
    let mut py = python();
    py.run(
        "def cheaper(order): return {**order, 'price': order['price'] / 2, 'more': 1}
class Size(enum.Enum): SMALL = 1; LARGE = 2
class Numbered(enum.IntEnum): LARGE = 2",
    )
    .expect("runs");
    let paid = Some(Date { year: 2024, month: 2, day: 29 });
    let order = Order { item: "tea".into(), price: 5.0, paid, size: Size::Small };
    let cheaper = py.get("cheaper").expect("a function");
    let back: Order = cheaper.call_as(&mut py, (&order,)).expect("an order");
    assert_eq!(back, Order { price: 2.5, ..order });
    let list = "[{'item': 'a', 'price': 1, 'size': Size.LARGE}, {'item': 'b', 'price': '?'}]";
    let error = py.eval_object(list).and_then(|list| list.extract::<Vec<Order>>(&mut py));
    assert_eq!(error.expect_err("no price").to_string(), "[1].price: expected float, got str");
    for member in ["Size.LARGE", "Numbered.LARGE", "'LARGE'"] {
        let size = py.eval_object(member).and_then(|member| member.extract(&mut py));
        assert_eq!(size.ok(), Some(Size::Large), "{member}");
    }
    let error = py.eval_object("Size").and_then(|class| class.extract::<Size>(&mut py));
    assert!(matches!(error, Err(Error::Conversion(_))), "{error:?}");
}

#[derive(Debug, FromPython, ToPython)]
struct Held(ophidia::Object);

#[test]
fn a_newtype_comes_the_way_its_field_does() {
    let mut py = python();
    let list = py.eval_object("[1]").expect("a list");
    let Held(same) = list.extract(&mut py).expect("the list itself");
    assert!(same.is(&mut py, &list).expect("told"));
}

#[test]
fn members_of_enums_stay_themselves() {
    let mut py = python();
    py.run("class Colour(enum.Flag): RED = 1; BLUE = 2\nsame = lambda value, what: value is what")
        .expect("runs");
    let same = py.get("same").expect("a function");
    let held = py.objects_held().expect("told");
    for source in ["Colour.RED", "Colour.RED | Colour.BLUE"] {
        let value = eval(&mut py, source);
        let Value::Member(member) = &value else { panic!("{value:?}") };
        assert!(source.contains(&member.name[..3]), "{member:?}");
        let object = py.eval_object(source).expect("an object");
        assert!(same.call_as::<bool>(&mut py, (&value, object)).expect("told"));
    }
    assert!(matches!(eval(&mut py, "Colour(0)"), Value::Object(_)), "a member without a name");
    assert_eq!(py.objects_held().expect("told"), held, "members are let go of");
}

#[test]
fn serde_crosses_both_ways() {
    let mut py = python();
    let same = py.eval_object("lambda value: value").expect("a function");
    type Data = (BTreeMap<String, Vec<Option<u64>>>, (i8, char), Result<u128, String>);
    let data: Data = ([("a".into(), vec![None, Some(u64::MAX)])].into(), (-1, '🐍'), Ok(u128::MAX));
    let Serde(back) = same.call_as::<Serde<Data>>(&mut py, (Serde(&data),)).expect("comes back");
    assert_eq!(back, data);
    let json: Serde<serde_json::Value> = py
        .eval_object("{'a': [1, 2.5, None, 'x', True], 'day': date(2024, 1, 2)}")
        .and_then(|object| object.extract(&mut py))
        .expect("data");
    assert_eq!(json.0.to_string(), r#"{"a":[1,2.5,null,"x",true],"day":"2024-01-02"}"#);
    let text = serde_json::to_string(&eval(&mut py, "{'t': (1, uuid.UUID(int=1)), 'r': range(3)}"));
    assert_eq!(
        text.expect("JSON"),
        r#"{"t":[1,"00000000-0000-0000-0000-000000000001"],"r":{"start":0,"end":3}}"#
    );
}

#[test]
fn dates_and_times_go_in_and_come_out_as_they_were() {
    let mut py = python();
    for source in [
        "date.min",
        "date.max",
        "datetime.datetime.min",
        "datetime.datetime.max",
        "datetime.datetime(2024, 10, 27, 2, 30, fold=1)",
        "datetime.datetime(2024, 2, 29, 1, 2, 3, 4, timezone.utc)",
        "datetime.datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))",
        "datetime.datetime(9999, 12, 31, tzinfo=timezone(timedelta(microseconds=-1)))",
        "time.min",
        "time.max",
        "time(1, 2, 3, 4, timezone(-timedelta(hours=5, seconds=1)), fold=1)",
        "timedelta.min",
        "timedelta.max",
        "timedelta(0)",
        "timedelta(microseconds=-1)",
        "[{date(2000, 2, 29): timedelta(1)}, (time(5),)]",
    ] {
        round_trip(&mut py, source);
    }
    let moment =
        eval(&mut py, "datetime.datetime(2024, 5, 6, 7, 8, 9, 10, timezone(timedelta(hours=-1)))");
    let zone = Some(Zone::Fixed(-3_600_000_000));
    let expected = DateTime {
        date: Date { year: 2024, month: 5, day: 6 },
        time: Time { hour: 7, minute: 8, second: 9, microsecond: 10, fold: false, zone },
    };
    assert_eq!(moment, Value::DateTime(Box::new(expected)));
    assert_eq!(
        eval(&mut py, "timedelta(microseconds=-1)"),
        Value::TimeDelta(TimeDelta { days: -1, seconds: 86_399, microseconds: 999_999 })
    );
}

#[test]
fn named_zones_need_the_guest_to_have_their_data() {
    let folder = berlin();
    let mut py = python_with(folder.path());
    let source = "datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))";
    let Value::DateTime(moment) = round_trip(&mut py, source) else { panic!("a datetime") };
    let named = Zone::Named { name: "Europe/Berlin".into(), offset: Some(7_200_000_000) };
    assert_eq!(moment.time.zone, Some(named));
    assert_eq!(moment.to_string(), "2024-07-01T00:00:00+02:00[Europe/Berlin]");
    round_trip(&mut py, "time(1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))");
    let error = python().object(*moment).expect_err("no data");
    assert!(
        matches!(&error, Error::Python(e) if e.type_name.ends_with("ZoneInfoNotFoundError")),
        "{error:?}"
    );
}

#[test]
fn numbers_identifiers_paths_and_ranges() {
    let mut py = python();
    for (source, text) in [
        ("decimal.Decimal('0.10')", "0.10"),
        ("decimal.Decimal('-0')", "-0"),
        ("decimal.Decimal('NaN123')", "NaN123"),
        ("decimal.Decimal('-sNaN')", "-sNaN"),
        ("decimal.Decimal('-Infinity')", "-Infinity"),
        ("decimal.Decimal('1E+999999')", "1E+999999"),
        ("decimal.Decimal('9.99E-999999')", "9.99E-999999"),
        ("decimal.Decimal(7) ** 40", "6366805760909027985741435139224001"),
    ] {
        let value = round_trip(&mut py, source);
        if !source.contains("**") {
            assert_eq!(value, Value::Decimal(text.into()));
        }
    }
    round_trip(&mut py, "decimal.Decimal(3 ** 2000)");
    let third = round_trip(&mut py, "fractions.Fraction(-2, 6)");
    let expected = Fraction { numerator: Value::Int(-1), denominator: Value::Int(3) };
    assert_eq!(third, Value::Fraction(Box::new(expected)));
    round_trip(&mut py, "fractions.Fraction(10 ** 100, 3 ** 200)");
    let bytes: Vec<u8> = (0..16).collect();
    let uuid = round_trip(&mut py, "uuid.UUID(bytes=bytes(range(16)))");
    assert_eq!(
        Value::Bytes(bytes),
        match uuid {
            Value::Uuid(bytes) => Value::Bytes(bytes.into()),
            other => other,
        }
    );
    round_trip(&mut py, "uuid.UUID(int=2 ** 128 - 1)");
    assert_eq!(round_trip(&mut py, "pathlib.Path('a//b/./c/')"), Value::Path("a/b/c".into()));
    round_trip(&mut py, "pathlib.Path()");
    round_trip(&mut py, "[pathlib.Path('/ß'), {pathlib.Path('x'): pathlib.Path('y')}]");
    for source in ["range(0)", "range(5, -5, -2)", "range(-2 ** 63, 2 ** 63 - 1)"] {
        round_trip(&mut py, source);
    }
    let range = Range { start: 5, stop: -5, step: -2 };
    assert_eq!(eval(&mut py, "range(5, -5, -2)"), Value::Range(Box::new(range)));
}

#[test]
fn rust_types_without_a_feature() {
    let mut py = python();
    let show = py.eval_object("lambda *values: list(map(repr, values))").expect("a function");
    let shown: Vec<String> = show
        .call_as(&mut py, (Duration::new(86_401, 1_999), Path::new("/a/b"), -1..i64::MAX))
        .expect("shown");
    assert_eq!(
        shown,
        [
            "datetime.timedelta(days=1, seconds=1, microseconds=1)",
            "PosixPath('/a/b')",
            "range(-1, 9223372036854775807)"
        ]
    );
    fn extract<T: FromPython>(py: &mut Interpreter, source: &str) -> Result<T, String> {
        let object = py.eval_object(source).expect(source);
        object.extract(py).map_err(|error| error.to_string())
    }
    let most: Duration = extract(&mut py, "timedelta.max").expect("fits");
    assert_eq!(most, Duration::new(999_999_999 * 86_400 + 86_399, 999_999_000));
    let negative = extract::<Duration>(&mut py, "timedelta(seconds=-1.5)");
    let said = "expected a timedelta that is not negative, got -PT1.500000S";
    assert_eq!(negative, Err(said.to_owned()));
    for source in ["pathlib.Path('x/y')", "'x/y'"] {
        assert_eq!(extract::<PathBuf>(&mut py, source).as_deref(), Ok(Path::new("x/y")));
    }
    assert_eq!(extract(&mut py, "range(2, 4)"), Ok(2..4));
    let stepped = extract::<std::ops::Range<i64>>(&mut py, "range(2, 9, 3)");
    assert_eq!(stepped, Err("expected a range in steps of 1, got of 3".to_owned()));
    let error = extract::<f64>(&mut py, "decimal.Decimal(1)");
    assert_eq!(error, Err("expected float, got Decimal".to_owned()));
    let long = Duration::MAX;
    assert!(matches!(py.object(long), Err(Error::Conversion(_))));
}

#[test]
fn floats_arrays_characters_and_complex_numbers() {
    fn extract<T: FromPython>(py: &mut Interpreter, source: &str) -> Result<T, String> {
        let object = py.eval_object(source).expect(source);
        object.extract(py).map_err(|error| error.to_string())
    }
    let mut py = python();
    assert_eq!(extract(&mut py, "0.1"), Ok(0.1f32));
    assert_eq!(extract(&mut py, "3"), Ok(3f32));
    assert_eq!(extract(&mut py, "float('-inf')"), Ok(f32::NEG_INFINITY));
    assert!(extract::<f32>(&mut py, "float('nan')").is_ok_and(f32::is_nan));
    assert_eq!(extract(&mut py, "3.4028235e38"), Ok(f32::MAX));
    let range = "expected a float from -3.4028235e38 to 3.4028235e38, got";
    assert_eq!(extract::<f32>(&mut py, "1e300"), Err(format!("{range} 1e300")));
    assert_eq!(extract::<f32>(&mut py, "-3.5e38"), Err(format!("{range} -3.5e38")));
    #[derive(Debug, FromPython, serde::Deserialize)]
    struct Item {
        price: f32,
    }
    let items = "[{'price': 1}, {'price': 2.5}, {'price': 0.5}, {'price': 1e39}]";
    let said = format!("[3].price: {range} 1e39");
    assert_eq!(extract::<Vec<Item>>(&mut py, items).map(|_| ()), Err(said.clone()));
    assert_eq!(extract::<Serde<Vec<Item>>>(&mut py, items).map(|_| ()), Err(said));
    let Serde(items) = extract::<Serde<Vec<Item>>>(&mut py, "[{'price': 2.5}]").expect("fits");
    assert_eq!(items[0].price, 2.5);

    assert_eq!(extract(&mut py, "[1, 2, 3]"), Ok([1i64, 2, 3]));
    assert_eq!(extract(&mut py, "('a', 'b')"), Ok(["a".to_owned(), "b".to_owned()]));
    assert_eq!(extract::<[i64; 2]>(&mut py, "[1]"), Err("expected 2 items, got 1".to_owned()));
    assert_eq!(extract(&mut py, "'🐍'"), Ok('🐍'));
    let two = extract::<char>(&mut py, "'ab'");
    assert_eq!(two, Err("expected a str of one character, got \"ab\"".to_owned()));

    assert_eq!(extract(&mut py, "1.5 - 2j"), Ok(Complex::new(1.5f64, -2.0)));
    assert_eq!(
        extract(&mut py, "[1.5j, 2, 0.5]"),
        Ok([(0.0, 1.5), (2.0, 0.0), (0.5, 0.0)].map(|(re, im)| Complex::new(re as f32, im as f32)))
    );
    assert_eq!(extract::<Complex<f32>>(&mut py, "1e300j"), Err(format!("{range} 1e300")));
    assert_eq!(
        extract::<Complex<f64>>(&mut py, "'1j'"),
        Err("expected complex, got str".to_owned())
    );
    for number in [Complex::new(0.5, -1.5), Complex::new(f64::INFINITY, -0.0)] {
        let object = py.object(number).expect("a complex");
        assert_eq!(object.extract::<Complex<f64>>(&mut py).ok(), Some(number));
    }
    let object = py.object(vec![Complex::new(0.5f32, -1.5)]).expect("a list");
    assert_eq!(object.repr(&mut py).expect("text"), "[(0.5-1.5j)]");
}

#[test]
fn what_has_no_plain_form_stays_an_object() {
    let mut py = python();
    py.run(
        "class Day(date): pass
class Odd(datetime.tzinfo):
    def utcoffset(self, when): return timedelta(hours=1)
class Where(pathlib.PosixPath): pass
broken = fractions.Fraction(1, 2)
broken._denominator = 'x'
zero = fractions.Fraction(1, 2)
zero._denominator = 0
wild = uuid.UUID(int=1)
object.__setattr__(wild, 'int', 2 ** 128)
bare = object.__new__(uuid.UUID)
class Name(enum.Enum): A = 1
Name.A._name_ = 7",
    )
    .expect("runs");
    for source in [
        "Day(2024, 1, 1)",
        "datetime.datetime(2024, 1, 1, tzinfo=Odd())",
        "time(1, tzinfo=Odd())",
        "Where('a')",
        "pathlib.PurePosixPath('a')",
        "pathlib.Path('\\udc80')",
        "range(2 ** 63)",
        "broken",
        "zero",
        "wild",
        "bare",
        "Name.A",
        "Name",
    ] {
        assert!(matches!(eval(&mut py, source), Value::Object(_)), "{source}");
    }
    assert_eq!(py.objects_held().expect("told"), 0);
}

#[test]
fn what_python_refuses_is_an_exception() {
    let mut py = python();
    let date = |month, day| Date { year: 2023, month, day };
    let midnight = |zone| Time { zone, ..Time::default() };
    let raised = |result: Result<ophidia::Object, Error>| match result {
        Err(Error::Python(error)) => error.type_name,
        other => panic!("{other:?}"),
    };
    assert_eq!(raised(py.object(date(13, 1))), "ValueError");
    assert_eq!(raised(py.object(date(2, 29))), "ValueError");
    assert_eq!(raised(py.object(Time { hour: 24, ..Time::default() })), "ValueError");
    assert_eq!(raised(py.object(Time { microsecond: u32::MAX, ..Time::default() })), "ValueError");
    for offset in [86_400_000_000, -86_400_000_000, i64::MAX, i64::MIN + 1] {
        assert_eq!(raised(py.object(midnight(Some(Zone::Fixed(offset))))), "ValueError");
    }
    let delta = TimeDelta { days: i32::MAX, ..TimeDelta::default() };
    assert_eq!(raised(py.object(delta)), "OverflowError");
    assert_eq!(raised(py.object(Range { start: 0, stop: 1, step: 0 })), "ValueError");
    assert_eq!(raised(py.object(Value::Decimal("one".into()))), "decimal.InvalidOperation");
    let fraction = Fraction { numerator: Value::Int(1), denominator: Value::Int(0) };
    assert_eq!(raised(py.object(fraction)), "ZeroDivisionError");
    let fraction = Fraction { numerator: Value::None, denominator: Value::Int(0) };
    assert!(matches!(py.object(fraction), Err(Error::Conversion(_))));
    assert_eq!(eval(&mut py, "1 + 1"), Value::Int(2));
}

/// Copying a path runs Python code, here a hostile one's.
#[test]
fn containers_that_change_while_they_are_copied() {
    let mut py = python();
    for change in ["box.clear()", "box.append(1)", "box.pop(0); box.insert(0, [2])"] {
        py.run(&format!(
            "box = [[1], pathlib.Path('a'), [object()]]
def changing(self):
    {change}
    return 'a'
kept, pathlib.PurePath.__str__ = pathlib.PurePath.__str__, changing"
        ))
        .expect("runs");
        match py.eval("box") {
            Ok(Value::List(items)) => assert_eq!(items.len(), 3),
            Err(Error::Python(error)) => {
                assert_eq!(error.message, "list changed size while it was copied");
            }
            other => panic!("{other:?}"),
        }
        py.run("pathlib.PurePath.__str__ = kept").expect("runs");
        assert_eq!(py.objects_held().expect("told"), 0);
    }
    py.run(
        "keys = {pathlib.Path('a'): [object()], 'b': [object()]}
def changing(self):
    keys.clear()
    keys.update((n, [n]) for n in range(100))
    return 'a'
kept, pathlib.PurePath.__str__ = pathlib.PurePath.__str__, changing",
    )
    .expect("runs");
    let error = py.eval("keys").expect_err("it changed").to_string();
    assert!(error.contains("dict changed size while it was copied"), "{error}");
    py.run("things = {pathlib.Path('a')}\nchanging.__code__ = (lambda self: (things.clear(), 'a')[1]).__code__")
        .expect("runs");
    let error = py.eval("things").expect_err("it changed").to_string();
    assert!(error.contains("set changed size while it was copied"), "{error}");
    py.run("changing.__code__ = (lambda self: 1 / 0).__code__").expect("runs");
    let error = py.eval("[object(), pathlib.Path('a')]").expect_err("it raises").to_string();
    assert!(error.contains("division by zero"), "{error}");
    assert_eq!(py.objects_held().expect("told"), 0);
}

#[test]
fn subclasses_of_built_in_classes_are_taken_for_these_where_a_type_is_asked_for() {
    fn taken<T: FromPython>(py: &mut Interpreter, source: &str) -> T {
        let object = py.eval_object(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        object.extract(py).unwrap_or_else(|error| panic!("{source}: {error}"))
    }
    #[derive(Debug, PartialEq, FromPython)]
    #[python(tuple)]
    struct Point {
        x: i64,
        y: f64,
    }
    let mut py = python();
    py.run(
        "
from collections import Counter, OrderedDict, defaultdict, namedtuple
Place = namedtuple('Place', 'x y')
class Celsius(float): pass
class Count(int): pass
class Name(str): pass
class Raw(bytes): pass
class Items(list): pass
class Group(frozenset): pass
",
    )
    .expect("runs");
    assert_eq!(taken::<(i64, f64)>(&mut py, "Place(1, 2.5)"), (1, 2.5));
    assert_eq!(taken::<Point>(&mut py, "Place(1, 2.5)"), Point { x: 1, y: 2.5 });
    let points = taken::<Vec<Point>>(&mut py, "Items([Place(1, 2.5)])");
    assert_eq!(points, [Point { x: 1, y: 2.5 }]);
    let counts = taken::<BTreeMap<String, u8>>(&mut py, "Counter('aab')");
    assert_eq!(counts, BTreeMap::from([("a".into(), 2), ("b".into(), 1)]));
    let nested = taken::<BTreeMap<String, Vec<f64>>>(
        &mut py,
        "defaultdict(list, {Name('a'): Items([Celsius(1.5)])})",
    );
    assert_eq!(nested, BTreeMap::from([("a".into(), vec![1.5])]));
    assert_eq!(taken::<f64>(&mut py, "Celsius(1.5)"), 1.5);
    assert_eq!(taken::<Option<u8>>(&mut py, "Count(7)"), Some(7));
    assert_eq!(taken::<Vec<u8>>(&mut py, "Raw(b'ab')"), b"ab");
    let group = taken::<std::collections::BTreeSet<i32>>(&mut py, "Group([1, 2])");
    assert_eq!(group.len(), 2);

    let area = Function::new("area", |place: (f64, f64), scale: f64| place.0 * place.1 * scale);
    py.set("area", area).expect("set");
    assert_eq!(eval(&mut py, "area(Place(2, 3), Celsius(0.5))"), Value::Float(3.0));

    // What is in a container stays as it is where that is asked for.
    let (x, y): (ophidia::Object, Value) = taken(&mut py, "Place([1].pop, Celsius(1.5))");
    assert!(x.is_callable(&mut py).expect("told"));
    assert!(matches!(y, Value::Object(_)), "{y:?}");
    let named = taken::<BTreeMap<String, Value>>(&mut py, "OrderedDict(a=Place(1, 2.5))");
    assert!(matches!(named["a"], Value::Object(_)), "{named:?}");

    // What may be any object stays one, with all that its class adds.
    for source in ["Place(1, 2.5)", "Celsius(1.5)", "OrderedDict(a=1)"] {
        assert!(matches!(py.eval(source), Ok(Value::Object(_))), "{source}");
        assert_eq!(taken::<Vec<ophidia::Object>>(&mut py, &format!("[{source}]")).len(), 1);
    }
    let (place, x): (ophidia::Object, i64) = taken(&mut py, "(Place(1, 2.5), 3)");
    assert_eq!((place.getattr_as::<i64>(&mut py, "x").expect("a field"), x), (1, 3));
}

#[test]
fn an_error_names_the_class_of_what_came() {
    let mut py = python();
    py.run(
        "
class Tea: pass
class Odd(type):
    def __getattribute__(self, name): return self
class Cup(metaclass=Odd): pass
class Broken(type):
    def __getattribute__(self, name): raise KeyError
class Pot(metaclass=Broken): pass
",
    )
    .expect("runs");
    let mut error = |source: &str| {
        let object = py.eval_object(source).expect("an object");
        object.extract::<Vec<i64>>(&mut py).expect_err("no number").to_string()
    };
    assert_eq!(error("[1, Tea()]"), "[1]: expected int, got an object of class Tea");
    assert_eq!(error("Tea()"), "expected list, got an object of class Tea");
    assert_eq!(error("[Cup()]"), "[0]: expected int, got an object");
    assert_eq!(error("[Pot()]"), "[0]: expected int, got an object");
    let sum = Function::new("sum", |items: Vec<f64>| items.iter().sum::<f64>());
    py.set("sum", sum).expect("set");
    let error = py.run("sum([1, Tea])").expect_err("no number").to_string();
    assert!(
        error.contains("argument arg0[1]: expected float, got an object of class type"),
        "{error}"
    );
}
