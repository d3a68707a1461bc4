//! The whole system's tests: one module a behaviour, one helper for all.

mod support;

/// CPython's own test-suite: the ten quickest modules, inside the guest.
mod cpython_suite;
/// Every example prints in the guest what it prints under a native Python.
mod examples;
