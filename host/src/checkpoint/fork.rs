//! `fork`: children of a living interpreter.

use super::frozen::{From, Frozen, MAPPED};
use crate::error::Result;
use crate::policy::Limits;
use crate::python::{Interpreter, Sandbox, Streams};
use crate::sandbox::wasi::Branch;

/// How a child begins. Default: with the sandbox, the limits and the streams of its parent, and seeds of its own.
#[derive(Debug)]
pub struct ForkOptions {
    sandbox: Option<Sandbox>,
    limits: Option<Limits>,
    streams: Streams,
    reseed: bool,
}

impl Default for ForkOptions {
    fn default() -> Self {
        Self { sandbox: None, limits: None, streams: Streams::default(), reseed: true }
    }
}

impl ForkOptions {
    /// Every default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Grants and limits of its own. Environment, arguments, working directory and modules of the host are in the
    /// program's memory: those that the parent has go along.
    #[must_use]
    pub fn sandbox(mut self, sandbox: &Sandbox) -> Self {
        self.sandbox = Some(sandbox.clone());
        self
    }

    /// Limits of its own. What the parent has spent of processor time, life, fuel, calls of the host and the network counts
    /// as the child's too.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Streams of its own. Default, for each: standard input is the rest of the parent's, where that is bytes, or the process' own, and
    /// none where it is a reader; output goes where the parent's goes, and captured output is the child's own.
    #[must_use]
    pub fn streams(mut self, streams: Streams) -> Self {
        self.streams = streams;
        self
    }

    /// Whether the generators of random numbers that every program has draw new seeds: those of `random`, `numpy.random` and
    /// `tempfile`. Default: yes. Without, a child draws what the parent draws.
    #[must_use]
    pub fn reseed(mut self, reseed: bool) -> Self {
        self.reseed = reseed;
        self
    }
}

/// # Children
impl Interpreter {
    /// A child: another interpreter that goes on where this one is, as `fork(2)` does it. It has a copy of everything that
    /// the program has made, and neither sees what the other does from here on.
    ///
    /// - It has the parent's sandbox and streams; captured output that nobody took stays the parent's.
    /// - Objects of the parent are refused by it; those that were [kept](Self::keep) it has by name.
    /// - Functions and objects of the host are the same ones: their state is shared.
    /// - Asynchronous functions of the host that are under way stay the parent's; where the child awaits them, it gets a
    ///   `RuntimeError`.
    /// - Files are open under the same numbers and at the same places, as far as they are still what they were; connections
    ///   are not. What could not go along says so in an `OSError`. Trees in memory are copied.
    /// - What was spent of its limits is spent in the child too, and clocks go on.
    ///
    /// The guide has the hazards, one by one, on its page about forks.
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// py.run("import json\nstate = {'tries': 0}")?;
    /// let mut child = py.fork()?;
    /// child.run("state['tries'] += 1")?;
    /// assert_eq!(child.eval("state['tries']")?, 1.into());
    /// assert_eq!(py.eval("state['tries']")?, 0.into());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) while something is under way that is not in its memory;
    /// [`Error::Limit`](crate::Error::Limit) when every slot is taken.
    pub fn fork(&mut self) -> Result<Self> {
        self.fork_with(ForkOptions::default())
    }

    /// The same, with limits, grants and streams of the child's own.
    ///
    /// # Errors
    ///
    /// As of [`fork`](Self::fork), and [`Error::Limit`](crate::Error::Limit) when the parent is larger than the child may be,
    /// [`Error::Grant`](crate::Error::Grant) when what it has in a tree does not fit the child's.
    pub fn fork_with(&mut self, options: ForkOptions) -> Result<Self> {
        let ForkOptions { sandbox, limits, streams, reseed } = options;
        let sandbox = self.sandbox_of(sandbox, limits)?;
        let streams = self.branch_streams(streams);
        let entropy = reseed.then(|| self.branch_entropy());
        let runtime = self.runtime().clone();
        let mut frozen = Frozen::of(self, From::Began, Branch::Fork, reseed)?;
        if let Some(stream) = entropy {
            frozen.set_entropy(stream);
        }
        frozen.child(&runtime, &sandbox, streams, Branch::Fork)
    }

    /// So many children. Of a parent that has made much (256 KiB) they do not copy it: it is written down once, and each has it
    /// without taking memory for what it only reads.
    ///
    /// # Errors
    ///
    /// As of [`fork`](Self::fork); then there is no child.
    pub fn fork_n(&mut self, count: usize) -> Result<Vec<Self>> {
        self.children(count, true)
    }

    /// The same of a guest that is not Python, and has no generators; for tests.
    #[cfg(feature = "any-guest")]
    #[doc(hidden)]
    pub fn fork_n_as_it_is(&mut self, count: usize) -> Result<Vec<Self>> {
        self.children(count, false)
    }

    fn children(&mut self, count: usize, reseed: bool) -> Result<Vec<Self>> {
        let (runtime, sandbox) = (self.runtime().clone(), self.sandbox().clone());
        let mut begins = Vec::new();
        for _ in 0..count {
            begins.push((self.branch_streams(Streams::default()), self.branch_entropy()));
        }
        let mut frozen = if count > 1 && self.pages(self.began())?.size() >= MAPPED {
            Frozen::of(self, From::Image, Branch::Fork, reseed)?.mapped(&runtime)?
        } else {
            Frozen::of(self, From::Began, Branch::Fork, reseed)?
        };
        let child = |(streams, entropy)| {
            frozen.set_entropy(entropy);
            frozen.child(&runtime, &sandbox, streams, Branch::Fork)
        };
        begins.into_iter().map(child).collect()
    }

    /// The sandbox of a child.
    fn sandbox_of(&self, sandbox: Option<Sandbox>, limits: Option<Limits>) -> Result<Sandbox> {
        let sandbox = sandbox.unwrap_or_else(|| self.sandbox().clone());
        match limits {
            Some(limits) => sandbox.with_limits(limits),
            None => Ok(sandbox),
        }
    }

    fn branch_entropy(&mut self) -> Option<crate::sandbox::wasi::Stream> {
        self.state_mut().sandbox.wasi.branch_entropy()
    }
}
