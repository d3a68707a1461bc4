//! `LimitExceeded`: which limit fired, what was asked, what was allowed.

use std::time::Duration;

/// A limit that fired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// A call into the guest took longer than [`Limits::timeout`].
    #[error(
        "limit timeout: {limit:?} allowed, not finished by then (raise it with --timeout, or `timeout` in the library)"
    )]
    Timeout {
        /// What was allowed.
        limit: Duration,
    },
    /// The guest asked for more linear memory than [`Limits::memory`].
    #[error(
        "limit memory: {asked} bytes asked, {limit} allowed (raise it with --memory, or `memory` in the library)"
    )]
    Memory {
        /// Bytes of linear memory there would have been.
        asked: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A value that came out of the guest was larger than [`Limits::value`].
    #[error(
        "limit value: more than {limit} bytes of the host's memory needed (raise it with `value` in the library, or keep the value in the guest as an object)"
    )]
    Value {
        /// Bytes allowed.
        limit: u64,
    },
    /// The host would hold more objects of the guest than [`Limits::objects`].
    #[error(
        "limit objects: {limit} objects held (drop some, or raise it with `objects` in the library)"
    )]
    Objects {
        /// Objects allowed.
        limit: u32,
    },
    /// The guest wrote more than [`Limits::output`] to a captured stream.
    #[error(
        "limit output: more than {limit} bytes written to a captured stream (raise it with `output` in the library, or stream the output instead of capturing it)"
    )]
    Output {
        /// Bytes allowed.
        limit: u64,
    },
}
