//! Programs that outlive their process: checkpointed into a folder as they wait, and gone on with from there.
//!
//! | file | what |
//! |---|---|
//! | `checkpoint` | the last one; its note names the program |
//! | `ended` | once the program has ended: the program's digest, and what is said of its end |
//! | `lock` | locked by whoever has the folder open |
//!
//! Each is whole or not there.

use super::info::CheckpointInfo;
use super::lock::{LOCK, Locked, is_locked, lock};
use super::restore::{CheckpointOptions, RestoreOptions, store};
use crate::error::{CheckpointError, Result};
use crate::image::{hex, remove_leftovers};
use crate::python::{Interpreter, Progress, Runtime, Task};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is said of an end, in bytes at most.
const MOST_ENDED: u64 = 64 << 10;

/// A program that outlives its process: whenever it waits for longer than a threshold, and after each call of a function of
/// the host that [asks for it](crate::Function::checkpointed), it is checkpointed into a folder. Killed at any moment and
/// started again, it goes on from there.
///
/// What it did since its last checkpoint it does again: calls of the host and output happen at least once. Functions of the
/// host are told by a [`CallKey`](crate::CallKey) which calls are the same. A program waits at an `await` at its top level, or
/// in what that awaits; one that awaits nothing begins anew.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> ophidia::Result<()> {
/// use ophidia::{Durable, RestoreOptions, Runtime};
///
/// const PROGRAM: &str = "import asyncio\nfor day in range(3):\n    await asyncio.sleep(0.1)";
/// # let made = tempfile::tempdir().expect("a folder");
/// # let folder = made.path().join("state");
/// let runtime = Runtime::ambient()?;
/// let mut durable = Durable::open(&folder, PROGRAM.as_bytes())?;
/// if durable.ended()?.is_none() {
///     // Where a checkpoint is, the program goes on from it.
///     let (mut py, task) = durable.start(&runtime, RestoreOptions::new(), || {
///         let mut py = runtime.interpreter().build()?;
///         let task = py.begin(PROGRAM)?;
///         Ok((py, task))
///     })?;
///     durable.run(&mut py, &task).await?;
///     assert_eq!(py.eval("day")?, 2.into());
///     durable.end("well")?; // it does not run a second time
/// }
/// assert_eq!(durable.ended()?.as_deref(), Some("well"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Durable {
    folder: PathBuf,
    _lock: Locked,
    program: String,
    threshold: Duration,
    key: Option<Vec<u8>>,
}

