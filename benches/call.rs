//! Calls across the wall: what one costs, with its arguments and its result.
//!
//! Measured: `def foo(): return str(1)` called and its `String` taken; `bar(i)` with an integer each
//! way; an integer attribute; a method with two texts; a list of 1,000 integers each way; an object
//! dropped alone and with a thousand others. Against: the same call through a pipe, with a native
//! python3 that evaluates a line and answers with a line. Deadlines are on, as always.
//!
//! `cargo bench -p ophidia-benches --bench call -- --figures` prints the figures.

use anyhow::{Context, Result};
use criterion::Criterion;
use ophidia::{Interpreter, Object, Runtime};
use ophidia_benches::{figure, figures_wanted, median, native_python};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

const PROGRAM: &str = "def foo(): return str(1)
def bar(i): return i + 1
class Thing:
    def __init__(self): self.size = 7
    def join(self, a, b): return a
thing = Thing()
def same(value): return value
";

/// The other side of the pipe: a line in, its value out.
const PIPE: &str = "import sys
def foo(): return str(1)
for line in sys.stdin:
    print(eval(line), flush=True)
";

struct Bench {
    py: Interpreter,
    text: Object,
    number: Object,
    thing: Object,
    same: Object,
    numbers: Vec<i64>,
}

impl Bench {
    fn new() -> Result<Self> {
        let mut py = Runtime::ambient()?.interpreter().timeout(None).build()?;
        py.run(PROGRAM)?;
        let (text, number) = (py.get("foo")?, py.get("bar")?);
        let (thing, same) = (py.get("thing")?, py.get("same")?);
        Ok(Self { py, text, number, thing, same, numbers: (0..1_000).collect() })
    }

    fn call_str(&mut self) -> Result<String> {
        Ok(self.text.call_as(&mut self.py, ())?)
    }

    fn call_int(&mut self) -> Result<i64> {
        Ok(self.number.call_as(&mut self.py, (41,))?)
    }

    fn getattr(&mut self) -> Result<i64> {
        Ok(self.thing.getattr_as(&mut self.py, "size")?)
    }

    fn method(&mut self) -> Result<String> {
        Ok(self.thing.call_method_as(&mut self.py, "join", ("one", "two"))?)
    }

    fn list_in(&mut self) -> Result<bool> {
        let list = self.py.object(&self.numbers)?;
        Ok(list.is_truthy(&mut self.py)?)
    }

    fn list_both_ways(&mut self) -> Result<Vec<i64>> {
        Ok(self.same.call_as(&mut self.py, (&self.numbers,))?)
    }

    /// A thousand objects, dropped; the guest is told of all at once.
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

/// The median time of one round in nanoseconds, over 200 samples.
fn nanoseconds<T>(rounds: u32, mut round: impl FnMut() -> Result<T>) -> Result<f64> {
    let mut samples = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(round()?);
        }
        samples.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds));
    }
    Ok(median(samples))
}

fn figures() -> Result<()> {
    let mut bench = Bench::new()?;
    let call = nanoseconds(2_000, || bench.call_str())?;
    figure("call_str_ns", call, "ns");
    figure("call_int_ns", nanoseconds(2_000, || bench.call_int())?, "ns");
    figure("getattr_int_ns", nanoseconds(2_000, || bench.getattr())?, "ns");
    figure("call_method_ns", nanoseconds(2_000, || bench.method())?, "ns");
    figure("list_1000_in_us", nanoseconds(20, || bench.list_in())? / 1e3, "us");
    figure("list_1000_both_ways_us", nanoseconds(20, || bench.list_both_ways())? / 1e3, "us");
    figure("object_made_and_dropped_ns", nanoseconds(1, || bench.objects())? / 1e3, "ns");
    let pipe = through_a_pipe()?;
    figure("pipe_ns", pipe, "ns");
    figure("pipe_ratio", pipe / call, "x");
    Ok(())
}

fn through_a_pipe() -> Result<f64> {
    let mut child = Command::new(native_python()?)
        .args(["-I", "-S", "-u", "-c", PIPE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("a pipe")?;
    let mut output = BufReader::new(child.stdout.take().context("a pipe")?);
    let mut line = String::new();
    let time = nanoseconds(50, || {
        input.write_all(b"foo()\n")?;
        line.clear();
        Ok(output.read_line(&mut line)?)
    });
    drop(input);
    child.wait()?;
    time
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
    group.bench_function("list_1000_both_ways", |b| b.iter(|| bench.list_both_ways()));
    group.bench_function("1000_objects", |b| b.iter(|| bench.objects()));
    group.finish();
    criterion.final_summary();
    Ok(())
}
