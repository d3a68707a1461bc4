//! Arrays in the guest's memory, seen from Rust without a copy.
//!
//! A [`Buffer`] pins an object of the buffer protocol: an array of numpy, `array.array`, `bytes`,
//! `bytearray`, `memoryview`. Its views are those of [`ndarray`], straight into the guest's memory, in
//! constant time whatever their size. A view borrows the interpreter: while it lives no Python runs, and
//! the compiler sees to that.
//!
//! ```
//! use ophidia::array::ndarray::{Ix1, array};
//!
//! # fn main() -> ophidia::Result<()> {
//! let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
//! let prices = py.eval_object("__import__('array').array('d', [1.5, 2.5, 4.0])")?;
//! let buffer = prices.buffer(&mut py)?;
//! assert_eq!(buffer.view::<f64, Ix1>(&py)?.sum(), 8.0);
//! buffer.view_mut::<f64, Ix1>(&mut py)?[0] = 2.0;
//! assert_eq!(prices.get_item(&mut py, 0)?.extract::<f64>(&mut py)?, 2.0);
//!
//! // The other way round: memory that Rust fills and Python uses.
//! let squares = py.zeros::<i64, _>((2, 2))?;
//! squares.view_mut(&mut py)?.assign(&array![[1, 4], [9, 16]]);
//! let sum = py.eval_object("lambda a: sum(a[i, j] for i in (0, 1) for j in (0, 1))")?;
//! assert_eq!(sum.call_as::<i64>(&mut py, (&squares,))?, 30);
//! # Ok(())
//! # }
//! ```
//!
//! Where numpy picks the type of integers, it has 32 bits in the guest, and wraps around without a word: sums
//! and products of `i32` too. In Python, `dtype=np.int64` asks for more, as in `a.sum(dtype=np.int64)`.
//!
//! What a guest says of its arrays is checked: whatever it is, a view lies in the guest's memory. The
//! elements are whatever the guest has put there. An array of few bytes may have many elements, when its
//! strides are zero, but never more than 4 GiB of them.

#[cfg(feature = "arrow")]
mod arrow;
mod convert;
mod copy;
mod element;
mod guest;
mod objects;
mod view;
mod views;

/// The crates whose types occur here.
pub use {half, ndarray, num_complex};

pub use crate::bridge::Dtype;
pub use convert::Item;
pub use element::{Bool, Element};
pub use guest::GuestArray;
pub use view::AnyView;
pub use views::{Reading, Several, ViewOf, Writing};

use crate::bridge::{self, Encoder, Layout};
use crate::convert::{FromPython, ToPython};
use crate::error::ConversionError;
use crate::error::{Error, Result};
use crate::python::Python;
use crate::python::state::Guest;
use crate::value::Object;
use crate::value::Value;
use ndarray::{Array, ArrayView, ArrayViewMut, Dimension};
use ophidia_abi::{Operation, Want};
use std::ops::Range;
use std::sync::Arc;

// Elements are read as they lie in the guest's memory.
const _: () = assert!(cfg!(target_endian = "little"));

/// An object of the buffer protocol, held where it is: as long as this lives, Python can neither free nor
/// resize the memory.
///
/// Cloning is cheap. It may be dropped on any thread, as an [`Object`]. As an argument it is a
/// `memoryview`.
#[derive(Clone, Debug)]
pub struct Buffer {
    object: Object,
    layout: Arc<Layout>,
}

impl Object {
    /// Pins the object's memory for views: one entry, whatever the size.
    ///
    /// # Errors
    ///
    /// [`Error::Python`] with a `TypeError` when the object has no buffer; [`Error::Conversion`] when its
    /// memory is scattered or its format longer than 255 bytes.
    pub fn buffer(&self, py: &mut Python<'_>) -> Result<Buffer> {
        self.extract(py)
    }
}

impl Guest<'_> {
    /// The buffer of an object that an operation has given, which may be its `memoryview` already.
    fn buffer_of(&mut self, object: Object) -> Result<Buffer> {
        if let Some(layout) = self.layout(&object)? {
            return Ok(Buffer { object, layout: Arc::new(layout) });
        }
        let on = self.on(&object)?;
        self.perform(Operation::Identity, on, &(), Want::Buffer)?;
        let object = self.object()?;
        match self.layout(&object)? {
            Some(layout) => Ok(Buffer { object, layout: Arc::new(layout) }),
            None => Err(self.poison(Error::GuestFault("a buffer without its layout".into()))),
        }
    }

    fn layout(&mut self, object: &Object) -> Result<Option<Layout>> {
        bridge::layout(&self.store, object).map_err(|error| self.ours(error))
    }
}

/// Any object of the buffer protocol.
impl FromPython for Buffer {
    const WANT: Want = Want::Buffer;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        Err(ConversionError::mismatch("an array", &value))
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self> {
        match value {
            Value::Object(object) => py.guest().buffer_of(object),
            other => Ok(Self::from_python(other)?),
        }
    }
}

/// A `memoryview`.
impl ToPython for Buffer {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.object(&self.object)
    }
}

impl Buffer {
    /// The `memoryview` that holds the memory.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// The type of the elements.
    ///
    /// # Errors
    ///
    /// What cannot be seen as numbers: structures, Python objects, text, big-endian numbers.
    pub fn dtype(&self) -> Result<Dtype, ConversionError> {
        self.layout.dtype()
    }

