//! The numbers of the crate `rust_decimal`. Needs the feature `rust_decimal`.

use super::{ConversionError, FromPython, ToPython};
use crate::bridge::Encoder;
use crate::value::Value;
use rust_decimal::Decimal;

/// A `decimal.Decimal`.
impl ToPython for Decimal {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.decimal(&self.to_string())
    }
}

/// A `decimal.Decimal` or an `int`, of at most 28 digits or so.
impl FromPython for Decimal {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let text = match value {
            Value::Int(number) => return Ok(number.into()),
            Value::Decimal(text) => text,
            other => return Err(ConversionError::mismatch("Decimal", &other)),
        };
        let number = if text.contains(['E', 'e']) {
            Self::from_scientific(&text)
        } else {
            Self::from_str_exact(&text)
        };
        // Infinities and NaN are short; other numbers can be long.
        let start: String = text.chars().take(40).collect();
        number.map_err(|_| ConversionError::new("a Decimal of 96 bits and scale 28", start))
    }
}
