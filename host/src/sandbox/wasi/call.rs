//! One call of the guest: its memory, what it holds, and the buffers that it names.

use super::Context;
use super::errno::{Answer, Errno};
use crate::sandbox::ledger::Ledger;
use crate::sandbox::memory::GuestBytes;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The longest path, as on Linux.
const LONGEST_PATH: u32 = 4096;

/// The most buffers of one reading or writing call, as on Linux.
const MOST_BUFFERS: u32 = 1024;

/// The most bytes that are moved without a look at the deadline.
pub(super) const PIECE: usize = 1 << 20;

/// What a call is answered from.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) memory: GuestBytes<'a>,
    pub(super) context: &'a mut Context,
    pub(super) ledger: &'a mut Ledger,
    /// Whether the guest is to raise `KeyboardInterrupt` when it goes on.
    pub(super) interrupted: bool,
    /// What is to be said of the error of the call before this one.
    pub(super) denial: Option<(Errno, String)>,
}

/// A path in the guest's memory, not believed in any way.
pub(super) fn path<'a>(memory: &'a GuestBytes<'_>, at: u32, len: u32) -> Answer<&'a Path> {
    if len > LONGEST_PATH {
        return Err(Errno::NameTooLong.into());
    }
    Ok(Path::new(OsStr::from_bytes(memory.get(at, len)?)))
}

/// The buffers of a reading or writing call, as the guest names them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffers {
    at: u32,
    count: u32,
}

impl Buffers {
    pub(super) fn new(at: u32, count: u32) -> Answer<Self> {
        if count > MOST_BUFFERS {
            return Err(Errno::Invalid.into());
        }
        Ok(Self { at, count })
    }

    pub(super) fn indices(self) -> std::ops::Range<u32> {
        0..self.count
    }

    /// Address and length of one buffer, which lies in the guest's memory.
    pub(super) fn get(self, memory: &GuestBytes<'_>, index: u32) -> Answer<(u32, u32)> {
        let at = element(self.at, index, 8).ok_or(Errno::Fault)?;
        let [a, b, c, d, e, f, g, h] = memory.array(at)?;
        let (at, len) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        memory.get(at, len)?;
        Ok((at, len))
    }
}

/// The address of an array's element; `None` past the end of the address space.
pub(super) fn element(base: u32, index: u32, size: u32) -> Option<u32> {
    base.checked_add(index.checked_mul(size)?)
}

impl Call<'_> {
    pub(super) fn put_u32(&mut self, at: u32, value: u32) -> Answer {
        Ok(self.memory.put(at, &value.to_le_bytes())?)
    }

    pub(super) fn put_u64(&mut self, at: u32, value: u64) -> Answer {
        Ok(self.memory.put(at, &value.to_le_bytes())?)
    }
}
