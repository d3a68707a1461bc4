//! Arrays of numpy seen from Rust, and Rust's arrays as numpy's.

use crate::library::RUNTIME;
use ndarray::{Array1, Array2, Array3, ArrayD, Axis, Ix0, Ix1, Ix2, Ix3, array};
use num_complex::Complex;
use ophidia::array::half::f16;
use ophidia::array::{AnyView, Bool, Dtype};
use ophidia::{Arguments, Buffer, Error, Interpreter, chain};

fn python() -> Interpreter {
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    py.run("import numpy as np, datetime").expect("numpy is there");
    py
}

fn buffer(py: &mut Interpreter, source: &str) -> Buffer {
    let object = py.eval_object(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    object.buffer(py).unwrap_or_else(|error| panic!("{source}: {error}"))
}

#[test]
fn scalars_of_numpy_are_values() {
    let mut py = python();
    py.run("import numpy as np, datetime").expect("runs");
    for (scalar, plain) in [
        ("np.int8(-3)", "-3"),
        ("np.uint64(2**64 - 1)", "2**64 - 1"),
        ("np.float16(0.5)", "0.5"),
        ("np.float64(0.1)", "0.1"),
        ("np.complex64(1 + 2j)", "1 + 2j"),
        ("np.bool(True)", "True"),
        ("np.str_('é')", "'é'"),
        ("np.bytes_(b'a')", "b'a'"),
        ("np.datetime64('2026-01-02')", "datetime.date(2026, 1, 2)"),
        (
            "np.datetime64('2026-01-02T03:04:05.000006')",
            "datetime.datetime(2026, 1, 2, 3, 4, 5, 6)",
        ),
        ("np.timedelta64(90, 's')", "datetime.timedelta(seconds=90)"),
        ("[np.int32(1), (np.float32(2),)]", "[1, (2.0,)]"),
    ] {
        let (scalar, plain) = (py.eval(scalar).expect(scalar), py.eval(plain).expect(plain));
        assert_eq!(scalar, plain);
    }
    for object in [
        "np.datetime64(1, 'ns')",
        "np.timedelta64(1, 'ns')",
        "np.zeros(1, 'i4,i4')[0]",
        "np.longdouble(1)",
    ] {
        assert!(matches!(py.eval(object), Ok(ophidia::Value::Object(_))), "{object}");
    }
    let sum = py.eval_object("np.arange(10).sum()").and_then(|sum| sum.extract::<u8>(&mut py));
    assert_eq!(sum.expect("it fits"), 45);
    py.run("class Own(np.float32): pass").expect("runs");
    assert!(matches!(py.eval("Own(1)"), Ok(ophidia::Value::Object(_))));
}

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

#[test]
fn a_view_keeps_its_array() {
    let mut py = python();
    py.run("a = np.arange(5.0)").expect("runs");
    let seen = buffer(&mut py, "a");
    let error = py.run("a.resize(1000)").expect_err("it is referenced");
    assert!(matches!(&error, Error::Python(error) if error.type_name == "ValueError"), "{error}");
    py.run("del a").expect("runs");
    assert_eq!(seen.view::<f64, Ix1>(&py).expect("a view").sum(), 10.0);
}

#[test]
fn arrays_of_rust_are_numpys() {
    let mut py = python();
    let grid = py.zeros::<f32, _>((2, 3)).expect("an array");
    py.set("grid", &grid).expect("set");
    py.run("assert type(grid) is np.ndarray and grid.flags.writeable and grid.flags.c_contiguous")
        .expect("a writable array");
    py.run("np.add(grid, 2, out=grid); grid[0] *= 10").expect("runs");
    assert_eq!(grid.view(&py).expect("a view"), array![[20.0, 20.0, 20.0], [2.0, 2.0, 2.0]]);
    let complex = py.zeros::<Complex<f32>, _>(3).expect("an array");
    let empty = py.zeros::<f64, _>((0, 3)).expect("an array");
    let truths = py.array_from(&[Bool::from(true), Bool::from(false)]).expect("an array");
    py.set("parts", (&complex, &empty, &truths)).expect("set");
    py.run(
        "assert [a.dtype.str for a in parts] == ['<c8', '<f8', '|b1']
assert [a.shape for a in parts] == [(3,), (0, 3), (2,)] and parts[2].tolist() == [True, False]",
    )
    .expect("as they were made");
    let back: ArrayD<f64> = py
        .eval_object("np.arange(6.0).reshape(1, 2, 3).T")
        .and_then(|a| a.extract(&mut py))
        .expect("a copy");
    assert_eq!((back.shape(), back[[2, 1, 0]]), (&[3, 2, 1][..], 5.0));
}

#[test]
fn adding_into_an_array_of_the_caller() {
    let mut py = python();
    let a = py.array_from(&array![[1.0, 2.0], [3.0, 4.0]]).expect("an array");
    let b = py.array_from(&array![[10.0, 20.0], [30.0, 40.0]]).expect("an array");
    let add = py.get("np.add").expect("numpy.add");
    let arguments = Arguments::new().args([&a, &b]).kwarg("out", &a);
    add.call(&mut py, arguments).expect("added");
    assert_eq!(a.view(&py).expect("a view"), array![[11.0, 22.0], [33.0, 44.0]]);
}

#[test]
fn singular_values() {
    let mut py = python();
    let matrix = array![[3.0, 2.0, 2.0], [2.0, 3.0, -2.0]];
    let svd = py.get("np.linalg.svd").expect("numpy.linalg.svd");
    let (u, s, vt): (Array2<f64>, Array1<f64>, Array2<f64>) =
        svd.call_as(&mut py, (&matrix, false)).expect("decomposed");
    assert!((&s - &array![5.0, 3.0]).iter().all(|difference| difference.abs() < 1e-12), "{s}");
    let back = (&u * &s).dot(&vt);
    assert!((back - &matrix).iter().all(|difference| difference.abs() < 1e-12));
}

#[test]
fn random_numbers_summed_over_two_axes() {
    let mut py = python();
    let random = py.get("np.random").expect("numpy.random");
    chain!(py, random.seed(7)).expect("seeded");
    let summed: Array1<f64> = chain!(py, random.random((2, 3, 4)).sum(axis = (0, 2)))
        .and_then(|sums| sums.extract(&mut py))
        .expect("an array");
    chain!(py, random.seed(7)).expect("seeded");
    let drawn: Array3<f64> =
        random.call_method_as(&mut py, "random", ((2, 3, 4),)).expect("the same numbers");
    let ours = drawn.sum_axis(Axis(2)).sum_axis(Axis(0));
    assert!((summed - ours).iter().all(|difference| difference.abs() < 1e-12));
}

/// Deterministic numbers from -1 to 1.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    })
}

