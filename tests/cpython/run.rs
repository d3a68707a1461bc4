//! One module, run by `driver.py` inside the guest; again after a crash, without what has been run.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;
use ophidia_tests::{command, guest, repository};
use serde::Deserialize;

use crate::modules::Module;
use crate::tree;

/// After so many crashes the rest of a module is given up.
const MAX_RUNS: usize = 12;

/// What came of one test, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Outcome {
    /// The interpreter ended while the test was running.
    Crashed,
    Error,
    Failed,
    UnexpectedSuccess,
    Passed,
    ExpectedFailure,
    Skipped,
}

/// The outcome, the line that says why, and the whole traceback.
#[derive(Debug, Clone)]
pub(crate) struct TestResult {
    pub(crate) outcome: Outcome,
    pub(crate) note: String,
    pub(crate) detail: String,
}

/// What came of one module.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) module: String,
    pub(crate) tests: BTreeMap<String, TestResult>,
    /// How many tests passed; more than there are names when a name is used twice.
    passed: usize,
    skipped: usize,
    pub(crate) duration: Duration,
    complete: bool,
}

/// How many tests of a module came out how.
#[derive(Debug)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

/// A line of the results file; `driver.py` describes them.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line {
    Start { id: String },
    End { id: String, outcome: Outcome, note: String, detail: String },
    Module { outcome: Outcome, note: String, detail: String },
    Done {},
}

/// Runs modules, by the command or by native Python.
#[derive(Debug)]
pub(crate) struct Runner {
    tree: PathBuf,
    driver: PathBuf,
    native: Option<PathBuf>,
}

impl Runner {
    pub(crate) fn new(native: bool) -> Result<Self> {
        let driver = repository().join("tests/cpython/driver.py");
        let native = native.then(|| guest().native_python());
        if native.is_none() {
            command();
        }
        Ok(Self { tree: tree::test_tree()?, driver, native })
    }

    /// Runs a module in a fresh folder; whatever goes wrong becomes part of the report.
    pub(crate) fn run(&self, module: &Module) -> Report {
        let started = Instant::now();
        let mut report = Report {
            module: module.name.clone(),
            tests: BTreeMap::new(),
            passed: 0,
            skipped: 0,
            duration: Duration::ZERO,
            complete: false,
        };
        if let Err(error) = self.run_until_done(module, &mut report) {
            report.add("(host)".to_owned(), Outcome::Crashed, format!("{error:#}"), String::new());
        }
        report.duration = started.elapsed();
        report
    }

    fn run_until_done(&self, module: &Module, report: &mut Report) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let results = folder.path().join("results.jsonl");
        let errors = folder.path().join("stderr.txt");
        fs::create_dir_all(folder.path().join("scratch/tmp"))?;
        let mut ended = String::new();
        for _ in 0..MAX_RUNS {
            let before = fs::read_to_string(&results).unwrap_or_default().len();
            let status = self.python(module, folder.path(), &results, &errors)?.status()?;
            let lines = fs::read_to_string(&results).unwrap_or_default();
            let running = report.take(lines.get(before..).unwrap_or_default())?;
            ended = format!("{status}: {}", last_line(&fs::read(&errors)?));
            if report.complete {
                if !status.success() {
                    report.add("(exit)".to_owned(), Outcome::Crashed, ended, String::new());
                }
                return Ok(());
            }
            match running {
                Some(id) => report.add(id, Outcome::Crashed, ended.clone(), String::new()),
                None => break,
            }
        }
        report.add("(rest)".to_owned(), Outcome::Crashed, ended, String::new());
        Ok(())
    }

    fn python(
        &self,
        module: &Module,
        folder: &Path,
        results: &Path,
        errors: &Path,
    ) -> Result<Command> {
        let scratch = folder.join("scratch");
        let temporary = scratch.join("tmp");
        let mut python = match &self.native {
            Some(native) => {
                let mut python = Command::new(native);
                python
                    .env("TMPDIR", &temporary)
                    .env("PYTHONDONTWRITEBYTECODE", "1")
                    .env("PYTHONUTF8", "1");
                python
            }
            None => {
                let mut python = Command::new(command());
                python.args(["run", "--timeout", "300s", "--memory", "1GiB"]);
                python.arg("--dir").arg(format!("{}:ro", self.tree.display()));
                python.arg("--dir").arg(format!("{}:rw", folder.display()));
                python.arg("--env").arg(format!("TMPDIR={}", temporary.display()));
                python
            }
        };
        python.arg(&self.driver).arg(&self.tree).arg(results).arg(&module.name);
        python.args(module.pretend.iter().map(|what| format!("--pretend={what}")));
        python.args(&module.stand_ins);
        python
            .current_dir(scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(errors)?);
        Ok(python)
    }
}

impl Report {
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

    pub(crate) fn count(&self) -> Count {
        Count { passed: self.passed, failed: self.differences().count(), skipped: self.skipped }
    }

    /// Every test that did not do what its authors expect, and a module that skips itself as a whole.
    pub(crate) fn differences(&self) -> impl Iterator<Item = (&String, &TestResult)> {
        self.tests.iter().filter(|(id, result)| {
            result.outcome < Outcome::Passed
                || (result.outcome == Outcome::Skipped && *id == "(module)")
        })
    }

    /// Words for the end of the module's line when it was not a plain one.
    pub(crate) fn ending(&self) -> String {
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
