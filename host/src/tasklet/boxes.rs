//! What waits in mailboxes of Rust, and who is told of whose end there.

use super::frame::{Frame, node_of, the_domain};
use crate::bridge::{Head, message_head, read_message};
use crate::error::Result;
use crate::value::{Pid, Ref, Value};
use ophidia_abi::message::{ANY_DOMAIN, Kind};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

/// Messages that wait in a mailbox, at most.
const MOST: usize = 100_000;

/// Bytes of the host that these may take in all.
const MOST_BYTES: u64 = 32 << 20;

/// Bytes of what domains say, without long reasons: it is heard by a full mailbox, too.
const SHORT: u64 = 4 << 10;

/// Tasklets that may be linked to a mailbox, and those that may watch it.
const MOST_LINKS: usize = 10_000;

/// All mailboxes of a group. To Python they are tasklets of one more domain.
#[derive(Debug)]
pub(super) struct Boxes {
    domain: u64,
    last: AtomicU64,
    pub(super) boxes: Mutex<BTreeMap<u32, Letters>>,
}

#[derive(Debug, Default)]
pub(super) struct Letters {
    /// Each with the bytes that it takes.
    messages: VecDeque<(Value, u64)>,
    bytes: u64,
    /// Calls under way by their numbers: to whom, and what has come of it.
    pub(super) calls: BTreeMap<u64, Called>,
    pub(super) monitors: Vec<(Ref, Pid)>,
    pub(super) watchers: BTreeSet<Pid>,
    pub(super) links: BTreeSet<Pid>,
    pub(super) waker: Option<Waker>,
}

#[derive(Debug)]
pub(super) struct Called {
    pub(super) callee: Pid,
    pub(super) answer: Option<Result<Value, Value>>,
}

/// What has become of a message to a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    Brought,
    /// There is no room, or it means nothing.
    Refused,
    /// There is no such mailbox.
    Nobody,
}

impl Boxes {
    pub(super) fn new(domain: u64) -> Self {
        Self { domain, last: AtomicU64::new(0), boxes: Mutex::default() }
    }

    pub(super) fn domain(&self) -> u64 {
        self.domain
    }

    pub(super) fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn add(&self) -> Pid {
        let mut boxes = self.boxes.lock();
        // Numbers of those that are gone are used again once all others were.
        let mut index = u32::try_from(self.number() & 0x7fff_ffff).unwrap_or_default();
        while boxes.contains_key(&index) {
            index = u32::try_from(self.number() & 0x7fff_ffff).unwrap_or_default();
        }
        boxes.insert(index, Letters::default());
        Pid { domain: self.domain, index, generation: 1 }
    }

    /// Does something with a mailbox, and wakes who waits there if it says so.
    pub(super) fn with<T>(
        &self,
        pid: Pid,
        body: impl FnOnce(&mut Letters) -> (T, bool),
    ) -> Option<T> {
        if pid.generation != 1 {
            return None;
        }
        let mut boxes = self.boxes.lock();
        let found = boxes.get_mut(&pid.index)?;
        let (given, wakes) = body(found);
        let waker = if wakes { found.waker.take() } else { None };
        drop(boxes);
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(given)
    }

    /// Brings a message.
    pub(super) fn deliver(&self, frame: &Frame<'_>) -> Delivered {
        // What has no room is not looked at: as many bytes come of it at least.
        let len = frame.value.len() as u64;
        let Some(room) = self.with(frame.to, |found| (found.room(), false)) else {
            return Delivered::Nobody;
        };
        let limit = match frame.kind {
            Kind::Reply => MOST_BYTES,
            Kind::Control => room.max(SHORT),
            Kind::Send | Kind::Urgent => room,
        };
        let read = if len > limit { None } else { read_message(frame.value, limit).ok() };
        let Some((value, bytes)) = read.or_else(|| without_reason(frame)) else {
            return Delivered::Refused;
        };
        let delivered = self.with(frame.to, |found| {
            let taken = match frame.kind {
                Kind::Send => found.push(value, bytes),
                Kind::Urgent => found.push_first(value, bytes),
                Kind::Reply => found.answer(value),
                Kind::Control => found.hear(value, bytes),
            };
            (taken, taken)
        });
        match delivered {
            Some(true) => Delivered::Brought,
            Some(false) => Delivered::Refused,
            None => Delivered::Nobody,
        }
    }

    /// A domain has ended, or a node, with all who lived there. If it was known, what was to be spawned wherever may have been
    /// there.
    pub(super) fn gone(&self, domain: u64, is_known: bool) {
        let is_gone = |pid: Pid| {
            pid.domain == domain
                || node_of(domain) == domain && node_of(pid.domain) == domain
                || is_known && pid.domain == ANY_DOMAIN
                || is_known && pid == the_domain(node_of(domain))
        };
        let all: Vec<u32> = self.boxes.lock().keys().copied().collect();
        let reason = Value::Str("noconnection".into());
        for index in all {
            let pid = Pid { domain: self.domain, index, generation: 1 };
            self.with(pid, |found| {
                found.watchers.retain(|pid| !is_gone(*pid));
                let unlinked = found.unlink(&is_gone, &reason);
                ((), found.over(&is_gone, &reason, 0) || unlinked)
            });
        }
    }
}

