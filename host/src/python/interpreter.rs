//! `Interpreter`: one instance of the image.

use crate::python::Python;
use crate::python::state::State;
use crate::sandbox::control::Interrupter;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;

/// What an interpreter has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most linear memory there has been, in bytes, untouched and shared pages included.
    pub peak_memory: u64,
    /// How long its operations took: wall-clock time from the call of a method of [`Python`] to its return,
    /// with conversions, functions of the host and waiting in it. Operations of a few microseconds are not all
    /// timed, since that takes longer than they do: one in 32, at random, stands for the others.
    pub duration: Duration,
    /// How many operations there were: calls of methods of [`Python`], but for those that functions of the host
    /// and converters make in the course of one.
    pub operations: u64,
}

/// One isolated CPython: its own memory, its own GIL, its own limits.
///
/// What it can do are the methods of [`Python`]. It may be moved between threads and is used by one at
/// a time. The calling thread needs 1.75 MiB of stack, which Rust's threads have; one with less is refused by
/// [`Error::Host`](crate::Error::Host). Dropping it frees its slot.
pub struct Interpreter {
    pub(super) python: Python<'static, Store<State>>,
}

impl Deref for Interpreter {
    type Target = Python<'static>;

    fn deref(&self) -> &Self::Target {
        &self.python
    }
}

impl DerefMut for Interpreter {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.python
    }
}

impl Interpreter {
    /// Takes what has been written to a captured standard output since this was last called.
    pub fn take_stdout(&mut self) -> Vec<u8> {
        self.state().sandbox.stdout.take()
    }

    /// Takes what has been written to a captured standard error since this was last called.
    pub fn take_stderr(&mut self) -> Vec<u8> {
        self.state().sandbox.stderr.take()
    }

    /// A handle that interrupts or cancels what this interpreter does, from any thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.state().sandbox.control))
    }

    /// What has been used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let state = &self.state().sandbox;
        Usage {
            peak_memory: state.ledger.memory_peak(),
            duration: state.operations.duration(),
            operations: state.operations.count(),
        }
    }

    /// Runs this as if in the middle of an entry, for tests of what becomes of a panic there.
    ///
    /// # Errors
    ///
    /// As [`Python::run`].
    #[cfg(feature = "any-guest")]
    #[doc(hidden)]
    pub fn entered(&mut self, body: impl FnOnce()) -> crate::Result<()> {
        let mut guest = self.guest();
        let entered = guest.enter(|_| {
            body();
            Ok(ophidia_abi::Status::Ok)
        });
        entered.map(drop)
    }

    /// Whether no further call is possible.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.state().sandbox.is_poisoned()
    }
}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpreter")
            .field("usage", &self.usage())
            .field("poisoned", &self.state().sandbox.poisoned)
            .finish_non_exhaustive()
    }
}
