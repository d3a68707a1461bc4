//! `Value` as any Rust type, and back, without an interpreter.

use super::{ConversionError, FromPython, ToPython};
use crate::bridge::{Encoder, Owner, Table, decode};
use crate::error::Error;
use crate::value::handle::Domain;
use crate::value::{HostObject, Object, Value, stdlib};
use std::path::PathBuf;

impl Value {
    /// The Python value that a Rust value becomes, without any interpreter.
    ///
    /// ```
    /// use ophidia::Value;
    ///
    /// let value = Value::of((1, "x"))?;
    /// assert_eq!(value, Value::Tuple(vec![Value::Int(1), Value::Str("x".into())]));
    /// assert_eq!(value.extract::<(u8, String)>()?, (1, "x".to_owned()));
    /// # Ok::<_, ophidia::ConversionError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What has no Python form; an object or a function, because it belongs to an interpreter.
    pub fn of(value: impl ToPython) -> Result<Self, ConversionError> {
        let (domain, mut table) = (Domain::new(0), Table::new(0));
        let mut out = Encoder::new(&domain, &mut table, Vec::new());
        value.to_python(&mut out).map_err(|error| match error.limit() {
            Some(_) => ConversionError::new("plain data", "a function or an object of the host"),
            None => error,
        })?;
        let (bytes, _) = out.finish();
        decode(
            Owner {
                domain: &domain,
                table: &table,
                limit: u64::MAX,
                held: 0,
                holding: None,
                control: None,
            },
            &bytes,
        )
        .map_err(|error| match error {
            Error::GuestFault(said) => ConversionError::other(said),
            error => ConversionError::other(error.to_string()),
        })
    }

    /// The value as a Rust type: the same as `T::from_python(value)`. The types that one uses most are `TryFrom<Value>`
    /// too.
    ///
    /// # Errors
    ///
    /// It has another type, or does not fit.
    pub fn extract<T: FromPython>(self) -> Result<T, ConversionError> {
        T::from_python(self)
    }
}

macro_rules! try_from {
    ($($ty:ty)*) => {$(
        impl TryFrom<Value> for $ty {
            type Error = ConversionError;

            fn try_from(value: Value) -> Result<Self, ConversionError> {
                Self::from_python(value)
            }
        }
    )*};
}

try_from! {
    () bool i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64 char String Object HostObject PathBuf
    stdlib::Date stdlib::Time stdlib::DateTime stdlib::TimeDelta stdlib::Fraction stdlib::Range stdlib::Member
}

/// A `list` or `tuple`; of a `Vec<u8>` also a `bytes`.
impl<T: FromPython> TryFrom<Value> for Vec<T> {
    type Error = ConversionError;

    fn try_from(value: Value) -> Result<Self, ConversionError> {
        Self::from_python(value)
    }
}
