//! A slot: address space for one memory, mapped to what the memory begins with.
//!
//! ```text
//! | guard, 32 MiB | what it begins with | what it has grown by | nothing, up to 4 GiB | guard, 32 MiB |
//!                 ^ base
//! ```
//!
//! All of it is one mapping of the slot's own, in which pieces are replaced or given other rights. Guards and what is
//! not yet grown cannot be touched.
#![expect(unsafe_code, reason = "mapping memory")]

use super::pages::Pages;
use super::pristine::Pristine;
use crate::image::engine::{GUARD, MEMORY_SIZE};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};
use rustix::param::page_size;
use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};

/// Address space of a slot.
const RESERVED: usize = GUARD + MEMORY_SIZE + GUARD;

/// Address space for one memory.
///
/// Whoever has it has all of it to himself: no reference and no address of it outlives the value, but for those that
/// wasmtime has between [`creator`](super::creator) and the drop of the memory that it was given, in which the slot
/// lies.
pub(super) struct Slot {
    /// Where the reservation begins.
    start: NonNull<c_void>,
    /// Bytes from the base on that can be read and written.
    size: usize,
    /// How many of them are private mappings of what the memory begins with. What follows is anonymous.
    mapped: usize,
}

// SAFETY: it is address space that belongs to this value; changing it takes `&mut`.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

impl Slot {
    /// A new one, that holds what a memory begins with.
    pub(super) fn new(pristine: &Pristine) -> io::Result<Self> {
        // SAFETY: a new mapping wherever there is room, which nothing else refers to.
        let start =
            unsafe { mmap_anonymous(ptr::null_mut(), RESERVED, ProtFlags::empty(), private())? };
        let start = NonNull::new(start).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut slot = Self { start, size: 0, mapped: 0 };
        slot.map(pristine)?;
        Ok(slot)
    }

    /// The address of the memory's first byte.
    pub(super) fn base(&self) -> *mut u8 {
        self.start.as_ptr().cast::<u8>().wrapping_add(GUARD)
    }

