//! `Pending`: a request that was handed in, and its result when it comes.

use super::answer::{Answer, block};
use super::core::Core;
use super::job::Id;
use crate::error::{Error, Result};
use crate::python::Usage;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

/// What a request has come to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finished<T> {
    /// The request's number: each of a pool has its own.
    pub id: u64,
    /// The result, or why there is none.
    pub result: Result<T>,
    /// What it wrote to a captured standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to a captured standard error.
    pub stderr: Vec<u8>,
    /// What its interpreter has used; for a session's all of its requests together.
    pub usage: Usage,
    /// How long it waited for its beginning.
    pub queued: Duration,
    /// How long it ran, waiting included.
    pub ran: Duration,
}

/// What an answer holds.
pub(super) type Ended<T> = Result<Finished<T>>;

/// A request that was handed in. It is a future of its result; [`wait`](Self::wait) blocks for it.
///
/// Dropping it cancels the request: one that waits is gone at once, one that runs is ended wherever it is, and its
/// interpreter is thrown away. [`detach`](Self::detach) lets it go on.
///
/// # Errors
///
/// A request ends with what the methods of [`Python`](crate::Python) fail with, and with [`Error::Pool`] when it did
/// not begin.
#[must_use = "a request that is dropped is cancelled: await it, wait for it, or detach it"]
pub struct Pending<T: Send + 'static> {
    answer: Arc<Answer<Ended<T>>>,
    id: Id,
    core: Weak<Core>,
    detached: bool,
}

impl<T: Send + 'static> Pending<T> {
    pub(super) fn new(answer: Arc<Answer<Ended<T>>>, id: Id, core: Weak<Core>) -> Self {
        Self { answer, id, core, detached: false }
    }

    /// The request's number, as `tracing` has it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether it is over, so that neither awaiting nor waiting takes time.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.answer.is_given()
    }

    /// Waits for the result.
    ///
    /// It holds the calling thread. In a function of the host that a guest of a pool has called, it ends with that
    /// call's operation; in a task of an async runtime it holds up the runtime's worker, so await it there instead.
    ///
    /// # Errors
    ///
    /// As [`Pending`] says; what ends the operation around it also ends the wait.
    pub fn wait(self) -> Result<T> {
        self.wait_full()?.result
    }

    /// Waits for the result and all that is known of how it came about.
    ///
    /// # Errors
    ///
    /// When the request did not begin: it was refused, cancelled, or waited too long. How one that began has ended is
    /// told by [`Finished::result`].
    pub fn wait_full(self) -> Result<Finished<T>> {
        block(|context| self.answer.poll(context))?
    }

    /// The same as a future.
    pub fn full(self) -> Full<T> {
        Full(self)
    }

    /// Cancels the request, without waiting for its end. It then ends with [`Error::Cancelled`], unless it was over.
    pub fn cancel(&self) {
        if let Some(core) = self.core.upgrade() {
            core.cancel(self.id, Error::Cancelled);
        }
    }

    /// Lets the request go on with nobody to wait for its result.
    pub fn detach(mut self) {
        self.detached = true;
    }
}

impl<T: Send + 'static> Drop for Pending<T> {
    fn drop(&mut self) {
        if !self.detached && !self.answer.is_given() {
            self.cancel();
        }
    }
}

impl<T: Send + 'static> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.poll(context).map(|finished| finished?.result)
    }
}

/// A request that was handed in, as a future of all that is known of it at its end: [`Pending::full`].
#[must_use = "a request that is dropped is cancelled"]
pub struct Full<T: Send + 'static>(Pending<T>);

impl<T: Send + 'static> Future for Full<T> {
    type Output = Result<Finished<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.answer.poll(context)
    }
}

impl<T: Send + 'static> std::fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let finished = self.is_finished();
        f.debug_struct("Pending").field("id", &self.id).field("finished", &finished).finish()
    }
}

impl<T: Send + 'static> std::fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
