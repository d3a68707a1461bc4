//! Conversions between Rust and Python: [`ToPython`], [`FromPython`], and the arguments of calls.

mod args;
pub(crate) mod arity;
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
mod results;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "serde")]
mod serde;
mod stdlib;
mod to_python;
#[cfg(test)]
mod typed;
#[cfg(feature = "uuid")]
mod uuid;

pub use crate::bridge::Args;
pub use args::Arguments;
pub use from_python::FromPython;
pub use invocation::Invocation;
pub use ophidia_derive::{FromPython, ToPython};
pub(crate) use results::read;
#[cfg(feature = "serde")]
pub use serde::Serde;
pub use to_python::ToPython;

use crate::bridge::{Encoder, Owner, Table, decode};
pub(crate) use crate::error::ConversionError;
use crate::error::{Error, beginning};
use crate::value::Value;
use crate::value::handle::Domain;

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
