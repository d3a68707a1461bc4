//! What an operation has given, as a Rust type.

use super::FromPython;
use crate::bridge::{self, Args, On};
use crate::error::{Error, Result};
use crate::python::Python;
use crate::python::state::Guest;
use crate::value::{AsName, Object, Value};
use ophidia_abi::{Operation, Status, Want};

/// What came, as a Rust type.
#[inline]
pub(crate) fn read<T: FromPython>(value: Value, py: &mut Python<'_>) -> Result<T> {
    T::from_guest(value, py).map_err(|error| named(error, py))
}

#[cold]
fn named(error: Error, py: &mut Python<'_>) -> Error {
    match error {
        Error::Conversion(error) => {
            match error.object().cloned().and_then(|it| it.class_name(py)) {
                Some(name) => error.with_class(&name).into(),
                // To ask for it may have taken all the time there was.
                None => py.state().sandbox.poisoned.clone().unwrap_or_else(|| error.into()),
            }
        }
        error => error,
    }
}

impl Guest<'_> {
    #[inline]
    pub(crate) fn call_as<T: FromPython>(
        &mut self,
        callable: &Object,
        args: &impl Args,
        want: Want,
    ) -> Result<T> {
        let on = self.on(callable)?;
        self.operate_wanted(Operation::Call, on, args, want)
    }

    pub(crate) fn call_method_as<T: FromPython>(
        &mut self,
        object: &Object,
        name: impl AsName,
        args: &impl Args,
    ) -> Result<T> {
        let on = self.on_method(object, name)?;
        self.operate_as(Operation::CallMethod, on, args)
    }

    #[inline]
    pub(crate) fn operate_as<T: FromPython>(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
    ) -> Result<T> {
        let want = self.want::<T>();
        self.operate_wanted(what, on, operands, want)
    }

    #[inline]
    fn operate_wanted<T: FromPython>(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
        want: Want,
    ) -> Result<T> {
        let status = self.perform(what, on, operands, want)?;
        self.taken(status, want)
    }

    /// What an entry has left in the frame in the form wanted, as a Rust type.
    #[inline]
    pub(crate) fn taken<T: FromPython>(&mut self, status: Status, want: Want) -> Result<T> {
        if want.is_value() && status == Status::Ok && !self.store.data().bridge.conversions.any {
            let plain = bridge::plain(&self.store).and_then(T::from_plain);
            let direct = || bridge::direct(&self.store)?.whole(T::from_direct);
            if let Some(value) = plain.or_else(direct) {
                return Ok(value);
            }
        }
        let value = self.result(status, want)?;
        read(value.unwrap_or_default(), &mut self.python())
    }

    /// In what form a type wants its value; in a scope of objects, any value is an object.
    #[inline]
    pub(crate) fn want<T: FromPython>(&self) -> Want {
        if T::ANY && self.store.data().bridge.conversions.keeps_objects {
            return Want::HandleOrNone;
        }
        self.wanted(T::WANT)
    }

    /// As what is wanted has to be asked for while converters are there: one may be for the subclass.
    #[inline]
    pub(crate) fn wanted(&self, want: Want) -> Want {
        let converting = self.store.data().bridge.conversions.any;
        if want.is_value() && converting { Want::Value } else { want }
    }

    /// Carries out an operation on objects and further operands. `None`: an iterator is at its end.
    pub(crate) fn operate(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
        want: Want,
    ) -> Result<Option<Value>> {
        let status = self.perform(what, on, operands, want)?;
        self.result(status, want)
    }

    fn result(&mut self, status: Status, want: Want) -> Result<Option<Value>> {
        match status {
            Status::Incomplete => Ok(None),
            _ if want == Want::Nothing => Ok(Some(Value::None)),
            _ if want.is_value() => self.converted_value().map(Some),
            _ => self.value().map(Some),
        }
    }
}