    /// The format as the object gives it, in the syntax of Python's module `struct`.
    #[must_use]
    pub fn format(&self) -> &str {
        &self.layout.format
    }

    /// Size of an element in bytes.
    #[must_use]
    pub fn item_size(&self) -> usize {
        self.layout.item_size
    }

    /// Whether the memory is read-only, so that there are no mutable views.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.layout.read_only
    }

    /// How many dimensions it has: 0 to 64.
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.layout.shape.len()
    }

    /// How many elements there are along each dimension.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// The distance in bytes between two elements along each dimension; may be negative or zero.
    #[must_use]
    pub fn strides(&self) -> &[isize] {
        &self.layout.strides
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layout.elements
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the elements lie one after another, the last dimension's first.
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        let mut stride = self.layout.item_size;
        self.is_empty()
            || self.shape().iter().zip(self.strides()).rev().all(|(axis, found)| {
                let expected = stride;
                stride = stride.saturating_mul(*axis);
                *axis == 1 || usize::try_from(*found) == Ok(expected)
            })
    }

    /// A view of the elements, with a fixed number of dimensions, such as [`Ix2`](type@ndarray::Ix2), or
    /// any number, [`IxDyn`](type@ndarray::IxDyn). No Python runs while it lives.
    ///
    /// Byte strings are seen as `u8` with one dimension more.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] when the elements have another type, there are more or fewer dimensions, an
    /// address or a stride is no multiple of an element's size, or the object is another interpreter's;
    /// [`Error::Poisoned`] when the interpreter is.
    pub fn view<'v, T: Element, D: Dimension>(
        &self,
        py: &'v Python<'_>,
    ) -> Result<ArrayView<'v, T, D>> {
        let bytes = self.memory(py)?;
        Ok(view::shared(&self.layout, bytes)?)
    }

    /// A view through which elements can be changed.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] when the memory is read-only or some elements lie in the same place.
    pub fn view_mut<'v, T: Element, D: Dimension>(
        &self,
        py: &'v mut Python<'_>,
    ) -> Result<ArrayViewMut<'v, T, D>> {
        let bytes = self.memory_mut(py)?;
        Ok(view::exclusive(&self.layout, bytes)?)
    }

    /// A view whose element type and shape are the object's.
    pub fn view_dyn<'v>(&self, py: &'v Python<'_>) -> Result<AnyView<'v>> {
        let bytes = self.memory(py)?;
        Ok(view::any(&self.layout, bytes)?)
    }

    /// The bytes of all elements, in any format.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] when they do not lie one after another.
    pub fn bytes<'v>(&self, py: &'v Python<'_>) -> Result<&'v [u8]> {
        self.check_contiguous()?;
        self.memory(py)
    }

    /// The same, to be changed.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] when the memory is read-only.
    pub fn bytes_mut<'v>(&self, py: &'v mut Python<'_>) -> Result<&'v mut [u8]> {
        self.check_contiguous()?;
        self.layout.check_writable()?;
        self.memory_mut(py)
    }

    fn check_contiguous(&self) -> Result<(), ConversionError> {
        if self.is_contiguous() {
            return Ok(());
        }
        Err(ConversionError::other(format!(
            "the bytes were asked for; the object's elements lie apart, with strides of {:?} bytes: take a \
             view, or copy it, as with `bytes`",
            self.strides()
        )))
    }

    /// A copy of the elements in any layout and byte order.
    fn to_array<T: Element, D: Dimension>(&self, py: &mut Python<'_>) -> Result<Array<T, D>> {
        if let Ok(view) = self.view(py) {
            return Ok(view.to_owned());
        }
        let (shape, items) = self.copied::<T, D>(py)?;
        Array::from_shape_vec(shape, items)
            .map_err(|error| ConversionError::other(error.to_string()).into())
    }

    /// The shape and the elements in C order, for what cannot be viewed.
    fn copied<T: Element, D: Dimension>(&self, py: &mut Python<'_>) -> Result<(D, Vec<T>)> {
        let bytes = self.memory(py)?;
        let copied = copy::copied(&self.layout, bytes, &py.state().sandbox.control);
        copied.map_err(|error| py.guest().ours(error))
    }

    /// The bytes that the elements lie in, as the memory is at this moment.
    fn memory<'v>(&self, py: &'v Python<'_>) -> Result<&'v [u8]> {
        self.check(py)?;
        let memory = py.state().sandbox.memory()?.all(py.context());
        memory.get(self.layout.span.clone()).ok_or_else(gone)
    }

    fn memory_mut<'v>(&self, py: &'v mut Python<'_>) -> Result<&'v mut [u8]> {
        self.check(py)?;
        py.memory_mut()?.get_mut(self.layout.span.clone()).ok_or_else(gone)
    }

    /// That a view of it is a view of this interpreter, and that it can be used.
    fn check(&self, py: &Python<'_>) -> Result<()> {
        let state = py.state();
        if let Some(reason) = &state.sandbox.poisoned {
            return Err(Error::poisoned(reason.clone()));
        }
        match self.object.handle_in(&state.bridge.domain) {
            Some(_) => Ok(()),
            None => {
                Err(ConversionError::new("an object of this interpreter", "another interpreter's"))?
            }
        }
    }

    /// The bytes that the elements lie in, by their addresses.
    fn span(&self) -> &Range<usize> {
        &self.layout.span
    }
}

/// Memory never shrinks: this cannot happen.
fn gone() -> Error {
    Error::GuestFault("an array that is no longer in its memory".into())
}
