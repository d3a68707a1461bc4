//! The guest seen from the host: how it is entered, what is written and read on the way, and how it is
//! poisoned when it must not be entered again.

use crate::bridge;
use crate::error::{Error, PythonError, Result};
use crate::python::state::{Linked, State};
use crate::sandbox::control::Stop;
use crate::sandbox::memory::GuestMemory;
use crate::value::Object;
use crate::value::Value;
use ophidia_abi::{Frame, LEVELS, SHORT_INPUT, Status};
use std::sync::Arc;
use wasmtime::{Extern, ModuleExport, StoreContextMut, Trap, WasmParams};

/// A guest that can be entered: between entries, or while it waits for a function of the host.
pub(crate) struct Guest<'a> {
    pub(crate) store: StoreContextMut<'a, State>,
}

impl Guest<'_> {
    #[inline]
    pub(crate) fn state(&mut self) -> &mut State {
        self.store.data_mut()
    }

    #[inline]
    pub(crate) fn memory(&self) -> Result<GuestMemory> {
        self.store.data().memory()
    }

    #[inline]
    pub(crate) fn linked(&self) -> Result<&Arc<Linked>> {
        self.store.data().linked()
    }

    /// Enters the guest: runs `call`, and turns what stopped it into an error. The clock runs from the
    /// outermost entry on.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        call: impl FnOnce(&mut Self) -> wasmtime::Result<Status>,
    ) -> Result<Status> {
        let outermost = self.begin()?;
        let outcome = call(self);
        self.end(outermost, outcome)
    }

    /// Begins an entry; whether it is the outermost.
    #[inline(always)]
    pub(crate) fn begin(&mut self) -> Result<bool> {
        let state = self.store.data_mut();
        if let Some(reason) = &state.poisoned {
            return Err(Error::Poisoned { reason: reason.to_string() });
        }
        state.ledger.take_refused();
        let outermost = state.calls == 0;
        if outermost {
            state.control.begin();
        }
        Ok(outermost)
    }

    #[inline(always)]
    pub(crate) fn end(
        &mut self,
        outermost: bool,
        outcome: wasmtime::Result<Status>,
    ) -> Result<Status> {
        if outermost {
            let state = self.store.data_mut();
            state.entered += state.control.end();
        }
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
            Ok(Status::Exit) => bridge::system_exit(&self.store)
                .map_or_else(|fault| self.poison(fault), Error::from),
            Ok(_) => self.poison(Error::GuestFault("the bridge refused a call of the host".into())),
            Err(error) => self.stopped(error),
        }
    }

    fn raised(&mut self) -> Error {
        let refused = self.state().ledger.take_refused();
        match (bridge::python_error(&self.store), refused) {
            // numpy raises one of its own.
            (Ok(error), Some(limit)) if error.type_name.ends_with("MemoryError") => limit.into(),
            // Without any memory left, the exception itself cannot be made, or not be described.
            (Ok(error), Some(limit)) if error.type_name.is_empty() || is_lost(&error) => {
                limit.into()
            }
            (Ok(error), _) => error.into(),
            (Err(fault), _) => self.poison(fault),
        }
    }

    /// Why a call did not return. Whatever it was, the guest was left in the middle of something.
    pub(crate) fn stopped(&mut self, error: wasmtime::Error) -> Error {
        let refused = self.state().ledger.take_refused();
        let error = match error.downcast::<Error>() {
            Ok(error) => return self.poison(error),
            Err(error) => error,
        };
        let reason = match (error.downcast_ref::<Stop>(), error.downcast_ref::<Trap>()) {
            (Some(Stop::Limit(limit)), _) => Error::Limit(limit.clone()),
            (Some(Stop::Cancelled), _) => Error::Cancelled,
            (Some(Stop::Exit(status)), _) => PythonError {
                type_name: "SystemExit".into(),
                exit_status: Some((*status).into()),
                ..PythonError::default()
            }
            .into(),
            (None, Some(trap)) => match refused {
                Some(limit) if *trap == Trap::UnreachableCodeReached => Error::Limit(limit),
                _ => Error::GuestFault(trap.to_string()),
            },
            (None, None) => match error.downcast_ref::<wiggle::GuestError>() {
                Some(wild) => Error::GuestFault(format!("a call of WASI: {wild}")),
                None => Error::Host(format!("{error:#}")),
            },
        };
        self.poison(reason)
    }

    /// No entry is possible from here on.
    pub(crate) fn poison(&mut self, reason: Error) -> Error {
        self.state().poisoned = Some(reason.clone());
        reason
    }

    /// A fault poisons; any other error leaves the guest as it is.
    pub(crate) fn poison_fault(&mut self, error: Error) -> Error {
        match error {
            Error::GuestFault(_) => self.poison(error),
            other => other,
        }
    }

    /// Reads the value that an entry has left in the frame.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Value> {
        bridge::value(&self.store).map_err(|error| self.poison_fault(error))
    }

    /// Takes the object that an entry has left in the frame, where a handle was asked for.
    #[inline]
    pub(crate) fn object(&mut self) -> Result<Object> {
        match bridge::object_value(&self.store) {
            Some(object) => object.map_err(|error| self.poison_fault(error)),
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

    /// Writes an input into the guest's buffer; gives its address and the first part's length.
    #[inline]
    pub(crate) fn write_input(&mut self, parts: &[&[u8]]) -> wasmtime::Result<(u32, u32)> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let first = parts.first().map_or(0, |part| part.len());
        let too_large =
            || Error::Grant(format!("input of {total} bytes: at most 1 GiB is possible"));
        let size =
            u32::try_from(total).ok().filter(|size| *size <= 1 << 30).ok_or_else(too_large)?;
        let start = self.input_buffer(size)?;
        let memory = self.memory()?;
        let mut address = start;
        for part in parts {
            memory.write(&mut self.store, address, part)?;
            address = address.wrapping_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
        }
        Ok((start, u32::try_from(first).unwrap_or(u32::MAX)))
    }

    /// The guest's buffer for an input of this size at this level.
    #[inline]
    fn input_buffer(&mut self, size: u32) -> wasmtime::Result<u32> {
        let level = self.state().level as usize;
        let known = self.state().short_inputs.get(level).copied().unwrap_or_default();
        if known != 0 && size <= SHORT_INPUT {
            return Ok(known);
        }
        let buffer = self.linked()?.runtime.shared.exports.buffer;
        let address = self.call_export(&buffer, size)?;
        if address == 0 {
            return Err(match self.state().ledger.take_refused() {
                Some(limit) => Stop::Limit(limit).into(),
                None => Error::GuestFault(format!("no buffer for {size} bytes of input")).into(),
            });
        }
        if let Some(known) = self.state().short_inputs.get_mut(level) {
            *known = if size <= SHORT_INPUT { address } else { 0 };
        }
        Ok(address)
    }

    /// Finds the frames.
    pub(crate) fn find_frames(&mut self) -> wasmtime::Result<()> {
        let frame = self.linked()?.runtime.shared.exports.frame;
        let address = self.call_export(&frame, ())?;
        self.memory()?.bytes(&self.store, address, Frame::SIZE * LEVELS)?;
        self.state().frame = address;
        Ok(())
    }

    fn call_export<P: WasmParams>(
        &mut self,
        function: &ModuleExport,
        params: P,
    ) -> wasmtime::Result<u32> {
        let instance = self.linked()?.instance;
        let function = instance
            .get_module_export(&mut self.store, function)
            .and_then(Extern::into_func)
            .ok_or_else(|| Error::GuestFault("an export is not a function".into()))?;
        function.typed::<P, u32>(&self.store)?.call(&mut self.store, params)
    }

    pub(crate) fn status<P: WasmParams>(
        &mut self,
        function: &ModuleExport,
        params: P,
    ) -> wasmtime::Result<Status> {
        status_of(self.call_export(function, params)?)
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

#[inline]
pub(crate) fn status_of(number: u32) -> wasmtime::Result<Status> {
    Status::from_u32(number)
        .ok_or_else(|| Error::GuestFault(format!("unknown status {number}")).into())
}
