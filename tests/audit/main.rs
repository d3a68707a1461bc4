//! Signature traps and stolen names, hunted in what the guest is linked from.
//!
//! WebAssembly compares signatures where a function is called through a pointer, and traps when they
//! differ; C's casts hide that from the compiler, and native machines forgive it. The object files tell
//! which function each pointer in the data is of, and every function's true signature. Three questions:
//!
//! - Does what types, methods, modules and numpy's tables point to have the signature it is called with?
//! - Has the linked guest indirect calls that can only trap, or functions that no such call can reach?
//! - Does more than one link input define the same name?
//!
//! Answers that are known, each with its reason, stand in `known.toml`. From the repository's root:
//!
//! ```text
//! cargo run --release -p ophidia-tests --bin audit
//! ```
#![expect(clippy::print_stdout, reason = "a command reports on standard output")]

mod calls;
mod duplicates;
mod known;
mod numpy;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use ophidia_guest::audit::{self, Program};
use ophidia_tests::guest;

use crate::known::Known;

fn main() -> Result<ExitCode> {
    let guest = guest();
    let parts = guest.parts()?;
    let objects = audit::read(&parts)?;
    let mut program = Program::new(&objects);
    audit::signatures(&mut program);
    numpy::audit(&mut program);
    let calls = calls::audit(&guest.wasm())?;
    let duplicates = duplicates::duplicates(&objects);
    println!(
        "{} objects of {} files; {} pointers to functions compared, {} indirect calls",
        objects.len(),
        parts.len(),
        program.compared(),
        calls.count,
    );

    ensure!(
        program.compared() > 1_000 && calls.count > 1_000,
        "what the guest is linked from has not been understood"
    );

    let known = Known::load()?;
    let mut complaints = Vec::new();
    let mismatches = program.mismatches_by_function();
    known.signatures.compare(
        mismatches.into_iter().map(|(name, mismatch)| (name, mismatch.to_string())),
        &mut complaints,
    );
    known
        .calls
        .compare(calls.hopeless.iter().map(|(name, why)| (&**name, why.clone())), &mut complaints);
    known.functions.compare(
        calls.unreachable.iter().map(|(name, why)| (&**name, why.clone())),
        &mut complaints,
    );
    for name in &calls.stand_ins {
        complaints.push(format!("{name}: declared with another signature than defined"));
    }
    for (name, objects) in duplicates {
        let objects = objects.into_iter().collect::<Vec<_>>().join(", ");
        complaints.push(format!("{name} is defined by {objects}"));
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        println!("{} findings, all known", known.len());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}
