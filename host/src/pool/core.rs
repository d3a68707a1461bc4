//! `Core`: what everybody in a pool shares: one lock around all that waits and runs, and how requests come and begin.
//!
//! Nothing of anybody else's runs under the lock: no waker, no `Drop` of a request, no guest.

use super::asleep::Folder;
use super::builder::Settings;
use super::fair::{Fair, Lane, Number};
use super::job::{Entry, Id, Job, Place, Polled};
use super::lease::Interpreters;
use super::metering::{self, Levels};
use super::sessions::Sessions;
use super::shutdown::Closing;
use super::stats::{Counts, Ending, Stats};
use super::tenants::Tenants;
use super::turns;
use super::worker::Threads;
use crate::error::{PoolError, Result};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What waits for a turn.
pub(super) enum Item {
    Job(Job),
    Parked(Arc<turns::Waiter>),
}

/// What the lock is around.
pub(super) struct State {
    pub(super) fair: Fair<Item>,
    pub(super) tenants: Tenants,
    pub(super) turns: turns::Turns,
    pub(super) threads: Threads,
    pub(super) entries: HashMap<Id, Entry>,
    /// Who waits for how long at most.
    pub(super) patience: BTreeSet<(Instant, Id)>,
    pub(super) sessions: Sessions,
    pub(super) queued: usize,
    pub(super) begun: usize,
    pub(super) counts: Counts,
    /// What was told last of how many wait and run.
    told: Levels,
    pub(super) closing: Closing,
    /// When the keeper looks again, if it sleeps.
    pub(super) keeper_looks: Option<Instant>,
}

/// A pool, but for its handles.
pub(super) struct Core {
    pub(super) settings: Settings,
    pub(super) interpreters: Interpreters,
    /// Where sessions sleep that have no room in memory.
    pub(super) folder: Option<Folder>,
    pub(super) state: Mutex<State>,
    /// Whether a turn is wanted that nobody has to spare. What guest code looks at.
    pub(super) contended: AtomicBool,
    /// Wakes the keeper.
    pub(super) keep: Condvar,
    /// Wakes the sleeper.
    pub(super) sleep: Condvar,
    /// Says that a thread has ended.
    pub(super) left: Condvar,
    last: AtomicU64,
}

/// A request on its way in.
pub(super) struct Coming<'a> {
    pub(super) tenant: &'a str,
    pub(super) job: Job,
}

impl Core {
    pub(super) fn new(
        settings: Settings,
        interpreters: Interpreters,
        folder: Option<Folder>,
    ) -> Self {
        let most_begun = settings.threads.saturating_sub(settings.workers).max(1);
        let state = State {
            fair: Fair::new(turns::SLICE),
            tenants: Tenants::new(
                settings.others.clone(),
                settings.tenants.clone(),
                settings.most_tenants,
                most_begun,
            ),
            turns: turns::Turns::new(settings.workers),
            threads: Threads::default(),
            entries: HashMap::new(),
            patience: BTreeSet::new(),
            sessions: Sessions::default(),
            queued: 0,
            begun: 0,
            counts: Counts::default(),
            told: Levels::default(),
            closing: Closing::default(),
            keeper_looks: None,
        };
        Self {
            settings,
            interpreters,
            folder,
            state: Mutex::new(state),
            contended: AtomicBool::new(false),
            keep: Condvar::new(),
            sleep: Condvar::new(),
            left: Condvar::new(),
            last: AtomicU64::new(0),
        }
    }

