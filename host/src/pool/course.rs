//! The course of a request that was let in: it runs, waits, is woken, ends, or is ended.

use super::core::{Core, Item, State};
use super::fair::Lane;
use super::job::{Entry, Id, Job, Place, Polled, Ran};
use super::metering;
use super::stats::Ending;
use crate::error::Error;
use crate::sandbox::control::Interrupter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

impl Core {
    /// A job begins to run, in this interpreter, having waited for so long; says whether it may.
    pub(super) fn runs(&self, id: Id, interrupter: Interrupter, waited: Duration) -> bool {
        let mut state = self.state.lock();
        state.counts.queue_time.add(waited);
        let Some(Entry { place: Place::Polled(polled), .. }) = state.entries.get_mut(&id) else {
            return false;
        };
        polled.interrupter = Some(interrupter);
        !polled.cancelled
    }

    /// It is polled, maybe after it has waited; says whether it may go on.
    pub(super) fn polls(&self, id: Id, interrupter: &Interrupter) -> bool {
        let mut state = self.state.lock();
        let Some(Entry { place: Place::Polled(polled), .. }) = state.entries.get_mut(&id) else {
            return false;
        };
        if polled.interrupter.is_none() {
            polled.interrupter = Some(interrupter.clone());
        }
        !polled.cancelled
    }

    /// It runs no more; says whether it was cancelled meanwhile.
    pub(super) fn has_run(&self, id: Id) -> bool {
        let mut state = self.state.lock();
        match state.entries.get_mut(&id) {
            Some(Entry { place: Place::Polled(polled), .. }) => {
                polled.interrupter = None;
                polled.cancelled
            }
            _ => true,
        }
    }

    /// A job waits for something, and its thread is free; gives it back when it was cancelled meanwhile, and is to be
    /// dropped and [ended](Self::ended).
    pub(super) fn awaits(self: &Arc<Self>, job: Job) -> Option<Job> {
        let mut state = self.state.lock();
        let Some(Entry { place, .. }) = state.entries.get_mut(&job.id) else { return Some(job) };
        let woken = match place {
            Place::Polled(Polled { cancelled: true, .. }) => return Some(job),
            Place::Polled(polled) => polled.woken,
            _ => false,
        };
        if woken {
            self.resume(&mut state, job);
        } else {
            *place = Place::Awaiting(job);
            // It may wait for a slot, which the keeper looks after.
            self.wake_keeper(&mut state);
        }
        None
    }

    /// Puts a job that has begun back into the queue.
    fn resume(self: &Arc<Self>, state: &mut State, job: Job) {
        let (id, tenant) = (job.id, job.tenant);
        state.turns.settle(&mut state.fair, Instant::now());
        let number = state.fair.push(tenant, Lane::Woken, Item::Job(job));
        if let Some(entry) = state.entries.get_mut(&id) {
            entry.place = Place::Woken(number);
        }
        self.dispatch(state);
        self.wake_keeper(state);
    }

    /// What a job waited for is there.
    fn wake(self: &Arc<Self>, id: Id) {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.get_mut(&id) else { return };
        match std::mem::replace(&mut entry.place, Place::Behind) {
            Place::Awaiting(job) => self.resume(&mut state, job),
            Place::Polled(polled) => {
                entry.place = Place::Polled(Polled { woken: true, ..polled });
            }
            other => entry.place = other,
        }
    }

    pub(super) fn waker(self: &Arc<Self>, id: Id) -> Waker {
        Waker::from(Arc::new(Woken { core: Arc::downgrade(self), id }))
    }

    /// A job is over.
    pub(super) fn ended(self: &Arc<Self>, job: &Job, ending: Ending, ran: Option<Ran>) {
        metering::finished(ending, ran);
        job.span.ends(ending.name());
        let mut state = self.state.lock();
        if let Some(Ran { time, memory }) = ran {
            state.counts.run_time.add(time);
            state.counts.most_memory = state.counts.most_memory.max(memory);
        }
        state.forget(job.id, job.tenant, ending);
        self.next_of_session(&mut state, job.session);
        self.dispatch(&mut state);
        self.wake_keeper(&mut state);
        drop(state);
        self.tell_levels();
    }

