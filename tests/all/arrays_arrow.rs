//! Record batches of Arrow, as a `dict` of columns.

use crate::library::RUNTIME;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, FixedSizeBinaryArray, Float16Array,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeBinaryArray,
    LargeStringArray, ListArray, NullArray, RecordBatch, StringArray, UInt8Array, UInt16Array,
    UInt32Array, UInt64Array,
};
use arrow_schema::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
use arrow_schema::{DataType, Field, Schema};
use ndarray::Ix1;
use ophidia::array::half::f16;
use ophidia::{Error, Interpreter, LimitExceeded};
use std::collections::HashMap;
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

/// A column of every type, nulls in each, and one without.
fn every_type() -> RecordBatch {
    let moments = || Int64Array::from(vec![Some(0), None, Some(86_400_000_000), Some(-1)]);
    let ints = Int32Array::from(vec![Some(1), None, Some(86_399), Some(0)]);
    let texts = [Some("tea"), None, Some("grüße"), Some("")];
    let bytes = [Some(&b"a"[..]), None, Some(b"\xff\0"), Some(b"")];
    let as_type = |array: &dyn Array, data_type: DataType| -> ArrayRef {
        let data = array.to_data().into_builder().data_type(data_type).build();
        arrow_array::make_array(data.expect("the same bytes"))
    };
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("none".into(), Arc::new(NullArray::new(4))),
        ("bool".into(), Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), None]))),
        ("i8".into(), Arc::new(Int8Array::from(vec![Some(-1), None, Some(3), Some(4)]))),
        ("u8".into(), Arc::new(UInt8Array::from(vec![Some(255), None, Some(3), Some(4)]))),
        ("i16".into(), Arc::new(Int16Array::from(vec![Some(-300), None, Some(3), Some(4)]))),
        ("u16".into(), Arc::new(UInt16Array::from(vec![Some(300), None, Some(3), Some(4)]))),
        ("u32".into(), Arc::new(UInt32Array::from(vec![Some(u32::MAX), None, Some(3), None]))),
        ("u64".into(), Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(3), None]))),
        ("f32".into(), Arc::new(Float32Array::from(vec![Some(0.5), None, Some(3.0), Some(4.0)]))),
        ("f64".into(), Arc::new(Float64Array::from(vec![Some(0.1), None, Some(3.0), Some(4.0)]))),
        ("full".into(), Arc::new(Float64Array::from(vec![0.1, 0.2, 0.3, 0.4]))),
        ("half".into(), Arc::new(Float16Array::from(vec![Some(f16::ONE), None, None, None]))),
        ("text".into(), Arc::new(StringArray::from(texts.to_vec()))),
        ("large text".into(), Arc::new(LargeStringArray::from(texts.to_vec()))),
        ("bytes".into(), Arc::new(BinaryArray::from(bytes.to_vec()))),
        ("large bytes".into(), Arc::new(LargeBinaryArray::from(bytes.to_vec()))),
        (
            "fixed".into(),
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                    [Some(b"abc"), None, Some(b"def"), None].into_iter(),
                    3,
                )
                .expect("of one length"),
            ),
        ),
    ];
    for data_type in [DataType::Int32, DataType::Date32, DataType::Time32(Second)] {
        columns.push((data_type.to_string(), as_type(&ints, data_type)));
    }
    columns.push(("ms".into(), as_type(&ints, DataType::Time32(Millisecond))));
    for data_type in [DataType::Int64, DataType::Date64, DataType::Time64(Nanosecond)] {
        columns.push((data_type.to_string(), as_type(&moments(), data_type)));
    }
    columns.push(("us".into(), as_type(&moments(), DataType::Time64(Microsecond))));
    for unit in [Second, Millisecond, Microsecond, Nanosecond] {
        let zone = Some("Europe/Berlin".into());
        for data_type in [
            DataType::Timestamp(unit, None),
            DataType::Timestamp(unit, zone),
            DataType::Duration(unit),
        ] {
            columns.push((data_type.to_string(), as_type(&moments(), data_type)));
        }
    }
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

/// Into the guest and out again.
fn there_and_back(py: &mut Interpreter, sent: &RecordBatch) -> RecordBatch {
    let table = py.record_batch(sent).expect("a dict");
    table.extract(py).expect("a batch")
}

