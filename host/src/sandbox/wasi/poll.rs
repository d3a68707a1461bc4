//! `poll_oneoff`: sleeping and waiting for standard input, sockets and the host's own work, ended by deadlines and
//! interruptions.
//!
//! Layouts are those of the `subscription` and `event` records of WASI preview 1
//! (48 and 32 bytes): <https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md>.

use super::Context;
use super::abi::Record;
use super::call::{Call, element};
use super::clocks::Clocks;
use super::descriptors::Descriptor;
use super::errno::{Answer, Errno};
use super::input::InputWait;
use crate::sandbox::control::{Stop, Wake};
use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;

/// More subscriptions than this in one call are refused.
pub(crate) const MOST_SUBSCRIPTIONS: u32 = 1024;

const ABSOLUTE: u16 = 1;
const REALTIME: u32 = 0;

enum Wanted {
    /// How long it is until it is due.
    Clock(Duration),
    Read(u32),
    Write(u32),
}

struct Subscription {
    userdata: [u8; 8],
    wanted: Wanted,
}

impl Subscription {
    fn decode(raw: &[u8; SUBSCRIPTION as usize], clocks: &Clocks) -> Option<Self> {
        let field = |at: usize| -> Option<[u8; 4]> { raw.get(at..at + 4)?.try_into().ok() };
        let long = |at: usize| -> Option<[u8; 8]> { raw.get(at..at + 8)?.try_into().ok() };
        let fd = u32::from_le_bytes(field(16)?);
        let wanted = match *raw.get(8)? {
            0 => {
                let timeout = u64::from_le_bytes(long(24)?);
                let [low, high, ..] = field(40)?;
                let absolute = u16::from_le_bytes([low, high]) & ABSOLUTE != 0;
                Wanted::Clock(match absolute {
                    true => clocks.until(timeout, fd != REALTIME),
                    false => Duration::from_nanos(timeout),
                })
            }
            1 => Wanted::Read(fd),
            2 => Wanted::Write(fd),
            _ => return None,
        };
        Some(Self { userdata: long(0)?, wanted })
    }

    fn is_clock(&self) -> bool {
        matches!(self.wanted, Wanted::Clock(_))
    }

    /// The event that it is due, or in error.
    fn event(&self, error: Option<Errno>) -> Record<{ EVENT as usize }> {
        let kind = match self.wanted {
            Wanted::Clock(_) => 0,
            Wanted::Read(_) => 1,
            Wanted::Write(_) => 2,
        };
        let [low, high, ..] = error.map_or(0, Errno::number).to_le_bytes();
        Record::new().with(0, self.userdata).with(8, [low, high]).with(10, [kind])
    }
}

/// Waits until at least one of the guest's subscriptions is due.
pub(super) fn poll_oneoff(
    call: &mut Call<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    to: u32,
) -> Answer {
    if count == 0 || count > MOST_SUBSCRIPTIONS {
        return Err(Errno::Invalid.into());
    }
    let mut wanted = Vec::new();
    for index in 0..count {
        let at = element(subscriptions, index, SUBSCRIPTION).ok_or(Errno::Fault)?;
        let raw = call.memory.array(at)?;
        let decoded = Subscription::decode(&raw, &call.context.clocks);
        wanted.push(decoded.ok_or(Errno::Invalid)?);
    }
    let ready = match wait(call.context, &wanted)? {
        Some(ready) => ready,
        None => {
            call.interrupted = true;
            // wasi-libc takes any failure of a sleep for ENOTSUP. So the time is over instead, and
            // CPython finds the interrupt right after.
            let clocks = wanted.iter().filter(|one| one.is_clock());
            let clocks: Vec<_> = clocks.map(|clock| (clock, None)).collect();
            if clocks.is_empty() {
                return Err(Errno::Interrupted.into());
            }
            clocks
        }
    };
    let mut told = 0;
    for (subscription, error) in ready {
        let at = element(events, told, EVENT).ok_or(Errno::Fault)?;
        call.memory.put(at, subscription.event(error).bytes())?;
        told += 1;
    }
    call.put_u32(to, told)
}

type Ready<'a> = Vec<(&'a Subscription, Option<Errno>)>;

/// What a due subscription can be a descriptor of that is none: whatever of the host has ended.
const HOST: u32 = ophidia_abi::HOST_DESCRIPTOR;

/// The subscriptions that are due, or `None` when an interruption came first.
fn wait<'a>(context: &mut Context, wanted: &'a [Subscription]) -> Result<Option<Ready<'a>>, Stop> {
    let clock = wanted.iter().filter_map(|one| match one.wanted {
        Wanted::Clock(time) => Some(time),
        _ => None,
    });
    let clock = clock.min();
    let begun = Instant::now();
    // Past what an instant can hold is never.
    let until = clock.and_then(|time| begun.checked_add(time));
    let mut passed = Duration::ZERO;
    loop {
        let mut ready = Vec::new();
        for subscription in wanted {
            if let Some(error) = is_due(context, subscription, passed) {
                ready.push((subscription, error));
            }
        }
        if !ready.is_empty() {
            context.clocks.pass(passed);
            return Ok(Some(ready));
        }
        let control = Arc::clone(&context.control);
        let waited = Waited::of(&context.descriptors, wanted);
        if let (true, Some(time), false) = (context.clocks.is_fixed(), clock, waited.network) {
            control.check()?;
            if control.interrupt_pending() {
                return Ok(None);
            }
            passed = time;
            continue;
        }
        let expiry = if waited.host { control.expiry() } else { None };
        let until = [until, waited.until, expiry].into_iter().flatten().min();
        let arrived = || {
            (waited.host && control.has_arrived())
                || waited.input.is_some_and(|arrived| arrived.load(Ordering::Acquire))
        };
        let woken = match waited.fds.is_empty() {
            true => control.wait_for(until, arrived)?,
            false => control.wait_for_descriptors(&waited.fds, until, arrived)?,
        };
        if woken == Wake::Interrupted {
            return Ok(None);
        }
        passed = begun.elapsed();
    }
}

