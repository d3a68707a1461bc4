//! `Value` without an interpreter: made of Rust's types, looked into, taken apart, written as Python writes it.

use crate::support::interpreter;
use ophidia::values::{Date, DateTime, Time, TimeDelta, Zone};
use ophidia::{ConversionError, HostObject, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[test]
fn rusts_plain_types_become_values() -> Result<(), ConversionError> {
    for (value, same) in [
        (Value::from(1_i8), Value::of(1_i8)?),
        (1_u16.into(), Value::of(1_u16)?),
        (u64::MAX.into(), Value::of(u64::MAX)?),
        (usize::MAX.into(), Value::of(usize::MAX)?),
        (i128::MIN.into(), Value::of(i128::MIN)?),
        (u128::MAX.into(), Value::of(u128::MAX)?),
        (0.5_f32.into(), Value::of(0.5_f32)?),
        ('ß'.into(), Value::of('ß')?),
        (Cow::Borrowed("x").into(), Value::of("x")?),
        (vec![Some(1), None].into(), Value::of(vec![Some(1), None])?),
        ((1, "x", [0.5]).into(), Value::of((1, "x", [0.5]))?),
        ([1_u8, 2][..].into(), Value::of([1_u8, 2])?),
        (vec![1_u8].into(), Value::of(vec![1_u8])?),
        (BTreeMap::from([("a", 1)]).into(), Value::of(BTreeMap::from([("a", 1)]))?),
        (HashMap::from([(1, ())]).into(), Value::of(HashMap::from([(1, ())]))?),
        (BTreeSet::from([2, 1]).into(), Value::of(BTreeSet::from([2, 1]))?),
        ((1..4).into(), Value::of(1_i64..4)?),
        (
            Date { year: 2024, month: 2, day: 29 }.into(),
            Value::of(Date { year: 2024, month: 2, day: 29 })?,
        ),
    ] {
        assert_eq!(value, same);
    }
    assert_eq!(Value::bytes(*b"ab"), Value::Bytes(vec![97, 98]));
    assert_eq!((1..4).map(Value::from).collect::<Value>(), Value::from([1, 2, 3]));
    assert_eq!(Value::dict([(1, "x")]), Value::Dict(vec![(1.into(), "x".into())]));
    Ok(())
}

#[test]
fn values_become_rusts_types() {
    assert_eq!(i64::try_from(Value::Int(5)), Ok(5));
    assert_eq!(u128::try_from(Value::from(u128::MAX)), Ok(u128::MAX));
    assert_eq!(f64::try_from(Value::Int(2)), Ok(2.0));
    assert_eq!(String::try_from(Value::from("x")).as_deref(), Ok("x"));
    assert_eq!(Vec::<u8>::try_from(Value::bytes(*b"ab")), Ok(vec![97, 98]));
    assert_eq!(Vec::<Value>::try_from(Value::from([1])), Ok(vec![Value::Int(1)]));
    let map = Value::dict([("a", 1)]).extract::<HashMap<String, u8>>();
    assert_eq!(map, Ok(HashMap::from([("a".to_owned(), 1)])));
    let host = HostObject::new(7_i32);
    assert!(HostObject::try_from(Value::from(host.clone())) == Ok(host));
    for (error, said) in [
        (
            i8::try_from(Value::Int(300)).expect_err("it does not fit"),
            "expected an int from -128 to 127, got 300",
        ),
        (bool::try_from(Value::None).expect_err("it does not fit"), "expected bool, got None"),
        (
            Vec::<i64>::try_from(Value::from((1, "x"))).expect_err("it does not fit"),
            "[1]: expected int, got str",
        ),
    ] {
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn values_are_looked_into() {
    let order = Value::dict([
        ("item", Value::from("tea")),
        ("prices", [2.5, 4.0].into()),
        ("paid", true.into()),
        ("raw", Value::bytes(*b"\0")),
        ("none", Value::None),
    ]);
    assert_eq!(order.get("item").and_then(Value::as_str), Some("tea"));
    assert_eq!(order.get("prices").and_then(|all| all.get(1)).and_then(Value::as_float), Some(4.0));
    assert_eq!(order.get("paid").and_then(Value::as_bool), Some(true));
    assert_eq!(order.get("raw").and_then(Value::as_bytes), Some(&[0][..]));
    assert!(order.get("none").is_some_and(Value::is_none));
    assert_eq!((order.get("other"), order.get(0)), (None, None));
    assert_eq!(order.as_dict().map(<[_]>::len), Some(5));
    assert_eq!(order.len(), Some(5));
    assert_eq!(Value::from("grüße").len(), Some(5));
    assert_eq!(Value::Int(1).len(), None);
    let by_number = Value::dict([(-1_i64, "less"), (7, "more")]);
    assert_eq!(by_number.get(7).and_then(Value::as_str), Some("more"));
    assert_eq!(by_number.get(-1_i64).and_then(Value::as_str), Some("less"));
    let nested = Value::dict([(Value::from((1, 2)), 3)]);
    assert_eq!(nested.get(&Value::from((1, 2))).and_then(Value::as_int), Some(3));
    let list = Value::from([1, 2]);
    assert_eq!((list.get(1), list.get(2), list.get(-1)), (Some(&Value::Int(2)), None, None));
    assert_eq!(list.as_list().map(<[_]>::len), Some(2));
}

#[test]
fn values_are_written_as_python_writes_them() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run("import datetime, decimal, fractions, pathlib, uuid")?;
    for source in [
        "None, True, False, -5, 2**200, -2**127, -2**64, 10**40",
        "[0.1, 1.0, -0.0, 1e16, 1e15, 123456789012345680.0, 1e-5, 0.0001, 5e-324, 1.7976931348623157e308]",
        "[float('inf'), float('-inf'), float('nan')]",
        "[1j, -1.5j, 2+3j, 2-3j, complex(-0.0, 1), complex(1e20, float('nan'))]",
        "['', 'it\\'s', 'say \"x\"', '\\'\"', 'a\\\\b', '\\n\\r\\t\\0\\x7f\\x85\\xa0', 'grüße 🐍']",
        "[b'', b'it\\'s', b'\\'\"', b'\\\\ \\n\\xff']",
        "[(), (1,), (1, 2), [], {}, set(), frozenset(), {1}, frozenset({1})]",
        "{'a': [1, {'b': (2,)}], 3: None}",
        "[datetime.date(2024, 2, 29), datetime.time(1, 2), datetime.time(1, 2, 3, 4, fold=1)]",
        "datetime.datetime(2024, 2, 29, 1, 2, tzinfo=datetime.timezone.utc)",
        "datetime.time(1, tzinfo=datetime.timezone(datetime.timedelta(hours=-3)))",
        "[datetime.timedelta(), datetime.timedelta(1, 2, 3), datetime.timedelta(seconds=-1)]",
        "[decimal.Decimal('1.50'), fractions.Fraction(1, 3), range(3), range(1, 9, 2)]",
        "[uuid.UUID(int=255), pathlib.Path('/tmp/a b')]",
    ] {
        let expected: String = py.eval_object(&format!("repr(({source}))"))?.extract(&mut py)?;
        assert_eq!(py.eval(source)?.to_string(), expected, "{source}");
    }
    let zone = Some(Zone::Named { name: "Europe/Berlin".into(), offset: None });
    let moment = DateTime {
        date: Date { year: 1, month: 1, day: 1 },
        time: Time { zone, ..Time::default() },
    };
    assert_eq!(
        Value::from(moment).to_string(),
        "datetime.datetime(1, 1, 1, 0, 0, tzinfo=zoneinfo.ZoneInfo(key='Europe/Berlin'))"
    );
    assert_eq!(Value::from(TimeDelta::default()).to_string(), "datetime.timedelta(0)");
    let long = Value::from(vec!["x"; 100_000]).to_string();
    assert!(long.ends_with('…') && long.len() < 20_000, "{}", long.len());
    Ok(())
}
