//! Calls across the wall: what one costs, with its arguments and its result.
//!
//! Measured: `def foo(): return str(1)` called and its `String` taken; `bar(i)` with an integer each
//! way; an integer attribute, by a name that is looked up once and by text, and after an object was dropped; a
//! method with two texts; a list of 1,000 integers and a dict of 100 prices
//! each way; a host function called from a loop in Python, beside the same loop calling Python; objects
//! dropped alone and with a thousand others. Against: the same call through a pipe, with a native
//! python3 that evaluates a line and answers with a line; and the time that py4cl2-cffi publishes for a
//! call, which is another machine's. Deadlines are on, as always.
//!
//! What a pipe costs is the system's: two switches of context, and, when the two processes are on two cores, two
//! wake-ups of a sleeping core, which take from 2 to 30 µs depending on the machine. So `pipe_ratio` is taken with
//! both on one core, where it depends least on that; `pipe_two_cores_ratio` with one on each. Beside them stands what
//! the same pipes cost with `cat` at the other end, which computes nothing (`pipe_cat_ns`, `pipe_two_cores_cat_ns`).
//!
//! With the feature `pyo3` also against PyO3 on a native CPython. Both sides are measured in turn.
//!
//! `cargo bench --bench call -- --figures` prints the figures.

use anyhow::{Context, Result, bail, ensure};
use criterion::Criterion;
use ophidia::{Error, Function, Interpreter, Object, Runtime, intern};
use ophidia_benches::{figure, figures_wanted, in_turn, median, native_python};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

#[cfg(feature = "pyo3")]
#[path = "call/pyo3_side.rs"]
mod pyo3_side;

const PROGRAM: &str = "def foo(): return str(1)
def bar(i): return i + 1
def fails(i): raise ValueError(i)
class Thing:
    def __init__(self): self.size = 7
    def join(self, a, b): return a
thing = Thing()
def same(value): return value
def loop(function, times):
    for i in range(times): function(i)
";

/// What a call takes in py4cl2-cffi, which embeds a native CPython in Lisp, by its README, in nanoseconds.
const PY4CL2_CFFI: f64 = 8_000.0;

/// Calls of a host function in one round.
const CALLS: u32 = 1_000;

/// The other side of the pipe: a line in, its value out.
const PIPE: &str = "import sys
def foo(): return str(1)
for line in sys.stdin:
    print(eval(line), flush=True)
";

fn numbers() -> Vec<i64> {
    (0..1_000).collect()
}

fn prices() -> HashMap<String, f64> {
    (0..100).map(|i| (format!("item {i}"), f64::from(i) / 4.0)).collect()
}

struct Bench {
    py: Interpreter,
    text: Object,
    number: Object,
    fails: Object,
    thing: Object,
    same: Object,
    list: Object,
    dict: Object,
    loops: Object,
    callback: Object,
    numbers: Vec<i64>,
    prices: HashMap<String, f64>,
}

impl Bench {
    fn new() -> Result<Self> {
        let mut py = Runtime::ambient()?.interpreter().timeout(None).build()?;
        py.run(PROGRAM)?;
        let (text, number) = (py.get("foo")?, py.get("bar")?);
        let fails = py.get("fails")?;
        let (thing, same) = (py.get("thing")?, py.get("same")?);
        let loops = py.get("loop")?;
        let (numbers, prices) = (numbers(), prices());
        let (list, dict) = (py.object(&numbers)?, py.object(&prices)?);
        let callback = py.object(Function::new("increment", |i: i64| i + 1))?;
        Ok(Self {
            py,
            text,
            number,
            fails,
            thing,
            same,
            list,
            dict,
            loops,
            callback,
            numbers,
            prices,
        })
    }

    fn call_str(&mut self) -> Result<String> {
        Ok(self.text.call_as(&mut self.py, ())?)
    }

    fn call_int(&mut self) -> Result<i64> {
        Ok(self.number.call_as(&mut self.py, (41,))?)
    }

