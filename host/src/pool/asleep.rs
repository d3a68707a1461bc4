//! `Asleep`: how sessions sleep, and where they lie meanwhile.
//!
//! A session that nobody uses is a checkpoint: in memory, or as a file of a folder. The file has the name of the hash of
//! tenant and key, and says in its note which session it is. It stays when the session is woken, until another one takes its
//! place or the session ends: whatever kills the process, the session goes on from there.

use crate::checkpoint::{
    CheckpointInfo, CheckpointOptions, Locked, RestoreOptions, load, lock, store,
};
use crate::error::{CheckpointError, Error, PoolError, Result};
use crate::function::Function;
use crate::image::hex;
use crate::python::{Interpreter, Runtime, Sandbox};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How the files of sessions end.
const ENDING: &str = "session";

/// The tenant of a session, and its key.
pub(super) type Name = (String, String);

/// How sessions of a [`Pool`](crate::Pool) sleep: one that nobody uses is put away as a checkpoint, without an interpreter,
/// and woken by its next request.
///
/// A woken session has what a restored [checkpoint](crate::Interpreter::checkpoint) has: all of its memory, its limits as far
/// as they are spent, its objects that were [kept](crate::Interpreter::keep) by name. Other objects and views that Rust
/// holds are refused from then on. Time has passed for it. One that cannot be put away, since Python holds an object of a
/// class of the host, stays awake.
///
/// ```
/// # fn main() -> ophidia::Result<()> {
/// use ophidia::{Asleep, Pool, Runtime};
/// use std::time::Duration;
/// # let made = tempfile::tempdir().expect("a folder");
/// # let folder = made.path().join("sessions");
/// let asleep = Asleep::new().after(Duration::from_secs(30)).memory(64 << 20).folder(&folder);
/// let builder = Pool::builder(Runtime::ambient()?).session_idle(None).asleep(asleep);
/// let pool = builder.clone().build()?;
/// pool.session("user-7")?.run("seen = 1").wait()?;
/// pool.shutdown(Duration::from_secs(5)).wait()?; // all sessions are put away
/// drop(pool);
///
/// let pool = builder.build()?; // or in another process
/// assert_eq!(pool.session("user-7")?.eval::<i64>("seen + 1").wait()?, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Asleep {
    pub(super) after: Duration,
    pub(super) awake: Option<usize>,
    pub(super) memory: u64,
    folder: Option<PathBuf>,
    key: Option<Vec<u8>>,
    functions: Vec<Function>,
}

impl Default for Asleep {
    fn default() -> Self {
        Self {
            after: Duration::from_secs(10),
            awake: None,
            memory: 256 << 20,
            folder: None,
            key: None,
            functions: Vec::new(),
        }
    }
}

impl Asleep {
    /// Every default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a session rests until it is put away. Default: 10 seconds.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }

    /// Sessions that rest awake at most: beyond them the one that was longest unused is put away at once. Default: half as
    /// many as the runtime has [slots](crate::RuntimeBuilder::max_interpreters).
    #[must_use]
    pub fn awake(mut self, most: usize) -> Self {
        self.awake = Some(most);
        self
    }

