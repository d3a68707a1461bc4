//! Limits: the numbers a guest may not exceed, their units and defaults. Plain data.

use super::{NetworkLimits, Quota};
use std::time::Duration;

/// What one interpreter may use. Every field has a default, in serde's formats too:
///
/// ```
/// use ophidia::Limits;
/// let limits = Limits { memory: 64 << 20, ..Limits::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Limits {
    /// How long one operation may take: one call of a method of the library, however often it enters the guest,
    /// with conversions, host functions, sleeping and waiting. The body of a scope, such as that of
    /// `Python::with_converters`, is operations of its own.
    /// `None` is no limit. Default: 60 seconds. In serde's formats a number of seconds, such as `2.5`.
    #[cfg_attr(feature = "serde", serde(with = "seconds"))]
    pub timeout: Option<Duration>,
    /// How long an operation may go on after that. When its time is over a `TimeoutError` is raised in Python, so that
    /// `finally` and `with` do their work; an operation that ends with it, or by itself, leaves the interpreter
    /// usable. What goes on is ended, and the interpreter poisoned. With zero that happens at once. Default: 100 ms.
    /// In serde's formats a number of seconds.
    #[cfg_attr(feature = "serde", serde(with = "whole_seconds"))]
    pub grace: Duration,
    /// Processor time of all operations of an interpreter, without waiting. `None`, the default, is no limit. In
    /// serde's formats a number of seconds.
    #[cfg_attr(feature = "serde", serde(with = "seconds"))]
    pub cpu: Option<Duration>,
    /// How long an interpreter can be used after its start, however long nobody does. `None`, the default, is no
    /// limit. In serde's formats a number of seconds.
    #[cfg_attr(feature = "serde", serde(with = "seconds"))]
    pub life: Option<Duration>,
    /// Units of work of all operations of an interpreter: what metered code counts, loop heads, indirect calls and
    /// bytecode in the main. A program that reads no clock and no entropy of the host burns the same in each run
    /// with the same image. `None`, the default, is no limit.
    pub fuel: Option<u64>,
    /// How often the guest may call functions of the host. Default: no limit but what a `u64` holds.
    pub host_calls: u64,
    /// How long one call of a function of the host may take, asynchronous ones included. Python is told of one that takes
    /// longer by a `TimeoutError`, as soon as it can be: an asynchronous one is aborted, one that waits by the library or runs
    /// Python code is ended, any other when it returns (see [`Python::time_left`](crate::Python::time_left)). `None`,
    /// the default, is no limit but that of the operation. In serde's formats a number of seconds.
    #[cfg_attr(feature = "serde", serde(with = "seconds"))]
    pub host_call_time: Option<Duration>,
    /// Bytes of linear memory, and of exceptions of C++ that are under way. Default: 256 MiB. A new interpreter starts with
    /// about 40 MiB of address space, most of it shared with the image. 64 KiB to 4 GiB.
    pub memory: u64,
    /// Bytes of the host's memory that one value which comes out of the guest may take, and the
    /// arguments of all calls of host functions under way together. A text of an exception is cut to a
    /// quarter of it, or to 16 KiB if that is more. Default: 256 MiB.
    pub value: u64,
    /// Bytes of the host's memory that all of this takes together which the host holds on the guest's behalf: files and names
    /// in memory, captured output, arguments of calls under way, what waits in sockets that are connected to each other;
    /// a value that comes out has to fit too. Default: 1 GiB.
    pub host_memory: u64,
    /// Objects of the guest that the host may hold at once. Default: 1,000,000.
    pub objects: u32,
    /// Bytes of captured standard output, and as many of captured standard error.
    /// Default: 64 MiB.
    pub output: u64,
    /// Files and folders that the guest may have open at once, beside the granted folders and the standard
    /// streams. One more fails with `OSError` (`EMFILE`) in Python. At least 1. Default: 64.
    pub files: u32,
    /// What the guest may add to each folder of the host that is granted for writing, unless the grant says how much.
    /// More fails with `OSError` (`EDQUOT`) in Python. Default: 1 GiB in 100,000 files.
    pub folder: Quota,
    /// What it may use of the network.
    pub network: NetworkLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Some(Duration::from_secs(60)),
            grace: Duration::from_millis(100),
            cpu: None,
            life: None,
            fuel: None,
            host_calls: u64::MAX,
            host_call_time: None,
            memory: 256 << 20,
            value: 256 << 20,
            host_memory: 1 << 30,
            objects: 1_000_000,
            output: 64 << 20,
            files: 64,
            folder: Quota { bytes: 1 << 30, files: 100_000 },
            network: NetworkLimits::default(),
        }
    }
}

/// A page of linear memory, and as much as 32 bits address.
const LEAST_MEMORY: u64 = 64 << 10;
const MOST_MEMORY: u64 = 4 << 30;

impl Limits {
    /// Refuses limits within which nothing can run: which one, and the least that there may be. Zero stays where it means
    /// that something is not granted, such as calls of the host.
    pub(crate) fn check(&self) -> Result<(), String> {
        let zero = |time: Option<Duration>| time == Some(Duration::ZERO);
        let nothing = [
            ("timeout", zero(self.timeout)),
            ("cpu", zero(self.cpu)),
            ("life", zero(self.life)),
            ("fuel", self.fuel == Some(0)),
            ("host_call_time", zero(self.host_call_time)),
        ];
        if let Some((name, _)) = nothing.iter().find(|(_, is_nothing)| *is_nothing) {
            return Err(format!("limit {name}: 0, in which nothing can run: give more, or none"));
        }
        if self.files == 0 {
            return Err(
                "limit files: 0, with which nothing can be imported: give at least 1".into()
            );
        }
        match self.memory {
            LEAST_MEMORY..=MOST_MEMORY => Ok(()),
            asked => Err(format!(
                "limit memory: {asked} bytes: give {LEAST_MEMORY} to {MOST_MEMORY}; an interpreter begins with about 40 MiB"
            )),
        }
    }
}

/// A time that is there as a number of seconds.
#[cfg(feature = "serde")]
pub(super) mod whole_seconds {
    use super::Seconds;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    pub(in super::super) fn serialize<S: Serializer>(
        time: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.as_secs_f64().serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        Seconds::deserialize(from).map(|seconds| seconds.0)
    }
}

/// A time as a number of seconds.
#[cfg(feature = "serde")]
mod seconds {
    use super::Seconds;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs_f64()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Seconds>::deserialize(from)?.map(|seconds| seconds.0))
    }
}

/// A number of seconds, as it is read; the error says what to write.
#[cfg(feature = "serde")]
struct Seconds(Duration);

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Seconds {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_f64(Reading)
    }
}

#[cfg(feature = "serde")]
struct Reading;

#[cfg(feature = "serde")]
impl serde::de::Visitor<'_> for Reading {
    type Value = Seconds;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number of seconds that is not below 0, such as 2.5")
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Seconds, E> {
        let wrong = || E::invalid_value(serde::de::Unexpected::Float(seconds), &self);
        Duration::try_from_secs_f64(seconds).map(Seconds).map_err(|_| wrong())
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Seconds, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Seconds, E> {
        Ok(Seconds(Duration::from_secs(seconds)))
    }
}
