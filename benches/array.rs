//! Arrays seen from Rust: what a view costs, and what it is worth.
//!
//! Measured: pinning an array (one entry) and making a view of it (none), of several sizes, of the standard
//! library's and of numpy's, also one of three dimensions with gaps; several views at once; the sum of a view
//! of 100 MB against the same sum over native memory, in turn; a copy out, for comparison; an array of 100 MB
//! that Rust makes in the guest, fills in place and lets numpy add to in place, and by how much that made the
//! guest's memory and the whole process grow.
//!
//! `cargo bench --bench array -- --figures` prints the figures.

use anyhow::{Result, ensure};
use criterion::{BenchmarkId, Criterion, Throughput};
use ophidia::array::ndarray::{Array1, ArrayView1, Ix1, IxDyn};
use ophidia::{Arguments, Buffer, Interpreter, Object, Runtime};
use ophidia_benches::{figure, figures_wanted, geometric_mean, median, memory_kib};
use std::hint::black_box;
use std::time::Instant;

/// 100 MB of doubles.
const MANY: usize = 12_500_000;

/// How many doubles the arrays hold of which views are made.
const SIZES: [usize; 3] = [1, 10_000, MANY];

/// Arrays of about so many bytes: expressions with the number of doubles in place of `N`.
const KINDS: [(&str, &str); 3] = [
    ("array", "array('d', [1]) * N"),
    ("numpy", "np.ones(N)"),
    ("strided", "np.ones((max(N // 8, 2), 2, 4))[::-1, :, ::2]"),
];

struct Bench {
    py: Interpreter,
}

impl Bench {
    fn new() -> Result<Self> {
        let mut py = Runtime::ambient()?.interpreter().timeout(None).memory(1 << 30).build()?;
        py.run("from array import array\nimport numpy as np")?;
        Ok(Self { py })
    }

    fn made(&mut self, source: &str, size: usize) -> Result<Object> {
        Ok(self.py.eval_object(&source.replace('N', &size.to_string()))?)
    }

    /// An array of Python's, of ones.
    fn ones(&mut self, size: usize) -> Result<Buffer> {
        let array = self.made(KINDS[0].1, size)?;
        self.pin(&array)
    }

    fn pin(&mut self, array: &Object) -> Result<Buffer> {
        Ok(array.buffer(&mut self.py)?)
    }

    fn view<'v>(&'v self, buffer: &Buffer) -> Result<ArrayView1<'v, f64>> {
        Ok(buffer.view(&self.py)?)
    }

    /// As [`view`](Self::view), whatever the dimensions; gives how many elements it has.
    fn seen(&self, buffer: &Buffer) -> Result<usize> {
        Ok(buffer.view::<f64, IxDyn>(&self.py)?.len())
    }

    /// An array that Rust makes in the guest and fills, and to which numpy adds in place; gives by how much
    /// the guest's memory and the process have grown, in sizes of the array: one, when nothing is copied.
    fn filled_in_place(&mut self) -> Result<(f64, f64)> {
        let add = self.py.get("np.add")?;
        let (guest, process) = (self.py.usage().peak_memory, memory_kib("Rss")?);
        let array = self.py.zeros::<f64, _>(MANY)?;
        for (i, place) in array.view_mut(&mut self.py)?.iter_mut().enumerate() {
            *place = i as f64 + 0.5;
        }
        let arguments = Arguments::new().arg(&array).arg(1.0).kwarg("out", &array);
        add.call(&mut self.py, arguments)?;
        let guest = self.py.usage().peak_memory - guest;
        let process = (memory_kib("Rss")? - process) * 1024.0;
        ensure!(array.view(&self.py)?[1] == 2.5, "numpy adds to what Rust has written");
        let size = (MANY * size_of::<f64>()) as f64;
        Ok((guest as f64 / size, process / size))
    }
}

fn main() -> Result<()> {
    if figures_wanted() { figures() } else { criterion() }
}

/// The median time of one round in seconds.
fn seconds<T>(samples: u32, rounds: u32, mut round: impl FnMut() -> Result<T>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..samples {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(round()?);
        }
        times.push(start.elapsed().as_secs_f64() / f64::from(rounds));
    }
    Ok(median(times))
}