#[test]
fn every_type_goes_in_and_comes_out_as_it_was() {
    let mut py = python();
    let sent = every_type();
    assert_eq!(there_and_back(&mut py, &sent), sent);
    // Slices, whose bits and offsets begin anywhere.
    for (start, len) in [(1, 3), (2, 1), (3, 1), (1, 0), (4, 0)] {
        let slice = sent.slice(start, len);
        assert_eq!(there_and_back(&mut py, &slice), slice, "{len} from {start}");
    }
    let many = StringArray::from_iter((0..1000).map(|i| (i % 7 != 0).then(|| "x".repeat(i % 13))));
    let many = batch(vec![("many", Arc::new(many))]);
    for (start, len) in [(0, 1000), (9, 900), (501, 13)] {
        assert_eq!(there_and_back(&mut py, &many.slice(start, len)), many.slice(start, len));
    }
    let empty = RecordBatch::new_empty(sent.schema());
    assert_eq!(there_and_back(&mut py, &empty), empty);
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    assert_eq!(there_and_back(&mut py, &nothing), nothing);
}

#[test]
fn a_schema_keeps_what_is_noted_in_it() {
    let mut py = python();
    let notes = |text: &str| HashMap::from([("unit".to_owned(), text.to_owned())]);
    let fields = vec![
        Field::new("never null", DataType::Int32, false).with_metadata(notes("pieces")),
        Field::new("may be null", DataType::Utf8, true),
    ];
    let schema = Arc::new(Schema::new(fields).with_metadata(notes("none")));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![1])), Arc::new(StringArray::from(vec!["x"]))];
    let sent = RecordBatch::try_new(schema.clone(), columns).expect("a batch");
    let back = there_and_back(&mut py, &sent);
    assert_eq!((back.schema(), &back), (schema, &sent));
    // As arrow-array has it: two columns may have one name, and a `dict` may not.
    let twice = batch(vec![
        ("a", Arc::new(Int32Array::from(vec![1]))),
        ("a", Arc::new(Int32Array::from(vec![2]))),
    ]);
    let said = refused(py.record_batch(&twice));
    assert!(said.starts_with("[\"a\"]: two columns have this name"), "{said}");
    // And it may have rows without a column.
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(3));
    let bare = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options);
    let said = refused(py.record_batch(&bare.expect("a batch")));
    assert!(said.starts_with("3 rows without a column"), "{said}");
}

#[test]
fn columns_are_values_in_python() {
    let mut py = python();
    let table = py.record_batch(&every_type()).expect("a dict");
    py.set("table", &table).expect("set");
    py.run(
        "
import numpy as np
assert len(table) == 37 and len(table['text']) == 4
for name in ['text', 'large text']:
    assert list(table[name]) == ['tea', None, 'grüße', ''] == table[name].values
    assert table[name][2] == table[name][-2] == 'grüße' and table[name][::2] == ['tea', 'grüße']
for name in ['bytes', 'large bytes']:
    assert list(table[name]) == [b'a', None, b'\\xff\\0', b'']
assert list(table['fixed']) == [b'abc', None, b'def', None] and list(table['none']) == [None] * 4
assert list(table['bool']) == [True, None, False, None]
assert table['bool'].values.tolist() == [True, None, False, None]
assert list(table['i8']) == [-1, None, 3, 4] and table['u64'][0] == 2**64 - 1
assert list(table['half']) == [1.0, None, None, None]
assert table['f64'].values.sum() == 7.1 and table['f64'].values.mask.tolist() == [0, 1, 0, 0]
assert list(table['full']) == [0.1, 0.2, 0.3, 0.4] and type(table['full'].values) is np.ndarray
assert np.max(table['full']) == 0.4 and np.asarray(table['full'], 'f4').dtype == 'f4'
table['full'].values[0] = 9
assert table['full'][0] == 9 # the same memory
day = np.datetime64('1970-01-02')
assert table['Date32'][0] == day and table['Date32'].values.dtype == 'M8[D]' and table['Date32'][1] is None
assert table['Timestamp(µs)'][2] == day and table['Timestamp(µs)'].values.dtype == 'M8[us]'
assert table['Duration(ns)'].values.dtype == 'm8[ns]' and table['Time64(ns)'][3] == np.timedelta64(-1, 'ns')
assert table['Date64'].values.dtype == 'M8[ms]' and table['Time32(s)'][2] == np.timedelta64(86_399, 's')
for refused in [lambda: table['text'][4], lambda: table['i8'][-5]]:
    try: refused()
    except IndexError: pass
    else: raise AssertionError
for refused in [lambda: np.asarray(table['i8']), lambda: memoryview(table['text'])]:
    try: refused()
    except TypeError: pass
    else: raise AssertionError
",
    )
    .expect("every assertion holds");
    let full = table.get_item(&mut py, "full").and_then(|full| full.buffer(&mut py));
    let full = full.expect("a column of numbers is a buffer");
    assert_eq!(full.view::<f64, Ix1>(&py).expect("a view").to_vec(), [9.0, 0.2, 0.3, 0.4]);
}

