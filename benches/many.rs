//! Many interpreters: how many fit, how many a second, what one that awaits costs, how fairly a pool serves.
//!
//! Measured against: themselves on one core and alone, in the same run; what each figure stands for is said where it is
//! taken. Left out: peers, which `benches/peers` runs on the same work.
//!
//! `cargo bench --bench many -- --figures` prints the figures. `cargo bench --bench many -- --soak 200000` starts, runs
//! and drops so many interpreters, some of which trap, run out of time or are cancelled, and prints memory and
//! descriptors as it goes, a line of comma-separated values every 1,000.

use anyhow::{Context as _, Result, ensure};
use criterion::Criterion;
use ophidia::{Error, Function, Interpreter, Pool, Runtime, Sandbox, Tenant, Value};
use ophidia_benches::{figure, figures_wanted, median, memory_kib, raise_open_files};

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Interpreters alive at once.
const ALIVE: u32 = 10_000;

/// How long they wait: until all of them do.
const WAIT: Duration = Duration::from_secs(25);

/// Awaits in one program.
const AWAITS: u32 = 100_000;

/// Ten statements as an agent writes them, fed one by one to a session that is kept.
const AGENT: [&str; 10] = [
    "prices = {'tea': 2.5, 'coffee': 3.0, 'cake': 4.25}",
    "order = ['tea', 'cake', 'tea']",
    "total = sum(prices[item] for item in order)",
    "def discount(amount, rate=0.1):\n    return amount - amount * rate",
    "due = discount(total)",
    "words = 'the quick brown fox'.split()",
    "lengths = {word: len(word) for word in words}",
    "longest = max(lengths, key=lengths.get)",
    "squares = [n * n for n in range(10) if n % 2]",
    "report = f'{longest}: {due:.2f} {sum(squares)}'",
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--soak");
    if arguments.next().is_some() {
        let count = arguments.next().context("--soak N")?.parse()?;
        return soak(count);
    }
    if figures_wanted() { figures() } else { criterion() }
}

fn runtime() -> Result<Runtime> {
    let cache = ophidia::guest::ambient_cache_dir().unwrap_or_default();
    Ok(Runtime::builder(cache).max_interpreters(ALIVE + 256).idle_memory(1 << 30).build()?)
}

fn figures() -> Result<()> {
    let _ = raise_open_files(u64::from(ALIVE) + 1_024);
    // Of a runtime of their own: ten thousand slots that were in use make each start in another one slower.
    waiting(&runtime()?)?;
    let runtime = runtime()?;
    starts(&runtime)?;
    awaits(&runtime)?;
    agent(&runtime)?;
    acquire(&runtime)?;
    fairness(&runtime)?;
    alive(&runtime)
}

/// Starts one, runs `x = 1` and drops it, on so many threads for a while; how many a second.
fn started_per_second(runtime: &Runtime, threads: usize) -> Result<f64> {
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    let counts: Vec<Result<u64>> = thread::scope(|scope| {
        let one = || {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                let mut py = runtime.interpreter().build()?;
                py.run("x = 1")?;
                count += 1;
            }
            Ok(count)
        };
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        thread::sleep(Duration::from_millis(1_000));
        stop.store(true, Ordering::Relaxed);
        all.into_iter().map(|it| it.join().unwrap_or(Ok(0))).collect()
    });
    let total: u64 = counts.into_iter().sum::<Result<u64>>()?;
    Ok(total as f64 / began.elapsed().as_secs_f64())
}

fn starts(runtime: &Runtime) -> Result<()> {
    started_per_second(runtime, 4)?;
    let [mut one, mut two, mut four] = [const { Vec::new() }; 3];
    for _ in 0..3 {
        one.push(started_per_second(runtime, 1)?);
        two.push(started_per_second(runtime, 2)?);
        four.push(started_per_second(runtime, 4)?);
    }
    let (one, two, four) = (median(one), median(two), median(four));
    figure("starts_per_s", one, "1/s");
    figure("starts_two_ratio", two / one, "x");
    figure("starts_four_ratio", four / two, "x");
    let busy = |threads: usize| -> Result<f64> {
        let began = Instant::now();
        let done: Vec<Result<()>> = thread::scope(|scope| {
            let one = || {
                let mut py = runtime.interpreter().build()?;
                py.run("total = 0\nfor i in range(3_000_000): total += i")?;
                Ok(())
            };
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|it| it.join().unwrap_or(Ok(()))).collect()
        });
        done.into_iter().collect::<Result<()>>()?;
        Ok(threads as f64 / began.elapsed().as_secs_f64())
    };
    let ratios = (0..3).map(|_| Ok(busy(2)? / busy(1)?)).collect::<Result<Vec<_>>>()?;
    figure("two_core_scaling", median(ratios), "x");
    Ok(())
}

