//! CPython's own test-suite as the judge of the guest.
//!
//! Runs modules of `Lib/test`, taken from the pinned source archive, each in an interpreter of its own,
//! and compares with the differences written down in `expected.toml`. From the repository's root:
//!
//! ```text
//! cargo run --release -p ophidia-tests --bin cpython                          all of them
//! cargo run --release -p ophidia-tests --bin cpython -- --quick               ten, as with every change
//! cargo run --release -p ophidia-tests --bin cpython -- --tracebacks test_io  one, with its failures
//! cargo run --release -p ophidia-tests --bin cpython -- --update test_io      take what came out
//! ```
#![expect(clippy::print_stdout, reason = "a command reports on standard output")]

mod expected;
mod modules;
mod run;
mod tree;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use crate::expected::Expected;
use crate::run::{Report, Runner};

/// Run CPython's own test-suite inside the guest and compare with the differences written down.
#[derive(Debug, Parser)]
#[command(name = "cpython", version)]
struct Options {
    /// Only the ten quickest modules.
    #[arg(long, conflicts_with = "modules")]
    quick: bool,
    /// Rewrite tests/cpython/expected.toml for the modules run; new differences get a reason beginning
    /// with `?`, to be replaced by the true one.
    #[arg(long)]
    update: bool,
    /// Run under the native Python of the same version instead, and compare with nothing.
    #[arg(long, conflicts_with = "update")]
    native: bool,
    /// Show the traceback of every test that fails.
    #[arg(long)]
    tracebacks: bool,
    /// How many modules run at the same time [default: the number of cores].
    #[arg(long)]
    jobs: Option<usize>,
    /// Modules to run, as in `test_json` [default: every one of tests/cpython/modules.toml].
    modules: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let chosen = modules::choose(options.quick, &options.modules)?;
    let count = chosen.len();
    let runner = Runner::new(options.native)?;
    let jobs = match options.jobs {
        Some(jobs) => jobs.max(1),
        None => std::thread::available_parallelism()?.get(),
    };

    let queue = Mutex::new(VecDeque::from(chosen));
    let reports = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no worker panics").pop_front();
                    let Some(module) = next else { break };
                    let report = runner.run(&module);
                    print_report(&report, options.tracebacks);
                    reports.lock().expect("no worker panics").push(report);
                }
            });
        }
    });
    let reports = reports.into_inner().expect("no worker panics");
    print_totals(&reports, count);
    if options.native {
        return Ok(ExitCode::SUCCESS);
    }

    let mut expected = Expected::load()?;
    if options.update {
        expected.update(&reports);
        expected.store()?;
        println!(
            "expected.toml: {} differences, {} without a reason",
            expected.len(),
            expected.unexplained()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let complaints = expected.compare(&reports);
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        println!("as expected");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{} complaints; once each is understood: cpython --update MODULE…, and give the reasons",
        complaints.len()
    );
    Ok(ExitCode::FAILURE)
}

fn print_report(report: &Report, tracebacks: bool) {
    let count = report.count();
    println!(
        "{:30} {:5} passed {:4} failed {:4} skipped {:7.1} s{}",
        report.module,
        count.passed,
        count.failed,
        count.skipped,
        report.duration.as_secs_f64(),
        report.ending(),
    );
    if tracebacks {
        for (test, result) in report.differences() {
            println!("  {} {test}: {}\n{}", result.outcome, result.note, result.detail);
        }
    }
}

fn print_totals(reports: &[Report], count: usize) {
    let sum = |of: fn(&run::Count) -> usize| {
        reports.iter().map(|report| of(&report.count())).sum::<usize>()
    };
    let seconds = reports.iter().map(|report| report.duration).sum::<Duration>().as_secs_f64();
    println!(
        "{count} modules: {} passed, {} failed, {} skipped, {seconds:.1} s",
        sum(|count| count.passed),
        sum(|count| count.failed),
        sum(|count| count.skipped),
    );
}
