//! Integers of any size as floats: rounded as Python's `float` does, wherever they stand.

use crate::support::{interpreter, raised};
use num_complex::Complex;
use ophidia::{ConversionError, Error, FromPython, Function, Interpreter, Serde, Value};
use std::collections::{BTreeMap, HashMap};

fn extract<T: FromPython>(py: &mut Interpreter, source: &str) -> Result<T, String> {
    let object = py.eval_object(source).expect(source);
    object.extract(py).map_err(|error| error.to_string())
}

/// Around every size of a word, around every place to round at, and up to the largest float.
const INTEGERS: &[&str] = &[
    "0",
    "-1",
    "2 ** 53 - 1",
    "2 ** 53",
    "2 ** 53 + 1",
    "2 ** 53 + 3",
    "2 ** 62",
    "2 ** 63 - 1",
    "2 ** 63 - 513",
    "2 ** 63 - 512",
    "2 ** 63",
    "2 ** 64 - 1",
    "2 ** 64 - 1025",
    "2 ** 64 - 1024",
    "2 ** 64",
    "2 ** 64 + 2048",
    "2 ** 64 + 2049",
    "2 ** 64 + 6144",
    "2 ** 127",
    "2 ** 128 - 1",
    "10 ** 22",
    "10 ** 23",
    "10 ** 308",
    "3 ** 600",
    "7 ** 300",
    "2 ** 1000",
    "2 ** 1000 + 2 ** 947",
    "2 ** 1000 + 2 ** 947 + 1",
    "2 ** 1000 + 3 * 2 ** 947",
    "2 ** 1024 - 2 ** 971",
    "2 ** 1024 - 2 ** 970 - 1",
];

#[test]
fn an_integer_is_the_float_that_python_makes_of_it() {
    let mut py = interpreter();
    for source in INTEGERS {
        for source in [(*source).to_owned(), format!("-({source})")] {
            let expected: f64 = extract(&mut py, &format!("float({source})")).expect("a float");
            assert_eq!(extract(&mut py, &source), Ok(expected), "{source}");
            let value = py.eval(&source).expect("a value");
            assert_eq!(value.as_float(), Some(expected), "{source}");
            assert_eq!(f64::try_from(value.clone()).ok(), Some(expected), "{source}");
            let Serde(read) = Serde::<f64>::from_python(value.clone()).expect("a float");
            assert_eq!(read, expected, "{source}");
            let complex = Complex::<f64>::from_python(value).expect("a number");
            assert_eq!(complex, Complex::from(expected), "{source}");
        }
    }
}

#[test]
fn an_integer_as_a_short_float_is_rounded_once() {
    let mut py = interpreter();
    let nearest = |number: i128| number as f32;
    for number in [
        0,
        -1,
        (1 << 24) + 1,
        (1 << 24) + 3,
        -(1 << 24) - 3,
        (1 << 60) + (1 << 36) + 1, // through an `f64` it would be rounded twice
        i128::from(i64::MAX),
        i128::from(u64::MAX),
        (1 << 100) + (1 << 76) + 1,
        i128::MAX,
        i128::MIN,
    ] {
        assert_eq!(extract(&mut py, &format!("{number}")), Ok(nearest(number)), "{number}");
        let Serde(read) = extract::<Serde<f32>>(&mut py, &format!("{number}")).expect("a float");
        assert_eq!(read, nearest(number), "{number}");
        let complex: Complex<f32> = extract(&mut py, &format!("{number}")).expect("a number");
        assert_eq!(complex.re, nearest(number), "{number}");
    }
    assert_eq!(extract(&mut py, "2 ** 128 - 2 ** 104"), Ok(f32::MAX));
    let range = "expected an int from -3.4028235e38 to 3.4028235e38, got one that does not fit";
    for source in ["2 ** 128 - 2 ** 103", "-2 ** 128", "10 ** 40", "10 ** 400"] {
        assert_eq!(extract::<f32>(&mut py, source), Err(range.to_owned()), "{source}");
        assert_eq!(extract::<Complex<f32>>(&mut py, source), Err(range.to_owned()), "{source}");
        let read = extract::<Serde<f32>>(&mut py, source);
        assert_eq!(read, Err(range.to_owned()), "{source}");
    }
}

