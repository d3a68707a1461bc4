//! One piece of a test-suite, run by a driver inside the guest; again after a crash, without what has been run.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Deserialize;

use super::scratch::Scratch;

/// After so many crashes the rest of a piece is given up.
const MAX_RUNS: usize = 12;

/// What came of one test, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The interpreter ended while the test was running.
    Crashed,
    /// An exception that is no failed assertion.
    Error,
    /// An assertion failed.
    Failed,
    /// It passed although its authors expect a failure.
    UnexpectedSuccess,
    /// As it should.
    Passed,
    /// It failed as its authors expect.
    ExpectedFailure,
    /// It was not run.
    Skipped,
}

/// The outcome, the line that says why, and the whole traceback.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// The outcome.
    pub outcome: Outcome,
    /// Why, in a line.
    pub note: String,
    /// The traceback.
    pub detail: String,
}

/// What came of one piece.
#[derive(Debug)]
pub struct Report {
    /// The piece's name.
    pub name: String,
    /// The worst result under each test's name.
    pub tests: BTreeMap<String, TestResult>,
    /// How many tests passed; more than there are names when a name is used twice.
    passed: usize,
    skipped: usize,
    /// How long all runs took together.
    pub duration: Duration,
    complete: bool,
}

/// How many tests came out how.
#[derive(Debug, Default, Clone, Copy)]
pub struct Count {
    /// As they should.
    pub passed: usize,
    /// Not as their authors expect.
    pub failed: usize,
    /// Not run.
    pub skipped: usize,
}

/// The results that differ of all the tests that are one function with several sets of parameters.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) times: usize,
    pub(super) worst: &'a TestResult,
}

/// A line of the results file; the drivers describe them.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line {
    Start { id: String },
    End { id: String, outcome: Outcome, note: String, detail: String },
    Module { outcome: Outcome, note: String, detail: String },
    Done {},
}

impl Report {
    /// Runs a piece in a fresh folder; whatever goes wrong becomes part of the report.
    pub fn of(name: &str, python: impl Fn(&Scratch) -> Command) -> Self {
        let started = Instant::now();
        let mut report = Self {
            name: name.to_owned(),
            tests: BTreeMap::new(),
            passed: 0,
            skipped: 0,
            duration: Duration::ZERO,
            complete: false,
        };
        if let Err(error) = report.run_until_done(python) {
            report.add("(host)".to_owned(), Outcome::Crashed, format!("{error:#}"), String::new());
        }
        report.duration = started.elapsed();
        report
    }

    fn run_until_done(&mut self, python: impl Fn(&Scratch) -> Command) -> Result<()> {
        let scratch = Scratch::new()?;
        let mut ended = String::new();
        for _ in 0..MAX_RUNS {
            let before = fs::read_to_string(scratch.results()).unwrap_or_default().len();
            let mut python = python(&scratch);
            scratch.furnish(&mut python)?;
            let status = python.status()?;
            let lines = fs::read_to_string(scratch.results()).unwrap_or_default();
            let running = self.take(lines.get(before..).unwrap_or_default())?;
            ended = format!("{status}: {}", last_line(&fs::read(scratch.errors())?));
            if self.complete {
                if !status.success() {
                    self.add("(exit)".to_owned(), Outcome::Crashed, ended, String::new());
                }
                return Ok(());
            }
            match running {
                Some(id) => self.add(id, Outcome::Crashed, ended.clone(), String::new()),
                None => break,
            }
        }
        self.add("(rest)".to_owned(), Outcome::Crashed, ended, String::new());
        Ok(())
    }

    /// Takes in what one run wrote; gives the test that was running when it ended.
    fn take(&mut self, lines: &str) -> Result<Option<String>> {
        let mut running = None;
        for line in lines.lines() {
            match serde_json::from_str(line)? {
                Line::Start { id } => running = Some(id),
                Line::End { id, outcome, note, detail } => {
                    running = None;
                    self.add(id, outcome, note, detail);
                }
                Line::Module { outcome, note, detail } => {
                    self.add("(module)".to_owned(), outcome, note, detail);
                }
                Line::Done {} => self.complete = true,
            }
        }
        Ok(running)
    }

    fn add(&mut self, id: String, outcome: Outcome, note: String, detail: String) {
        self.passed += usize::from(outcome == Outcome::Passed);
        self.skipped += usize::from(outcome == Outcome::Skipped);
        let new = TestResult { outcome, note, detail };
        let kept = self.tests.entry(id).or_insert_with(|| new.clone());
        if new.outcome < kept.outcome {
            *kept = new;
        }
    }

    /// How many tests came out how.
    #[must_use]
    pub fn count(&self) -> Count {
        Count { passed: self.passed, failed: self.differences().count(), skipped: self.skipped }
    }

    /// Every test that did not do what its authors expect, and a module that skips itself as a whole.
    pub fn differences(&self) -> impl Iterator<Item = (&String, &TestResult)> {
        self.tests.iter().filter(|(id, result)| {
            result.outcome < Outcome::Passed
                || (result.outcome == Outcome::Skipped && *id == "(module)")
        })
    }

    /// The same by the name of the test's function.
    pub(super) fn groups(&self) -> BTreeMap<&str, Group<'_>> {
        let mut groups = BTreeMap::new();
        for (id, result) in self.differences() {
            let group = groups.entry(function(id)).or_insert(Group { times: 0, worst: result });
            group.times += 1;
            if result.outcome < group.worst.outcome {
                group.worst = result;
            }
        }
        groups
    }

    /// What came of a function's tests, the best of them, if any was run.
    pub(super) fn best(&self, name: &str) -> Option<Outcome> {
        let tests = self.tests.iter().filter(|(id, _)| function(id) == name);
        tests.map(|(_, result)| result.outcome).max()
    }

    /// Prints its line, and the tracebacks if wished.
    #[expect(clippy::print_stdout, reason = "what commands report on standard output")]
    pub(super) fn print(&self, tracebacks: bool) {
        let (count, seconds) = (self.count(), self.duration.as_secs_f64());
        println!("{:42} {count:#} {seconds:7.1} s{}", self.name, self.ending());
        if tracebacks {
            for (test, result) in self.differences() {
                println!("  {} {test}: {}\n{}", result.outcome, result.note, result.detail);
            }
        }
    }

    /// Words for the end of its line when it was not a plain one.
    fn ending(&self) -> String {
        let whole = ["(module)", "(host)", "(exit)", "(rest)"];
        let found = self.tests.iter().find(|(id, _)| whole.contains(&id.as_str()));
        let crashes =
            self.tests.values().filter(|result| result.outcome == Outcome::Crashed).count();
        match found {
            Some((id, result)) => format!("  {} {id}: {}", result.outcome, result.note),
            None if crashes > 0 => format!("  {crashes} crashed"),
            None => String::new(),
        }
    }
}

/// A test's name without its parameters.
fn function(id: &str) -> &str {
    id.split_once('[').map_or(id, |(name, _)| name)
}

impl fmt::Display for Count {
    /// In columns when alternate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        if f.alternate() {
            write!(f, "{passed:5} passed {failed:4} failed {skipped:4} skipped")
        } else {
            write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crashed => "crashed",
            Self::Error => "error",
            Self::Failed => "failed",
            Self::UnexpectedSuccess => "unexpected success",
            Self::Passed => "passed",
            Self::ExpectedFailure => "expected failure",
            Self::Skipped => "skipped",
        })
    }
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect()
}
