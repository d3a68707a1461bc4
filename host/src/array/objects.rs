//! Arrays of Python objects: numpy's `dtype=object`, as arrays of handles.

use super::convert::Item;
use super::guest::Shape;
use crate::bridge::Encoder;
use crate::convert::FromPython;
use crate::error::{ConversionError, Result};
use crate::python::Python;
use crate::value::{Object, Value};
use ndarray::{Array, ArrayD, ArrayView, Dimension};
use ophidia_abi::Want;

impl Python<'_> {
    /// The rows of an array of numpy, as lists in one another; `None` of anything else.
    pub(crate) fn array_as_list(&mut self, object: &Object) -> Result<Option<Object>> {
        self.call_helper_as("listed", (object,))
    }
}

/// The items of an array of numpy as objects, those of `dtype=object` as they are. Each is held, and counts towards the
/// limit `objects`.
impl<D: Dimension> FromPython for Array<Object, D> {
    const WANT: Want = Want::Handle;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        Err(ConversionError::mismatch("an array", &value))
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self> {
        let array = Object::from_guest(value, py)?;
        let (shape, items): (Vec<usize>, Vec<Object>) =
            py.call_helper_as("object_items", (array,))?;
        let found = shape.len();
        let array = ArrayD::from_shape_vec(shape, items);
        let array = array.map_err(|error| ConversionError::other(error.to_string()))?;
        array.into_dimensionality().map_err(|_| {
            let expected = D::NDIM.unwrap_or_default();
            ConversionError::new(format!("{expected} dimensions"), found.to_string()).into()
        })
    }
}

impl Item for Object {
    fn write<D: Dimension>(
        array: ArrayView<'_, Self, D>,
        out: &mut Encoder<'_>,
    ) -> Result<(), ConversionError> {
        let items: Vec<&Self> = array.iter().collect();
        out.call_named(".object_array", (Shape(array.shape()), items))
    }
}