#[test]
fn an_image_is_filtered_in_place() {
    let mut py = python();
    py.run(
        "
def blur(image, out):
    padded = np.pad(image, 1, mode='edge')
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    np.einsum('ijkl,kl->ij', windows, np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16, out=out)
",
    )
    .expect("runs");
    let pixels =
        Array2::from_shape_vec((40, 60), noise(1).take(2400).collect()).expect("a picture");
    let image = py.array_from(&pixels).expect("an array");
    let out = py.zeros::<f64, _>((40, 60)).expect("an array");
    py.get("blur").and_then(|blur| blur.call(&mut py, (&image, &out))).expect("filtered");
    let ours = Array2::from_shape_fn((40, 60), |(y, x)| {
        let at = |dy: usize, dx: usize| {
            let (row, column) = (y + dy, x + dx);
            pixels[(row.saturating_sub(1).min(39), column.saturating_sub(1).min(59))]
        };
        let weight = |d: usize| if d == 1 { 2.0 } else { 1.0 };
        let places = (0..9).map(|i| (i / 3, i % 3));
        places.map(|(dy, dx)| weight(dy) * weight(dx) * at(dy, dx)).sum::<f64>() / 16.0
    });
    let difference = &out.view(&py).expect("a view") - &ours;
    assert!(difference.iter().all(|difference| difference.abs() < 1e-12));
}

