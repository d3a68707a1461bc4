//! numpy in the guest: what it computes, what it keeps apart between interpreters, and what it refuses.

use crate::library::RUNTIME;
use crate::support::cache;
use ndarray::Ix1;
use ophidia::{Access, DirGrant, Error, Interpreter, Runtime};
use std::sync::LazyLock;

fn python() -> Interpreter {
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    py.run("import numpy as np").expect("numpy is there");
    py
}

/// Runs a program whose assertions have to hold.
fn holds(program: &str) {
    python().run(program).expect("every assertion holds");
}

#[test]
fn arithmetic_and_broadcasting() {
    holds(
        "
a = np.arange(12.0).reshape(3, 4)
assert (a + a == 2 * a).all() and a.sum() == 66 and (a @ a.T).shape == (3, 3)
assert np.add(a, 1, out=a) is a and a[2, 3] == 12
assert np.allclose(np.exp(np.log(a)), a)
assert np.sort(np.array([3, 1, 2])).tolist() == [1, 2, 3]
assert np.unique(np.array([2, 1, 2])).tolist() == [1, 2]
assert np.einsum('ij,ij->i', a, a).shape == (3,)
",
    );
}

/// Where it was built is nobody's business, and would make every build another one.
#[test]
fn the_configuration_holds_no_path_of_the_build() {
    holds(
        "
config = np.show_config(mode='dicts')
assert config['Python Information'] == {'path': 'python3.14', 'version': '3.14'}
assert '/' not in str(config)
",
    );
}

/// Two at a time by the vectors of this guest; the C library's, one by one, is right to half a unit.
#[test]
fn exp_is_within_one_unit_in_the_last_place() {
    holds(
        "
import math
numbers = np.random.default_rng(7)
tries = [numbers.uniform(-708, 708, 100_001), numbers.uniform(-1, 1, 100_001), numbers.uniform(-1e-9, 1e-9, 9)]
tries += [np.arange(-65_000, 65_001) * (math.log(2) / 64), np.array([0.0, -0.0, 707.99, -707.99, 5e-324])]
for x in tries:
    one_by_one = np.array([math.exp(v) for v in x])
    assert (abs(np.exp(x) - one_by_one) <= np.spacing(one_by_one)).all()
    assert (np.exp(x[1:]) == np.exp(x)[1:]).all() # whatever its place
odd = np.array([1.0, 710, -710, -800, np.inf, -np.inf, np.nan, 2, 3, 709.5, 4])
assert np.array_equal(np.exp(odd), [np.exp(np.array([v]))[0] for v in odd], equal_nan=True)
assert np.isinf(np.exp(odd)[[1, 4]]).all() and np.exp(odd)[[3, 5]].tolist() == [0, 0] and np.exp(-745.0) > 0
",
    );
}

/// By vectors, by bytes and by vectors again, as there are more of them.
/// Arrays of objects in arrays of objects go away however deep they lie, also those that an exception has left.
#[test]
fn nested_arrays_go_away_at_any_depth() {
    holds(
        "def nested(depth):
    inner = np.array([0], dtype=object)
    for _ in range(depth):
        outer = np.empty(1, dtype=object)
        outer[0] = inner
        inner = outer
    return inner
for depth in (10, 1_000, 200_000):
    deep = nested(depth)
    del deep
other = nested(100_000)
other[0] = None
assert other[0] is None",
    );
}

