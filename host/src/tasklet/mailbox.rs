//! Mailboxes of Rust: what is not Python can send, receive and call, too.

use super::frame::{Frame, THE_DOMAIN, the_domain};
use super::group::Shared;
use crate::bridge::read_message;
use crate::convert::{FromPython, ToPython};
use crate::error::{Error, PythonError, Result};
use crate::sandbox::wasi::Watched;
use crate::value::{Pid, Ref, Value};
use ophidia_abi::message::Kind;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Messages that wait in a mailbox, at most.
const MOST: usize = 100_000;

/// Bytes that these may take in all, as they travel.
const MOST_BYTES: usize = 32 << 20;

/// Bytes of the host that one message may take.
const MOST_OF_ONE: u64 = 256 << 20;

/// All mailboxes of a group. To Python they are tasklets of one more domain.
#[derive(Debug)]
pub(super) struct Boxes {
    domain: u64,
    last: AtomicU64,
    boxes: Mutex<BTreeMap<u32, Letters>>,
}

#[derive(Debug, Default)]
struct Letters {
    /// Each with the bytes that it took on its way.
    messages: VecDeque<(Value, usize)>,
    bytes: usize,
    /// Calls under way by their numbers: to whom, and what has come of it.
    calls: BTreeMap<u64, Called>,
    monitors: Vec<(Ref, Pid)>,
    watchers: BTreeSet<u64>,
    links: BTreeSet<Pid>,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Called {
    callee: Pid,
    answer: Option<Result<Value, Value>>,
}

impl Boxes {
    pub(super) fn new(domain: u64) -> Self {
        Self { domain, last: AtomicU64::new(0), boxes: Mutex::default() }
    }

    pub(super) fn domain(&self) -> u64 {
        self.domain
    }

    fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn add(&self) -> Pid {
        let mut boxes = self.boxes.lock();
        // Numbers of those that are gone are used again once all others were.
        let mut index = u32::try_from(self.number() & 0x7fff_ffff).unwrap_or_default();
        while boxes.contains_key(&index) {
            index = u32::try_from(self.number() & 0x7fff_ffff).unwrap_or_default();
        }
        boxes.insert(index, Letters::default());
        Pid { domain: self.domain, index, generation: 1 }
    }

    fn with<T>(&self, pid: Pid, body: impl FnOnce(&mut Letters) -> T) -> Option<T> {
        if pid.generation != 1 {
            return None;
        }
        let mut boxes = self.boxes.lock();
        let found = boxes.get_mut(&pid.index)?;
        let given = body(found);
        let waker = found.waker.take();
        drop(boxes);
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(given)
    }

    /// Brings a message; whether there is somebody with room for it.
    pub(super) fn deliver(&self, frame: &Frame<'_>) -> bool {
        let Ok(value) = read_message(frame.value, MOST_OF_ONE) else { return false };
        if frame.to.index == THE_DOMAIN {
            return self.hear(&value);
        }
        let delivered = self.with(frame.to, |found| match frame.kind {
            Kind::Send => found.push(value, frame.value.len()),
            Kind::Urgent => found.push_first(value, frame.value.len()),
            Kind::Reply => found.answer(value),
            Kind::Control => found.hear(value),
        });
        delivered.unwrap_or_default()
    }

    /// What is said to all mailboxes: that a tasklet has ended.
    fn hear(&self, value: &Value) -> bool {
        let Value::Tuple(parts) = value else { return false };
        match &parts[..] {
            [Value::Str(word), Value::Pid(pid), reason] if word == "ended" => {
                self.over(&|other| other == *pid, reason);
                true
            }
            _ => false,
        }
    }

    /// A domain has ended, with all who lived there.
    pub(super) fn gone(&self, domain: u64) {
        self.over(&|pid| pid.domain == domain, &Value::Str("noconnection".into()));
    }

    fn over(&self, is_over: &dyn Fn(Pid) -> bool, reason: &Value) {
        let all: Vec<u32> = self.boxes.lock().keys().copied().collect();
        for index in all {
            let pid = Pid { domain: self.domain, index, generation: 1 };
            self.with(pid, |found| found.over(is_over, reason));
        }
    }
}

impl Letters {
    fn has_room(&self, bytes: usize) -> bool {
        self.messages.len() < MOST && self.bytes.saturating_add(bytes) <= MOST_BYTES
    }

    fn push(&mut self, message: Value, bytes: usize) -> bool {
        let has_room = self.has_room(bytes);
        if has_room {
            self.bytes += bytes;
            self.messages.push_back((message, bytes));
        }
        has_room
    }

