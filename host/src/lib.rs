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
//!
//! # Errors
//!
//! Whatever runs Python or asks the interpreter for anything can fail in the same ways, which its own documentation does
//! not repeat: [`Error::Python`] when Python raises, [`Error::Limit`] when a limit fires, [`Error::Cancelled`],
//! [`Error::Conversion`] for a value of another type than asked for and for an object of another interpreter,
//! [`Error::GuestFault`] and [`Error::Host`] when the guest or the host breaks, and [`Error::Poisoned`] after a failure that
//! left the interpreter unusable. A section *Errors* of a method says what is special about it.

#[cfg(test)]
extern crate self as ophidia;

pub mod array;
mod bridge;
mod checkpoint;
mod convert;
mod error;
mod function;
#[cfg(doctest)]
mod guide;
mod image;
mod object;
mod policy;
mod pool;
mod python;
mod sandbox;
mod tasklet;
mod value;
mod version;

pub use array::{Buffer, GuestArray};
pub use bridge::Encoder;
#[cfg(feature = "any-guest")]
#[doc(hidden)]
pub use bridge::decode_any;
#[doc(hidden)]
pub use bridge::{Direct, Operands, Plain};
pub use checkpoint::{
    CheckpointInfo, CheckpointOptions, Durable, DurableState, ForkOptions, RestoreOptions, Resume,
    Template,
};
#[cfg(feature = "serde")]
pub use convert::Serde;
#[doc(hidden)]
pub use convert::derived;
pub use convert::{Args, Arguments, FromObject, FromPython, Invocation, ToPython, Values};
pub use error::{
    CheckpointError, ConversionError, Error, Failure, LimitExceeded, Lost, Poisoned, PoolError,
    PythonError, Result, TracebackFrame,
};
pub use function::{
    AsyncFunction, Call, CallKey, Class, Figure, Function, HostFunction, HostIterator, HostMethod,
    HostStream, Module, Outcome, Shared, figures,
};
pub use image::ImageStage;
pub use object::{CompareOp, Members, Slice, WeakObject};
pub use ophidia_guest as guest;
pub use policy::{
    Access, Bytes, Clock, DirGrant, Grants, HttpGrant, InputKind, Limits, Mount, Network,
    NetworkLimits, OutputKind, Policy, Quota, Secret, Tree,
};
pub use pool::{
    AsCompleted, Asleep, Drained, Ending, Finished, Full, Map, Pending, Pool, PoolBuilder, Request,
    Session, Shutdown, Stats, Tenant, Times,
};
pub use python::{
    Captured, CodeKind, Completeness, Converters, Progress, Python, SourceKind, Task,
};
pub use python::{
    Files, Held, HeldBytes, Interpreter, InterpreterBuilder, Moved, Namespace, Runtime,
    RuntimeBuilder, Sandbox, SandboxBuilder, Stored, Streams, Usage,
};
#[cfg(feature = "any-guest")]
#[doc(hidden)]
pub use python::{Preview1, Preview1Ended};
pub use sandbox::control::Interrupter;
pub use sandbox::wasi::{
    Audit, AuditEvent, ChangeKind, FileChange, FileEntry, FileKind, Input, Output,
};
pub use tasklet::{
    Conditions, DomainInfo, Group, GroupBuilder, Listener, Mailbox, Node, NodeBuilder, NodeEvent,
    PeerInfo, Simulated, Tally, TaskletInfo, To, Transport,
};
#[cfg(feature = "nats")]
pub use tasklet::{Nats, NatsBuilder};
pub use value::{AsName, HostObject, Key, Name, Object, Pid, Ref, Value, stdlib as values};
pub use version::{Version, version};
