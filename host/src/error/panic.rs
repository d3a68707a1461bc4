//! Panics of the host's own code, which must not pass through the guest.

use super::Error;
use std::any::Any;
use std::cell::Cell;
use std::fmt::Display;

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// What is said of code that has panicked.
#[cold]
pub(crate) fn panicked(code: impl Display, panic: &(dyn Any + Send)) -> Error {
    PANICS.set(PANICS.get().wrapping_add(1));
    let text = panic.downcast_ref::<&str>().copied();
    let said = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::host(format!("{code} panicked: {}", said.unwrap_or_default()))
}

/// How many panics of the host's code this thread has caught.
pub(crate) fn panics() -> u64 {
    PANICS.get()
}
