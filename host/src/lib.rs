//! Embed CPython in Rust without trusting it.
//!
//! A [`Runtime`] holds what a process needs once: the engine, the compiled image of CPython, the
//! slots for interpreters. An [`Interpreter`] is one isolated CPython: its own memory, its own GIL,
//! its own [`Limits`], and nothing but the [`Grants`] it was given. Whatever its code does, it ends
//! in an [`Error`] that tells three causes apart: Python raised, a limit fired, the host failed.
//!
//! ```
//! use ophidia::{Error, Runtime, Value};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Error> {
//! let runtime = Runtime::ambient()?;
//! let mut py = runtime.interpreter().timeout(Duration::from_secs(2)).memory(64 << 20).build()?;
//! py.run("import statistics\nprint('hello')")?;
//! assert_eq!(py.take_stdout(), b"hello\n");
//! assert_eq!(py.eval("statistics.median([3, 1, 2])")?, Value::Int(2));
//!
//! let error = py.run("1 / 0").unwrap_err();
//! assert!(matches!(&error, Error::Python(e) if e.type_name == "ZeroDivisionError"));
//! # Ok(())
//! # }
//! ```
//!
//! The image is made from a guest that `ophidia guest build` puts into the cache folder once a
//! machine.

#[cfg(test)]
extern crate self as ophidia;

pub mod array;
mod callback;
mod chain;
mod codec;
mod convert;
mod deadline;
mod engine;
mod entry;
mod error;
mod grants;
mod image;
mod interpreter;
mod ledger;
mod limits;
mod memory;
mod metering;
mod object;
mod python;
mod runtime;
mod snapshot;
mod state;
pub mod values;
mod wasi;

pub use array::{Buffer, GuestArray};
pub use callback::{
    AsyncFunction, Call, Class, Function, HostFunction, HostMethod, HostObject, Module, Outcome,
    Shared,
};
#[cfg(feature = "any-guest")]
#[doc(hidden)]
pub use codec::decode_any;
#[doc(hidden)]
pub use codec::{Direct, Operands, Plain};
pub use codec::{Encoder, Value};
#[cfg(feature = "serde")]
pub use convert::Serde;
#[doc(hidden)]
pub use convert::derived;
pub use convert::{Args, Arguments, ConversionError, FromPython, Invocation, ToPython};
pub use deadline::Interrupter;
pub use error::{Error, PythonError, Result, TracebackFrame};
pub use grants::{Access, DirGrant, Grants};
pub use image::ImageStage;
pub use interpreter::{Interpreter, InterpreterBuilder, Usage};
pub use limits::{LimitExceeded, Limits};
pub use object::{CompareOp, Members, Object, Slice, WeakObject};
pub use ophidia_guest as guest;
pub use python::{Captured, CodeKind, Completeness, Converters, Python, SourceKind};
pub use runtime::{Runtime, RuntimeBuilder};
pub use wasi::stdio::{Input, Output};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
