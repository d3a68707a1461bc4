//! What tests share: calls that read like sentences, which live in the crate's library, because the command
//! `cpython` uses them too; interpreters, and the exceptions that they end with.

use crate::library::RUNTIME;
use ophidia::{Error, Interpreter, PythonError, Value};
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

/// The value of an expression that gives an integer.
#[track_caller]
pub(crate) fn number(py: &mut Interpreter, expression: &str) -> i64 {
    match py.eval(expression) {
        Ok(Value::Int(number)) => number,
        other => panic!("{expression}: {other:?}"),
    }
}

/// The value of an expression that gives a text.
#[track_caller]
pub(crate) fn text(py: &mut Interpreter, expression: &str) -> String {
    match py.eval(expression) {
        Ok(Value::Str(text)) => text,
        other => panic!("{expression}: {other:?}"),
    }
}
