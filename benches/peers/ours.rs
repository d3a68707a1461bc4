//! Ophidia's side: the same pieces as `pieces.py` has for the peers, done with the library.

use crate::work;
use anyhow::{Context as _, Result, bail, ensure};
use ophidia::{Interpreter, Runtime, Sandbox};
use ophidia_benches::{median, memory_kib, raise_open_files};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The option of this program that has it do a piece.
pub(crate) const OPTION: &str = "--ophidia";

/// Does a piece and prints its figures, or why there are none.
pub(crate) fn main(piece: &str, capability: &str) {
    let figures = figures(piece, capability);
    let answer = figures.unwrap_or_else(|error| json!({"cannot": format!("{error:#}")}));
    crate::print(&answer.to_string());
}

fn figures(piece: &str, capability: &str) -> Result<Value> {
    let cache = ophidia::guest::ambient_cache_dir().unwrap_or_default();
    let runtime = Runtime::builder(cache).max_interpreters(work::ALIVE + 8).build()?;
    let sandbox = Sandbox::builder().timeout(Duration::from_secs_f64(work::DEADLINE)).build()?;
    let start = || runtime.start(&sandbox).context("an interpreter");
    Ok(match piece {
        work::PREPARE => {
            start()?.run(work::STATEMENT)?;
            json!({})
        }
        "first" => first(start)?,
        "agent" => agent(start)?,
        "speed" => speed(start)?,
        "alive" => alive(start)?,
        work::PINNED => starts(start)?,
        work::CAN => can(&runtime, capability)?,
        _ => bail!("no piece of work is named {piece}"),
    })
}

fn first(start: impl Fn() -> Result<Interpreter>) -> Result<Value> {
    let (mut started, mut dropped) = (Vec::new(), Vec::new());
    repeat(|| {
        let began = Instant::now();
        let mut py = start()?;
        py.run(work::STATEMENT)?;
        let had = began.elapsed();
        drop(py);
        dropped.push(micros(began.elapsed()));
        started.push(micros(had));
        Ok(())
    })?;
    Ok(json!({"first_us": median(started), "dropped_us": median(dropped)}))
}

fn agent(start: impl Fn() -> Result<Interpreter>) -> Result<Value> {
    let statements = work::session();
    let mut times = Vec::new();
    repeat(|| {
        let began = Instant::now();
        let mut py = start()?;
        for statement in &statements {
            py.run(statement)?;
        }
        times.push(micros(began.elapsed()));
        expect(&mut py, "print(report)", work::REPORT)
    })?;
    Ok(json!({"agent_us": median(times)}))
}

fn speed(start: impl Fn() -> Result<Interpreter>) -> Result<Value> {
    let mut figures = serde_json::Map::new();
    for program in work::PROGRAMS {
        let mut py = start()?;
        py.run(program.source)?;
        expect(&mut py, "print(main())", program.result)?;
        let mut best = f64::INFINITY;
        for _ in 0..work::PROGRAM_RUNS {
            let began = Instant::now();
            py.run("found = main()")?;
            best = best.min(micros(began.elapsed()));
        }
        figures.insert(format!("{}_us", program.name), best.into());
    }
    Ok(figures.into())
}

fn alive(start: impl Fn() -> Result<Interpreter>) -> Result<Value> {
    // Too few are no failure yet: an interpreter needs few of them.
    let _ = raise_open_files(u64::from(work::ALIVE) + 256);
    let answering = || -> Result<Interpreter> {
        let mut py = start()?;
        py.run("def answer(n):\n    return n + 1\n")?;
        expect(&mut py, "print(answer(1))", "2")?;
        Ok(py)
    };
    let mut sessions = vec![answering()?];
    let before = memory_kib("Pss")?;
    for _ in 0..work::ALIVE {
        sessions.push(answering()?);
    }
    let each = (memory_kib("Pss")? - before) / f64::from(work::ALIVE);
    for py in &mut sessions {
        expect(py, "print(answer(0))", "1")?;
    }
    Ok(json!({"alive_kib": each, "alive": work::ALIVE}))
}

fn starts(start: impl Fn() -> Result<Interpreter>) -> Result<Value> {
    start()?.run(work::STATEMENT)?;
    let mut count = 0.0;
    let began = Instant::now();
    while began.elapsed().as_secs_f64() < work::STARTS_SECONDS {
        start()?.run(work::STATEMENT)?;
        count += 1.0;
    }
    Ok(json!({"starts_per_s": count / began.elapsed().as_secs_f64()}))
}

fn can(runtime: &Runtime, key: &str) -> Result<Value> {
    let wanted = work::capabilities().into_iter().find(|it| it.key == key);
    let wanted = wanted.with_context(|| format!("no capability is named {key}"))?;
    let mut sandbox = Sandbox::builder().timeout(Duration::from_secs_f64(wanted.deadline));
    if let Some(bytes) = wanted.memory {
        sandbox = sandbox.memory(bytes);
    }
    let mut py = runtime.start(&sandbox.build()?)?;
    let began = Instant::now();
    match py.run(&wanted.source) {
        Err(error) => {
            let late = began.elapsed().as_secs_f64() > wanted.deadline + work::LATE;
            Ok(json!({"can": wanted.prints.is_none() && !late, "why": error.to_string()}))
        }
        Ok(()) => {
            let printed = String::from_utf8(py.take_stdout())?;
            Ok(json!({"can": wanted.prints == Some(printed.trim()), "why": printed}))
        }
    }
}

fn repeat(mut action: impl FnMut() -> Result<()>) -> Result<()> {
    let began = Instant::now();
    let mut done = 0;
    let more = |done| done < work::TIMES && began.elapsed().as_secs_f64() < work::SECONDS;
    while done < work::LEAST || more(done) {
        action()?;
        done += 1;
    }
    Ok(())
}

fn expect(py: &mut Interpreter, source: &str, wanted: &str) -> Result<()> {
    py.run(source)?;
    let printed = String::from_utf8(py.take_stdout())?;
    ensure!(printed.trim() == wanted, "printed {printed:?} instead of {wanted:?}");
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
