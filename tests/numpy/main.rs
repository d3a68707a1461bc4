//! numpy's own test-suite as the judge of the guest's numpy.
//!
//! Runs numpy's tests, taken from the pinned source archive, with pytest, each file in an interpreter of
//! its own, and compares with the differences written down in `expected.toml`. From the repository's root:
//!
//! ```text
//! cargo run --release -p ophidia-tests --bin numpy                              all of them
//! cargo run --release -p ophidia-tests --bin numpy -- --quick                   a few, as with every change
//! cargo run --release -p ophidia-tests --bin numpy -- --tracebacks lib/test_io  one, with its failures
//! cargo run --release -p ophidia-tests --bin numpy -- --update lib/test_io      take what came out
//! ```
#![expect(clippy::print_stdout, reason = "a command reports on standard output")]

mod files;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Parser;
use ophidia_tests::suite::{self, Outcome, Report, Scratch, Suite};
use ophidia_tests::{command, site_packages};

const SUITE: Suite = Suite { name: "numpy", pieces: "files" };

/// Run numpy's own test-suite inside the guest and compare with the differences written down.
#[derive(Debug, Parser)]
#[command(name = "numpy", version)]
struct Options {
    /// Only a few quick files.
    #[arg(long, conflicts_with = "files")]
    quick: bool,
    #[command(flatten)]
    common: suite::Options,
    /// Files to run, as in `lib/test_io` [default: all].
    files: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let tree = files::test_tree()?;
    let chosen = files::choose(&tree, options.quick, &options.files)?;
    let site = site_packages(&SUITE.file("requirements.txt"));
    let driver = SUITE.file("driver.py");
    command();
    let python = |file: &str, scratch: &Scratch| -> Command {
        let mut python = scratch.ophidia("1200s", "2GiB", &tree);
        python.arg("--site").arg(&site);
        python.arg(&driver).arg(&tree).arg(scratch.results()).arg(file);
        python
    };
    let reports = SUITE
        .run(chosen, &options.common, |file| Report::of(file, |scratch| python(file, scratch)))?;
    let whole = !options.quick && options.files.is_empty();
    let status = SUITE.judge(&reports, &options.common, whole)?;
    let share = SUITE.expected()?.share(&reports);
    println!(
        "{:.2} % of the tests that can run on WASI pass: {} pass, {} differ, {} cannot run there",
        share.percent(),
        share.passed,
        share.differ,
        share.cannot,
    );
    println!("of those that are skipped {}", causes(&reports));
    Ok(status)
}

/// What is found in the reasons for which tests are skipped, and what it means. The first that fits counts.
const CAUSES: [(&str, &str); 5] = [
    ("_tests", "use C modules made for testing numpy itself"),
    ("fp errors", "expect floating-point errors"),
    ("floating point", "expect floating-point errors"),
    ("process", "start processes"),
    ("thread", "start threads"),
];

fn causes(reports: &[Report]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for test in reports.iter().flat_map(|report| report.tests.values()) {
        if test.outcome == Outcome::Skipped {
            let cause = CAUSES.iter().find(|(part, _)| test.note.contains(part));
            *counts.entry(cause.map_or("have other reasons", |(_, cause)| cause)).or_default() += 1;
        }
    }
    let listed = counts.iter().map(|(cause, times)| format!("{times} {cause}"));
    listed.collect::<Vec<_>>().join(", ")
}