#[test]
fn sorting_is_right_whatever_the_type_and_the_number() {
    holds(
        "
numbers = np.random.default_rng(11)
odd = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 5e-324, -5e-324, 1e-45, 3e38, -3e38]
def check(a):
    ours, theirs = np.sort(a), np.sort(a, kind='stable')
    assert np.array_equal(ours, theirs, equal_nan=a.dtype.kind == 'f'), (a.dtype, a.size)
for size in [0, 1, 2, 999, 1_000, 1_001, 4_096, 50_000]:
    for dtype in ['i4', 'u4', 'i8', 'u8']:
        limits = np.iinfo(dtype)
        check(numbers.integers(limits.min, limits.max, size, dtype, endpoint=True))
        check(numbers.integers(0, 9, size, dtype))
        check(np.arange(size, dtype=dtype)[::-1])
    for dtype in ['f4', 'f8']:
        a = numbers.standard_normal(size).astype(dtype)
        check(a)
        check(np.resize(np.array(odd, dtype), size))
        a[::3] = numbers.choice(np.array(odd, dtype), a[::3].size)
        check(a)
        check(np.full(size, -1.5, dtype))
check(numbers.random(2_100_000)) # more than 16 MiB
check(numbers.random(2**21)) # as much
",
    );
    let mut small = RUNTIME.interpreter().memory(64 << 20).build().expect("an interpreter");
    small
        .run(
            "
import numpy as np
a = np.random.default_rng(3).random(2_000_000)
room = [] # in the end less than a has
try:
    while True: room.append(bytearray(1 << 20))
except MemoryError: pass
a.sort()
assert all(a[i] <= a[i + 1] for i in range(0, a.size - 1, 97))
",
        )
        .expect("it sorts without room");
}

#[test]
fn transforms_of_one_length_after_another() {
    holds(
        "
def slow(x):
    k = np.arange(x.size)
    return np.exp(-2j * np.pi * (np.outer(k, k) % x.size) / x.size) @ x
numbers = np.random.default_rng(5)
# More lengths than plans are kept, small and large primes among them, and some again.
for n in [8, 12, 101, 8, 30, 128, 211, 8, 101, 97, 12, 1, 2, 30]:
    x = numbers.random(n) + 1j * numbers.random(n)
    assert np.allclose(np.fft.fft(x), slow(x)) and np.allclose(np.fft.ifft(np.fft.fft(x)), x)
    assert np.allclose(np.fft.irfft(np.fft.rfft(x.real), n), x.real)
    assert np.allclose(np.fft.fft(x.astype(np.complex64)), slow(x), atol=1e-4)
for n in [2**17, 2**17 + 1, 2**17]:
    x = numbers.random(n)
    assert np.allclose(np.fft.ifft(np.fft.fft(x)), x)
",
    );
}

/// Plans that are kept are few: memory does not grow with the lengths that were used.
#[test]
fn transforms_of_many_lengths_keep_little() {
    let mut py = RUNTIME.interpreter().memory(128 << 20).build().expect("an interpreter");
    py.run(
        "
import numpy as np
for n in range(2**16, 2**16 + 200):
    np.fft.fft(np.ones(n)), np.fft.fft(np.ones(n, np.complex64))
",
    )
    .expect("there is room for each");
}

#[test]
fn linear_algebra() {
    holds(
        "
a = np.array([[1.0, 2], [3, 4]])
u, s, v = np.linalg.svd(a)
assert np.allclose(u * s @ v, a)
assert np.allclose(np.linalg.solve(a, [5, 6]), [-4, 4.5])
assert np.isclose(np.linalg.det(a), -2)
values, vectors = np.linalg.eigh(a + a.T)
assert np.allclose(vectors * values @ vectors.T, a + a.T)
assert np.allclose(np.linalg.lstsq(a, [1, 2])[0], [0, 0.5])
try: np.linalg.inv(np.zeros((2, 2)))
except np.linalg.LinAlgError as error: assert 'ingular' in str(error)
else: raise AssertionError
from numpy.linalg import _umath_linalg # which numpy.linalg calls for double precision only
assert _umath_linalg.svd(np.eye(2, dtype=np.complex64), signature='F->f').tolist() == [1, 1]
",
    );
}

