//! What the commands share that run another project's test-suite inside the guest, piece by piece, and
//! compare with the differences written down.
#![expect(clippy::print_stdout, reason = "what commands report on standard output")]

mod expected;
mod report;
mod scratch;
mod tree;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use clap::Args;

use crate::repository;

pub use expected::{Expected, Share};
pub use report::{Count, Outcome, Report, TestResult};
pub use scratch::Scratch;
pub(crate) use tree::compile;
pub use tree::unpacked;

/// A test-suite and where its command keeps what belongs to it.
#[derive(Debug)]
pub struct Suite {
    /// The command's name, and that of its folder below `tests`.
    pub name: &'static str,
    /// What its pieces are called, such as `modules`.
    pub pieces: &'static str,
}

/// The options of every such command.
#[derive(Debug, Args)]
pub struct Options {
    /// Rewrite expected.toml for what was run; new differences get a reason beginning with `?`, to be
    /// replaced by the true one.
    #[arg(long)]
    pub update: bool,
    /// Show the traceback of every test that fails.
    #[arg(long)]
    pub tracebacks: bool,
    /// Count the reasons for which tests were skipped.
    #[arg(long)]
    pub skipped: bool,
    /// How many interpreters run at the same time [default: the number of cores].
    #[arg(long)]
    pub jobs: Option<usize>,
}

impl Suite {
    /// A file that belongs to the command, such as `driver.py`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        repository().join("tests").join(self.name).join(name)
    }

    /// Runs every piece and prints a line for each as it ends, and the totals.
    ///
    /// # Errors
    /// When there is no piece, or it is not known how many cores there are.
    pub fn run<P: Send>(
        &self,
        pieces: Vec<P>,
        options: &Options,
        run: impl Fn(&P) -> Report + Sync,
    ) -> Result<Vec<Report>> {
        ensure!(!pieces.is_empty(), "there are no {} to run", self.pieces);
        let jobs = match options.jobs {
            Some(jobs) => jobs.max(1),
            None => std::thread::available_parallelism()?.get(),
        };
        let queue = Mutex::new(VecDeque::from(pieces));
        let reports = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().expect("no worker panics").pop_front();
                        let Some(piece) = next else { break };
                        let report = run(&piece);
                        report.print(options.tracebacks);
                        reports.lock().expect("no worker panics").push(report);
                    }
                });
            }
        });
        let reports = reports.into_inner().expect("no worker panics");
        if options.skipped {
            print_skipped(&reports);
        }
        self.print_totals(&reports);
        Ok(reports)
    }

    fn print_totals(&self, reports: &[Report]) {
        let (mut total, mut seconds) = (Count::default(), 0.0);
        for report in reports {
            let count = report.count();
            total.passed += count.passed;
            total.failed += count.failed;
            total.skipped += count.skipped;
            seconds += report.duration.as_secs_f64();
        }
        println!("{} {}: {total}, {seconds:.1} s", reports.len(), self.pieces);
    }

    /// The differences written down.
    ///
    /// # Errors
    /// When `expected.toml` cannot be read or is not well formed.
    pub fn expected(&self) -> Result<Expected> {
        Expected::load(self.file("expected.toml"))
    }

    /// Compares with the differences written down, or takes what came out as the new ones. `whole` says that
    /// nothing was left out.
    ///
    /// # Errors
    /// When `expected.toml` cannot be read or written.
    pub fn judge(&self, reports: &[Report], options: &Options, whole: bool) -> Result<ExitCode> {
        let mut expected = self.expected()?;
        if options.update {
            expected.update(reports);
            expected.store()?;
            println!(
                "expected.toml: {} differences, {} without a reason",
                expected.len(),
                expected.unexplained()
            );
            return Ok(ExitCode::SUCCESS);
        }
        let mut complaints = expected.compare(reports);
        if whole {
            complaints.extend(expected.not_run(reports));
        }
        for complaint in &complaints {
            println!("{complaint}");
        }
        if complaints.is_empty() {
            println!("as expected");
            return Ok(ExitCode::SUCCESS);
        }
        println!(
            "{} complaints; once each is understood: {} --update NAME…, and give the reasons",
            complaints.len(),
            self.name
        );
        Ok(ExitCode::FAILURE)
    }
}

fn print_skipped(reports: &[Report]) {
    let mut reasons = BTreeMap::<_, usize>::new();
    for report in reports {
        for result in report.tests.values().filter(|test| test.outcome == Outcome::Skipped) {
            *reasons.entry((&report.name, &result.note)).or_default() += 1;
        }
    }
    for ((name, reason), times) in reasons {
        println!("{name:42} {times:5} skipped: {reason}");
    }
}
