//! `LimitExceeded`: which limit fired, what was asked, what was allowed.

use std::time::Duration;

/// A limit that fired. Its text begins with its name, that of the field of [`Limits`](crate::Limits) which
/// raises it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// An operation took longer than [`Limits::timeout`](crate::Limits::timeout): Python was told by a `TimeoutError`
    /// that nothing caught, or went on past [`Limits::grace`](crate::Limits::grace).
    #[error("limit timeout: {limit:?} allowed, not finished by then")]
    Timeout {
        /// What was allowed.
        limit: Duration,
    },
    /// An interpreter has used more processor time than [`Limits::cpu`](crate::Limits::cpu).
    #[error("limit cpu: {limit:?} of processor time allowed, used up")]
    Cpu {
        /// What was allowed.
        limit: Duration,
    },
    /// An interpreter has lived longer than [`Limits::life`](crate::Limits::life).
    #[error("limit life: {limit:?} allowed since its start")]
    Life {
        /// What was allowed.
        limit: Duration,
    },
    /// An interpreter has burnt more than [`Limits::fuel`](crate::Limits::fuel).
    #[error("limit fuel: {limit} units of work allowed, used up")]
    Fuel {
        /// What was allowed.
        limit: u64,
    },
    /// The guest has called functions of the host more often than [`Limits::host_calls`](crate::Limits::host_calls).
    #[error("limit host_calls: {limit} calls of functions of the host allowed")]
    HostCalls {
        /// What was allowed.
        limit: u64,
    },
    /// A function of the host took longer than [`Limits::host_call_time`](crate::Limits::host_call_time), and Python did not
    /// catch the `TimeoutError` that told it so.
    #[error("limit host_call_time: {limit:?} allowed for one call of a function of the host")]
    HostCallTime {
        /// What was allowed.
        limit: Duration,
    },
    /// The host would hold more on the guest's behalf than [`Limits::host_memory`](crate::Limits::host_memory).
    #[error(
        "limit host_memory: {limit} bytes of the host's memory allowed for all that it holds: files in memory, output, values"
    )]
    HostMemory {
        /// Bytes allowed.
        limit: u64,
    },
    /// The guest asked for more memory than [`Limits::memory`](crate::Limits::memory), or than that without the last
    /// 512 KiB, which are kept back until a `MemoryError` has ended something.
    #[error("limit memory: {asked} bytes asked, {limit} allowed{}", kept_back(*asked, *limit))]
    Memory {
        /// Bytes of memory there would have been.
        asked: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A source text or an answer was larger than what is written into a guest at once, whatever its memory.
    #[error("limit input: {asked} bytes given at once, {limit} possible (give it in parts)")]
    Input {
        /// Bytes given.
        asked: u64,
        /// Bytes possible: 1 GiB.
        limit: u64,
    },
    /// A value that came out of the guest was larger than [`Limits::value`](crate::Limits::value).
    #[error(
        "limit value: more than {limit} bytes of the host's memory needed (raise it, or keep the value in the guest as an object)"
    )]
    Value {
        /// Bytes allowed.
        limit: u64,
    },
    /// The host would hold more objects of the guest than [`Limits::objects`](crate::Limits::objects).
    #[error("limit objects: {limit} objects held (raise it, or drop some)")]
    Objects {
        /// Objects allowed.
        limit: u32,
    },
    /// The guest would hold more functions and objects of the host than
    /// [`Limits::objects`](crate::Limits::objects).
    #[error(
        "limit objects: {asked} functions and objects of the host, {limit} allowed (raise it, or let Python drop some)"
    )]
    HostObjects {
        /// How many there would have been.
        asked: u64,
        /// How many are allowed.
        limit: u32,
    },
    /// More asynchronous functions of the host would be under way than
    /// [`Limits::objects`](crate::Limits::objects).
    #[error(
        "limit objects: {asked} asynchronous calls under way, {limit} allowed (raise it, or await some first)"
    )]
    Tasks {
        /// How many there would have been.
        asked: u64,
        /// How many are allowed.
        limit: u32,
    },
    /// More interpreters would be alive at once than
    /// [`max_interpreters`](crate::RuntimeBuilder::max_interpreters) of their runtime.
    #[error("limit interpreters: {asked} alive at once, {limit} allowed (raise it, or drop one)")]
    Interpreters {
        /// How many there would have been.
        asked: u64,
        /// How many are allowed.
        limit: u32,
    },
    /// A guest that goes on elsewhere had more files open than [`Limits::files`](crate::Limits::files) there.
    #[error("limit files: {asked} open, {limit} allowed (raise it, or close some first)")]
    Files {
        /// How many are open.
        asked: u64,
        /// How many are allowed.
        limit: u32,
    },
    /// The guest wrote more than [`Limits::output`](crate::Limits::output) to a captured stream. Streams that
    /// are not captured have no such limit.
    #[error("limit output: more than {limit} bytes written to a captured stream")]
    Output {
        /// Bytes allowed.
        limit: u64,
    },
}

/// Why less than is allowed was refused.
fn kept_back(asked: u64, limit: u64) -> &'static str {
    if asked > limit { "" } else { ", the last of them kept back to clean up in" }
}

impl LimitExceeded {
    /// The limit's name: that of its field in [`Limits`](crate::Limits), or `interpreters`, or `input`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::Cpu { .. } => "cpu",
            Self::Life { .. } => "life",
            Self::Fuel { .. } => "fuel",
            Self::HostCalls { .. } => "host_calls",
            Self::HostCallTime { .. } => "host_call_time",
            Self::HostMemory { .. } => "host_memory",
            Self::Memory { .. } => "memory",
            Self::Input { .. } => "input",
            Self::Value { .. } => "value",
            Self::Objects { .. } | Self::HostObjects { .. } | Self::Tasks { .. } => "objects",
            Self::Interpreters { .. } => "interpreters",
            Self::Files { .. } => "files",
            Self::Output { .. } => "output",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_begin_with_the_name_and_know_of_no_command_line() {
        for limit in [
            LimitExceeded::Timeout { limit: Duration::from_secs(1) },
            LimitExceeded::Cpu { limit: Duration::from_secs(1) },
            LimitExceeded::Life { limit: Duration::from_secs(1) },
            LimitExceeded::Fuel { limit: 1 },
            LimitExceeded::HostCalls { limit: 1 },
            LimitExceeded::HostCallTime { limit: Duration::from_secs(1) },
            LimitExceeded::HostMemory { limit: 1 },
            LimitExceeded::Memory { asked: 2, limit: 1 },
            LimitExceeded::Memory { asked: 1, limit: 1 },
            LimitExceeded::Input { asked: 2, limit: 1 },
            LimitExceeded::Value { limit: 1 },
            LimitExceeded::Objects { limit: 1 },
            LimitExceeded::HostObjects { asked: 2, limit: 1 },
            LimitExceeded::Tasks { asked: 2, limit: 1 },
            LimitExceeded::Interpreters { asked: 2, limit: 1 },
            LimitExceeded::Files { asked: 2, limit: 1 },
            LimitExceeded::Output { limit: 1 },
        ] {
            let text = limit.to_string();
            assert!(text.starts_with(&format!("limit {}: ", limit.name())), "{text}");
            assert!(!text.contains("--") && !text.contains("ophidia"), "{text}");
        }
    }
}
