//! The layout of an array in the guest's memory, checked: whatever it says, every element lies in that
//! memory.

use super::{Dtype, HasBridge};
use crate::error::ConversionError;
use crate::error::{Error, Result};
use crate::sandbox::memory::GuestMemory;
use crate::value::Object;
use crate::value::handle::Handle;
use ophidia_abi::{INDIRECT, Layout as Raw, MAX_DIMENSIONS, READ_ONLY, SlotIndex, Tag};
use std::ops::Range;
use wasmtime::StoreContextMut;

/// Bytes of a format that is looked at.
const FORMAT: u32 = 255;

/// Where an array lies, and how.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) format: String,
    /// The type of the elements, in either byte order.
    pub(crate) element: Result<Dtype, ConversionError>,
    pub(crate) is_big_endian: bool,
    pub(crate) item_size: usize,
    pub(crate) read_only: bool,
    pub(crate) shape: Vec<usize>,
    /// In bytes.
    pub(crate) strides: Vec<isize>,
    /// How many elements there are. Together they take less than 4 GiB, even where several are the same.
    pub(crate) elements: usize,
    /// The bytes that all elements lie in; nothing when there is none.
    pub(crate) span: Range<usize>,
}

/// Reads the layout that the last operation has left, if it is that of this object.
pub(crate) fn layout<T: HasBridge>(
    store: &StoreContextMut<'_, T>,
    object: &Object,
) -> Result<Option<Layout>> {
    let state = store.data().sandbox();
    let memory = state.memory()?;
    let slot = memory.slot(store, state.frame(), SlotIndex::Layout)?;
    if slot.tag != Tag::Bytes as u32 || slot.len != Raw::SIZE {
        return Ok(None);
    }
    let words = Words(super::bytes(store, memory, slot)?);
    let handle = Handle::new(words.at(0)?, words.at(1)?);
    if object.handle_in(&store.data().bridge().domain) != Some(handle) {
        return Ok(None);
    }
    let format = (words.at(7)?, words.at(8)?);
    let format = format_of(store, memory, format)?;
    Layout::check(words, format, memory.all(store.into()).len()).map(Some)
}

fn format_of<T: HasBridge>(
    store: &StoreContextMut<'_, T>,
    memory: GuestMemory,
    (address, len): (u32, u32),
) -> Result<String> {
    if len > FORMAT {
        return Err(ConversionError::other(format!(
            "an array whose format is a text of {len} bytes; at most {FORMAT} are looked at"
        ))
        .into());
    }
    super::utf8(memory.bytes(store, address, len)?)
}

/// The words of a layout, in the order of its fields.
#[derive(Clone, Copy)]
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn at(self, index: usize) -> Result<u32> {
        let word = self.0.as_chunks().0.get(index);
        word.map(|word| u32::from_le_bytes(*word)).ok_or_else(super::decode::cut_off)
    }
}

impl Layout {
    fn check(words: Words<'_>, format: String, memory: usize) -> Result<Self> {
        let (address, len, item_size) = (words.at(2)?, words.at(3)?, words.at(4)?);
        let (flags, dimensions) = (words.at(5)?, words.at(6)?);
        if dimensions > MAX_DIMENSIONS {
            return Err(fault(format!("{dimensions} dimensions; at most 64 are possible")));
        }
        if flags & INDIRECT != 0 {
            return Err(ConversionError::other(
                "an array of pointers to its rows cannot be seen from outside: copy it, as with `bytes`",
            )
            .into());
        }
        let count = dimensions as usize;
        let mut shape = Vec::with_capacity(count);
        let mut strides = Vec::with_capacity(count);
        for axis in 0..count {
            let elements = words.at(Raw::WORDS.len() + axis)?;
            if elements.cast_signed() < 0 {
                return Err(fault(format!("{} elements along an axis", elements.cast_signed())));
            }
            let stride = words.at(Raw::WORDS.len() + MAX_DIMENSIONS as usize + axis)?;
            shape.push(elements as usize);
            strides.push(stride.cast_signed() as isize);
        }
        let elements = elements(&shape).filter(|elements| {
            let all = elements.checked_mul(item_size.into());
            // Elements of no bytes are bounded too.
            all == Some(len.into()) && *elements <= u32::MAX.into()
        });
        let elements = elements.ok_or_else(|| {
            fault(format!("elements of {item_size} bytes that are {len} together, of {shape:?}"))
        })?;
        let span = if len == 0 {
            Some(0..0)
        } else {
            span(address, item_size, &shape, &strides).filter(|span| span.end <= memory)
        };
        let span = span.ok_or_else(|| {
            fault(format!(
                "at address {address:#x}, of shape {shape:?} and strides {strides:?}, partly outside \
                 its memory"
            ))
        })?;
        let (element, is_big_endian) = match dtype_of(&format, item_size) {
            Ok((dtype, is_big_endian)) => (Ok(dtype), is_big_endian),
            Err(unknown) => (Err(unknown), false),
        };
        Ok(Self {
            element,
            is_big_endian,
            format,
            item_size: item_size as usize,
            read_only: flags & READ_ONLY != 0,
            shape,
            strides,
            elements: elements as usize,
            span,
        })
    }

    /// The type of elements that can be seen where they lie.
    pub(crate) fn dtype(&self) -> Result<Dtype, ConversionError> {
        match &self.element {
            Ok(dtype) if self.is_big_endian => Err(ConversionError::other(format!(
                "the object holds big-endian {dtype} (format {:?}), views are of little-endian \
                 numbers: copy it, as with `array.astype(array.dtype.newbyteorder('<'))`",
                self.format
            ))),
            element => element.clone(),
        }
    }
}

fn fault(said: String) -> Error {
    Error::GuestFault(format!("an array with {said}"))
}

/// The product of the lengths.
fn elements(shape: &[usize]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1u64, |all, axis| all.checked_mul(*axis as u64))
}

/// From the lowest byte of any element to the last one. No axis is empty.
fn span(address: u32, item_size: u32, shape: &[usize], strides: &[isize]) -> Option<Range<usize>> {
    let (mut start, mut end) = (i64::from(address), i64::from(address) + i64::from(item_size));
    for (axis, stride) in shape.iter().zip(strides) {
        let last = i64::try_from(*axis).ok()?.checked_sub(1)?;
        let reach = last.checked_mul(i64::try_from(*stride).ok()?)?;
        if reach < 0 {
            start = start.checked_add(reach)?;
        } else {
            end = end.checked_add(reach)?;
        }
    }
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

fn dtype_of(format: &str, item_size: u32) -> Result<(Dtype, bool), ConversionError> {
    let (dtype, is_big_endian) = Dtype::of_format(format)?;
    if dtype.size() == item_size as usize {
        return Ok((dtype, is_big_endian));
    }
    Err(ConversionError::other(format!(
        "the format {format:?} is one of {} bytes; the object says {item_size} bytes an element",
        dtype.size()
    )))
}
