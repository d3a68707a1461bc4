//! What limits cost whom: metering the program that is metered, hostile programs their neighbours.
//!
//! - Metering: the programs of `benches/programs` on an image as it is, and on one that was compiled from the same snapshot
//!   without the checks, in turn; of each the fastest of a few runs, of all the geometric mean of the ratios.
//! - Neighbours: calls of a small function by an interpreter alone, and beside sixteen threads that run the programs of
//!   `tests/hostile_python`, each within limits. Medians: a call that the system interrupts is another matter, as the
//!   processors are shared. How the programs end is the tests' affair; no network is granted.
//!
//! `cargo bench --bench limits -- --figures` prints the figures. Compiling the second image takes some ten seconds of it.

use anyhow::{Context as _, Result, ensure};
use criterion::Criterion;
use ophidia::{
    DirGrant, Function, Interpreter, Object, OutputKind, Python, Quota, Runtime, Sandbox, Streams,
};
use ophidia_benches::{Program, figure, figures_wanted, geometric_mean, median};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often each program runs on each image.
const TIMES: u32 = 3;

/// How many hostile programs run at once.
const HOSTILE: usize = 16;

fn main() -> Result<()> {
    if figures_wanted() { figures() } else { criterion() }
}

fn figures() -> Result<()> {
    let runtime = Runtime::ambient()?;
    figure("metering_ratio", metering(&runtime)?, "x");
    let (alone, beside) = neighbours(&runtime)?;
    figure("beside_hostile_us", beside * 1e6, "us");
    figure("beside_hostile_ratio", beside / alone, "x");
    Ok(())
}

fn metering(metered: &Runtime) -> Result<f64> {
    let cache = ophidia::guest::ambient_cache_dir().context("no cache folder")?;
    let unmetered = Runtime::builder(cache).build_unmetered()?;
    let mut ratios = Vec::new();
    for program in Program::all()? {
        let mut fastest = [f64::INFINITY; 2];
        for _ in 0..TIMES {
            for (fastest, runtime) in fastest.iter_mut().zip([metered, &unmetered]) {
                *fastest = fastest.min(program.sandboxed(runtime)?);
            }
        }
        ratios.push(fastest[0] / fastest[1]);
    }
    Ok(geometric_mean(&ratios))
}

/// Seconds that a call takes: alone, and beside hostile programs.
fn neighbours(runtime: &Runtime) -> Result<(f64, f64)> {
    let programs =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hostile_python"))?
            .map(|entry| Ok(fs::read_to_string(entry?.path())?))
            .collect::<Result<Vec<_>>>()?;
    let mut py = runtime.interpreter().build()?;
    py.run("def double(x): return [2 * n for n in x]")?;
    let double = py.get("double")?;
    let alone = calls(&mut py, &double, 20_000)?;
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let beside = thread::scope(|scope| {
        let hostile: Vec<_> = (0..HOSTILE)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        attack(runtime, program)?;
                    }
                    Ok(())
                })
            })
            .collect();
        let watch = scope.spawn(|| {
            let ends: Vec<_> = hostile.into_iter().map(thread::ScopedJoinHandle::join).collect();
            over.store(true, Ordering::Relaxed);
            ends.into_iter().try_for_each(|end| end.map_err(|_| anyhow::anyhow!("a panic"))?)
        });
        let mut beside = Vec::new();
        while !over.load(Ordering::Relaxed) {
            beside.push(calls(&mut py, &double, 1_000)?);
        }
        watch.join().map_err(|_| anyhow::anyhow!("a panic"))??;
        Ok::<_, anyhow::Error>(median(beside))
    })?;
    Ok((alone, beside))
}

/// The median of so many calls, in seconds.
fn calls(py: &mut Interpreter, double: &Object, times: i64) -> Result<f64> {
    let mut took = Vec::new();
    for n in 0..times {
        let began = Instant::now();
        let doubled: Vec<i64> = double.call_as(py, (vec![n, n + 1],))?;
        took.push(began.elapsed().as_secs_f64());
        ensure!(doubled == [2 * n, 2 * n + 2], "{doubled:?}");
    }
    Ok(median(took))
}

/// Runs a hostile program to whatever end it comes to, with the functions and limits that it has in the tests.
fn attack(runtime: &Runtime, program: &str) -> Result<()> {
    let ground = tempfile::tempdir()?;
    let at = |name: &str| ground.path().join(name);
    for folder in ["ro", "rw/kept"] {
        fs::create_dir_all(at(folder))?;
        fs::write(at(folder).join("file"), "kept")?;
    }
    let sandbox = Sandbox::builder()
        .dir(DirGrant::read_only(at("ro"), "/ro"))
        .dir(DirGrant::read_write(at("rw"), "/rw"))
        .tmp(Quota { bytes: 1 << 20, files: 100 })
        .folder(Quota { bytes: 1 << 20, files: 100 })
        .timeout(Duration::from_millis(400))
        .grace(Duration::from_millis(50))
        .memory(64 << 20)
        .value(16 << 20)
        .objects(1_000)
        .host_calls(100_000)
        .output(1 << 20)
        .files(16)
        .stderr(OutputKind::Capture)
        .build()?;
    let mut py = runtime.start_with(&sandbox, Streams::default())?;
    let kept = Mutex::new(Vec::<Object>::new());
    let keep = move |object: Object| {
        if let Ok(mut kept) = kept.lock() {
            kept.push(object);
        }
    };
    let call = |py: &mut Python<'_>, function: Object| function.call(py, ()).map(drop);
    py.set("keep", Function::new("keep", keep))?;
    py.set("make", Function::new("make", || Function::new("made", || 1_i64)))?;
    let nothing = Function::new("nothing", |_: Option<ophidia::Value>| ());
    py.set("nothing", nothing.param_default("value", None::<i64>))?;
    py.set("call", Function::new("call", call))?;
    if py.run(program).is_ok() {
        // It may end as it likes.
        let _ = py.finish();
    }
    Ok(())
}

fn criterion() -> Result<()> {
    let runtime = Runtime::ambient()?;
    let mut py = runtime.interpreter().build()?;
    py.run("def double(x): return [2 * n for n in x]")?;
    let double = py.get("double")?;
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("a call by a neighbour, alone", |b| {
        b.iter(|| double.call_as::<Vec<i64>>(&mut py, (vec![1, 2],)).is_ok())
    });
    criterion.final_summary();
    Ok(())
}
