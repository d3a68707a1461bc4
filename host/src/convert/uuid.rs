//! The identifiers of the crate `uuid`. Needs the feature `uuid`.

use super::{ConversionError, FromPython, ToPython};
use crate::bridge::Encoder;
use crate::value::Value;
use uuid::Uuid;

/// A `uuid.UUID`.
impl ToPython for Uuid {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.uuid(self.as_bytes())
    }
}

impl FromPython for Uuid {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Uuid(bytes) => Ok(Self::from_bytes(bytes)),
            other => Err(ConversionError::mismatch("UUID", &other)),
        }
    }
}
