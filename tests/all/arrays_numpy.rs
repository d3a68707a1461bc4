//! Arrays of numpy seen from Rust, and Rust's arrays as numpy's.

use crate::library::RUNTIME;
use ndarray::{Array1, Array2, Array3, ArrayD, Axis, Ix1, array};
use num_complex::Complex;
use ophidia::array::Bool;
use ophidia::{Arguments, Buffer, Error, Interpreter, chain};

pub(crate) fn python() -> Interpreter {
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    py.run("import numpy as np, datetime").expect("numpy is there");
    py
}

pub(crate) fn buffer(py: &mut Interpreter, source: &str) -> Buffer {
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
    assert_eq!(nearest.len(), points.nrows());
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
