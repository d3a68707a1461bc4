//! What the sandbox costs: page faults and descriptors of an interpreter, files against a native Python's.
//!
//! Measured against: the native build of the same CPython version and sources, reading the same files, in the same run,
//! in turn. Left out: what the files hold is in the page cache on both sides.
//!
//! `cargo bench --bench sandbox -- --figures` prints the figures.

use anyhow::{Context as _, Result, ensure};
use criterion::Criterion;
use ophidia::{DirGrant, Interpreter, Mount, Quota, Runtime, Tree};
use ophidia_benches::{figure, figures_wanted, in_turn, native_python};
use std::fs;
use std::path::Path;
use std::process::Command;

const FILES: usize = 1_000;
const LARGE: usize = 100 << 20;

/// Opens and reads a thousand small files, so many times; prints the seconds of the fastest.
const SMALL: &str = "import time
def once():
    start = time.perf_counter()
    for i in range(1000):
        with open(f'{folder}/{i}', 'rb') as file:
            assert len(file.read()) == 1000
    return time.perf_counter() - start
best = min(once() for _ in range(5))
print(best)";

/// Reads one large file.
const ONE: &str = "import time
def once():
    start = time.perf_counter()
    with open(f'{folder}/large', 'rb', buffering=0) as file:
        assert len(file.read()) == 100 << 20
    return time.perf_counter() - start
best = min(once() for _ in range(3))
print(best)";

fn main() -> Result<()> {
    if figures_wanted() { figures() } else { criterion() }
}

fn folder() -> Result<tempfile::TempDir> {
    let made = tempfile::tempdir()?;
    for number in 0..FILES {
        fs::write(made.path().join(number.to_string()), vec![b'x'; 1_000])?;
    }
    fs::write(made.path().join("large"), vec![b'x'; LARGE])?;
    Ok(made)
}

/// One that sees the folder of the host, and the same files in memory.
fn interpreter(runtime: &Runtime, folder: &Path) -> Result<Interpreter> {
    let mount =
        Mount { quota: Some(Quota::of_bytes(1 << 30)), ..Mount::new("/memory", Tree::Memory) };
    let builder = runtime.interpreter().dir(DirGrant::read_only(folder, "/host")).mount(mount);
    let mut py = builder.memory(1 << 30).build()?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a name")?;
        py.files().put(format!("/memory/{name}"), fs::read(&path)?)?;
    }
    Ok(py)
}

fn seconds(py: &mut Interpreter, program: &str, folder: &str) -> Result<f64> {
    py.run(&format!("folder = {folder:?}\n{program}"))?;
    Ok(String::from_utf8(py.take_stdout())?.trim().parse()?)
}

fn native_seconds(python: &Path, program: &str, folder: &Path) -> Result<f64> {
    let source = format!("folder = {:?}\n{program}", folder.display().to_string());
    let output = Command::new(python).args(["-I", "-c", &source]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn figures() -> Result<()> {
    let runtime = Runtime::ambient()?;
    let start = |runtime: &Runtime| -> Result<()> {
        let mut py = runtime.interpreter().build()?;
        py.run("x = 1")?;
        Ok(())
    };
    for _ in 0..100 {
        start(&runtime)?;
    }
    let before = faults()?;
    for _ in 0..1_000 {
        start(&runtime)?;
    }
    figure("start_faults", (faults()? - before) / 1e3, "faults");

    let first = runtime.interpreter().build()?;
    let before = descriptors()?;
    let held = (0..50).map(|_| runtime.interpreter().build()).collect::<Result<Vec<_>, _>>()?;
    figure("idle_descriptors", (descriptors()? - before) / 50.0, "descriptors");
    drop((first, held));

    let made = folder()?;
    let python = native_python()?;
    let mut py = interpreter(&runtime, made.path())?;
    for (key, program, inside) in [
        ("small_files_host_ratio", SMALL, "/host"),
        ("small_files_memory_ratio", SMALL, "/memory"),
        ("large_file_host_ratio", ONE, "/host"),
        ("large_file_memory_ratio", ONE, "/memory"),
    ] {
        let compared = in_turn(
            5,
            || seconds(&mut py, program, inside),
            || native_seconds(&python, program, made.path()),
        )?;
        let plain = key.trim_end_matches("_ratio");
        figure(&format!("{plain}_ms"), compared.ours * 1e3, "ms");
        figure(&format!("{plain}_native_ms"), compared.theirs * 1e3, "ms");
        figure(key, compared.ratio, "x");
    }
    Ok(())
}

/// Page faults of this process so far.
fn faults() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').context("its fields")?.1;
    Ok(fields.split_whitespace().nth(7).context("the minor faults")?.parse()?)
}

fn descriptors() -> Result<f64> {
    Ok(fs::read_dir("/proc/self/fd")?.count() as f64)
}

fn criterion() -> Result<()> {
    let runtime = Runtime::ambient()?;
    let made = folder()?;
    let mut py = interpreter(&runtime, made.path())?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("sandbox");
    group.sample_size(10);
    for folder in ["/host", "/memory"] {
        let source = format!(
            "for i in range(1000):\n    with open(f'{folder}/{{i}}', 'rb') as file: file.read()"
        );
        group.bench_function(format!("1000 small files in {folder}"), |b| {
            b.iter(|| py.run(&source).is_ok())
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
