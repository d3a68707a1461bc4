//! Encoded values that become Rust's without a [`Value`](super::Value) between: containers of what is plain.
//!
//! Whatever is not as a type wants it, wrong bytes too, gives `None`: the whole is decoded then as anything
//! else is, and says what is wrong.

use super::decode::STRIDE;
use super::{HasBridge, Plain, bytes};
use crate::sandbox::control::Control;
use ophidia_abi::{Encoded, Frame, SlotIndex, Tag};
use wasmtime::StoreContextMut;

/// What is left of an encoding.
#[derive(Clone, Copy, Debug)]
pub struct Direct<'a> {
    rest: &'a [u8],
    /// How many bytes of the host the rest may take.
    left: u64,
    /// What says when the operation has to end; it is asked when fewer bytes than these are left.
    control: Option<&'a Control>,
    look_at: usize,
}

/// What is in the value slot of the present level, when that is encoded.
#[inline]
pub(crate) fn direct<'a, T: HasBridge>(store: &'a StoreContextMut<'_, T>) -> Option<Direct<'a>> {
    let slot = super::slots::slot_at(store, Frame::slot_offset(SlotIndex::Value))?;
    if slot.tag != Tag::Encoded as u32 {
        return None;
    }
    let state = store.data();
    let rest = bytes(store, state.sandbox().memory?, slot).ok()?;
    let look_at = rest.len().saturating_sub(STRIDE);
    let control = Some(&*state.sandbox().control);
    Some(Direct { rest, left: super::owner(state).room(), control, look_at })
}

impl<'a> Direct<'a> {
    #[cfg(test)]
    pub(crate) fn new(rest: &'a [u8], left: u64) -> Self {
        Self { rest, left, control: None, look_at: 0 }
    }

    #[cold]
    fn look(&mut self) -> Option<()> {
        self.look_at = self.rest.len().saturating_sub(STRIDE);
        self.control.is_none_or(|control| control.check().is_ok()).then_some(())
    }

    /// Reads all of it.
    pub(crate) fn whole<T>(mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        read(&mut self).filter(|_| self.rest.is_empty())
    }

    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(u64::try_from(bytes).ok()?)?;
        Some(())
    }

    /// Takes the next value if it is plain.
    #[inline]
    pub(crate) fn plain(&mut self) -> Option<Plain<'a>> {
        if self.rest.len() < self.look_at {
            self.look()?;
        }
        let (tag, rest) = self.rest.split_first()?;
        let (value, rest) = match Encoded::from_number(*tag)? {
            Encoded::None => (Plain::None, rest),
            Encoded::False => (Plain::Bool(false), rest),
            Encoded::True => (Plain::Bool(true), rest),
            Encoded::Int => {
                let (number, rest) = rest.split_first_chunk()?;
                (Plain::Int(i64::from_le_bytes(*number)), rest)
            }
            Encoded::Float => {
                let (number, rest) = rest.split_first_chunk()?;
                (Plain::Float(f64::from_le_bytes(*number)), rest)
            }
            Encoded::Str => {
                let (len, rest) = rest.split_first_chunk()?;
                let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
                let (text, rest) = rest.split_at_checked(len)?;
                self.spend(len)?;
                (Plain::Str(std::str::from_utf8(text).ok()?), rest)
            }
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    /// Takes a `None`, if that is next.
    pub(crate) fn none(&mut self) -> bool {
        let (none, rest) = match self.rest.split_first() {
            Some((tag, rest)) => (*tag == Encoded::None as u8, rest),
            None => (false, self.rest),
        };
        if none {
            self.rest = rest;
        }
        none
    }

    /// Takes the head of a container with one of these tags: how many items follow, each of which takes
    /// `size` bytes of the host. They are no more than there are bytes left.
    pub(crate) fn count(&mut self, tags: &[Encoded], size: usize) -> Option<usize> {
        let (tag, rest) = self.rest.split_first()?;
        let (count, rest) = rest.split_first_chunk()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        if !tags.contains(&Encoded::from_number(*tag)?) || count > rest.len() {
            return None;
        }
        self.spend(count.saturating_mul(size))?;
        self.rest = rest;
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_ends_at_the_deadline() {
        let control = Control::new(Some(std::time::Duration::ZERO));
        let mut operations = crate::sandbox::operation::Operations::default();
        operations.open(&control);
        let taken = |count: usize| {
            let bytes = vec![Encoded::None as u8; count];
            let look_at = count.saturating_sub(STRIDE);
            let mut all = Direct { rest: &bytes, left: 0, control: Some(&control), look_at };
            (0..count).all(|_| all.plain().is_some())
        };
        assert!(taken(1_000), "too short to look at the clock");
        assert!(!taken(100_000));
    }
}
