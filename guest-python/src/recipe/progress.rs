//! How a build tells its caller where it is, also from several threads at once.

use crate::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

/// Told about a build as it goes on.
pub trait Progress {
    /// A stage begins; `index` counts from 1 to `count`.
    fn stage(&mut self, name: &str, index: usize, count: usize);
    /// `done` of about `total` steps of the stage are done; `note` says what is worked on.
    fn tick(&mut self, done: u64, total: u64, note: &str);
    /// Something the user should know, such as waiting for another process.
    fn message(&mut self, text: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&mut self, _name: &str, _index: usize, _count: usize) {}
    fn tick(&mut self, _done: u64, _total: u64, _note: &str) {}
    fn message(&mut self, _text: &str) {}
}

/// One of the threads that work on a stage: counts its steps and hears when another one has failed.
#[derive(Debug)]
pub(crate) struct Branch<'a> {
    events: mpsc::Sender<String>,
    done: &'a AtomicU64,
    stop: &'a AtomicBool,
}

impl Branch<'_> {
    /// One step more is done.
    pub(crate) fn step(&self, note: &str) {
        self.done.fetch_add(1, Ordering::Relaxed);
        // The receiver lives as long as the branch.
        let _ = self.events.send(note.to_owned());
    }

    /// Whether another branch has failed.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What one branch of a stage does.
pub(crate) type Work<'w> = Box<dyn FnOnce(&Branch<'_>) -> Result<(), Error> + Send + 'w>;

/// Runs the branches of a stage side by side. `expected` is about how many steps they take together.
/// The first failure stops the others and is the one returned.
pub(crate) fn run_stage(
    progress: &mut dyn Progress,
    expected: u64,
    branches: Vec<Work<'_>>,
) -> Result<(), Error> {
    let done = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let (events, notes) = mpsc::channel();
    thread::scope(|scope| {
        let mut running = Vec::new();
        for work in branches {
            let branch = Branch { events: events.clone(), done: &done, stop: &stop };
            running.push(scope.spawn(move || {
                let result = work(&branch);
                if result.is_err() {
                    branch.stop.store(true, Ordering::Relaxed);
                }
                result
            }));
        }
        drop(events);
        for note in notes {
            let steps = done.load(Ordering::Relaxed);
            progress.tick(steps, expected.max(steps), &note);
        }
        let mut outcome = Ok(());
        for thread in running {
            let result = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match (&outcome, result) {
                (Ok(()), result) => outcome = result,
                (Err(Error::Stopped), Err(error)) => outcome = Err(error),
                _ => {}
            }
        }
        outcome
    })
}

/// The last part of a path, for notes.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_that_came_first_is_the_one_reported() {
        let waiting: Work<'_> = Box::new(|branch| {
            while !branch.stopped() {
                thread::yield_now();
            }
            Err(Error::Stopped)
        });
        let failing: Work<'_> = Box::new(|_| Err(Error::Lock("broken".into())));
        let outcome = run_stage(&mut Silent, 2, vec![waiting, failing]);
        assert!(matches!(outcome, Err(Error::Lock(_))), "{outcome:?}");
    }

    #[test]
    fn steps_of_all_branches_add_up() {
        struct Last(u64, u64);
        impl Progress for Last {
            fn stage(&mut self, _: &str, _: usize, _: usize) {}
            fn tick(&mut self, done: u64, total: u64, _: &str) {
                (self.0, self.1) = (done, total);
            }
            fn message(&mut self, _: &str) {}
        }
        let mut last = Last(0, 0);
        let work = |steps: usize| -> Work<'static> {
            Box::new(move |branch| {
                (0..steps).for_each(|_| branch.step("x"));
                Ok(())
            })
        };
        run_stage(&mut last, 5, vec![work(3), work(4)]).expect("both succeed");
        assert_eq!((last.0, last.1), (7, 7));
    }
}
