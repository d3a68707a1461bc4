//! Results: worked out by many threads, kept in the journal, printed in the order of the inputs.

use super::inputs::{Input, Inputs};
use super::journal::Journal;
use super::line;
use super::one::Setting;
use super::tally::Tally;
use super::workers::{Held, Unreadable, Workers};
use crate::Usage;
use crate::progress::say;
use crate::status::Status;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What comes of an input.
pub(super) enum Outcome {
    Ended {
        line: String,
        failed: bool,
        digest: String,
        changed: Option<String>,
    },
    /// The journal has it.
    Kept {
        failed: bool,
    },
    /// A signal came.
    Interrupted,
    /// The journal cannot be read.
    Lost(io::Error),
}

impl Held for Outcome {
    fn bytes(&self) -> usize {
        match self {
            Self::Ended { line, .. } => line.len(),
            _ => 0,
        }
    }
}

/// Runs the script over all inputs and prints what comes of each; gives the exit status.
pub(super) fn print(
    workers: &Workers<Outcome>,
    setting: Setting,
    mut inputs: Inputs,
    journal: Option<Journal>,
    retry_failed: bool,
) -> anyhow::Result<Status> {
    let mut tally = Tally::new(inputs.count());
    let crowd = setting.crowd.clone();
    let journal = journal.map(Arc::new);
    let theirs = journal.clone();
    let work = move |index, input: Input| {
        outcome(&setting, theirs.as_deref(), retry_failed, index, &input)
    };
    let mut broken: Option<Broken> = None;
    let worked = workers.run(
        move || inputs.next(),
        work,
        |index, outcome| {
            if broken.is_some() {
                keep_only(journal.as_deref(), &outcome);
                return ControlFlow::Continue(());
            }
            let Err(error) = printed(&mut tally, journal.as_deref(), index, outcome) else {
                return ControlFlow::Continue(());
            };
            // Where only nobody reads any more, what has ended is kept all the same.
            let keeps = error.status.is_none() && journal.is_some();
            broken = Some(error);
            crowd.cancel();
            workers.stop();
            if keeps { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    let interrupted = crowd.was_interrupted();
    if let Some(Broken { status, error }) = broken {
        // That nobody reads any more is no failure.
        return match status {
            Some(status) => {
                tally.end(interrupted);
                say(&format!("{error:#}"));
                Ok(status)
            }
            None if interrupted => {
                tally.end(true);
                Ok(Status::INTERRUPTED)
            }
            None => Ok(tally.end_quietly()),
        };
    }
    let status = match &worked {
        Err(error) if error.downcast_ref::<Unreadable>().is_some_and(|error| error.after == 0) => {
            tally.end_quietly();
            return Err(Usage(error.to_string()).into());
        }
        _ => tally.end(interrupted),
    };
    match worked {
        Err(error) => Err(error),
        Ok(()) if interrupted => Ok(Status::INTERRUPTED),
        Ok(()) => Ok(status),
    }
}

/// What comes of an input: what the journal has, or what the script makes of it.
fn outcome(
    setting: &Setting,
    journal: Option<&Journal>,
    retry_failed: bool,
    index: u64,
    input: &Input,
) -> Outcome {
    let bytes = input.bytes();
    let digest = if journal.is_some() { input.digest(&bytes) } else { String::new() };
    let mut changed = None;
    match journal.map(|journal| journal.of(index)).transpose() {
        Ok(Some(Some((kept, failed)))) if kept == digest && !(failed && retry_failed) => {
            return Outcome::Kept { failed };
        }
        Ok(Some(Some((kept, _)))) if kept != digest => changed = Some(input.name.clone()),
        Ok(_) => {}
        Err(error) => return Outcome::Lost(error),
    }
    match setting.run(index, input, bytes) {
        Some(ended) => {
            let line = line::to_json(index, &input.to_json(), &ended);
            let failed = ended.ending.status != Status::SUCCESS;
            Outcome::Ended { line, failed, digest, changed }
        }
        None => Outcome::Interrupted,
    }
}

/// Keeps what came of an input where nobody reads it, as far as that can be.
fn keep_only(journal: Option<&Journal>, outcome: &Outcome) {
    if let (Some(journal), Outcome::Ended { line, digest, .. }) = (journal, outcome) {
        // Why it cannot be told any more has been said, or is that nobody reads.
        let _ = journal.add(digest, line);
    }
}

/// Why no more can be printed: with a status, unless it is only that nobody reads it.
struct Broken {
    status: Option<Status>,
    error: anyhow::Error,
}

/// Keeps what came of an input, and prints it.
fn printed(
    tally: &mut Tally,
    journal: Option<&Journal>,
    index: u64,
    outcome: Outcome,
) -> Result<(), Broken> {
    let unkept = |error: io::Error| Broken {
        status: Some(Status::FAILURE),
        error: anyhow::Error::new(error).context("the file of --resume"),
    };
    let (line, failed) = match (outcome, journal) {
        (Outcome::Ended { line, failed, digest, changed }, journal) => {
            if let Some(name) = changed {
                tally.changed(index, &name);
            }
            if let Some(journal) = journal {
                journal.add(&digest, &line).map_err(unkept)?;
            }
            (line, failed)
        }
        (Outcome::Kept { failed }, Some(journal)) => (journal.line(index).map_err(unkept)?, failed),
        (Outcome::Kept { .. } | Outcome::Interrupted, _) => return Ok(()),
        (Outcome::Lost(error), _) => return Err(unkept(error)),
    };
    tally.print(&line, failed).map_err(|error| Broken {
        status: (error.kind() != io::ErrorKind::BrokenPipe).then_some(Status::UNFLUSHED),
        error: anyhow::Error::new(error).context("results cannot be written"),
    })
}
