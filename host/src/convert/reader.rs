//! How what is inside a value is read: by itself, or with the interpreter at hand.

use super::{ConversionError, FromPython};
use crate::error::Error;
use crate::python::Python;
use crate::value::Value;
use ophidia_abi::{Operation, Want};

/// Reads what is inside a value. Containers and derived types are written once for both.
pub trait Reader {
    /// Why something is not as wanted.
    type Error: From<ConversionError> + Within;

    /// The value, found inside one that came in the form `form`, as a Rust type.
    ///
    /// # Errors
    ///
    /// It has another type, or does not fit.
    fn read<T: FromPython>(&mut self, value: Value, form: Want) -> Result<T, Self::Error>;

    /// The value, in the form wanted also where it came as an object.
    ///
    /// # Errors
    ///
    /// The interpreter has to be asked, and that fails.
    fn opened(&mut self, value: Value, want: Want) -> Result<Value, Self::Error>;

    /// The value, which came in the form `form`, as an instance of a built-in class also where it is one of a
    /// subclass; and in what form what is in it came.
    ///
    /// # Errors
    ///
    /// As of [`opened`](Self::opened).
    fn as_built_in(&mut self, value: Value, form: Want) -> Result<(Value, Want), Self::Error>;
}

/// An error that can tell where it was found.
pub trait Within {
    /// The same, of a value found inside something.
    fn inside(self, step: &str) -> Self;
}

impl Within for ConversionError {
    fn inside(self, step: &str) -> Self {
        self.within(step)
    }
}

impl Within for Error {
    fn inside(self, step: &str) -> Self {
        self.within(step)
    }
}

/// Reads plain data, without an interpreter.
#[derive(Debug)]
pub struct Alone;

impl Reader for Alone {
    type Error = ConversionError;

    #[inline]
    fn read<T: FromPython>(&mut self, value: Value, _: Want) -> Result<T, ConversionError> {
        T::from_python(value)
    }

    fn opened(&mut self, value: Value, _: Want) -> Result<Value, ConversionError> {
        Ok(value)
    }

    #[inline]
    fn as_built_in(&mut self, value: Value, form: Want) -> Result<(Value, Want), ConversionError> {
        Ok((value, form))
    }
}

impl Reader for Python<'_> {
    type Error = Error;

    #[inline]
    fn read<T: FromPython>(&mut self, value: Value, form: Want) -> Result<T, Error> {
        let value =
            if T::ANY && !form.holds_objects() { value } else { self.opened(value, T::WANT)? };
        T::from_guest(value, self)
    }

    #[inline]
    fn opened(&mut self, value: Value, want: Want) -> Result<Value, Error> {
        match value {
            Value::Object(object) if want.is_value() => {
                let mut guest = self.guest();
                let on = guest.on(&object)?;
                let want = guest.wanted(want);
                Ok(guest.operate(Operation::Identity, on, &(), want)?.unwrap_or_default())
            }
            value => Ok(value),
        }
    }

    #[inline]
    fn as_built_in(&mut self, value: Value, form: Want) -> Result<(Value, Want), Error> {
        match value {
            Value::Object(_) | Value::Member(_) => self.asked_again(value, form),
            value => Ok((value, form)),
        }
    }
}
