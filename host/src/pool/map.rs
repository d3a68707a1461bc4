//! `Map`: the same for many inputs, a few at a time.

use super::answer::block;
use super::pending::Pending;
use super::request::Request;
use crate::error::Result;
use futures_core::Stream;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Requests under way at once, for each worker: one that runs, and one that is next.
const AHEAD: usize = 2;

/// Hands in the request of one input.
type HandIn<I, T> = Box<dyn Fn(Request, I) -> Pending<T> + Send + Sync>;

/// Requests of a map that have been handed in, each with the number of its input.
struct Running<T: Send + 'static>(VecDeque<(usize, Pending<T>)>);

impl<T: Send + 'static> Running<T> {
    /// The result of the first, or of any.
    fn poll(&mut self, context: &mut Context<'_>, any: bool) -> Poll<(usize, Result<T>)> {
        let looked_at = if any { self.0.len() } else { 1 };
        for at in 0..looked_at {
            let Some((number, pending)) = self.0.get_mut(at) else { break };
            if let Poll::Ready(result) = Pin::new(pending).poll(context) {
                let number = *number;
                self.0.remove(at);
                return Poll::Ready((number, result));
            }
        }
        Poll::Pending
    }
}

/// The results of [`Request::map`], in the order of the inputs: an iterator that waits, and a stream. Inputs are taken
/// as results are, twice as many ahead as the pool has workers. Dropping it cancels what is under way.
#[must_use = "inputs are taken as results are"]
pub struct Map<I: Iterator, T: Send + 'static> {
    request: Request,
    inputs: I,
    hand_in: HandIn<I::Item, T>,
    ahead: usize,
    taken: usize,
    running: Running<T>,
}

impl<I: Iterator, T: Send + 'static> Map<I, T> {
    pub(super) fn new(
        request: Request,
        inputs: I,
        hand_in: impl Fn(Request, I::Item) -> Pending<T> + Send + Sync + 'static,
    ) -> Self {
        let ahead = request.workers().saturating_mul(AHEAD);
        let running = Running(VecDeque::new());
        Self { request, inputs, hand_in: Box::new(hand_in), ahead, taken: 0, running }
    }

    /// How many are under way at once. Default: two for each worker of the pool. 0 is taken for 1.
    pub fn ahead(mut self, requests: usize) -> Self {
        self.ahead = requests.max(1);
        self
    }

    /// The results as they are completed, each with the number of its input, from 0 on.
    pub fn as_completed(self) -> AsCompleted<I, T> {
        AsCompleted(self)
    }

    /// Hands in what may be under way.
    fn fill(&mut self) {
        while self.running.0.len() < self.ahead {
            let Some(input) = self.inputs.next() else { break };
            let pending = (self.hand_in)(self.request.clone(), input);
            self.running.0.push_back((self.taken, pending));
            self.taken += 1;
        }
    }

    fn poll_any(
        &mut self,
        context: &mut Context<'_>,
        any: bool,
    ) -> Poll<Option<(usize, Result<T>)>> {
        self.fill();
        if self.running.0.is_empty() {
            return Poll::Ready(None);
        }
        let ready = self.running.poll(context, any);
        if ready.is_ready() {
            self.fill();
        }
        ready.map(Some)
    }

    /// `None` at the end; an error of the operation around it, if that ends the wait, in place of a result.
    fn wait_any(&mut self, any: bool) -> Option<(usize, Result<T>)> {
        let number = self.running.0.front().map_or(self.taken, |(number, _)| *number);
        match block(|context| self.poll_any(context, any)) {
            Ok(next) => next,
            Err(error) => {
                // Nothing that is still there would be waited for any longer.
                self.running.0.clear();
                self.ahead = 0;
                Some((number, Err(error)))
            }
        }
    }
}

impl<I: Iterator, T: Send + 'static> Iterator for Map<I, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.wait_any(false).map(|(_, result)| result)
    }
}

impl<I: Iterator + Unpin, T: Send + 'static> Stream for Map<I, T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_any(context, false).map(|next| next.map(|(_, result)| result))
    }
}

/// The results of [`Request::map`] as they are completed: an iterator that waits, and a stream.
#[must_use = "inputs are taken as results are"]
pub struct AsCompleted<I: Iterator, T: Send + 'static>(Map<I, T>);

impl<I: Iterator, T: Send + 'static> Iterator for AsCompleted<I, T> {
    type Item = (usize, Result<T>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.wait_any(true)
    }
}

impl<I: Iterator + Unpin, T: Send + 'static> Stream for AsCompleted<I, T> {
    type Item = (usize, Result<T>);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_any(context, true)
    }
}

impl<I: Iterator, T: Send + 'static> std::fmt::Debug for Map<I, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let running = self.running.0.len();
        f.debug_struct("Map").field("taken", &self.taken).field("running", &running).finish()
    }
}

impl<I: Iterator, T: Send + 'static> std::fmt::Debug for AsCompleted<I, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
