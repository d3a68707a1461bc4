//! Workers: the threads that poll requests. They come when a request finds none, up to a number, and go when nobody
//! needs them.

use super::core::Core;
use super::job::Job;
use super::stats::Ending;
use super::turns::Shift;
use crate::sandbox::turn;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

/// A thread that has had nothing to do for so long ends, unless it is one of as many as there are workers.
const IDLE: Duration = Duration::from_secs(10);

/// Stack of a thread beside what guests may use: the host's share, and room for closures of the caller's.
pub(super) const STACK: usize = 1 << 20;

/// One thread, as others see it.
#[derive(Debug)]
pub(super) struct Hands {
    pub(super) id: u64,
    /// Its turn was taken from it.
    pub(super) revoked: AtomicBool,
    given: Mutex<Given>,
    changed: Condvar,
}

#[derive(Default)]
enum Given {
    #[default]
    Nothing,
    Job(Job),
    Stop,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Job(_) => "Job",
            Self::Stop => "Stop",
        })
    }
}

impl Hands {
    /// Gives it a job, with a turn. It has none.
    pub(super) fn give(&self, job: Job) {
        *self.given.lock() = Given::Job(job);
        self.changed.notify_one();
    }

    fn stop(&self) {
        *self.given.lock() = Given::Stop;
        self.changed.notify_one();
    }

    fn take(&self) -> Given {
        std::mem::take(&mut *self.given.lock())
    }

    /// The same when there is something or this time is over.
    fn wait(&self, until: Instant) -> Given {
        let mut given = self.given.lock();
        while matches!(*given, Given::Nothing) {
            if self.changed.wait_until(&mut given, until).timed_out() {
                break;
            }
        }
        std::mem::take(&mut given)
    }
}

/// All threads of a pool.
#[derive(Default)]
pub(super) struct Threads {
    idle: Vec<Arc<Hands>>,
    handles: Vec<(u64, JoinHandle<()>)>,
    alive: usize,
    pub(super) most: usize,
    last: u64,
    /// With so many the system has refused another.
    refused_at: Option<usize>,
    stopping: bool,
    /// Jobs that found no thread, and why.
    pub(super) failed: Vec<(Job, String)>,
}

impl Threads {
    pub(super) fn len(&self) -> usize {
        self.alive
    }

    pub(super) fn has_spare(&self, most: usize) -> bool {
        !self.idle.is_empty() || self.alive < most.min(self.refused_at.unwrap_or(most))
    }

    /// The same, having made sure of it. With no thread at all there is one to try with.
    pub(super) fn make_spare(&mut self, core: &Arc<Core>) -> bool {
        if !self.idle.is_empty() || !self.has_spare(core.settings.threads) {
            return !self.idle.is_empty();
        }
        match self.spare(core) {
            Ok(hands) => self.idle.push(hands),
            Err(_) if self.alive > 0 => self.refused_at = Some(self.alive),
            Err(_) => return true,
        }
        !self.idle.is_empty()
    }

    /// An idle thread, or a new one.
    pub(super) fn spare(&mut self, core: &Arc<Core>) -> io::Result<Arc<Hands>> {
        if let Some(hands) = self.idle.pop() {
            return Ok(hands);
        }
        self.last += 1;
        let hands = Arc::new(Hands {
            id: self.last,
            revoked: AtomicBool::new(false),
            given: Mutex::default(),
            changed: Condvar::new(),
        });
        let (core, own) = (Arc::clone(core), Arc::clone(&hands));
        let stack = core.interpreters.stack() + STACK;
        let builder = thread::Builder::new().name("ophidia-pool".into()).stack_size(stack);
        let handle = builder.spawn(move || work(&core, &own))?;
        self.handles.push((hands.id, handle));
        self.alive += 1;
        self.most = self.most.max(self.alive);
        Ok(hands)
    }

