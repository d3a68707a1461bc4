//! Conversions between Rust and Python: [`ToPython`], [`FromPython`], and the arguments of calls.

mod args;
#[cfg(feature = "chrono")]
mod chrono;
mod complex;
pub mod derived;
mod from_python;
mod invocation;
#[cfg(feature = "jiff")]
mod jiff;
#[cfg(feature = "num-bigint")]
mod num_bigint;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "serde")]
mod serde;
mod stdlib;
mod to_python;
#[cfg(feature = "uuid")]
mod uuid;

pub use args::{Args, Arguments};
pub use from_python::FromPython;
pub use invocation::Invocation;
pub use ophidia_derive::{FromPython, ToPython};
#[cfg(feature = "serde")]
pub use serde::Serde;
pub use to_python::ToPython;

use crate::bridge::{Encoder, Owner, decode};
pub(crate) use crate::error::ConversionError;
use crate::error::{Error, beginning};
use crate::function::Table;
use crate::python::Python;
use crate::value::Value;
use crate::value::handle::Domain;

/// What came, as a Rust type.
#[inline]
pub(crate) fn read<T: FromPython>(value: Value, py: &mut Python<'_>) -> Result<T, Error> {
    T::from_guest(value, py).map_err(|error| named(error, py))
}

#[cold]
fn named(error: Error, py: &mut Python<'_>) -> Error {
    match error {
        Error::Conversion(error) => {
            match error.object().cloned().and_then(|it| it.class_name(py)) {
                Some(name) => error.with_class(&name).into(),
                None => error.into(),
            }
        }
        error => error,
    }
}

/// How an error names what a key of a `dict` leads to.
fn step(key: &Value) -> String {
    match key {
        Value::Str(name) => format!("[{:?}]", beginning(name)),
        Value::Int(number) => format!("[{number}]"),
        other => format!("[{}]", other.kind()),
    }
}

impl Value {
    /// The Python value that a Rust value becomes, without any interpreter.
    ///
    /// ```
    /// use ophidia::{FromPython, Value};
    ///
    /// let value = Value::of((1, "x"))?;
    /// assert_eq!(value, Value::Tuple(vec![Value::Int(1), Value::Str("x".into())]));
    /// assert_eq!(<(u8, String)>::from_python(value)?, (1, "x".to_owned()));
    /// # Ok::<_, ophidia::ConversionError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What has no Python form; an object or a function, because it belongs to an interpreter.
    pub fn of(value: impl ToPython) -> Result<Self, ConversionError> {
        let (domain, mut table) = (Domain::new(0), Table::new(0));
        let mut out = Encoder::new(&domain, &mut table, Vec::new());
        value.to_python(&mut out)?;
        let (bytes, _) = out.finish();
        decode(Owner { domain: &domain, table: &table, limit: u64::MAX, held: 0 }, &bytes).map_err(
            |error| match error {
                Error::GuestFault(said) => ConversionError::other(said),
                error => ConversionError::other(error.to_string()),
            },
        )
    }
}