    pub(super) fn next_id(&self) -> Id {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The last one there is.
    pub(super) fn last_id(&self) -> Id {
        self.last.load(Ordering::Relaxed)
    }

    /// Takes a request in. One that is refused says so by itself, as an error of the result.
    pub(super) fn submit(self: &Arc<Self>, coming: Coming<'_>) {
        let now = coming.job.came;
        let (id, refuse) = (coming.job.id, Arc::clone(&coming.job.refuse));
        let mut state = self.state.lock();
        let refused = match self.admit(&mut state, coming, now) {
            Ok(()) => self.check_room(&mut state, id),
            Err(refused) => Some(*refused),
        };
        match &refused {
            Some(_) => state.counts.refused += 1,
            None => state.counts.accepted += 1,
        }
        self.wake_keeper(&mut state);
        let (before, now) = state.levels();
        drop(state);
        now.tell(before);
        if let Some((error, job)) = refused {
            metering::refused();
            job.span.ends("refused");
            refuse.refuse(error.into());
            drop(job);
        }
    }

    /// Puts a request where it belongs, and begins it when it can be.
    fn admit(
        self: &Arc<Self>,
        state: &mut State,
        coming: Coming<'_>,
        now: Instant,
    ) -> Result<(), Box<(PoolError, Job)>> {
        let Coming { tenant, mut job } = coming;
        if state.closing.is_closing() {
            return Err(Box::new((PoolError::ShuttingDown, job)));
        }
        let entered = state.tenants.enter(tenant, &mut state.fair, now);
        let tenant = match entered {
            Ok(tenant) => tenant,
            Err(error) => return Err(Box::new((error, job))),
        };
        if let Err(error) = state.tenants.count(tenant, now) {
            return Err(Box::new((error, job)));
        }
        job.tenant = tenant;
        let (id, session, patience) = (job.id, job.session, job.patience);
        state.turns.settle(&mut state.fair, now);
        let place = match state.sessions.queue(session, job) {
            None => Place::Behind,
            Some(job) => Place::Queued(state.fair.push(tenant, Lane::New, Item::Job(job))),
        };
        let until = now.checked_add(patience);
        state
            .entries
            .insert(id, Entry { tenant, session, begun: false, patience, until: None, place });
        state.queued += 1;
        state.tenants.queued(tenant, true);
        self.dispatch(state);
        if let Some(entry) = state.entries.get_mut(&id).filter(|entry| !entry.begun) {
            entry.until = until;
            state.patience.extend(until.map(|until| (until, id)));
        }
        state.counts.most_queued =
            state.counts.most_queued.max(state.queued.min(self.settings.queue));
        Ok(())
    }

    /// Takes a request out again that found no room to wait.
    fn check_room(self: &Arc<Self>, state: &mut State, id: Id) -> Option<(PoolError, Job)> {
        let entry = state.entries.get(&id).filter(|entry| !entry.begun)?;
        let error = if state.queued > self.settings.queue {
            PoolError::QueueFull { limit: self.settings.queue }
        } else {
            state.tenants.check_queued(entry.tenant).err()?
        };
        let first = matches!(entry.place, Place::Queued(_));
        let job = state.take_waiting(id)?;
        if first {
            self.next_of_session(state, job.session);
        }
        Some((error, job))
    }

    /// Hands turns to what waits, as long as there are any.
    pub(super) fn dispatch(self: &Arc<Self>, state: &mut State) {
        while state.turns.has_free() {
            let threads = state.fair.wants_threads() && state.threads.make_spare(self);
            let Some((tenant, lane, item)) = state.fair.pop(threads) else { break };
            match item {
                Item::Parked(waiter) => {
                    state.turns.hold(&waiter.hands, tenant);
                    waiter.grant();
                }
                Item::Job(job) => self.begin(state, tenant, lane, job),
            }
        }
        let threads = state.threads.has_spare(self.settings.threads);
        let wanted = !state.turns.has_free() && state.fair.is_wanted(threads);
        self.contended.store(wanted, Ordering::Relaxed);
    }

    /// Gives a job to a thread.
    fn begin(self: &Arc<Self>, state: &mut State, tenant: Number, lane: Lane, job: Job) {
        let hands = match state.threads.spare(self) {
            Ok(hands) => hands,
            Err(error) => {
                // A machine at its end. The keeper tells whoever waits.
                state.fair.over(tenant, Duration::ZERO);
                if lane == Lane::New {
                    state.leave_queue(job.id);
                    state.begun += 1;
                }
                state.forget(job.id, tenant, Ending::Failed);
                state.threads.failed.push((job, error.to_string()));
                return;
            }
        };
        if lane == Lane::New {
            state.leave_queue(job.id);
            state.begun += 1;
            state.counts.most_begun = state.counts.most_begun.max(state.begun);
        }
        if let Some(entry) = state.entries.get_mut(&job.id) {
            entry.begun = true;
            entry.place = Place::Polled(Polled::default());
        }
        state.turns.hold(&hands, tenant);
        hands.give(job);
    }

    pub(super) fn stats(&self) -> Stats {
        let warm = self.interpreters.warm.len();
        let state = self.state.lock();
        let running = state.turns.held();
        let awaiting =
            state.entries.values().filter(|entry| entry.begun && !entry.is_on_thread()).count();
        let counts = &state.counts;
        Stats {
            queued: state.queued,
            most_queued: counts.most_queued,
            begun: state.begun,
            most_begun: counts.most_begun,
            running: running.min(state.begun),
            parked: state.begun.saturating_sub(running + awaiting),
            awaiting,
            threads: state.threads.len(),
            most_threads: state.threads.most,
            warm,
            sessions: state.sessions.with_interpreter(),
            asleep: state.sessions.sleep.in_memory() + state.sessions.in_folder(),
            asleep_bytes: state.sessions.sleep.bytes(),
            put_away: state.sessions.sleep.counts.put_away,
            woken: state.sessions.sleep.counts.woken,
            stayed_awake: state.sessions.sleep.counts.failed,
            tenants: state.tenants.len(),
            accepted: counts.accepted,
            refused: counts.refused,
            started: self.interpreters.started(),
            finished: counts.finished.clone(),
            slices: counts.slices,
            revoked: counts.revoked,
            most_memory: counts.most_memory,
            queue_time: counts.queue_time.times(),
            run_time: counts.run_time.times(),
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // What it has told counts no more.
        Levels::default().tell(self.state.get_mut().told);
    }
}

impl State {
    /// What was told last, and what is to be told now.
    pub(super) fn levels(&mut self) -> (Levels, Levels) {
        let Counts { most_queued, most_begun, .. } = self.counts;
        let now = Levels { queued: self.queued, begun: self.begun, most_queued, most_begun };
        (std::mem::replace(&mut self.told, now), now)
    }

    /// A request waits no more.
    fn leave_queue(&mut self, id: Id) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if let Some(until) = entry.until.take() {
            self.patience.remove(&(until, id));
        }
        self.queued = self.queued.saturating_sub(1);
        self.tenants.queued(entry.tenant, false);
    }

    /// Takes out a request that has not begun.
    pub(super) fn take_waiting(&mut self, id: Id) -> Option<Job> {
        self.leave_queue(id);
        let entry = self.entries.remove(&id)?;
        match entry.place {
            Place::Queued(number) => match self.fair.remove(entry.tenant, Lane::New, number) {
                Some(Item::Job(job)) => Some(job),
                _ => None,
            },
            _ => self.sessions.take_behind(entry.session, id),
        }
    }

    pub(super) fn patience_of(&self, id: Id) -> Duration {
        self.entries.get(&id).map(|entry| entry.patience).unwrap_or_default()
    }

    /// One that has begun is over.
    pub(super) fn forget(&mut self, id: Id, tenant: Number, ending: Ending) {
        if self.entries.remove(&id).is_some() {
            self.begun = self.begun.saturating_sub(1);
            self.fair.ended(tenant);
            self.counts.count(ending);
        }
    }
}

impl Entry {
    fn is_on_thread(&self) -> bool {
        matches!(self.place, Place::Polled(_))
    }
}

impl Counts {
    pub(super) fn count(&mut self, ending: Ending) {
        *self.finished.entry(ending).or_default() += 1;
    }
}
