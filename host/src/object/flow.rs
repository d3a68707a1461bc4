//! Generators, coroutines and context managers.

use super::Object;
use crate::convert::ToPython;
use crate::error::{Error, PythonError, Result};
use crate::python::Python;
use ophidia_abi::{Operation, Status, Want};

impl Object {
    /// Sends a value into a generator; gives what it yields next, `None` at its end.
    pub fn send(&self, py: &mut Python<'_>, value: impl ToPython) -> Result<Option<Self>> {
        self.resume(py, "send", value)
    }

    /// Raises an exception where a generator waits; gives what it yields next, `None` at its end.
    ///
    /// # Errors
    ///
    /// The exception itself when the generator does not catch it.
    pub fn throw(&self, py: &mut Python<'_>, error: &PythonError) -> Result<Option<Self>> {
        py.operation(|py| {
            let exception = error.own_exception(py)?;
            self.resume(py, "throw", exception)
        })
    }

    fn resume(
        &self,
        py: &mut Python<'_>,
        method: &str,
        value: impl ToPython,
    ) -> Result<Option<Self>> {
        let mut guest = py.guest();
        let on = guest.on_method(self, method)?;
        match guest.perform(Operation::Resume, on, &(value,), Want::Handle)? {
            Status::Incomplete => Ok(None),
            _ => guest.object().map(Some),
        }
    }

    /// Ends a generator, or closes a file.
    pub fn close(&self, py: &mut Python<'_>) -> Result<()> {
        let mut guest = py.guest();
        let on = guest.on_method(self, "close")?;
        guest.operate_unit(Operation::CallMethod, on, &())
    }

    /// Runs a coroutine, or anything else that can be awaited, to its end, in an event loop made for
    /// it; gives its result.
    pub fn block_on(&self, py: &mut Python<'_>) -> Result<Self> {
        py.call_helper("drive", (self,))
    }

    /// An iterator over the items of an asynchronous generator: each [`next`](Self::next) runs it up to
    /// its next item. Its end, an error, [`close`](Self::close) and letting go of it end the generator, too.
    pub fn async_iter(&self, py: &mut Python<'_>) -> Result<Self> {
        py.call_helper("Steps", (self,))
    }

    /// `with self as value: body(value)`.
    ///
    /// An exception of the body is shown to the context manager; when that takes care of it, the result
    /// is `None`. Any other error of the body ends the block as if it had been left without one, and is
    /// returned.
    ///
    /// # Errors
    ///
    /// What `body` fails with.
    pub fn with<T>(
        &self,
        py: &mut Python<'_>,
        body: impl FnOnce(&mut Python<'_>, Self) -> Result<T>,
    ) -> Result<Option<T>> {
        let (value, spent) = py.opening(|py| py.call_helper("enter", (self,)))?;
        let result = body(py, value);
        py.closing(spent, |py| match result {
            Ok(result) => {
                py.call_helper_as::<bool>("leave", (self, ()))?;
                Ok(Some(result))
            }
            Err(Error::Python(error)) => {
                let exception = error.own_exception(py)?;
                match py.call_helper_as("leave", (self, exception))? {
                    true => Ok(None),
                    false => Err(Error::Python(error)),
                }
            }
            Err(error) => {
                if !py.state().sandbox.is_poisoned() {
                    py.call_helper_as::<bool>("leave", (self, ()))?;
                }
                Err(error)
            }
        })
    }
}
