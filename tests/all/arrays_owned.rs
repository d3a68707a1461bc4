//! Owned arrays, whatever the layout of what they are copied from.

use crate::arrays_numpy::{buffer, python};
use crate::support::raised;
use ndarray::{Array0, Array1, Array2, Array3, ArrayD, Ix1, array};
use num_complex::Complex;
use ophidia::array::half::f16;
use ophidia::array::{Bool, Element};
use ophidia::{Error, FromPython, Function, Interpreter, LimitExceeded};
use std::fmt::Debug;

#[track_caller]
fn extract<T: FromPython>(py: &mut Interpreter, source: &str) -> T {
    let object = py.eval_object(source).expect(source);
    object.extract(py).unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// Expressions of arrays with the elements of `a`, which has the shape (2, 3, 4).
const LAYOUTS: &[&str] = &[
    "a",
    "np.asfortranarray(a)",
    "a[::-1, ::-1, ::-1][::-1, ::-1, ::-1]",
    "a.astype(a.dtype.newbyteorder('>'))",
    "a.astype(a.dtype.newbyteorder('>'))[::-1][::-1]",
    "readonly(a)",
    "misaligned(a, 1)",
    "misaligned(a, 3)",
    "misaligned(a.astype(a.dtype.newbyteorder('>')), 1)",
    "misaligned(a.T, 1).T",
    "misaligned(a[::-1, :, ::-1], 1)[::-1, :, ::-1]",
    "field(a, False)",
    "field(a, True)",
    "field(a.astype(a.dtype.newbyteorder('>')), False)",
];

const MAKERS: &str = "
def readonly(a):
    a = a.copy()
    a.flags.writeable = False
    return a
def misaligned(a, by):
    memory = np.zeros(a.nbytes + by, 'u1')
    out = memory[by:].view(a.dtype).reshape(a.shape)
    out[...] = a
    return out
def field(a, align):
    records = np.zeros(a.shape, np.dtype([('pad', 'u1'), ('x', a.dtype), ('more', 'S2')], align=align))
    records['x'] = a
    return records['x']
def made(kind):
    values = (np.arange(24) * 7 - 80).reshape(2, 3, 4)
    return (values % 2 == 0) if kind == '?' else values.astype(kind)
";

fn copied<T: Element + PartialEq + Debug>(py: &mut Interpreter, kind: &str) {
    py.run(&format!("a = made('{kind}')")).expect("runs");
    let expected: Array3<T> = buffer(py, "a").view(py).expect("a view").to_owned();
    for source in LAYOUTS {
        assert_eq!(extract::<Array3<T>>(py, source), expected, "{kind} {source}");
        let any: ArrayD<T> = extract(py, &format!("({source})[1, ::-1, ::2]"));
        let part = expected.slice(ndarray::s![1, ..;-1, ..;2]);
        assert_eq!(any, part.into_dyn(), "{kind} {source}");
        let one: Array1<T> = extract(py, &format!("({source})[0, 0]"));
        assert_eq!(one, expected.slice(ndarray::s![0, 0, ..]), "{kind} {source}");
        let none: Array0<T> = extract(py, &format!("({source})[1, 2, 3:4].reshape(())"));
        assert_eq!(none.into_scalar(), expected[(1, 2, 3)], "{kind} {source}");
        let empty: Array2<T> = extract(py, &format!("({source})[1, :0]"));
        assert_eq!(empty.shape(), [0, 4], "{kind} {source}");
    }
}

#[test]
fn every_type_of_element_in_every_layout() {
    let py = &mut python();
    py.run(MAKERS).expect("runs");
    copied::<Bool>(py, "?");
    copied::<i8>(py, "i1");
    copied::<i16>(py, "i2");
    copied::<i32>(py, "i4");
    copied::<i64>(py, "i8");
    copied::<u8>(py, "u1");
    copied::<u16>(py, "u2");
    copied::<u32>(py, "u4");
    copied::<u64>(py, "u8");
    copied::<f16>(py, "f2");
    copied::<f32>(py, "f4");
    copied::<f64>(py, "f8");
    copied::<Complex<f32>>(py, "c8");
    copied::<Complex<f64>>(py, "c16");
}

#[test]
fn truth_values_and_byte_strings() {
    let py = &mut python();
    py.run(MAKERS).expect("runs");
    let flags: Array1<bool> = extract(py, "np.array([1.5, -1, 0]) > 0");
    assert_eq!(flags, array![true, false, false]);
    let flags: Array2<bool> = extract(py, "field(np.eye(2) == 1, False)[::-1]");
    assert_eq!(flags, array![[false, true], [true, false]]);
    // Any byte but zero is true.
    let odd: Array1<bool> = extract(py, "np.array([0, 1, 2, 255], 'u1').view(bool)");
    assert_eq!(odd, array![false, true, true, true]);
    let back = py.eval_object("lambda a: (a.dtype == bool, a.tolist())").expect("a function");
    let back: (bool, Vec<bool>) = back.call_as(py, (array![true, false],)).expect("called");
    assert_eq!(back, (true, vec![true, false]));
    let error = py.eval_as::<Array1<bool>>("np.zeros(2, 'u1')").expect_err("no truth values");
    assert!(error.to_string().contains("the object holds u8 with 1 dimension"), "{error}");

    let words: Array2<u8> = extract(py, "field(np.array([b'ab', b'c']), False)");
    assert_eq!(words, array![[b'a', b'b'], [b'c', 0]]);
    let words: Array2<u8> = extract(py, "np.array([b'ab', b'c'])[::-1]");
    assert_eq!(words, array![[b'c', 0], [b'a', b'b']]);
    let none: Array2<u8> = extract(py, "np.zeros(2, [('a', 'S0'), ('b', 'u1')])['a']");
    assert_eq!(none.shape()[0], 2);
}

#[test]
fn views_refuse_what_they_cannot_show() {
    let py = &mut python();
    py.run(MAKERS).expect("runs");
    py.run("a = np.arange(3.0)").expect("runs");
    for (source, what) in [
        ("misaligned(a, 1)", "is no multiple of 8"),
        ("field(a, False)", "is no multiple of 8"),
        ("a.astype('>f8')", "big-endian f64"),
    ] {
        let refused = buffer(py, source);
        let error = refused.view::<f64, Ix1>(py).expect_err(source).to_string();
        assert!(error.contains(what), "{source}: {error}");
        assert_eq!(extract::<Array1<f64>>(py, source), array![0.0, 1.0, 2.0], "{source}");
    }
    let big = buffer(py, "a.astype('>f8')");
    assert!(big.dtype().is_err() && big.view_dyn(py).is_err());
    assert!(buffer(py, "a.astype('>f8')").view_mut::<f64, Ix1>(py).is_err());
}

#[test]
fn other_types_and_dimensions_are_refused() {
    let py = &mut python();
    for (source, what) in [
        ("np.zeros(2, 'f4')", "holds f32 with 1 dimension"),
        ("np.zeros(2, '>f4')", "holds f32 with 1 dimension"),
        ("np.zeros(2, '>i8')", "holds i64 with 1 dimension"),
        ("np.zeros(2, bool)", "holds bool with 1 dimension"),
        ("np.zeros((2, 3), '>f8')", "holds f64 with 2 dimensions"),
        ("np.zeros(2, 'g')", "floats of 128 bits"),
        ("np.zeros(2, 'i4,f8')", "structures"),
        ("np.array(['a'])", "text"),
    ] {
        let error = py.eval_as::<Array1<f64>>(source).expect_err(source);
        assert!(matches!(error, Error::Conversion(_)), "{source}: {error:?}");
        assert!(error.to_string().contains(what), "{source}: {error}");
    }
}

#[test]
fn as_arguments_and_in_containers() {
    let py = &mut python();
    py.run(MAKERS).expect("runs");
    py.set(
        "total",
        Function::new("total", |all: Array2<f64>, by: Array1<bool>| {
            all.sum() + f64::from(by[0] as u8)
        }),
    )
    .expect("set");
    py.run(
        "grid = np.arange(6.0).reshape(2, 3)
assert total(grid.astype('>f8'), np.array([True])) == 16
assert total(misaligned(grid, 1).T, field(np.array([False]), False)) == 15",
    )
    .expect("runs");
    let error = raised(py.run("total(grid.astype('>f4'), np.array([True]))"));
    assert!(error.message.contains("holds f32"), "{error}");
    let both: Vec<Array1<f64>> = extract(py, "[misaligned(np.ones(1), 1), np.zeros(1, '>f8')]");
    assert_eq!(both, [array![1.0], array![0.0]]);
}

#[test]
fn a_copy_is_bounded() {
    let py = &mut python();
    let wide = "np.broadcast_to(np.zeros(1, '>f8'), (2 ** 28 - 1,))";
    let error = py.eval_as::<Array1<f64>>(wide).expect_err("too large");
    assert!(matches!(error, Error::Limit(LimitExceeded::Value { .. })), "{error:?}");
    let spread: Array1<f64> = extract(py, "np.broadcast_to(np.ones(1, '>f8'), (2 ** 18,))");
    assert_eq!(spread.sum(), 2f64.powi(18));
}
