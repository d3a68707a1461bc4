//! Starting: the command as a whole process, an interpreter inside a process, and what an idle one
//! keeps; then the speed of pure Python once started.
//!
//! Most interpreters of a service start in a slot that another one has left warm (`cold_start_us`). The first one in a
//! slot (`cold_start_first_us`) also maps the image and has a page fault for each page that it writes to.
//!
//! Measured against: `python3 -I -S` of the machine for the whole process, and the native build of
//! the same CPython version and sources (plain `-O3`) for speed, each in the same run, in turn.
//! Left out: making the image, which happens once a machine. Deadlines are on, as always.
//!
//! `cargo build --release && cargo bench --bench cold_start -- --figures` prints the figures.

use anyhow::Result;
use criterion::{Criterion, SamplingMode};
use ophidia::{Interpreter, Runtime};
use ophidia_benches::{
    Program, command, figure, figures_wanted, geometric_mean, median, memory_kib, native_python,
    raise_open_files, time_process,
};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Interpreters alive at once in the density figure.
const ALIVE: u32 = 2_000;

fn main() -> Result<()> {
    if figures_wanted() { figures() } else { criterion() }
}

fn runtime() -> Result<Runtime> {
    let cache = ophidia::guest::ambient_cache_dir().unwrap_or_default();
    Ok(Runtime::builder(cache).max_interpreters(ALIVE).build()?)
}

fn started(runtime: &Runtime) -> Result<Interpreter> {
    let mut py = runtime.interpreter().build()?;
    py.run("x = 1")?;
    Ok(py)
}

fn figures() -> Result<()> {
    let (ours, theirs) = whole_process(20)?;
    figure("command_ms", ours * 1e3, "ms");
    figure("python3_ms", theirs * 1e3, "ms");
    figure("command_ratio", ours / theirs, "x");

    let runtime = runtime()?;
    let mut times = Vec::new();
    for _ in 0..1_000 {
        let start = Instant::now();
        drop(started(&runtime)?);
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    figure("cold_start_us", median(times), "us");

    raise_open_files(u64::from(ALIVE) + 256)?;
    let before = memory_kib("Private_Dirty")?;
    let mut alive = Vec::new();
    let mut times = Vec::new();
    for _ in 0..ALIVE {
        let start = Instant::now();
        alive.push(started(&runtime)?);
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    figure("cold_start_first_us", median(times), "us");
    figure("idle_private_kib", (memory_kib("Private_Dirty")? - before) / f64::from(ALIVE), "KiB");
    let mut answered = 0;
    for py in &mut alive {
        if py.eval("x + 1")? == ophidia::Value::Int(2) {
            answered += 1;
        }
    }
    figure("live_interpreters", f64::from(answered), "interpreters");
    drop(alive);

    figure("guest_speed_ratio", speed(&runtime, 3)?, "x");
    Ok(())
}

/// The program behind the machine's `python3`, which may be a script that looks for it.
fn machine_python() -> Result<PathBuf> {
    let output =
        Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

/// Median seconds of the whole command and of the machine's `python3`, in turn.
fn whole_process(runs: usize) -> Result<(f64, f64)> {
    let command = command()?;
    let python = &machine_python()?;
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for run in 0..=runs {
        let pair = (
            time_process(&command, &["run", "-c", "print(1)"])?,
            time_process(python, &["-I", "-S", "-c", "print(1)"])?,
        );
        if run > 0 {
            ours.push(pair.0);
            theirs.push(pair.1);
        }
    }
    Ok((median(ours), median(theirs)))
}

/// Geometric mean over all programs of sandboxed ÷ native, each side's best of some runs in turn.
fn speed(runtime: &Runtime, runs: usize) -> Result<f64> {
    let python = native_python()?;
    let mut ratios = Vec::new();
    for program in Program::all()? {
        let mut native = f64::INFINITY;
        let mut sandboxed = f64::INFINITY;
        for _ in 0..runs {
            native = native.min(program.native(&python)?);
            sandboxed = sandboxed.min(program.sandboxed(runtime)?);
        }
        figure(&format!("speed_{}", program.name), sandboxed / native, "x");
        ratios.push(sandboxed / native);
    }
    Ok(geometric_mean(&ratios))
}

fn criterion() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let command = command()?;
    let python = machine_python()?;
    let mut group = criterion.benchmark_group("process");
    group.sample_size(20).sampling_mode(SamplingMode::Flat);
    group.bench_function("ophidia run -c print(1)", |b| {
        b.iter(|| time_process(&command, &["run", "-c", "print(1)"]));
    });
    group.bench_function("python3 -I -S -c print(1)", |b| {
        b.iter(|| time_process(&python, &["-I", "-S", "-c", "print(1)"]));
    });
    group.finish();

    let runtime = runtime()?;
    let mut group = criterion.benchmark_group("interpreter");
    group.bench_function("new and dropped", |b| b.iter(|| runtime.interpreter().build().is_ok()));
    group.bench_function("new, x = 1, dropped", |b| b.iter(|| started(&runtime).is_ok()));
    group.finish();

    let python = native_python()?;
    let mut group = criterion.benchmark_group("speed");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(2))
        .sampling_mode(SamplingMode::Flat);
    for program in Program::all()? {
        group.bench_function(format!("{} native", program.name), |b| {
            b.iter_custom(|n| (0..n).map(|_| seconds(program.native(&python))).sum());
        });
        group.bench_function(format!("{} sandboxed", program.name), |b| {
            b.iter_custom(|n| (0..n).map(|_| seconds(program.sandboxed(&runtime))).sum());
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn seconds(measured: Result<f64>) -> Duration {
    Duration::from_secs_f64(measured.expect("the program runs"))
}
