//! Complex numbers: those of `num-complex`.

use super::from_python::narrowed;
use super::{ConversionError, FromPython, ToPython};
use crate::bridge::Encoder;
use crate::value::Value;
use num_complex::Complex;

/// A `complex`.
impl<T: Copy + Into<f64>> ToPython for Complex<T> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.complex(self.re.into(), self.im.into())
    }
}

/// A `complex`, or what an `f64` is made of.
impl FromPython for Complex<f64> {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Complex { real, imaginary } => Ok(Self::new(real, imaginary)),
            Value::Float(_) | Value::Int(_) | Value::BigInt(_) => {
                f64::from_python(value).map(Self::from)
            }
            other => Err(ConversionError::mismatch("complex", &other)),
        }
    }
}

/// As of `f64`, rounded; what is finite stays so.
impl FromPython for Complex<f32> {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Complex { real, imaginary } => {
                Ok(Self::new(narrowed(real)?, narrowed(imaginary)?))
            }
            Value::Float(_) | Value::Int(_) | Value::BigInt(_) => {
                f32::from_python(value).map(Self::from)
            }
            other => Err(ConversionError::mismatch("complex", &other)),
        }
    }
}
