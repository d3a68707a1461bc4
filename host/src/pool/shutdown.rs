//! The end of a pool: no more requests, then those that are there, then everything.

use super::answer::{Answer, block};
use super::core::{Core, State};
use super::course::Stopped;
use super::keeper::Tasks;
use super::sleeper::Stage;
use super::stats::Ending;
use crate::error::Result;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

/// How a pool came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Requests that had to be cancelled because they were not over in time.
    pub cancelled: usize,
}

/// Whether a pool ends, and when.
#[derive(Default)]
pub(super) struct Closing {
    /// When what is left is cancelled; `None` when the pool goes on.
    at: Option<Instant>,
    stopped: bool,
    done: bool,
    drained: Drained,
    told: Vec<Arc<Answer<Drained>>>,
}

impl Closing {
    pub(super) fn is_closing(&self) -> bool {
        self.at.is_some()
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.stopped && self.at.is_some_and(|at| at <= now)
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        self.at.filter(|_| !self.stopped)
    }

    pub(super) fn stopped(&mut self) {
        self.stopped = true;
    }
}

impl Core {
    /// Takes no more requests, and cancels at that time what is left.
    pub(super) fn close(&self, at: Instant) -> Arc<Answer<Drained>> {
        let answer = Answer::new();
        let mut state = self.state.lock();
        let closing = &mut state.closing;
        closing.at = Some(closing.at.map_or(at, |before| before.min(at)));
        if closing.done {
            answer.give(closing.drained);
        } else {
            closing.told.push(Arc::clone(&answer));
        }
        self.wake_keeper(&mut state);
        answer
    }

    pub(super) fn stop_all(self: &Arc<Self>, state: &mut State, mut stopped: impl FnMut(Stopped)) {
        // What waits behind another request first: else it would begin when that one goes.
        let mut ids = state.sessions.all_behind();
        ids.extend(state.entries.keys().copied());
        for id in ids {
            if state.entries.contains_key(&id) {
                state.closing.drained.cancelled += 1;
                self.stop(state, id, Ending::Cancelled).into_iter().for_each(&mut stopped);
            }
        }
    }

    /// Lets threads and interpreters go when the last request is over; says whether that is so.
    pub(super) fn close_if_done(&self, state: &mut State, tasks: &mut Tasks) -> bool {
        if !state.closing.is_closing() || !state.entries.is_empty() {
            return false;
        }
        match state.sessions.sleep.stage {
            Stage::Works => {
                let lasts = self.folder.is_some();
                state.sessions.all_sleep(lasts);
                self.sleep.notify_one();
                return false;
            }
            Stage::Ends => return false,
            Stage::None | Stage::Over => {}
        }
        state.closing.done = true;
        state.threads.stop();
        tasks.interpreters.extend(self.interpreters.warm.close());
        tasks.interpreters.extend(state.sessions.take_all());
        let drained = state.closing.drained;
        let told = std::mem::take(&mut state.closing.told);
        tasks.told.extend(told.into_iter().map(|told| (told, drained)));
        true
    }

    /// Whether the last request is over.
    pub(super) fn is_over(&self) -> bool {
        self.state.lock().closing.done
    }

    /// Waits for the threads, for so long at most: those that are in code of the host which does not return stay.
    pub(super) fn join(&self, grace: Duration) {
        let mut state = self.state.lock();
        if state.threads.contains(thread::current().id()) {
            return;
        }
        let until = Instant::now().checked_add(grace);
        while state.threads.len() > 0 {
            match until {
                Some(until) if self.left.wait_until(&mut state, until).timed_out() => break,
                Some(_) => {}
                None => self.left.wait(&mut state),
            }
        }
        let ended = state.threads.ended();
        drop(state);
        for handle in ended {
            let _ = handle.join();
        }
    }
}

/// A pool that comes to its end: a future of how, and [`wait`](Self::wait) blocks for it. Dropping it changes nothing.
#[must_use = "await it or wait for it; the pool ends without that too"]
pub struct Shutdown(pub(super) Arc<Answer<Drained>>);

impl Shutdown {
    /// Waits until all requests are over and all interpreters gone.
    ///
    /// # Errors
    ///
    /// Inside a call of a function of the host: when that call's operation ends.
    pub fn wait(self) -> Result<Drained> {
        block(|context| self.0.poll(context))
    }
}

impl Future for Shutdown {
    type Output = Drained;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Drained> {
        self.0.poll(context)
    }
}

impl std::fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shutdown").field("over", &self.0.is_given()).finish()
    }
}
