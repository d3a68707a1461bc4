//! Every type of element of numpy's arrays, in every layout, and what is refused.

use crate::arrays_numpy::{buffer, python};
use ndarray::{Ix0, Ix1, Ix2, Ix3, array};
use num_complex::Complex;
use ophidia::Error;
use ophidia::array::half::f16;
use ophidia::array::{AnyView, Bool, Dtype};

#[test]
fn every_dtype_is_seen() {
    let mut py = python();
    for (code, dtype, shown) in [
        ("?", Dtype::Bool, "Bool"),
        ("i1", Dtype::I8, "I8"),
        ("i2", Dtype::I16, "I16"),
        ("i4", Dtype::I32, "I32"),
        ("i8", Dtype::I64, "I64"),
        ("u1", Dtype::U8, "U8"),
        ("u2", Dtype::U16, "U16"),
        ("u4", Dtype::U32, "U32"),
        ("u8", Dtype::U64, "U64"),
        ("f2", Dtype::F16, "F16"),
        ("f4", Dtype::F32, "F32"),
        ("f8", Dtype::F64, "F64"),
        ("c8", Dtype::C64, "C64"),
        ("c16", Dtype::C128, "C128"),
        ("l", Dtype::I32, "I32"),
        ("p", Dtype::I32, "I32"),
        ("S3", Dtype::Bytes(3), "Bytes"),
    ] {
        let ones = buffer(&mut py, &format!("np.ones((2, 3), '{code}')"));
        assert_eq!(ones.dtype().ok(), Some(dtype), "{code}");
        assert_eq!((ones.shape(), ones.item_size()), (&[2, 3][..], dtype.size()), "{code}");
        let any = ones.view_dyn(&py).expect("a view");
        assert!(format!("{any:?}").starts_with(shown), "{any:?}");
    }
    let complex = buffer(&mut py, "np.array([1 + 2j])");
    let view = complex.view::<Complex<f64>, Ix1>(&py).expect("a view");
    assert_eq!(view[0], Complex::new(1.0, 2.0));
    let words = buffer(&mut py, "np.array([b'ab', b'c'])");
    let AnyView::Bytes(view) = words.view_dyn(&py).expect("a view") else { panic!("no bytes") };
    assert_eq!((view.shape(), view[[0, 1]], view[[1, 1]]), (&[2, 2][..], b'b', 0));
    let scalar = buffer(&mut py, "np.array(3.5)");
    assert_eq!(scalar.view::<f64, Ix0>(&py).expect("a view").into_scalar(), &3.5);
}

