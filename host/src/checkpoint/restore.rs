//! `restore`: an interpreter that goes on from a checkpoint, in this process or another.

use super::dump::{self, Kind, MOST_NOTE, Written};
use super::frozen::{From, Frozen};
use crate::error::{CheckpointError, Error, PythonError, Result};
use crate::function::{Call, Function, Recorded};
use crate::image::write_whole;
use crate::policy::Limits;
use crate::python::{GoingOn, Interpreter, Pending, Python, Runtime, Sandbox, Streams};
use crate::sandbox::wasi::Branch;
use crate::value::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The shortest key that seals anything.
const SHORTEST_KEY: usize = 16;

/// How a checkpoint is written. Default: not sealed.
#[derive(Clone, Default)]
pub struct CheckpointOptions {
    key: Option<Vec<u8>>,
    note: String,
}

impl CheckpointOptions {
    /// Every default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Seals it with a key of 16 bytes at least (HMAC-SHA256), so that whoever expects that key takes no other. It is not
    /// encrypted: it holds all secrets of the program, and is the caller's to keep.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// A text that stands at its beginning, to be read without restoring it: [`CheckpointInfo`](crate::CheckpointInfo). 64 KiB
    /// at most. Default: none.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) fn checked_key(&self) -> Result<Option<&[u8]>> {
        checked(self.key.as_deref())
    }

    pub(super) fn checked_note(&self) -> Result<&str> {
        match self.note.len() {
            0..=MOST_NOTE => Ok(&self.note),
            len => Err(Error::host(format!(
                "a note of {len} bytes: give one of {MOST_NOTE} bytes at most"
            ))),
        }
    }
}

fn checked(key: Option<&[u8]>) -> Result<Option<&[u8]>> {
    match key {
        Some(key) if key.len() < SHORTEST_KEY => Err(Error::host(format!(
            "a key of {} bytes: give one of {SHORTEST_KEY} bytes at least",
            key.len()
        ))),
        key => Ok(key),
    }
}

impl std::fmt::Debug for CheckpointOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointOptions").field("sealed", &self.key.is_some()).finish()
    }
}

/// What becomes of an asynchronous call of the host that was under way when the checkpoint was written.
#[derive(Clone, Debug)]
pub enum Resume {
    /// It is made again, with the same arguments.
    Again,
    /// Python gets this, as if the function had returned it.
    Answer(Value),
    /// Python gets this exception.
    Raise(PythonError),
}

/// What is asked about each call that was under way.
type Ask = Box<dyn FnMut(&str, &Call) -> Resume + Send>;

/// With what an interpreter goes on from a checkpoint. Default: an empty [`Sandbox`], no key, no functions of the host, time
/// away does not count, seeds are as they were, calls under way are made again.
#[derive(Default)]
pub struct RestoreOptions {
    pub(super) sandbox: Sandbox,
    pub(super) streams: Streams,
    key: Option<Vec<u8>>,
    functions: Vec<Function>,
    pending: Option<Ask>,
    time_away: bool,
    reseed: bool,
    most: Option<u64>,
}

impl RestoreOptions {
    /// Every default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Grants, limits, kinds of streams, and modules of the host, whose functions are found by their names. Environment,
    /// arguments and working directory are in the program's memory.
    #[must_use]
    pub fn sandbox(mut self, sandbox: &Sandbox) -> Self {
        self.sandbox = sandbox.clone();
        self
    }

    /// Streams of its own. Default, for each: of the sandbox's kind.
    #[must_use]
    pub fn streams(mut self, streams: Streams) -> Self {
        self.streams = streams;
        self
    }

    /// The key that it has to be sealed with: one that is not sealed, or with another key, is refused.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// A function that the program has been given by itself, by its name: not as part of a module.
    #[must_use]
    pub fn function(mut self, function: Function) -> Self {
        self.functions.push(function);
        self
    }

    /// Who is asked about each asynchronous call that was under way: its name (`module.function`, or the name alone) and
    /// arguments. Default: [`Resume::Again`]. A call whose arguments could not be written down, as they had values of
    /// the host in them, raises a `RuntimeError` and is not asked about.
    #[must_use]
    pub fn pending(mut self, ask: impl FnMut(&str, &Call) -> Resume + Send + 'static) -> Self {
        self.pending = Some(Box::new(ask));
        self
    }

    /// Whether the time since the checkpoint was written has passed for the program: for its monotonic clock, so for timers of
    /// `asyncio`, and for [`Limits::life`]. Default: no, the clock goes on where it stood. The time of day is the
    /// host's in any case.
    #[must_use]
    pub fn time_away(mut self, counts: bool) -> Self {
        self.time_away = counts;
        self
    }

    /// Whether generators of random numbers draw new seeds, as in a [fork](crate::ForkOptions::reseed). Default: no. Do it
    /// where one checkpoint is restored more than once.
    #[must_use]
    pub fn reseed(mut self, reseed: bool) -> Self {
        self.reseed = reseed;
        self
    }

    /// The most bytes that the checkpoint may hold, decompressed. Default: the limits `memory` and `host_memory` together, and
    /// 16 MiB.
    #[must_use]
    pub fn most(mut self, bytes: u64) -> Self {
        self.most = Some(bytes);
        self
    }

    /// The key to look for, and the most bytes.
    pub(crate) fn bounds(&self) -> Result<(Option<&[u8]>, u64)> {
        let Limits { memory, host_memory, .. } = self.sandbox.limits();
        let most = memory.saturating_add(*host_memory).saturating_add(16 << 20);
        Ok((checked(self.key.as_deref())?, self.most.unwrap_or(most)))
    }

    /// All functions that there are.
    pub(super) fn functions(&self) -> Vec<Function> {
        self.functions.iter().cloned().chain(self.sandbox.functions()).collect()
    }
}

