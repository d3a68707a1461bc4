//! Record batches of Arrow, as a `dict` of columns.

use crate::library::RUNTIME;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int32Array, NullArray,
    RecordBatch, StringArray,
};
use ophidia::{Error, Interpreter, LimitExceeded};
use std::sync::Arc;

fn python() -> Interpreter {
    RUNTIME.interpreter().build().expect("an interpreter")
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Conversion(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn columns_go_in_and_come_out_as_they_were() {
    let mut py = python();
    let sent = batch(vec![
        ("count", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        ("price", Arc::new(Float64Array::from(vec![1.5, 2.5, 4.0]))),
        ("sold", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("name", Arc::new(StringArray::from(vec![Some("tea"), None, Some("grüße")]))),
        ("code", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"a"), None, Some(b"\xff")]))),
        ("rest", Arc::new(NullArray::new(3))),
    ]);
    let table = py.record_batch(&sent).expect("a dict");
    py.set("table", &table).expect("set");
    py.run("assert list(table) == ['count', 'price', 'sold', 'name', 'code', 'rest']").expect("so");
    py.run("assert sum(table['price']) == 8 and table['name'] == ['tea', None, 'grüße']")
        .expect("as sent");
    py.run("table['price'][0] = 2.5").expect("its own memory");
    let back: RecordBatch = table.extract(&mut py).expect("a batch");
    assert_eq!(back.num_rows(), 3);
    for name in ["count", "sold", "name", "code", "rest"] {
        assert_eq!(back.column_by_name(name), sent.column_by_name(name), "{name}");
    }
    assert_eq!(back["price"].as_primitive::<Float64Type>().values().to_vec(), [2.5, 2.5, 4.0]);
}

#[test]
fn nulls_stay_nulls() {
    let mut py = python();
    let sent = batch(vec![("count", Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])))]);
    let table = py.record_batch(&sent).expect("a dict");
    let back: RecordBatch = table.extract(&mut py).expect("a batch");
    let column = back.column(0);
    assert_eq!((column.null_count(), column.is_null(1)), (1, true));
    if py.import("numpy").is_ok() {
        assert_eq!(column.as_primitive::<Int32Type>().value(2), 3);
    } else {
        assert_eq!(column.as_primitive::<Int64Type>().value(2), 3);
    }
}

#[test]
fn columns_of_python_are_what_they_hold() {
    let mut py = python();
    py.run("from array import array\ndef made(**columns): return columns").expect("runs");
    let mut made =
        |source: &str| py.eval_object(&format!("made({source})"))?.extract::<RecordBatch>(&mut py);
    let types = |batch: RecordBatch| -> Vec<String> {
        batch.columns().iter().map(|column| column.data_type().to_string()).collect()
    };
    let plain = made("a=[1, None], b=[1, 2.5], c=(None, True), d=[None, 'x'], e=[b'', None]");
    assert_eq!(types(plain.expect("a batch")), ["Int64", "Float64", "Boolean", "Utf8", "Binary"]);
    let arrays = made("a=array('h', [1]), b=array('f', [1]), c=memoryview(b'\\1').cast('?')");
    assert_eq!(types(arrays.expect("a batch")), ["Int16", "Float32", "Boolean"]);
    let slice = made("a=memoryview(array('q', range(6)))[::-2]").expect("a batch");
    assert_eq!(slice["a"].as_primitive::<Int64Type>().values().to_vec(), [5, 3, 1]);

    assert!(refused(made("a=[1], b=[1, 2]")).contains("a record batch:"));
    let said = refused(made("a=[1, 'x']"));
    assert!(said.contains("[\"a\"]") && said.contains("expected int, got str"), "{said}");
    assert!(refused(made("a=[{}]")).contains("[\"a\"]: expected a list of bool"));
    let flat = refused(made("a=memoryview(bytes(4)).cast('B', (2, 2))"));
    assert!(flat.contains("[\"a\"]: a view of u8 with 1 dimension was asked for"), "{flat}");
    assert!(refused(made("a='text'")).contains("expected an array or a list, got str"));
}

#[test]
fn what_cannot_be_carried_is_said() {
    let mut py = python();
    let dates = batch(vec![("day", Arc::new(Date32Array::from(vec![1])))]);
    let said = refused(py.record_batch(&dates));
    assert!(said.starts_with("[\"day\"]: expected a column of numbers"), "{said}");
    let mut small = RUNTIME.interpreter().value(20_000).build().expect("an interpreter");
    let table = small.eval_object("{'a': memoryview(bytes(15000)), 'b': memoryview(bytes(15000))}");
    assert!(matches!(
        table.expect("a dict").extract::<RecordBatch>(&mut small),
        Err(Error::Limit(LimitExceeded::Value { .. }))
    ));
}
