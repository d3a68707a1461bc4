//! Whose operation a thread carries out while it runs code of the caller's: what that code waits by.

use super::control::Control;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    /// The interpreters whose operations are under way here and have called the host, the innermost last.
    static CALLS: RefCell<Vec<Arc<Control>>> = const { RefCell::new(Vec::new()) };
}

/// The innermost interpreter is this one until [`leave`].
pub(super) fn enter(control: &Arc<Control>) {
    let _ = CALLS.try_with(|calls| calls.borrow_mut().push(Arc::clone(control)));
}

pub(super) fn leave() {
    let _ = CALLS.try_with(|calls| calls.borrow_mut().pop());
}

/// The control of the innermost interpreter; `None` outside of any.
pub(crate) fn control() -> Option<Arc<Control>> {
    CALLS.try_with(|calls| calls.borrow().last().cloned()).ok().flatten()
}
