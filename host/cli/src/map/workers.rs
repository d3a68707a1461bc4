//! Work is handed to threads, and what comes of it is taken in the order in which it was handed out.
//!
//! The one place that knows of threads: an input goes in, an outcome comes out.

use crate::load;
use anyhow::{Context as _, bail};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

/// Outcomes that wait for their turn may hold so many bytes together before nothing new is begun.
const MOST_HELD: usize = 256 << 20;

/// What waits for its turn.
pub(crate) trait Held {
    /// Bytes that it holds.
    fn bytes(&self) -> usize;
}

/// Threads that work for a while.
pub(crate) struct Workers<R> {
    shared: Arc<Shared<R>>,
    jobs: u32,
}

struct Shared<R> {
    state: Mutex<State<R>>,
    /// An outcome has come, or the last one.
    ready: Condvar,
    /// There may be room for one more.
    room: Condvar,
    /// How far beyond the first unfinished one work is begun.
    window: u64,
}

struct State<R> {
    /// The next that is begun, and the next whose turn it is.
    next: u64,
    turn: u64,
    waiting: BTreeMap<u64, R>,
    held: usize,
    running: usize,
    /// Nothing new is begun.
    stopped: bool,
    failure: Option<Failure>,
}

/// Why nothing new is begun.
enum Failure {
    /// The inputs cannot be read.
    Source(String),
    Panic,
}

/// Inputs that cannot be read: after how many, and why.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Unreadable {
    pub(crate) after: u64,
    reason: String,
}

impl<R> Clone for Workers<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), jobs: self.jobs }
    }
}

impl<R: Held + Send + 'static> Workers<R> {
    /// So many threads, which begin nothing further ahead of the first unfinished input than 4 times their number and 64.
    pub(crate) fn new(jobs: u32) -> Self {
        let state = State {
            next: 0,
            turn: 0,
            waiting: BTreeMap::new(),
            held: 0,
            running: 0,
            stopped: false,
            failure: None,
        };
        let shared = Shared {
            state: Mutex::new(state),
            ready: Condvar::new(),
            room: Condvar::new(),
            window: u64::from(jobs) * 4 + 64,
        };
        Self { shared: Arc::new(shared), jobs }
    }

    /// Begins nothing new.
    pub(crate) fn stop(&self) {
        self.shared.state.lock().stopped = true;
        self.shared.ready.notify_all();
        self.shared.room.notify_all();
    }

    /// Works on what `source` gives, one thread at a time asking it, until it gives nothing more or all is stopped. Each
    /// outcome goes to `take` on this thread as soon as those before it are there; once stopped, as soon as nothing runs.
    /// Where `take` breaks off, all that still runs is waited for.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] where the source fails, once all before that is taken.
    pub(crate) fn run<T>(
        &self,
        source: impl FnMut() -> Result<Option<T>, String> + Send + 'static,
        work: impl Fn(u64, T) -> R + Send + Sync + 'static,
        mut take: impl FnMut(u64, R) -> ControlFlow<()>,
    ) -> anyhow::Result<()> {
        let (source, work) = (Arc::new(Mutex::new(source)), Arc::new(work));
        for number in 1..=self.jobs {
            let (shared, source, work) =
                (Arc::clone(&self.shared), Arc::clone(&source), Arc::clone(&work));
            let thread = thread::Builder::new().stack_size(load::THREAD_STACK);
            let begun = thread.spawn(move || while shared.work_once(&*source, &*work) {});
            if let Err(error) = begun {
                self.stop();
                return Err(error).with_context(|| {
                    format!(
                        "no thread for job {number} of {}: ask for fewer with --jobs",
                        self.jobs
                    )
                });
            }
        }
        while let Some((index, outcome)) = self.shared.next_in_turn() {
            if take(index, outcome).is_break() {
                self.stop();
                self.shared.wait_for_all();
                return Ok(());
            }
        }
        let (failure, after) = {
            let mut state = self.shared.state.lock();
            (state.failure.take(), state.next)
        };
        match failure {
            None => Ok(()),
            Some(Failure::Panic) => bail!("a thread has failed"),
            Some(Failure::Source(reason)) => Err(Unreadable { after, reason }.into()),
        }
    }
}

impl<R: Held> Shared<R> {
    /// Works on one input; gives whether there may be another.
    fn work_once<T>(
        &self,
        source: &Mutex<impl FnMut() -> Result<Option<T>, String>>,
        work: &impl Fn(u64, T) -> R,
    ) -> bool {
        let mut source = source.lock();
        {
            let mut state = self.state.lock();
            while !state.stopped && !state.has_room(self.window) {
                self.room.wait(&mut state);
            }
            if state.stopped {
                return false;
            }
        }
        let read = (*source)(); // takes as long as a pipe is silent
        let Some((index, input)) = self.begin(read) else { return false };
        drop(source);
        let mut running = Running { shared: self, outcome: None };
        running.outcome = Some((index, work(index, input)));
        true
    }

    /// The number of what was read, where it is to be worked on.
    fn begin<T>(&self, read: Result<Option<T>, String>) -> Option<(u64, T)> {
        let mut state = self.state.lock();
        match read {
            Ok(Some(input)) if !state.stopped => {
                let index = state.next;
                state.next += 1;
                state.running += 1;
                return Some((index, input));
            }
            Err(reason) if !state.stopped => state.failure = Some(Failure::Source(reason)),
            _ => {}
        }
        state.stopped = true;
        self.ready.notify_all();
        self.room.notify_all();
        None
    }

