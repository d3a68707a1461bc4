//! Panics of the host's own code, which must not pass through the guest.

use super::Error;
use std::any::Any;
use std::fmt::Display;

/// What is said of code that has panicked.
#[cold]
pub(crate) fn panicked(code: impl Display, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let said = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::Host(format!("{code} panicked: {}", said.unwrap_or_default()))
}
