//! numpy in the guest: how fast it computes, and what its presence costs an interpreter.
//!
//! Measured: operations on arrays against native numpy of the same version on a native build of the same
//! CPython, one thread each, in turn (native numpy has OpenBLAS and the machine's widest vectors); then
//! images with and without numpy: a new interpreter that runs `x = 1`, the memory it keeps, a first use of
//! numpy, the size of the image and how long it takes to make; and the guest from nothing.
//!
//! `cargo bench --bench numpy -- --figures` prints the figures, all but those of what is
//! made; `-- --figures --images` the making of images as well, `-- --figures --guest` that of the guest,
//! which takes some minutes.

use anyhow::{Context as _, Result, ensure};
use criterion::Criterion;
use ophidia::guest::{self, BuildOptions, Silent};
use ophidia::{ImageStage, Interpreter, Runtime, RuntimeBuilder, Value};
use ophidia_benches::{
    NativePackages, figure, figures_wanted, geometric_mean, median, memory_kib, raise_open_files,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

const CASES: &str = include_str!("numpy/cases.py");

/// How many times each side of a comparison is timed.
const SAMPLES: usize = 15;

/// Interpreters alive at once when their memory is measured.
const ALIVE: u32 = 500;

/// Asks for the figures of one image: `with` or `without` numpy.
const PRESENCE: &str = "--presence";

/// What needs numpy first.
const FIRST_USE: &str = "import numpy\nx = numpy.arange(10).sum()";

fn main() -> Result<()> {
    if !figures_wanted() {
        return criterion();
    }
    if let Some(with) = std::env::args().skip_while(|argument| argument != PRESENCE).nth(1) {
        return presence(with == "with");
    }
    computing()?;
    // Each in a process of its own: what one leaves of memory would be counted for the other.
    for with in ["with", "without"] {
        let mut child = Command::new(std::env::current_exe()?);
        let status = child.args(["--figures", PRESENCE, with]).status()?;
        ensure!(status.success(), "the bench of an image {with} numpy: {status}");
    }
    let asked = |option| std::env::args().any(|argument| argument == option);
    if asked("--images") {
        for numpy in [true, false] {
            making(numpy)?;
        }
    }
    if asked("--guest") {
        building()?;
    }
    Ok(())
}

fn cache() -> Result<PathBuf> {
    ophidia::guest::ambient_cache_dir().context("no cache folder")
}

fn builder(numpy: bool) -> Result<RuntimeBuilder> {
    Ok(Runtime::builder(cache()?).preload_packages(numpy).max_interpreters(ALIVE))
}

fn runtime(numpy: bool) -> Result<Runtime> {
    Ok(builder(numpy)?.build()?)
}

/// The guest's side of the comparison.
fn interpreter() -> Result<Interpreter> {
    let mut py = runtime(true)?.interpreter().timeout(None).memory(1 << 30).build()?;
    py.run(CASES)?;
    Ok(py)
}

fn names(py: &mut Interpreter) -> Result<Vec<String>> {
    Ok(py.eval_object("list(CASES)")?.extract(py)?)
}

/// The other side.
fn native(py: &mut Interpreter) -> Result<NativePackages> {
    let version: String = py.get("np.__version__")?.extract(py)?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("numpy/cases.py");
    NativePackages::start(&program, &[("numpy", version)])
}

/// Both sides in turn: a machine that slows down slows both down.
fn computing() -> Result<()> {
    let mut py = interpreter()?;
    let mut native = native(&mut py)?;
    let seconds = py.get("seconds")?;
    let mut ratios = Vec::new();
    for name in names(&mut py)? {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for sample in 0..=SAMPLES {
            let our: f64 = seconds.call_as(&mut py, (&name,))?;
            let their = native.seconds(&name)?;
            if sample > 0 {
                ours.push(our);
                theirs.push(their);
            }
        }
        let (our, their) = (median(ours), median(theirs));
        figure(&format!("numpy_{name}_ms"), our * 1e3, "ms");
        figure(&format!("native_{name}_ms"), their * 1e3, "ms");
        figure(&format!("numpy_{name}_ratio"), our / their, "x");
        ratios.push(our / their);
    }
    figure("numpy_ratio", geometric_mean(&ratios), "x");
    Ok(())
}

/// The median microseconds until an interpreter has been made, has run this, and is gone.
fn start_us(runtime: &Runtime, source: &str, samples: u32) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..samples {
        let start = Instant::now();
        let mut py = runtime.interpreter().build()?;
        py.run(source)?;
        drop(py);
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(times))
}

