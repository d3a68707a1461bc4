//! How long after its deadline a program goes on: the most of what one check of the clock and the next are apart.
//!
//! Programs that never end, or end much later, of every kind that has something to itself: loops, calls of functions of
//! any size, exceptions, generators, one long call of the library written in C, copies of memory. Each is given
//! 50 ms, many times; what is measured is how long the call took beyond that.
//!
//! `cargo bench --bench deadline -- --figures` prints the figures: the 99th percentile of all, the worst program's
//! median, and its number.

use anyhow::{Result, ensure};
use criterion::Criterion;
use ophidia::{Error, LimitExceeded, Runtime};
use ophidia_benches::{figure, figures_wanted, median};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_millis(50);

/// How often each is run.
const TIMES: usize = 20;

/// What goes before, within no deadline to speak of; and what does not end in time.
const PROGRAMS: &[(&str, &str)] = &[
    ("", "while True: pass"),
    ("", "for i in iter(int, 1): i * 2"),
    ("def f(): pass", "while True: f()"),
    ("exec('def f():\\n' + ' x = 1\\n' * 100_000)", "while True: f()"),
    ("exec('def f(x):\\n' + ' x = x + 1\\n' * 100_000)", "while True: f(1)"),
    (
        "exec('def f():\\n' + ' x = 1\\n' * 20_000)\nfor i in range(64): f()",
        "while True: [f() for i in range(10)]",
    ),
    ("exec('def f():\\n' + ' yield 1\\n' * 20_000)", "while True: list(f())"),
    ("class A:\n def __init__(self): self.a = 1", "while True: A()"),
    ("def f(): raise ValueError", "while True:\n try: f()\n except ValueError: pass"),
    ("", "while True:\n try:\n  while True: [][1]\n except IndexError: pass"),
    ("", "9 ** (9 ** 8)"),
    ("a = 3 ** 3_000_000", "a * a"),
    ("a = 7 ** 200_000", "str(a) if __import__('sys').set_int_max_str_digits(0) is None else 0"),
    ("a = list(range(3_000_000, 0, -1)) * 2", "while True: sorted(a)"),
    ("a = bytearray(64 << 20)", "while True: bytes(a)"),
    ("a = bytearray(64 << 20)", "while True: a.find(b'x')"),
    ("a = 'a' * (32 << 20)", "while True: a.encode().decode()"),
    ("import re", "re.match(r'(a+)+$', 'a' * 64 + 'b')"),
    ("import hashlib\na = bytes(32 << 20)", "while True: hashlib.sha256(a)"),
    ("import hashlib", "hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10 ** 9)"),
    ("import zlib\na = bytes(32 << 20)", "while True: zlib.compress(a)"),
    ("import json\na = '[' + '1,' * 2_000_000 + '1]'", "while True: json.loads(a)"),
    ("import numpy\na = numpy.ones((600, 600))", "while True: a @ a"),
    ("import numpy\na = numpy.ones(4_000_000)", "while True: numpy.sort(a * -1)"),
    ("import itertools", "for x in itertools.product(range(10 ** 6), repeat=2): pass"),
    ("import time", "time.sleep(60)"),
    ("a = []\nfor i in range(2_000_000): a.append([a])", "import gc\nwhile True: gc.collect()"),
];

fn main() -> Result<()> {
    if figures_wanted() { figures() } else { criterion() }
}

/// Milliseconds beyond the deadline.
fn overshoot(runtime: &Runtime, before: &str, program: &str) -> Result<f64> {
    let mut py = runtime.interpreter().timeout(None).memory(1 << 30).build()?;
    py.run(before)?;
    let limit = LIMIT;
    // The limit is the interpreter's: what goes before has to be done in one without it, so it is taken off.
    let interrupter = py.interrupter();
    let (sender, receiver) = std::sync::mpsc::channel();
    let canceller = std::thread::spawn(move || {
        receiver.recv().ok();
        std::thread::sleep(limit);
        let at = Instant::now();
        interrupter.cancel();
        at
    });
    sender.send(())?;
    let result = py.run(program);
    let ended = Instant::now();
    let at = canceller.join().map_err(|_| anyhow::anyhow!("the canceller panicked"))?;
    ensure!(matches!(result, Err(Error::Cancelled)), "{program}: {result:?}");
    Ok(ended.saturating_duration_since(at).as_secs_f64() * 1e3)
}

/// The same by the deadline itself, of programs that need nothing before.
fn beyond(runtime: &Runtime, program: &str) -> Result<f64> {
    let mut py = runtime.interpreter().timeout(LIMIT).grace(Duration::ZERO).build()?;
    let start = Instant::now();
    let result = py.run(program);
    let took = start.elapsed();
    ensure!(
        matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))),
        "{program}: {result:?}"
    );
    Ok(took.saturating_sub(LIMIT).as_secs_f64() * 1e3)
}

fn figures() -> Result<()> {
    let runtime = Runtime::ambient()?;
    let (mut all, mut worst) = (Vec::new(), (0.0, 0));
    for (number, (before, program)) in PROGRAMS.iter().enumerate() {
        let measure = || match *before {
            "" => beyond(&runtime, program),
            before => overshoot(&runtime, before, program),
        };
        let times = (0..TIMES).map(|_| measure()).collect::<Result<Vec<_>>>()?;
        all.extend(&times);
        let typical = median(times);
        if typical > worst.0 {
            worst = (typical, number);
        }
    }
    all.sort_by(f64::total_cmp);
    figure("deadline_overshoot_ms", all[all.len() * 99 / 100], "ms");
    figure("deadline_overshoot_median_ms", all[all.len() / 2], "ms");
    figure("deadline_overshoot_worst_ms", worst.0, "ms");
    figure("deadline_overshoot_worst_program", worst.1 as f64, "number");
    Ok(())
}

fn criterion() -> Result<()> {
    let runtime = Runtime::ambient()?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("deadline");
    group.sample_size(10);
    for (_, program) in PROGRAMS.iter().filter(|(before, _)| before.is_empty()).take(3) {
        group.bench_function(*program, |b| b.iter(|| beyond(&runtime, program).is_ok()));
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