#[test]
fn transforms_and_polynomials() {
    holds(
        "
signal = np.sin(np.arange(1000) / 7)
assert np.allclose(np.fft.ifft(np.fft.fft(signal)).real, signal)
assert np.allclose(np.fft.irfft(np.fft.rfft(signal)), signal)
# Each prime has a loop of its own, and the first round of each another; large primes have none.
for length in (1, 2, 3, 4, 5, 7, 8, 11, 13, 16, 64, 49, 2 * 3 * 5 * 7, 11 * 11, 13 * 13, 16 * 27, 997):
    steps = np.arange(length)
    numbers = np.cos(steps * steps) + 1j * np.sin(steps + 1)
    wave = np.exp(-2j * np.pi * (np.outer(steps, steps) % length) / length)
    assert np.allclose(np.fft.fft(numbers), wave @ numbers, atol=1e-9 * length)
    assert np.allclose(np.fft.ifft(numbers), wave.conj() @ numbers / length)
    single = np.fft.fft(numbers.astype(np.complex64))
    assert single.dtype == np.complex64 and np.allclose(single, wave @ numbers, atol=1e-4 * length)
assert np.allclose(np.polynomial.Polynomial([1, 2, 3])(2), 17)
",
    );
}

#[test]
fn masked_structured_and_other_types() {
    holds(
        "
masked = np.ma.array([1, 2, 3], mask=[0, 1, 0])
assert masked.sum() == 4 and masked.count() == 2
table = np.array([(1, 2.5, 'x')], dtype=[('a', 'i4'), ('b', 'f8'), ('c', 'U3')])
assert table['b'][0] == 2.5 and table[0]['c'] == 'x'
words = np.array(['a', 'long word'], dtype=np.dtypes.StringDType())
assert np.strings.upper(words).tolist() == ['A', 'LONG WORD']
assert np.datetime64('2024-02-28') + 2 == np.datetime64('2024-03-01')
assert (np.array([1 + 2j]) * 1j)[0] == -2 + 1j
assert np.float16(1.5).astype(np.float64) == 1.5
assert np.array([1, 2], dtype='>i4').tolist() == [1, 2]
assert np.dtype(np.longdouble).itemsize == 16
",
    );
}

#[test]
fn the_default_integer_has_32_bits_and_wraps() {
    holds(
        "
assert np.array([1]).dtype == np.int32 and np.array([2**40]).dtype == np.int64
assert np.array([2**31 - 1])[0] + 0 == 2**31 - 1
product = np.array([100_000]) * 100_000
assert product.dtype == np.int32 and product[0] == 1_410_065_408
assert (np.array([100_000], dtype=np.int64) * 100_000)[0] == 10**10
# Sums and products too, which elsewhere are of 64 bits.
a = np.arange(100_000)
assert a.sum() == 704_982_704 and a.sum(dtype=np.int64) == 4_999_950_000
assert a.cumsum()[-1] == 704_982_704 and a.cumsum(dtype=np.int64)[-1] == 4_999_950_000
assert np.full(5, 1_000).prod() != 10**15 == np.full(5, 1_000).prod(dtype=np.int64)
# How the guide says that one notices.
for a, b, wraps in [(np.array([100_000]), 100_000, True), (np.array([-7, 30_000]), 70_000, False)]:
    assert (a.astype(np.int64) * b == a * b).all() != wraps
",
    );
}

#[test]
fn errors_that_numpy_finds_itself_are_told() {
    holds(
        "
import warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter('always')
    np.array([1, 2]) // np.array([0, 1])
assert 'divide by zero' in str(told[0].message)
with np.errstate(all='raise'):
    try: np.array([1]) % np.array([0])
    except FloatingPointError as error: assert 'divide by zero' in str(error)
    else: raise AssertionError
    try: np.array([1e5]).astype('f2')
    except FloatingPointError as error: assert 'overflow' in str(error)
    else: raise AssertionError
with np.errstate(all='ignore'): np.array([1]) % np.array([0])
",
    );
}

