//! What tests share: calls that read like sentences, which live in the crate's library, because the command
//! `cpython` uses them too; interpreters, and the exceptions that they end with.

use crate::library::RUNTIME;
use ophidia::{Error, Interpreter, PythonError};
pub(crate) use ophidia_tests::*;

/// An interpreter with nothing granted.
pub(crate) fn interpreter() -> Interpreter {
    RUNTIME.interpreter().build().expect("an interpreter")
}

/// The exception that it was.
#[track_caller]
pub(crate) fn raised<T: std::fmt::Debug>(result: ophidia::Result<T>) -> PythonError {
    match result {
        Err(Error::Python(error)) => *error,
        other => panic!("{other:?}"),
    }
}
