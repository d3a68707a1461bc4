//! Exceptions that come out of the guest: the texts of the error slots, each of bounded size, and what kind of
//! exception it is.

use super::{HasBridge, bytes, object, tag, text, utf8};
use crate::error::{Error, PythonError, Result};
use crate::value::Object;
use ophidia_abi::{CUT, ERROR_TEXT, LOST, MEMORY_ERROR, SlotIndex, TIMEOUT_ERROR, Tag};
use std::sync::OnceLock;
use wasmtime::StoreContextMut;

/// What each text of an exception may take whatever the limit of a value is, in bytes.
const TEXT: usize = 16 << 10;

/// An exception, and whether the guest says that it is for lack of memory. It may say so of any: that counts
/// only after the host has refused it memory.
pub(super) struct Raised {
    pub(super) error: PythonError,
    pub(super) no_memory: bool,
    /// The same of its time.
    pub(super) no_time: bool,
}

/// Reads the error slots.
pub(super) fn raised<T: HasBridge>(store: &StoreContextMut<'_, T>) -> Result<Raised> {
    let error = PythonError {
        type_name: text_slot(store, SlotIndex::Type)?,
        message: text_slot(store, SlotIndex::Message)?,
        traceback: traceback(store)?,
        exit_status: None,
        exception: exception(store)?,
    };
    let kind = kind(store)?;
    let no_memory = kind & u64::from(MEMORY_ERROR | LOST) != 0;
    Ok(Raised { error, no_memory, no_time: kind & u64::from(TIMEOUT_ERROR) != 0 })
}

/// Reads what `SystemExit` left.
pub(super) fn system_exit<T: HasBridge>(store: &StoreContextMut<'_, T>) -> Result<PythonError> {
    let state = store.data().sandbox();
    let exit = state.memory()?.slot(store, state.frame(), SlotIndex::Exit)?;
    Ok(PythonError {
        type_name: "SystemExit".into(),
        message: text_slot(store, SlotIndex::Message)?,
        traceback: String::new().into(),
        exit_status: Some(exit.payload.cast_signed()),
        exception: exception(store)?,
    })
}

/// The exception itself: none when the guest had no room for it, or the host may hold no more.
fn exception<T: HasBridge>(store: &StoreContextMut<'_, T>) -> Result<Option<Object>> {
    let state = store.data().sandbox();
    let slot = state.memory()?.slot(store, state.frame(), SlotIndex::Exception)?;
    match tag(slot)? {
        Tag::Handle => match object(slot, &store.data().bridge().domain) {
            Err(Error::Limit(_)) => Ok(None),
            other => other.map(Some),
        },
        _ => Ok(None),
    }
}

/// The traceback where the guest has made it: of a main program, which may have shown it itself, and at a limit.
fn traceback<T: HasBridge>(store: &StoreContextMut<'_, T>) -> Result<OnceLock<String>> {
    let state = store.data().sandbox();
    let slot = state.memory()?.slot(store, state.frame(), SlotIndex::Traceback)?;
    match tag(slot)? {
        Tag::None => Ok(OnceLock::new()),
        _ => text_slot(store, SlotIndex::Traceback).map(OnceLock::from),
    }
}

fn kind<T: HasBridge>(store: &StoreContextMut<'_, T>) -> Result<u64> {
    let state = store.data().sandbox();
    let slot = state.memory()?.slot(store, state.frame(), SlotIndex::Kind)?;
    Ok(if tag(slot)? == Tag::Int { slot.payload } else { 0 })
}

/// A text of an exception. The bridge cuts long ones; here they are cut whatever it does, to a quarter of what
/// one value may take at most.
fn text_slot<T: HasBridge>(store: &StoreContextMut<'_, T>, index: SlotIndex) -> Result<String> {
    let state = store.data().sandbox();
    let memory = state.memory()?;
    let slot = memory.slot(store, state.frame(), index)?;
    match tag(slot)? {
        Tag::None => Ok(String::new()),
        Tag::Str => {
            let all = bytes(store, memory, slot)?;
            let value =
                usize::try_from(store.data().bridge().value_limit / 4).unwrap_or(usize::MAX);
            let most = value.max(TEXT).min(ERROR_TEXT as usize);
            if all.len() <= most { utf8(all) } else { cut(all, most) }
        }
        other => Err(Error::GuestFault(format!("slot {index:?} holds {other:?}, not text"))),
    }
}

/// The beginning of a longer text, up to a whole character, and the mark: so many bytes at most.
fn cut(all: &[u8], most: usize) -> Result<String> {
    let first = all.get(..most.saturating_sub(CUT.len())).unwrap_or_default();
    let whole = match std::str::from_utf8(first) {
        Err(cut) if cut.error_len().is_none() => first.get(..cut.valid_up_to()).unwrap_or_default(),
        _ => first,
    };
    Ok(format!("{}{CUT}", text(whole)?))
}
