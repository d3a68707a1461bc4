//! Columns out of the guest: each buffer is copied once, and nothing that it says is believed.

use super::super::{Bool, Buffer, Dtype, Element};
use super::format;
use crate::convert::FromPython;
use crate::error::ConversionError;
use crate::error::LimitExceeded;
use crate::error::beginning;
use crate::error::{Error, Result};
use crate::python::Python;
use crate::value::Object;
use crate::value::Value;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, NullArray, PrimitiveArray,
    StringArray, make_array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field};
use ndarray::Ix1;
use std::collections::HashMap;
use std::sync::Arc;

/// A column as Arrow lays it out: its format, its length, the bits that say what is there, its buffers,
/// whether it may have nulls, and what is noted of it.
pub(super) type Laid = (String, u64, Option<Object>, Vec<Object>, bool, HashMap<String, String>);

/// A column of Python's.
pub(super) type Column = (String, Option<Laid>, Value, Option<Object>);

/// The columns of a batch out of a guest, whose bytes together are bounded by the limit `value`.
pub(super) struct Reader<'r, 'py> {
    py: &'r mut Python<'py>,
    left: u64,
}

impl<'r, 'py> Reader<'r, 'py> {
    pub(super) fn new(py: &'r mut Python<'py>) -> Self {
        let left = py.state().bridge.value_limit;
        Self { py, left }
    }

    pub(super) fn column(&mut self, column: Column) -> Result<(Field, ArrayRef)> {
        let (name, laid, values, valid) = column;
        let Some(laid) = laid else {
            let array = self.values(values, valid)?;
            return Ok((Field::new(name, array.data_type().clone(), array.is_nullable()), array));
        };
        let (format, len, validity, buffers, nullable, notes) = laid;
        let data_type = format::read(&format).ok_or_else(|| {
            let said = format!("one whose format is {:?}", beginning(&format));
            ConversionError::new("a column of a format that is known", said)
        })?;
        let array = self.laid(&data_type, len, validity, buffers)?;
        Ok((Field::new(name, data_type, nullable).with_metadata(notes), array))
    }

    /// What lies in memory as Arrow has it.
    fn laid(
        &mut self,
        data_type: &DataType,
        len: u64,
        validity: Option<Object>,
        buffers: Vec<Object>,
    ) -> Result<ArrayRef> {
        // At least a bit an item lies somewhere, but for columns of nulls.
        let len = u32::try_from(len).map_err(|_| {
            ConversionError::new(format!("at most {} items", u32::MAX), len.to_string())
        })? as usize;
        if matches!(data_type, DataType::Null) {
            self.charge(len)?;
        }
        let nulls = match validity {
            Some(bits) => {
                let bits = self.bytes(&bits)?;
                let held = bits.len().saturating_mul(8);
                if held < len {
                    let said = format!("{held} bits");
                    return Err(ConversionError::new(format!("the validity of {len}"), said).into());
                }
                Some(NullBuffer::new(BooleanBuffer::new(bits, 0, len)))
            }
            None => None,
        };
        let mut builder = ArrayData::builder(data_type.clone()).len(len).nulls(nulls);
        for buffer in &buffers {
            builder = builder.add_buffer(self.bytes(buffer)?);
        }
        let checked = builder.build();
        let checked = checked.map_err(|error| {
            ConversionError::other(format!(
                "a column of {data_type} was asked for: {}",
                beginning(&error.to_string())
            ))
        })?;
        Ok(make_array(checked))
    }

