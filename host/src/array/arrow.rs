//! Record batches of the crate `arrow-array`, as a `dict` of columns. Needs the feature `arrow`.

use super::{Bool, Buffer, Dtype, Element};
use crate::codec::Value;
use crate::convert::{ConversionError, FromPython, ToPython};
use crate::error::{Error, Result};
use crate::limits::LimitExceeded;
use crate::object::Object;
use crate::python::Python;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType;
use ndarray::Ix1;
use ophidia_abi::Want;
use std::sync::Arc;

impl Python<'_> {
    /// A `dict` of the batch's columns, in their order. Needs the feature `arrow`.
    ///
    /// Numbers and truth values are copied once, to an array of numpy, or to a `memoryview` where there
    /// is no numpy. With nulls they are a masked array, without numpy a list with `None`. Texts and
    /// byte strings are lists.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] for columns of other types; [`Error::Limit`] when the memory does not
    /// suffice; otherwise as [`run`](Self::run).
    pub fn record_batch(&mut self, batch: &RecordBatch) -> Result<Object> {
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let object = self.column(column).map_err(|error| error.within(&step(field.name())))?;
            columns.push((Value::Str(field.name().clone()), Value::Object(object)));
        }
        self.object(Value::Dict(columns))
    }

    fn column(&mut self, column: &ArrayRef) -> Result<Object> {
        match column.data_type() {
            DataType::Int8 => self.numbers::<Int8Type>(column),
            DataType::Int16 => self.numbers::<Int16Type>(column),
            DataType::Int32 => self.numbers::<Int32Type>(column),
            DataType::Int64 => self.numbers::<Int64Type>(column),
            DataType::UInt8 => self.numbers::<UInt8Type>(column),
            DataType::UInt16 => self.numbers::<UInt16Type>(column),
            DataType::UInt32 => self.numbers::<UInt32Type>(column),
            DataType::UInt64 => self.numbers::<UInt64Type>(column),
            DataType::Float16 => self.numbers::<Float16Type>(column),
            DataType::Float32 => self.numbers::<Float32Type>(column),
            DataType::Float64 => self.numbers::<Float64Type>(column),
            DataType::Boolean => {
                let values = self.truths(column.as_boolean().values())?;
                self.with_nulls(values, column)
            }
            DataType::Utf8 => self.object(Items(|| column.as_string::<i32>().iter())),
            DataType::LargeUtf8 => self.object(Items(|| column.as_string::<i64>().iter())),
            DataType::Binary => self.object(Items(|| bytes(column.as_binary::<i32>().iter()))),
            DataType::LargeBinary => self.object(Items(|| bytes(column.as_binary::<i64>().iter()))),
            DataType::Null => self.object(vec![Value::None; column.len()]),
            other => Err(ConversionError::new(
                "a column of numbers, truth values, texts or byte strings",
                format!("one of {other}: cast it first"),
            )
            .into()),
        }
    }

    fn numbers<T: ArrowPrimitiveType<Native: Element>>(
        &mut self,
        column: &ArrayRef,
    ) -> Result<Object> {
        let values: &[T::Native] = column.as_primitive::<T>().values();
        let values = self.array_from(values)?.object().clone();
        self.with_nulls(values, column)
    }

    /// A bit each becomes a byte.
    fn truths(&mut self, bits: &BooleanBuffer) -> Result<Object> {
        let array = self.zeros::<Bool, _>(bits.len())?;
        for (place, bit) in array.view_mut(self)?.iter_mut().zip(bits) {
            *place = bit.into();
        }
        Ok(array.object().clone())
    }

    fn with_nulls(&mut self, values: Object, column: &ArrayRef) -> Result<Object> {
        match column.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => {
                let valid = self.truths(nulls.inner())?;
                self.help("masked", (values, valid))
            }
            None => Ok(values),
        }
    }
}

/// A list of what an iterator gives.
struct Items<F>(F);

impl<T: ToPython, I: ExactSizeIterator<Item = T>, F: Fn() -> I> ToPython for Items<F> {
    fn to_python(&self, out: &mut crate::codec::Encoder<'_>) -> Result<(), ConversionError> {
        let mut items = (self.0)();
        out.list(items.len(), |out| items.try_for_each(|item| item.to_python(out)))
    }
}

