//! Conversions between Rust and Python: [`ToPython`], [`FromPython`], and the arguments of calls.

mod args;
pub mod derived;
mod from_python;
mod to_python;

pub use args::{Args, Arguments};
pub use from_python::FromPython;
pub use to_python::ToPython;

/// A value of another type than asked for, or one that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversionError {
    path: String,
    expected: String,
    got: String,
}

impl ConversionError {
    /// What was expected and what came instead.
    #[must_use]
    pub fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { path: String::new(), expected: expected.into(), got: got.into() }
    }

    /// The same, found inside something: `step` is how to get there, such as `[3]` or `.price`.
    #[must_use]
    pub fn within(mut self, step: &str) -> Self {
        self.path.insert_str(0, step);
        self
    }

    /// Where the value stands: empty, or steps such as `[3].price`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl std::fmt::Display for ConversionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "expected {}, got {}", self.expected, self.got)
    }
}

impl std::error::Error for ConversionError {}