fn figures() -> Result<()> {
    let mut bench = Bench::new()?;
    let (growth, process_growth) = bench.filled_in_place()?;
    let mut slowest: f64 = 0.0;
    for (kind, source) in KINDS {
        for size in SIZES {
            let array = bench.made(source, size)?;
            let pin = seconds(200, 1_000, || bench.pin(&array))?;
            figure(&format!("pin_{kind}_{size}_us"), pin * 1e6, "us");
            let buffer = bench.pin(&array)?;
            let view = seconds(200, 10_000, || bench.seen(&buffer))?;
            figure(&format!("view_{kind}_{size}_us"), view * 1e6, "us");
            let both = seconds(200, 1_000, || {
                let buffer = bench.pin(&array)?;
                bench.seen(&buffer)
            })?;
            figure(&format!("pin_and_view_{kind}_{size}_us"), both * 1e6, "us");
            slowest = slowest.max(both);
        }
    }
    figure("view_us", slowest * 1e6, "us");
    let many = bench.ones(MANY)?;
    let dynamic = seconds(200, 10_000, || {
        Ok(many.view::<f64, IxDyn>(&bench.py)?.len() + many.view_dyn(&bench.py)?.shape().len())
    })?;
    figure("view_dynamic_twice_us", dynamic * 1e6, "us");
    let other = bench.ones(1)?;
    let several = seconds(200, 10_000, || {
        let asked = (many.reading::<f64, Ix1>(), other.writing::<f64, Ix1>());
        Ok(bench.py.views(asked)?.0.len())
    })?;
    figure("two_views_us", several * 1e6, "us");
    let copy = seconds(5, 1, || Ok(many.view::<f64, Ix1>(&bench.py)?.to_owned()))?;
    figure("copy_out_100mb_ms", copy * 1e3, "ms");
    figure("filled_growth_ratio", growth, "x");
    figure("filled_process_growth_ratio", process_growth, "x");
    drop((many, bench));
    sums()
}

/// Both sums in turn: a machine that slows down slows both down. Over many arrays of each side, now one made
/// first, now the other, since where their pages happen to lie in the machine's memory makes up to a third of
/// a difference, and pages that were let go of are given out again in the same order.
fn sums() -> Result<()> {
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..12 {
        let first = (round % 2 == 0).then(|| Array1::<f64>::ones(MANY));
        let mut bench = Bench::new()?;
        let guest = bench.ones(MANY)?;
        let native = first.unwrap_or_else(|| Array1::ones(MANY));
        let (mut our, mut their) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            our.push(seconds(1, 1, || Ok(bench.view(&guest)?.sum()))?);
            their.push(seconds(1, 1, || Ok(black_box(&native).view().sum()))?);
        }
        let (our, their) = (median(our), median(their));
        ours.push(our);
        theirs.push(their);
        ratios.push(our / their);
    }
    figure("view_sum_ms", median(ours) * 1e3, "ms");
    figure("native_sum_ms", median(theirs) * 1e3, "ms");
    figure("view_sum_ratio", geometric_mean(&ratios), "x");
    Ok(())
}

fn criterion() -> Result<()> {
    let mut bench = Bench::new()?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("array");
    for (kind, source) in KINDS {
        for size in SIZES {
            let array = bench.made(source, size)?;
            let id = |what: &str| BenchmarkId::new(format!("{what} {kind}"), size);
            group.bench_function(id("pin"), |b| b.iter(|| bench.pin(&array)));
            let buffer = bench.pin(&array)?;
            group.bench_function(id("view"), |b| b.iter(|| bench.seen(&buffer)));
        }
    }
    let many = bench.ones(MANY)?;
    let native = Array1::<f64>::ones(MANY);
    group.sample_size(10).throughput(Throughput::Bytes((MANY * size_of::<f64>()) as u64));
    group.bench_function("sum of a view", |b| {
        b.iter(|| bench.view(&many).map(|view| view.sum()));
    });
    group.bench_function("sum of native memory", |b| {
        b.iter(|| black_box(&native).view().sum());
    });
    group.bench_function("filled in place", |b| b.iter(|| bench.filled_in_place()));
    group.finish();
    criterion.final_summary();
    Ok(())
}
