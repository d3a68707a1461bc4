//! `ConversionError`: a value of another type than asked for.

use super::LimitExceeded;
use super::text::{beginning, cut};
use crate::value::{Object, Value};

/// A value of another type than asked for, or one that does not fit.
#[derive(Clone, Debug, PartialEq)]
pub struct ConversionError(Box<Found>);

/// Boxed: what can fail returns a pointer, and nothing is moved about for a failure that is none.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    path: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq)]
enum Problem {
    Mismatch {
        expected: String,
        got: String,
    },
    /// An object came, whose class is not known here.
    Object {
        expected: String,
        object: Object,
    },
    /// A limit that fired on the way: no matter of types.
    Limit(LimitExceeded),
    Other(String),
}

impl ConversionError {
    /// What was expected and what came instead.
    #[must_use]
    pub fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::found(Problem::Mismatch { expected: cut(expected.into()), got: cut(got.into()) })
    }

    /// What was expected, and the value that came instead: the error names its class.
    #[must_use]
    pub fn mismatch(expected: impl Into<String>, got: &Value) -> Self {
        match got {
            Value::Object(object) => {
                let expected = cut(expected.into());
                Self::found(Problem::Object { expected, object: object.clone() })
            }
            got => Self::new(expected, got.kind()),
        }
    }

    /// The object that came, while its class is not known.
    pub(crate) fn object(&self) -> Option<&Object> {
        match &self.0.problem {
            Problem::Object { object, .. } => Some(object),
            _ => None,
        }
    }

    /// With the class of the object that came.
    pub(crate) fn with_class(mut self, name: &str) -> Self {
        if let Problem::Object { expected, .. } = &mut self.0.problem {
            let expected = std::mem::take(expected);
            let got = format!("an object of class {}", beginning(name));
            self.0.problem = Problem::Mismatch { expected, got };
        }
        self
    }

    /// A limit that fired on the way.
    pub(crate) fn of_limit(limit: LimitExceeded) -> Self {
        Self::found(Problem::Limit(limit))
    }

    /// The limit that fired on the way, if that is what is wrong.
    pub(crate) fn limit(&self) -> Option<&LimitExceeded> {
        match &self.0.problem {
            Problem::Limit(limit) => Some(limit),
            _ => None,
        }
    }

    /// Any other problem, in words.
    #[must_use]
    pub fn other(said: impl Into<String>) -> Self {
        Self::found(Problem::Other(cut(said.into())))
    }

    #[cold]
    fn found(problem: Problem) -> Self {
        Self(Box::new(Found { path: String::new(), problem }))
    }

    /// A `dict` lacks a key.
    pub(crate) fn missing(key: &str) -> Self {
        Self::new(format!("the key {key:?}"), "a dict without it")
    }

    /// Adds where the value was found: `step` leads there, such as `[3]` or `.price`.
    #[must_use]
    pub fn within(mut self, step: &str) -> Self {
        self.0.path.insert_str(0, step);
        self.0.path = cut(self.0.path);
        self
    }

    /// Where the value stands: empty, or steps such as `[3].price`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

impl std::fmt::Display for ConversionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "{}: ", self.0.path)?;
        }
        match &self.0.problem {
            Problem::Mismatch { expected, got } => write!(f, "expected {expected}, got {got}"),
            Problem::Object { expected, .. } => write!(f, "expected {expected}, got an object"),
            Problem::Limit(limit) => limit.fmt(f),
            Problem::Other(said) => f.write_str(said),
        }
    }
}

impl std::error::Error for ConversionError {}
