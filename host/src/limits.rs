//! Limits: the numbers a guest may not exceed, their units and defaults, and what is said when one
//! fires. Plain data.

use std::time::Duration;

/// What one interpreter may use. Every field has a default; see [`Limits::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long one call into the guest may take, sleeping and waiting for input included.
    /// `None` is no limit. Default: 60 seconds.
    pub timeout: Option<Duration>,
    /// Bytes of linear memory. Default: 256 MiB. A new interpreter starts with about 40 MiB of
    /// address space, most of it shared with the image.
    pub memory: u64,
    /// Bytes of the host's memory that one value which comes out of the guest may take, and the
    /// arguments of all calls of host functions under way together. A text of an exception is cut to a
    /// quarter of it, or to 16 KiB if that is more. Default: 256 MiB.
    pub value: u64,
    /// Objects of the guest that the host may hold at once. Default: 1,000,000.
    pub objects: u32,
    /// Bytes of captured standard output, and as many of captured standard error.
    /// Default: 64 MiB.
    pub output: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Some(Duration::from_secs(60)),
            memory: 256 << 20,
            value: 256 << 20,
            objects: 1_000_000,
            output: 64 << 20,
        }
    }
}

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
