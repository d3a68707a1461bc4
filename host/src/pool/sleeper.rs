//! The sleeper: the one thread that puts sessions away. A session in its hands is busy: whoever asks for it waits behind.

use super::asleep::{Asleep, Folder, Name};
use super::core::Core;
use super::worker::STACK;
use crate::checkpoint::Locked;
use crate::error::{CheckpointError, Error, Result};
use crate::python::Interpreter;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// How long nothing is put away after something could not be: a full disk has room again some time.
const PAUSE: Duration = Duration::from_secs(1);

/// A session without an interpreter.
#[derive(Clone)]
pub(super) enum Away {
    Memory(Arc<[u8]>, u64),
    Folder,
}

/// What the sleeper is to do.
pub(super) enum Task {
    PutAway(u64, Name, Box<Interpreter>, Instant),
    Remove(Name),
}

/// What sleeps, and what is about to: under the pool's lock.
#[derive(Default)]
pub(super) struct Sleep {
    pub(super) tasks: VecDeque<Task>,
    /// Sessions in memory, by when they were put there, and their bytes.
    memory: BTreeMap<u64, u64>,
    bytes: u64,
    last: u64,
    /// Names whose files are about to be removed.
    removing: HashMap<Name, usize>,
    /// Nothing is put away before.
    pub(super) pause: Option<Instant>,
    pub(super) counts: SleepCounts,
    pub(super) stage: Stage,
}

/// What has been put away and woken.
#[derive(Clone, Copy, Default)]
pub(super) struct SleepCounts {
    pub(super) put_away: u64,
    pub(super) woken: u64,
    pub(super) failed: u64,
}

/// How far the end is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no sleeper.
    #[default]
    None,
    Works,
    /// What is left is put away.
    Ends,
    Over,
}

impl Sleep {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn in_memory(&self) -> usize {
        self.memory.len()
    }

    /// The session that has been longest in memory.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.memory.first_key_value().map(|(_, session)| *session)
    }

    /// Whether this session's file, if there is one, is as good as gone.
    pub(super) fn is_removing(&self, name: &Name) -> bool {
        self.removing.contains_key(name)
    }

    /// Nobody will wake it any more.
    pub(super) fn remove(&mut self, name: &Name) {
        if self.stage != Stage::None {
            *self.removing.entry(name.clone()).or_default() += 1;
            self.tasks.push_back(Task::Remove(name.clone()));
        }
    }

    fn removed(&mut self, name: &Name) {
        if let Some(count) = self.removing.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.removing.remove(name);
            }
        }
    }

    /// It lies in memory from now on.
    fn put(&mut self, session: u64, bytes: Arc<[u8]>) -> Away {
        self.last += 1;
        self.memory.insert(self.last, session);
        self.bytes += bytes.len() as u64;
        Away::Memory(bytes, self.last)
    }

    /// It does no more.
    pub(super) fn took(&mut self, away: &Away) {
        if let Away::Memory(bytes, number) = away
            && self.memory.remove(number).is_some()
        {
            self.bytes -= bytes.len() as u64;
        }
    }
}

impl Core {
    /// Starts the sleeper where sessions sleep. It has the folder's lock until its end.
    pub(super) fn start_sleeper(
        self: &Arc<Self>,
        lock: Option<Locked>,
    ) -> io::Result<Option<JoinHandle<()>>> {
        let Some(asleep) = self.settings.asleep.clone() else { return Ok(None) };
        let core = Arc::clone(self);
        let after = asleep.after;
        let stack = core.interpreters.stack() + STACK;
        let builder = thread::Builder::new().name("ophidia-sleeper".into()).stack_size(stack);
        let thread = builder.spawn(move || {
            let _lock = lock;
            core.put_to_sleep(&asleep, core.folder.as_ref());
        })?;
        let mut state = self.state.lock();
        state.sessions.sleep.stage = Stage::Works;
        state.sessions.after = Some(after);
        Ok(Some(thread))
    }

    /// What the sleeper's thread does, until the pool is at its end.
    fn put_to_sleep(self: &Arc<Self>, asleep: &Asleep, folder: Option<&Folder>) {
        if let Some(folder) = folder {
            folder.tidy(self.settings.session_idle);
        }
        loop {
            let mut state = self.state.lock();
            let task = loop {
                let sleep = &mut state.sessions.sleep;
                if let Some(task) = sleep.tasks.pop_front() {
                    break Some(task);
                }
                if sleep.stage == Stage::Ends {
                    break None;
                }
                self.sleep.wait(&mut state);
            };
            drop(state);
            match task {
                Some(Task::PutAway(session, name, interpreter, started)) => {
                    let put = Put { core: self, asleep, folder };
                    put.away(session, &name, interpreter, started);
                }
                Some(Task::Remove(name)) => {
                    if let Some(folder) = folder {
                        folder.remove(&name);
                    }
                    self.state.lock().sessions.sleep.removed(&name);
                }
                None => {
                    let put = Put { core: self, asleep, folder };
                    put.all_to_folder();
                    let mut state = self.state.lock();
                    state.sessions.sleep.stage = Stage::Over;
                    self.wake_keeper(&mut state);
                    return;
                }
            }
        }
    }
}

