//! Values that come out of the guest, decoded from the slots of the frame; and their encoding.

mod args;
mod decode;
mod dtype;
mod encode;
mod enter;
mod layout;
mod message;
mod operate;
mod raised;
mod slots;
mod state;
mod stdlib;
mod table;
mod typed;

use crate::error::ConversionError;
use crate::error::LimitExceeded;
use crate::error::{Error, Result};
use crate::sandbox::memory::GuestMemory;
#[cfg(feature = "any-guest")]
use crate::value::HostObject;
use crate::value::Object;
use crate::value::Value;
use crate::value::handle::{Domain, Handle};
use ophidia_abi::{Slot, SlotIndex, Tag};
use std::sync::Arc;
use wasmtime::{AsContext, StoreContextMut};

pub use args::Args;
pub(crate) use decode::{Owner, decode, decode_all};
pub use dtype::Dtype;
pub use encode::Encoder;
#[cfg(feature = "serde")]
pub(crate) use encode::Opened;
pub(crate) use layout::{Layout, layout};
pub(crate) use message::{Head, check_message, message_head, read_message, write_message};
pub(crate) use operate::On;
use raised::{raised, system_exit};
pub use slots::{Operands, Plain};
pub(crate) use slots::{operand, operands, operands_size, plain};
pub(crate) use state::{BridgeState, Conversions, HasBridge};
pub(crate) use table::{Exported, Table};
pub use typed::Direct;
pub(crate) use typed::direct;

/// Reads the value slot of the present level.
#[inline]
pub(crate) fn value<T: HasBridge>(store: &StoreContextMut<'_, T>) -> Result<Value> {
    let state = store.data().sandbox();
    value_at(store, state.memory()?, state.frame(), owner(store.data()))
}

/// Reads the arguments of a host function: `count` values that take up `len` bytes. Gives what they take
/// of the host, too, which is bounded together with those of all other calls that are under way.
pub(crate) fn arguments<T: HasBridge>(
    store: &StoreContextMut<'_, T>,
    address: u32,
    len: u32,
    count: u32,
) -> Result<(Vec<Value>, u64)> {
    let bytes = store.data().sandbox().memory()?.bytes(store, address, len)?;
    let (held, _) = store.data().bridge().arguments.used();
    decode::decode_all(Owner { held, ..owner(store.data()) }, bytes, count)
}

/// Decodes values as they come out of a guest, for tests that make them up: one, or so many arguments of a
/// call. Gives how many handles the guest would be told of.
#[cfg(feature = "any-guest")]
#[doc(hidden)]
pub fn decode_any(
    bytes: &[u8],
    arguments: Option<u32>,
    (limit, objects): (u64, u32),
) -> (Result<Vec<Value>>, usize) {
    let (domain, mut table) = (Domain::new(objects), Table::new(objects));
    let _ = table.insert(Exported::Object(HostObject::new(())));
    let owner =
        Owner { domain: &domain, table: &table, limit, held: 0, holding: None, control: None };
    let values = match arguments {
        Some(count) => decode::decode_all(owner, bytes, count).map(|(values, _)| values),
        None => decode::decode(owner, bytes).map(|value| vec![value]),
    };
    (values, domain.take_released().len())
}

#[inline]
fn owner(state: &impl HasBridge) -> Owner<'_> {
    let control = Some(&*state.sandbox().control);
    let BridgeState { domain, table, value_limit: limit, .. } = state.bridge();
    let holding = Some(&*state.sandbox().ledger.holding);
    Owner { domain, table, limit: *limit, held: 0, holding, control }
}

#[inline]
fn value_at(
    store: &impl AsContext,
    memory: GuestMemory,
    frame: u32,
    owner: Owner<'_>,
) -> Result<Value> {
    let slot = memory.slot(store, frame, SlotIndex::Value)?;
    Ok(match tag(slot)? {
        Tag::None => Value::None,
        Tag::Bool => Value::Bool(slot.payload != 0),
        Tag::Int => Value::Int(slot.payload.cast_signed()),
        Tag::Float => Value::Float(f64::from_bits(slot.payload)),
        Tag::Str | Tag::Bytes => {
            let bytes = bytes(store, memory, slot)?;
            if u64::from(slot.len) > owner.room() {
                return Err(owner.exceeded().into());
            }
            if slot.tag == Tag::Str as u32 {
                Value::Str(utf8(bytes)?)
            } else {
                Value::Bytes(bytes.to_vec())
            }
        }
        Tag::Encoded => decode::decode(owner, bytes(store, memory, slot)?)?,
        Tag::Handle => Value::Object(object(slot, owner.domain)?),
    })
}

/// Takes the object in the value slot; `None` when there is something else.
#[inline]
pub(crate) fn object_value<T: HasBridge>(store: &StoreContextMut<'_, T>) -> Option<Result<Object>> {
    let state = store.data().sandbox();
    let slot = state.memory?.slot(store, state.frame(), SlotIndex::Value).ok()?;
    (slot.tag == Tag::Handle as u32).then(|| object(slot, &store.data().bridge().domain))
}