#[test]
fn beyond_the_range_of_floats_is_an_error() {
    let mut py = interpreter();
    let said = "expected an int from -1.7976931348623157e308 to 1.7976931348623157e308, got one that does not fit";
    for source in ["2 ** 1024 - 2 ** 970", "2 ** 1024", "-2 ** 1024", "10 ** 400", "-(10 ** 5000)"]
    {
        assert_eq!(extract::<f64>(&mut py, source), Err(said.to_owned()), "{source}");
        assert_eq!(extract::<Serde<f64>>(&mut py, source), Err(said.to_owned()), "{source}");
        assert_eq!(extract::<Complex<f64>>(&mut py, source), Err(said.to_owned()), "{source}");
        let value = py.eval(source).expect("a value");
        assert_eq!(value.as_float(), None, "{source}");
        let error: ConversionError = f64::try_from(value).expect_err(source);
        assert_eq!(error.to_string(), said, "{source}");
    }
    let list = extract::<Vec<f64>>(&mut py, "[1.5, 10 ** 400]");
    assert_eq!(list, Err(format!("[1]: {said}")));
    let map = extract::<HashMap<String, f64>>(&mut py, "{'a': 10 ** 400}");
    assert_eq!(map, Err(format!("[\"a\"]: {said}")));
}

#[derive(Debug, PartialEq, FromPython, serde::Deserialize)]
struct Item {
    price: f64,
    weights: Vec<f32>,
}

#[test]
fn in_containers_and_arguments() {
    let mut py = interpreter();
    let large = 2f64.powi(70);
    assert_eq!(
        extract(&mut py, "[1, 2 ** 62, 2 ** 70, 0.5]"),
        Ok(vec![1.0, 2f64.powi(62), large, 0.5])
    );
    let map = BTreeMap::from([("a".to_owned(), -1e22), ("b".to_owned(), 2f64.powi(1000))]);
    assert_eq!(extract(&mut py, "{'a': -10 ** 22, 'b': 2 ** 1000}"), Ok(map));
    assert_eq!(
        extract(&mut py, "(2 ** 70, 'x', [2 ** 70, None])"),
        Ok((large, 'x', [Some(large), None]))
    );
    assert_eq!(extract(&mut py, "[2 ** 70, 1j]"), Ok([Complex::from(large), Complex::i()]));
    let item = "{'price': 2 ** 70, 'weights': [2 ** 70]}";
    let expected = Item { price: large, weights: vec![large as f32] };
    assert_eq!(extract(&mut py, item), Ok(expected));
    let Serde(read) = extract::<Serde<Vec<Item>>>(&mut py, &format!("[{item}]")).expect("items");
    assert_eq!(read[0].price, large);
    let nested: Vec<Vec<Value>> = extract(&mut py, "[[2 ** 70]]").expect("values");
    assert_eq!(f64::try_from(nested[0][0].clone()).ok(), Some(large));

    py.set("half", Function::new("half", |number: f64| number / 2.0)).expect("set");
    py.set(
        "sum",
        Function::new("sum", |all: Vec<f64>, more: f32| all.iter().sum::<f64>() + f64::from(more)),
    )
    .expect("set");
    py.run("assert half(2 ** 62) == 2.0 ** 61 and half(2 ** 71) == 2.0 ** 70\nassert half(-10 ** 22) == -5e21")
        .expect("runs");
    py.run("assert sum([2 ** 70, 2 ** 70], 2 ** 71) == 2.0 ** 72").expect("runs");
    let error = raised(py.run("half(10 ** 400)"));
    assert_eq!(error.type_name, "TypeError");
    assert!(error.message.contains("got one that does not fit"), "{error}");
    let called = py.eval_object("lambda: 2 ** 70").expect("a function");
    assert_eq!(called.call_as::<f64>(&mut py, ()).ok(), Some(large));
    let error = py.eval_as::<f64>("10 ** 400").expect_err("too large");
    assert!(matches!(error, Error::Conversion(_)), "{error:?}");
}
