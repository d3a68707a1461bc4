//! Mailboxes of Rust: what is not Python can send, receive and call, too.

use super::boxes::{Boxes, Called, Letters};
use super::frame::THE_DOMAIN;
use super::group::Shared;
use crate::bridge::Encoder;
use crate::convert::{FromPython, ToPython};
use crate::error::{ConversionError, Error, PythonError, Result};
use crate::sandbox::wasi::Watched;
use crate::value::{Pid, Ref, Value};
use ophidia_abi::message::Kind;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

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
        self.boxes().with(self.pid, |found| (found.take(), false)).flatten()
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
            // Wakers are the caller's code: none is cloned or dropped under the lock.
            let mut waker = Some(context.waker().clone());
            let mut boxes = shared.router.boxes.boxes.lock();
            let Some(found) = boxes.get_mut(&pid.index) else { return Poll::Ready(None) };
            if let Some(there) = look(found) {
                return Poll::Ready(Some(there));
            }
            std::mem::swap(&mut found.waker, &mut waker);
            drop(boxes);
            drop(waker);
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
        self.shared.router.send(Kind::Send, to, |out| message.to_python(out)).map(drop)
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
            let answer = |out: &mut Encoder<'_>| {
                out.tuple(2, |out| {
                    out.reference(reference)?;
                    answer.to_python(out)
                })
            };
            return self.shared.router.send(Kind::Reply, pid, answer).map(drop);
        }
        Err(ConversionError::mismatch("the sender of a call", sender).into())
    }

    /// Calls a server, as `await call(pid, request, timeout)` in Python.
    ///
    /// # Errors
    ///
    /// [`Error::Python`] with a `TimeoutError` when no reply has come in time, with a `ProcessExited` when the tasklet has
    /// ended, or ends meanwhile, and with a `MailboxFull` when its domain has no room; [`Error::Conversion`] for a reply of
    /// another type.
    pub async fn call<T: FromPython>(
        &mut self,
        pid: Pid,
        request: impl ToPython,
        timeout: Duration,
    ) -> Result<T> {
        let router = &self.shared.router;
        // Whoever knows it may answer.
        let number = getrandom::u64().map_err(|error| {
            Error::host(format!("no random number for a call: {error}")).because(error)
        })? >> 1;
        let reference = Ref { domain: self.pid.domain, number };
        let until = Instant::now().checked_add(timeout);
        let until = self.shared.reactor.wait(Watched { fds: Vec::new(), until: None }, until)?;
        self.boxes().with(self.pid, |found| {
            (found.calls.insert(number, Called { callee: pid, answer: None }), false)
        });
        let own = self.pid;
        let ending = Ending { shared: &self.shared, pid: own, number };
        if !router.has(pid.domain) {
            return Err(exited(pid, &Value::Str("noconnection".into())));
        }
        let call = |out: &mut Encoder<'_>| {
            out.tuple(3, |out| {
                out.str("$call")?;
                (own, reference).to_python(out)?;
                request.to_python(out)
            })
        };
        let sent = router.send(Kind::Send, pid, call)?;
        if !(sent && self.watch(pid)) {
            return Err(full(pid));
        }
        let mut answered =
            self.wait(Some(until), |found| found.calls.get_mut(&number)?.answer.take());
        let answer = poll_fn(&mut answered).await;
        drop(ending);
        match answer {
            Some(Ok(value)) => Ok(T::from_python(value)?),
            Some(Err(Value::None)) => Err(full(pid)),
            Some(Err(reason)) => Err(exited(pid, &reason)),
            None => {
                let said = format!("{pid} has not replied within {timeout:?}");
                Err(PythonError::new("TimeoutError", said).into())
            }
        }
    }

    /// Asks to be told of its end; whether that could be asked.
    fn watch(&self, pid: Pid) -> bool {
        let own = self.pid;
        pid.index == THE_DOMAIN
            || self.shared.router.post(Kind::Control, pid, |out| ("watch", own).to_python(out))
    }

    /// When that tasklet ends, the message `("DOWN", ref, pid, reason)` comes here, however many wait already; at once, with
    /// "noconnection", where its domain is gone or has no room for the question.
    pub fn monitor(&mut self, pid: Pid) -> Ref {
        let reference = Ref { domain: self.pid.domain, number: self.boxes().number() };
        self.boxes().with(self.pid, |found| (found.monitors.push((reference, pid)), false));
        // A domain itself says nothing when it is gone already.
        let is_gone = pid.index == THE_DOMAIN && !self.shared.router.has(pid.domain);
        if is_gone || !self.watch(pid) {
            let reason = Value::Str("noconnection".into());
            let end = |found: &mut Letters| ((), found.over(&|other| other == pid, &reason, 0));
            self.boxes().with(self.pid, end);
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
        let exit = |out: &mut Encoder<'_>| {
            out.tuple(4, |out| {
                out.str("exit")?;
                out.pid(own)?;
                reason.to_python(out)?;
                out.bool(false)
            })
        };
        self.shared.router.send(Kind::Control, pid, exit).map(drop)
    }
}

fn full(pid: Pid) -> Error {
    let said = format!("{pid} was not called: its domain has no room for messages");
    PythonError::new("ophidia.tasklets.MailboxFull", said).into()
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
        let forget = |found: &mut Letters| (found.calls.remove(&self.number), false);
        drop(self.shared.router.boxes.with(self.pid, forget));
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let Some(gone) = self.boxes().boxes.lock().remove(&self.pid.index) else { return };
        let pid = self.pid;
        let router = &self.shared.router;
        for linked in gone.links {
            router.post(Kind::Control, linked, |out| ("exit", pid, "normal", true).to_python(out));
        }
        for watcher in gone.watchers {
            router.post(Kind::Control, watcher, |out| ("ended", pid, "normal").to_python(out));
        }
    }
}