    fn push_first(&mut self, message: Value, bytes: usize) -> bool {
        let has_room = self.has_room(bytes);
        if has_room {
            self.bytes += bytes;
            self.messages.push_front((message, bytes));
        }
        has_room
    }

    fn take(&mut self) -> Option<Value> {
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
    fn hear(&mut self, value: Value) -> bool {
        let Value::Tuple(parts) = value else { return false };
        let mut parts = parts.into_iter();
        let Some(Value::Str(word)) = parts.next() else { return false };
        match (&*word, parts.next(), parts.next()) {
            ("watch", Some(Value::Int(domain)), None) => {
                self.watchers.insert(domain.cast_unsigned());
                true
            }
            ("exit", Some(sender @ Value::Pid(pid)), Some(reason)) => {
                self.links.remove(&pid);
                self.push(Value::Tuple(vec![Value::Str("EXIT".into()), sender, reason]), 0)
            }
            ("link", Some(Value::Pid(pid)), None) => self.links.insert(pid),
            ("unlink", Some(Value::Pid(pid)), None) => self.links.remove(&pid),
            _ => false,
        }
    }

    fn over(&mut self, is_over: &dyn Fn(Pid) -> bool, reason: &Value) {
        for call in self.calls.values_mut() {
            if call.answer.is_none() && is_over(call.callee) {
                call.answer = Some(Err(reason.clone()));
            }
        }
        let (over, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.monitors).into_iter().partition(|(_, pid)| is_over(*pid));
        self.monitors = left;
        let (gone, left) =
            std::mem::take(&mut self.links).into_iter().partition(|pid| is_over(*pid));
        self.links = left;
        for pid in BTreeSet::<Pid>::into_iter(gone) {
            let word = Value::Str("EXIT".into());
            self.push(Value::Tuple(vec![word, Value::Pid(pid), reason.clone()]), 0);
        }
        for (reference, pid) in over {
            let word = Value::Str("DOWN".into());
            self.push(
                Value::Tuple(vec![word, Value::Ref(reference), Value::Pid(pid), reason.clone()]),
                0,
            );
        }
    }
}

/// A mailbox of Rust in a [`Group`](crate::Group): tasklets send to its [`pid`](Self::pid) as to one another, and it sends
/// to theirs. When it is dropped, those who monitor it are told that it has ended, with "normal".
#[derive(Debug)]
pub struct Mailbox {
    shared: Arc<Shared>,
    pid: Pid,
}

impl Mailbox {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { pid: shared.router.boxes.add(), shared: Arc::clone(shared) }
    }

    /// Its name.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    fn boxes(&self) -> &Boxes {
        &self.shared.router.boxes
    }

    /// The next message, if one is there. An array of numpy is the tuple of `""`, its type in numpy's words, its shape, and
    /// its bytes.
    pub fn try_receive(&mut self) -> Option<Value> {
        self.boxes().with(self.pid, Letters::take).flatten()
    }