impl std::fmt::Debug for RestoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestoreOptions")
            .field("sandbox", &self.sandbox)
            .field("functions", &self.functions)
            .field("time_away", &self.time_away)
            .field("reseed", &self.reseed)
            .finish_non_exhaustive()
    }
}

/// # Checkpoints
impl Interpreter {
    /// Everything of the interpreter as bytes, from which [`Runtime::restore`] makes it go on: in this process or another, on
    /// any machine with the same image. It goes on here, too.
    ///
    /// What goes along is what a [`fork`](Self::fork) takes along; functions of the host by their names, asynchronous calls of
    /// them with their arguments, trees in memory with their content. An idle interpreter takes some 4 KiB: pages are
    /// written as their difference from the image, and compressed.
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// use ophidia::{CheckpointOptions, RestoreOptions};
    /// let runtime = ophidia::Runtime::ambient()?;
    /// let mut py = runtime.interpreter().build()?;
    /// py.run("total = sum(range(10))")?;
    /// let bytes = py.checkpoint(&CheckpointOptions::new())?;
    /// drop(py);
    /// let mut py = runtime.restore(&bytes, RestoreOptions::new())?;
    /// assert_eq!(py.eval("total")?, 45.into());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] while something is under way that is not in its memory, or Python holds an object of a class of
    /// the host.
    pub fn checkpoint(&mut self, options: &CheckpointOptions) -> Result<Vec<u8>> {
        let runtime = self.runtime().clone();
        let frozen = Frozen::of(self, From::Image, Branch::Restore, false)?;
        dump::write(&frozen, &frozen.pages, Kind::Interpreter, runtime.image(), options)
    }

    /// The same into a file, which is whole from the moment that it is there, and only this user's to read: what was there
    /// before is replaced at once, or stays.
    ///
    /// # Errors
    ///
    /// As of [`checkpoint`](Self::checkpoint), and [`CheckpointError::File`] when it cannot be written.
    pub fn checkpoint_to(
        &mut self,
        path: impl AsRef<Path>,
        options: &CheckpointOptions,
    ) -> Result<()> {
        let bytes = self.checkpoint(options)?;
        store(path.as_ref(), &bytes)
    }
}

/// Writes a file that is whole.
pub(crate) fn store(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, |file| (&*file).write_all(bytes))
        .map_err(|error| CheckpointError::File(format!("{}: {error}", path.display())).into())
}

/// Reads a file of so many bytes at most.
pub(crate) fn load(path: &Path, most: u64) -> Result<Vec<u8>> {
    let failed = |error| CheckpointError::File(format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    // Compressing makes nothing much longer.
    let most = most.saturating_add(most / 64).saturating_add(4096);
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    let asked = bytes.len() as u64;
    if asked > most {
        return Err(CheckpointError::TooLarge { asked, limit: most }.into());
    }
    Ok(bytes)
}

impl Runtime {
    /// An interpreter that goes on where another was when its checkpoint was written.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] for what is damaged, of another version or image, not sealed as expected, or needs functions of
    /// the host that are not given, each by name; [`Error::Limit`] where it needs more than it may have.
    pub fn restore(&self, bytes: &[u8], options: RestoreOptions) -> Result<Interpreter> {
        let written = dump::read(bytes, Kind::Interpreter, self.image(), options.bounds()?)?;
        self.go_on(written, options)
    }

    /// The same from a file.
    ///
    /// # Errors
    ///
    /// As of [`restore`](Self::restore), and [`CheckpointError::File`] when it cannot be read.
    pub fn restore_file(
        &self,
        path: impl AsRef<Path>,
        options: RestoreOptions,
    ) -> Result<Interpreter> {
        let bytes = load(path.as_ref(), options.bounds()?.1)?;
        self.restore(&bytes, options)
    }

    fn go_on(&self, written: Written, options: RestoreOptions) -> Result<Interpreter> {
        let Written { mut carried, table, pages, .. } = written;
        let functions = options.functions();
        let table = dump::bind(&table, &functions)?;
        let RestoreOptions { sandbox, streams, mut pending, time_away, reseed, .. } = options;
        if time_away {
            carried.pass(away(carried.sandbox.wasi.clocks.time));
        }
        let (began, pages, how) = (self.image(), &pages, Branch::Restore);
        let (runtime, sandbox, carried) = (self, &sandbox, &carried);
        let from = GoingOn { runtime, sandbox, streams, carried, table, began, pages, how };
        let (mut py, calls) = Interpreter::going_on(from)?;
        for Pending { number, what, held, ordinal } in calls {
            let said = "the function of the host that was under way cannot be called again: its arguments had values of \
                        the host in them";
            let Some((path, call)) = what else {
                let ended = PythonError::new("RuntimeError", said);
                py.end_pending(number, Err(ended.into()));
                continue;
            };
            let ask = pending.as_mut().map(|ask| ask(&path, &call));
            match ask.unwrap_or(Resume::Again) {
                Resume::Answer(value) => py.end_pending(number, Ok(Box::new(value))),
                Resume::Raise(error) => py.end_pending(number, Err(error.into())),
                Resume::Again => {
                    let found = functions.iter().find(|function| function.path() == path);
                    let function = found.cloned();
                    let function = function.ok_or(CheckpointError::Missing(vec![path]))?;
                    let recorded = Recorded::new(function, call, held, ordinal);
                    py.operation(|py: &mut Python<'_>| recorded.again(py, number))?;
                }
            }
        }
        if reseed {
            let drawn = py.drawn(self.image())?;
            py.renew(drawn)?;
        }
        Ok(py)
    }
}

/// How long it is since then, in nanoseconds since 1970, by the clock of this machine.
fn away(since: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_nanos(since))
}
