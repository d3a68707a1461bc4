//! `Job`: a request as the pool sees it: a future of somebody's, that threads poll.

use super::answer::Answer;
use super::fair::Number;
use super::metering::Span;
use super::pending::Finished;
use super::stats::Ending;
use crate::error::Error;
use crate::sandbox::control::Interrupter;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A request's number. Each has its own, in the order in which they came to the pool.
pub(super) type Id = u64;

/// What the work of a request ends with.
pub(super) struct Done {
    pub(super) ending: Ending,
    /// `None` when it did not begin.
    pub(super) ran: Option<Ran>,
    /// Hands the result over.
    pub(super) deliver: Box<dyn FnOnce() + Send>,
}

/// What a request that has begun has taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    pub(super) time: Duration,
    /// Peak of its interpreter's memory, in bytes.
    pub(super) memory: u64,
}

pub(super) type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// A request. One that is dropped tells whoever waits for it that it was cancelled.
pub(super) struct Job {
    pub(super) id: Id,
    pub(super) tenant: Number,
    pub(super) session: Option<u64>,
    pub(super) came: Instant,
    /// How long it may wait for its beginning.
    pub(super) patience: Duration,
    pub(super) work: Work,
    pub(super) refuse: Arc<dyn Refuse>,
    pub(super) span: Span,
}

/// Where a result would go: refused, it is an error.
pub(super) trait Refuse: Send + Sync {
    fn refuse(&self, error: Error);
}

impl<T: Send> Refuse for Answer<Result<Finished<T>, Error>> {
    fn refuse(&self, error: Error) {
        self.give(Err(error));
    }
}

/// The way to whoever waits: what goes out of the world without a result was cancelled.
pub(super) struct Delivery<T: Send>(pub(super) Arc<Answer<Result<Finished<T>, Error>>>);

impl<T: Send> Drop for Delivery<T> {
    fn drop(&mut self) {
        if !self.0.is_given() {
            self.0.refuse(Error::Cancelled);
        }
    }
}

/// Where a job that is not over is now.
pub(super) enum Place {
    /// In the fair queue, by that number; it has not begun.
    Queued(u64),
    /// Behind another one of its session.
    Behind,
    /// On a thread.
    Polled(Polled),
    /// Nowhere but here: it waits for something, and says when that is there.
    Awaiting(Job),
    /// In the fair queue again, by that number.
    Woken(u64),
}

/// What there is to say of a job on a thread.
#[derive(Default)]
pub(super) struct Polled {
    pub(super) interrupter: Option<Interrupter>,
    pub(super) cancelled: bool,
    /// It was woken since it was last looked at.
    pub(super) woken: bool,
}

/// A job that is not over.
pub(super) struct Entry {
    pub(super) tenant: Number,
    pub(super) session: Option<u64>,
    pub(super) begun: bool,
    /// How long it may wait.
    pub(super) patience: Duration,
    /// Until when that is, if it waits.
    pub(super) until: Option<Instant>,
    pub(super) place: Place,
}
