//! Folders that one process at a time has open.

use crate::error::{CheckpointError, Result};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// The file that is locked.
pub(super) const LOCK: &str = "lock";

/// How often a folder is tried again that others look at, and how long after.
const MOST_LOOKS: u32 = 1_000;
const LOOK: Duration = Duration::from_millis(1);

fn failed(path: &Path, error: &io::Error) -> CheckpointError {
    CheckpointError::File(format!("{}: {error}", path.display()))
}

/// Whether somebody has locked it for good; who looks holds a shared lock for a moment.
pub(super) fn is_locked(file: &File) -> bool {
    let is_locked = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let _ = file.unlock();
    is_locked
}

/// A locked file. It is unlocked, not only closed, at its end: a process that is just being started has its descriptor
/// too, for a moment.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Locks a folder, or says that it is open.
pub(crate) fn lock(folder: &Path) -> Result<Locked> {
    let path = folder.join(LOCK);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|error| failed(&path, &error))?;
    let busy = || CheckpointError::Busy { folder: folder.display().to_string() };
    let mut looks = 0;
    while let Err(error) = file.try_lock() {
        match error {
            TryLockError::Error(error) => return Err(failed(&path, &error).into()),
            // Somebody only looks: that is over at once.
            TryLockError::WouldBlock if looks < MOST_LOOKS && !is_locked(&file) => {
                looks += 1;
                thread::sleep(LOOK);
            }
            TryLockError::WouldBlock => return Err(busy().into()),
        }
    }
    // Whoever had it may have removed it meanwhile: then another file has the name, or none.
    let locked = file.metadata().map_err(|error| failed(&path, &error))?;
    match fs::metadata(&path) {
        Ok(named) if (named.dev(), named.ino()) == (locked.dev(), locked.ino()) => Ok(Locked(file)),
        _ => Err(busy().into()),
    }
}
