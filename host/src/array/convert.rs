//! Arrays of Rust's own memory as values: a copy each way.

use super::guest::Shape;
use super::{Bool, Buffer, Element};
use crate::bridge::Encoder;
use crate::convert::{FromPython, ToPython};
use crate::error::ConversionError;
use crate::error::LimitExceeded;
use crate::error::Result;
use crate::python::Python;
use crate::value::Value;
use ndarray::{Array, ArrayBase, ArrayView, Data, Dimension};
use ophidia_abi::Want;

/// An item of an array that is converted to a Python array: an element, or an object.
pub trait Item: Sized {
    /// Writes an array of them.
    #[doc(hidden)]
    fn write<D: Dimension>(
        array: ArrayView<'_, Self, D>,
        out: &mut Encoder<'_>,
    ) -> Result<(), ConversionError>;
}

impl<T: Element> Item for T {
    fn write<D: Dimension>(
        array: ArrayView<'_, T, D>,
        out: &mut Encoder<'_>,
    ) -> Result<(), ConversionError> {
        let ordered = array.as_standard_layout();
        let items =
            ordered.as_slice().ok_or_else(|| ConversionError::other("an array in pieces"))?;
        let (code, kind) = T::DTYPE.codes();
        out.array(|out| {
            out.tuple(4, |out| {
                out.str(code)?;
                out.str(kind)?;
                Shape(array.shape()).to_python(out)?;
                out.bytes(bytemuck::cast_slice(items))
            })
        })
    }
}

/// Truth values, as [`Bool`].
impl Item for bool {
    fn write<D: Dimension>(
        array: ArrayView<'_, Self, D>,
        out: &mut Encoder<'_>,
    ) -> Result<(), ConversionError> {
        Bool::write(array.map(|value| Bool::from(*value)).view(), out)
    }
}

/// A writable array of numpy, or a `memoryview` where there is no numpy; a copy.
/// [`Python::array_from`] copies once only, and keeps the array at hand. Of objects, one with `dtype=object`, which
/// needs numpy.
impl<T: Item, S: Data<Elem = T>, D: Dimension> ToPython for ArrayBase<S, D> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        T::write(self.view(), out)
    }
}

/// A copy of any object of the buffer protocol whose elements and dimensions fit, whatever its layout and its byte
/// order; at most the limit `value`.
impl<T: Element, D: Dimension> FromPython for Array<T, D> {
    const WANT: Want = Want::Buffer;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        Err(ConversionError::mismatch("an array", &value))
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self> {
        let buffer = Buffer::from_guest(value, py)?;
        let limit = py.state().bridge.value_limit;
        let size = buffer.len().saturating_mul(buffer.item_size());
        if u64::try_from(size).unwrap_or(u64::MAX) > limit {
            return Err(LimitExceeded::Value { limit }.into());
        }
        buffer.to_array(py)
    }
}

/// As of [`Bool`]: any byte but zero is true.
impl<D: Dimension> FromPython for Array<bool, D> {
    const WANT: Want = Want::Buffer;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        Err(ConversionError::mismatch("an array", &value))
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self> {
        Ok(Array::<Bool, D>::from_guest(value, py)?.map(|value| value.get()))
    }
}
