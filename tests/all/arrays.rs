//! Arrays of the guest seen from Rust, and arrays that Rust makes there.

use crate::library::RUNTIME;
use ndarray::{Array1, Array2, ArrayD, Axis, Ix0, Ix1, Ix2, Ix3, IxDyn, array};
use ophidia::array::{AnyView, Bool, Dtype};
use ophidia::{Buffer, Error, Function, GuestArray, Interpreter, LimitExceeded, Python};

fn python() -> Interpreter {
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    py.run("from array import array").expect("runs");
    py
}

fn buffer(py: &mut Interpreter, source: &str) -> Buffer {
    let object = py.eval_object(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    object.buffer(py).unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// What an operation is refused with.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Conversion(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn objects_of_the_standard_library_are_seen_as_they_are() {
    let mut py = python();
    let floats = buffer(&mut py, "array('d', [1, 2, 4])");
    assert_eq!((floats.dtype().ok(), floats.format()), (Some(Dtype::F64), "d"));
    assert_eq!((floats.shape(), floats.strides(), floats.len()), (&[3][..], &[8][..], 3));
    assert!(floats.is_contiguous() && !floats.is_read_only() && !floats.is_empty());
    assert_eq!(floats.view::<f64, Ix1>(&py).expect("a view"), array![1.0, 2.0, 4.0]);

    let bytes = buffer(&mut py, "b'abc'");
    assert!(bytes.is_read_only());
    assert_eq!(bytes.view::<u8, Ix1>(&py).expect("a view").to_vec(), b"abc");
    assert_eq!(bytes.bytes(&py).expect("bytes"), b"abc");

    // The 'l' of the guest has 32 bits.
    let longs = buffer(&mut py, "array('l', [-1, 1])");
    assert_eq!(longs.view::<i32, Ix1>(&py).expect("a view").to_vec(), [-1, 1]);
    let matrix = buffer(&mut py, "memoryview(bytearray(range(24))).cast('h', (3, 4))");
    let view = matrix.view::<i16, Ix2>(&py).expect("a view");
    assert_eq!((view.dim(), view[(2, 3)]), ((3, 4), 0x1716));
    assert!(view.is_standard_layout());
    let scalar = buffer(&mut py, "memoryview(bytearray(8)).cast('q', ())");
    assert_eq!(scalar.view::<i64, Ix0>(&py).expect("a view").into_scalar(), &0);
    let none = buffer(&mut py, "array('f')");
    assert!(none.is_empty() && none.view::<f32, Ix1>(&py).expect("a view").is_empty());
    let truths = buffer(&mut py, "memoryview(b'\\x00\\x01\\x07').cast('?')");
    let view = truths.view::<Bool, Ix1>(&py).expect("a view");
    assert_eq!(view.mapv(Bool::get).to_vec(), [false, true, true]);
}

#[test]
fn slices_are_views_with_strides() {
    let mut py = python();
    py.run("numbers = array('i', range(10))").expect("runs");
    let every = buffer(&mut py, "memoryview(numbers)[1::3]");
    assert_eq!(every.view::<i32, Ix1>(&py).expect("a view").to_vec(), [1, 4, 7]);
    let backward = buffer(&mut py, "memoryview(numbers)[8:2:-2]");
    assert_eq!(backward.strides(), [-8]);
    assert!(!backward.is_contiguous());
    assert_eq!(backward.view::<i32, Ix1>(&py).expect("a view").to_vec(), [8, 6, 4]);
    backward.view_mut::<i32, Ix1>(&mut py).expect("a view")[0] = 80;
    assert_eq!(py.eval("numbers[8]").expect("a value"), 80.into());
    assert_eq!(
        refused(backward.bytes(&py)),
        "the bytes were asked for; the object's elements lie apart, with strides of [-8] bytes: take a \
         view, or copy it, as with `bytes`"
    );
}

#[test]
fn what_rust_writes_python_sees() {
    let mut py = python();
    py.run("numbers = array('d', [0] * 6)\ngrid = memoryview(numbers).cast('B').cast('d', (2, 3))")
        .expect("runs");
    let grid = buffer(&mut py, "grid");
    let mut view = grid.view_mut::<f64, IxDyn>(&mut py).expect("a view");
    view.index_axis_mut(Axis(0), 1).assign(&array![1.0, 2.0, 3.0]);
    assert_eq!(py.eval("sum(numbers), grid[1, 2]").expect("a value"), {
        ophidia::Value::Tuple(vec![6.0.into(), 3.0.into()])
    });
    py.run("numbers[0] = 10").expect("runs");
    assert_eq!(grid.view::<f64, Ix2>(&py).expect("a view").sum(), 16.0);
    grid.bytes_mut(&mut py).expect("bytes").fill(0);
    assert_eq!(py.eval("sum(numbers)").expect("a value"), 0.0.into());
}

#[test]
fn a_wrong_view_is_refused_with_both_sides() {
    let mut py = python();
    let ints = buffer(&mut py, "array('i', [1])");
    assert_eq!(
        refused(ints.view::<f64, Ix2>(&py)),
        "a view of f64 with 2 dimensions was asked for; the object holds i32 with 1 dimension"
    );
    assert_eq!(
        refused(ints.view::<u32, IxDyn>(&py)),
        "a view of u32 was asked for; the object holds i32 with 1 dimension"
    );
    assert!(refused(ints.view_mut::<i32, Ix3>(&mut py)).contains("i32 with 3 dimensions"));
    let bytes = buffer(&mut py, "b'12345678'");
    assert!(refused(bytes.view_mut::<u8, Ix1>(&mut py)).contains("memory is read-only"));
    assert!(refused(bytes.bytes_mut(&mut py)).contains("memory is read-only"));
    let shifted = buffer(&mut py, "memoryview(bytearray(17))[1:].cast('d')");
    let said = refused(shifted.view::<f64, Ix1>(&py));
    assert!(said.contains("no multiple of 8: copy it first"), "{said}");
    let text = py.eval_object("array('w', 'abc')").and_then(|text| text.buffer(&mut py));
    let text = text.expect("a buffer");
    assert!(refused(text.view_dyn(&py)).starts_with("the object holds text (format \"w\")"));
    assert!(refused(text.view::<u32, Ix1>(&py)).starts_with(
        "a view of u32 with 1 dimension was asked for; the object holds text (format \"w\")"
    ));
    let error = py.eval_object("[1]").and_then(|list| list.buffer(&mut py)).expect_err("no buffer");
    assert!(matches!(&error, Error::Python(error) if error.type_name == "TypeError"), "{error}");
}

#[test]
fn any_view_tells_what_there_is() {
    let mut py = python();
    for (code, shown) in [("b", "I8"), ("H", "U16"), ("I", "U32"), ("q", "I64"), ("f", "F32")] {
        let any = buffer(&mut py, &format!("array('{code}', [1, 2])"));
        let view = any.view_dyn(&py).expect("a view");
        assert_eq!(view.shape(), [2]);
        assert!(format!("{view:?}").starts_with(shown), "{view:?}");
    }
    let halves = buffer(&mut py, "memoryview(b'\\x00\\x3c').cast('e')");
    match halves.view_dyn(&py).expect("a view") {
        AnyView::F16(view) => assert_eq!(view[[0]].to_f32(), 1.0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_buffer_pins_what_it_sees() {
    let mut py = python();
    py.run("grown = bytearray(b'abc')").expect("runs");
    let pin = buffer(&mut py, "grown");
    let error = py.run("grown.append(1)").expect_err("pinned");
    assert!(matches!(&error, Error::Python(error) if error.type_name == "BufferError"), "{error}");
    py.run("del grown").expect("runs");
    assert_eq!(pin.bytes(&py).expect("bytes"), b"abc");
    let view = pin.object().clone();
    drop(pin);
    drop(view);
    let held = py.objects_held().expect("told");
    py.run("grown = bytearray(b'abc')").expect("runs");
    drop(buffer(&mut py, "grown"));
    py.run("grown.append(1)").expect("let go of");
    assert_eq!(py.objects_held().expect("told"), held);
}

#[test]
fn a_view_is_of_one_interpreter_alone() {
    let (mut py, mut other) = (python(), python());
    let bytes = buffer(&mut py, "b'abc'");
    assert_eq!(
        refused(bytes.view::<u8, Ix1>(&other)),
        "expected an object of this interpreter, got another interpreter's"
    );
    assert!(refused(bytes.view_mut::<u8, Ix1>(&mut other)).contains("another interpreter's"));
    let mut poisoned = RUNTIME
        .interpreter()
        .timeout(std::time::Duration::from_millis(50))
        .grace(std::time::Duration::ZERO)
        .build()
        .expect("an interpreter");
    let bytes = buffer(&mut poisoned, "b'abc'");
    poisoned.run("while True: pass").expect_err("it does not end");
    assert!(matches!(bytes.view::<u8, Ix1>(&poisoned), Err(Error::Poisoned { .. })));
}

#[test]
fn several_views_at_once_unless_they_overlap() {
    let mut py = python();
    py.run("low, high = array('d', [1, 2, 3]), array('d', [0] * 3)\nwhole = memoryview(low)")
        .expect("runs");
    let (low, high) = (buffer(&mut py, "low"), buffer(&mut py, "high"));
    let asked =
        (high.writing::<f64, Ix1>(), low.reading::<f64, Ix1>(), low.reading::<f64, IxDyn>());
    let (mut to, from, again) = py.views(asked).expect("views");
    to.assign(&(&from * 2.0));
    assert_eq!(again.shape(), [3]);
    assert_eq!(py.eval("list(high)").expect("a value"), {
        ophidia::Value::from(vec![2.0, 4.0, 6.0])
    });
    let [mut one, mut two] =
        py.views([low.writing::<f64, Ix1>(), high.writing()]).expect("two mutable views");
    std::mem::swap(&mut one[0], &mut two[0]);
    assert_eq!(py.eval("low[0], high[0]").expect("a value"), {
        ophidia::Value::Tuple(vec![2.0.into(), 1.0.into()])
    });

    let (head, tail) = (buffer(&mut py, "whole[:2]"), buffer(&mut py, "whole[2:]"));
    py.views((head.writing::<f64, Ix1>(), tail.writing::<f64, Ix1>())).expect("side by side");
    let said = refused(py.views((head.writing::<f64, Ix1>(), low.reading::<f64, Ix1>())));
    assert!(said.contains("2 views of memory that overlaps were asked for"), "{said}");
    let many = py.views(vec![tail.reading::<f64, Ix1>(), low.reading(), head.reading()]);
    let lengths: Vec<_> = many.expect("views").iter().map(|view| view.to_vec()).collect();
    assert_eq!(lengths, [vec![3.0], vec![2.0, 2.0, 3.0], vec![2.0, 2.0]]);
    assert!(refused(py.views([tail.reading::<f32, Ix1>()])).contains("a view of f32"));
    let none = py.views(Vec::<ophidia::array::Reading<'_, f64, Ix1>>::new());
    assert!(none.expect("no views").is_empty());
}

#[test]
fn rust_makes_arrays_that_python_uses() {
    let mut py = python();
    let grid = py.zeros::<f64, _>((2, 3)).expect("an array");
    grid.view_mut(&mut py).expect("a view")[(1, 2)] = 7.0;
    py.run("def last(a): return a[1, 2]\ndef change(a): a[0, 0] = 5.0").expect("runs");
    assert_eq!(
        py.get("last").and_then(|last| last.call_as::<f64>(&mut py, (&grid,))).expect("called"),
        7.0
    );
    py.get("change").and_then(|change| change.call(&mut py, (&grid,))).expect("called");
    assert_eq!(grid.view(&py).expect("a view")[(0, 0)], 5.0);
    assert_eq!(grid.shape(), [2, 3]);

    let from_vec = py.array_from(&vec![1i32, 2, 3]).expect("an array");
    py.set("numbers", &from_vec).expect("set");
    assert_eq!(py.eval("sum(numbers)").expect("a value"), 6.into());
    let turned = array![[1u8, 2], [3, 4]].reversed_axes();
    let turned = py.array_from(&turned).expect("an array");
    assert_eq!(turned.buffer().bytes(&py).expect("bytes"), [1, 3, 2, 4]);
    let empty = py.zeros::<u16, _>(0).expect("an array");
    assert!(empty.view(&py).expect("a view").is_empty());
    let scalar = py.zeros::<i64, _>(()).expect("an array");
    assert_eq!(scalar.view(&py).expect("a view").into_scalar(), &0);
    for truth in py.array_from(&[Bool::from(true)]).expect("an array").view(&py).expect("a view") {
        assert!(truth.get());
    }
}

#[test]
fn iterators_fill_arrays_in_place() {
    let mut py = python();
    let halves = (0..5).map(|i| f64::from(i) / 2.0);
    let numbers = py.array_from_iter(halves.len(), halves).expect("an array");
    py.set("numbers", &numbers).expect("set");
    assert_eq!(py.eval("sum(numbers)").expect("a value"), 5.0.into());
    let grid = py.array_from_iter((2, 3), [1i16, 2, 3, 4, 5, 6]).expect("an array");
    assert_eq!(grid.view(&py).expect("a view"), array![[1, 2, 3], [4, 5, 6]]);
    let none = py.array_from_iter(0, std::iter::empty::<u8>()).expect("an array");
    assert!(none.view(&py).expect("a view").is_empty());
    assert_eq!(
        refused(py.array_from_iter(4, [1u8, 2, 3])),
        "expected 4 elements for the shape [4], got 3"
    );
    assert_eq!(
        refused(py.array_from_iter((2, 2), std::iter::repeat(1u8))),
        "expected 4 elements for the shape [2, 2], got more"
    );
}

#[test]
fn either_side_may_let_go_of_an_array_first() {
    let mut py = python();
    let held = py.objects_held().expect("told");
    let array = py.array_from(&[1.5, 2.5]).expect("an array");
    py.set("kept", &array).expect("set");
    let twin = array.clone();
    drop(array);
    assert_eq!(twin.view(&py).expect("a view").sum(), 4.0);
    drop(twin);
    assert_eq!(py.eval("sum(kept)").expect("a value"), 4.0.into());
    let array = py.array_from(&[1.5, 2.5]).expect("an array");
    py.set("kept", &array).expect("set");
    py.run("del kept").expect("runs");
    assert_eq!(array.view(&py).expect("a view").sum(), 4.0);
    drop(array);
    // Beside what is looked up once.
    assert!(py.objects_held().expect("told") <= held + 4);
    let mut two = python();
    let array = py.zeros::<u8, _>(10).expect("an array");
    drop(py);
    assert!(refused(array.view(&two)).contains("another interpreter's"));
    assert!(refused(two.set("array", &array)).contains("another interpreter's"));
}

#[test]
fn the_memory_limit_bounds_arrays() {
    let mut py = RUNTIME.interpreter().memory(64 << 20).build().expect("an interpreter");
    let limit = |result: Result<GuestArray<f64, Ix1>, Error>| match result {
        Err(Error::Limit(LimitExceeded::Memory { asked, .. })) => asked,
        other => panic!("{other:?}"),
    };
    assert!(limit(py.zeros::<f64, _>(6 << 20)) >= 48 << 20);
    assert_eq!(limit(py.zeros::<f64, _>(usize::MAX)), u64::MAX);
    assert!(limit(py.zeros::<f64, _>(1 << 40)) == 8 << 40);
    py.zeros::<f64, _>(1 << 10).expect("the interpreter goes on");
}

#[test]
fn arrays_are_copied_where_values_are() {
    let mut py = python();
    let numbers: Array1<f64> =
        py.eval_object("array('d', [1, 2])").and_then(|a| a.extract(&mut py)).expect("a copy");
    assert_eq!(numbers, array![1.0, 2.0]);
    py.run("def same(a): return a\ndef none(a): return None").expect("runs");
    let (same, none) = (py.get("same").expect("there"), py.get("none").expect("there"));
    let grid = array![[1i16, 2, 3], [4, 5, 6]];
    let back: Array2<i16> = same.call_as(&mut py, (&grid,)).expect("called");
    assert_eq!(back, grid);
    let turned: ArrayD<i16> = same.call_as(&mut py, (grid.t(),)).expect("called");
    assert_eq!(turned, grid.t().into_dyn());
    let maybe: Option<Array2<i16>> = same.call_as(&mut py, (&grid,)).expect("called");
    assert_eq!(maybe.as_ref(), Some(&grid));
    let maybe: Option<Array2<i16>> = none.call_as(&mut py, (&grid,)).expect("called");
    assert!(maybe.is_none());
    let direct: Buffer = same.call_as(&mut py, (&grid,)).expect("called");
    assert_eq!(direct.view::<i16, Ix2>(&py).expect("a view"), grid);
    let both: (Array2<i16>, i64) = same.call_as(&mut py, ((&grid, 7),)).expect("called");
    assert_eq!(both, (grid.clone(), 7));
    let wrong = same.call_as::<(Array2<i16>, Array1<i64>)>(&mut py, ((&grid, &grid),));
    assert!(refused(wrong).starts_with("[1]: a view of i64 with 1 dimension was asked for"));
    let wrong = same.call_as::<Array2<f32>>(&mut py, (&grid,));
    assert!(refused(wrong).contains("a view of f32 with 2 dimensions was asked for"));
    let small = RUNTIME.interpreter().value(1_000).build();
    let mut small = small.expect("an interpreter");
    let large = small.eval_object("bytes(2000)").expect("an object");
    assert!(matches!(
        large.extract::<Array1<u8>>(&mut small),
        Err(Error::Limit(LimitExceeded::Value { limit: 1_000 }))
    ));
}

#[test]
fn functions_of_the_host_take_and_give_arrays() {
    let mut py = python();
    let norm = Function::new("norm", |a: Array1<f64>| (&a * &a).sum().sqrt());
    py.set("norm", norm).expect("set");
    assert_eq!(py.eval("norm(array('d', [3, 4]))").expect("a value"), 5.0.into());
    let ramp = Function::new("ramp", |count: usize| Array1::from_iter(0..count as i64));
    py.set("ramp", ramp).expect("set");
    assert_eq!(py.eval("list(ramp(3))").expect("a value"), ophidia::Value::from(vec![0, 1, 2]));
    let double = |py: &mut Python<'_>, numbers: Buffer| -> ophidia::Result<()> {
        numbers.view_mut::<f64, Ix1>(py)?.mapv_inplace(|x| 2.0 * x);
        Ok(())
    };
    py.set("double", Function::new("double", double)).expect("set");
    py.run("numbers = array('d', [3, 4])\ndouble(numbers)\nassert list(numbers) == [6, 8]")
        .expect("runs");
    let error = py.run("norm([3, 4])").expect_err("no array");
    assert!(error.to_string().ends_with("a buffer, not 'list'"), "{error}");
}

/// As where numpy is not in the image.
fn without_numpy() -> Interpreter {
    let mut py = python();
    py.run("import sys\nsys.modules['numpy'] = None").expect("runs");
    py
}

#[test]
fn without_numpy_arrays_are_memoryviews() {
    let mut py = without_numpy();
    let grid = py.zeros::<f64, _>((2, 3)).expect("an array");
    grid.view_mut(&mut py).expect("a view")[(1, 2)] = 7.0;
    py.set("grid", &grid).expect("set");
    py.run("assert type(grid) is memoryview and grid[1, 2] == 7.0\ngrid[0, 0] = 5.0")
        .expect("runs");
    assert_eq!(grid.view(&py).expect("a view")[(0, 0)], 5.0);
    let numbers = py.array_from(&vec![1i32, 2, 3]).expect("an array");
    py.set("numbers", &numbers).expect("set");
    assert_eq!(py.eval("sum(numbers)").expect("a value"), 6.into());
    py.set("copied", array![1.5, 2.5]).expect("set");
    assert_eq!(py.eval("list(copied)").expect("a value"), ophidia::Value::from(vec![1.5, 2.5]));
    let empty = py.zeros::<u16, _>(0).expect("an array");
    assert!(empty.view(&py).expect("a view").is_empty());
    let scalar = py.zeros::<i64, _>(()).expect("an array");
    assert_eq!(scalar.view(&py).expect("a view").into_scalar(), &0);
}

#[test]
fn without_numpy_some_shapes_are_refused() {
    let mut py = without_numpy();
    for (result, what) in [
        (py.zeros::<num_complex::Complex<f64>, _>(3).map(drop), "complex numbers needs numpy"),
        (py.zeros::<f64, _>((0, 3)).map(drop), "shape (0, 3) needs numpy"),
    ] {
        match result {
            Err(Error::Python(error)) => assert!(error.message.contains(what), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}
