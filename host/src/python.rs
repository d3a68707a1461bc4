//! `Python`: an interpreter at hand, between calls or inside one of its calls of a host function.

mod builder;
mod carried;
mod converters;
mod exception;
mod files;
mod first_start;
mod helpers;
mod interpreter;
mod namespace;
mod objects;
mod output;
#[cfg(feature = "any-guest")]
mod preview1;
mod rest;
mod run;
pub(crate) mod runtime;
mod settings;
pub(crate) mod state;
mod underway;

use crate::error::{Error, Result};
use crate::python::state::{Guest, State};
use std::marker::PhantomData;
use std::time::Duration;
use wasmtime::{AsContext, AsContextMut, Store, StoreContext, StoreContextMut};

pub use builder::{InterpreterBuilder, Streams};
pub(crate) use carried::{Carried, GoingOn, Pending, SEEDS, Table};
pub use converters::Converters;
pub use files::Files;
pub use interpreter::{Held, HeldBytes, Interpreter, Moved, Stored, Usage};
pub use namespace::Namespace;
pub use output::Captured;
#[cfg(feature = "any-guest")]
#[doc(hidden)]
pub use preview1::{Preview1, Preview1Ended};
pub(crate) use rest::{Program, Waits, Why};
pub use run::{CodeKind, Completeness, SourceKind};
pub use runtime::{Runtime, RuntimeBuilder};
pub use settings::{Sandbox, SandboxBuilder};
pub use underway::{Progress, Task};

/// A way to an interpreter: the [`Interpreter`](crate::Interpreter) itself, or the call of a host
/// function.
pub trait Reach: sealed::Sealed {}

mod sealed {
    use super::{Guest, State, StoreContext};

    #[allow(private_interfaces, reason = "nobody outside can call or implement it")]
    pub trait Sealed {
        fn guest(&mut self) -> Guest<'_>;
        fn state(&self) -> &State;
        fn state_mut(&mut self) -> &mut State;
        fn memory_mut(&mut self) -> Option<&mut [u8]>;
        fn context(&self) -> StoreContext<'_, State>;
    }
}

use sealed::Sealed;

impl Reach for Store<State> {}
impl Sealed for Store<State> {
    fn guest(&mut self) -> Guest<'_> {
        Guest::new(self.as_context_mut())
    }

    fn state(&self) -> &State {
        self.data()
    }

    fn state_mut(&mut self) -> &mut State {
        self.data_mut()
    }

    fn memory_mut(&mut self) -> Option<&mut [u8]> {
        Some(self.data().sandbox.memory?.all_mut(self.as_context_mut()))
    }

    fn context(&self) -> StoreContext<'_, State> {
        self.as_context()
    }
}

impl Reach for StoreContextMut<'_, State> {}
impl Sealed for StoreContextMut<'_, State> {
    fn guest(&mut self) -> Guest<'_> {
        Guest::new(self.as_context_mut())
    }

    fn state(&self) -> &State {
        self.as_context().data()
    }

    fn state_mut(&mut self) -> &mut State {
        self.data_mut()
    }

    fn memory_mut(&mut self) -> Option<&mut [u8]> {
        Some(self.data().sandbox.memory?.all_mut(self.as_context_mut()))
    }

    fn context(&self) -> StoreContext<'_, State> {
        self.as_context()
    }
}

/// An interpreter at hand: what everything that is done with Python needs.
///
/// An [`Interpreter`](crate::Interpreter) is one wherever `&mut Python` is asked for. A host function
/// is given one, and may use it as any other while Python waits for the function's result.
///
/// Methods fail as [the crate](crate#errors) says.
pub struct Python<'a, R: Reach + ?Sized + 'a = dyn Reach + 'a> {
    lifetime: PhantomData<&'a ()>,
    reach: R,
}

impl<'a, R: Reach + 'a> Python<'a, R> {
    pub(crate) fn new(reach: R) -> Self {
        Self { lifetime: PhantomData, reach }
    }
}

impl<'a, R: Reach + ?Sized + 'a> Python<'a, R> {
    /// A scope of an operation, which it is when none is under way: what makes several entries holds on to
    /// one for all of them, as by [`operation`](Self::operation).
    pub(crate) fn guest(&mut self) -> Guest<'_> {
        self.reach.guest()
    }

    /// Makes one operation of whatever `body` does.
    pub(crate) fn operation<T>(&mut self, body: impl FnOnce(&mut Python<'_>) -> T) -> T {
        body(&mut self.guest().python())
    }

    /// The first part of an operation in whose middle code of the caller's runs; gives how long it took.
    pub(crate) fn opening<T>(
        &mut self,
        body: impl FnOnce(&mut Python<'_>) -> Result<T>,
    ) -> Result<(T, Duration)> {
        let opened = self.operation(body)?;
        Ok((opened, self.state().sandbox.operations.spent()))
    }

    /// The rest of it: with no more time than the first part has left.
    pub(crate) fn closing<T>(
        &mut self,
        spent: Duration,
        body: impl FnOnce(&mut Python<'_>) -> T,
    ) -> T {
        self.state_mut().sandbox.operations.resume(spent);
        self.operation(body)
    }

    /// How long the running operation may go on, or the function of the host that is called in it, whichever ends
    /// first: what a function that takes long has to keep to. `None` where there is no such limit, and between
    /// operations.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.state().sandbox.control.left()
    }

    pub(crate) fn state_mut(&mut self) -> &mut State {
        self.reach.state_mut()
    }

    /// All of the guest's memory, to write to.
    pub(crate) fn memory_mut(&mut self) -> Result<&mut [u8]> {
        self.reach.memory_mut().ok_or_else(|| Error::GuestFault("it has no memory yet".into()))
    }

    pub(crate) fn state(&self) -> &State {
        self.reach.state()
    }

    pub(crate) fn context(&self) -> StoreContext<'_, State> {
        self.reach.context()
    }
}

impl Guest<'_> {
    /// The same interpreter, within the scope that this is.
    pub(crate) fn python(&mut self) -> Python<'_, StoreContextMut<'_, State>> {
        Python::new(self.store.as_context_mut())
    }
}

impl<'a, R: Reach + ?Sized + 'a> std::fmt::Debug for Python<'a, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_struct("Python")
            .field("calls", &state.sandbox.calls)
            .field("poisoned", &state.sandbox.poisoned)
            .finish_non_exhaustive()
    }
}
