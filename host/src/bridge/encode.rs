//! Values on their way into the guest.

use super::decode::STRIDE;
use super::{Args, Exported, Table};
#[cfg(feature = "serde")]
use super::{
    Value,
    decode::{Owner, decode},
};
use crate::bridge::foreign;
use crate::error::ConversionError;
use crate::sandbox::control::{Control, Stop};
use crate::value::HostObject;
use crate::value::Object;
use crate::value::handle::{Domain, Handle};
use ophidia_abi::{Encoded, MAX_DEPTH, MAX_ENCODED};
use std::sync::Arc;

/// Writes values for the guest; [`ToPython`](crate::ToPython) is given one.
#[derive(Debug)]
pub struct Encoder<'a> {
    domain: &'a Arc<Domain>,
    table: &'a mut Table,
    /// What went into the table.
    exported: Vec<u32>,
    bytes: Vec<u8>,
    depth: u32,
    /// What says when the operation has to end, and what it said; it is asked when there would be more bytes
    /// than these.
    control: Option<&'a Control>,
    stopped: Option<Stop>,
    look_at: usize,
}

/// What cannot be encoded.
type Encode = Result<(), ConversionError>;

impl<'a> Encoder<'a> {
    /// Writes into a buffer, after emptying it.
    #[inline]
    pub(crate) fn new(domain: &'a Arc<Domain>, table: &'a mut Table, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        let (exported, depth, control, stopped, look_at) = (Vec::new(), 0, None, None, STRIDE);
        Self { domain, table, exported, bytes, depth, control, stopped, look_at }
    }

    /// Writes behind what the buffer holds.
    pub(crate) fn after(domain: &'a Arc<Domain>, table: &'a mut Table, bytes: Vec<u8>) -> Self {
        let look_at = bytes.len().saturating_add(STRIDE);
        let (exported, depth, control, stopped) = (Vec::new(), 0, None, None);
        Self { domain, table, exported, bytes, depth, control, stopped, look_at }
    }

    /// Looks at the clock of an operation from time to time.
    #[inline]
    pub(crate) fn watching(mut self, control: &'a Control) -> Self {
        self.control = Some(control);
        self
    }

    /// Why the operation has to end, if it has.
    #[inline]
    pub(crate) fn take_stopped(&mut self) -> Option<Stop> {
        self.stopped.take()
    }

    /// The bytes, and the numbers of what went into the table of the host.
    #[inline]
    pub(crate) fn finish(self) -> (Vec<u8>, Vec<u32>) {
        (self.bytes, self.exported)
    }

    /// Handles that the host has let go of; what an operation begins with.
    #[inline]
    pub(crate) fn released(&mut self, handles: &[Handle]) -> Encode {
        let count = u32::try_from(handles.len())
            .map_err(|_| ConversionError::new("at most 2^32 - 1 handles", "more"))?;
        self.put_raw(&count.to_le_bytes())?;
        handles.iter().try_for_each(|handle| self.put_raw(&u64::from(*handle).to_le_bytes()))
    }

