//! Where an exception passed through, and exceptions that Rust makes.

use super::PythonError;
use crate::value::Object;

/// A frame of a traceback.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TracebackFrame {
    /// The file, as Python calls it.
    pub file: String,
    /// The line, from 1 on; 0 when it is not known.
    pub line: u32,
    /// The function, `<module>` outside of any.
    pub function: String,
    /// The line's text without indentation; empty when it is not known.
    pub source: String,
}

impl PythonError {
    /// An exception for a function of the host to raise: of a built-in class, of one of `__main__`, or of one
    /// named `module.Name`. A class that cannot be called with a message alone, or is none, is raised as a
    /// `RuntimeError`; [`from_type`](Self::from_type) makes any.
    pub fn new(type_name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { type_name: type_name.into(), message: message.into(), ..Self::default() }
    }

    /// The traceback where it has been made: that of a main program, of a request of a pool, of an exception at a limit,
    /// and any that [`traceback`](Self::traceback) was asked for.
    #[must_use]
    pub fn made_traceback(&self) -> Option<&str> {
        self.traceback.get().map(String::as_str)
    }

    /// The exception itself, as long as it is held here; `None` when it was made in Rust, or when
    /// neither side had room for it.
    #[must_use]
    pub fn exception(&self) -> Option<&Object> {
        self.exception.as_ref()
    }
}