    /// The next message. At most 100,000 wait, of 32 MiB in all; more are lost.
    pub async fn receive(&mut self) -> Value {
        let mut none = self.wait(None, Letters::take);
        poll_fn(|context| match none(context) {
            Poll::Ready(Some(message)) => Poll::Ready(message),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Looks for something at each change, until an instant, when there is nothing.
    fn wait<T>(
        &self,
        mut until: Option<crate::sandbox::reactor::Waiting>,
        mut look: impl FnMut(&mut Letters) -> Option<T>,
    ) -> impl FnMut(&mut Context<'_>) -> Poll<Option<T>> {
        let (shared, pid) = (Arc::clone(&self.shared), self.pid);
        move |context| {
            let mut boxes = shared.router.boxes.boxes.lock();
            let Some(found) = boxes.get_mut(&pid.index) else { return Poll::Ready(None) };
            if let Some(there) = look(found) {
                return Poll::Ready(Some(there));
            }
            found.waker = Some(context.waker().clone());
            drop(boxes);
            match until.as_mut().map(|until| until.poll(context)) {
                Some(Poll::Ready(())) => Poll::Ready(None),
                _ => Poll::Pending,
            }
        }
    }

    /// Sends a message: plain data, pids and references. One to a tasklet that has ended is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] for what belongs to one interpreter, such as an object or a function of the host.
    pub fn send(&self, to: Pid, message: impl ToPython) -> Result<()> {
        self.shared.router.send(Kind::Send, to, &|out| message.to_python(out))
    }

    /// Answers a call that has come as the message `("$call", sender, request)`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Error::Conversion`] where `sender` is none.
    pub fn reply(&self, sender: &Value, answer: impl ToPython) -> Result<()> {
        if let Value::Tuple(parts) = sender
            && let [Value::Pid(pid), Value::Ref(reference)] = **parts
        {
            return self.shared.router.send(Kind::Reply, pid, &|out| {
                out.tuple(2, |out| {
                    out.reference(reference)?;
                    answer.to_python(out)
                })
            });
        }
        Err(crate::error::ConversionError::mismatch("the sender of a call", sender).into())
    }

    /// Calls a server, as `await call(pid, request, timeout)` in Python.
    ///
    /// # Errors
    ///
    /// [`Error::Python`] with a `TimeoutError` when no reply has come in time, and with a `ProcessExited` when the tasklet has
    /// ended, or ends meanwhile; [`Error::Conversion`] for a reply of another type.
    pub async fn call<T: FromPython>(
        &mut self,
        pid: Pid,
        request: impl ToPython,
        timeout: Duration,
    ) -> Result<T> {
        let router = &self.shared.router;
        let number = self.boxes().number();
        let reference = Ref { domain: self.pid.domain, number };
        let until = Instant::now().checked_add(timeout);
        let until = self.shared.reactor.wait(Watched { fds: Vec::new(), until: None }, until)?;
        self.boxes().with(self.pid, |found| {
            found.calls.insert(number, Called { callee: pid, answer: None });
        });
        let own = self.pid;
        let ending = Ending { shared: &self.shared, pid: own, number };
        if !router.has(pid.domain) && pid.domain != ophidia_abi::message::ANY_DOMAIN {
            return Err(exited(pid, &Value::Str("noconnection".into())));
        }
        router.send(Kind::Send, pid, &|out| {
            out.tuple(3, |out| {
                out.str("$call")?;
                out.tuple(2, |out| {
                    out.pid(own)?;
                    out.reference(reference)
                })?;
                request.to_python(out)
            })
        })?;
        self.watch(pid);
        let mut answered =
            self.wait(Some(until), |found| found.calls.get_mut(&number)?.answer.take());
        let answer = poll_fn(&mut answered).await;
        drop(ending);
        match answer {
            Some(Ok(value)) => Ok(T::from_python(value)?),
            Some(Err(reason)) => Err(exited(pid, &reason)),
            None => Err(PythonError::new("TimeoutError", "nothing came in time").into()),
        }
    }

    fn watch(&self, pid: Pid) {
        let own = self.pid.domain.cast_signed();
        if pid.index != THE_DOMAIN {
            self.shared.router.post(Kind::Control, pid, |out| ("watch", own).to_python(out));
        }
    }

    /// When that tasklet ends, the message `("DOWN", ref, pid, reason)` comes here.
    pub fn monitor(&mut self, pid: Pid) -> Ref {
        let reference = Ref { domain: self.pid.domain, number: self.boxes().number() };
        self.boxes().with(self.pid, |found| found.monitors.push((reference, pid)));
        if self.shared.router.has(pid.domain) {
            self.watch(pid);
        } else {
            self.boxes().gone(pid.domain);
        }
        reference
    }

    /// Sends an exit signal, as `exit(pid, reason)` in Python.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn exit(&self, pid: Pid, reason: impl ToPython) -> Result<()> {
        let own = self.pid;
        self.shared.router.send(Kind::Control, pid, &|out| {
            out.tuple(4, |out| {
                out.str("exit")?;
                out.pid(own)?;
                reason.to_python(out)?;
                out.bool(false)
            })
        })
    }
}

fn exited(pid: Pid, reason: &Value) -> Error {
    PythonError::new("ophidia.tasklets.ProcessExited", format!("{pid} has ended: {reason}")).into()
}

/// Forgets a call, however it ends.
struct Ending<'s> {
    shared: &'s Shared,
    pid: Pid,
    number: u64,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.shared.router.boxes.with(self.pid, |found| found.calls.remove(&self.number));
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let Some(gone) = self.boxes().boxes.lock().remove(&self.pid.index) else { return };
        let pid = self.pid;
        for linked in gone.links {
            self.shared.router.post(Kind::Control, linked, |out| {
                out.tuple(4, |out| {
                    out.str("exit")?;
                    out.pid(pid)?;
                    out.str("normal")?;
                    out.bool(true)
                })
            });
        }
        for domain in gone.watchers {
            self.shared.router.post(Kind::Control, the_domain(domain), |out| {
                out.tuple(3, |out| {
                    out.str("ended")?;
                    out.pid(pid)?;
                    out.str("normal")
                })
            });
        }
    }
}
