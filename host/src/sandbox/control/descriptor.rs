//! Waiting for a descriptor of the host: woken by it, the deadline, an interruption or a cancellation, and
//! by nothing else.

use super::{Control, Ring, Stop, Wake};
use crate::sandbox::turn::Away;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::cell::OnceCell;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// Without a bell, which takes two descriptors, the control is looked at this often.
const SLICE: Duration = Duration::from_millis(50);

/// What wakes whoever waits elsewhere than at the control itself.
#[derive(Clone, Debug)]
pub(super) enum Bell {
    /// In `poll`.
    Stream(Arc<UnixStream>),
    /// In a layer above.
    Elsewhere(Arc<dyn Ring>),
    /// At rest.
    Task(Waker),
}

impl Bell {
    /// One that has rung too often to be rung again is heard anyway.
    pub(super) fn ring(&self) {
        match self {
            Self::Stream(stream) => drop((&**stream).write(&[0])),
            Self::Elsewhere(bell) => bell.ring(),
            Self::Task(waker) => waker.wake_by_ref(),
        }
    }
}

thread_local! {
    /// The bell of a thread, and what hears it: a thread waits for one thing at a time, and making a bell takes longer
    /// than many a wait.
    static BELL: OnceCell<Option<(Bell, UnixStream)>> = const { OnceCell::new() };
}

fn bell() -> Option<(Bell, UnixStream)> {
    let (bell, ear) = UnixStream::pair().ok()?;
    bell.set_nonblocking(true).ok()?;
    ear.set_nonblocking(true).ok()?;
    Some((Bell::Stream(Arc::new(bell)), ear))
}

/// Whether a descriptor is ready now.
pub(crate) fn is_ready(fd: BorrowedFd<'_>, flags: PollFlags) -> bool {
    let mut polled = [PollFd::new(&fd, flags)];
    // An error counts as ready, so that the operation itself reports it.
    !matches!(poll(&mut polled, Some(&Timespec::default())), Ok(0) | Err(Errno::INTR))
}

/// A descriptor that is waited for, and what for.
pub(crate) type Waited<'a> = (BorrowedFd<'a>, PollFlags);

impl Control {
    /// Waits until a descriptor is ready, `until`, the deadline, an interruption or a cancellation,
    /// whichever is first. Which of the first two it was is for the caller to see.
    pub(crate) fn wait_for_descriptor(
        &self,
        fd: BorrowedFd<'_>,
        flags: PollFlags,
        until: Option<Instant>,
    ) -> Result<Wake, Stop> {
        self.wait_for_descriptors(&[(fd, flags)], until, || false)
    }

    /// The same for any of several, and until `ready` says so after a [`wake`](Self::wake).
    pub(crate) fn wait_for_descriptors(
        &self,
        waited: &[Waited<'_>],
        until: Option<Instant>,
        ready: impl Fn() -> bool,
    ) -> Result<Wake, Stop> {
        let mut away = Away::default();
        let wait = |bell: Option<&(Bell, UnixStream)>| {
            *self.waiting.lock() = bell.map(|(bell, _)| bell.clone());
            let ear = bell.map(|(_, ear)| ear);
            let woken = self.wait_with(&mut away, ear, waited, until, ready);
            *self.waiting.lock() = None;
            // Who rang it too late did so before it was taken away.
            if let Some((_, ear)) = bell {
                let mut ear = ear;
                while matches!(ear.read(&mut [0; 64]), Ok(64)) {}
            }
            woken
        };
        let woken = BELL.with(|kept| wait(kept.get_or_init(bell).as_ref()))?;
        away.back(Some(self))?;
        Ok(woken)
    }

    fn wait_with(
        &self,
        away: &mut Away,
        ear: Option<&UnixStream>,
        waited: &[Waited<'_>],
        until: Option<Instant>,
        ready: impl Fn() -> bool,
    ) -> Result<Wake, Stop> {
        let mut polled: Vec<PollFd<'_>> =
            waited.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
        if let Some(ear) = ear {
            polled.push(PollFd::from_borrowed_fd(ear.as_fd(), PollFlags::IN));
        }
        loop {
            self.check()?;
            if self.interrupt_pending() {
                return Ok(Wake::Interrupted);
            }
            let now = Instant::now();
            if ready() || until.is_some_and(|until| now >= until) {
                return Ok(Wake::Elapsed);
            }
            if away.is_due(now, until) {
                let (none, at_once) = (Timespec::default(), &mut polled);
                if matches!(poll(at_once, Some(&none)), Ok(0) | Err(Errno::INTR)) {
                    away.begin();
                }
                // What is ready already is seen below.
            }
            let slice = if ear.is_none() { now.checked_add(SLICE) } else { None };
            let next = [until, self.next_look(), slice];
            let left = next.into_iter().flatten().min().map(|at| timespec(at - now));
            match poll(&mut polled, left.as_ref()) {
                Err(Errno::INTR) => continue,
                Err(_) => return Ok(Wake::Elapsed),
                Ok(_) => {}
            }
            if polled.iter().take(waited.len()).any(|one| !one.revents().is_empty()) {
                return Ok(Wake::Elapsed);
            }
            if let Some(mut ear) = ear {
                let _ = ear.read(&mut [0; 64]);
            }
        }
    }
}

fn timespec(wait: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(wait.subsec_nanos()),
    }
}
