//! Tasklets: spawning, messages, calls, inside an interpreter and between two; beside them asyncio's own tasks and queues in
//! the same interpreter, and Erlang where `erl` is installed.
//!
//! `cargo bench --bench tasklets -- --figures` prints the figures, `-- --growth` how the time grows with the number of
//! tasklets, which `benches/plot.py` draws. Left out: starting interpreters, which `cold_start`
//! and `many` measure.

#[path = "tasklets/erlang.rs"]
mod erlang;
#[path = "tasklets/nodes.rs"]
mod nodes;

use anyhow::{Context, Result, ensure};
use ophidia::{Group, Mailbox, Pool, Runtime, Sandbox, Value};
use ophidia_benches::{figure, figures_wanted, median};
use std::time::{Duration, Instant};

const PROGRAMS: &str = include_str!("tasklets/programs.py");
const DISPATCH: &str = include_str!("tasklets/dispatch.py");
const LONG: Duration = Duration::from_secs(100);

fn sandbox() -> Result<Sandbox> {
    Ok(Sandbox::builder().timeout(LONG).memory(2 << 30).host_calls(u64::MAX).build()?)
}

/// Says what is left out, on standard error.
fn note(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn main() -> Result<()> {
    match std::env::args().any(|argument| argument == "--growth") {
        true => growth(),
        false if figures_wanted() => figures(),
        false => criterion(),
    }
}

/// Seconds of a function of the programs, in an interpreter of its own; and bytes of its memory at most.
fn seconds(runtime: &Runtime, call: &str) -> Result<(f64, u64)> {
    let mut py = runtime.start(&sandbox()?)?;
    py.run(PROGRAMS)?;
    let seconds = py.eval_as(call)?;
    Ok((seconds, py.usage().peak_memory))
}

/// How the time grows with the number of tasklets, as comma-separated values.
#[allow(clippy::print_stdout, reason = "a table is its output")]
fn growth() -> Result<()> {
    let runtime = Runtime::ambient()?;
    println!("tasklets,answered_s,alive_s");
    for count in [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000] {
        let answered = best(&runtime, &format!("timed('answered', {count})"))?;
        let alive = best(&runtime, &format!("timed('alive', {count})"))?;
        println!("{count},{answered},{alive}");
    }
    Ok(())
}

fn best(runtime: &Runtime, call: &str) -> Result<f64> {
    let times = (0..3).map(|_| Ok(seconds(runtime, call)?.0)).collect::<Result<Vec<_>>>()?;
    Ok(median(times))
}

fn figures() -> Result<()> {
    let runtime = Runtime::ambient()?;
    inside(&runtime)?;
    between(&runtime)?;
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(nodes::figures(&runtime))
}

fn inside(runtime: &Runtime) -> Result<()> {
    figure("tasklets_1m_s", best(runtime, "timed('spawned', 1_000_000)")?, "s");
    figure("tasklets_answered_1m_s", best(runtime, "timed('answered', 1_000_000)")?, "s");
    let (time, memory) = seconds(runtime, "timed('alive', 1_000_000)")?;
    figure("tasklets_alive_1m_s", time, "s");
    figure("tasklets_alive_1m_gb", memory as f64 / 1e9, "GB");
    for count in [1_000, 10_000, 100_000] {
        let time = best(runtime, &format!("timed('answered', {count})"))?;
        figure(&format!("tasklets_answered_{count}_us_each"), time / f64::from(count) * 1e6, "us");
    }
    figure("tasklets_ring_s", best(runtime, "timed('ring', 1000, 1000)")?, "s");
    let pairs = best(runtime, "timed('ping_pong', 500_000)")?;
    figure("messages_domain_per_s", 1e6 / pairs, "1/s");
    let call = best(runtime, "timed('calls', 100_000, 0)")?;
    figure("tasklets_call_us", call * 10.0, "us");
    let call = best(runtime, "timed('calls', 100_000, 100_000)")?;
    figure("tasklets_call_behind_100k_us", call * 10.0, "us");
    let queues = best(runtime, "asyncio_ping_pong(100_000)")?;
    figure("messages_asyncio_ratio", (queues / 100_000.0) / (pairs / 500_000.0), "x");
    if let Some(erlang) = erlang::seconds()? {
        for (name, call) in [
            ("spawned", "timed('spawned', 1_000_000)"),
            ("answered", "timed('answered', 1_000_000)"),
            ("ping_pong", "timed('ping_pong', 500_000)"),
            ("ring", "timed('ring', 1000, 1000)"),
            ("calls", "timed('calls', 100_000, 0)"),
            ("calls_behind", "timed('calls', 100_000, 100_000)"),
        ] {
            let theirs = erlang.get(name).context("one of Erlang's")?;
            figure(&format!("erlang_{name}_s"), *theirs, "s");
            figure(&format!("erlang_{name}_ratio"), theirs / best(runtime, call)?, "x");
        }
    }
    dispatch(runtime)?;
    let tasks = best(runtime, "asyncio_spawned(100_000)")?;
    let own = best(runtime, "timed('spawned', 100_000)")?;
    figure("tasklets_asyncio_ratio", tasks / own, "x");
    Ok(())
}

/// A call of a protocol beside `functools.singledispatch`, and beside a method.
fn dispatch(runtime: &Runtime) -> Result<()> {
    let mut py = runtime.start(&sandbox()?)?;
    py.set("source", DISPATCH)?;
    // As a module: as a program it prints all that it compares.
    py.run("from types import ModuleType\ndispatch = ModuleType('dispatch')")?;
    py.run("exec(source, vars(dispatch))")?;
    let [method, protocol, single]: [f64; 3] = py.eval_as("dispatch.figures()")?;
    figure("protocol_singledispatch_ratio", single / protocol, "x");
    figure("protocol_method_ratio", protocol / method, "x");
    Ok(())
}

/// Two domains over two workers.
struct Two {
    group: Group,
    mailbox: Mailbox,
    domains: [u64; 2],
}

impl Two {
    fn new(runtime: &Runtime) -> Result<Self> {
        let pool = Pool::builder(runtime.clone()).sandbox(sandbox()?).workers(2).build()?;
        let group = Group::builder(&pool).domains(2).code(PROGRAMS).build()?;
        let domains = group.domains().try_into().ok().context("two domains")?;
        Ok(Self { mailbox: group.mailbox(), group, domains })
    }

    async fn done(&mut self) -> Result<()> {
        let said = self.mailbox.receive().await;
        ensure!(said == Value::Str("done".into()), "{said} instead");
        Ok(())
    }

    async fn one_way(&mut self, messages: i64) -> Result<f64> {
        let [one, other] = self.domains;
        let me = Value::Pid(self.mailbox.pid());
        let sink = self.group.spawn_on(other, "count_down", (messages, me)).await?;
        let began = Instant::now();
        self.group.spawn_on(one, "flood", (Value::Pid(sink), messages)).await?;
        self.done().await?;
        Ok(messages as f64 / began.elapsed().as_secs_f64())
    }

    async fn calls(&mut self, callers: i64, each: i64) -> Result<f64> {
        let [one, other] = self.domains;
        let me = Value::Pid(self.mailbox.pid());
        let server = Value::Pid(self.group.spawn_on(other, "Echo", ()).await?);
        let began = Instant::now();
        self.group.spawn_on(one, "callers", (server, callers, each, me)).await?;
        self.done().await?;
        Ok((callers * each) as f64 / began.elapsed().as_secs_f64())
    }

    async fn array(&mut self) -> Result<f64> {
        let [one, other] = self.domains;
        let me = Value::Pid(self.mailbox.pid());
        let taker = Value::Pid(self.group.spawn_on(other, "array_taker", ()).await?);
        self.group.spawn_on(one, "array_giver", (taker, 10, 15, me)).await?;
        match self.mailbox.receive().await {
            Value::Float(seconds) => Ok(seconds),
            other => anyhow::bail!("{other} instead"),
        }
    }

    async fn spin(&mut self, domains: &[u64]) -> Result<f64> {
        let began = Instant::now();
        for domain in domains {
            let me = Value::Pid(self.mailbox.pid());
            self.group.spawn_on(*domain, "spin", (2_000, me)).await?;
        }
        for _ in domains {
            self.done().await?;
        }
        Ok(began.elapsed().as_secs_f64())
    }
}

fn between(runtime: &Runtime) -> Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().build()?;
    tokio.block_on(async {
        let mut two = Two::new(runtime)?;
        if let Err(error) = two.one_way(10_000).await {
            anyhow::bail!("{error}: {:?}", two.group.errors());
        }
        let mut rates = Vec::new();
        for _ in 0..3 {
            rates.push(two.one_way(500_000).await?);
        }
        figure("messages_between_per_s", median(rates), "1/s");
        figure("calls_between_per_s", two.calls(100, 2_000).await?, "1/s");
        figure("call_between_alone_us", 1e6 / two.calls(1, 20_000).await?, "us");
        figure("array_10mb_between_ms", two.array().await? * 1e3, "ms");
        let [one, other] = two.domains;
        let mut ratios = Vec::new();
        for _ in 0..3 {
            let alone = two.spin(&[one]).await?;
            ratios.push(2.0 * alone / two.spin(&[one, other]).await?);
        }
        figure("tasklets_two_domains_ratio", median(ratios), "x");
        Ok(())
    })
}

fn criterion() -> Result<()> {
    let runtime = Runtime::ambient()?;
    let mut criterion = criterion::Criterion::default().sample_size(10).configure_from_args();
    let mut py = runtime.start(&sandbox()?)?;
    py.run(PROGRAMS)?;
    for (name, call) in [
        ("a thousand tasklets spawned and answered", "timed('answered', 1_000)"),
        ("a thousand rounds of ping-pong", "timed('ping_pong', 1_000)"),
        ("a thousand calls of a server", "timed('calls', 1_000, 0)"),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| py.eval_as::<f64>(call).expect("it runs"));
        });
    }
    criterion.final_summary();
    Ok(())
}
