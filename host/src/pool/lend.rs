//! How a request comes to its interpreter: its session's, one that is woken, a warm one or a new one; and what becomes
//! of it.

use super::asleep::Name;
use super::core::Core;
use super::job::Id;
use super::sessions::Had;
use super::sleeper::Away;
use crate::error::{CheckpointError, Error, Lost, PoolError, Result};
use crate::python::{Interpreter, Sandbox};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What a job knows of its request.
pub(super) struct Asked {
    pub(super) id: Id,
    pub(super) session: Option<u64>,
    pub(super) narrowed: Option<Sandbox>,
    pub(super) came: Instant,
    pub(super) patience: Duration,
}

impl Asked {
    /// Until when it may wait, and how long that is in all.
    fn patience(&self) -> (Option<Instant>, Duration) {
        (self.came.checked_add(self.patience), self.patience)
    }
}

/// An interpreter for a request.
pub(super) async fn lease(core: &Core, asked: &Asked) -> Result<Interpreter> {
    let Some(session) = asked.session else {
        return core.interpreters.get(asked.id, asked.narrowed.as_ref(), asked.patience()).await;
    };
    let had = core.state.lock().sessions.take(session, asked.id, core.settings.session_life);
    let woken = match had {
        Had::Interpreter(interpreter) => return Ok(interpreter),
        Had::Lost(error, interpreter) => {
            core.interpreters.drop_all(interpreter);
            return Err(error.into());
        }
        Had::Asleep(away, name) => wake(core, asked, session, Some(away), &name).await?,
        Had::None(old, name) => {
            core.interpreters.drop_all(old);
            match name {
                Some(name) => wake(core, asked, session, None, &name).await?,
                None => None,
            }
        }
    };
    if let Some(interpreter) = woken {
        return Ok(interpreter);
    }
    let interpreter = core.interpreters.get(asked.id, None, asked.patience()).await?;
    core.state.lock().sessions.starts(session);
    Ok(interpreter)
}

/// The interpreter of a session that sleeps: where it was put, or where an earlier process may have put it. `None` where
/// that has put nothing.
async fn wake(
    core: &Core,
    asked: &Asked,
    session: u64,
    away: Option<Away>,
    name: &Name,
) -> Result<Option<Interpreter>> {
    let Some(asleep) = &core.settings.asleep else { return Ok(None) };
    let refused = |place: String, error: Error| -> Error {
        PoolError::SessionAsleep { key: name.1.clone(), place, reason: Arc::new(error) }.into()
    };
    let is_found = away.is_none();
    let (bytes, place) = match (away, &core.folder) {
        (Some(Away::Memory(bytes, _)), _) => (bytes, "memory".to_owned()),
        (away, Some(folder)) => {
            let place = folder.file(name).display().to_string();
            match asleep.read(folder, &core.interpreters.sandbox, name) {
                Ok(Some(bytes)) => (Arc::from(bytes), place),
                Ok(None) if away.is_none() => return Ok(None),
                Ok(None) => {
                    let gone = CheckpointError::File("the file is gone".into());
                    return Err(refused(place, gone.into()));
                }
                Err(error) => return Err(refused(place, error)),
            }
        }
        (_, None) => return Ok(None),
    };
    let woken = core.interpreters.wake(
        asked.id,
        |runtime, sandbox| asleep.wake(runtime, sandbox, name, &bytes),
        asked.patience(),
    );
    let (interpreter, started) = woken.await.map_err(|error| match error {
        Error::Pool(_) | Error::Cancelled => error,
        error => refused(place, error),
    })?;
    let age = SystemTime::now().duration_since(started).unwrap_or_default();
    let mut state = core.state.lock();
    let reason = if is_found { old(core, age, name) } else { None };
    if let Some(reason) = reason {
        state.sessions.found_old(session);
        drop(state);
        core.interpreters.drop_all([interpreter]);
        return Err(PoolError::SessionLost { key: name.1.clone(), reason }.into());
    }
    state.sessions.woken(session, Instant::now().checked_sub(age).unwrap_or_else(Instant::now));
    Ok(Some(interpreter))
}

/// Why one that an earlier process has put away is none any more.
fn old(core: &Core, age: Duration, name: &Name) -> Option<Lost> {
    let unused = core.folder.as_ref().and_then(|folder| folder.unused(name));
    let idle = core.settings.session_idle.filter(|idle| unused.is_some_and(|time| time >= *idle));
    let life = core.settings.session_life.filter(|life| age >= *life);
    life.map(Lost::Life).or(idle.map(Lost::Idle))
}

/// What becomes of an interpreter: kept by its session, or dropped, for a reason that the session has to tell.
pub(super) fn give_back(
    core: &Core,
    session: Option<u64>,
    kept: Result<Interpreter, (Interpreter, Option<Error>)>,
) {
    let spare = match (session, kept) {
        (None, Ok(interpreter) | Err((interpreter, _))) => Some(interpreter),
        (Some(session), Ok(interpreter)) => {
            core.state.lock().sessions.keep(session, Ok(interpreter))
        }
        (Some(session), Err((interpreter, reason))) => {
            let reason = Lost::Failed(Arc::new(reason.unwrap_or(Error::Cancelled)));
            core.state.lock().sessions.keep(session, Err(reason));
            Some(interpreter)
        }
    };
    core.interpreters.drop_all(spare);
}
