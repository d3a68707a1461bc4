//! What tests share: calls that read like sentences, which live in the crate's library, because the command
//! `cpython` uses them too; interpreters, and the exceptions that they end with.

use crate::library::RUNTIME;
use ophidia::{Error, Interpreter, PythonError, Value};
pub(crate) use ophidia_tests::*;

/// An interpreter with nothing granted.
pub(crate) fn interpreter() -> Interpreter {
    RUNTIME.interpreter().build().expect("an interpreter")
}

/// Runs an ignored test of this name in a process of its own: what it counts is of the whole process.
#[track_caller]
pub(crate) fn alone(test: &str) {
    let this = std::env::current_exe().expect("a path");
    let mut alone = std::process::Command::new(this);
    let output = alone.args(["--exact", test, "--ignored", "--nocapture"]).output();
    let output = output.expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let more = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{more}");
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
