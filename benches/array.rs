//! Arrays seen from Rust: what a view costs, and what it is worth.
//!
//! Measured: pinning an array (one entry) and making a view of it (none), of several sizes; several views
//! at once; the sum of a view of 100 MB against the same sum over native memory, in turn; a copy out, for
//! comparison; an array of 100 MB that Rust makes in the guest, fills in place and hands to a Python
//! function, and how much memory that took.
//!
//! `cargo bench --bench array -- --figures` prints the figures.

use anyhow::{Result, ensure};
use criterion::{BenchmarkId, Criterion, Throughput};
use ophidia::array::ndarray::{Array1, ArrayView1, Ix1, IxDyn};
use ophidia::{Buffer, Interpreter, Runtime};
use ophidia_benches::{figure, figures_wanted, geometric_mean, median};
use std::hint::black_box;
use std::time::Instant;

/// 100 MB of doubles.
const MANY: usize = 12_500_000;

/// How many doubles the arrays hold of which views are made.
const SIZES: [usize; 3] = [1, 10_000, MANY];

struct Bench {
    py: Interpreter,
}

impl Bench {
    fn new() -> Result<Self> {
        let mut py = Runtime::ambient()?.interpreter().timeout(None).memory(1 << 30).build()?;
        py.run("from array import array\ndef first(a): return a[0]")?;
        Ok(Self { py })
    }

    /// An array of Python's, of ones.
    fn ones(&mut self, count: usize) -> Result<Buffer> {
        let array = self.py.eval_object(&format!("array('d', [1]) * {count}"))?;
        Ok(array.buffer(&mut self.py)?)
    }

    fn pin(&mut self, buffer: &Buffer) -> Result<Buffer> {
        Ok(buffer.object().buffer(&mut self.py)?)
    }

    fn view<'v>(&'v self, buffer: &Buffer) -> Result<ArrayView1<'v, f64>> {
        Ok(buffer.view(&self.py)?)
    }

    /// An array that Rust makes in the guest, fills and hands over; gives by how much the memory
    /// has grown, in sizes of the array: one, when nothing is copied.
    fn filled_in_place(&mut self) -> Result<f64> {
        let before = self.py.usage().peak_memory;
        let array = self.py.zeros::<f64, _>(MANY)?;
        for (i, place) in array.view_mut(&mut self.py)?.iter_mut().enumerate() {
            *place = i as f64 + 0.5;
        }
        let first: f64 = self.py.get("first")?.call_as(&mut self.py, (&array,))?;
        ensure!(first == 0.5, "Python sees what Rust has written");
        let growth = self.py.usage().peak_memory - before;
        Ok(growth as f64 / (MANY * size_of::<f64>()) as f64)
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
    let growth = bench.filled_in_place()?;
    let mut slowest: f64 = 0.0;
    for size in SIZES {
        let buffer = bench.ones(size)?;
        let pin = seconds(200, 1_000, || bench.pin(&buffer))?;
        figure(&format!("pin_{size}_us"), pin * 1e6, "us");
        let view = seconds(200, 10_000, || bench.view(&buffer).map(|view| view.len()))?;
        figure(&format!("view_{size}_us"), view * 1e6, "us");
        let both = seconds(200, 1_000, || {
            let buffer = bench.pin(&buffer)?;
            bench.view(&buffer).map(|view| view.len())
        })?;
        figure(&format!("pin_and_view_{size}_us"), both * 1e6, "us");
        slowest = slowest.max(both);
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
    for size in SIZES {
        let buffer = bench.ones(size)?;
        group.bench_with_input(BenchmarkId::new("pin", size), &buffer, |b, buffer| {
            b.iter(|| bench.pin(buffer));
        });
        group.bench_with_input(BenchmarkId::new("view", size), &buffer, |b, buffer| {
            b.iter(|| bench.view(buffer).map(|view| view.len()));
        });
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
