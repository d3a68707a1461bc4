//! Forks, checkpoints and templates: what a child costs, whatever its parent holds, and what it is to be put away and
//! woken.
//!
//! Measured against: `os.fork` of a native build of the same CPython that holds the same, with the child's first statement,
//! in the same run; a plain start for templates. Left out: set-up code, which runs once in each case, and a disk: files are in
//! the page cache.
//!
//! `cargo bench --bench forks -- --figures` prints the figures.

use anyhow::{Context as _, Result, ensure};
use criterion::Criterion;
use ophidia::{
    CheckpointOptions, ForkOptions, Interpreter, Limits, RestoreOptions, Runtime, Sandbox, Template,
};
use ophidia_benches::{figure, figures_wanted, median, memory_kib, native_python};
use std::process::Command;
use std::time::Instant;

/// Children at once.
const CHILDREN: usize = 1_000;

/// A light parent, and one that holds so many megabytes.
const LIGHT: &str = "x = 1\ndef f(n): return n + x";

/// Forks that hold so many megabytes, so many times, each with a first statement; prints the median microseconds.
const NATIVE: &str = "import os, sys, time
megabytes = int(sys.argv[1])
held = bytearray(os.urandom(1 << 20)) * megabytes
times = []
for i in range(50):
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        y = 1
        os._exit(0)
    os.waitpid(pid, 0)
    times.append(time.perf_counter() - start)
print(sorted(times)[25] * 1e6)";

fn main() -> Result<()> {
    if figures_wanted() { figures() } else { criterion() }
}

fn runtime() -> Result<Runtime> {
    let cache = ophidia::guest::ambient_cache_dir().context("no cache folder")?;
    Ok(Runtime::builder(cache)
        .max_interpreters(CHILDREN as u32 + 64)
        .idle_memory(1 << 30)
        .build()?)
}

fn sandbox() -> Result<Sandbox> {
    Ok(Sandbox::builder().limits(Limits { memory: 1 << 30, ..Limits::default() }).build()?)
}

fn holding(megabytes: usize) -> String {
    format!("import os\nheld = bytearray(os.urandom(1 << 20)) * {megabytes}\n{LIGHT}")
}

fn template(runtime: &Runtime, set_up: &str) -> Result<Template> {
    Ok(runtime.template(&sandbox()?, |py| py.run(set_up))?)
}

fn parent(runtime: &Runtime, set_up: &str) -> Result<Interpreter> {
    let mut py = runtime.start(&sandbox()?)?;
    py.run(set_up)?;
    Ok(py)
}

/// Microseconds that `once` takes, the median of so many times.
fn microseconds(times: usize, mut once: impl FnMut() -> Result<()>) -> Result<f64> {
    let each = (0..times).map(|_| {
        let began = Instant::now();
        once()?;
        Ok(began.elapsed().as_secs_f64() * 1e6)
    });
    Ok(median(each.collect::<Result<_>>()?))
}

/// A child of a frozen parent, its first statement, its end.
fn first_run(frozen: &Template) -> Result<()> {
    frozen.start()?.run("y = f(1)")?;
    Ok(())
}

fn figures() -> Result<()> {
    let runtime = runtime()?;
    drop(parent(&runtime, LIGHT)?.fork()?); // what is made once in a process
    of_frozen(&runtime)?;
    of_living(&runtime)?;
    checkpoints(&runtime)?;
    templates(&runtime)
}

