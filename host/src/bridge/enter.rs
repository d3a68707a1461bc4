//! Entering the guest, and what an entry has left in the frame: a value, an object, or an exception.

use super::HasBridge;
use crate::error::{Error, Result};
use crate::sandbox::exports::{Export, Linked};
use crate::sandbox::instance::Guest;
use crate::value::{Object, Value};
use ophidia_abi::Status;
use wasmtime::WasmParams;

impl<T: HasBridge> Guest<'_, T> {
    /// Enters the guest: runs `call`, and turns what stopped it into an error. The clock runs from the
    /// outermost entry on.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        call: impl FnOnce(&mut Self) -> wasmtime::Result<Status>,
    ) -> Result<Status> {
        let outermost = self.begin()?;
        let outcome = call(self);
        self.end(outermost);
        self.concluded(outcome)
    }

    /// What an entry has come to.
    #[inline(always)]
    pub(super) fn concluded(&mut self, outcome: wasmtime::Result<Status>) -> Result<Status> {
        match outcome {
            Ok(status @ (Status::Ok | Status::Incomplete)) => Ok(status),
            outcome => Err(self.failed(outcome)),
        }
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
        match (super::raised(&self.store), refused) {
            (Ok(raised), Some(limit)) if raised.no_memory => limit.into(),
            (Ok(raised), _) => raised.error.into(),
            (Err(fault), _) => self.poison(fault),
        }
    }

    /// Reads the value that an entry has left in the frame.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Value> {
        super::value(&self.store).map_err(|error| self.poison_fault(error))
    }

    /// Takes the object that an entry has left in the frame, where a handle was asked for.
    #[inline]
    pub(crate) fn object(&mut self) -> Result<Object> {
        match super::object_value(&self.store) {
            Some(object) => object.map_err(|error| self.poison_fault(error)),
            None => Err(self.no_object()),
        }
    }

    #[cold]
    pub(super) fn no_object(&mut self) -> Error {
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
        export: impl FnOnce(&Linked) -> &Export<P>,
        text: &str,
        params: impl FnOnce(u32, u32) -> P,
    ) -> Result<Status> {
        self.release_dropped()?;
        self.enter(|guest| {
            let (address, len) = guest.write_input(&[text.as_bytes()])?;
            guest.status(export, params(address, len))
        })
    }
}
