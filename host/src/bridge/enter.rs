//! Entering the guest, and what an entry has left in the frame: a value, an object, or an exception.

use super::HasBridge;
use crate::error::{Error, PythonError, Result};
use crate::sandbox::instance::{Entry, Guest};
use crate::value::{Object, Value};
use ophidia_abi::Status;
use wasmtime::{ModuleExport, WasmParams};

impl<T: HasBridge> Entry<'_, '_, T> {
    /// What it has come to, at its end.
    #[inline(always)]
    pub(super) fn concluded(self, outcome: wasmtime::Result<Status>) -> Result<Status> {
        let result = match outcome {
            Ok(status @ (Status::Ok | Status::Incomplete)) => Ok(status),
            outcome => Err(self.guest.failed(outcome)),
        };
        self.end();
        result
    }
}

impl<T: HasBridge> Guest<'_, T> {
    /// Enters the guest: runs `call`, and turns what stopped it into an error.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        call: impl FnOnce(&mut Self) -> wasmtime::Result<Status>,
    ) -> Result<Status> {
        let entry = self.begin()?;
        let outcome = call(entry.guest);
        entry.concluded(outcome)
    }

    /// Why an entry has no result.
    #[cold]
    fn failed(&mut self, outcome: wasmtime::Result<Status>) -> Error {
        match outcome {
            Ok(Status::Raised) => self.raised(),
            Ok(Status::Exit) => {
                super::system_exit(&self.store).map_or_else(|fault| self.poison(fault), Error::from)
            }
            Ok(_) => self.poison(Error::GuestFault("the bridge refused a call of the host".into())),
            Err(error) => self.stopped(error),
        }
    }

    fn raised(&mut self) -> Error {
        let refused = self.sandbox().ledger.take_refused();
        let error = match (super::python_error(&self.store), refused) {
            // numpy raises one of its own.
            (Ok(error), Some(limit)) if error.type_name.ends_with("MemoryError") => limit.into(),
            // Without any memory left, the exception itself cannot be made, or not be described.
            (Ok(error), Some(limit)) if error.type_name.is_empty() || is_lost(&error) => {
                limit.into()
            }
            (Ok(error), _) => error.into(),
            (Err(fault), _) => fault,
        };
        self.ours(error)
    }

    /// Reads the value that an entry has left in the frame.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Value> {
        super::value(&self.store).map_err(|error| self.ours(error))
    }

    /// Takes the object that an entry has left in the frame, where a handle was asked for.
    #[inline]
    pub(crate) fn object(&mut self) -> Result<Object> {
        match super::object_value(&self.store) {
            Some(object) => object.map_err(|error| self.ours(error)),
            None => Err(self.no_object()),
        }
    }

    #[cold]
    fn no_object(&mut self) -> Error {
        match self.value() {
            Ok(other) => {
                let said = format!("a handle was asked, {} came", other.kind());
                self.poison(Error::GuestFault(said))
            }
            Err(error) => error,
        }
    }

    /// Enters an export that takes one text among its parameters.
    pub(crate) fn call_with_text<P: WasmParams>(
        &mut self,
        function: &ModuleExport,
        text: &str,
        params: impl FnOnce(u32, u32) -> P,
    ) -> Result<Status> {
        self.release_dropped()?;
        self.enter(|guest| {
            let (address, len) = guest.write_input(&[text.as_bytes()])?;
            guest.status(function, params(address, len))
        })
    }
}

/// Whether this is what CPython makes of an exception that it had no memory for.
fn is_lost(error: &PythonError) -> bool {
    error.type_name == "SystemError"
        && (error.traceback.is_empty() || error.message.contains("without exception set"))
}
