//! The guest seen from the host: how it is entered, what is written on the way, and how it is poisoned when
//! it must not be entered again.

use super::control::Stop;
use super::exports::{Export, Linked};
use super::memory::GuestMemory;
use super::state::{HasSandbox, SandboxState};
use crate::error::{Error, PythonError, Result};
use ophidia_abi::{Frame, LEVELS, SHORT_INPUT, Status};
use std::sync::Arc;
use wasmtime::{StoreContextMut, Trap, WasmParams};

/// A guest that can be entered: between entries, or while it waits for a function of the host.
pub(crate) struct Guest<'a, T: 'static> {
    pub(crate) store: StoreContextMut<'a, T>,
}

impl<T: HasSandbox> Guest<'_, T> {
    /// All that the store holds.
    #[inline]
    pub(crate) fn state(&mut self) -> &mut T {
        self.store.data_mut()
    }

    #[inline]
    pub(crate) fn sandbox(&mut self) -> &mut SandboxState {
        self.store.data_mut().sandbox_mut()
    }

    #[inline]
    pub(crate) fn memory(&self) -> Result<GuestMemory> {
        self.store.data().sandbox().memory()
    }

    #[inline]
    pub(crate) fn linked(&self) -> Result<&Arc<Linked>> {
        self.store.data().sandbox().linked()
    }

    /// Begins an entry; whether it is the outermost.
    #[inline(always)]
    pub(crate) fn begin(&mut self) -> Result<bool> {
        let state = self.sandbox();
        if let Some(reason) = &state.poisoned {
            return Err(Error::poisoned(reason.clone()));
        }
        state.ledger.take_refused();
        let outermost = state.calls == 0;
        if outermost {
            state.control.begin();
        }
        Ok(outermost)
    }

    /// Ends it: the clock stops with the outermost.
    #[inline(always)]
    pub(crate) fn end(&mut self, outermost: bool) {
        if outermost {
            let state = self.sandbox();
            state.entered += state.control.end();
        }
    }

    /// Why a call did not return. Whatever it was, the guest was left in the middle of something.
    pub(crate) fn stopped(&mut self, error: wasmtime::Error) -> Error {
        let refused = self.sandbox().ledger.take_refused();
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
        self.sandbox().poisoned = Some(reason.clone());
        reason
    }

    /// A fault poisons; any other error leaves the guest as it is.
    pub(crate) fn poison_fault(&mut self, error: Error) -> Error {
        match error {
            Error::GuestFault(_) => self.poison(error),
            other => other,
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
        let level = self.sandbox().level as usize;
        let known = self.sandbox().short_inputs.get(level).copied().unwrap_or_default();
        if known != 0 && size <= SHORT_INPUT {
            return Ok(known);
        }
        let address = self.call_export(|linked| &linked.buffer, size)?;
        if address == 0 {
            return Err(match self.sandbox().ledger.take_refused() {
                Some(limit) => Stop::Limit(limit).into(),
                None => Error::GuestFault(format!("no buffer for {size} bytes of input")).into(),
            });
        }
        if let Some(known) = self.sandbox().short_inputs.get_mut(level) {
            *known = if size <= SHORT_INPUT { address } else { 0 };
        }
        Ok(address)
    }

    /// Finds the frames.
    pub(crate) fn find_frames(&mut self) -> wasmtime::Result<()> {
        let address = self.call_export(|linked| &linked.frame, ())?;
        self.memory()?.bytes(&self.store, address, Frame::SIZE * LEVELS)?;
        self.sandbox().frame = address;
        Ok(())
    }

    /// Calls what the guest exports.
    #[inline(always)]
    pub(crate) fn call_linked(
        &mut self,
        call: impl FnOnce(&Linked, &mut StoreContextMut<'_, T>) -> wasmtime::Result<u32>,
    ) -> wasmtime::Result<u32> {
        let linked = match self.sandbox().spare.take() {
            Some(linked) => linked,
            None => Arc::clone(self.linked()?),
        };
        let outcome = call(&linked, &mut self.store);
        self.sandbox().spare = Some(linked);
        outcome
    }

    fn call_export<P: WasmParams>(
        &mut self,
        export: impl FnOnce(&Linked) -> &Export<P>,
        params: P,
    ) -> wasmtime::Result<u32> {
        self.call_linked(|linked, store| export(linked).call(&linked.instance, store, params))
    }

    pub(crate) fn status<P: WasmParams>(
        &mut self,
        export: impl FnOnce(&Linked) -> &Export<P>,
        params: P,
    ) -> wasmtime::Result<Status> {
        status_of(self.call_export(export, params)?)
    }
}

#[inline]
pub(crate) fn status_of(number: u32) -> wasmtime::Result<Status> {
    Status::from_number(number)
        .ok_or_else(|| Error::GuestFault(format!("unknown status {number}")).into())
}
