//! Calls whatever can be reached from numpy's modules, in an interpreter, and reports the calls that end
//! it: where C calls a function through a pointer of another type, WebAssembly traps.
//!
//! `sweep.py` makes the calls; an exception is no finding. From the repository's root:
//!
//! ```text
//! cargo run --release -p ophidia-tests --bin sweep                    everything
//! cargo run --release -p ophidia-tests --bin sweep -- 'object array'  subjects that begin so
//! cargo run --release -p ophidia-tests --bin sweep -- --list          what there is
//! ```
#![expect(clippy::print_stdout, reason = "a command reports on standard output")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use ophidia::{Error, Function, Interpreter, Output, Runtime};
use ophidia_tests::{cache, repository};

const SOURCE: &str = include_str!("sweep.py");

/// How many subjects one interpreter is used for.
const SUBJECTS: usize = 48;

/// After so many faults the rest of a subject is given up.
const MAX_FAULTS: usize = 12;

/// What one subject may take.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Call whatever can be reached from numpy's modules and report what ends the interpreter.
#[derive(Debug, Parser)]
#[command(name = "sweep", version)]
struct Options {
    /// Print the subjects and do nothing.
    #[arg(long)]
    list: bool,
    /// Print each subject with its calls and the time they took.
    #[arg(long)]
    verbose: bool,
    /// Only subjects that begin with one of these.
    subjects: Vec<String>,
}

/// A call that ended the interpreter.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    subject: String,
    call: String,
    error: String,
}

/// What came of some subjects.
#[derive(Debug, Default)]
struct Outcome {
    calls: i64,
    returned: i64,
    /// What of `known.toml` was met.
    skipped: BTreeSet<String>,
    faults: BTreeSet<Fault>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let started = Instant::now();
    let runtime = Runtime::builder(cache()).build()?;
    let subjects = subjects(&runtime, &options.subjects)?;
    if options.list {
        println!("{}", subjects.join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let count = subjects.len();
    let known = known()?;
    let sweep = Sweep { runtime: &runtime, skip: known.clone(), verbose: options.verbose };
    let outcome = sweep.all(subjects)?;
    println!(
        "{count} subjects, {} calls, {} returned, {} faults, {:.1} s",
        outcome.calls,
        outcome.returned,
        outcome.faults.len(),
        started.elapsed().as_secs_f64()
    );
    for Fault { subject, call, error } in &outcome.faults {
        println!("{subject}: {call}: {error}");
    }
    let whole = options.subjects.is_empty();
    let gone: Vec<_> =
        known.iter().filter(|part| whole && !outcome.skipped.contains(*part)).collect();
    for part in &gone {
        println!("{part:?} is in no call's name: take it out of tests/sweep/known.toml");
    }
    let well = outcome.faults.is_empty() && gone.is_empty();
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Parts of the names of calls that are not made.
fn known() -> Result<Vec<String>> {
    let path = repository().join("tests/sweep/known.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let reasons: BTreeMap<String, String> = toml::from_str(&text)?;
    Ok(reasons.into_keys().collect())
}

fn subjects(runtime: &Runtime, wanted: &[String]) -> Result<Vec<String>> {
    let mut py = runtime.interpreter().build()?;
    py.run(SOURCE)?;
    let mut subjects: Vec<String> = py.get("subjects")?.call_as(&mut py, ())?;
    for start in wanted {
        ensure!(subjects.iter().any(|it| it.starts_with(start)), "no subject begins with {start}");
    }
    if !wanted.is_empty() {
        subjects.retain(|subject| wanted.iter().any(|start| subject.starts_with(start)));
    }
    ensure!(!subjects.is_empty(), "there is nothing to sweep");
    Ok(subjects)
}

/// How to sweep.
struct Sweep<'r> {
    runtime: &'r Runtime,
    skip: Vec<String>,
    verbose: bool,
}

impl Sweep<'_> {
    /// Sweeps the subjects on all cores, a few to an interpreter.
    fn all(&self, subjects: Vec<String>) -> Result<Outcome> {
        let queue = Mutex::new(VecDeque::from(subjects));
        let cores = std::thread::available_parallelism()?.get();
        let parts: Vec<Result<Outcome>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(|| self.work(&queue))).collect();
            workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
        });
        let mut all = Outcome::default();
        for part in parts {
            let part = part?;
            all.calls += part.calls;
            all.returned += part.returned;
            all.skipped.extend(part.skipped);
            all.faults.extend(part.faults);
        }
        Ok(all)
    }

    fn work(&self, queue: &Mutex<VecDeque<String>>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        loop {
            let mut queue = queue.lock().expect("no worker panics");
            let some = queue.len().min(SUBJECTS);
            let some: Vec<String> = queue.drain(..some).collect();
            drop(queue);
            if some.is_empty() {
                return Ok(outcome);
            }
            let mut py = self.interpreter()?;
            for subject in some {
                let started = Instant::now();
                let calls = self.subject(&mut py, &subject, &mut outcome)?;
                if self.verbose {
                    println!("{subject}: {calls} calls, {:.2} s", started.elapsed().as_secs_f64());
                }
            }
        }
    }

    /// Sweeps one subject, again after every fault, without the calls that were at fault. Gives how many calls
    /// were made.
    fn subject(&self, py: &mut Interpreter, subject: &str, outcome: &mut Outcome) -> Result<i64> {
        let mut skip = self.skip.clone();
        for _ in 0..MAX_FAULTS {
            let last = Arc::new(Mutex::new(String::new()));
            let told = Arc::clone(&last);
            let mark = Function::new("mark", move |call: String| {
                *told.lock().expect("nobody panics") = call;
            });
            type Swept = (i64, i64, Vec<String>);
            let swept = py.get("run")?.call_as::<Swept>(py, (subject, skip.clone(), mark));
            let error = match swept {
                Ok((calls, returned, skipped)) => {
                    outcome.calls += calls;
                    outcome.returned += returned;
                    outcome.skipped.extend(skipped);
                    return Ok(calls);
                }
                Err(Error::Python(error)) => {
                    format!("{error}\n{}", error.traceback(py).unwrap_or_default())
                }
                Err(error) => error.to_string(),
            };
            let call = last.lock().expect("nobody panics").clone();
            if self.verbose {
                println!("{subject}: {call}: {error}");
            }
            skip.push(call.clone());
            outcome.faults.insert(Fault { subject: subject.to_owned(), call, error });
            *py = self.interpreter()?;
        }
        Ok(0)
    }

    fn interpreter(&self) -> Result<Interpreter> {
        let builder = self.runtime.interpreter().timeout(TIMEOUT);
        let mut py = builder.stdout(Output::discard()).stderr(Output::discard()).build()?;
        py.run(SOURCE)?;
        Ok(py)
    }
}