/// The handle in the value slot, which whoever takes it has to let go of; `None` when there is something else.
#[inline]
fn handle_value<T: HasBridge>(store: &StoreContextMut<'_, T>) -> Option<Handle> {
    let state = store.data().sandbox();
    let slot = state.memory?.slot(store, state.frame(), SlotIndex::Value).ok()?;
    let index = u32::try_from(slot.payload).ok()?;
    (slot.tag == Tag::Handle as u32).then(|| Handle::new(index, slot.len))
}

#[inline]
fn object(slot: Slot, domain: &Arc<Domain>) -> Result<Object> {
    let index = u32::try_from(slot.payload).map_err(|_| wild_slot(slot))?;
    hold(domain, Handle::new(index, slot.len))
}

/// Takes over a handle that the guest has given out.
#[inline]
pub(crate) fn hold(domain: &Arc<Domain>, handle: Handle) -> Result<Object> {
    Object::new(domain, handle)
        .ok_or_else(|| LimitExceeded::Objects { limit: domain.limit() }.into())
}

/// What is wrong with an object that is not of the interpreter it is given to.
pub(crate) fn foreign() -> ConversionError {
    ConversionError::new("an object of this interpreter", "another interpreter's")
}

#[inline]
fn tag(slot: Slot) -> Result<Tag> {
    Tag::from_number(slot.tag).ok_or_else(|| wild_slot(slot))
}

/// What is wrong with a slot. Apart, and with a copy of it: what is formatted has to lie in memory.
#[cold]
fn wild_slot(slot: Slot) -> Error {
    Error::GuestFault(match Tag::from_number(slot.tag) {
        None => format!("slot with the unknown tag {}", slot.tag),
        Some(Tag::Handle) => format!("a handle with the index {:#x}", slot.payload),
        Some(_) => format!("slot that points to {:#x}, past 4 GiB", slot.payload),
    })
}

#[inline]
fn bytes(store: &impl AsContext, memory: GuestMemory, slot: Slot) -> Result<&[u8]> {
    let address = u32::try_from(slot.payload).map_err(|_| wild_slot(slot))?;
    memory.bytes(store, address, slot.len)
}

#[inline]
fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        Error::GuestFault(format!("text that is not UTF-8 at byte {}", error.valid_up_to()))
    })
}

#[inline]
fn utf8(bytes: &[u8]) -> Result<String> {
    text(bytes).map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    //! A guest of a few bytes, with hostile frames.

    use super::*;
    use ophidia_abi::Frame;
    use wasmtime::{Engine, Instance, Module, Store};

    const WAT: &str = "(module (memory (export \"memory\") 1))";

    /// A store whose memory of one page holds a frame at `at` with this value slot.
    fn frame(at: u32, tag: u32, len: u32, payload: u64) -> (Store<()>, GuestMemory) {
        let engine = Engine::default();
        let module = Module::new(&engine, wat::parse_str(WAT).unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = GuestMemory(instance.get_memory(&mut store, "memory").unwrap());
        let slot = at.wrapping_add(Frame::slot_offset(SlotIndex::Value));
        for (offset, bytes) in
            [(0, &tag.to_le_bytes()[..]), (4, &len.to_le_bytes()), (8, &payload.to_le_bytes())]
        {
            let _ = memory.write(&mut store, slot.wrapping_add(offset), bytes);
        }
        (store, memory)
    }

    fn value(store: &Store<()>, memory: GuestMemory, at: u32) -> Result<Value> {
        let owner = Owner {
            domain: &Domain::new(10),
            table: &Table::new(0),
            limit: 1 << 20,
            held: 0,
            holding: None,
            control: None,
        };
        value_at(store, memory, at, owner)
    }

    fn fault(tag: u32, len: u32, payload: u64) -> String {
        let (store, memory) = frame(64, tag, len, payload);
        match value(&store, memory, 64) {
            Err(Error::GuestFault(said)) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wild_slots_are_faults() {
        let text = Tag::Str as u32;
        assert!(fault(99, 0, 0).contains("unknown tag 99"));
        assert!(fault(text, 10, 65_530).contains("outside its memory"));
        assert!(fault(text, u32::MAX, 1).contains("outside its memory"));
        assert!(fault(text, 1, u64::from(u32::MAX)).contains("outside its memory"));
        assert!(fault(text, 1, 1 << 32).contains("past 4 GiB"));
        assert!(fault(Tag::Bytes as u32, 65_536, 1).contains("outside its memory"));
    }

    #[test]
    fn a_frame_outside_memory_is_a_fault() {
        let (store, memory) = frame(64, 0, 0, 0);
        for at in [65_530, u32::MAX, u32::MAX - 20] {
            assert!(matches!(value(&store, memory, at), Err(Error::GuestFault(_))), "{at:#x}");
        }
    }

    #[test]
    fn plain_slots_are_values() {
        let (store, memory) = frame(64, Tag::Int as u32, 0, (-5i64).cast_unsigned());
        assert_eq!(value(&store, memory, 64).unwrap(), Value::Int(-5));
        let (store, memory) = frame(64, Tag::Bytes as u32, 3, 8);
        assert_eq!(value(&store, memory, 64).unwrap(), Value::Bytes(vec![0; 3]));
    }
}