/// What the guide says cannot be had: a change here is to be told there.
#[test]
fn floating_point_operations_warn_of_nothing() {
    holds(
        "
import warnings
with np.errstate(all='raise'), warnings.catch_warnings():
    warnings.simplefilter('error')
    assert np.isposinf(np.ones(1) / 0).all() and np.isposinf(np.float64(1) / np.float64(0))
    assert np.isposinf(np.array([1e308]) * 10).all() and np.isposinf(np.exp(np.array([1e3]))).all()
    assert np.isneginf(np.log(np.zeros(1))).all() and np.isnan(np.sqrt(np.array([-1.0]))).all()
    assert np.isnan(np.zeros(1) / 0).all() and (np.array([1e-308]) / 1e10)[0] < 1e-308
",
    );
}

#[test]
fn random_numbers_are_each_interpreters_own() {
    let first = |program: &str| -> f64 {
        let mut py = python();
        py.run(program).expect("runs");
        py.get("drawn").and_then(|drawn| drawn.extract(&mut py)).expect("a float")
    };
    for program in [
        "drawn = np.random.random()",
        "drawn = float(np.random.get_state()[1][5])",
        "drawn = np.random.default_rng().random()",
        "state = np.random.get_state(); drawn = np.random.standard_normal()",
    ] {
        assert_ne!(first(program), first(program), "{program}");
    }
    for program in [
        "np.random.seed(5); drawn = np.random.random()",
        "np.random.seed([1, 2]); drawn = np.random.random()",
        "drawn = np.random.default_rng(5).random()",
        "drawn = np.random.RandomState(7).random()",
        "s = np.random.RandomState(3).get_state(); np.random.set_state(s); drawn = np.random.random()",
    ] {
        assert_eq!(first(program), first(program), "{program}");
    }
    holds(
        "
state = np.random.get_state()
one = np.random.random(5)
np.random.set_state(state)
assert (np.random.random(5) == one).all()
",
    );
}

#[test]
fn known_random_streams() {
    // What numpy gives on every machine for these seeds.
    holds(
        "
assert np.random.RandomState(1).randint(0, 100, 5).tolist() == [37, 12, 72, 9, 75]
assert np.random.default_rng(1).integers(0, 100, 5).tolist() == [47, 51, 75, 95, 3]
assert np.random.default_rng(1).standard_normal() == 0.345584192064786
assert np.random.RandomState(1).binomial(10, 0.5, 3).tolist() == [5, 6, 0]
",
    );
}

#[test]
fn files_by_path() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut py = RUNTIME
        .interpreter()
        .dir(DirGrant {
            host: folder.path().into(),
            guest: "/data".into(),
            access: Access::ReadWrite,
        })
        .build()
        .expect("an interpreter");
    py.run(
        "
import numpy as np
a = np.arange(1000.0).reshape(10, 100)
np.save('/data/a.npy', a)
assert (np.load('/data/a.npy') == a).all()
np.savez_compressed('/data/b.npz', a=a)
assert (np.load('/data/b.npz')['a'] == a).all()
a.tofile('/data/c')
assert (np.fromfile('/data/c') == a.ravel()).all()
with open('/data/c', 'rb') as file:
    assert file.read(8) == a[0, :1].tobytes()
    assert (np.fromfile(file, count=3) == [1, 2, 3]).all()
    assert file.tell() == 32 and file.read(8) == a[0, 4:5].tobytes()
with open('/data/d', 'wb') as file:
    file.write(b'head')
    a.tofile(file)
    file.write(b'tail')
text = open('/data/d', 'rb').read()
assert text == b'head' + a.tobytes() + b'tail'
np.savetxt('/data/e', a)
assert np.allclose(np.loadtxt('/data/e'), a)
for mapped in (lambda: np.memmap('/data/c'), lambda: np.load('/data/a.npy', mmap_mode='r')):
    try: mapped()
    except NotImplementedError as error: assert 'numpy.fromfile' in str(error)
    else: raise AssertionError
",
    )
    .expect("every assertion holds");
    let saved = std::fs::metadata(folder.path().join("a.npy")).expect("saved");
    assert_eq!(saved.len(), 128 + 8_000);
}

