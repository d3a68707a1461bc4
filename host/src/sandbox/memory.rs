//! The only place that touches guest bytes: every address and length is checked here.

use crate::error::{Error, Result};
use ophidia_abi::{Frame, Slot, SlotIndex};
use wasmtime::{AsContext, AsContextMut, Caller, Memory, StoreContext, StoreContextMut};

/// A guest's linear memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuestMemory(pub(crate) Memory);

impl GuestMemory {
    /// `len` bytes at `address`.
    #[inline]
    pub(crate) fn bytes(self, store: &impl AsContext, address: u32, len: u32) -> Result<&[u8]> {
        let data = self.0.data(store.as_context());
        let start = usize::try_from(address).map_err(|_| out_of_bounds(address, len))?;
        let len_bytes = usize::try_from(len).map_err(|_| out_of_bounds(address, len))?;
        let end = start.checked_add(len_bytes).ok_or_else(|| out_of_bounds(address, len))?;
        data.get(start..end).ok_or_else(|| out_of_bounds(address, len))
    }

    /// All of it, as it is at this moment.
    pub(crate) fn all<T: 'static>(self, store: StoreContext<'_, T>) -> &[u8] {
        self.0.data(store)
    }

    /// All of it, to write to.
    pub(crate) fn all_mut<T: 'static>(self, store: StoreContextMut<'_, T>) -> &mut [u8] {
        self.0.data_mut(store)
    }

    /// The `N` bytes at `address`.
    #[inline]
    pub(crate) fn array<const N: usize>(
        self,
        store: impl AsContext,
        address: u32,
    ) -> Result<[u8; N]> {
        let mut array = [0; N];
        let len = u32::try_from(N).map_err(|_| out_of_bounds(address, u32::MAX))?;
        let start = usize::try_from(address).map_err(|_| out_of_bounds(address, len))?;
        self.0.read(store, start, &mut array).map_err(|_| out_of_bounds(address, len))?;
        Ok(array)
    }

    #[inline]
    pub(crate) fn u32(self, store: impl AsContext, address: u32) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(store, address)?))
    }

    #[inline]
    pub(crate) fn write(self, store: impl AsContextMut, address: u32, bytes: &[u8]) -> Result<()> {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let start = usize::try_from(address).map_err(|_| out_of_bounds(address, len))?;
        self.0.write(store, start, bytes).map_err(|_| out_of_bounds(address, len))
    }

    /// A slot of the frame at `frame`.
    #[inline]
    pub(crate) fn slot(self, store: &impl AsContext, frame: u32, index: SlotIndex) -> Result<Slot> {
        let at = frame.checked_add(Frame::slot_offset(index));
        at.and_then(|at| self.find_slot(store, at)).ok_or_else(|| out_of_bounds(frame, Frame::SIZE))
    }

    /// The slot at an address; `None` when it lies outside.
    #[inline]
    pub(crate) fn find_slot(self, store: &impl AsContext, at: u32) -> Option<Slot> {
        slot_in(self.0.data(store), at)
    }

    /// All of it, to write to, and what the store holds.
    #[inline]
    pub(crate) fn all_and_state<'a, T: 'static>(
        self,
        store: &'a mut StoreContextMut<'_, T>,
    ) -> (&'a mut [u8], &'a mut T) {
        self.0.data_and_store_mut(store)
    }
}

impl GuestMemory {
    /// All of it, while a call of the guest is answered, and what the store holds.
    #[inline]
    pub(crate) fn answering<'a, T: 'static>(
        self,
        caller: &'a mut Caller<'_, T>,
    ) -> (GuestBytes<'a>, &'a mut T) {
        let (memory, data) = self.0.data_and_store_mut(caller);
        (GuestBytes(memory), data)
    }
}

/// A guest's memory while one of its calls is answered. Addresses and lengths are the guest's.
#[derive(Debug)]
pub(crate) struct GuestBytes<'a>(&'a mut [u8]);

impl GuestBytes<'_> {
    /// `len` bytes at `address`.
    #[inline]
    pub(crate) fn get(&self, address: u32, len: u32) -> Result<&[u8]> {
        let place = range(address, len).and_then(|place| self.0.get(place));
        place.ok_or_else(|| out_of_bounds(address, len))
    }

    /// The same, to write to.
    #[inline]
    pub(crate) fn get_mut(&mut self, address: u32, len: u32) -> Result<&mut [u8]> {
        let place = range(address, len).and_then(|place| self.0.get_mut(place));
        place.ok_or_else(|| out_of_bounds(address, len))
    }

    /// The `N` bytes at `address`.
    #[inline]
    pub(crate) fn array<const N: usize>(&self, address: u32) -> Result<[u8; N]> {
        let rest = usize::try_from(address).ok().and_then(|start| self.0.get(start..));
        let array = rest.and_then(|rest| rest.first_chunk());
        array.copied().ok_or_else(|| out_of_bounds(address, u32::try_from(N).unwrap_or(u32::MAX)))
    }

    /// Writes these bytes.
    #[inline]
    pub(crate) fn put(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| out_of_bounds(address, u32::MAX))?;
        self.get_mut(address, len)?.copy_from_slice(bytes);
        Ok(())
    }
}

fn range(address: u32, len: u32) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(address).ok()?;
    Some(start..start.checked_add(usize::try_from(len).ok()?)?)
}

/// The slot at an address of a guest's memory; `None` when it lies outside.
#[inline]
pub(crate) fn slot_in(memory: &[u8], at: u32) -> Option<Slot> {
    // Each word is loaded as it was stored: all at once would wait until the stores are through.
    let (tag, rest) = memory.get(at as usize..)?.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    let (payload, _) = rest.split_first_chunk()?;
    Some(Slot {
        tag: u32::from_le_bytes(*tag),
        len: u32::from_le_bytes(*len),
        payload: u64::from_le_bytes(*payload),
    })
}

/// Writes a slot into a guest's memory; whether it lies in it.
#[inline]
pub(crate) fn put_slot(memory: &mut [u8], at: usize, slot: Slot) -> bool {
    let mut put = || -> Option<()> {
        let (tag, rest) = memory.get_mut(at..)?.split_first_chunk_mut()?;
        let (len, rest) = rest.split_first_chunk_mut()?;
        let (payload, _) = rest.split_first_chunk_mut()?;
        *tag = slot.tag.to_le_bytes();
        *len = slot.len.to_le_bytes();
        *payload = slot.payload.to_le_bytes();
        Some(())
    };
    put().is_some()
}

#[cold]
fn out_of_bounds(address: u32, len: u32) -> Error {
    Error::GuestFault(format!(
        "the guest named {len} bytes at address {address:#x}, outside its memory"
    ))
}
