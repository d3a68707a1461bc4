//! The guest seen from the host: how it is entered, what is written on the way, and how it is poisoned when
//! it must not be entered again.

use super::control::Stop;
use super::exports::{Export, Linked};
use super::memory::GuestMemory;
use super::stack::Place;
use super::state::{HasSandbox, SandboxState};
use crate::error::{Error, LimitExceeded, Result};
use crate::image::engine;
use ophidia_abi::{Frame, LEVELS, SHORT_INPUT, Status};
use std::sync::Arc;
use wasmtime::{GcHeapOutOfMemory, StoreContextMut, ThrownException, Trap, WasmParams};

/// The largest input that is written into a guest at once: 1 GiB.
const MOST_INPUT: u32 = 1 << 30;

/// What is said of an exception that leaves the guest. It is WebAssembly's, so there is nothing to be told of it.
pub(crate) const UNCAUGHT: &str = "an exception of C++ that nothing caught";

/// A guest that can be entered: between entries, or while it waits for a function of the host. It is a scope
/// of an [operation](super::operation): the outermost one is the operation.
pub(crate) struct Guest<'a, T: HasSandbox> {
    pub(crate) store: StoreContextMut<'a, T>,
}

impl<'a, T: HasSandbox> Guest<'a, T> {
    #[inline]
    pub(crate) fn new(mut store: StoreContextMut<'a, T>) -> Self {
        let SandboxState { operations, control, .. } = store.data_mut().sandbox_mut();
        operations.open(control);
        Self { store }
    }
}

impl<T: HasSandbox> Drop for Guest<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let SandboxState { operations, control, .. } = self.sandbox();
        operations.close(control);
    }
}

/// An entry under way. One that is dropped before its end has been unwound through, by a panic of code
/// below: the guest stays in the middle of it, so it is poisoned.
pub(crate) struct Entry<'g, 'a, T: HasSandbox> {
    pub(crate) guest: &'g mut Guest<'a, T>,
    /// What the entry around this one was refused.
    refused: Option<Box<LimitExceeded>>,
    ended: bool,
}

impl<T: HasSandbox> Entry<'_, '_, T> {
    /// Its end: what it was refused is told by now.
    #[inline(always)]
    pub(crate) fn end(mut self) {
        self.ended = true;
        let refused = self.refused.take();
        self.guest.sandbox().ledger.end(refused);
    }

    #[cold]
    fn unwound(&mut self) {
        let said = "code of the host panicked in the middle of a call into the guest";
        self.guest.poison(Error::host(said));
    }
}

impl<T: HasSandbox> Drop for Entry<'_, '_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.ended {
            self.unwound();
        }
    }
}

/// An error of an entry that was given up before the guest was entered: nothing has happened to it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Refused(Error);

impl<'a, T: HasSandbox> Guest<'a, T> {
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

    /// Begins an entry.
    #[inline(always)]
    pub(crate) fn begin(&mut self) -> Result<Entry<'_, 'a, T>> {
        let state = self.sandbox();
        if let Some(reason) = &state.poisoned {
            return Err(Error::poisoned(reason.clone()));
        }
        if state.calls == 0 {
            state.place = Place::outermost(state.stack)?;
        } else {
            state.place.check_below(state.stack)?;
        }
        let refused = state.ledger.begin();
        Ok(Entry { guest: self, refused, ended: false })
    }

    /// Fails when the operation has to end now. For the host's own loops, whose length a guest chooses.
    #[inline]
    pub(crate) fn check(&mut self) -> Result<()> {
        let checked = self.sandbox().control.check();
        checked.map_err(|stop| self.ours(stop.into()))
    }

    /// Why a call did not return. Unless it was refused before, the guest was left in the middle of something.
    pub(crate) fn stopped(&mut self, error: wasmtime::Error) -> Error {
        let error = match error.downcast::<Refused>() {
            Ok(Refused(error)) => return self.ours(error),
            Err(error) => error,
        };
        let refused = self.sandbox().ledger.take_refused();
        let error = match error.downcast::<Error>() {
            Ok(error) => return self.poison(error),
            Err(error) => error,
        };
        let reason = match (error.downcast_ref::<Stop>(), no_memory(&error), refused) {
            (Some(stop), ..) => stop.clone().into(),
            (None, true, Some(limit @ LimitExceeded::Memory { .. })) => limit.into(),
            (None, ..) => fault(&error),
        };
        self.poison(reason)
    }

