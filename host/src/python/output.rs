//! Scopes in which output goes elsewhere.

use super::Python;
use crate::error::Result;
use crate::sandbox::state::SandboxState;
use crate::sandbox::wasi::Output;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Output that [`Python::capture_output`] has collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Python<'_> {
    /// Redirects standard output and error while `body` runs; `None` leaves a stream as it is.
    ///
    /// # Errors
    ///
    /// What `body` fails with.
    pub fn with_output<T>(
        &mut self,
        stdout: impl Into<Option<Output>>,
        stderr: impl Into<Option<Output>>,
        body: impl FnOnce(&mut Python<'_>) -> Result<T>,
    ) -> Result<T> {
        self.flush()?;
        let SandboxState { stdout: out, stderr: err, .. } = &self.state().sandbox;
        let (out, err) = (out.clone(), err.clone());
        let before_out = stdout.into().map(|output| out.redirect(output));
        let before_err = stderr.into().map(|output| err.redirect(output));
        let result = catch_unwind(AssertUnwindSafe(|| {
            let result = body(self);
            // What an exception has left behind was written in here, too.
            let flushed = if self.state().sandbox.is_poisoned() { Ok(()) } else { self.flush() };
            result.and_then(|value| flushed.map(|()| value))
        }));
        let told_out = before_out.map_or(Ok(()), |before| out.send_back(before));
        let told_err = before_err.map_or(Ok(()), |before| err.send_back(before));
        let value = result.unwrap_or_else(|panic| resume_unwind(panic))?;
        told_out.and(told_err).map(|()| value).map_err(|reason| self.guest().poison(reason))
    }

    /// Collects standard output and error while `body` runs, at most
    /// [`Limits::output`](crate::Limits::output) bytes a stream, and gives it with the body's result.
    ///
    /// # Errors
    ///
    /// What `body` fails with; what was written until then is lost.
    pub fn capture_output<T>(
        &mut self,
        body: impl FnOnce(&mut Python<'_>) -> Result<T>,
    ) -> Result<(T, Captured)> {
        self.with_output(Output::capture(), Output::capture(), |py| {
            let result = body(py)?;
            py.flush()?;
            let (stdout, stderr) =
                (py.state().sandbox.stdout.take(), py.state().sandbox.stderr.take());
            Ok((result, Captured { stdout, stderr }))
        })
    }

    /// Between entries nothing is held back; inside of one something may be.
    fn flush(&mut self) -> Result<()> {
        if self.state().sandbox.calls > 0 {
            self.call_helper_unit("flush", ())?;
        }
        Ok(())
    }
}