    /// Before there are more bytes than were foreseen.
    #[cold]
    fn look(&mut self, more: usize) -> Encode {
        let len = self.bytes.len().saturating_add(more);
        if len > MAX_ENCODED as usize {
            return Err(ConversionError::new("at most 256 MiB at once", "more"));
        }
        self.look_at = len.saturating_add(STRIDE).min(MAX_ENCODED as usize);
        match self.control.map(Control::check) {
            Some(Err(stop)) => {
                let said = ConversionError::other(stop.to_string());
                self.stopped = Some(stop);
                Err(said)
            }
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn put(&mut self, tag: Encoded, data: &[u8]) -> Encode {
        if self.bytes.len() + data.len() >= self.look_at {
            self.look(1 + data.len())?;
        }
        self.bytes.reserve(1 + data.len());
        self.bytes.push(tag as u8);
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    #[inline]
    pub(super) fn put_counted(&mut self, tag: Encoded, data: &[u8]) -> Encode {
        self.put_count(tag, data.len())?;
        self.put_raw(data)
    }

    #[inline]
    fn put_count(&mut self, tag: Encoded, count: usize) -> Encode {
        let count = u32::try_from(count).map_err(|_| too_many())?;
        self.put(tag, &count.to_le_bytes())
    }

    #[inline]
    pub(super) fn put_raw(&mut self, data: &[u8]) -> Encode {
        if self.bytes.len() + data.len() > self.look_at {
            self.look(data.len())?;
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// `None`.
    pub fn none(&mut self) -> Encode {
        self.put(Encoded::None, &[])
    }

    /// A `bool`.
    #[inline]
    pub fn bool(&mut self, value: bool) -> Encode {
        self.put(if value { Encoded::True } else { Encoded::False }, &[])
    }

    /// An `int`.
    #[inline]
    pub fn int(&mut self, value: i64) -> Encode {
        self.put(Encoded::Int, &value.to_le_bytes())
    }

    /// An `int` of any size, as little-endian two's complement; no byte at all is zero.
    pub fn big_int(&mut self, bytes: &[u8]) -> Encode {
        self.put_counted(Encoded::BigInt, bytes)
    }

    /// A `float`.
    #[inline]
    pub fn float(&mut self, value: f64) -> Encode {
        self.put(Encoded::Float, &value.to_le_bytes())
    }

    /// A `complex`.
    pub fn complex(&mut self, real: f64, imaginary: f64) -> Encode {
        let mut data = [0; 16];
        let (first, second) = data.split_at_mut(8);
        first.copy_from_slice(&real.to_le_bytes());
        second.copy_from_slice(&imaginary.to_le_bytes());
        self.put(Encoded::Complex, &data)
    }

    /// A `str`.
    #[inline]
    pub fn str(&mut self, value: &str) -> Encode {
        self.put_counted(Encoded::Str, value.as_bytes())
    }

    /// A `str` with lone surrogates, encoded in UTF-8 as if they were characters (WTF-8).
    pub fn wide_str(&mut self, wtf8: &[u8]) -> Encode {
        self.put_counted(Encoded::WideStr, wtf8)
    }

    /// A `bytes`.
    pub fn bytes(&mut self, value: &[u8]) -> Encode {
        self.put_counted(Encoded::Bytes, value)
    }

    /// A `list`: `items` writes as many values.
    pub fn list(&mut self, len: usize, items: impl FnOnce(&mut Self) -> Encode) -> Encode {
        self.container(Encoded::List, len, items)
    }

    /// A `tuple`: `items` writes as many values.
    pub fn tuple(&mut self, len: usize, items: impl FnOnce(&mut Self) -> Encode) -> Encode {
        self.container(Encoded::Tuple, len, items)
    }

    /// A `dict`: `pairs` writes as many keys, each followed by its value.
    pub fn dict(&mut self, len: usize, pairs: impl FnOnce(&mut Self) -> Encode) -> Encode {
        self.container(Encoded::Dict, len, pairs)
    }

    /// A `set`: `items` writes as many values.
    pub fn set(&mut self, len: usize, items: impl FnOnce(&mut Self) -> Encode) -> Encode {
        self.container(Encoded::Set, len, items)
    }

    /// A `frozenset`: `items` writes as many values.
    pub fn frozen_set(&mut self, len: usize, items: impl FnOnce(&mut Self) -> Encode) -> Encode {
        self.container(Encoded::FrozenSet, len, items)
    }

    /// Whether an object is of the interpreter that the value goes to.
    pub(crate) fn has(&self, object: &Object) -> bool {
        object.handle_in(self.domain).is_some()
    }

    /// An object of the interpreter that the value goes to.
    ///
    /// # Errors
    ///
    /// The object is another interpreter's.
    #[inline]
    pub fn object(&mut self, object: &Object) -> Encode {
        self.handle(object.handle_in(self.domain).ok_or_else(foreign)?)
    }

    #[inline]
    pub(crate) fn handle(&mut self, handle: Handle) -> Encode {
        self.put(Encoded::Handle, &u64::from(handle).to_le_bytes())
    }

    /// The object that a dotted name stands for, as [`Python::get`](crate::Python::get) finds it; a member
    /// of an enum, for example.
    pub fn named(&mut self, name: &str) -> Encode {
        self.put(Encoded::Made, &[])?;
        self.tuple(1, |out| out.str(name))
    }

    /// The result of calling an object. Python calls it when it takes the value.
    ///
    /// # Errors
    ///
    /// The object is another interpreter's.
    pub fn call(&mut self, callable: &Object, args: impl Args) -> Encode {
        self.made(|out| out.object(callable), &args)
    }

    /// The result of calling a class or a function, which is [named](Self::named).
    pub fn call_named(&mut self, name: &str, args: impl Args) -> Encode {
        self.made(|out| out.str(name), &args)
    }

    fn made(&mut self, what: impl FnOnce(&mut Self) -> Encode, args: &impl Args) -> Encode {
        let (positional, keywords) = args.counts();
        let names = usize::from(keywords > 0);
        let values = (positional as usize).saturating_add(keywords as usize);
        self.put(Encoded::Made, &[])?;
        self.tuple(values.saturating_add(2 + names), |out| {
            what(out)?;
            out.int(keywords.into())?;
            args.write(out)
        })
    }

    /// A function of the host, and its description.
    pub(crate) fn exported_function(
        &mut self,
        function: HostObject,
        description: impl FnOnce(&mut Self) -> Encode,
    ) -> Encode {
        let number = self.export(Exported::Function(function))?;
        self.put(Encoded::Function, &number.to_le_bytes())?;
        description(self)
    }

    /// An array: its description.
    pub(crate) fn array(&mut self, description: impl FnOnce(&mut Self) -> Encode) -> Encode {
        self.put(Encoded::Array, &[])?;
        description(self)
    }

    /// An object of the host.
    pub fn host_object(&mut self, object: &HostObject) -> Encode {
        let number = self.export(Exported::Object(object.clone()))?;
        self.put(Encoded::HostObject, &number.to_le_bytes())
    }

    fn export(&mut self, what: Exported) -> Result<u32, ConversionError> {
        let number = self.table.insert(what)?;
        self.exported.push(number);
        Ok(number)
    }

    fn container(
        &mut self,
        tag: Encoded,
        len: usize,
        items: impl FnOnce(&mut Self) -> Encode,
    ) -> Encode {
        if self.depth == MAX_DEPTH {
            return Err(too_deep());
        }
        self.put_count(tag, len)?;
        self.depth += 1;
        let written = items(self);
        self.depth -= 1;
        written
    }
}

/// A container whose count is known when it is closed.
#[cfg(feature = "serde")]
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Opened {
    /// Where the count stands.
    at: usize,
}

#[cfg(feature = "serde")]
impl Encoder<'_> {
    pub(crate) fn open(&mut self, tag: Encoded) -> Result<Opened, ConversionError> {
        if self.depth == MAX_DEPTH {
            return Err(too_deep());
        }
        let at = self.bytes.len() + 1;
        self.put_count(tag, 0)?;
        self.depth += 1;
        Ok(Opened { at })
    }

    pub(crate) fn close(&mut self, opened: Opened, count: usize) -> Encode {
        self.depth -= 1;
        let count = u32::try_from(count).map_err(|_| too_many())?;
        if let Some(place) = self.bytes.get_mut(opened.at..opened.at + 4) {
            place.copy_from_slice(&count.to_le_bytes());
        }
        Ok(())
    }

    /// How many bytes are written.
    pub(crate) fn position(&self) -> usize {
        self.bytes.len()
    }

    /// The plain value that stands there.
    pub(crate) fn written(&self, range: std::ops::Range<usize>) -> Option<Value> {
        let (domain, table) = (Domain::new(0), Table::new(0));
        let owner = Owner {
            domain: &domain,
            table: &table,
            limit: u64::MAX,
            held: 0,
            holding: None,
            control: None,
        };
        decode(owner, self.bytes.get(range)?).ok()
    }
}

fn too_deep() -> ConversionError {
    ConversionError::new("at most 64 containers in one another", "more")
}

fn too_many() -> ConversionError {
    ConversionError::new("at most 2^32 - 1 items", "more")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::sandbox::operation::Operations;

    fn numbers(count: usize, out: &mut Encoder<'_>) -> Encode {
        out.list(count, |out| (0..count).try_for_each(|_| out.int(1)))
    }

    #[test]
    fn encoding_ends_at_the_deadline() {
        let control = Control::new(Some(std::time::Duration::ZERO));
        let mut operations = Operations::default();
        operations.open(&control);
        let (domain, mut table) = (Domain::new(0), Table::new(0));
        let mut out = Encoder::new(&domain, &mut table, Vec::new()).watching(&control);
        numbers(1_000, &mut out).unwrap();
        assert!(out.take_stopped().is_none(), "too short to look at the clock");
        numbers(100_000, &mut out).unwrap_err();
        assert!(matches!(out.take_stopped(), Some(Stop::Limit(_))));
    }
}