/// Awaits of a function of the host that is ready at once, and of one that has to be waited for.
fn awaits(runtime: &Runtime) -> Result<()> {
    let tokio =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut py = runtime.interpreter().tokio(tokio.handle().clone()).build()?;
    py.set("ready", Function::new_async("ready", || async { 1_i64 }))?;
    let later = || async {
        tokio::task::yield_now().await;
        1_i64
    };
    py.set("later", Function::new_async("later", later))?;
    // As services do: on a thread of the runtime's.
    let measured = tokio.spawn(async move {
        for (key, name) in [("await_host_us", "ready"), ("await_host_later_us", "later")] {
            let program = format!("for _ in range({AWAITS}): await {name}()");
            py.run_async(&program).await?;
            let peak = py.usage().peak_memory;
            let began = Instant::now();
            py.run_async(&program).await?;
            figure(key, began.elapsed().as_secs_f64() * 1e6 / f64::from(AWAITS), "us");
            ensure!(py.usage().peak_memory == peak, "memory that grows with the awaits");
        }
        let program = format!("import asyncio\nfor _ in range({AWAITS}): await asyncio.sleep(0)");
        let began = Instant::now();
        py.run_async(&program).await?;
        figure("idle_step_us", began.elapsed().as_secs_f64() * 1e6 / f64::from(AWAITS), "us");
        Ok(())
    });
    tokio.block_on(measured)?
}

/// A session is made, and fed ten statements.
fn agent(runtime: &Runtime) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..1_000 {
        let began = Instant::now();
        let mut py = runtime.interpreter().build()?;
        for statement in AGENT {
            py.run(statement)?;
        }
        let said: String = py.eval_as("report")?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(said == "quick: 8.32 165", "{said}");
    }
    figure("agent_run_ms", median(times), "ms");
    Ok(())
}

/// The 99th of a hundred.
fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * 99 / 100).copied().unwrap_or_default()
}

/// How long a request waits for an interpreter that is warm, from being handed in to running.
fn acquire(runtime: &Runtime) -> Result<()> {
    let pool = Pool::builder(runtime.clone()).workers(2).warm(64, 64).build()?;
    thread::sleep(Duration::from_millis(200));
    let mut times = Vec::new();
    for _ in 0..5_000 {
        let done = pool.request().with(|_| Ok(())).wait_full()?;
        times.push(done.queued.as_secs_f64() * 1e6);
        // Services are not asked without a break: what was used is made anew meanwhile.
        thread::sleep(Duration::from_micros(200));
    }
    figure("acquire_p50_us", median(times.clone()), "us");
    figure("acquire_p99_us", p99(times), "us");
    Ok(())
}

/// A tenant that asks for little, alone and beside one that floods the pool with guests that compute.
fn fairness(runtime: &Runtime) -> Result<()> {
    let pool = Pool::builder(runtime.clone())
        .workers(2)
        .queue(100_000)
        .tenant("flood", Tenant::default())
        .tenant("light", Tenant::default())
        .build()?;
    let light = || -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..400 {
            let began = Instant::now();
            let sum: i64 = pool.request().tenant("light").eval("sum(range(200_000))").wait()?;
            ensure!(sum == 19_999_900_000);
            times.push(began.elapsed().as_secs_f64() * 1e3);
            thread::sleep(Duration::from_millis(2));
        }
        Ok(p99(times))
    };
    let alone = light()?;
    let flood: Vec<_> =
        (0..16).map(|_| pool.request().tenant("flood").run("while True: pass")).collect();
    thread::sleep(Duration::from_millis(200));
    let beside = light()?;
    drop(flood);
    figure("light_alone_p99_ms", alone, "ms");
    figure("light_beside_p99_ms", beside, "ms");
    figure("fairness_ratio", beside / alone, "x");
    Ok(())
}

