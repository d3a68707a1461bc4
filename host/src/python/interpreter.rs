//! `Interpreter`: one instance of the image.

use crate::error::PythonError;
use crate::policy::{Limits, Quota};
use crate::python::Python;
use crate::python::runtime::Runtime;
use crate::python::settings::Sandbox;
use crate::python::state::State;
use crate::sandbox::control::Interrupter;
use crate::sandbox::memories::Beginning;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;

/// Resources that an interpreter has used so far, and what it may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What it may use: the limits that it began with.
    pub limits: Limits,
    /// Memory in bytes, untouched and shared pages included: linear memory, and exceptions of C++ that are under way.
    pub memory: u64,
    /// Peak memory in bytes, untouched and shared pages included.
    pub peak_memory: u64,
    /// How long its operations took: wall-clock time from the call of a method of [`Python`] to its return,
    /// with conversions, functions of the host and waiting in it. Operations of a few microseconds are not all
    /// timed, since that takes longer than they do: one in 32, at random, stands for the others.
    pub duration: Duration,
    /// How many operations there were: calls of methods of [`Python`], but for those that functions of the host
    /// and converters make in the course of one.
    pub operations: u64,
    /// Processor time of its operations, but for those of a few microseconds.
    pub cpu: Duration,
    /// How long it has lived.
    pub life: Duration,
    /// Units of work that it has burnt, as far as its last look at the limits: some microseconds of work may be
    /// missing. [`Interpreter::fuel`] is exact.
    pub fuel: u64,
    /// How often it has called functions of the host.
    pub host_calls: u64,
    /// Bytes of captured output of both streams that were not taken yet.
    pub output: HeldBytes,
    /// Bytes of the host's memory that the arguments of calls of the host under way take.
    pub values: HeldBytes,
    /// Bytes of the host's memory that it makes the host hold in all; the limit is
    /// [`Limits::host_memory`](crate::Limits::host_memory).
    pub host_memory: HeldBytes,
    /// Its objects that the host holds; the library's own are not counted.
    pub objects: Held,
    /// Files, folders, sockets and connections of TLS that it has open, beside what it began with.
    pub files: Held,
    /// Functions and objects of the host that it holds; the limit is [`Limits::objects`](crate::Limits::objects).
    pub host_objects: Held,
    /// Bytes and files that it has now in trees in memory, `/tmp` included.
    pub trees: Stored,
    /// The most that it has had in each of them, added up.
    pub peak_trees: Stored,
    /// The quotas of all of them, added up.
    pub tree_quotas: Stored,
    /// Bytes and files that it has added to folders of the host.
    pub folders: Stored,
    /// The most that it had added to each of them, added up.
    pub peak_folders: Stored,
    /// The quotas of all of them that it may write to, added up.
    pub folder_quotas: Stored,
    /// What it has used of the network; the limits are [`NetworkLimits`](crate::NetworkLimits).
    pub network: Moved,
}

/// What a guest has used of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Connections that are open now.
    pub connections: u32,
    /// As many were open at once.
    pub most_connections: u32,
    /// Connections that were opened.
    pub opened: u64,
    /// Bytes sent, TLS included.
    pub sent: u64,
    /// Bytes received, TLS included.
    pub received: u64,
}

/// Bytes of something that a guest has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldBytes {
    /// Now.
    pub now: u64,
    /// The most at once.
    pub peak: u64,
}

/// How many of something a guest has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Now.
    pub now: u32,
    /// The most at once.
    pub peak: u32,
}

/// Bytes and files that a guest has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Bytes, by the sizes of files; in memory in whole pages of 4 KiB.
    pub bytes: u64,
    /// Files, folders and links.
    pub files: u64,
}