    /// The message of what a call has raised; with its traceback, where that is wanted.
    fn raised(&mut self, with_traceback: bool) -> Result<usize> {
        let raised = self.fails.call(&mut self.py, (41,));
        let Err(Error::Python(error)) = raised else { bail!("it has not raised") };
        let traceback = if with_traceback { error.traceback(&mut self.py)? } else { "" };
        Ok(error.message.len() + traceback.len())
    }

    fn getattr(&mut self) -> Result<i64> {
        Ok(self.thing.getattr_as(&mut self.py, intern!("size"))?)
    }

    fn getattr_by_text(&mut self) -> Result<i64> {
        Ok(self.thing.getattr_as(&mut self.py, "size")?)
    }

    fn method(&mut self) -> Result<String> {
        Ok(self.thing.call_method_as(&mut self.py, intern!("join"), ("one", "two"))?)
    }

    fn list_in(&mut self) -> Result<bool> {
        let list = self.py.object(&self.numbers)?;
        Ok(list.is_truthy(&mut self.py)?)
    }

    fn list_out(&mut self) -> Result<Vec<i64>> {
        Ok(self.list.extract(&mut self.py)?)
    }

    fn list_both_ways(&mut self) -> Result<Vec<i64>> {
        Ok(self.same.call_as(&mut self.py, (&self.numbers,))?)
    }

    fn dict_in(&mut self) -> Result<bool> {
        let dict = self.py.object(&self.prices)?;
        Ok(dict.is_truthy(&mut self.py)?)
    }

    fn dict_out(&mut self) -> Result<HashMap<String, f64>> {
        Ok(self.dict.extract(&mut self.py)?)
    }

    fn dict_both_ways(&mut self) -> Result<HashMap<String, f64>> {
        Ok(self.same.call_as(&mut self.py, (&self.prices,))?)
    }

    /// A thousand calls of the host from a loop in Python.
    fn callbacks(&mut self) -> Result<()> {
        Ok(self.loops.call_as(&mut self.py, (&self.callback, CALLS))?)
    }

    /// The same loop, calling a function of Python.
    fn without_callbacks(&mut self) -> Result<()> {
        Ok(self.loops.call_as(&mut self.py, (&self.number, CALLS))?)
    }

    /// A thousand objects, each let go of by an entry of its own.
    fn objects_one_by_one(&mut self) -> Result<()> {
        for _ in 0..1_000 {
            drop(black_box(self.py.object(1)?));
            self.py.objects_held()?;
        }
        Ok(())
    }

    /// A thousand objects kept, then dropped: the guest is told of all at once.
    fn objects_together(&mut self) -> Result<()> {
        let mut kept = Vec::with_capacity(1_000);
        for _ in 0..1_000 {
            kept.push(self.py.object(1)?);
        }
        drop(kept);
        self.py.objects_held()?;
        Ok(())
    }

    /// A thousand objects, dropped; each is let go of by the next entry.
    fn objects(&mut self) -> Result<()> {
        for _ in 0..1_000 {
            black_box(self.py.object(1)?);
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    if figures_wanted() { figures() } else { criterion() }
}

/// How many times each thing is measured.
const SAMPLES: u32 = 200;

/// What one round took in nanoseconds, of so many.
fn sample<T>(rounds: u32, mut round: impl FnMut() -> Result<T>) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(round()?);
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds))
}

/// The median of that.
fn nanoseconds<T>(rounds: u32, mut round: impl FnMut() -> Result<T>) -> Result<f64> {
    let samples = (0..SAMPLES).map(|_| sample(rounds, &mut round));
    Ok(median(samples.collect::<Result<_>>()?))
}

/// What the second of two things took in nanoseconds, done one after the other so many times.
fn second<T>(
    times: u32,
    mut first: impl FnMut(),
    mut then: impl FnMut() -> Result<T>,
) -> Result<f64> {
    let mut spent = Duration::ZERO;
    for _ in 0..times {
        first();
        let start = Instant::now();
        black_box(then()?);
        spent += start.elapsed();
    }
    Ok(spent.as_secs_f64() * 1e9 / f64::from(times))
}

