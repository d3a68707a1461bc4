//! Values that come out of the guest, decoded from the slots of the frame.

use crate::error::{Error, PythonError, Result};
use crate::memory::GuestMemory;
use ophidia_abi::{Slot, SlotIndex, Tag};
use wasmtime::{AsContext, Store};

/// The value of a Python expression.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` that fits 64 bits.
    Int(i64),
    /// A `float`.
    Float(f64),
    /// A `str` without lone surrogates.
    Str(String),
    /// A `bytes`.
    Bytes(Vec<u8>),
    /// Any other object: its type's name and its `repr`.
    Repr {
        /// The type's qualified name, such as `dict`.
        type_name: String,
        /// What `repr` gives.
        repr: String,
    },
}

/// Reads the value slot.
pub(crate) fn value<T>(store: &Store<T>, memory: GuestMemory, frame: u32) -> Result<Value> {
    let slot = memory.slot(store, frame, SlotIndex::Value)?;
    Ok(match tag(slot)? {
        Tag::None => Value::None,
        Tag::Bool => Value::Bool(slot.payload != 0),
        Tag::Int => Value::Int(slot.payload.cast_signed()),
        Tag::Float => Value::Float(f64::from_bits(slot.payload)),
        Tag::Str => Value::Str(text(store, memory, slot)?),
        Tag::Bytes => Value::Bytes(bytes(store, memory, slot)?.to_vec()),
        Tag::Repr => Value::Repr {
            type_name: text_slot(store, memory, frame, SlotIndex::Type)?,
            repr: text(store, memory, slot)?,
        },
    })
}

/// Reads the error slots.
pub(crate) fn python_error<T>(
    store: &Store<T>,
    memory: GuestMemory,
    frame: u32,
) -> Result<PythonError> {
    Ok(PythonError {
        type_name: text_slot(store, memory, frame, SlotIndex::Type)?,
        message: text_slot(store, memory, frame, SlotIndex::Message)?,
        traceback: text_slot(store, memory, frame, SlotIndex::Traceback)?,
        exit_status: None,
    })
}

/// Reads what `SystemExit` left.
pub(crate) fn system_exit<T>(
    store: &Store<T>,
    memory: GuestMemory,
    frame: u32,
) -> Result<PythonError> {
    let exit = memory.slot(store, frame, SlotIndex::Exit)?;
    Ok(PythonError {
        type_name: "SystemExit".into(),
        message: text_slot(store, memory, frame, SlotIndex::Message)?,
        traceback: String::new(),
        exit_status: Some(exit.payload.cast_signed()),
    })
}

fn tag(slot: Slot) -> Result<Tag> {
    Tag::from_u32(slot.tag)
        .ok_or_else(|| Error::GuestFault(format!("slot with the unknown tag {}", slot.tag)))
}

fn text_slot<T>(
    store: &Store<T>,
    memory: GuestMemory,
    frame: u32,
    index: SlotIndex,
) -> Result<String> {
    let slot = memory.slot(store, frame, index)?;
    match tag(slot)? {
        Tag::None => Ok(String::new()),
        Tag::Str => text(store, memory, slot),
        other => Err(Error::GuestFault(format!("slot {index:?} holds {other:?}, not text"))),
    }
}

fn bytes<T>(store: &Store<T>, memory: GuestMemory, slot: Slot) -> Result<&[u8]> {
    let address = u32::try_from(slot.payload).map_err(|_| {
        Error::GuestFault(format!("slot that points to {:#x}, past 4 GiB", slot.payload))
    })?;
    memory.bytes(store.as_context(), address, slot.len)
}

fn text<T>(store: &Store<T>, memory: GuestMemory, slot: Slot) -> Result<String> {
    let bytes = bytes(store, memory, slot)?;
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        Error::GuestFault(format!("text that is not UTF-8 at byte {}", error.valid_up_to()))
    })
}
