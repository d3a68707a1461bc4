//! Columns into the guest: each buffer is copied once, to where it stays.

use super::super::Element;
use super::{format, step};
use crate::error::ConversionError;
use crate::error::{Error, Result};
use crate::python::Python;
use crate::value::Object;
use crate::value::Value;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, OffsetSizeTrait, RecordBatch};
use arrow_buffer::{ArrowNativeType, BooleanBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Metadata};
use half::f16;
use std::collections::HashSet;

impl Python<'_> {
    /// A `dict` of the batch's columns, in their order. Needs the feature `arrow`.
    ///
    /// The buffers of each column, as Arrow lays them out, are copied once into the guest's memory. There a
    /// column is an object that gives its items one by one, `None` for nulls, and as a whole by its attribute
    /// `values`: numbers as an array of numpy that shares the memory, or as a `memoryview` where there is no
    /// numpy, dates and times as numpy's `datetime64` and `timedelta64`, a masked array when there are nulls.
    /// A column of numbers without nulls is itself an object of the buffer protocol.
    ///
    /// [`extract`](Object::extract) makes a batch of it again, with the same schema.
    ///
    /// ```
    /// use arrow_array::{Int32Array, RecordBatch, StringArray};
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let sold: Arc<_> = Int32Array::from(vec![Some(3), None, Some(4)]).into();
    /// let names: Arc<_> = StringArray::from(vec!["tea", "cake", "jam"]).into();
    /// let batch = RecordBatch::try_from_iter([("sold", sold as _), ("name", names as _)])?;
    /// let table = py.record_batch(&batch)?;
    /// py.set("table", &table)?;
    /// py.run("assert list(table['sold']) == [3, None, 4] and table['name'][2] == 'jam'")?;
    /// py.run("assert table['sold'].values.sum() == 7")?; // a masked array of numpy
    /// assert_eq!(table.extract::<RecordBatch>(&mut py)?, batch);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] for two columns of one name, for rows without any, and for columns of other
    /// types than numbers, truth values, texts, byte strings, dates, times and nulls; [`Error::Limit`] when
    /// the memory does not suffice.
    pub fn record_batch(&mut self, batch: &RecordBatch) -> Result<Object> {
        self.operation(|py| py.table(batch))
    }

    /// A `DataFrame` of pandas with the batch's columns, in their order. Needs the feature `arrow`, and a guest that has
    /// pandas, as the flavour `science` has.
    ///
    /// The buffers are copied once, as by [`record_batch`](Self::record_batch). Columns of numbers without nulls are
    /// seen by pandas where they lie. With nulls they are pandas' own copies: integers and truth values of its types with
    /// missing values (`Int64`, `boolean`), floats with NaN, dates and times with NaT. Times with a zone keep it. Texts are of the
    /// type `str`; byte strings and nulls are objects.
    ///
    /// [`extract`](Object::extract) makes a batch of any `DataFrame`: what pandas counts as missing, NaN too, is null; categories
    /// become their values; levels of the index that have a name are columns.
    ///
    /// # Errors
    ///
    /// As for [`record_batch`](Self::record_batch); [`Error::Python`] with `ModuleNotFoundError` where the guest has no pandas.
    pub fn data_frame(&mut self, batch: &RecordBatch) -> Result<Object> {
        self.operation(|py| {
            let table = py.table(batch)?;
            py.call_helper("frames.frame", (table,))
        })
    }

    fn table(&mut self, batch: &RecordBatch) -> Result<Object> {
        let (schema, rows) = (batch.schema(), batch.num_rows());
        if batch.num_columns() == 0 && rows > 0 {
            let said =
                format!("{rows} rows without a column, which a `dict` of columns cannot count");
            return Err(ConversionError::other(said).into());
        }
        let mut names = HashSet::new();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            if !names.insert(field.name()) {
                let said = "two columns have this name, which a `dict` cannot hold: rename one";
                return Err(ConversionError::other(said).within(&step(field.name())).into());
            }
            self.guest().check()?;
            let column = self.column(field, column);
            columns.push(column.map_err(|error| error.within(&step(field.name())))?);
        }
        self.call_helper("table", (Value::List(columns), notes(schema.metadata())))
    }

    fn column(&mut self, field: &Field, column: &ArrayRef) -> Result<Value> {
        let data_type = column.data_type();
        let format = format::written(data_type).ok_or_else(|| cannot(data_type))?;
        let validity = match column.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => Value::Object(self.bits(nulls.inner())?),
            None => Value::None,
        };
        let buffers = self.buffers(column)?.into_iter().map(Value::Object).collect();
        Ok(Value::Tuple(vec![
            Value::Str(field.name().clone()),
            Value::Str(format),
            Value::Int(i64::try_from(column.len()).unwrap_or(i64::MAX)),
            validity,
            Value::List(buffers),
            Value::Bool(field.is_nullable()),
            notes(field.metadata()),
        ]))
    }

    fn buffers(&mut self, column: &ArrayRef) -> Result<Vec<Object>> {
        let data = &column.to_data();
        let one = match column.data_type() {
            DataType::Null => return Ok(Vec::new()),
            DataType::Boolean => self.bits(column.as_boolean().values())?,
            DataType::Int8 => self.numbers::<i8>(data)?,
            DataType::UInt8 => self.numbers::<u8>(data)?,
            DataType::Int16 => self.numbers::<i16>(data)?,
            DataType::UInt16 => self.numbers::<u16>(data)?,
            DataType::Int32 | DataType::Date32 | DataType::Time32(_) => {
                self.numbers::<i32>(data)?
            }
            DataType::UInt32 => self.numbers::<u32>(data)?,
            DataType::Int64
            | DataType::Date64
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Duration(_) => self.numbers::<i64>(data)?,
            DataType::UInt64 => self.numbers::<u64>(data)?,
            DataType::Float16 => self.numbers::<f16>(data)?,
            DataType::Float32 => self.numbers::<f32>(data)?,
            DataType::Float64 => self.numbers::<f64>(data)?,
            DataType::Utf8 | DataType::Binary => return self.texts::<i32>(data),
            DataType::LargeUtf8 | DataType::LargeBinary => return self.texts::<i64>(data),
            DataType::FixedSizeBinary(_) => {
                let bytes = column.as_fixed_size_binary();
                let width = usize::try_from(bytes.value_length()).unwrap_or(0);
                let all = bytes.value_data().get(..column.len().saturating_mul(width));
                self.array_from(all.ok_or_else(short)?)?.object().clone()
            }
            other => return Err(cannot(other).into()),
        };
        Ok(vec![one])
    }

    fn numbers<T: Element + ArrowNativeType>(&mut self, data: &ArrayData) -> Result<Object> {
        let values = data.buffer::<T>(0).get(..data.len()).ok_or_else(short)?;
        Ok(self.array_from(values)?.object().clone())
    }

    /// Bits from the first bit of a byte on.
    fn bits(&mut self, bits: &BooleanBuffer) -> Result<Object> {
        Ok(self.array_from(bits.sliced().as_slice())?.object().clone())
    }

    /// Where each text begins, from zero on, and the bytes of all.
    fn texts<O: Element + OffsetSizeTrait>(&mut self, data: &ArrayData) -> Result<Vec<Object>> {
        // A column of nothing may be without offsets.
        let offsets = data.buffer::<O>(0).get(..=data.len()).unwrap_or_default();
        let [first, .., last] = offsets else { return self.no_texts::<O>() };
        let bytes = data.buffers().get(1).map_or(&[][..], |bytes| bytes.as_slice());
        let bytes = bytes.get(first.as_usize()..last.as_usize()).ok_or_else(short)?;
        let starts = offsets.iter().map(|offset| *offset - *first);
        let starts = self.array_from_iter(offsets.len(), starts)?.object().clone();
        Ok(vec![starts, self.array_from(bytes)?.object().clone()])
    }

    fn no_texts<O: Element + OffsetSizeTrait>(&mut self) -> Result<Vec<Object>> {
        let starts = self.zeros::<O, _>(1)?.object().clone();
        Ok(vec![starts, self.zeros::<u8, _>(0)?.object().clone()])
    }
}

fn notes(metadata: &Metadata) -> Value {
    let text = |text: &String| Value::Str(text.clone());
    Value::Dict(metadata.iter().map(|(key, value)| (text(key), text(value))).collect())
}

fn cannot(data_type: &DataType) -> ConversionError {
    let expected = "a column of numbers, truth values, texts, byte strings, dates or times";
    ConversionError::new(expected, format!("one of {data_type}: cast it first"))
}

/// A column of arrow-array holds what it says.
fn short() -> Error {
    ConversionError::other("a column shorter than it says").into()
}
