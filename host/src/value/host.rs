//! `HostObject`: a Rust value that Python holds.

use std::any::Any;
use std::sync::Arc;

/// A Rust value that Python holds without being able to look into it.
#[derive(Clone)]
pub struct HostObject(pub(crate) Arc<dyn Any + Send + Sync>);

impl HostObject {
    /// Wraps a value for Python.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Arc::new(value))
    }

    /// The value, when it is of that type.
    #[must_use]
    pub fn downcast<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.0).downcast().ok()
    }
}

/// The same value, not an equal one.
impl PartialEq for HostObject {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl std::fmt::Debug for HostObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostObject").finish_non_exhaustive()
    }
}
