//! What a domain says of itself.

use crate::convert::FromPython as _;
use crate::error::ConversionError;
use crate::value::{Pid, Value};
use std::collections::BTreeMap;

/// What there is to know of a domain: counts since it began, and the tasklets that have done most.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DomainInfo {
    /// Its number.
    pub domain: u64,
    /// Tasklets that live there.
    pub alive: u64,
    /// Tasklets that were spawned there, and those that have ended.
    pub spawned: u64,
    /// Tasklets that have ended.
    pub ended: u64,
    /// Messages that were sent there, to wherever.
    pub sent: u64,
    /// Messages that were received there.
    pub received: u64,
    /// Children that supervisors there have started again.
    pub restarts: u64,
    /// Bytes of memory that its interpreter has.
    pub memory: u64,
    /// The busiest first.
    pub busiest: Vec<TaskletInfo>,
}

/// What there is to know of a tasklet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskletInfo {
    /// Its name.
    pub pid: Pid,
    /// The function or class that it is of.
    pub function: String,
    /// What it does, or waits for: running, ready, receive, sleep, call, future, put.
    pub status: String,
    /// Messages that wait.
    pub messages: u64,
    /// Steps from one wait to the next that it has made since this was asked last.
    pub steps: u64,
}

impl DomainInfo {
    /// What an answer says.
    pub(super) fn read(domain: u64, memory: u64, answer: Value) -> Result<Self, ConversionError> {
        let (_, (counts, busiest)) = <(String, (Counts, Vec<Busy>))>::from_python(answer)?;
        let count = |name: &str| counts.get(name).copied().unwrap_or_default();
        let busiest = busiest.into_iter().map(|(pid, function, status, messages, steps)| {
            TaskletInfo { pid, function, status, messages, steps }
        });
        Ok(Self {
            domain,
            alive: count("alive"),
            spawned: count("spawned"),
            ended: count("ended"),
            sent: count("sent"),
            received: count("received"),
            restarts: count("restarts"),
            memory,
            busiest: busiest.collect(),
        })
    }
}

/// Counts by their names.
type Counts = BTreeMap<String, u64>;

/// A tasklet: its function, its status, messages, steps.
type Busy = (Pid, String, String, u64, u64);
