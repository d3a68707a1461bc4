//! Entering the guest, and what an entry has left in the frame: a value, an object, or an exception.

use super::HasBridge;
use crate::error::{Error, LimitExceeded, PythonError, Result};
use crate::sandbox::exports::{Export, Linked};
use crate::sandbox::instance::{Entry, Guest};
use crate::value::{Object, Value};
use ophidia_abi::Status;
use wasmtime::WasmParams;

impl<T: HasBridge> Entry<'_, '_, T> {
    /// What it has come to, at its end.
    #[inline(always)]
    pub(super) fn concluded(self, outcome: wasmtime::Result<Status>) -> Result<Status> {
        let result = match outcome {
            Ok(status @ (Status::Ok | Status::Incomplete))
                if !self.guest.sandbox().is_over_output() =>
            {
                Ok(status)
            }
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

    /// Why an entry has no result. An operation in which too much was written has none, whatever the program has
    /// made of it; that leaves the guest intact.
    #[cold]
    fn failed(&mut self, outcome: wasmtime::Result<Status>) -> Error {
        let state = self.sandbox();
        let over = if state.calls == 0 { state.ledger.take_refused_output() } else { None };
        match (self.failure(outcome), over) {
            (None, Some(limit)) => limit.into(),
            (Some(Error::Python(_)), Some(limit)) if !self.sandbox().is_poisoned() => limit.into(),
            (Some(error), _) => error,
            (None, None) => Error::host("an entry has failed without a reason"),
        }
    }

    /// What the guest has failed with, if it has.
    fn failure(&mut self, outcome: wasmtime::Result<Status>) -> Option<Error> {
        Some(match outcome {
            Ok(Status::Ok | Status::Incomplete) => return None,
            Ok(Status::Raised) => self.raised(),
            Ok(Status::Exit) => {
                super::system_exit(&self.store).map_or_else(|fault| self.poison(fault), Error::from)
            }
            Ok(_) => self.poison(Error::GuestFault("the bridge refused a call of the host".into())),
            Err(error) => self.stopped(error),
        })
    }

    fn raised(&mut self) -> Error {
        let state = self.sandbox();
        let refused = state.ledger.take_refused();
        // Inside a call of the host it is Python's to catch: the operation goes on for as long.
        let late = match state.calls {
            0 => state.control.told(),
            _ => state.control.told_of_call(),
        };
        let error = match super::raised(&self.store) {
            Ok(raised) => {
                let limit = match (raised.no_memory, raised.no_time) {
                    (true, _) => refused,
                    (_, true) => late
                        .or(refused
                            .filter(|limit| matches!(limit, LimitExceeded::HostCallTime { .. }))),
                    _ => None,
                };
                match limit {
                    Some(limit) => {
                        if matches!(limit, LimitExceeded::Memory { .. }) {
                            self.sandbox().ledger.give_rest();
                        }
                        // Without the object itself, which would be held for nobody.
                        let said = PythonError { exception: None, ..raised.error };
                        self.bridge().at_limit = Some(Box::new(said));
                        limit.into()
                    }
                    None => raised.error.into(),
                }
            }
            Err(fault) => fault,
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