fn bytes<'a>(
    items: impl ExactSizeIterator<Item = Option<&'a [u8]>>,
) -> impl ExactSizeIterator<Item = Value> {
    items.map(|item| item.map_or(Value::None, |bytes| Value::Bytes(bytes.to_vec())))
}

fn step(name: &str) -> String {
    format!("[{:?}]", crate::convert::beginning(name))
}

/// A mapping of names to columns of one length: arrays of one dimension, copied once, also masked ones; or
/// lists of `bool`, `int`, `float`, `str` or `bytes`, and of `None`.
impl FromPython for RecordBatch {
    const WANT: Want = Want::Handle;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        Err(ConversionError::mismatch("a mapping of columns", &value))
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self> {
        let Value::Object(table) = value else { return Ok(Self::from_python(value)?) };
        let columns: Vec<(String, Value, Option<Object>)> = py.help_as("columns", (table,))?;
        let mut left = py.state().value_limit;
        let mut arrays = Vec::with_capacity(columns.len());
        for (name, values, valid) in columns {
            let array = imported(py, values, valid, &mut left);
            arrays.push((name.clone(), array.map_err(|error| error.within(&step(&name)))?));
        }
        Self::try_from_iter(arrays)
            .map_err(|error| ConversionError::other(format!("a record batch: {error}")).into())
    }
}

fn imported(
    py: &mut Python<'_>,
    values: Value,
    valid: Option<Object>,
    left: &mut u64,
) -> Result<ArrayRef> {
    let array = match values {
        Value::Object(array) => array,
        Value::List(items) | Value::Tuple(items) => return Ok(listed(items)?),
        other => return Err(ConversionError::mismatch("an array or a list", &other).into()),
    };
    let values = array.buffer(py)?;
    let nulls = match valid {
        Some(valid) => {
            let valid = valid.buffer(py)?;
            let bits = copied::<Bool>(py, &valid, left)?;
            Some(NullBuffer::from_iter(bits.into_iter().map(Bool::get)))
        }
        None => None,
    };
    match values.dtype()? {
        Dtype::I8 => numbers::<Int8Type>(py, &values, nulls, left),
        Dtype::I16 => numbers::<Int16Type>(py, &values, nulls, left),
        Dtype::I32 => numbers::<Int32Type>(py, &values, nulls, left),
        Dtype::I64 => numbers::<Int64Type>(py, &values, nulls, left),
        Dtype::U8 => numbers::<UInt8Type>(py, &values, nulls, left),
        Dtype::U16 => numbers::<UInt16Type>(py, &values, nulls, left),
        Dtype::U32 => numbers::<UInt32Type>(py, &values, nulls, left),
        Dtype::U64 => numbers::<UInt64Type>(py, &values, nulls, left),
        Dtype::F16 => numbers::<Float16Type>(py, &values, nulls, left),
        Dtype::F32 => numbers::<Float32Type>(py, &values, nulls, left),
        Dtype::F64 => numbers::<Float64Type>(py, &values, nulls, left),
        Dtype::Bool => {
            let bits = copied::<Bool>(py, &values, left)?.into_iter().map(Bool::get);
            fits(bits.len(), nulls.as_ref())?;
            Ok(Arc::new(BooleanArray::new(BooleanBuffer::from_iter(bits), nulls)))
        }
        other => Err(ConversionError::new("an array of numbers", format!("one of {other}")).into()),
    }
}

fn numbers<T: ArrowPrimitiveType<Native: Element>>(
    py: &Python<'_>,
    values: &Buffer,
    nulls: Option<NullBuffer>,
    left: &mut u64,
) -> Result<ArrayRef> {
    let values = copied::<T::Native>(py, values, left)?;
    fits(values.len(), nulls.as_ref())?;
    Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
}

/// The elements, whose bytes are taken from what is left.
fn copied<T: Element>(py: &Python<'_>, values: &Buffer, left: &mut u64) -> Result<Vec<T>> {
    let view = values.view::<T, Ix1>(py)?;
    let size = u64::try_from(view.len().saturating_mul(size_of::<T>())).unwrap_or(u64::MAX);
    let limit = py.state().value_limit;
    *left = left.checked_sub(size).ok_or(LimitExceeded::Value { limit })?;
    Ok(match view.as_slice() {
        Some(slice) => slice.to_vec(),
        None => view.iter().copied().collect(),
    })
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
        None => Arc::new(arrow_array::NullArray::new(items.len())),
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