    /// Bytes that can be read and written.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Gives the memory more, which reads as zeros.
    pub(super) fn grow_to(&mut self, size: usize) -> io::Result<()> {
        if size > MEMORY_SIZE {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let Some(more) = size.checked_sub(self.size) else { return Ok(()) };
        if more > 0 {
            let flags = MprotectFlags::READ | MprotectFlags::WRITE;
            // SAFETY: pages of this slot that could not be touched, so there is no reference to them. They are zeros:
            // new ones, or reset.
            unsafe { mprotect(self.at(self.size), more, flags)? };
            self.size = size;
        }
        Ok(())
    }

    /// Puts back what the memory began with; gives how many bytes of its pages stay in memory, `may_keep` at most.
    ///
    /// After an error it may hold anything.
    pub(super) fn reset(
        &mut self,
        pristine: &Pristine,
        pages: &Pages,
        may_keep: usize,
    ) -> io::Result<usize> {
        if self.mapped != pristine.size() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let kept = self.copy_back(pristine, pages, may_keep);
        let (kept, rest) = kept.unwrap_or((0, 0));
        if rest < self.size {
            if rest == 0 && pages.plain() {
                self.map(pristine)?;
                return Ok(0);
            }
            self.discard_from(rest)?;
        }
        if let Some(grown @ 1..) = self.size.checked_sub(self.mapped) {
            // SAFETY: pages of this slot to which there is no reference. They read as zeros when they are given again.
            unsafe { mprotect(self.at(self.mapped), grown, MprotectFlags::empty())? };
            self.size = self.mapped;
        }
        Ok(kept)
    }

    /// Copies back the pages that were written to, the first so many bytes of them; gives how many that were, and where
    /// those begin that were left as they are. `None` when the system does not tell which they are.
    fn copy_back(
        &mut self,
        pristine: &Pristine,
        pages: &Pages,
        may_keep: usize,
    ) -> Option<(usize, usize)> {
        let mut kept = 0;
        for (mapped, from, to) in [(true, 0, self.mapped), (false, self.mapped, self.size)] {
            let mut at = from;
            while at < to {
                let wanted = may_keep - kept;
                if wanted < page_size() {
                    return Some((kept, at));
                }
                let start = self.base() as usize;
                let written = pages.written(start + at..start + to, mapped, wanted)?;
                for range in &written.ranges {
                    let (from, len) = (range.start - start, range.len());
                    // SAFETY: the kernel names pages between the addresses that it was given, so they lie in this slot
                    // and can be written to, and nothing refers to them. Those of the mapping have as many bytes to
                    // read at the same distance from the beginning of `pristine`, which is as long (compared in
                    // `reset`), and lies elsewhere.
                    unsafe {
                        let page = self.at(from).cast::<u8>();
                        if mapped {
                            let begins = pristine.bytes().as_ptr().add(from);
                            ptr::copy_nonoverlapping(begins, page, len);
                        } else {
                            page.write_bytes(0, len);
                        }
                    }
                    kept += len;
                }
                at = written.end - start;
            }
        }
        Some((kept, self.size))
    }

    /// Gives up what was written, so that all reads as it did at the beginning. Of a slot that is reset.
    pub(super) fn discard(&mut self) -> io::Result<()> {
        self.discard_from(0)
    }

    /// The same from one page on.
    #[cfg(target_os = "linux")]
    fn discard_from(&mut self, from: usize) -> io::Result<()> {
        use rustix::mm::{Advice, madvise};
        // SAFETY: pages of this slot to which there is no reference. They are private copies of the file's or anonymous
        // ones; without them it reads as the file, or as zeros. The kernel does nothing else and says so if it does
        // not.
        unsafe { madvise(self.at(from), self.size - from, Advice::LinuxDontNeed)? };
        Ok(())
    }

    /// Elsewhere the advice is only that: nothing is kept that could be given up.
    #[cfg(not(target_os = "linux"))]
    fn discard_from(&mut self, _: usize) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Maps anew what a memory begins with, and nothing behind it. What was there is gone.
    fn map(&mut self, pristine: &Pristine) -> io::Result<()> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        let flags = private() | MapFlags::FIXED;
        for piece in pristine.pieces() {
            let (at, len) = (self.at(piece.at.start), piece.at.len());
            // SAFETY: replaces pages within this slot (a beginning is not longer than a memory can be, and its pieces lie
            // within it: `pristine`), to which there is no reference. The mapping is private: what is written to it
            // stays here.
            unsafe { mmap(at, len, rights, flags, &piece.file, piece.at.start as u64)? };
        }
        let size = pristine.size();
        if let Some(grown @ 1..) = self.size.checked_sub(size) {
            // SAFETY: as above, and what is mapped is new.
            unsafe { mmap_anonymous(self.at(size), grown, ProtFlags::empty(), flags)? };
        }
        (self.size, self.mapped) = (size, size);
        Ok(())
    }

    /// The address so many bytes from the base.
    fn at(&self, distance: usize) -> *mut c_void {
        self.base().wrapping_add(distance).cast()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: the whole reservation, made in `new`. Nothing keeps addresses of it. Should the system refuse, it
        // stays reserved for ever, and nobody uses it.
        let _ = unsafe { munmap(self.start.as_ptr(), RESERVED) };
    }
}

/// Pages of this process alone, for which no swap space is set aside.
fn private() -> MapFlags {
    #[cfg(target_os = "linux")]
    return MapFlags::PRIVATE | MapFlags::NORESERVE;
    #[cfg(not(target_os = "linux"))]
    return MapFlags::PRIVATE;
}

#[cfg(test)]
impl Slot {
    /// What it holds, for tests.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: all of it can be read, and is this value's.
        unsafe { std::slice::from_raw_parts(self.base(), self.size) }
    }

    /// The same, to write to.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: all of it can be read and written, and is this value's.
        unsafe { std::slice::from_raw_parts_mut(self.base(), self.size) }
    }
}
