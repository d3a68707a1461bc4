//! Operations on Python objects: operands in, a value or a handle out.

use super::{Guest, status_of};
use crate::codec::{Encoder, Value};
use crate::convert::{Args, ConversionError, FromPython, read};
use crate::error::Result;
use crate::object::{Handle, Object, foreign};
use crate::python::Python;
use crate::state::Linked;
use ophidia_abi::{Operation, Status, Want};
use std::sync::Arc;
use wasmtime::AsContextMut;

/// Names that stay interned; when there are more, all are dropped and come again as they are used.
const NAMES: usize = 4_096;

/// Room for input that is kept between calls, in bytes.
const KEPT: usize = 64 << 10;

/// The objects that an operation begins with: at most two, each held elsewhere until it is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On([Handle; 2]);

impl On {
    /// Of the host's own values alone.
    pub(crate) const NOTHING: Self = Self([Handle::NONE; 2]);

    fn handles(&self) -> impl Iterator<Item = Handle> {
        self.0.into_iter().filter(|handle| handle.generation != 0)
    }
}

/// What the bridge's operations take.
type Params = (u32, u32, u32, u32, u32, u32);

impl Guest<'_> {
    /// Tells the guest of the objects that were dropped, where no operation does.
    pub(crate) fn release_dropped(&mut self) -> Result<()> {
        if self.store.data().domain.has_released() {
            self.operate_unit(Operation::Identity, On::NOTHING, &((),))?;
        }
        Ok(())
    }

    /// An operation on an object.
    #[inline]
    pub(crate) fn on(&self, object: &Object) -> Result<On> {
        Ok(On([self.handle(object)?, Handle::NONE]))
    }

    /// An operation on two objects.
    pub(crate) fn on_both(&self, object: &Object, other: &Object) -> Result<On> {
        Ok(On([self.handle(object)?, self.handle(other)?]))
    }

    /// An operation on an object and a name.
    #[inline]
    pub(crate) fn on_named(&mut self, object: &Object, name: &str) -> Result<On> {
        Ok(On([self.handle(object)?, self.name(name)?]))
    }

    #[inline]
    fn handle(&self, object: &Object) -> Result<Handle> {
        match object.handle_in(&self.store.data().domain) {
            Some(handle) => Ok(handle),
            None => Err(foreign().into()),
        }
    }

    /// The interned `str` of a name, held until another name is asked for.
    #[inline]
    fn name(&mut self, name: &str) -> Result<Handle> {
        let state = self.store.data();
        match state.names.get(name).and_then(|interned| interned.handle_in(&state.domain)) {
            Some(interned) => Ok(interned),
            None => self.intern(name),
        }
    }

    #[cold]
    fn intern(&mut self, name: &str) -> Result<Handle> {
        let interned = self.operate_object(Operation::Intern, On::NOTHING, &(name,))?;
        let state = self.state();
        if state.names.len() == NAMES {
            state.names.clear();
        }
        let handle = interned.handle_in(&state.domain).unwrap_or(Handle::NONE);
        state.names.insert(name.into(), interned);
        Ok(handle)
    }

    #[inline]
    pub(crate) fn call(
        &mut self,
        callable: &Object,
        args: &impl Args,
        want: Want,
    ) -> Result<Value> {
        if self.is_converting() {
            let callable = self.converting(callable)?;
            let on = self.on(&callable)?;
            return self.operate(Operation::Call, on, args, want).map(Option::unwrap_or_default);
        }
        let on = self.on(callable)?;
        self.operate(Operation::Call, on, args, want).map(Option::unwrap_or_default)
    }

    pub(crate) fn call_method(
        &mut self,
        object: &Object,
        name: &str,
        args: &impl Args,
        want: Want,
    ) -> Result<Value> {
        let On([object, name]) = self.on_named(object, name)?;
        if self.is_converting() {
            let on = On([object, name]);
            let method = self.operate_object(Operation::GetAttr, on, &())?;
            return self.call(&method, args, want);
        }
        let on = On([name, object]);
        self.operate(Operation::CallMethod, on, args, want).map(Option::unwrap_or_default)
    }

    pub(crate) fn operate_object(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
    ) -> Result<Object> {
        let value = self.operate(what, on, operands, Want::Handle)?;
        self.object_of(value.unwrap_or_default())
    }

    #[inline]
    pub(crate) fn operate_as<T: FromPython>(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
    ) -> Result<T> {
        let value = self.operate(what, on, operands, self.want::<T>())?;
        read(value.unwrap_or_default(), &mut Python::new(self.store.as_context_mut()))
    }

    /// In what form a type wants its value; in a scope of objects, any value is an object.
    #[inline]
    pub(crate) fn want<T: FromPython>(&self) -> Want {
        let state = self.store.data();
        match T::WANT {
            _ if T::ANY && state.keeps_objects => Want::HandleOrNone,
            // A converter may be there for the subclass.
            want if want.is_value() && !state.converters.is_empty() => Want::Value,
            want => want,
        }
    }

    pub(crate) fn operate_unit(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
    ) -> Result<()> {
        self.operate(what, on, operands, Want::Nothing).map(drop)
    }

    /// Carries out an operation on objects and further operands. `None`: an iterator is at its end.
    #[inline]
    pub(crate) fn operate(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
        want: Want,
    ) -> Result<Option<Value>> {
        let counts = operands.counts();
        let status = if counts == (0, 0) && on.0[0].generation != 0 {
            self.operate_on(what, on, want)
        } else {
            self.operate_with(what, on, operands, counts, want)
        };
        match status? {
            Status::Incomplete => Ok(None),
            _ if want == Want::Nothing => Ok(Some(Value::None)),
            _ if want.is_value() => self.converted_value().map(Some),
            _ => self.value().map(Some),
        }
    }

    /// On objects alone: nothing is encoded.
    fn operate_on(&mut self, what: Operation, on: On, want: Want) -> Result<Status> {
        if self.store.data().domain.has_released() {
            return self.operate_with(what, on, &(), (0, 0), want);
        }
        let On([object, other]) = on;
        let words = (object.index, object.generation, other.index, other.generation);
        self.enter(|guest| {
            let params = (what as u32, words.0, words.1, words.2, words.3, want as u32);
            guest.call_linked(|linked| &linked.operate_on, params)
        })
    }

    /// On objects and values, of which `counts` are positional and keywords.
    fn operate_with(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
        (positional, keywords): (u32, u32),
        want: Want,
    ) -> Result<Status> {
        let objects = u32::try_from(on.handles().count()).unwrap_or(u32::MAX);
        let names = u32::from(keywords > 0);
        let count = positional.saturating_add(keywords).saturating_add(objects + names);
        let released = self.state().domain.take_released();
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
                    let params = (what as u32, address, len, count, keywords, want as u32);
                    guest.call_linked(|linked| &linked.operate, params)
                });
                (told, status)
            },
        );
        if !told && !released.is_empty() {
            self.state().domain.return_released(released);
        }
        status
    }

    #[inline]
    fn call_linked(
        &mut self,
        function: impl FnOnce(&Linked) -> &crate::state::Operate,
        params: Params,
    ) -> wasmtime::Result<Status> {
        let linked = match self.state().spare.pop() {
            Some(linked) => linked,
            None => Arc::clone(self.linked()?),
        };
        let outcome = function(&linked).call(&mut self.store, params);
        self.state().spare.push(linked);
        status_of(outcome?)
    }

    /// Encodes values. What `write` has put into the table of the host is taken out again unless `give`
    /// has told the guest of it.
    #[inline]
    pub(crate) fn encoded<T>(
        &mut self,
        write: impl FnOnce(&mut Encoder<'_>) -> Result<(), ConversionError>,
        give: impl FnOnce(&mut Self, &[u8]) -> (bool, Result<T>),
    ) -> Result<T> {
        let state = self.store.data_mut();
        let room = std::mem::take(&mut state.input);
        let mut out = Encoder::new(&state.domain, &mut state.table, room);
        let written = write(&mut out);
        let (bytes, exported) = out.finish();
        let (told, answer) = match written {
            Ok(()) => give(self, &bytes),
            Err(error) => (false, Err(error.into())),
        };
        if !told {
            for number in exported {
                drop(self.state().table.remove(number));
            }
        }
        if bytes.capacity() <= KEPT {
            self.state().input = bytes;
        }
        answer
    }
}