/// Where a session is put.
struct Put<'a> {
    core: &'a Arc<Core>,
    asleep: &'a Asleep,
    folder: Option<&'a Folder>,
}

impl Put<'_> {
    fn away(&self, session: u64, name: &Name, mut interpreter: Box<Interpreter>, since: Instant) {
        let started = SystemTime::now().checked_sub(since.elapsed()).unwrap_or(SystemTime::now());
        // Its functions are the caller's code, and may be dropped on the way.
        let bytes = catch_unwind(AssertUnwindSafe(|| {
            self.asleep.put_away(&mut interpreter, name, started)
        }));
        let bytes = bytes.unwrap_or_else(|_| Err(Error::Cancelled));
        let put = bytes.and_then(|bytes| self.lay(session, name, bytes));
        let mut state = self.core.state.lock();
        let gone = match put {
            Ok(away) => {
                state.sessions.sleep.counts.put_away += 1;
                state.sessions.sleeps(session, away);
                Some(*interpreter)
            }
            Err(error) => {
                say(name, &error);
                state.sessions.sleep.counts.failed += 1;
                // What cannot be put away as it is will not be in a moment, and no other one where there is no room.
                let is_its_own = matches!(
                    &error,
                    Error::Checkpoint(
                        CheckpointError::HostValues(_) | CheckpointError::NotAtRest(_)
                    )
                );
                if !is_its_own {
                    state.sessions.sleep.pause = Instant::now().checked_add(PAUSE);
                }
                state.sessions.stays_awake(session, *interpreter)
            }
        };
        self.core.next_of_session(&mut state, Some(session));
        self.core.wake_keeper(&mut state);
        drop(state);
        self.core.interpreters.drop_all(gone);
    }

    /// Into memory where there is room, which others make; else into the folder.
    fn lay(&self, session: u64, name: &Name, bytes: Arc<[u8]>) -> Result<Away> {
        let len = bytes.len() as u64;
        loop {
            let mut state = self.core.state.lock();
            let ends = state.sessions.sleep.stage == Stage::Ends;
            let sleep = &mut state.sessions.sleep;
            if !(ends && self.folder.is_some()) && sleep.bytes + len <= self.asleep.memory {
                return Ok(sleep.put(session, bytes));
            }
            let oldest = state.sessions.oldest_in_memory();
            drop(state);
            let Some(folder) = self.folder else {
                let limit = self.asleep.memory;
                return Err(Error::host(format!(
                    "sleeping sessions: {limit} bytes of memory are used, and no folder is named (raise Asleep::memory, or \
                     name an Asleep::folder)"
                )));
            };
            match oldest.filter(|_| len <= self.asleep.memory && !ends) {
                Some((other, other_name, held)) => self.to_folder(other, &other_name, &held)?,
                None => {
                    folder.write(name, &bytes)?;
                    return Ok(Away::Folder);
                }
            }
        }
    }

    /// One that lies in memory.
    fn to_folder(&self, session: u64, name: &Name, bytes: &Arc<[u8]>) -> Result<()> {
        if let Some(folder) = self.folder {
            folder.write(name, bytes)?;
        }
        self.core.state.lock().sessions.moved_to_folder(session, bytes);
        Ok(())
    }

    fn all_to_folder(&self) {
        while self.folder.is_some() {
            let oldest = self.core.state.lock().sessions.oldest_in_memory();
            let Some((session, name, bytes)) = oldest else { return };
            if let Err(error) = self.to_folder(session, &name, &bytes) {
                // Without room for one there may be room for the next.
                say(&name, &error);
                let mut state = self.core.state.lock();
                state.sessions.sleep.counts.failed += 1;
                state.sessions.moved_to_folder(session, &bytes);
            }
        }
    }
}

/// Tells the operator.
fn say((tenant, key): &Name, error: &Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "ophidia::pool", tenant, key, %error, "a session stays awake");
    #[cfg(not(feature = "tracing"))]
    let _ = (tenant, key, error);
}