/// That a tasklet has ended is told in any case: where there is no room for the reason, without it.
fn without_reason(frame: &Frame<'_>) -> Option<(Value, u64)> {
    let head = message_head(frame.value).filter(|_| frame.kind == Kind::Control);
    let Head { word: "ended", about: Some(pid), .. } = head? else { return None };
    let parts = vec![Value::Str("ended".into()), pid.into(), no_room()];
    Some((Value::Tuple(parts), 0))
}

/// What stands for a reason that the mailbox has no room for.
fn no_room() -> Value {
    Value::Str("a reason that the mailbox has no room for".into())
}

impl Letters {
    /// Bytes that there is room for.
    fn room(&self) -> u64 {
        MOST_BYTES.saturating_sub(self.bytes)
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.messages.len() < MOST && bytes <= self.room()
    }

    fn push(&mut self, message: Value, bytes: u64) -> bool {
        let has_room = self.has_room(bytes);
        if has_room {
            self.bytes += bytes;
            self.messages.push_back((message, bytes));
        }
        has_room
    }

    fn push_first(&mut self, message: Value, bytes: u64) -> bool {
        let has_room = self.has_room(bytes);
        if has_room {
            self.bytes += bytes;
            self.messages.push_front((message, bytes));
        }
        has_room
    }

    /// What has been asked for, with a reason of so many bytes: there is room for all but that.
    fn tell(&mut self, mut parts: Vec<Value>, reason: &Value, bytes: u64) {
        let (reason, bytes) =
            if bytes <= self.room() { (reason.clone(), bytes) } else { (no_room(), 0) };
        parts.push(reason);
        self.bytes += bytes;
        self.messages.push_back((Value::Tuple(parts), bytes));
    }

    pub(super) fn take(&mut self) -> Option<Value> {
        let (message, bytes) = self.messages.pop_front()?;
        self.bytes -= bytes;
        Some(message)
    }

    fn answer(&mut self, value: Value) -> bool {
        let Value::Tuple(parts) = value else { return false };
        let Ok([Value::Ref(reference), answer]) = <[Value; 2]>::try_from(parts) else {
            return false;
        };
        match self.calls.get_mut(&reference.number) {
            Some(call) if call.answer.is_none() => {
                call.answer = Some(Ok(answer));
                true
            }
            _ => false,
        }
    }

    /// What the Python side of a domain says.
    fn hear(&mut self, value: Value, bytes: u64) -> bool {
        let Value::Tuple(parts) = value else { return false };
        let mut parts = parts.into_iter();
        let Some(Value::Str(word)) = parts.next() else { return false };
        match (&*word, parts.next(), parts.next()) {
            ("watch", Some(Value::Pid(watcher)), None) => {
                self.watchers.contains(&watcher)
                    || self.watchers.len() < MOST_LINKS && self.watchers.insert(watcher)
            }
            ("ended", Some(Value::Pid(pid)), Some(reason)) => {
                self.over(&|other| other == pid, &reason, bytes)
            }
            ("refused", Some(Value::Pid(_)), Some(Value::Int(number))) => {
                let number = u64::try_from(number).unwrap_or_default();
                let call = self.calls.get_mut(&number).filter(|call| call.answer.is_none());
                let Some(call) = call else { return false };
                call.answer = Some(Err(Value::None));
                true
            }
            ("exit", Some(sender @ Value::Pid(pid)), Some(reason)) => {
                self.links.remove(&pid);
                self.push(Value::Tuple(vec![Value::Str("EXIT".into()), sender, reason]), bytes)
            }
            ("link", Some(Value::Pid(pid)), None) => {
                self.links.len() < MOST_LINKS && self.links.insert(pid)
            }
            ("unlink", Some(Value::Pid(pid)), None) => self.links.remove(&pid),
            _ => false,
        }
    }

    /// The end of a domain with some that were linked; whether there were any.
    fn unlink(&mut self, is_gone: &dyn Fn(Pid) -> bool, reason: &Value) -> bool {
        let links = std::mem::take(&mut self.links).into_iter();
        let (gone, left): (BTreeSet<_>, _) = links.partition(|pid| is_gone(*pid));
        self.links = left;
        for pid in &gone {
            self.tell(vec![Value::Str("EXIT".into()), (*pid).into()], reason, 0);
        }
        !gone.is_empty()
    }

    /// Notes the end of some, with a reason of so many bytes; whether anything here is about them.
    pub(super) fn over(
        &mut self,
        is_over: &dyn Fn(Pid) -> bool,
        reason: &Value,
        bytes: u64,
    ) -> bool {
        let mut found = false;
        for call in self.calls.values_mut() {
            if call.answer.is_none() && is_over(call.callee) {
                call.answer = Some(Err(reason.clone()));
                found = true;
            }
        }
        if !self.monitors.iter().any(|(_, pid)| is_over(*pid)) {
            return found;
        }
        let monitors = std::mem::take(&mut self.monitors).into_iter();
        let (over, left): (Vec<_>, _) = monitors.partition(|(_, pid)| is_over(*pid));
        self.monitors = left;
        for (reference, pid) in over {
            let parts = vec![Value::Str("DOWN".into()), reference.into(), pid.into()];
            self.tell(parts, reason, bytes);
        }
        true
    }
}
