//! Plain values: what lies in a slot of the frame as it is, without an encoding.

use super::{HasBridge, Value, text};
use crate::error::{Error, Result};
use crate::sandbox::memory::{put_slot, slot_in};
use crate::value::Object;
use crate::value::handle::Domain;
use ophidia_abi::{Frame, OPERANDS, Slot, SlotIndex, Tag};
use std::ops::Range;
use std::sync::Arc;
use wasmtime::{AsContext, StoreContextMut};

/// A plain value on its way out of the guest.
#[derive(Clone, Copy, Debug)]
pub enum Plain<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` that fits 64 bits.
    Int(i64),
    /// A `float`.
    Float(f64),
    /// A `str` without lone surrogates.
    Str(&'a str),
}

impl From<Plain<'_>> for Value {
    fn from(value: Plain<'_>) -> Self {
        match value {
            Plain::None => Self::None,
            Plain::Bool(value) => Self::Bool(value),
            Plain::Int(value) => Self::Int(value),
            Plain::Float(value) => Self::Float(value),
            Plain::Str(text) => Self::Str(text.to_owned()),
        }
    }
}

/// What is in the value slot of the present level, when that is plain. Anything else, also what is wrong
/// with it, is [`value`](super::value)'s to tell.
#[inline]
pub(crate) fn plain<'a, T: HasBridge>(store: &'a StoreContextMut<'_, T>) -> Option<Plain<'a>> {
    let room = super::owner(store.data()).room();
    plain_at(store, Frame::slot_offset(SlotIndex::Value), room)
}

/// As [`plain`], of an argument of a function of the host that the guest has left as an operand.
#[inline]
pub(crate) fn operand<'a, T: HasBridge>(
    store: &'a StoreContextMut<'_, T>,
    index: u32,
) -> Option<Plain<'a>> {
    // What they take in all is counted already.
    plain_at(store, Frame::OPERANDS + index * Slot::SIZE, store.data().bridge().value_limit)
}

/// So many of them as values.
pub(crate) fn operands<T: HasBridge>(
    store: &StoreContextMut<'_, T>,
    count: u32,
) -> Result<Vec<Value>> {
    let value = |index| operand(store, index).map(Value::from).ok_or_else(|| not_plain(index));
    (0..count).map(value).collect()
}

/// What so many of them take of the host, which is bounded as that of other arguments.
#[inline]
pub(crate) fn operands_size<T: HasBridge>(
    store: &StoreContextMut<'_, T>,
    count: u32,
) -> Result<u64> {
    let state = store.data().bridge();
    let (held, _) = state.arguments.used();
    let mut size = 0;
    for index in 0..count {
        if index >= OPERANDS {
            return Err(not_plain(index));
        }
        let slot = slot_at(store, Frame::OPERANDS + index * Slot::SIZE);
        let slot = slot.ok_or_else(|| not_plain(index))?;
        let text = if slot.tag == Tag::Str as u32 { slot.len } else { 0 };
        size += size_of::<Value>() as u64 + u64::from(text);
    }
    let owner = super::Owner { held, ..super::owner(store.data()) };
    if size > owner.room() {
        return Err(owner.exceeded().into());
    }
    Ok(size)
}

#[cold]
fn not_plain(index: u32) -> Error {
    Error::GuestFault(format!("operand {index} is not plain"))
}

/// A slot of the present level's frame.
#[inline]
pub(super) fn slot_at<T: HasBridge>(store: &StoreContextMut<'_, T>, offset: u32) -> Option<Slot> {
    let state = store.data().sandbox();
    state.memory?.find_slot(store, state.frame().checked_add(offset)?)
}

/// What is in a slot at an address. The length of a text is looked at before the text is.
#[inline]
fn plain_at<'a, T: HasBridge>(
    store: &'a StoreContextMut<'_, T>,
    offset: u32,
    most: u64,
) -> Option<Plain<'a>> {
    let sandbox = store.data().sandbox();
    let at = sandbox.frame().checked_add(offset)?;
    let memory = sandbox.memory?.all(store.as_context());
    let slot = slot_in(memory, at)?;
    Some(match Tag::from_number(slot.tag)? {
        Tag::None => Plain::None,
        Tag::Bool => Plain::Bool(slot.payload != 0),
        Tag::Int => Plain::Int(slot.payload.cast_signed()),
        Tag::Float => Plain::Float(f64::from_bits(slot.payload)),
        Tag::Str if u64::from(slot.len) <= most => {
            let start = usize::try_from(slot.payload).ok()?;
            let end = start.checked_add(slot.len as usize)?;
            Plain::Str(text(memory.get(start..end)?).ok()?)
        }
        _ => return None,
    })
}

/// Plain values on their way into the guest: operands of an operation, or the answer of a function.
///
/// What cannot be put goes in as an encoding instead.
#[derive(Debug)]
pub struct Operands<'a> {
    domain: &'a Arc<Domain>,
    memory: &'a mut [u8],
    /// Where the first slot is.
    slots: usize,
    count: u32,
    /// Room for texts.
    room: Range<usize>,
}

impl<'a> Operands<'a> {
    /// For the present level of a guest.
    #[inline]
    pub(crate) fn new(memory: &'a mut [u8], state: &'a impl HasBridge) -> Self {
        let sandbox = state.sandbox();
        let slots = sandbox.frame().wrapping_add(Frame::OPERANDS) as usize;
        let domain = &state.bridge().domain;
        Self { domain, memory, slots, count: 0, room: sandbox.short_input() }
    }

    /// How many there are.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Whether there was room.
    #[inline]
    fn put(&mut self, tag: Tag, len: u32, payload: u64) -> bool {
        if self.count == OPERANDS {
            return false;
        }
        let at = self.slots + (self.count * Slot::SIZE) as usize;
        self.count += 1;
        put_slot(self.memory, at, Slot { tag: tag as u32, len, payload })
    }

    /// `None`.
    #[inline]
    pub(crate) fn none(&mut self) -> bool {
        self.put(Tag::None, 0, 0)
    }

    /// A `bool`.
    #[inline]
    pub(crate) fn bool(&mut self, value: bool) -> bool {
        self.put(Tag::Bool, 0, value.into())
    }

    /// An `int`.
    #[inline]
    pub(crate) fn int(&mut self, value: i64) -> bool {
        self.put(Tag::Int, 0, value.cast_unsigned())
    }

    /// A `float`.
    #[inline]
    pub(crate) fn float(&mut self, value: f64) -> bool {
        self.put(Tag::Float, 0, value.to_bits())
    }

    /// A `str`.
    #[inline]
    pub(crate) fn str(&mut self, value: &str) -> bool {
        let start = self.room.start;
        let end = start + value.len();
        let fits = end <= self.room.end;
        let Some(to) = self.memory.get_mut(start..end).filter(|_| fits) else { return false };
        to.copy_from_slice(value.as_bytes());
        self.room.start = end;
        self.put(Tag::Str, (end - start) as u32, start as u64)
    }

    /// An object of the interpreter that they go to.
    #[inline]
    pub(crate) fn object(&mut self, object: &Object) -> bool {
        match object.handle_in(self.domain) {
            Some(handle) => self.put(Tag::Handle, handle.generation(), handle.index().into()),
            None => false,
        }
    }
}
