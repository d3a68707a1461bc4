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
    /// Files and folders that the guest may have open at once, beside the granted folders and the standard
    /// streams. One more fails with `OSError` (`EMFILE`) in Python. Default: 64.
    pub files: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Some(Duration::from_secs(60)),
            memory: 256 << 20,
            value: 256 << 20,
            objects: 1_000_000,
            output: 64 << 20,
            files: 64,
        }
    }
}