/// What an interpreter costs, with or without numpy in its image.
fn presence(numpy: bool) -> Result<()> {
    let with = if numpy { "with" } else { "without" };
    let runtime = runtime(numpy)?;
    figure(&format!("start_{with}_numpy_us"), start_us(&runtime, "x = 1", 1_000)?, "us");
    let samples = if numpy { 1_000 } else { 5 };
    figure(&format!("first_use_{with}_numpy_us"), start_us(&runtime, FIRST_USE, samples)?, "us");

    raise_open_files(u64::from(ALIVE) + 256)?;
    let before = memory_kib("Private_Dirty")?;
    let mut alive = Vec::new();
    for _ in 0..ALIVE {
        let mut py = runtime.interpreter().build()?;
        py.run("x = 1")?;
        alive.push(py);
    }
    let growth = memory_kib("Private_Dirty")? - before;
    for py in &mut alive {
        ensure!(py.eval("x + 1")? == Value::Int(2), "every one answers");
    }
    figure(&format!("idle_{with}_numpy_kib"), growth / f64::from(ALIVE), "KiB");
    let mut size = 0;
    for file in builder(numpy)?.image_files()? {
        size += fs::metadata(file)?.len();
    }
    figure(&format!("image_{with}_numpy_mib"), size as f64 / f64::from(1 << 20), "MiB");
    Ok(())
}

/// The making of an image, in a cache of its own that has the same guest.
fn making(numpy: bool) -> Result<()> {
    let with = if numpy { "with" } else { "without" };
    let folder = tempfile::tempdir()?;
    for part in ["guest", "cpython", "numpy"] {
        std::os::unix::fs::symlink(cache()?.join(part), folder.path().join(part))?;
    }
    let stages = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&stages);
    let progress = move |stage| {
        if let Ok(mut stages) = told.lock() {
            stages.push((stage, Instant::now()));
        }
    };
    let builder = Runtime::builder(folder.path()).preload_packages(numpy);
    let runtime = builder.progress(Box::new(progress)).build()?;
    let end = Instant::now();
    drop(runtime);
    let stages = stages.lock().ok().context("nobody panics")?;
    let begin = |wanted| stages.iter().find(|(stage, _)| *stage == wanted).map(|(_, at)| *at);
    let snapshot = begin(ImageStage::Snapshot).context("a snapshot was taken")?;
    let compile = begin(ImageStage::Compile).context("it was compiled")?;
    figure(&format!("snapshot_{with}_numpy_s"), (compile - snapshot).as_secs_f64(), "s");
    figure(&format!("compile_{with}_numpy_s"), (end - compile).as_secs_f64(), "s");
    Ok(())
}

/// The guest from nothing, fetching its sources included, in a cache of its own.
fn building() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let start = Instant::now();
    guest::build(folder.path(), &BuildOptions::ambient(), &mut Silent)?;
    figure("guest_build_s", start.elapsed().as_secs_f64(), "s");
    Ok(())
}

fn criterion() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut py = interpreter()?;
    let mut native = native(&mut py)?;
    let seconds = py.get("seconds")?;
    let time = std::time::Duration::from_secs_f64;
    let mut group = criterion.benchmark_group("numpy");
    group.sample_size(10);
    for name in names(&mut py)? {
        group.bench_function(format!("{name} in the guest"), |b| {
            b.iter_custom(|rounds| {
                let mut one = || seconds.call_as::<f64>(&mut py, (&name,)).expect("it runs");
                time((0..rounds).map(|_| one()).sum())
            });
        });
        group.bench_function(format!("{name} natively"), |b| {
            b.iter_custom(|rounds| {
                let mut one = || native.seconds(&name).expect("it runs");
                time((0..rounds).map(|_| one()).sum())
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("start");
    for (with, numpy) in [("with", true), ("without", false)] {
        let runtime = runtime(numpy)?;
        group.bench_function(format!("x = 1, {with} numpy"), |b| {
            b.iter(|| start_us(&runtime, "x = 1", 1));
        });
    }
    let runtime = runtime(true)?;
    group.bench_function("first use of numpy", |b| b.iter(|| start_us(&runtime, FIRST_USE, 1)));
    group.finish();
    criterion.final_summary();
    Ok(())
}
