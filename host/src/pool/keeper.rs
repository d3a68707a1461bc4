//! The keeper: the one thread that looks at the clock for all others. It ends what has waited too long, takes turns
//! that are overdue, and ends sessions that nobody uses.

use super::answer::Answer;
use super::core::{Core, State};
use super::course::Stopped;
use super::shutdown::Drained;
use super::sleeper::Stage;
use super::stats::Ending;
use super::turns::{OVERDUE, SLICE};
use crate::error::{Error, PoolError};
use crate::python::Interpreter;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often whoever waits for an interpreter's slot tries again: others than the pool may have freed one.
const SLOT: Duration = Duration::from_millis(10);

/// How often it is looked whether fewer interpreters are needed ahead.
const WARM: Duration = Duration::from_secs(1);

/// What the keeper does without the lock.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) stopped: Vec<(Stopped, Error)>,
    pub(super) interpreters: Vec<Interpreter>,
    /// Who waits for the pool's end.
    pub(super) told: Vec<(Arc<Answer<Drained>>, Drained)>,
}

impl Core {
    /// Makes sure that the keeper looks as early as it has to.
    pub(super) fn wake_keeper(&self, state: &mut State) {
        if !state.sessions.sleep.tasks.is_empty() {
            self.sleep.notify_one();
        }
        let Some(looks) = state.keeper_looks else { return };
        if self.next_look(state, Instant::now()).is_some_and(|next| next < looks) {
            self.keep.notify_one();
            // Once is enough.
            state.keeper_looks = None;
        }
    }

    /// When the keeper has to look.
    fn next_look(&self, state: &State, now: Instant) -> Option<Instant> {
        let contended = self.contended.load(Ordering::Relaxed);
        let busy = !self.interpreters.line.is_empty();
        [
            state.patience.first().map(|(at, _)| *at),
            state.sessions.next_end(),
            state.closing.next_look(),
            contended.then(|| now + SLICE),
            busy.then(|| now + SLOT),
            self.interpreters.warm.is_over_least().then(|| now + WARM),
            (!state.threads.failed.is_empty()).then_some(now),
            (state.closing.is_closing()
                && state.entries.is_empty()
                && state.sessions.sleep.stage != Stage::Ends)
                .then_some(now),
            self.settings.awake().and_then(|awake| state.sessions.next_sleep(now, awake)),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What the keeper's thread does, until the pool is closed and all is over.
    pub(super) fn keep_house(self: &Arc<Self>) {
        let mut relaxed = Instant::now() + WARM;
        loop {
            let mut tasks = Tasks::default();
            let mut state = self.state.lock();
            let now = Instant::now();
            self.look_after(&mut state, now, &mut tasks);
            let over = self.close_if_done(&mut state, &mut tasks);
            let idle = tasks.stopped.is_empty() && tasks.interpreters.is_empty();
            if idle && !over {
                match self.next_look(&state, now) {
                    Some(next) if next <= now => {}
                    Some(next) => {
                        state.keeper_looks = Some(next);
                        self.keep.wait_until(&mut state, next);
                    }
                    None => {
                        state.keeper_looks = now.checked_add(Duration::from_secs(1 << 30));
                        self.keep.wait(&mut state);
                    }
                }
                state.keeper_looks = None;
            }
            drop(state);
            for (stopped, error) in tasks.stopped {
                stopped.carry_out(self, error);
            }
            self.interpreters.drop_all(tasks.interpreters);
            for (told, drained) in tasks.told {
                told.give(drained);
            }
            if over {
                return;
            }
            let now = Instant::now();
            self.interpreters.line.wake_due(now);
            if now >= relaxed {
                let spare = self.interpreters.warm.relax();
                self.interpreters.drop_all(spare);
                relaxed = now + WARM;
            }
        }
    }

    fn look_after(self: &Arc<Self>, state: &mut State, now: Instant, tasks: &mut Tasks) {
        while let Some((at, id)) = state.patience.first().copied().filter(|(at, _)| *at <= now) {
            state.patience.remove(&(at, id));
            let patience = state.patience_of(id);
            let error: Error = PoolError::QueueTimeout { limit: patience }.into();
            let stopped = self.stop(state, id, Ending::Late);
            tasks.stopped.extend(stopped.map(|stopped| (stopped, error)));
        }
        if self.contended.load(Ordering::Relaxed) {
            let now_held = &mut *state;
            let revoked = now_held.turns.revoke(&mut now_held.fair, now);
            if revoked > 0 {
                state.counts.revoked += revoked as u64;
                self.dispatch(state);
            }
        }
        for (job, why) in std::mem::take(&mut state.threads.failed) {
            self.next_of_session(state, job.session);
            let error = Error::host(format!("no thread for a request: {why}"));
            tasks.stopped.push((Stopped::Waiting(job, Ending::Failed), error));
        }
        let settings = &self.settings;
        let ended = state.sessions.end_old(now, settings.session_idle, settings.session_life);
        for (tenant, interpreter) in ended {
            tasks.interpreters.extend(interpreter);
            if let Some(tenant) = tenant {
                state.tenants.sessions(tenant, false);
            }
        }
        if let Some(awake) = self.settings.awake() {
            state.sessions.put_away(now, awake);
            if !state.sessions.sleep.tasks.is_empty() {
                self.sleep.notify_one();
            }
        }
        if state.closing.is_due(now) {
            self.stop_all(state, |stopped| tasks.stopped.push((stopped, Error::Cancelled)));
            state.closing.stopped();
        }
    }
}

const _: () = assert!(SLICE.as_nanos() < OVERDUE.as_nanos());
