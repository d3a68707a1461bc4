//! Durable programs on the command: `run --durable`, and `ophidia state`, which looks after what they leave.

use crate::ending::Ending;
use crate::guest::print;
use crate::interrupt::{Interrupts, LastResort};
use crate::progress::say;
use crate::status::Status;
use crate::{Usage, app};
use anyhow::Context as _;
use ophidia::{
    Durable, Error, Interpreter, RestoreOptions, Result, Runtime, Sandbox, Streams, Task,
};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Look after the state of programs that `run --durable` has begun
#[derive(clap::Subcommand, Debug)]
pub(crate) enum State {
    /// Show how far a program has come
    Info {
        /// The folder
        state: PathBuf,
        /// One line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a program's state: the next run begins anew
    Rm {
        /// The folder
        state: PathBuf,
    },
}

/// What `info` tells.
#[derive(Debug, Serialize)]
struct Described {
    state: PathBuf,
    /// `running`, `stopped` or `ended`.
    status: &'static str,
    /// Of a program of this command that has ended.
    exit_code: Option<i32>,
    /// SHA-256 of the program: its text, its path, its arguments.
    program: String,
    /// Bytes of the last checkpoint, seconds since 1970 when it was written, and the image that it belongs to.
    checkpoint_bytes: Option<u64>,
    checkpointed: Option<u64>,
    image: Option<String>,
}

impl State {
    /// Runs it.
    pub(crate) fn run(self) -> anyhow::Result<Status> {
        let refused = |error: Error| Usage(error.to_string());
        match self {
            Self::Info { state, json } => {
                let described = Described::of(&state)?;
                print(&if json {
                    serde_json::to_string(&described)? + "\n"
                } else {
                    described.text()
                });
            }
            Self::Rm { state } => Durable::remove(&state).map_err(refused)?,
        }
        Ok(Status::SUCCESS)
    }
}

impl Described {
    fn of(folder: &Path) -> std::result::Result<Self, Usage> {
        let refused = |reason: String| Usage(format!("{}: {reason}", folder.display()));
        let state = Durable::state(folder).map_err(|error| refused(error.to_string()))?;
        let state = state.ok_or_else(|| {
            refused("no state of a durable program: `ophidia run --durable` makes one".into())
        })?;
        let file = fs::metadata(folder.join("checkpoint")).ok();
        let file = file.filter(|_| state.checkpoint.is_some());
        let written = file.as_ref().and_then(|file| file.modified().ok());
        let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            state: folder.to_owned(),
            status: match (&state.ended, state.is_open) {
                (Some(_), _) => "ended",
                (None, true) => "running",
                (None, false) => "stopped",
            },
            exit_code: state.ended.as_deref().and_then(exit_code),
            program: state.program,
            checkpoint_bytes: file.map(|file| file.len()),
            checkpointed: written.map(|time| time.as_secs()),
            image: state.checkpoint.map(|checkpoint| checkpoint.image),
        })
    }

    fn text(&self) -> String {
        let status = match self.exit_code {
            Some(code) => format!("{}, with status {code}", self.status),
            None => self.status.to_owned(),
        };
        let mut text =
            format!("{:<12}{status}\n{:<12}SHA-256 {}\n", "status", "program", self.program);
        if let (Some(bytes), Some(image)) = (self.checkpoint_bytes, &self.image) {
            text +=
                &format!("{:<12}{} KiB, of image {image}\n", "checkpoint", bytes.div_ceil(1024));
        }
        text
    }
}

/// What a note of an end says, if this command has written it.
fn exit_code(said: &str) -> Option<i32> {
    said.trim().parse().ok()
}

/// A program that is checkpointed as it waits.
pub(crate) struct Outlasting<'a> {
    /// The folder.
    pub(crate) state: &'a Path,
    /// All that makes the program what it is.
    pub(crate) program: &'a [u8],
    pub(crate) runtime: &'a Runtime,
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) timeout: Option<Duration>,
}

impl Outlasting<'_> {
    /// Runs it from its last checkpoint, or as `begin` begins it; `done` is what there is to do once it has ended, which gives
    /// the status that it ends with in all.
    pub(crate) fn run(
        self,
        streams: Streams,
        begin: impl FnOnce() -> Result<(Interpreter, Task)>,
        done: impl FnOnce(&mut Interpreter, &Interrupts, Ending) -> Status,
    ) -> anyhow::Result<Status> {
        let Self { state, program, runtime, sandbox, timeout } = self;
        let refused = |reason: String| Usage(format!("--durable {reason}"));
        let mut durable =
            Durable::open(state, program).map_err(|error| refused(error.to_string()))?;
        if let Some(said) = durable.ended().map_err(|error| refused(error.to_string()))? {
            let code = exit_code(&said).ok_or_else(|| {
                refused(format!("{}: its end is no exit status", state.display()))
            })?;
            say(&format!(
                "{}: the program has ended already, with status {code}: `ophidia state rm` lets it run anew",
                state.display()
            ));
            return Ok(Status::of_program(code.into()));
        }
        let options = RestoreOptions::new().sandbox(sandbox).streams(streams).time_away(true);
        let (mut py, task) = match durable.start(runtime, options, begin) {
            Ok(started) => started,
            Err(Error::Checkpoint(error)) => {
                return Err(refused(format!("{}: {error}", state.display())).into());
            }
            Err(error) => {
                let ending = Ending::of(Err(error), false);
                ending.show();
                return Ok(ending.status);
            }
        };
        let interrupts =
            Interrupts::listen(LastResort::Die).context("Ctrl-C cannot be listened for")?;
        let (result, interrupted) =
            interrupts.during(&mut py, |py| app::block_on(durable.run(py, &task)));
        let ending = Ending::of_main(result?, interrupted, &mut py, timeout);
        let is_over = ending.is_over();
        let status = done(&mut py, &interrupts, ending);
        if is_over {
            durable.end(&status.code().to_string())?;
        }
        std::mem::forget(py);
        Ok(status)
    }
}
