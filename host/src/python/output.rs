//! Scopes in which output goes elsewhere.

use super::Python;
use crate::error::Result;
use crate::wasi::stdio::{Output, Stdout};

/// What was written in a scope of [`Python::capture_output`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Captured {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// Sends a stream back to where it went before, also when the scope is left by a panic.
struct Restore<'a> {
    stream: &'a Stdout,
    before: Option<Output>,
}

impl<'a> Restore<'a> {
    fn redirect(stream: &'a Stdout, output: Option<Output>) -> Self {
        Self { stream, before: output.map(|output| stream.redirect(output)) }
    }
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            drop(self.stream.redirect(before));
        }
    }
}

impl Python<'_> {
    /// Sends what is written while `body` runs elsewhere; `None` leaves a stream as it is.
    ///
    /// # Errors
    ///
    /// What `body` fails with, and as [`run`](Self::run) inside a host function.
    pub fn with_output<T>(
        &mut self,
        stdout: impl Into<Option<Output>>,
        stderr: impl Into<Option<Output>>,
        body: impl FnOnce(&mut Python<'_>) -> Result<T>,
    ) -> Result<T> {
        let streams = (self.state().stdout.clone(), self.state().stderr.clone());
        self.flush()?;
        let _stdout = Restore::redirect(&streams.0, stdout.into());
        let _stderr = Restore::redirect(&streams.1, stderr.into());
        let result = body(self);
        if result.is_ok() {
            self.flush()?;
        }
        result
    }

    /// Collects what is written while `body` runs, at most [`Limits::output`](crate::Limits::output)
    /// bytes a stream, and gives it with the body's result.
    ///
    /// # Errors
    ///
    /// As [`with_output`](Self::with_output); what was written until then is lost.
    pub fn capture_output<T>(
        &mut self,
        body: impl FnOnce(&mut Python<'_>) -> Result<T>,
    ) -> Result<(T, Captured)> {
        self.with_output(Output::capture(), Output::capture(), |py| {
            let result = body(py)?;
            py.flush()?;
            let (stdout, stderr) = (py.state().stdout.take(), py.state().stderr.take());
            Ok((result, Captured { stdout, stderr }))
        })
    }

    /// Between entries nothing is held back; inside of one something may be.
    fn flush(&mut self) -> Result<()> {
        if self.state().calls > 0 {
            self.help("flush", ())?;
        }
        Ok(())
    }
}