/// One isolated CPython: its own memory, its own GIL, its own limits.
///
/// What it can do are the methods of [`Python`]. It may be moved between threads and is used by one at
/// a time. The calling thread needs 1.75 MiB of stack, which Rust's threads have; one with less is refused by
/// [`Error::Host`](crate::Error::Host). Dropping it frees its slot.
pub struct Interpreter {
    pub(super) python: Python<'static, Store<State>>,
    pub(super) runtime: Runtime,
    pub(super) sandbox: Sandbox,
    /// What its memory began with.
    pub(super) began: Arc<Beginning>,
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
    /// Takes the captured standard output: what was written since the last call.
    pub fn take_stdout(&mut self) -> Vec<u8> {
        self.state().sandbox.stdout.take()
    }

    /// Takes the captured standard error: what was written since the last call.
    pub fn take_stderr(&mut self) -> Vec<u8> {
        self.state().sandbox.stderr.take()
    }

    /// The runtime that it belongs to.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What its memory began with.
    pub(crate) fn began(&self) -> &Arc<Beginning> {
        &self.began
    }

    /// What it was started with.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// A handle that interrupts or cancels the running operation, from any thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.state().sandbox.control))
    }

    /// Resources used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let state = &self.state().sandbox;
        let held = |(now, peak)| Held { now, peak };
        let stored = |Quota { bytes, files }| Stored { bytes, files };
        let (trees, folders) = state.wasi.stored();
        let ([trees, peak_trees, tree_quotas], [folders, peak_folders, folder_quotas]) =
            (trees.map(stored), folders.map(stored));
        let traffic = &state.wasi.network.traffic;
        let bytes = |(now, peak)| HeldBytes { now, peak };
        let bridge = &self.state().bridge;
        Usage {
            limits: self.state().session.limits,
            memory: state.ledger.memory(),
            life: state.control.age(),
            fuel: state.ledger.fuel.burnt_before(),
            output: bytes(state.ledger.captured.used()),
            values: bytes(bridge.arguments.used()),
            host_memory: bytes(state.ledger.holding.used()),
            objects: held(bridge.domain.held()),
            peak_memory: state.ledger.memory_peak(),
            duration: state.operations.duration(),
            operations: state.operations.count(),
            cpu: state.control.cpu(),
            host_calls: state.ledger.host_calls(),
            files: held(state.wasi.opened()),
            host_objects: held(self.state().bridge.table.held()),
            trees,
            peak_trees,
            tree_quotas,
            folders,
            peak_folders,
            folder_quotas,
            network: Moved {
                connections: traffic.open_now(),
                most_connections: traffic.most_open,
                opened: traffic.opened,
                sent: traffic.sent,
                received: traffic.received,
            },
        }
    }

    /// The units of work that it has burnt, as [`Limits::fuel`](crate::Limits::fuel) counts them.
    ///
    /// # Errors
    ///
    /// [`Error::GuestFault`](crate::Error::GuestFault) when the image does not say.
    pub fn fuel(&mut self) -> crate::Result<u64> {
        let store = &mut self.python.guest().store;
        let linked = Arc::clone(store.data().sandbox.linked()?);
        let left = match linked.budget(&mut *store)?.get(&mut *store) {
            wasmtime::Val::I32(left) => left,
            _ => 0,
        };
        Ok(store.data().sandbox.ledger.fuel.burnt(left))
    }

    /// Runs this as if in the middle of an entry, for tests of what becomes of a panic there.
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

    /// The exception, with its traceback, that Python code ended with when a limit fired inside it of which it was
    /// told: the `MemoryError` where [`Limits::memory`](crate::Limits::memory) was at its end. `None` when there
    /// was none since this was last asked.
    pub fn take_exception_at_limit(&mut self) -> Option<PythonError> {
        self.state_mut().bridge.at_limit.take().map(|error| *error)
    }

    /// Whether Python was told in the last operation that its time is over, whatever it made of that.
    #[must_use]
    pub fn was_late(&self) -> bool {
        self.state().sandbox.control.told().is_some()
    }

    /// Whether the interpreter can no longer be used.
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