    /// The next outcome in turn, waited for. Once all is over those that are left, then nothing.
    fn next_in_turn(&self) -> Option<(u64, R)> {
        let mut state = self.state.lock();
        loop {
            let turn = state.turn;
            let next = match state.waiting.remove(&turn) {
                Some(outcome) => Some((turn, outcome)),
                None if state.stopped && state.running == 0 => Some(state.waiting.pop_first()?),
                None => None,
            };
            if let Some((index, outcome)) = next {
                state.turn = index + 1;
                state.held = state.held.saturating_sub(outcome.bytes());
                self.room.notify_one();
                return Some((index, outcome));
            }
            self.ready.wait(&mut state);
        }
    }

    fn wait_for_all(&self) {
        let mut state = self.state.lock();
        while state.running > 0 {
            self.ready.wait(&mut state);
        }
    }
}

impl<R> State<R> {
    fn has_room(&self, window: u64) -> bool {
        let ahead = self.next - self.turn;
        ahead == 0 || (ahead < window && self.held <= MOST_HELD)
    }
}

/// A piece of work, which ends with this: also by a panic, which has been told.
struct Running<'a, R: Held> {
    shared: &'a Shared<R>,
    outcome: Option<(u64, R)>,
}

impl<R: Held> Drop for Running<'_, R> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.running -= 1;
        match self.outcome.take() {
            Some((index, outcome)) => {
                state.held = state.held.saturating_add(outcome.bytes());
                state.waiting.insert(index, outcome);
            }
            None => {
                state.failure = Some(Failure::Panic);
                state.stopped = true;
                self.shared.room.notify_all();
            }
        }
        self.shared.ready.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    impl Held for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    /// Gives a number so often.
    fn numbers(count: u64) -> (Arc<AtomicU64>, impl FnMut() -> Result<Option<u64>, String>) {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&read);
        let next = move || {
            let number = counted.load(Ordering::SeqCst);
            Ok((number < count).then(|| counted.fetch_add(1, Ordering::SeqCst)))
        };
        (read, next)
    }

    #[test]
    fn outcomes_are_taken_in_order_and_reading_is_lazy() {
        let workers = Workers::new(3);
        let (read, source) = numbers(100_000);
        let mut taken = 0;
        let mut furthest = 0;
        let work = |_, number: u64| {
            if number.is_multiple_of(1_000) {
                thread::sleep(Duration::from_millis(2));
            }
            number as usize % 7
        };
        workers
            .run(source, work, |index, outcome| {
                assert_eq!((index, outcome), (taken, taken as usize % 7));
                furthest = furthest.max(read.load(Ordering::SeqCst) - taken);
                taken += 1;
                ControlFlow::Continue(())
            })
            .expect("all of it");
        assert_eq!(taken, 100_000);
        assert!(furthest <= 3 * 4 + 64 + 1, "{furthest} were read ahead");
    }

    #[test]
    fn what_waits_for_its_turn_holds_only_so_much() {
        let workers = Workers::new(2);
        let (read, source) = numbers(50);
        let slow = move |_, number: u64| {
            if number == 0 {
                thread::sleep(Duration::from_millis(300));
            }
            MOST_HELD / 4
        };
        let mut ahead = None;
        workers
            .run(source, slow, |_, _| {
                ahead.get_or_insert_with(|| read.load(Ordering::SeqCst));
                ControlFlow::Continue(())
            })
            .expect("all of it");
        assert!(ahead.is_some_and(|ahead| ahead <= 8), "{ahead:?}");
    }

    #[test]
    fn what_ended_before_a_stop_is_taken_though_others_did_not() {
        let workers = Workers::new(2);
        let stopper = workers.clone();
        let (_, source) = numbers(1_000);
        let work = move |_, number: u64| {
            if number == 0 {
                thread::sleep(Duration::from_millis(200));
                stopper.stop();
            }
            1_usize
        };
        let mut taken = Vec::new();
        let take = |index, _| {
            taken.push(index);
            ControlFlow::Continue(())
        };
        workers.run(source, work, take).expect("what there was");
        assert!(taken.len() > 1 && taken.is_sorted(), "{taken:?}");
    }

    #[test]
    fn a_source_that_fails_ends_it_after_what_it_gave() {
        let workers = Workers::new(2);
        let (_, mut source) = numbers(5);
        let source = move || match source() {
            Ok(None) => Err("torn".to_owned()),
            other => other,
        };
        let mut taken = 0;
        let failed = workers.run(
            source,
            |_, _| 0_usize,
            |_, _| {
                taken += 1;
                ControlFlow::Continue(())
            },
        );
        let failed = failed.expect_err("an error");
        let unreadable = failed.downcast_ref::<Unreadable>().expect("of that kind");
        assert_eq!((taken, unreadable.after, &*unreadable.to_string()), (5, 5, "torn"));
    }

    #[test]
    fn a_panic_in_work_ends_it() {
        let workers = Workers::<usize>::new(2);
        let (_, source) = numbers(1_000);
        let work = |_, number: u64| if number == 3 { panic!("of a test") } else { 0 };
        assert!(workers.run(source, work, |_, _| ControlFlow::Continue(())).is_err());
    }
}
