//! Record batches of the crate `arrow-array`, as a `dict` of columns. Needs the feature `arrow`.

mod format;
mod from_guest;
mod to_guest;

use crate::convert::FromPython;
use crate::error::ConversionError;
use crate::error::Result;
use crate::error::beginning;
use crate::python::Python;
use crate::value::Value;
use arrow_array::{Array as _, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use from_guest::{Column, Reader};
use ophidia_abi::Want;
use std::collections::HashMap;
use std::sync::Arc;

/// A mapping of names to columns of one length: those of [`Python::record_batch`]; arrays of one dimension, also
/// masked ones, and numpy's `datetime64` and `timedelta64`; or lists of `bool`, `int`, `float`, `str` or
/// `bytes`, and of `None`. What lies in arrays is copied once. A `DataFrame` of pandas gives its columns so too, see
/// [`Python::data_frame`].
impl FromPython for RecordBatch {
    const WANT: Want = Want::Handle;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        Err(ConversionError::mismatch("a mapping of columns", &value))
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self> {
        let Value::Object(table) = value else { return Ok(Self::from_python(value)?) };
        let (columns, notes): (Vec<Column>, HashMap<String, String>) =
            py.call_helper_as("columns", (table,))?;
        let mut reader = Reader::new(py);
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for column in columns {
            let step = step(&column.0);
            let (field, array) = reader.column(column).map_err(|error| error.within(&step))?;
            fields.push(field);
            arrays.push(array);
        }
        let rows = arrays.first().map_or(0, |array| array.len());
        let schema = Arc::new(Schema::new(fields).with_metadata(notes));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Self::try_new_with_options(schema, arrays, &options)
            .map_err(|error| ConversionError::other(format!("a record batch: {error}")).into())
    }
}

/// The way to a column, for errors.
fn step(name: &str) -> String {
    format!("[{:?}]", beginning(name))
}
