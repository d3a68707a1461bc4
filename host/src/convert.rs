//! Conversions between Rust and Python: [`ToPython`], [`FromPython`], and the arguments of calls.

mod args;
pub(crate) mod arity;
mod built_in;
#[cfg(feature = "chrono")]
mod chrono;
mod complex;
mod containers;
pub mod derived;
mod from_python;
mod invocation;
#[cfg(feature = "jiff")]
mod jiff;
#[cfg(feature = "num-bigint")]
mod num_bigint;
mod process;
pub(crate) mod reader;
mod results;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "serde")]
mod serde;
mod source_values;
mod stdlib;
mod to_python;
#[cfg(test)]
mod typed;
#[cfg(feature = "uuid")]
mod uuid;
mod value;

pub use crate::bridge::Args;
pub use args::Arguments;
pub use from_python::{FromObject, FromPython};
pub use invocation::Invocation;
pub use ophidia_derive::{FromPython, ToPython};
pub(crate) use results::read;
#[cfg(feature = "serde")]
pub use serde::Serde;
pub use source_values::Values;
pub use to_python::ToPython;

pub(crate) use crate::error::ConversionError;
use crate::error::beginning;
use crate::value::Value;

/// How an error names what a key of a `dict` leads to.
fn step(key: &Value) -> String {
    match key {
        Value::Str(name) => format!("[{:?}]", beginning(name)),
        Value::Int(number) => format!("[{number}]"),
        other => format!("[{}]", other.kind()),
    }
}
