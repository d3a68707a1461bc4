//! What a domain says of itself.

use crate::value::{Pid, Value};

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
    /// What an answer says; None where that is nothing.
    pub(super) fn read(domain: u64, memory: u64, answer: &Value) -> Option<Self> {
        let [_, answer] = parts(answer)? else { return None };
        let [Value::Dict(counts), Value::List(busiest)] = parts(answer)? else { return None };
        let count = |name: &str| {
            let found = counts.iter().find(|(key, _)| *key == Value::Str(name.into()));
            found.and_then(|(_, value)| number(value))
        };
        let busiest = busiest.iter().map(|one| {
            let [Value::Pid(pid), Value::Str(function), Value::Str(status), messages, steps] =
                parts(one)?
            else {
                return None;
            };
            Some(TaskletInfo {
                pid: *pid,
                function: function.to_string(),
                status: status.to_string(),
                messages: number(messages)?,
                steps: number(steps)?,
            })
        });
        Some(Self {
            domain,
            alive: count("alive")?,
            spawned: count("spawned")?,
            ended: count("ended")?,
            sent: count("sent")?,
            received: count("received")?,
            restarts: count("restarts")?,
            memory,
            busiest: busiest.collect::<Option<_>>()?,
        })
    }
}

fn parts(value: &Value) -> Option<&[Value]> {
    if let Value::Tuple(parts) = value { Some(parts) } else { None }
}

fn number(value: &Value) -> Option<u64> {
    if let Value::Int(number) = value { u64::try_from(*number).ok() } else { None }
}
