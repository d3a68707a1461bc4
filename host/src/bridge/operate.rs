//! Operations on Python objects: operands in, a value or a handle left in the frame.

use super::{Args, BridgeState, Encoder, HasBridge, Operands, foreign};
use crate::error::{ConversionError, Result};
use crate::sandbox::instance::{Guest, status_of};
use crate::value::Object;
use crate::value::handle::Handle;
use crate::value::name::{AsName, Name, Named};
use ophidia_abi::{CONVERTED, Frame, OPERAND, Operation, RELEASE, RELEASES, Status, Want};

/// Names that stay interned; when there are more, all are dropped and come again as they are used.
const NAMES: usize = 4_096;

/// Room for input that is kept between calls, in bytes.
const KEPT: usize = 64 << 10;

/// The objects that an operation begins with: at most two, each held elsewhere until it is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On(Handle, Handle);

impl On {
    /// Of the host's own values alone.
    pub(crate) const NOTHING: Self = Self(Handle::NONE, Handle::NONE);

    fn handles(&self) -> impl Iterator<Item = Handle> {
        [self.0, self.1].into_iter().filter(|handle| *handle != Handle::NONE)
    }
}

impl<T: HasBridge> Guest<'_, T> {
    #[inline]
    pub(crate) fn bridge(&mut self) -> &mut BridgeState {
        self.store.data_mut().bridge_mut()
    }

    /// Tells the guest of the objects that were dropped, where no operation does.
    pub(crate) fn release_dropped(&mut self) -> Result<()> {
        if self.store.data().bridge().domain.has_released() {
            self.operate_unit(Operation::Globals, On::NOTHING, &())?;
        }
        Ok(())
    }

    /// An operation on an object.
    #[inline]
    pub(crate) fn on(&self, object: &Object) -> Result<On> {
        Ok(On(self.handle(object)?, Handle::NONE))
    }

    /// An operation on two objects.
    pub(crate) fn on_both(&self, object: &Object, other: &Object) -> Result<On> {
        Ok(On(self.handle(object)?, self.handle(other)?))
    }

    /// An operation on an object and a name.
    #[inline]
    pub(crate) fn on_named(&mut self, object: &Object, name: impl AsName) -> Result<On> {
        Ok(On(self.handle(object)?, self.name(name)?))
    }

    /// An operation on the namespace of `__main__` and a name.
    pub(crate) fn on_global(&mut self, name: impl AsName) -> Result<On> {
        let globals = match &self.store.data().bridge().globals {
            Some(globals) => globals.clone(),
            None => {
                let globals = self.operate_own(Operation::Globals, On::NOTHING, &())?;
                self.bridge().globals.insert(globals).clone()
            }
        };
        self.on_named(&globals, name)
    }

    #[inline]
    pub(crate) fn handle(&self, object: &Object) -> Result<Handle> {
        match object.handle_in(&self.store.data().bridge().domain) {
            Some(handle) => Ok(handle),
            None => Err(foreign().into()),
        }
    }

    /// The interned `str` of a name, held until another name is asked for.
    #[inline]
    fn name(&mut self, name: impl AsName) -> Result<Handle> {
        let state = self.store.data().bridge();
        match name.named() {
            Named::Name(name) => match state.tokens.get(name.place()) {
                Some(interned) if *interned != Handle::NONE => Ok(*interned),
                _ => self.intern_token(name),
            },
            Named::Text(name) => {
                let interned = state.names.get(name);
                match interned.and_then(|interned| interned.handle_in(&state.domain)) {
                    Some(interned) => Ok(interned),
                    None => self.intern(name),
                }
            }
        }
    }

    #[cold]
    fn intern(&mut self, name: &str) -> Result<Handle> {
        let interned = self.operate_own(Operation::Intern, On::NOTHING, &Text(name))?;
        let state = self.bridge();
        if state.names.len() == NAMES {
            state.names.clear();
        }
        let handle = interned.handle_in(&state.domain).unwrap_or(Handle::NONE);
        state.names.insert(name.into(), interned);
        Ok(handle)
    }

    /// For as long as the interpreter lives: a program has so many of them.
    #[cold]
    fn intern_token(&mut self, name: &Name) -> Result<Handle> {
        self.perform(Operation::Intern, On::NOTHING, &Text(name.as_str()), Want::Handle)?;
        let interned = self.own_handle()?;
        let state = self.bridge();
        state.domain.keep();
        state.domain.note(interned);
        if state.tokens.len() <= name.place() {
            state.tokens.resize(name.place() + 1, Handle::NONE);
        }
        if let Some(place) = state.tokens.get_mut(name.place()) {
            *place = interned;
        }
        Ok(interned)
    }

    /// The handle that an entry has left in the frame, for the library itself.
    fn own_handle(&mut self) -> Result<Handle> {
        match super::handle_value(&self.store) {
            Some(handle) => Ok(handle),
            None => Err(self.no_object()),
        }
    }

    /// An operation whose result the library holds for itself: no limit counts it.
    pub(crate) fn operate_own(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
    ) -> Result<Object> {
        self.perform(what, on, operands, Want::Handle)?;
        let handle = self.own_handle()?;
        Ok(Object::own(&self.store.data().bridge().domain, handle))
    }

    #[inline]
    pub(crate) fn call(&mut self, callable: &Object, args: &impl Args) -> Result<Object> {
        let on = self.on(callable)?;
        self.operate_object(Operation::Call, on, args)
    }

    /// An operation on a method: its name comes first.
    #[inline]
    pub(crate) fn on_method(&mut self, object: &Object, name: impl AsName) -> Result<On> {
        let On(object, name) = self.on_named(object, name)?;
        Ok(On(name, object))
    }

    pub(crate) fn call_method(
        &mut self,
        object: &Object,
        name: impl AsName,
        args: &impl Args,
    ) -> Result<Object> {
        let on = self.on_method(object, name)?;
        self.operate_object(Operation::CallMethod, on, args)
    }

    #[inline]
    pub(crate) fn operate_object(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
    ) -> Result<Object> {
        self.perform(what, on, operands, Want::Handle)?;
        self.object()
    }

    pub(crate) fn operate_unit(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
    ) -> Result<()> {
        self.perform(what, on, operands, Want::Nothing).map(drop)
    }

    /// Carries out an operation whose result is left in the frame.
    #[inline]
    pub(crate) fn perform(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
        want: Want,
    ) -> Result<Status> {
        if let Some(count) = self.leave(operands)
            && let Some(released) = self.leave_released()
        {
            return self.operate_on(what, on, (count, released), want);
        }
        self.operate_with(what, on, operands, want)
    }

    /// Leaves the handles that were let go of in the frame; how many, or `None` when they have to be encoded, as
    /// there are too many.
    #[inline]
    fn leave_released(&mut self) -> Option<u32> {
        if self.store.data().bridge().domain.has_released() { self.put_released() } else { Some(0) }
    }

    fn put_released(&mut self) -> Option<u32> {
        let memory = self.store.data().sandbox().memory?;
        let (memory, state) = memory.all_and_state(&mut self.store);
        let start = state.sandbox().frame().checked_add(Frame::RELEASES)? as usize;
        let places = memory.get_mut(start..)?.as_chunks_mut().0;
        let mut places = places.get_mut(..RELEASES as usize)?.iter_mut();
        let mut count = 0;
        let taken = state.bridge().domain.take_few(|handle| {
            if let Some(place) = places.next() {
                *place = u64::from(handle).to_le_bytes();
                count += 1;
            }
        });
        taken.then_some(count)
    }

    /// Leaves operands in the slots of the frame; how many, or `None` when they have to be encoded, as
    /// they have to be converted.
    #[inline]
    fn leave(&mut self, operands: &impl Args) -> Option<u32> {
        if operands.counts() == (0, 0) {
            return Some(0);
        }
        if self.is_converting() {
            return None;
        }
        let memory = self.store.data().sandbox().memory?;
        let (memory, state) = memory.all_and_state(&mut self.store);
        let mut out = Operands::new(memory, state);
        operands.plain(&mut out).then(|| out.count())
    }

    /// Leaves an answer there; whether it could be.
    #[inline]
    pub(crate) fn leave_answer(&mut self, answer: &impl Args) -> bool {
        self.leave(answer).is_some()
    }

    /// On objects, so many operands in slots and handles let go of: nothing is encoded.
    fn operate_on(
        &mut self,
        what: Operation,
        on: On,
        (operands, released): (u32, u32),
        want: Want,
    ) -> Result<Status> {
        let form = want as u32 + operands * OPERAND + released * RELEASE;
        let params = (what as u32, on.0.into(), on.1.into(), form);
        let entry = self.begin()?;
        let outcome =
            entry.guest.call_linked(|linked, store| linked.operate_on.call(store, params));
        entry.concluded(outcome.and_then(status_of))
    }

    /// On objects and values.
    fn operate_with(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
        want: Want,
    ) -> Result<Status> {
        let (positional, keywords) = operands.counts();
        let objects = u32::try_from(on.handles().count()).unwrap_or(u32::MAX);
        let names = u32::from(keywords > 0);
        let count = positional.saturating_add(keywords).saturating_add(objects + names);
        let form = want as u32 | if converts(what) { self.converted_form() } else { 0 };
        let released = self.bridge().domain.take_released();
        let mut told = false;
        let status = self.encoded(
            |out| {
                out.released(&released)?;
                on.handles().try_for_each(|handle| out.handle(handle))?;
                operands.write(out)
            },
            |guest, input| {
                let status = guest.enter(|guest| {
                    let (address, len) = guest.write_input(&[input])?;
                    told = true;
                    let params = (what as u32, address, len, count, keywords, form);
                    status_of(
                        guest.call_linked(|linked, store| linked.operate.call(store, params))?,
                    )
                });
                (told, status)
            },
        );
        if !told && !released.is_empty() {
            self.bridge().domain.return_released(released);
        }
        status
    }

    /// Whether what goes in may have to be converted.
    #[inline]
    pub(crate) fn is_converting(&self) -> bool {
        self.store.data().bridge().conversions.into
    }

    /// What tells the guest to convert values.
    #[inline]
    pub(crate) fn converted_form(&self) -> u32 {
        if self.is_converting() { CONVERTED } else { 0 }
    }

    /// Encodes values. What `write` has put into the table of the host is taken out again unless `give`
    /// has told the guest of it.
    #[inline]
    pub(crate) fn encoded<R>(
        &mut self,
        write: impl FnOnce(&mut Encoder<'_>) -> Result<(), ConversionError>,
        give: impl FnOnce(&mut Self, &[u8]) -> (bool, Result<R>),
    ) -> Result<R> {
        let (sandbox, state) = self.store.data_mut().parts();
        let room = std::mem::take(&mut state.input);
        let out = Encoder::new(&state.domain, &mut state.table, room);
        let mut out = out.watching(&sandbox.control);
        let written = write(&mut out);
        let stopped = out.take_stopped();
        let (bytes, exported) = out.finish();
        let (told, answer) = match (stopped, written) {
            (None, Ok(())) => give(self, &bytes),
            (None, Err(error)) => (false, Err(self.ours(error.into()))),
            (Some(stop), _) => (false, Err(self.ours(stop.into()))),
        };
        if !told {
            for number in exported {
                drop(self.bridge().table.remove(number));
            }
        }
        if bytes.capacity() <= KEPT {
            self.bridge().input = bytes;
        }
        answer
    }
}

/// A text as the only operand.
struct Text<'a>(&'a str);

impl Args for Text<'_> {
    fn counts(&self) -> (u32, u32) {
        (1, 0)
    }

    fn write(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.str(self.0)
    }

    fn plain(&self, out: &mut Operands<'_>) -> bool {
        out.str(self.0)
    }
}

/// Whether the operands are values of the caller's: whether converters of scopes are for them. The
/// library's own are text, which is interned or for a helper.
fn converts(what: Operation) -> bool {
    matches!(
        what,
        Operation::Identity
            | Operation::Call
            | Operation::CallMethod
            | Operation::Resume
            | Operation::SetAttr
            | Operation::GetItem
            | Operation::SetItem
            | Operation::DelItem
            | Operation::Contains
    )
}
