//! A call in the making, for wrappers that `ophidia bindgen` writes.

use super::{Arguments, FromPython, ToPython};
use crate::error::Result;
use crate::python::Python;
use crate::value::Object;
use std::marker::PhantomData;

/// A call of a method or of a module's function that is being put together. Its result is an `R` unless
/// another type is asked for.
#[must_use = "nothing is called before `call`"]
pub struct Invocation<'a, R = Object> {
    object: &'a Object,
    name: &'a str,
    arguments: Arguments<'a>,
    result: PhantomData<fn() -> R>,
}

impl<'a, R> Invocation<'a, R> {
    /// A call of `object.name` without arguments.
    pub fn new(object: &'a Object, name: &'a str) -> Self {
        Self { object, name, arguments: Arguments::new(), result: PhantomData }
    }

    /// Adds a positional argument.
    pub fn arg(mut self, value: impl ToPython + 'a) -> Self {
        self.arguments = self.arguments.arg(value);
        self
    }

    /// Adds positional arguments: Python's `*values`.
    pub fn args<T: ToPython + 'a>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        self.arguments = self.arguments.args(values);
        self
    }

    /// Adds a keyword argument.
    pub fn kwarg(mut self, name: impl Into<String>, value: impl ToPython + 'a) -> Self {
        self.arguments = self.arguments.kwarg(name, value);
        self
    }

    /// Calls it.
    pub fn call(self, py: &mut Python<'_>) -> Result<R>
    where
        R: FromPython,
    {
        self.call_as(py)
    }

    /// Calls it; the result as another Rust type.
    pub fn call_as<T: FromPython>(self, py: &mut Python<'_>) -> Result<T> {
        self.object.call_method_as(py, self.name, self.arguments)
    }
}

impl<R> std::fmt::Debug for Invocation<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invocation")
            .field("name", &self.name)
            .field("arguments", &self.arguments)
            .finish()
    }
}