/// Ten thousand that await timers, and functions of the host.
fn waiting(runtime: &Runtime) -> Result<()> {
    let tokio =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let sandbox = Sandbox::builder().tokio(tokio.handle().clone()).build()?;
    let (before, threads_before) = (memory_kib("Private_Dirty")?, threads());
    let end = Instant::now() + WAIT;
    let resting = Arc::new(AtomicU32::new(0));
    let mut all: JoinSet<Result<(Instant, Interpreter)>> = JoinSet::new();
    for index in 0..ALIVE {
        let mut py = runtime.start(&sandbox)?;
        let by_host = index % 2 == 1;
        if by_host {
            let until = tokio::time::Instant::from_std(end);
            py.set("nap", Function::new_async("nap", move || tokio::time::sleep_until(until)))?;
        }
        let resting = Arc::clone(&resting);
        let waits = async move {
            let left = end.saturating_duration_since(Instant::now()).as_secs_f64();
            let program = match by_host {
                true => "await nap()".to_owned(),
                false => format!("import asyncio\nawait asyncio.sleep({left})"),
            };
            let mut run = Box::pin(py.run_async(&program));
            let mut counted = false;
            poll_fn(|context| {
                let polled = run.as_mut().poll(context);
                if polled.is_pending() && !std::mem::replace(&mut counted, true) {
                    resting.fetch_add(1, Ordering::Relaxed);
                }
                polled
            })
            .await?;
            drop(run);
            Ok((Instant::now(), py))
        };
        all.spawn_on(waits, tokio.handle());
    }
    while resting.load(Ordering::Relaxed) < ALIVE {
        ensure!(Instant::now() < end, "all wait before the first is to be woken");
        thread::sleep(Duration::from_millis(10));
    }
    let (during, threads_during) = (memory_kib("Private_Dirty")?, threads());
    let last = tokio.block_on(async {
        let mut last = end;
        let mut ended = Vec::new();
        while let Some(one) = all.join_next().await {
            let (at, py) = one??;
            last = last.max(at);
            ended.push(py);
        }
        anyhow::Ok(last)
    })?;
    figure("waiting_kib", (during - before) / f64::from(ALIVE), "KiB");
    figure("waiting_threads", threads_during.saturating_sub(threads_before) as f64, "threads");
    figure("woken_10000_ms", last.saturating_duration_since(end).as_secs_f64() * 1e3, "ms");
    Ok(())
}

/// As many as that, each having answered a call.
fn alive(runtime: &Runtime) -> Result<()> {
    let before = memory_kib("Private_Dirty")?;
    let mut alive: Vec<Interpreter> = Vec::new();
    for index in 0..i64::from(ALIVE) {
        let mut py = runtime.interpreter().build()?;
        py.run("def answer(n): return n + 1")?;
        let answer = py.get("answer")?;
        ensure!(answer.call_as::<i64>(&mut py, (index,))? == index + 1);
        alive.push(py);
    }
    let each = (memory_kib("Private_Dirty")? - before) / f64::from(ALIVE);
    for (index, py) in alive.iter_mut().enumerate() {
        ensure!(py.eval("answer(0)")? == Value::Int(1), "{index}");
    }
    figure("alive_kib", each, "KiB");
    figure("live_per_4gib", 4.0 * 1024.0 * 1024.0 / each, "interpreters");
    Ok(())
}

/// Starts, runs and drops so many, one in ten of which does not end well.
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is its output")]
fn soak(count: u64) -> Result<()> {
    let runtime = runtime()?;
    let quick =
        Sandbox::builder().timeout(Duration::from_millis(2)).grace(Duration::ZERO).build()?;
    let plain = Sandbox::builder().build()?;
    let small = Sandbox::builder().memory(48 << 20).build()?;
    let failed = Arc::new(AtomicBool::new(false));
    println!("started,resident_kib,private_kib,descriptors");
    for index in 0..count {
        let outcome = match index % 40 {
            0 => runtime.start(&quick)?.run("while True: pass"),
            10 => runtime.start(&plain)?.run("import os; os.abort()"),
            20 => {
                let mut py = runtime.start(&plain)?;
                py.interrupter().cancel();
                py.run("while True: pass")
            }
            30 => runtime.start(&small)?.run("held = []\nwhile True: held.append(bytes(1 << 20))"),
            _ => runtime.start(&plain)?.run("x = [str(i) for i in range(100)]"),
        };
        let expected = match (index % 40, &outcome) {
            (0 | 30, Err(Error::Limit(_))) | (20, Err(Error::Cancelled)) => true,
            (10, Err(_)) => true,
            (0 | 10 | 20 | 30, _) => false,
            (_, outcome) => outcome.is_ok(),
        };
        if !expected {
            failed.store(true, Ordering::Relaxed);
            eprintln!("{index}: {outcome:?}");
        }
        if index % 1_000 == 999 {
            let descriptors = std::fs::read_dir("/proc/self/fd")?.count();
            let (resident, private) = (memory_kib("Rss")?, memory_kib("Private_Dirty")?);
            println!("{},{resident},{private},{descriptors}", index + 1);
        }
    }
    ensure!(!failed.load(Ordering::Relaxed), "some ended otherwise than they should");
    Ok(())
}

fn criterion() -> Result<()> {
    let runtime = runtime()?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut py = runtime.interpreter().build()?;
    py.run("import asyncio")?;
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    criterion.bench_function("many/await", |bencher| {
        bencher.iter(|| tokio.block_on(py.eval_async("await asyncio.sleep(0, 1)")));
    });
    let pool = Pool::builder(runtime.clone()).workers(2).warm(16, 64).build()?;
    criterion.bench_function("many/request", |bencher| {
        bencher.iter(|| pool.eval::<i64>("6 * 7").wait());
    });
    criterion.final_summary();
    Ok(())
}
