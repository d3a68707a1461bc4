//! pandas and matplotlib in the guest: what an interpreter that has them costs, and how fast they are.
//!
//! Measured, in the flavour `science`: a new interpreter that imports them, that makes a first table, that draws a first
//! plot; an interpreter that uses none of it; then tables and plots against the wheels of the same versions on a
//! native build of the same CPython, in turn, and natively the imports in a process that only imports.
//!
//! `cargo bench --bench packages -- --figures` prints the figures. The guest has to be there:
//! `ophidia guest build --flavour science`; natively pip installs the wheels once.

use anyhow::{Context as _, Result, ensure};
use criterion::Criterion;
use ophidia::guest::Flavour;
use ophidia::{Interpreter, Runtime};
use ophidia_benches::{
    NativePackages, figure, figures_wanted, in_turn, median, memory_kib, native_python,
    raise_open_files,
};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const CASES: &str = include_str!("packages/cases.py");

/// The packages that both sides have; what else they need is the same too, as pip finds it.
const BOTH: [&str; 3] = ["numpy", "pandas", "matplotlib"];

/// How many times each side of a comparison is timed.
const SAMPLES: u32 = 9;

/// Interpreters alive at once when their memory is measured.
const ALIVE: u32 = 200;

const TABLE: &str = "import pandas as pd
t = pd.DataFrame({'k': ['a', 'b', 'a'], 'v': [1.5, 2.5, 3.5]}).groupby('k').v.sum().to_dict()
assert t == {'a': 5.0, 'b': 2.5}";

const PLOT: &str = "import io, matplotlib.pyplot as plt
out = io.BytesIO()
figure, axes = plt.subplots()
axes.plot([1, 2, 3], [1, 4, 9])
figure.savefig(out, format='png')
assert out.tell() > 5_000";

fn main() -> Result<()> {
    let builder = Runtime::builder(ophidia::guest::ambient_cache_dir().context("no cache folder")?);
    let builder = builder.flavour(Flavour::named("science")?).max_interpreters(ALIVE + 8);
    let image = builder.image_path()?;
    let runtime = builder.build()?;
    if !figures_wanted() {
        return criterion(&runtime);
    }
    for (key, source, samples) in [
        ("start_science_us", "x = 1", 500),
        ("import_pandas_us", "import pandas", 300),
        ("import_matplotlib_us", "import matplotlib.pyplot", 300),
        ("first_table_ms", TABLE, 60),
        ("first_plot_ms", PLOT, 15),
    ] {
        let micros = new_us(&runtime, source, samples)?;
        match key.strip_suffix("_ms") {
            Some(_) => figure(key, micros / 1e3, "ms"),
            None => figure(key, micros, "us"),
        }
    }
    for (key, module) in [
        ("native_import_pandas_ms", "pandas"),
        ("native_import_matplotlib_ms", "matplotlib.pyplot"),
    ] {
        figure(key, native_import_s(&runtime, module)? * 1e3, "ms");
    }
    figure("idle_science_kib", idle_kib(&runtime)?, "KiB");
    figure("image_science_mib", fs::metadata(image)?.len() as f64 / f64::from(1 << 20), "MiB");
    compared(&runtime)
}

fn interpreter(runtime: &Runtime) -> Result<Interpreter> {
    Ok(runtime.interpreter().timeout(None).cpu(None).memory(1 << 30).build()?)
}

/// The median microseconds that this takes in an interpreter that is new; making it does not count, since that is
/// `start_science_us`, which does.
fn new_us(runtime: &Runtime, source: &str, samples: u32) -> Result<f64> {
    let whole = source == "x = 1";
    let mut times = Vec::new();
    for _ in 0..samples {
        let begun = Instant::now();
        let mut py = interpreter(runtime)?;
        let made = Instant::now();
        py.run(source)?;
        let ran = if whole { begun } else { made }.elapsed();
        times.push(ran.as_secs_f64() * 1e6);
    }
    Ok(median(times))
}

/// What an interpreter that used nothing keeps for itself.
fn idle_kib(runtime: &Runtime) -> Result<f64> {
    raise_open_files(u64::from(ALIVE) + 256)?;
    let before = memory_kib("Private_Dirty")?;
    let mut alive = Vec::new();
    for _ in 0..ALIVE {
        let mut py = interpreter(runtime)?;
        py.run("x = 1")?;
        alive.push(py);
    }
    let growth = memory_kib("Private_Dirty")? - before;
    ensure!(alive.len() == ALIVE as usize, "all are alive");
    Ok(growth / f64::from(ALIVE))
}

/// The versions that the guest has.
fn versions(py: &mut Interpreter) -> Result<Vec<(&'static str, String)>> {
    py.run("import importlib.metadata")?;
    let version = |name| {
        let code = format!("importlib.metadata.version('{name}')");
        Ok((name, py.eval_as::<String>(&code)?))
    };
    BOTH.into_iter().map(version).collect()
}

/// Seconds that a process takes that imports this, less those of one that imports nothing.
fn native_import_s(runtime: &Runtime, module: &str) -> Result<f64> {
    let folder = ophidia_benches::installed(&versions(&mut interpreter(runtime)?)?)?;
    let python = native_python()?;
    let run = |code: &str| -> Result<f64> {
        let begun = Instant::now();
        let mut command = Command::new(&python);
        // Bytecode is kept, as it is where packages are used.
        command.args(["-c", code]).env("PYTHONPATH", &folder).env_remove("PYTHONDONTWRITEBYTECODE");
        let status = command.status()?;
        ensure!(status.success(), "{code}: {status}");
        Ok(begun.elapsed().as_secs_f64())
    };
    run(&format!("import {module}"))?;
    let measured = in_turn(SAMPLES, || run(&format!("import {module}")), || run("pass"))?;
    Ok(measured.ours - measured.theirs)
}

fn prepared(runtime: &Runtime) -> Result<(Interpreter, NativePackages)> {
    let mut py = interpreter(runtime)?;
    py.run(CASES)?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("packages/cases.py");
    let native = NativePackages::start(&program, &versions(&mut py)?)?;
    Ok((py, native))
}

/// Both sides in turn: a machine that slows down slows both down.
fn compared(runtime: &Runtime) -> Result<()> {
    let (mut py, mut native) = prepared(runtime)?;
    let seconds = py.get("seconds")?;
    let names: Vec<String> = py.eval_as("list(CASES)")?;
    for name in names {
        let mut ours = || Ok(seconds.call_as::<f64>(&mut py, (&name,))?);
        let mut theirs = || native.seconds(&name);
        ours()?;
        theirs()?;
        let measured = in_turn(SAMPLES, ours, theirs)?;
        figure(&format!("science_{name}_ms"), measured.ours * 1e3, "ms");
        figure(&format!("science_{name}_ratio"), measured.ratio, "x");
    }
    Ok(())
}

fn criterion(runtime: &Runtime) -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("packages");
    group.sample_size(10);
    for (name, source) in [
        ("x = 1", "x = 1"),
        ("import pandas", "import pandas"),
        ("a first table", TABLE),
        ("a first plot", PLOT),
    ] {
        group.bench_function(format!("{name}, new interpreter"), |b| {
            b.iter(|| interpreter(runtime).and_then(|mut py| Ok(py.run(source)?)));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
