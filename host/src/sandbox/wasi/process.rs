//! Calls about the process: arguments, environment, clocks, entropy.

use super::call::{Call, PIECE, element};
use super::errno::{Answer, Errno};
use crate::sandbox::memory::GuestBytes;

/// Nanoseconds: what the clocks tell apart.
const RESOLUTION: u64 = 1;

const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;

pub(super) fn args_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Answer {
    let sizes = sizes(&call.context.args)?;
    put_sizes(call, sizes, count, size)
}

pub(super) fn environ_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Answer {
    let sizes = sizes(&call.context.env)?;
    put_sizes(call, sizes, count, size)
}

/// How many texts there are, and their bytes with a null byte behind each.
fn sizes(texts: &[String]) -> Answer<(u32, u32)> {
    let size: usize = texts.iter().map(|text| text.len() + 1).sum();
    let number = |size| u32::try_from(size).map_err(|_| Errno::Overflow);
    Ok((number(texts.len())?, number(size)?))
}

fn put_sizes(call: &mut Call<'_>, sizes: (u32, u32), count: u32, size: u32) -> Answer {
    call.put_u32(count, sizes.0)?;
    call.put_u32(size, sizes.1)
}

pub(super) fn args_get(call: &mut Call<'_>, pointers: u32, texts: u32) -> Answer {
    put_texts(&mut call.memory, &call.context.args, pointers, texts)
}

pub(super) fn environ_get(call: &mut Call<'_>, pointers: u32, texts: u32) -> Answer {
    put_texts(&mut call.memory, &call.context.env, pointers, texts)
}

fn put_texts(memory: &mut GuestBytes<'_>, texts: &[String], pointers: u32, at: u32) -> Answer {
    let mut at = at;
    for (index, text) in (0..).zip(texts) {
        let pointer = element(pointers, index, 4).ok_or(Errno::Fault)?;
        memory.put(pointer, &at.to_le_bytes())?;
        memory.put(at, text.as_bytes())?;
        let end = u32::try_from(text.len()).ok().and_then(|len| at.checked_add(len));
        let end = end.ok_or(Errno::Fault)?;
        memory.put(end, &[0])?;
        at = end.checked_add(1).ok_or(Errno::Fault)?;
    }
    Ok(())
}

pub(super) fn clock_res_get(call: &mut Call<'_>, clock: u32, to: u32) -> Answer {
    match clock {
        REALTIME | MONOTONIC => call.put_u64(to, RESOLUTION),
        _ => Err(Errno::Invalid.into()),
    }
}

pub(super) fn clock_time_get(call: &mut Call<'_>, clock: u32, _precision: u64, to: u32) -> Answer {
    let clocks = &mut call.context.clocks;
    let time = match clock {
        REALTIME => clocks.read_time(),
        MONOTONIC => clocks.read_monotonic(),
        _ => return Err(Errno::Invalid.into()),
    };
    call.put_u64(to, time)
}

/// Fills the guest's own memory, piece by piece.
pub(super) fn random_get(call: &mut Call<'_>, at: u32, len: u32) -> Answer {
    for piece in call.memory.get_mut(at, len)?.chunks_mut(PIECE) {
        call.context.control.check()?;
        call.context.entropy.fill(piece)?;
    }
    Ok(())
}

pub(super) fn sched_yield(_: &mut Call<'_>) -> Answer {
    Ok(())
}

pub(super) fn proc_raise(_: &mut Call<'_>, _signal: u32) -> Answer {
    Err(Errno::NotSupported.into())
}
