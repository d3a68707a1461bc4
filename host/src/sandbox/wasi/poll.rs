//! `poll_oneoff`: sleeping and waiting for standard input, ended by deadlines and interruptions.
//!
//! Layouts are those of the `subscription` and `event` records of WASI preview 1
//! (48 and 32 bytes): <https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md>.

use crate::sandbox::control::{self, Stop, Wake};
use crate::sandbox::memory::GuestMemory;
use crate::sandbox::state::{HasSandbox, SandboxState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wasmtime::{AsContextMut, Caller};

const SUBSCRIPTION: usize = 48;
const EVENT: usize = 32;

/// More subscriptions than this in one call are refused.
const MOST_SUBSCRIPTIONS: u32 = 1024;

/// While input is waited for, the control is looked at this often.
const SLICE: Duration = Duration::from_millis(5);

const SUCCESS: i32 = 0;
const EFAULT: i32 = 21;
const EINTR: i32 = 27;
const EINVAL: i32 = 28;

const ABSOLUTE: u16 = 1;
const REALTIME: u32 = 0;
const STDIN: u32 = 0;

enum Wanted {
    Clock(Option<Instant>),
    Read(u32),
    Write,
}

struct Subscription {
    userdata: [u8; 8],
    wanted: Wanted,
}

impl Subscription {
    fn decode(raw: &[u8; SUBSCRIPTION], started: Instant) -> Option<Self> {
        let field = |at: usize| -> Option<[u8; 4]> { raw.get(at..at + 4)?.try_into().ok() };
        let long = |at: usize| -> Option<[u8; 8]> { raw.get(at..at + 8)?.try_into().ok() };
        let fd = u32::from_le_bytes(field(16)?);
        let wanted = match *raw.get(8)? {
            0 => {
                let timeout = Duration::from_nanos(u64::from_le_bytes(long(24)?));
                let [low, high, ..] = field(40)?;
                let absolute = u16::from_le_bytes([low, high]) & ABSOLUTE != 0;
                Wanted::Clock(due(fd, timeout, absolute, started))
            }
            1 => Wanted::Read(fd),
            2 => Wanted::Write,
            _ => return None,
        };
        Some(Self { userdata: long(0)?, wanted })
    }

    fn event(&self) -> [u8; EVENT] {
        let mut event = [0; EVENT];
        let [a, b, c, d, e, f, g, h, ..] = &mut event;
        for (byte, from) in [a, b, c, d, e, f, g, h].into_iter().zip(self.userdata) {
            *byte = from;
        }
        let kind = match self.wanted {
            Wanted::Clock(_) => 0,
            Wanted::Read(_) => 1,
            Wanted::Write => 2,
        };
        if let Some(byte) = event.get_mut(10) {
            *byte = kind;
        }
        event
    }
}

/// When a clock subscription is due; `None` is never, past what an instant can hold.
fn due(clock: u32, timeout: Duration, absolute: bool, started: Instant) -> Option<Instant> {
    let now = Instant::now();
    match (absolute, clock) {
        (false, _) => now.checked_add(timeout),
        (true, REALTIME) => {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now.checked_add(timeout.saturating_sub(wall))
        }
        (true, _) => started.checked_add(timeout),
    }
}

/// Waits until at least one of the guest's subscriptions is due.
pub(super) fn poll_oneoff<T: HasSandbox>(
    mut caller: Caller<'_, T>,
    subscriptions: i32,
    events: i32,
    count: i32,
    written: i32,
) -> wasmtime::Result<i32> {
    let count = count.cast_unsigned();
    if count == 0 || count > MOST_SUBSCRIPTIONS {
        return Ok(EINVAL);
    }
    let Some(memory) = caller.data().sandbox().memory else { return Ok(EFAULT) };
    let started = caller.data().sandbox().started;
    let mut wanted = Vec::new();
    for index in 0..count {
        let Some(address) = offset(subscriptions, index, SUBSCRIPTION) else { return Ok(EFAULT) };
        let Ok(raw) = memory.array::<SUBSCRIPTION>(&caller, address) else { return Ok(EFAULT) };
        match Subscription::decode(&raw, started) {
            Some(subscription) => wanted.push(subscription),
            None => return Ok(EINVAL),
        }
    }
    let ready = match wait(caller.data().sandbox(), &wanted)? {
        Some(ready) => ready,
        None => {
            control::raise_interrupt(caller.as_context_mut());
            // wasi-libc takes any failure of a sleep for ENOTSUP. So the time is over instead, and
            // CPython finds the interrupt right after.
            let clocks: Vec<_> =
                wanted.iter().filter(|one| matches!(one.wanted, Wanted::Clock(_))).collect();
            if clocks.is_empty() {
                return Ok(EINTR);
            }
            clocks
        }
    };
    match report(&mut caller, memory, &ready, events, written) {
        Some(()) => Ok(SUCCESS),
        None => Ok(EFAULT),
    }
}

fn report<T: HasSandbox>(
    caller: &mut Caller<'_, T>,
    memory: GuestMemory,
    ready: &[&Subscription],
    events: i32,
    written: i32,
) -> Option<()> {
    let mut count: u32 = 0;
    for subscription in ready {
        let address = offset(events, count, EVENT)?;
        memory.write(&mut *caller, address, &subscription.event()).ok()?;
        count += 1;
    }
    memory.write(&mut *caller, written.cast_unsigned(), &count.to_le_bytes()).ok()
}

fn offset(base: i32, index: u32, size: usize) -> Option<u32> {
    let size = u32::try_from(size).ok()?;
    base.cast_unsigned().checked_add(index.checked_mul(size)?)
}

/// The subscriptions that are due, or `None` when an interruption came first.
fn wait<'a>(
    state: &SandboxState,
    wanted: &'a [Subscription],
) -> Result<Option<Vec<&'a Subscription>>, Stop> {
    let wants_stdin = wanted.iter().any(|one| matches!(one.wanted, Wanted::Read(STDIN)));
    loop {
        let stdin_ready = wants_stdin && state.stdin.is_ready();
        let now = Instant::now();
        let ready: Vec<_> = wanted
            .iter()
            .filter(|one| match one.wanted {
                Wanted::Clock(at) => at.is_some_and(|at| now >= at),
                Wanted::Read(STDIN) => stdin_ready,
                Wanted::Read(_) | Wanted::Write => true,
            })
            .collect();
        if !ready.is_empty() {
            return Ok(Some(ready));
        }
        let clock = wanted
            .iter()
            .filter_map(|one| match one.wanted {
                Wanted::Clock(at) => at,
                _ => None,
            })
            .min();
        let slice = wants_stdin.then(|| now + SLICE);
        let until = [clock, slice].into_iter().flatten().min();
        if state.control.wait(until)? == Wake::Interrupted {
            return Ok(None);
        }
    }
}