    /// Ends the idle ones now, and the others when they are done.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        for hands in self.idle.drain(..) {
            hands.stop();
        }
    }

    /// Whether this is one of them.
    pub(super) fn contains(&self, thread: ThreadId) -> bool {
        self.handles.iter().any(|(_, handle)| handle.thread().id() == thread)
    }

    /// Those that have ended, or will in a moment.
    pub(super) fn ended(&mut self) -> Vec<JoinHandle<()>> {
        if self.alive > 0 {
            // The rest of them never come back from code of the host; nobody waits for those.
            self.handles.retain(|(_, handle)| handle.is_finished());
        }
        self.handles.drain(..).map(|(_, handle)| handle).collect()
    }
}

impl Core {
    /// Starts the first thread, which starts interpreters ahead.
    pub(super) fn start_threads(self: &Arc<Self>) -> io::Result<()> {
        let mut state = self.state.lock();
        let hands = state.threads.spare(self)?;
        state.threads.idle.push(hands);
        Ok(())
    }
}

/// What a thread does.
fn work(core: &Arc<Core>, hands: &Arc<Hands>) {
    let _tokio = core.settings.tokio.as_ref().map(|tokio| tokio.enter());
    let shift = Rc::new(Shift::new(core, hands));
    turn::install(Rc::clone(&shift) as _);
    let mut idle = Instant::now();
    loop {
        let given = match hands.take() {
            Given::Nothing if core.interpreters.start_ahead() => continue,
            Given::Nothing => hands.wait(idle + IDLE),
            given => given,
        };
        match given {
            Given::Job(job) => {
                shift.begins(job.tenant);
                carry_on(core, job);
                if !rest(core, hands, &shift) {
                    break;
                }
                idle = Instant::now();
            }
            Given::Nothing if leave(core, hands) => return,
            Given::Nothing => idle = Instant::now(),
            Given::Stop => break,
        }
    }
    gone(core, hands);
}

/// Gives the turn back; says whether the thread goes on.
fn rest(core: &Arc<Core>, hands: &Arc<Hands>, shift: &Shift) -> bool {
    shift.ends();
    let mut state = core.state.lock();
    let now = &mut *state;
    now.turns.release(hands.id, &mut now.fair, Instant::now());
    let goes_on = !state.threads.stopping;
    if goes_on {
        state.threads.idle.push(Arc::clone(hands));
    }
    core.dispatch(&mut state);
    core.wake_keeper(&mut state);
    goes_on
}

/// Ends an idle thread when there are enough others; says whether it has.
fn leave(core: &Arc<Core>, hands: &Arc<Hands>) -> bool {
    let mut state = core.state.lock();
    // Time has passed since one was refused.
    state.threads.refused_at = None;
    if state.threads.alive <= core.settings.workers {
        return false;
    }
    let Some(at) = state.threads.idle.iter().position(|idle| Arc::ptr_eq(idle, hands)) else {
        return false;
    };
    state.threads.idle.remove(at);
    state.threads.handles.retain(|(id, _)| *id != hands.id);
    state.threads.alive -= 1;
    core.left.notify_all();
    true
}

fn gone(core: &Arc<Core>, hands: &Arc<Hands>) {
    let mut state = core.state.lock();
    let now = &mut *state;
    now.turns.release(hands.id, &mut now.fair, Instant::now());
    state.threads.alive = state.threads.alive.saturating_sub(1);
    state.threads.refused_at = None;
    core.dispatch(&mut state);
    core.left.notify_all();
}

/// Polls a job once.
fn carry_on(core: &Arc<Core>, mut job: Job) {
    let waker = core.waker(job.id);
    let poll = || job.span.within(|| job.work.as_mut().poll(&mut Context::from_waker(&waker)));
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(Poll::Pending) => {
            if let Some(mut job) = core.awaits(job) {
                let work = std::mem::replace(&mut job.work, Box::pin(std::future::pending()));
                drop_caught(work);
                core.ended(&job, Ending::Cancelled, None);
                drop_caught(job);
            }
        }
        Ok(Poll::Ready(done)) => {
            core.ended(&job, done.ending, done.ran);
            // Wakers are the caller's code.
            let _ = catch_unwind(AssertUnwindSafe(done.deliver));
            drop_caught(job);
        }
        Err(_) => {
            core.ended(&job, Ending::Panicked, None);
            drop_caught(job);
        }
    }
}

/// Drops what may be the caller's.
fn drop_caught<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}