/// How many times as long an attribute takes when an object was dropped before. Dropping it, and what the
/// clock takes, are left out.
fn after_drop(bench: &mut Bench) -> Result<f64> {
    let mut ratios = Vec::new();
    for _ in 0..SAMPLES {
        let mut dropped = Vec::new();
        for _ in 0..1_000 {
            dropped.push(bench.py.object(1.5)?);
        }
        let clock = second(1_000, || {}, || Ok(()))?;
        let kept = bench.text.clone();
        let usual = second(1_000, || drop(black_box(kept.clone())), || bench.getattr())?;
        let after = second(1_000, || drop(dropped.pop()), || bench.getattr())?;
        ratios.push((after - clock) / (usual - clock));
    }
    Ok(median(ratios))
}

/// Takes one sample on a side.
type Sample<Side> = fn(&mut Side) -> Result<f64>;

/// What PyO3 does too.
const COMPARED: [(&str, Sample<Bench>); 11] = [
    ("call_str", |side| sample(1_000, || side.call_str())),
    ("call_int", |side| sample(1_000, || side.call_int())),
    ("getattr_int", |side| sample(1_000, || side.getattr())),
    ("call_method", |side| sample(1_000, || side.method())),
    ("list_1000_in", |side| sample(10, || side.list_in())),
    ("list_1000_out", |side| sample(10, || side.list_out())),
    ("list_1000_both_ways", |side| sample(10, || side.list_both_ways())),
    ("dict_100_in", |side| sample(20, || side.dict_in())),
    ("dict_100_out", |side| sample(20, || side.dict_out())),
    ("dict_100_both_ways", |side| sample(20, || side.dict_both_ways())),
    ("callback", |side| Ok(sample(1, || side.callbacks())? / f64::from(CALLS))),
];

fn figures() -> Result<()> {
    let mut bench = Bench::new()?;
    #[cfg(feature = "pyo3")]
    pyo3_side::compare(&mut bench)?;
    #[cfg(not(feature = "pyo3"))]
    for (key, sample) in COMPARED {
        let samples = (0..SAMPLES).map(|_| sample(&mut bench)).collect::<Result<_>>()?;
        figure(&format!("{key}_ns"), median(samples), "ns");
    }
    let python = nanoseconds(1, || bench.without_callbacks())? / f64::from(CALLS);
    figure("python_callback_ns", python, "ns");
    figure("raised_us", nanoseconds(1_000, || bench.raised(false))? / 1e3, "us");
    figure("raised_traceback_us", nanoseconds(100, || bench.raised(true))? / 1e3, "us");
    figure("getattr_text_ns", nanoseconds(1_000, || bench.getattr_by_text())?, "ns");
    figure("getattr_after_drop_ratio", after_drop(&mut bench)?, "x");
    figure("object_made_and_dropped_ns", nanoseconds(1, || bench.objects())? / 1e3, "ns");
    let bench = RefCell::new(bench);
    let released = in_turn(
        SAMPLES,
        || sample(1, || bench.borrow_mut().objects_one_by_one()),
        || sample(1, || bench.borrow_mut().objects_together()),
    )?;
    figure("release_batched_ratio", released.ratio, "x");
    through_a_pipe(&mut bench.borrow_mut())
}

/// Both sides on one core, then one on each of two.
fn through_a_pipe(bench: &mut Bench) -> Result<()> {
    let Some(cores) = cores() else { return between(bench, "pipe", None) };
    between(bench, "pipe", Some((cores.0, cores.0)))?;
    between(bench, "pipe_two_cores", Some(cores))
}