/// Children of parents that were frozen once.
fn of_frozen(runtime: &Runtime) -> Result<()> {
    let mut by_size = Vec::new();
    for (megabytes, times) in [(4, 200), (50, 50), (400, 10)] {
        let frozen = template(runtime, &holding(megabytes))?;
        first_run(&frozen)?;
        by_size.push(microseconds(times, || first_run(&frozen))?);
    }
    let [small, medium, large] = by_size[..] else { return Ok(()) };
    figure("fork_us", medium, "us");
    figure("fork_flat_ratio", large / small, "x");
    let native = native_python()?;
    let output = Command::new(native).args(["-I", "-c", NATIVE, "50"]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let native: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    figure("fork_native_us", native, "us");
    Ok(())
}

/// Children of living parents: one by copying, and a thousand of a larger one.
fn of_living(runtime: &Runtime) -> Result<()> {
    let mut light = parent(runtime, LIGHT)?;
    let mut fork = || -> Result<()> {
        drop(light.fork_with(ForkOptions::new())?);
        Ok(())
    };
    fork()?;
    figure("fork_copy_us", microseconds(200, fork)?, "us");
    let mut large = parent(runtime, &holding(50))?;
    let before = memory_kib("Private_Dirty")?;
    let began = Instant::now();
    let mut children = large.fork_n(CHILDREN)?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    for child in &mut children {
        child.run("y = f(1)")?;
    }
    let each = (memory_kib("Private_Dirty")? - before) / CHILDREN as f64;
    figure("fork_1000_ms", took, "ms");
    figure("fork_private_kib", each, "KiB");
    Ok(())
}

/// An idle interpreter that has used numpy, and one that holds 50 MB, put away and woken.
fn checkpoints(runtime: &Runtime) -> Result<()> {
    let options = CheckpointOptions::new();
    let mut idle = parent(runtime, "import numpy\na = numpy.arange(10)\ntotal = int(a.sum())")?;
    let mut bytes = idle.checkpoint(&options)?;
    let write = microseconds(100, || {
        bytes = idle.checkpoint(&options)?;
        Ok(())
    });
    figure("checkpoint_ms", write? / 1e3, "ms");
    figure("checkpoint_kib", bytes.len() as f64 / 1024.0, "KiB");
    let sandbox = sandbox()?;
    let restore = |bytes: &[u8]| -> Result<Interpreter> {
        Ok(runtime.restore(bytes, RestoreOptions::new().sandbox(&sandbox))?)
    };
    ensure!(restore(&bytes)?.eval_as::<i64>("total")? == 45, "another interpreter");
    let woken = microseconds(100, || restore(&bytes).map(drop))?;
    figure("restore_ms", woken / 1e3, "ms");
    let mut large = parent(runtime, "import numpy\na = numpy.arange(6_250_000, dtype='i8')")?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("state");
    large.checkpoint_to(&path, &options)?;
    let woken = microseconds(5, || {
        let options = RestoreOptions::new().sandbox(&sandbox);
        drop(runtime.restore_file(&path, options)?);
        Ok(())
    })?;
    figure("restore_large_ms", woken / 1e3, "ms");
    Ok(())
}

/// A template that holds 50 MB, against a plain start.
fn templates(runtime: &Runtime) -> Result<()> {
    let sandbox = sandbox()?;
    let mut made = Vec::new();
    let mut template = None;
    for _ in 0..3 {
        let mut ran = Instant::now();
        let frozen = runtime.template(&sandbox, |py| {
            py.run(&holding(50))?;
            ran = Instant::now();
            Ok(())
        })?;
        made.push(ran.elapsed().as_secs_f64() * 1e3);
        template = Some(frozen);
    }
    figure("template_make_ms", median(made), "ms");
    let template = template.context("a template")?;
    let plain = || -> Result<()> {
        runtime.start(&sandbox)?.run("y = 1")?;
        Ok(())
    };
    plain()?;
    first_run(&template)?;
    let mut ratios = Vec::new();
    for _ in 0..10 {
        let of_template = microseconds(5, || first_run(&template))?;
        ratios.push(of_template / microseconds(50, plain)?);
    }
    figure("template_start_ratio", median(ratios), "x");
    let private = |start: &dyn Fn() -> Result<Interpreter>| -> Result<f64> {
        let before = memory_kib("Private_Dirty")?;
        let held = (0..20).map(|_| {
            let mut py = start()?;
            py.run("y = 1")?;
            Ok(py)
        });
        let held = held.collect::<Result<Vec<_>>>()?;
        Ok((memory_kib("Private_Dirty")? - before) / held.len() as f64)
    };
    let plain = private(&|| Ok(runtime.start(&sandbox)?))?;
    let of_template = private(&|| Ok(template.start()?))?;
    figure("template_private_ratio", of_template / plain, "x");
    Ok(())
}

fn criterion() -> Result<()> {
    let runtime = runtime()?;
    let (mut light, mut large) = (parent(&runtime, LIGHT)?, parent(&runtime, &holding(50))?);
    let bytes = light.checkpoint(&CheckpointOptions::new())?;
    let frozen = template(&runtime, LIGHT)?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("forks");
    group.sample_size(10);
    group.bench_function("a light child", |b| b.iter(|| light.fork().is_ok()));
    group.bench_function("a child of 50 MB", |b| b.iter(|| large.fork().is_ok()));
    group.bench_function("a light child of a frozen parent, with a statement", |b| {
        b.iter(|| first_run(&frozen).is_ok())
    });
    group.bench_function("a light interpreter put away", |b| {
        b.iter(|| light.checkpoint(&CheckpointOptions::new()).is_ok())
    });
    group.bench_function("the same woken", |b| {
        b.iter(|| runtime.restore(&bytes, RestoreOptions::new()).is_ok())
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}
