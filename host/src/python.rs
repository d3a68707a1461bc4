//! `Python`: an interpreter at hand, between calls or inside one of its calls of a host function.

mod builder;
mod converters;
mod exception;
mod first_start;
mod helpers;
mod interpreter;
mod namespace;
mod objects;
mod output;
mod run;
pub(crate) mod runtime;
mod settings;
pub(crate) mod state;

use crate::python::state::{Guest, State};
use std::marker::PhantomData;
use wasmtime::{AsContext, AsContextMut, Store, StoreContext, StoreContextMut};

pub use builder::{InterpreterBuilder, Streams};
pub use converters::Converters;
pub use interpreter::{Interpreter, Usage};
pub use namespace::Namespace;
pub use output::Captured;
pub use run::{CodeKind, Completeness, SourceKind};
pub use runtime::{Runtime, RuntimeBuilder};
pub use settings::{Sandbox, SandboxBuilder};

/// A way to an interpreter: the [`Interpreter`](crate::Interpreter) itself, or the call of a host
/// function.
pub trait Reach: Send + sealed::Sealed {}

mod sealed {
    use super::{Guest, State, StoreContext};

    #[allow(private_interfaces, reason = "nobody outside can call or implement it")]
    pub trait Sealed {
        fn guest(&mut self) -> Guest<'_>;
        fn state(&self) -> &State;
        fn context(&self) -> StoreContext<'_, State>;
    }
}

use sealed::Sealed;

impl Reach for Store<State> {}
impl Sealed for Store<State> {
    fn guest(&mut self) -> Guest<'_> {
        Guest { store: self.as_context_mut() }
    }

    fn state(&self) -> &State {
        self.data()
    }

    fn context(&self) -> StoreContext<'_, State> {
        self.as_context()
    }
}

impl Reach for StoreContextMut<'_, State> {}
impl Sealed for StoreContextMut<'_, State> {
    fn guest(&mut self) -> Guest<'_> {
        Guest { store: self.as_context_mut() }
    }

    fn state(&self) -> &State {
        self.as_context().data()
    }

    fn context(&self) -> StoreContext<'_, State> {
        self.as_context()
    }
}

/// An interpreter at hand: what everything that is done with Python needs.
///
/// An [`Interpreter`](crate::Interpreter) is one wherever `&mut Python` is asked for. A host function
/// is given one, and may use it as any other while Python waits for the function's result.
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
    pub(crate) fn guest(&mut self) -> Guest<'_> {
        self.reach.guest()
    }

    pub(crate) fn state(&self) -> &State {
        self.reach.state()
    }

    pub(crate) fn context(&self) -> StoreContext<'_, State> {
        self.reach.context()
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
