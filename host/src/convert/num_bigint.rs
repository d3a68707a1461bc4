//! The integers of the crate `num-bigint`. Needs the feature `num-bigint`.

use super::{ConversionError, FromPython, ToPython};
use crate::bridge::Encoder;
use crate::value::Value;
use num_bigint::{BigInt, BigUint};

/// An `int`.
impl ToPython for BigInt {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        match i64::try_from(self) {
            Ok(small) => out.int(small),
            Err(_) => out.big_int(&self.to_signed_bytes_le()),
        }
    }
}

impl FromPython for BigInt {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Int(small) => Ok(small.into()),
            Value::BigInt(bytes) => Ok(Self::from_signed_bytes_le(&bytes)),
            other => Err(ConversionError::mismatch("int", &other)),
        }
    }
}

/// An `int`.
impl ToPython for BigUint {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        BigInt::from(self.clone()).to_python(out)
    }
}

impl FromPython for BigUint {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let number = BigInt::from_python(value)?;
        Self::try_from(number).map_err(|_| ConversionError::new("an int from 0", "a negative one"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn integers_of_any_size_come_back() {
        let large = BigInt::from(u128::MAX).pow(9);
        for number in [large.clone(), -large, BigInt::ZERO, i64::MIN.into(), u64::MAX.into()] {
            let value = Value::of(&number).unwrap();
            assert_eq!(BigInt::from_python(value).unwrap(), number);
        }
        assert_eq!(Value::of(BigUint::from(7u8)).unwrap(), Value::Int(7));
        assert_eq!(BigUint::from_python(Value::Int(7)).unwrap(), BigUint::from(7u8));
        assert_eq!(BigInt::from_python(Value::BigInt(vec![])).unwrap(), BigInt::ZERO);
        let negative = BigUint::from_python(Value::Int(-1)).unwrap_err().to_string();
        assert_eq!(negative, "expected an int from 0, got a negative one");
    }
}