#[test]
fn memory_that_is_refused_is_a_memory_error() {
    let mut py = RUNTIME.interpreter().memory(128 << 20).build().expect("an interpreter");
    py.run("import numpy as np\na = np.ones(1_000_000)").expect("it fits");
    for program in ["np.ones(100_000_000)", "np.ones((4000, 4000)) @ np.ones((4000, 4000))"] {
        match py.run(program) {
            Err(Error::Limit(_)) => {}
            other => panic!("{program}: {other:?}"),
        }
    }
    py.run(
        "
try: np.ones(100_000_000)
except MemoryError: pass
else: raise AssertionError
assert a.sum() == 1_000_000
",
    )
    .expect("it goes on");
}

#[test]
fn code_in_cpp_is_refused_memory_like_any_other() {
    let mut py = RUNTIME.interpreter().memory(256 << 20).build().expect("an interpreter");
    py.run(
        "
import numpy as np
def refused(transform, *args):
    try: transform(*args)
    except MemoryError: return True
prime = 2_000_003 # by way of a transform of twice the length and more
assert refused(np.fft.fft, np.ones(prime, np.complex64))
assert refused(np.fft.rfft, np.ones(prime, np.float32))
assert refused(np.fft.irfft, np.ones(prime // 2 + 1, np.complex64), prime)
assert abs(np.fft.fft(np.ones(2**18))[0] - 2**18) < 1e-6
assert abs(np.fft.rfft(np.ones(101))[0] - 101) < 1e-9 # a prime for which there is room

# Too many for a table of those seen: they are sorted instead.
assert np.unique(np.arange(5_000_000) // 2).size == 2_500_000
assert np.unique(np.arange(1_000, dtype=np.int8) * 0).tolist() == [0]
words = np.array(['tea', 'jam', 'tea'], dtype=np.dtypes.StringDType())
assert np.unique(words).tolist() == ['jam', 'tea']
",
    )
    .expect("it goes on");
}

/// A runtime whose interpreters begin without numpy.
static WITHOUT_PRELOAD: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::builder(cache()).preload_packages(false).build().expect("a runtime"));

#[test]
fn an_image_may_be_without_it() {
    let mut py = WITHOUT_PRELOAD.interpreter().build().expect("an interpreter");
    py.run(
        "
import sys
assert 'numpy' not in sys.modules
import numpy
assert numpy.arange(10).sum() == 45 and 0 <= numpy.random.random() < 1
",
    )
    .expect("it is imported when it is asked for");
}

#[test]
fn arrays_where_it_is_not_preloaded() {
    let mut py = WITHOUT_PRELOAD.interpreter().build().expect("an interpreter");
    let numbers = py.eval_object("__import__('array').array('d', [1, 2])").expect("an array");
    let numbers = numbers.buffer(&mut py).expect("a buffer");
    numbers.view_mut::<f64, Ix1>(&mut py).expect("a view")[0] = 5.0;
    assert_eq!(numbers.view::<f64, Ix1>(&py).expect("a view").sum(), 7.0);
    py.run("import sys\nassert 'numpy' not in sys.modules").expect("views do not import it");
    let grid = py.zeros::<f64, _>((2, 3)).expect("an array");
    grid.view_mut(&mut py).expect("a view")[(1, 2)] = 7.0;
    let more = py.array_from(&[1i32, 2, 3]).expect("an array");
    py.set("made", (&grid, &more)).expect("set");
    py.run(
        "numpy = sys.modules['numpy']
assert all(type(array) is numpy.ndarray for array in made)
made[0][0] = made[1]",
    )
    .expect("the first array does");
    assert_eq!(grid.view(&py).expect("a view").sum(), 13.0);
}

#[test]
fn its_version_and_how_it_was_built() {
    holds(
        "
import importlib.metadata
assert importlib.metadata.version('numpy') == np.__version__
build = np.show_config(mode='dicts')
assert build['Machine Information']['host']['cpu'] == 'wasm32'
assert '/' not in build['Compilers']['c']['commands']
",
    );
}
