//! What hands slots to wasmtime.
//!
//! Wasmtime asks for memories while an instance is made, and does not say for whom. So whoever makes one leaves its
//! slot with the thread ([`with`]). A heap of exceptions is told from a memory by what is to be reserved for it, which
//! is nothing.
#![expect(unsafe_code, reason = "promises to wasmtime what memories are")]

use super::heap::Heap;
use super::slot::Slot;
use super::{Ready, Taken};
use crate::image::engine::{GUARD, MEMORY_SIZE};
use std::cell::RefCell;
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

thread_local! {
    /// The slot for the memory that is made next.
    static NEXT: RefCell<Option<Ready>> = const { RefCell::new(None) };
}

/// Has this function make a memory in a slot. When it returns, the slot is not left.
pub(super) fn with<T>(ready: Ready, make: impl FnOnce() -> T) -> T {
    struct Emptied(Option<Ready>);
    impl Drop for Emptied {
        fn drop(&mut self) {
            let before = self.0.take();
            drop(NEXT.with(|next| next.replace(before)));
        }
    }
    let _emptied = Emptied(NEXT.with(|next| next.replace(Some(ready))));
    make()
}

/// Makes memories of the slots that are left with the thread.
pub(super) struct Creator;

// SAFETY: a slot is page-aligned address space of its own, of `MEMORY_SIZE` bytes, of which `byte_size` can be read and
// written; what follows, and `GUARD` bytes behind it, cannot be touched (`slot`). What wasmtime asks for is compared
// with that. Nothing but wasmtime touches it from here until the memory is dropped (`Taken` hands out no address). A
// heap is zeros, of which wasmtime was told that nothing is reserved behind it, so that it compiles checks.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        ty: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        if (reserved, guard) == (Some(0), 0) {
            let heap = Heap::new(minimum);
            let heap = heap.map_err(|error| format!("a heap of {minimum} bytes: {error}"))?;
            return Ok(Box::new(heap));
        }
        if reserved.is_none_or(|bytes| bytes > MEMORY_SIZE)
            || guard > GUARD
            || ty.is_64()
            || ty.is_shared()
        {
            return Err(format!(
                "{ty:?}, {reserved:?} bytes and {guard} behind it: no such memory"
            ));
        }
        let next = NEXT.with(|next| next.take());
        let Some(Ready(memory)) = next else { return Err("nothing to begin a memory with".into()) };
        let (size, most) = (memory.byte_size(), maximum.unwrap_or(MEMORY_SIZE));
        if (minimum..=most).contains(&size) {
            return Ok(Box::new(memory));
        }
        Err(format!("a memory of {minimum} to {most} bytes, which begins with {size}"))
    }
}

// SAFETY: the address stays the same as long as the value lives, and the size says what can be read and written. The
// slot is there until the value is dropped.
unsafe impl LinearMemory for Taken {
    fn byte_size(&self) -> usize {
        self.slot.as_ref().map_or(0, Slot::size)
    }

    fn byte_capacity(&self) -> usize {
        MEMORY_SIZE
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        self.slot.as_mut().map_or(Ok(()), |slot| slot.grow_to(size))?;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.slot.as_ref().map_or(std::ptr::null_mut(), Slot::base)
    }
}

// SAFETY: the address stays the same but for when it grows, and then wasmtime asks again. The size says what can be
// read and written.
unsafe impl LinearMemory for Heap {
    fn byte_size(&self) -> usize {
        self.size()
    }

    fn byte_capacity(&self) -> usize {
        self.size()
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        Ok(Heap::grow_to(self, size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.base()
    }
}