#[test]
fn columns_where_there_is_no_numpy() {
    let mut py = python();
    py.run("import sys\nsys.modules['numpy'] = None").expect("runs");
    let sent = every_type();
    let table = py.record_batch(&sent).expect("a dict");
    assert_eq!(table.extract::<RecordBatch>(&mut py).expect("a batch"), sent);
    py.set("table", &table).expect("set");
    py.run(
        "
assert list(table['i16']) == [-300, None, 3, 4] == table['i16'].values
assert list(table['text']) == ['tea', None, 'grüße', ''] and table['bool'][0] is True
assert list(table['Date32']) == [1, None, 86_399, 0] and table['half'][0] == 1.0
assert type(table['full'].values) is memoryview and sum(table['full']) == 1.0
",
    )
    .expect("as they were sent");
}

#[test]
fn moments_of_numpy_are_columns() {
    let mut py = python();
    py.run("import numpy as np\ndef made(**columns): return columns").expect("runs");
    let mut made =
        |source: &str| py.eval_object(&format!("made({source})"))?.extract::<RecordBatch>(&mut py);
    let batch = made(
        "a=np.array(['2026-01-02', 'NaT'], 'M8[D]'), b=np.array([1, 2], 'M8[ns]'),
         c=np.array([1, 2], 'm8[ms]')[::-1], d=np.array([1, 2], 'm8[h]'), e=np.array([1, 2], 'M8[2s]'),
         f=np.ma.array(np.array([1, 2], '>M8[us]'), mask=[0, 1]), g=np.array(['2026-05', '1960'], 'M8[M]')",
    )
    .expect("a batch");
    let types: Vec<_> =
        batch.columns().iter().map(|column| column.data_type().to_string()).collect();
    assert_eq!(
        types,
        [
            "Date32",
            "Timestamp(ns)",
            "Duration(ms)",
            "Duration(s)",
            "Timestamp(s)",
            "Timestamp(µs)",
            "Date32"
        ]
    );
    let ints = |name: &str| -> Vec<Option<i64>> {
        let data = batch[name].to_data().into_builder().data_type(DataType::Int64).build();
        arrow_array::make_array(data.expect("64 bits")).as_primitive::<Int64Type>().iter().collect()
    };
    let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(20_455), None]));
    assert_eq!(&batch["a"], &days);
    assert_eq!(ints("c"), [Some(2), Some(1)]);
    assert_eq!(ints("d"), [Some(3_600), Some(7_200)]);
    assert_eq!(ints("e"), [Some(2), Some(4)]);
    assert_eq!(ints("f"), [Some(1), None]);
    for (source, said) in [
        ("a=np.array([1], 'm8[M]')", "Arrow has no timedelta64[M]"),
        ("a=np.array([1], 'M8[ps]')", "Arrow has no datetime64[ps]"),
        ("a=np.array([[1]], 'M8[s]')", "a column has one dimension"),
        ("a=np.array([2**40], 'M8[D]')", "do not fit"),
    ] {
        match made(source) {
            Err(Error::Python(error)) => assert!(error.message.contains(said), "{source}: {error}"),
            other => panic!("{source}: {other:?}"),
        }
    }
}