    /// No entry is possible from here on.
    pub(crate) fn poison(&mut self, reason: Error) -> Error {
        self.sandbox().poisoned = Some(reason.clone());
        reason
    }

    /// An error of this interpreter between entries. A limit is remembered: a function of the host that fails
    /// with it is told from one that fails with another interpreter's. What is left in the middle of nothing
    /// goes on, but for a guest at fault and one that was cancelled.
    pub(crate) fn ours(&mut self, error: Error) -> Error {
        match &error {
            Error::GuestFault(_) | Error::Cancelled => return self.poison(error),
            Error::Limit(limit) => self.sandbox().limited = Some(limit.clone()),
            _ => {}
        }
        error
    }

    /// Writes an input into the guest's buffer; gives its address and the first part's length.
    #[inline]
    pub(crate) fn write_input(&mut self, parts: &[&[u8]]) -> wasmtime::Result<(u32, u32)> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let first = parts.first().map_or(0, |part| part.len());
        let size = u32::try_from(total).ok().filter(|size| *size <= MOST_INPUT);
        let size = size.ok_or_else(|| {
            let asked = u64::try_from(total).unwrap_or(u64::MAX);
            Refused(LimitExceeded::Input { asked, limit: MOST_INPUT.into() }.into())
        })?;
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
            return Err(match self.sandbox().ledger.refused() {
                Some(limit) => Refused(limit.clone().into()).into(),
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

    /// That the frames, and the buffers for short inputs, lie in memory where they are said to.
    pub(crate) fn check_frames(&mut self) -> std::result::Result<(), String> {
        let Ok(memory) = self.memory() else { return Err("no memory".into()) };
        let SandboxState { frame, short_inputs, .. } = *self.sandbox();
        let frames = (frame, Frame::SIZE * LEVELS);
        let inputs = short_inputs.into_iter().filter(|at| *at != 0).map(|at| (at, SHORT_INPUT));
        for (at, len) in std::iter::once(frames).chain(inputs) {
            if memory.bytes(&self.store, at, len).is_err() {
                return Err(format!("the guest's frame at {at:#x}"));
            }
        }
        Ok(())
    }

    /// Leaves in the frame how deep C code may recurse on the stack there is, where it may be deeper than usual.
    pub(crate) fn leave_recursion(&mut self) -> wasmtime::Result<()> {
        let SandboxState { stack, frame, .. } = *self.sandbox();
        if stack != engine::STACK {
            let at = frame.wrapping_add(std::mem::offset_of!(Frame, recursion) as u32);
            self.memory()?.write(&mut self.store, at, &engine::levels(stack).to_le_bytes())?;
        }
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
        if let Some(other) = self.sandbox().spare.replace(linked) {
            drop_spare(other);
        }
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

/// Whether a guest ends like this that was refused memory: its C code gave up, or there was no room for an exception.
fn no_memory(error: &wasmtime::Error) -> bool {
    let trap = error.downcast_ref::<Trap>();
    matches!(trap, Some(Trap::UnreachableCodeReached | Trap::AllocationTooLarge))
        || error.is::<GcHeapOutOfMemory<()>>()
}

/// What a guest has ended with that nobody stopped.
///
/// An exception that nothing caught stays with the store, which nobody enters again.
fn fault(error: &wasmtime::Error) -> Error {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        Error::GuestFault(trap.to_string())
    } else if error.is::<ThrownException>() {
        Error::GuestFault(UNCAUGHT.into())
    } else if error.is::<GcHeapOutOfMemory<()>>() {
        Error::GuestFault("no room for one more exception of C++".into())
    } else {
        Error::host(format!("{error:#}"))
    }
}

/// A call in the middle of another has left one too.
#[cold]
fn drop_spare(linked: Arc<Linked>) {
    drop(linked);
}

#[inline]
pub(crate) fn status_of(number: u32) -> wasmtime::Result<Status> {
    Status::from_number(number)
        .ok_or_else(|| Error::GuestFault(format!("unknown status {number}")).into())
}
