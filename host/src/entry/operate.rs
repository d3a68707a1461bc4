//! Operations on Python objects: operands in, a value or a handle out.

use super::{Guest, status_of};
use crate::codec::{Encoder, Value};
use crate::convert::{Args, ConversionError, FromPython};
use crate::error::Result;
use crate::object::Object;
use crate::python::Python;
use ophidia_abi::{Operation, Status, Want};
use std::sync::Arc;
use wasmtime::AsContextMut;

/// Names that stay interned; when there are more, all are dropped and come again as they are used.
const NAMES: usize = 4_096;

/// Room for input that is kept between calls, in bytes.
const KEPT: usize = 64 << 10;

impl Guest<'_> {
    /// Tells the guest of the objects that were dropped, where no operation does.
    pub(crate) fn release_dropped(&mut self) -> Result<()> {
        if self.store.data().domain.has_released() {
            self.operate_unit(Operation::Identity, &((),))?;
        }
        Ok(())
    }

    /// The interned `str` of a name.
    #[inline]
    pub(crate) fn name(&mut self, name: &str) -> Result<Object> {
        if let Some(interned) = self.store.data().names.get(name) {
            return Ok(interned.clone());
        }
        let interned = self.operate_object(Operation::Intern, &(name,))?;
        let names = &mut self.state().names;
        if names.len() == NAMES {
            names.clear();
        }
        names.insert(name.into(), interned.clone());
        Ok(interned)
    }

    #[inline]
    pub(crate) fn call(
        &mut self,
        callable: &Object,
        args: &impl Args,
        want: Want,
    ) -> Result<Value> {
        if let Some(callable) = self.converting(callable)? {
            let value = self.operation(Operation::Call, &[&callable], args, want);
            return value.map(Option::unwrap_or_default);
        }
        self.operation(Operation::Call, &[callable], args, want).map(Option::unwrap_or_default)
    }

    pub(crate) fn call_method(
        &mut self,
        object: &Object,
        name: &str,
        args: &impl Args,
        want: Want,
    ) -> Result<Value> {
        let name = self.name(name)?;
        if self.is_converting() {
            let method = self.operate_object(Operation::GetAttr, &(object, name))?;
            return self.call(&method, args, want);
        }
        self.operation(Operation::CallMethod, &[&name, object], args, want)
            .map(Option::unwrap_or_default)
    }

    pub(crate) fn operate_object(
        &mut self,
        what: Operation,
        operands: &impl Args,
    ) -> Result<Object> {
        let value = self.operate(what, operands, Want::Handle)?;
        self.object_of(value.unwrap_or_default())
    }

    #[inline]
    pub(crate) fn operate_as<T: FromPython>(
        &mut self,
        what: Operation,
        operands: &impl Args,
    ) -> Result<T> {
        let value = self.operate(what, operands, self.want::<T>())?;
        T::from_guest(value.unwrap_or_default(), &mut Python::new(self.store.as_context_mut()))
    }

    /// In what form a type wants its value; in a scope of objects, any value is an object.
    #[inline]
    pub(crate) fn want<T: FromPython>(&self) -> Want {
        if T::ANY && self.store.data().keeps_objects { Want::HandleOrNone } else { T::WANT }
    }

    pub(crate) fn operate_unit(&mut self, what: Operation, operands: &impl Args) -> Result<()> {
        self.operate(what, operands, Want::Nothing).map(drop)
    }

    #[inline]
    pub(crate) fn operate(
        &mut self,
        what: Operation,
        operands: &impl Args,
        want: Want,
    ) -> Result<Option<Value>> {
        self.operation(what, &[], operands, want)
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

    /// Carries out an operation on objects and further operands. `None`: an iterator is at its end.
    #[inline]
    fn operation(
        &mut self,
        what: Operation,
        objects: &[&Object],
        operands: &impl Args,
        want: Want,
    ) -> Result<Option<Value>> {
        let (positional, keywords) = operands.counts();
        let first = u32::try_from(objects.len()).unwrap_or(u32::MAX);
        let names = u32::from(keywords > 0);
        let count = positional.saturating_add(keywords).saturating_add(first + names);
        let released = self.state().domain.take_released();
        let mut told = false;
        let status = self.encoded(
            |out| {
                out.released(&released)?;
                objects.iter().try_for_each(|object| out.object(object))?;
                operands.write(out)
            },
            |guest, input| {
                let status = guest.enter(|guest| {
                    let (address, len) = guest.write_input(&[input])?;
                    told = true;
                    let params = (what as u32, address, len, count, keywords, want as u32);
                    let linked = Arc::clone(guest.linked()?);
                    status_of(linked.operate.call(&mut guest.store, params)?)
                });
                (told, status)
            },
        );
        if !told && !released.is_empty() {
            self.state().domain.return_released(released);
        }
        match status? {
            Status::Incomplete => Ok(None),
            _ if want == Want::Nothing => Ok(Some(Value::None)),
            _ if want == Want::Value => self.converted_value().map(Some),
            _ => self.value().map(Some),
        }
    }
}