/// Whatever is written into a column's attributes, no batch is made that Arrow would not make itself.
#[test]
fn columns_that_lie() {
    let mut py = python();
    let table = py.record_batch(&every_type()).expect("a dict");
    py.set("table", &table).expect("set");
    py.run(
        "
import numpy as np
def lying(name, **lies):
    column = table[name]
    parts = dict(format=column.format, length=column.length, validity=column.validity, buffers=column.buffers)
    return {name: type(column)(**(parts | lies))}
def texts(offsets, data=b'abcdef', kind='i4'):
    offsets = np.array(offsets, kind)
    return lying('text', length=len(offsets) - 1, validity=None, buffers=[offsets, data])",
    )
    .expect("runs");
    let told = |py: &mut Interpreter, source: &str| {
        let result = py.eval_object(source).and_then(|lie| lie.extract::<RecordBatch>(py));
        let said = match result {
            Err(Error::Conversion(error)) => error.to_string(),
            Err(Error::Python(error)) => error.to_string(),
            other => panic!("{source}: {other:?}"),
        };
        py.run("assert 1 + 1 == 2").expect("it goes on");
        said
    };
    let mut odd = Vec::new();
    for (source, said) in [
        ("texts([0, 3, 2])", "a column of Utf8 was asked for"),
        ("texts([0, 3, 7])", "a column of Utf8 was asked for"),
        ("texts([-1, 3, 6])", "a column of Utf8 was asked for"),
        ("texts([0, 2**31 - 1])", "a column of Utf8 was asked for"),
        ("texts([0, 3], b'\\xff\\xfe\\xfd')", "UTF8"),
        ("texts([0, 1], 'é'.encode())", "a column of Utf8 was asked for"),
        ("texts([0, 2], np.zeros((2, 2), 'u1')[:, 0])", "elements lie apart"),
        ("lying('text', buffers=[])", "buffers"),
        ("lying('text', buffers=[1, 2])", "a bytes-like object is required, not 'int'"),
        ("lying('i16', length=5)", "Need at least 10 bytes"),
        ("lying('i16', length=9, validity=None)", "Need at least 18 bytes"),
        ("lying('i16', length=2**40)", "at most 4294967295 items"),
        ("lying('i16', length=-1)", "-1"),
        ("lying('i16', length='4')", "got str"),
        ("lying('i16', validity=b'')", "expected the validity of 4, got 0 bits"),
        ("lying('i16', validity=7)", "a bytes-like object is required, not 'int'"),
        ("lying('i16', format='g')", "a column of Float64 was asked for"),
        ("lying('i16', format='+l')", "expected a column of a format that is known"),
        ("lying('i16', format='w:-3')", "expected a column of a format that is known"),
        ("lying('i16', format='w:2147483647')", "Need at least"),
        ("lying('i16', format='x' * 1_000_000)", "expected a column of a format that is known"),
        ("lying('i16', format=None)", "got None"),
        ("lying('i16', nullable=False)", "non-nullable"),
        ("lying('i16', metadata={1: 2})", "got int"),
        ("lying('none', format='n', buffers=[b'x'])", "buffers"),
        ("lying('i8') | lying('i16', length=2)", "a record batch"),
        ("{1: table['i8']}", "got int"),
        ("[table['i8']]", "items"),
    ] {
        let told = told(&mut py, source);
        if !told.contains(said) || told.len() > 1_000 {
            odd.push(format!("{source}: {told}"));
        }
    }
    assert!(odd.is_empty(), "{odd:#?}");
    // A column of nothing is of no bytes, and as long as the limit `value` allows.
    let nulls = py.eval_object("lying('none', length=2**32 - 1)").expect("an object");
    assert!(matches!(
        nulls.extract::<RecordBatch>(&mut py),
        Err(Error::Limit(LimitExceeded::Value { .. }))
    ));
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
    // What no view could show is copied too.
    let records = "__import__('numpy').array([(1, 2, True), (3, 4, False)], 'u1,>i8,?')";
    let fields = made(&format!("**{{name: {records}[name] for name in ('f0', 'f1', 'f2')}}"));
    let fields = fields.expect("a batch");
    assert_eq!(fields["f1"].as_primitive::<Int64Type>().values().to_vec(), [2, 4]);
    assert_eq!(types(fields), ["UInt8", "Int64", "Boolean"]);

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
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]);
    let said = refused(py.record_batch(&batch(vec![("list", Arc::new(lists))])));
    assert!(said.starts_with("[\"list\"]: expected a column of numbers"), "{said}");
    let mut small = RUNTIME.interpreter().value(20_000).build().expect("an interpreter");
    let table = small.eval_object("{'a': memoryview(bytes(15000)), 'b': memoryview(bytes(15000))}");
    assert!(matches!(
        table.expect("a dict").extract::<RecordBatch>(&mut small),
        Err(Error::Limit(LimitExceeded::Value { .. }))
    ));
}