#[test]
fn what_is_no_array_of_numbers_is_refused() {
    let mut py = python();
    for (source, what) in [
        ("np.array(['a'])", "text"),
        ("np.array([None])", "Python objects"),
        ("np.zeros(2, 'i4,f8')", "structures"),
        ("np.zeros(2, 'g')", "floats of 128 bits"),
        ("np.zeros(2, '>f8')", "big-endian f64"),
    ] {
        let refused = buffer(&mut py, source);
        let error = refused.view_dyn(&py).expect_err(source);
        assert!(error.to_string().starts_with(&format!("the object holds {what}")), "{error}");
        let error = refused.view::<i32, Ix1>(&py).expect_err(source).to_string();
        let both = format!("a view of i32 with 1 dimension was asked for; the object holds {what}");
        assert!(error.starts_with(&both), "{source}: {error}");
        let error = refused.view_mut::<i32, Ix1>(&mut py).map(drop).expect_err(source).to_string();
        assert!(error.starts_with(&both), "{source}: {error}");
    }
    for (source, found) in [
        ("np.zeros(17, 'u1')[1:].view('f8')", "is no multiple of 8"),
        ("np.zeros(2, 'i4,f8')['f1']", "lie 12 bytes apart, which is no multiple of 8"),
        ("np.zeros((2, 3))", "holds f64 with 2 dimensions"),
        ("np.array(b'abc')", "holds byte strings of 3 with 0 dimensions"),
    ] {
        let error = buffer(&mut py, source).view::<f64, Ix1>(&py).expect_err(source).to_string();
        let asked = error.starts_with("a view of f64 with 1 dimension was asked for; the object");
        assert!(asked && error.contains(found), "{source}: {error}");
    }
    let field = buffer(&mut py, "np.array([(1, 2.5), (3, 4.5)], 'i4,f8')['f0']");
    assert_eq!(field.strides(), [12]);
    assert_eq!(field.view::<i32, Ix1>(&py).expect("a view"), array![1, 3]);
    let refused = py.eval_object("np.zeros(1, 'M8[s]')").and_then(|moment| moment.buffer(&mut py));
    let Err(Error::Python(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.type_name, "ValueError");
}

#[test]
fn places_that_are_shared_are_only_read() {
    let mut py = python();
    py.run("a = np.arange(24, dtype='i4').reshape(2, 3, 4)").expect("runs");
    let spread = buffer(&mut py, "np.broadcast_to(np.int32(7), (1000, 1000))");
    assert_eq!(spread.strides(), [0, 0]);
    assert!(spread.is_read_only());
    assert_eq!(spread.view::<i32, Ix2>(&py).expect("a view").sum(), 7_000_000);
    py.run("a.flags.writeable = False").expect("runs");
    let error =
        buffer(&mut py, "a").view_mut::<i32, Ix3>(&mut py).map(drop).expect_err("read-only");
    assert!(error.to_string().contains("read-only"), "{error}");
    // Several places of a mutable view that are one would be two of a kind.
    let twice = "np.lib.stride_tricks.as_strided(np.zeros(4), (4, 4), (8, 0), writeable=True)";
    let twice = buffer(&mut py, twice);
    let error = twice.view_mut::<f64, Ix2>(&mut py).map(drop).expect_err("places that overlap");
    assert!(error.to_string().contains("lie in the same place"), "{error}");
}

/// The bytes of the elements in the order of their indices, whatever their type.
fn bytes_of(view: AnyView<'_>) -> Vec<u8> {
    macro_rules! bytes {
        ($($kind:ident: $item:ident => $bytes:expr;)*) => {
            match view {
                $(AnyView::$kind(view) => view.iter().flat_map(|$item| $bytes).collect(),)*
                other => panic!("{other:?}"),
            }
        };
    }
    bytes! {
        Bool: it => [it.0];
        I8: it => it.to_le_bytes();
        I16: it => it.to_le_bytes();
        I32: it => it.to_le_bytes();
        I64: it => it.to_le_bytes();
        U8: it => [*it];
        U16: it => it.to_le_bytes();
        U32: it => it.to_le_bytes();
        U64: it => it.to_le_bytes();
        F16: it => it.to_le_bytes();
        F32: it => it.to_le_bytes();
        F64: it => it.to_le_bytes();
        C64: it => [it.re, it.im].map(f32::to_le_bytes).concat();
        C128: it => [it.re, it.im].map(f64::to_le_bytes).concat();
        Bytes: it => [*it];
    }
}

#[test]
fn every_dtype_in_every_layout() {
    let mut py = python();
    py.run(
        "def filled(kind):
    size = np.dtype(kind).itemsize
    bytes = (np.arange(24 * size) * 7 % 251).astype('u1') if kind != '?' else np.arange(24, dtype='u1') % 2
    return bytes.view(kind).reshape(2, 3, 4)",
    )
    .expect("runs");
    let kinds = "? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16 l L p P q Q <i4 <f8 <c16 S1 S5";
    for kind in kinds.split(' ') {
        py.run(&format!("a = filled('{kind}')")).expect("runs");
        for source in [
            "a",
            "np.asfortranarray(a)",
            "a.T",
            "a[::-1, :, ::-2]",
            "a[::-1, ::-1, ::-1].T",
            "a[:, 1:2]",
            "a[1:1]",
            "a[1:1, ::-1]",
            "np.zeros((0, 3, 2), a.dtype)",
            "np.broadcast_to(a[:, :1], (2, 3, 4))",
            "np.broadcast_to(a[1, 2, 3], (5,))[::-1]",
            "np.swapaxes(a, 0, 2)[1:, ::2]",
            "a[1, 2, 3:4].reshape(())",
            "a[..., None][:, :, 1, ::-1]",
        ] {
            let expected: Vec<u8> = py
                .eval_object(&format!("({source}).tobytes()"))
                .and_then(|bytes| bytes.extract(&mut py))
                .expect("bytes");
            let seen = buffer(&mut py, source);
            let view = seen.view_dyn(&py).expect("a view");
            let bytes = usize::from(matches!(view, AnyView::Bytes(_)));
            assert_eq!(view.shape().len(), seen.ndim() + bytes, "{kind} {source}");
            assert!(view.shape().starts_with(seen.shape()), "{kind} {source}");
            assert_eq!(bytes_of(view), expected, "{kind} {source}");
        }
    }
}

#[test]
fn every_kind_of_element_can_be_changed() {
    let mut py = python();
    py.run(
        "truths = np.zeros((2, 3), bool)
halves = np.zeros(6, 'f2')
waves = np.zeros((2, 2), 'c16', order='F')
words = np.zeros(3, 'S3')",
    )
    .expect("runs");
    let truths = buffer(&mut py, "truths[::-1, ::2]");
    truths.view_mut::<Bool, Ix2>(&mut py).expect("a view")[(0, 1)] = true.into();
    let halves = buffer(&mut py, "halves[::-2]");
    halves.view_mut::<f16, Ix1>(&mut py).expect("a view")[0] = f16::from_f32(1.5);
    let waves = buffer(&mut py, "waves.T");
    waves.view_mut::<Complex<f64>, Ix2>(&mut py).expect("a view")[(0, 1)] = Complex::new(1.0, -2.0);
    let words = buffer(&mut py, "words[::-1]");
    words.view_mut::<u8, Ix2>(&mut py).expect("a view").row_mut(0).assign(&array![b'a', b'b', 0]);
    py.run(
        "assert truths.tolist() == [[False] * 3, [False, False, True]]
assert halves.tolist() == [0, 0, 0, 0, 0, 1.5]
assert waves.tolist() == [[0, 0], [1 - 2j, 0]]
assert words.tolist() == [b'', b'', b'ab']",
    )
    .expect("what Rust has written");
}