/// Calls `foo` here and at the other end of pipes, in turn; here and there are pinned to these cores.
fn between(bench: &mut Bench, key: &str, cores: Option<(usize, usize)>) -> Result<()> {
    let mut python = Command::new(native_python()?);
    python.args(["-I", "-S", "-u", "-c", PIPE]);
    let mut python = Piped::start(python, cores)?;
    let mut cat = Piped::start(Command::new("cat"), cores)?;
    let pipe = || sample(10, || python.ask(b"foo()\n"));
    let compared = in_turn(SAMPLES, pipe, || sample(1_000, || bench.call_str()))?;
    figure(&format!("{key}_ns"), compared.ours, "ns");
    figure(&format!("{key}_ratio"), compared.ratio, "x");
    figure(&format!("{key}_cat_ns"), nanoseconds(10, || cat.ask(b"foo()\n"))?, "ns");
    if key == "pipe" {
        figure("py4cl2_cffi_ratio", PY4CL2_CFFI / compared.theirs, "x");
    }
    python.end()?;
    cat.end()
}

/// A process that answers a line with a line.
struct Piped {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Piped {
    /// Starts it on the second of the cores, and goes on on the first.
    fn start(mut command: Command, cores: Option<(usize, usize)>) -> Result<Self> {
        if let Some((_, there)) = cores {
            pin(there)?; // inherited
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        if let Some((here, _)) = cores {
            pin(here)?;
        }
        let input = child.stdin.take().context("a pipe")?;
        let output = BufReader::new(child.stdout.take().context("a pipe")?);
        Ok(Self { child, input, output, line: String::new() })
    }

    fn ask(&mut self, line: &[u8]) -> Result<usize> {
        self.input.write_all(line)?;
        self.line.clear();
        Ok(self.output.read_line(&mut self.line)?)
    }

    fn end(self) -> Result<()> {
        let Self { mut child, input, .. } = self;
        drop(input);
        child.wait()?;
        Ok(())
    }
}

/// The first two cores, where there are two and this process can be told which to use.
fn cores() -> Option<(usize, usize)> {
    let two = std::thread::available_parallelism().is_ok_and(|cores| cores.get() >= 2);
    (two && pin(0).is_ok() && pin(1).is_ok()).then_some((0, 1))
}

/// This process, and whatever it starts from now on, keeps to one core.
fn pin(core: usize) -> Result<()> {
    let process = std::process::id().to_string();
    let mut taskset = Command::new("taskset");
    taskset.args(["-cp", &core.to_string(), &process]).stdout(Stdio::null());
    ensure!(taskset.status()?.success(), "taskset cannot pin this process to core {core}");
    Ok(())
}

fn criterion() -> Result<()> {
    let mut bench = Bench::new()?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("call");
    group.bench_function("str", |b| b.iter(|| bench.call_str()));
    group.bench_function("int", |b| b.iter(|| bench.call_int()));
    group.bench_function("getattr", |b| b.iter(|| bench.getattr()));
    group.bench_function("method", |b| b.iter(|| bench.method()));
    group.bench_function("list_1000_in", |b| b.iter(|| bench.list_in()));
    group.bench_function("list_1000_out", |b| b.iter(|| bench.list_out()));
    group.bench_function("list_1000_both_ways", |b| b.iter(|| bench.list_both_ways()));
    group.bench_function("dict_100_in", |b| b.iter(|| bench.dict_in()));
    group.bench_function("dict_100_out", |b| b.iter(|| bench.dict_out()));
    group.bench_function("dict_100_both_ways", |b| b.iter(|| bench.dict_both_ways()));
    group.bench_function("1000_callbacks", |b| b.iter(|| bench.callbacks()));
    group.bench_function("1000_objects_one_by_one", |b| b.iter(|| bench.objects_one_by_one()));
    group.bench_function("1000_objects_together", |b| b.iter(|| bench.objects_together()));
    group.bench_function("1000_objects", |b| b.iter(|| bench.objects()));
    group.finish();
    criterion.final_summary();
    Ok(())
}
