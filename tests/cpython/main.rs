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

mod modules;
mod run;
mod tree;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use ophidia_tests::suite::{self, Suite};

use crate::run::Runner;

const SUITE: Suite = Suite { name: "cpython", pieces: "modules" };

/// Run CPython's own test-suite inside the guest and compare with the differences written down.
#[derive(Debug, Parser)]
#[command(name = "cpython", version)]
struct Options {
    /// Only the ten quickest modules.
    #[arg(long, conflicts_with = "modules")]
    quick: bool,
    /// Run under the native Python of the same version instead, and compare with nothing.
    #[arg(long, conflicts_with = "update")]
    native: bool,
    #[command(flatten)]
    common: suite::Options,
    /// Modules to run, as in `test_json` [default: every one of tests/cpython/modules.toml].
    modules: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let chosen = modules::choose(options.quick, &options.modules)?;
    let runner = Runner::new(&SUITE, options.native)?;
    let reports = SUITE.run(chosen, &options.common, |module| runner.run(module))?;
    if options.native {
        return Ok(ExitCode::SUCCESS);
    }
    let whole = !options.quick && options.modules.is_empty();
    SUITE.judge(&reports, &options.common, whole)
}