impl Durable {
    /// Opens a folder, or makes it, for this user alone, and locks it as long as this lives. `program` is all that makes the
    /// program what it is: its text, its arguments.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Busy`] when another process, or another `Durable` of this one, has it open,
    /// [`CheckpointError::OtherProgram`] when another program's state is in it, [`CheckpointError::File`] when it cannot
    /// be read or written, [`CheckpointError::Damaged`] for what nobody has written whole.
    pub fn open(folder: impl Into<PathBuf>, program: &[u8]) -> Result<Self> {
        let folder = folder.into();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| failed(&folder, &error))?;
        let lock = lock(&folder)?;
        // What killed processes have left. They held the lock.
        remove_leftovers(&folder.join(CHECKPOINT));
        remove_leftovers(&folder.join(ENDED));
        let program = hex(&Sha256::digest(program));
        let this =
            Self { folder, _lock: lock, program, threshold: Duration::from_millis(50), key: None };
        if let Some(state) = DurableState::of(&this.folder)?
            && state.program != this.program
        {
            let folder = this.folder.display().to_string();
            return Err(CheckpointError::OtherProgram { folder }.into());
        }
        Ok(this)
    }

    /// How long the program may wait without being checkpointed. Default: 50 ms.
    #[must_use]
    pub fn threshold(mut self, threshold: Duration) -> Self {
        self.threshold = threshold;
        self
    }

    /// Seals checkpoints with a key, and goes on from no other: [`CheckpointOptions::key`].
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// What was said of the program's [end](Self::end), if it has ended.
    ///
    /// # Errors
    ///
    /// As of [`open`](Self::open).
    pub fn ended(&self) -> Result<Option<String>> {
        Ok(DurableState::of(&self.folder)?.and_then(|state| state.ended))
    }

    /// The program where its last checkpoint has it; where there is none, as `begin` begins it, which is checkpointed before
    /// anything of it runs.
    ///
    /// # Errors
    ///
    /// As of [`Runtime::restore_file`]: a checkpoint that is damaged, or another build's, is refused by name and stays. As of
    /// [`Interpreter::checkpoint_to`].
    pub fn start(
        &mut self,
        runtime: &Runtime,
        options: RestoreOptions,
        begin: impl FnOnce() -> Result<(Interpreter, Task)>,
    ) -> Result<(Interpreter, Task)> {
        let path = self.folder.join(CHECKPOINT);
        if !path.exists() {
            let (mut py, task) = begin()?;
            py.wait_freely(&task)?;
            self.save(&mut py)?;
            return Ok((py, task));
        }
        let options = match &self.key {
            Some(key) => options.key(key.clone()),
            None => options,
        };
        let mut py = runtime.restore_file(&path, options)?;
        let task = py.tasks().into_iter().next();
        let task = task.ok_or_else(|| CheckpointError::Damaged("it has no program".into()))?;
        py.wait_freely(&task)?;
        Ok((py, task))
    }

    /// Runs the program to its end, and checkpoints it on the way. [`Limits::timeout`](crate::Limits::timeout) bounds how
    /// long it is busy at a time; waiting does not count. The future may be dropped: then it goes on from the last
    /// checkpoint, as after a kill.
    ///
    /// # Errors
    ///
    /// What the program ends with; [`CheckpointError`] when it cannot be checkpointed.
    pub async fn run(&mut self, py: &mut Interpreter, task: &Task) -> Result<()> {
        while py.step(task)? != Progress::Ended {
            let asked = py.take_save_asked();
            if asked || !py.wait(task, self.threshold).await? {
                self.save(py)?;
                py.wait(task, None).await?;
            }
        }
        py.task_result(task)
    }

    /// Checkpoints the program now.
    ///
    /// # Errors
    ///
    /// As of [`Interpreter::checkpoint_to`].
    pub fn save(&mut self, py: &mut Interpreter) -> Result<()> {
        let options = CheckpointOptions::new().note(&*self.program);
        let options = match &self.key {
            Some(key) => options.key(key.clone()),
            None => options,
        };
        py.checkpoint_to(self.folder.join(CHECKPOINT), &options)
    }

    /// Notes that the program has ended, and whatever is to be said of it, in 64 KiB at most: from here on it neither runs again
    /// nor has a checkpoint. A program whose end was not noted goes on from its last one.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::File`] when it cannot be written.
    pub fn end(&mut self, said: &str) -> Result<()> {
        let most = usize::try_from(MOST_ENDED).unwrap_or(usize::MAX);
        let said = said.get(..said.floor_char_boundary(most)).unwrap_or_default();
        store(&self.folder.join(ENDED), format!("{}\n{said}", self.program).as_bytes())?;
        remove(&self.folder.join(CHECKPOINT))
    }

    /// What is in a folder, which may be open elsewhere. Nothing where no program has begun there.
    ///
    /// # Errors
    ///
    /// As of [`open`](Self::open), but for a lock.
    pub fn state(folder: impl AsRef<Path>) -> Result<Option<DurableState>> {
        DurableState::of(folder.as_ref())
    }

    /// Removes a program's state, and the folder where nothing else is in it. Whatever state it is, it is never read.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Busy`] when it is open; [`CheckpointError::File`] when it is no such folder, or cannot be removed.
    pub fn remove(folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        let is_one = [CHECKPOINT, ENDED, LOCK].iter().any(|name| folder.join(name).is_file());
        if !is_one {
            let said = format!("{}: no state of a durable program is there", folder.display());
            return Err(CheckpointError::File(said).into());
        }
        let lock = lock(folder)?;
        for name in [CHECKPOINT, ENDED] {
            remove_leftovers(&folder.join(name));
            remove(&folder.join(name))?;
        }
        remove(&folder.join(LOCK))?;
        drop(lock);
        match fs::remove_dir(folder) {
            Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => {
                Err(failed(folder, &error).into())
            }
            _ => Ok(()),
        }
    }
}

/// What the folder of a [`Durable`] has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DurableState {
    /// The SHA-256 of what makes the program, in hexadecimal digits.
    pub program: String,
    /// What its last checkpoint says of itself; nothing once it has ended.
    pub checkpoint: Option<CheckpointInfo>,
    /// What was said of its end.
    pub ended: Option<String>,
    /// Whether a process has it open.
    pub is_open: bool,
}

impl DurableState {
    fn of(folder: &Path) -> Result<Option<Self>> {
        let is_open = File::open(folder.join(LOCK)).is_ok_and(|file| is_locked(&file));
        let ended = folder.join(ENDED);
        if let Some(text) = read(&ended)? {
            let Some((program, said)) = text.split_once('\n') else {
                let said = format!("{}: not a note of an end", ended.display());
                return Err(CheckpointError::Damaged(said).into());
            };
            let (program, ended) = (program.to_owned(), Some(said.to_owned()));
            return Ok(Some(Self { program, checkpoint: None, ended, is_open }));
        }
        let path = folder.join(CHECKPOINT);
        if !path.exists() {
            return Ok(None);
        }
        let info = CheckpointInfo::of_file(&path)?;
        let program = info.note.clone();
        Ok(Some(Self { program, checkpoint: Some(info), ended: None, is_open }))
    }
}

const CHECKPOINT: &str = "checkpoint";
const ENDED: &str = "ended";

fn failed(path: &Path, error: &io::Error) -> CheckpointError {
    CheckpointError::File(format!("{}: {error}", path.display()))
}

/// A short text, if there is one.
fn read(path: &Path) -> Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error).into()),
    };
    let mut text = String::new();
    let read = file.take(2 * MOST_ENDED).read_to_string(&mut text);
    read.map_err(|error| failed(path, &error))?;
    Ok(Some(text))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path, &error).into()),
        _ => Ok(()),
    }
}