#[test]
fn a_line_is_fitted_by_least_squares() {
    let mut py = python();
    let design = py.zeros::<f64, _>((200, 2)).expect("an array");
    let seen = py.zeros::<f64, _>(200).expect("an array");
    let (mut design_view, mut seen_view) =
        py.views((design.writing(), seen.writing())).expect("two views");
    for (i, error) in noise(2).take(200).enumerate() {
        let x = i as f64 / 10.0;
        design_view[(i, 0)] = x;
        design_view[(i, 1)] = 1.0;
        seen_view[i] = 2.5 * x - 4.0 + error;
    }
    // The normal equations, solved by hand.
    let (x, y) = (design_view.column(0).to_owned(), seen_view.to_owned());
    let (mean_x, mean_y) = (x.mean().expect("some"), y.mean().expect("some"));
    let slope = ((&x - mean_x) * (&y - mean_y)).sum() / (&x - mean_x).mapv(|d| d * d).sum();
    let lstsq = py.get("np.linalg.lstsq").expect("numpy.linalg.lstsq");
    let answer = lstsq.call(&mut py, (&design, &seen)).expect("fitted");
    let line: Array1<f64> =
        answer.get_item(&mut py, 0).and_then(|line| line.extract(&mut py)).expect("the line");
    assert!((line[0] - slope).abs() < 1e-9 && (line[1] - (mean_y - slope * mean_x)).abs() < 1e-9);
    assert!((line[0] - 2.5).abs() < 0.05);
}

#[test]
fn the_spectrum_of_a_signal() {
    let mut py = python();
    let signal: Array1<f64> = (0..256)
        .map(|i| f64::from(i) / 256.0 * std::f64::consts::TAU)
        .map(|t| (5.0 * t).sin() + 0.5 * (40.0 * t).cos())
        .collect();
    let rfft = py.get("np.fft.rfft").expect("numpy.fft.rfft");
    let spectrum: Array1<Complex<f64>> = rfft.call_as(&mut py, (&signal,)).expect("transformed");
    assert_eq!(spectrum.len(), 129);
    for (frequency, part) in spectrum.iter().enumerate() {
        let expected = match frequency {
            5 => Complex::new(0.0, -128.0),
            40 => Complex::new(64.0, 0.0),
            _ => Complex::new(0.0, 0.0),
        };
        assert!((part - expected).norm() < 1e-9, "{frequency}: {part}");
    }
}

#[test]
fn k_means_finds_clusters() {
    let mut py = python();
    py.run(
        "
def k_means(points, centres, rounds=20):
    for _ in range(rounds):
        nearest = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        for i in range(len(centres)):
            centres[i] = points[nearest == i].mean(axis=0)
    return nearest
",
    )
    .expect("runs");
    let middles = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]];
    let mut errors = noise(3);
    let points = Array2::from_shape_fn((300, 2), |(i, j)| {
        middles[i % 3][j] + errors.next().expect("endless")
    });
    let centres = py.array_from(&array![[1.0, 1.0], [8.0, 1.0], [1.0, 8.0]]).expect("an array");
    let k_means = py.get("k_means").expect("there");
    let nearest: Array1<i32> = k_means.call_as(&mut py, (&points, &centres)).expect("clustered");
    assert!(nearest.iter().enumerate().all(|(i, &cluster)| cluster as usize == i % 3));
    for (i, centre) in centres.view(&py).expect("a view").outer_iter().enumerate() {
        let ours = Array1::from_shape_fn(2, |j| {
            (0..100).map(|k| points[(3 * k + i, j)]).sum::<f64>() / 100.0
        });
        assert!((&centre - &ours).iter().all(|difference| difference.abs() < 1e-12));
    }
}

#[test]
fn an_estimate_over_four_interpreters_at_once() {
    const EACH: usize = 100_000;
    let estimates: Vec<f64> = (0..4)
        .map(|seed| {
            std::thread::spawn(move || {
                let mut py = python();
                let program = format!(
                    "x, y = np.random.default_rng({seed}).random((2, {EACH}))\ninside = (x * x + y * y) < 1"
                );
                py.run(&program).expect("runs");
                // Counted again from the points themselves, which both sides see alike.
                let points: Array2<f64> = py
                    .eval_object("np.stack([x, y])")
                    .and_then(|points| points.extract(&mut py))
                    .expect("the points");
                let ours = points.axis_iter(Axis(1)).filter(|point| point.dot(point) < 1.0).count();
                let inside = buffer(&mut py, "inside");
                let view = inside.view::<Bool, Ix1>(&py).expect("a view");
                let theirs = view.iter().filter(|inside| inside.get()).count();
                assert_eq!(ours, theirs);
                theirs as f64 / EACH as f64 * 4.0
            })
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .collect();
    let mean = estimates.iter().sum::<f64>() / 4.0;
    // Three standard deviations of 400,000 points.
    assert!((mean - std::f64::consts::PI).abs() < 0.008, "{estimates:?}");
    assert!(estimates.windows(2).all(|pair| pair[0] != pair[1]), "{estimates:?}");
}
