//! `poll_oneoff`: sleeping and waiting for standard input, ended by deadlines and interruptions.
//!
//! Layouts are those of the `subscription` and `event` records of WASI preview 1
//! (48 and 32 bytes): <https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md>.

use super::abi::Record;
use super::call::{Call, element};
use super::clocks::Clocks;
use super::descriptors::Descriptor;
use super::errno::{Answer, Errno};
use super::{Context, Stdin};
use crate::sandbox::control::{Stop, Wake};
use std::time::{Duration, Instant};

const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;

/// More subscriptions than this in one call are refused.
const MOST_SUBSCRIPTIONS: u32 = 1024;

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
        let mut waited = None;
        for subscription in wanted {
            match is_due(context, subscription, passed) {
                Due::Yes(error) => ready.push((subscription, error)),
                Due::No => {}
                Due::WhenInput(fd) => waited = Some(fd),
            }
        }
        if !ready.is_empty() {
            context.clocks.pass(passed);
            return Ok(Some(ready));
        }
        let control = &context.control;
        if let (true, Some(time)) = (context.clocks.is_fixed(), clock) {
            control.check()?;
            if control.interrupt_pending() {
                return Ok(None);
            }
            passed = time;
            continue;
        }
        let woken = match waited.and_then(|fd| stdin(&context.descriptors, fd)) {
            Some(stdin) => stdin.wait(control, until)?,
            None => control.wait(until)?,
        };
        if woken == Wake::Interrupted {
            return Ok(None);
        }
        passed = begun.elapsed();
    }
}

enum Due {
    Yes(Option<Errno>),
    No,
    /// When there is input at this descriptor.
    WhenInput(u32),
}

fn is_due(context: &mut Context, subscription: &Subscription, passed: Duration) -> Due {
    let fd = match subscription.wanted {
        Wanted::Clock(time) => return if passed >= time { Due::Yes(None) } else { Due::No },
        Wanted::Read(fd) | Wanted::Write(fd) => fd,
    };
    match (context.descriptors.get_mut(fd), &subscription.wanted) {
        (Ok(Descriptor::Input(stdin)), Wanted::Read(_)) => {
            if stdin.is_ready(&context.control) {
                Due::Yes(None)
            } else {
                Due::WhenInput(fd)
            }
        }
        // Files and folders are always ready, and so is output, which waits when it is written.
        (Ok(_), _) => Due::Yes(None),
        (Err(_), _) => Due::Yes(Some(Errno::BadDescriptor)),
    }
}

fn stdin(descriptors: &super::Descriptors, fd: u32) -> Option<&Stdin> {
    match descriptors.get(fd) {
        Ok(Descriptor::Input(stdin)) => Some(stdin),
        _ => None,
    }
}