/// How often standard input is looked at for an interpreter at rest.
const INPUT_SLICE: Duration = Duration::from_millis(20);

/// Descriptors that an interpreter at rest waits for, each with whether it is to be written to.
pub(crate) type Descriptors = BTreeSet<(u32, bool)>;

/// What is watched for an interpreter at rest.
pub(crate) struct Watched {
    /// Descriptors, each of its own, and what for. There are no more than the guest has open.
    pub(crate) fds: Vec<(OwnedFd, PollFlags)>,
    /// When to look again.
    pub(crate) until: Option<Instant>,
}

fn subscriptions(watched: &Descriptors) -> Vec<Subscription> {
    let wanted = watched.iter().map(|(fd, write)| match write {
        true => Wanted::Write(*fd),
        false => Wanted::Read(*fd),
    });
    wanted.map(|wanted| Subscription { userdata: [0; 8], wanted }).collect()
}

impl Context {
    /// Whether any of these descriptors is ready.
    pub(crate) fn any_ready(&mut self, watched: &Descriptors) -> bool {
        let wanted = subscriptions(watched);
        wanted.iter().any(|one| is_due(self, one, Duration::ZERO).is_some())
    }

    /// What the host has to watch for them.
    ///
    /// # Errors
    ///
    /// When the process has no descriptor left.
    pub(crate) fn watch(&self, watched: &Descriptors) -> std::io::Result<Watched> {
        let wanted = subscriptions(watched);
        let waited = Waited::of(&self.descriptors, &wanted);
        let mut until = waited.until;
        let mut flags: BTreeMap<i32, (BorrowedFd<'_>, PollFlags)> = BTreeMap::new();
        for (fd, more) in waited.fds {
            // Standard input may be shared with other processes, which expect it to block: it is looked at now and then.
            if fcntl_getfl(fd)?.contains(OFlags::NONBLOCK) {
                flags.entry(fd.as_raw_fd()).or_insert((fd, more)).1 |= more;
            } else {
                until =
                    [until, Instant::now().checked_add(INPUT_SLICE)].into_iter().flatten().min();
            }
        }
        let own = |(fd, flags): (BorrowedFd<'_>, _)| Ok((fd.try_clone_to_owned()?, flags));
        let fds = flags.into_values().map(own).collect::<std::io::Result<_>>()?;
        Ok(Watched { fds, until })
    }

    /// Lets the guest's clock, where it does not run by itself, go on by so much; whether it has.
    pub(crate) fn pass(&mut self, time: Duration) -> bool {
        let fixed = self.clocks.is_fixed();
        if fixed {
            self.clocks.pass(time);
        }
        fixed
    }
}

/// What subscriptions wait for that are not due.
#[derive(Default)]
struct Waited<'a> {
    fds: Vec<(BorrowedFd<'a>, PollFlags)>,
    until: Option<Instant>,
    /// Set when there is input, where a thread reads it.
    input: Option<&'a AtomicBool>,
    /// Whether it is for something of the host to end, and for the network.
    host: bool,
    network: bool,
}

impl<'a> Waited<'a> {
    fn of(descriptors: &'a super::Descriptors, wanted: &[Subscription]) -> Self {
        let mut waited = Self::default();
        for subscription in wanted {
            let (fd, write) = match subscription.wanted {
                Wanted::Clock(_) => continue,
                Wanted::Read(fd) => (fd, false),
                Wanted::Write(fd) => (fd, true),
            };
            waited.host |= fd == HOST;
            match descriptors.get(fd) {
                Ok(Descriptor::Input(stdin)) => match stdin.waits_for() {
                    InputWait::Descriptor(fd) => waited.fds.push((fd, PollFlags::IN)),
                    InputWait::Thread(arrived) => waited.input = Some(arrived),
                    InputWait::Nothing => {}
                },
                Ok(Descriptor::Socket(socket)) => {
                    if let Some((fd, flags, until)) = socket.waits_for(write) {
                        waited.network = true;
                        waited.fds.push((fd, flags));
                        waited.until = [waited.until, until].into_iter().flatten().min();
                    }
                }
                _ => {}
            }
        }
        waited
    }
}

/// Whether a subscription is due, and with which error.
fn is_due(
    context: &mut Context,
    subscription: &Subscription,
    passed: Duration,
) -> Option<Option<Errno>> {
    let (fd, write) = match subscription.wanted {
        Wanted::Clock(time) => return (passed >= time).then_some(None),
        Wanted::Read(HOST) => return context.control.has_arrived().then_some(None),
        Wanted::Read(fd) => (fd, false),
        Wanted::Write(fd) => (fd, true),
    };
    match context.descriptors.get_mut(fd) {
        Ok(Descriptor::Input(stdin)) if !write => stdin.is_ready(&context.control).then_some(None),
        Ok(Descriptor::Socket(socket)) => {
            socket.is_ready(write, &mut context.network.traffic).then_some(None)
        }
        // Files and folders are always ready, and so is output, which waits when it is written.
        Ok(
            Descriptor::Input(_)
            | Descriptor::Output(_)
            | Descriptor::Folder(_)
            | Descriptor::File(_)
            | Descriptor::Tls(_),
        ) => Some(None),
        Ok(Descriptor::Lost(_)) | Err(_) => Some(Some(Errno::BadDescriptor)),
    }
}