    /// Says how many wait and run.
    fn tell_levels(&self) {
        let (before, now) = self.state.lock().levels();
        now.tell(before);
    }

    /// The next request of a session may begin, now that one is over.
    pub(super) fn next_of_session(self: &Arc<Self>, state: &mut State, session: Option<u64>) {
        let Some(session) = session else { return };
        let Some(job) = state.sessions.next(session, Instant::now()) else {
            return self.session_rests(state, session);
        };
        let (id, tenant) = (job.id, job.tenant);
        let number = state.fair.push(tenant, Lane::New, Item::Job(job));
        if let Some(entry) = state.entries.get_mut(&id) {
            entry.place = Place::Queued(number);
        }
        self.dispatch(state);
    }

    /// Ends a request wherever it is: with this error when it has not run yet.
    pub(super) fn cancel(self: &Arc<Self>, id: Id, error: Error) {
        let mut state = self.state.lock();
        let stopped = self.stop(&mut state, id, Ending::of(&error));
        self.wake_keeper(&mut state);
        drop(state);
        if let Some(stopped) = stopped {
            stopped.carry_out(self, error);
        }
    }

    /// The same under the lock; what is left to be done without it.
    pub(super) fn stop(
        self: &Arc<Self>,
        state: &mut State,
        id: Id,
        ending: Ending,
    ) -> Option<Stopped> {
        let entry = state.entries.get_mut(&id)?;
        if let Place::Polled(polled) = &mut entry.place {
            polled.cancelled = true;
            return polled.interrupter.clone().map(Stopped::Running);
        }
        if entry.begun {
            // It is over when it is dropped: until then nothing else of its session may begin.
            let cancelled = Polled { cancelled: true, ..Polled::default() };
            let job = match std::mem::replace(&mut entry.place, Place::Polled(cancelled)) {
                Place::Awaiting(job) => Some(job),
                Place::Woken(number) => {
                    match state.fair.remove(entry.tenant, Lane::Woken, number) {
                        Some(Item::Job(job)) => Some(job),
                        _ => None,
                    }
                }
                _ => None,
            };
            return job.map(|job| Stopped::Resting(job, ending));
        }
        state.counts.count(ending);
        let (session, queued) = (entry.session, matches!(entry.place, Place::Queued(_)));
        let job = state.take_waiting(id);
        if queued {
            self.next_of_session(state, session);
        }
        job.map(|job| Stopped::Waiting(job, ending))
    }
}

/// A request that was stopped.
pub(super) enum Stopped {
    /// It had not begun, and is over.
    Waiting(Job, Ending),
    /// It waited in its middle, and is over when it is dropped.
    Resting(Job, Ending),
    /// It runs, and is told.
    Running(Interrupter),
}

impl Stopped {
    /// To be called without the lock: this may run code of whoever waits for the request. A panic of that goes nowhere.
    pub(super) fn carry_out(self, core: &Arc<Core>, error: Error) {
        match self {
            Self::Waiting(job, ending) => {
                metering::finished(ending, None);
                job.span.ends(ending.name());
                refuse(job, error);
                core.tell_levels();
            }
            Self::Resting(mut job, ending) => {
                let work = std::mem::replace(&mut job.work, Box::pin(std::future::pending()));
                let _ = catch_unwind(AssertUnwindSafe(|| drop(work)));
                core.ended(&job, ending, None);
                refuse(job, error);
            }
            Self::Running(interrupter) => interrupter.cancel(),
        }
    }
}

fn refuse(job: Job, error: Error) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        job.refuse.refuse(error);
        drop(job);
    }));
}

/// Wakes a job.
struct Woken {
    core: Weak<Core>,
    id: Id,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        if let Some(core) = self.core.upgrade() {
            core.wake(self.id);
        }
    }
}