    /// An array of one dimension, or a list.
    fn values(&mut self, values: Value, valid: Option<Object>) -> Result<ArrayRef> {
        let array = match values {
            Value::Object(array) => array,
            Value::List(items) | Value::Tuple(items) => return Ok(listed(items)?),
            other => return Err(ConversionError::mismatch("an array or a list", &other).into()),
        };
        let values = array.buffer(self.py)?;
        let nulls = match valid {
            Some(valid) => {
                let valid = valid.buffer(self.py)?;
                let bits = self.copied::<Bool>(&valid)?;
                Some(NullBuffer::from_iter(bits.into_iter().map(Bool::get)))
            }
            None => None,
        };
        match values.layout.element.clone()? {
            Dtype::I8 => self.numbers::<Int8Type>(&values, nulls),
            Dtype::I16 => self.numbers::<Int16Type>(&values, nulls),
            Dtype::I32 => self.numbers::<Int32Type>(&values, nulls),
            Dtype::I64 => self.numbers::<Int64Type>(&values, nulls),
            Dtype::U8 => self.numbers::<UInt8Type>(&values, nulls),
            Dtype::U16 => self.numbers::<UInt16Type>(&values, nulls),
            Dtype::U32 => self.numbers::<UInt32Type>(&values, nulls),
            Dtype::U64 => self.numbers::<UInt64Type>(&values, nulls),
            Dtype::F16 => self.numbers::<Float16Type>(&values, nulls),
            Dtype::F32 => self.numbers::<Float32Type>(&values, nulls),
            Dtype::F64 => self.numbers::<Float64Type>(&values, nulls),
            Dtype::Bool => {
                let bits = self.copied::<Bool>(&values)?.into_iter().map(Bool::get);
                fits(bits.len(), nulls.as_ref())?;
                Ok(Arc::new(BooleanArray::new(BooleanBuffer::from_iter(bits), nulls)))
            }
            other => {
                let said = format!("one of {other}");
                Err(ConversionError::new("an array of numbers", said).into())
            }
        }
    }

    fn numbers<T: ArrowPrimitiveType<Native: Element>>(
        &mut self,
        values: &Buffer,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let values = self.copied::<T::Native>(values)?;
        fits(values.len(), nulls.as_ref())?;
        Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
    }

    fn copied<T: Element>(&mut self, values: &Buffer) -> Result<Vec<T>> {
        self.charge(values.len().saturating_mul(size_of::<T>()))?;
        if let Ok(view) = values.view::<T, Ix1>(self.py) {
            return Ok(match view.as_slice() {
                Some(slice) => slice.to_vec(),
                None => view.iter().copied().collect(),
            });
        }
        let (_, items) = values.copied::<T, Ix1>(self.py)?;
        Ok(items)
    }

    fn bytes(&mut self, object: &Object) -> Result<arrow_buffer::Buffer> {
        let buffer = object.buffer(self.py)?;
        self.charge(buffer.len().saturating_mul(buffer.item_size()))?;
        Ok(arrow_buffer::Buffer::from_slice_ref(buffer.bytes(self.py)?))
    }

    /// Takes so many bytes from what is left.
    fn charge(&mut self, bytes: usize) -> Result<()> {
        let limit = self.py.state().bridge.value_limit;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return Err(self.py.guest().ours(LimitExceeded::Value { limit }.into())),
        }
        self.py.guest().check()
    }
}

fn fits(len: usize, nulls: Option<&NullBuffer>) -> Result<(), Error> {
    match nulls.map(NullBuffer::len) {
        Some(masked) if masked != len => {
            let said = format!("{masked}");
            Err(ConversionError::new(format!("a mask of {len} elements"), said).into())
        }
        _ => Ok(()),
    }
}

/// The first item that is not `None` says what they all are.
fn listed(items: Vec<Value>) -> Result<ArrayRef, ConversionError> {
    let first = items.iter().find(|item| !matches!(item, Value::None));
    let is_float = items.iter().any(|item| matches!(item, Value::Float(_)));
    Ok(match first {
        Some(Value::Int(_)) if !is_float => Arc::new(Int64Array::from(all::<i64>(items)?)),
        Some(Value::Int(_) | Value::Float(_)) => Arc::new(Float64Array::from(all::<f64>(items)?)),
        Some(Value::Bool(_)) => Arc::new(BooleanArray::from(all::<bool>(items)?)),
        Some(Value::Str(_)) => Arc::new(StringArray::from(all::<String>(items)?)),
        Some(Value::Bytes(_)) => Arc::new(BinaryArray::from_iter(all::<Bytes>(items)?)),
        None => Arc::new(NullArray::new(items.len())),
        Some(other) => {
            let expected = "a list of bool, int, float, str or bytes";
            return Err(ConversionError::new(expected, format!("one of {}", other.kind())));
        }
    })
}

fn all<T: FromPython>(items: Vec<Value>) -> Result<Vec<Option<T>>, ConversionError> {
    Vec::<Option<T>>::from_python(Value::List(items))
}

struct Bytes(Vec<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl FromPython for Bytes {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Bytes(bytes) => Ok(Self(bytes)),
            other => Err(ConversionError::mismatch("bytes", &other)),
        }
    }
}
