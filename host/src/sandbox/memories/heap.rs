//! Where exceptions of C++ are kept: a heap that begins empty, and moves when it grows.
//!
//! It is wasmtime's. Guests have no address in it, and each access of compiled code is checked against its size.
#![expect(unsafe_code, reason = "mapping memory")]

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};

/// A heap; nothing as long as no exception was thrown.
pub(super) struct Heap {
    bytes: Option<NonNull<c_void>>,
    size: usize,
}

// SAFETY: it is address space that belongs to this value; changing it takes `&mut`.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

impl Heap {
    pub(super) fn new(size: usize) -> io::Result<Self> {
        let mut heap = Self { bytes: None, size: 0 };
        heap.grow_to(size)?;
        Ok(heap)
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.bytes.map_or(NonNull::<u128>::dangling().as_ptr().cast(), |at| at.as_ptr().cast())
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Makes it larger, with zeros. It lies elsewhere then.
    pub(super) fn grow_to(&mut self, size: usize) -> io::Result<()> {
        if size <= self.size {
            return Ok(());
        }
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping wherever there is room, which nothing else refers to.
        let at = unsafe { mmap_anonymous(ptr::null_mut(), size, rights, MapFlags::PRIVATE)? };
        let bytes = NonNull::new(at).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // SAFETY: the new mapping is larger than this one, and neither lies within the other. Without one there is
        // nothing to copy.
        unsafe { ptr::copy_nonoverlapping(self.base(), at.cast(), self.size) };
        drop(std::mem::replace(self, Self { bytes: Some(bytes), size }));
        Ok(())
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        if let Some(bytes) = self.bytes {
            // SAFETY: the whole mapping. Nothing keeps addresses of it: wasmtime asks anew after it has grown.
            let _ = unsafe { munmap(bytes.as_ptr(), self.size) };
        }
    }
}