    /// Bytes of checkpoints in memory at most: an idle session takes some 4 KiB. Beyond them the one that has slept longest
    /// goes to the folder; without a folder sessions stay awake. Default: 256 MiB.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// The folder for what has no room in memory, and for all sessions at the pool's end: the next pool with this folder has
    /// them. It is made, for this user alone, and locked as long as the pool lives. Default: none.
    ///
    /// The sandbox, and the build, must be the same then; a session that finds another one is refused by
    /// [`PoolError::SessionAsleep`], and stays as it is.
    #[must_use]
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.folder = Some(path.into());
        self
    }

    /// Seals the files with a key of 16 bytes at least, and wakes no others: [`CheckpointOptions::key`]. Default: none.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// A function that sessions have been given by themselves: [`RestoreOptions::function`]. Those of the sandbox's modules
    /// need not be named.
    #[must_use]
    pub fn function(mut self, function: Function) -> Self {
        self.functions.push(function);
        self
    }

    /// Opens the folder, if there is one.
    pub(super) fn open(&self) -> Result<Option<(Folder, Locked)>> {
        if let Some(key) = &self.key {
            // Refused as every other use of it would be.
            CheckpointOptions::new().key(&**key).checked_key()?;
        }
        self.folder.as_ref().map(Folder::open).transpose()
    }

    /// All of a session, as bytes.
    pub(super) fn put_away(
        &self,
        interpreter: &mut Interpreter,
        name: &Name,
        started: SystemTime,
    ) -> Result<Arc<[u8]>> {
        let mut options = CheckpointOptions::new().note(note(name, started));
        if let Some(key) = &self.key {
            options = options.key(&**key);
        }
        Ok(interpreter.checkpoint(&options)?.into())
    }

    /// The session's interpreter, and when it was started.
    pub(super) fn wake(
        &self,
        runtime: &Runtime,
        sandbox: &Sandbox,
        name: &Name,
        bytes: &[u8],
    ) -> Result<(Interpreter, SystemTime)> {
        let found = CheckpointInfo::of(bytes)?.note;
        let started = found.split_once(' ').and_then(|(millis, _)| millis.parse().ok());
        let started = UNIX_EPOCH.checked_add(Duration::from_millis(started.unwrap_or_default()));
        let started = started.unwrap_or(UNIX_EPOCH);
        if found != note(name, started) {
            let said = "it is another session's, or none of a pool's".into();
            return Err(CheckpointError::Damaged(said).into());
        }
        Ok((runtime.restore(bytes, self.options(sandbox))?, started))
    }

    fn options(&self, sandbox: &Sandbox) -> RestoreOptions {
        let mut options = RestoreOptions::new().sandbox(sandbox).time_away(true);
        if let Some(key) = &self.key {
            options = options.key(&**key);
        }
        self.functions.iter().cloned().fold(options, RestoreOptions::function)
    }

    /// What the folder has of a session, if anything.
    pub(super) fn read(
        &self,
        folder: &Folder,
        sandbox: &Sandbox,
        name: &Name,
    ) -> Result<Option<Vec<u8>>> {
        let path = folder.file(name);
        if !path.exists() {
            return Ok(None);
        }
        let (_, most) = self.options(sandbox).bounds()?;
        load(&path, most).map(Some)
    }
}

impl std::fmt::Debug for Asleep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asleep")
            .field("after", &self.after)
            .field("awake", &self.awake)
            .field("memory", &self.memory)
            .field("folder", &self.folder)
            .field("sealed", &self.key.is_some())
            .finish_non_exhaustive()
    }
}

/// What a checkpoint says of the session that it is of: when that was started, in milliseconds since 1970, and its name.
fn note((tenant, key): &Name, started: SystemTime) -> String {
    let millis = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{millis} {tenant:?} {key:?}")
}

/// The folder of sleeping sessions.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// It is locked as long as what comes with it lives.
    fn open(path: &PathBuf) -> Result<(Self, Locked)> {
        let wrong = |reason| Error::from(PoolError::Setting { field: "asleep", reason });
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| wrong(format!("{}: {error}", path.display())))?;
        let lock = lock(path).map_err(|error| match error {
            Error::Checkpoint(CheckpointError::Busy { folder }) => wrong(format!(
                "{folder}: another pool has this folder open (end that one, or name another folder)"
            )),
            other => wrong(other.to_string()),
        })?;
        Ok((Self(path.clone()), lock))
    }

    pub(super) fn file(&self, (tenant, key): &Name) -> PathBuf {
        let mut hasher = Sha256::new();
        // No tenant's name can reach into the key's place.
        hasher.update((tenant.len() as u64).to_le_bytes());
        hasher.update(tenant);
        hasher.update(key);
        let hash = hasher.finalize();
        self.0.join(hex(hash.get(..20).unwrap_or_default())).with_extension(ENDING)
    }

    /// Removes what killed processes left unfinished, and sessions that nobody has used for so long.
    pub(super) fn tidy(&self, idle: Option<Duration>) {
        let is_old =
            |path: &Path| unused(path).zip(idle).is_some_and(|(unused, idle)| unused >= idle);
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let path = entry.path();
            let unfinished = entry.file_name().to_string_lossy().starts_with('.');
            let session = path.extension().is_some_and(|ending| ending == ENDING);
            if unfinished || session && is_old(&path) {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// How long nobody has used a session that lies here.
    pub(super) fn unused(&self, name: &Name) -> Option<Duration> {
        unused(&self.file(name))
    }

    /// Writes a session down, whole or not at all.
    pub(super) fn write(&self, name: &Name, bytes: &[u8]) -> Result<()> {
        store(&self.file(name), bytes)
    }

    /// A session is no more.
    pub(super) fn remove(&self, name: &Name) {
        let _ = fs::remove_file(self.file(name));
    }
}

fn unused(path: &Path) -> Option<Duration> {
    fs::metadata(path).and_then(|data| data.modified()).ok()?.elapsed().ok()
}
