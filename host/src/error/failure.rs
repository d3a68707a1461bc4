//! What the host says when it cannot do something, and why.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// What could not be done, in words; behind it what the system or a library said, where it was one of these. The words
/// say that too. It reads as a `str`.
#[derive(Clone)]
pub struct Failure {
    said: Box<str>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// The cause as a value, such as a [`std::io::Error`] whose kind tells a missing folder from one that must not be read.
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.said, f)
    }
}

impl Deref for Failure {
    type Target = str;

    fn deref(&self) -> &str {
        &self.said
    }
}

impl<T: Into<Box<str>>> From<T> for Failure {
    fn from(said: T) -> Self {
        Self { said: said.into(), cause: None }
    }
}
