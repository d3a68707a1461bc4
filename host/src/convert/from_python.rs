//! Python objects as Rust values.

use super::{ConversionError, built_in};
use crate::bridge::{Direct, Plain};
use crate::error::Error;
use crate::error::beginning;
use crate::python::Python;
use crate::value::Object;
use crate::value::{HostObject, Value, float};
use ophidia_abi::Want;
use std::fmt::LowerExp;

/// A Rust type that a Python value can be converted to.
///
/// The derive macro of the same name implements it for structs and enums;
/// [`ToPython`](trait@crate::ToPython) shows how. By hand, it is implemented for a type that is made of plain data:
///
/// ```
/// use ophidia::{ConversionError, FromPython, Value};
///
/// #[derive(Debug, PartialEq)]
/// struct Percent(u8);
///
/// impl FromPython for Percent {
///     fn from_python(value: Value) -> Result<Self, ConversionError> {
///         match value.extract() {
///             Ok(number @ 0..=100) => Ok(Self(number)),
///             Ok(number) => Err(ConversionError::new("at most 100 percent", number.to_string())),
///             Err(error) => Err(error),
///         }
///     }
/// }
///
/// assert_eq!(Value::from([5, 100]).extract::<Vec<Percent>>()?, [Percent(5), Percent(100)]);
/// # Ok::<_, ConversionError>(())
/// ```
///
/// A type that is read from a live object, by its attributes or methods, implements [`FromObject`] instead.
pub trait FromPython: Sized {
    /// Whether it is made of a value, or of the object itself.
    #[doc(hidden)]
    const WANT: Want = Want::Plain;

    /// Whether it takes whatever comes.
    #[doc(hidden)]
    const ANY: bool = false;

    /// Takes the value.
    ///
    /// # Errors
    ///
    /// When it has another type, or does not fit.
    fn from_python(value: Value) -> Result<Self, ConversionError>;

    /// Takes a plain value, without making a [`Value`] of it. `None`: that has to be made.
    #[doc(hidden)]
    #[inline]
    fn from_plain(_value: Plain<'_>) -> Option<Self> {
        None
    }

    /// Takes the next value of an encoding likewise, a container of plain values too.
    #[doc(hidden)]
    #[inline]
    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        Self::from_plain(from.plain()?)
    }

    /// The same with the interpreter at hand, for what is read from its memory, or from objects.
    #[doc(hidden)]
    #[inline]
    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self, Error> {
        match value {
            Value::Object(_) | Value::Member(_) => built_in::read(value, py),
            value => Ok(Self::from_python(value)?),
        }
    }
}

/// A Rust type that is read from a live Python object, with the interpreter at hand.
///
/// It is [`FromPython`] then: in `extract`, in containers and derived types, and as a parameter of a host function.
/// The object may be of any class; an error or an exception is the caller's.
///
/// ```
/// use ophidia::{ConversionError, Encoder, FromObject, Function, Object, Python, Result, ToPython};
///
/// #[derive(Debug, PartialEq)]
/// struct Point { x: f64, y: f64 }
///
/// impl FromObject for Point {
///     fn from_object(object: &Object, py: &mut Python<'_>) -> Result<Self> {
///         Ok(Self { x: object.getattr_as(py, "x")?, y: object.getattr_as(py, "y")? })
///     }
/// }
///
/// // The way back: what calling the class gives.
/// impl ToPython for Point {
///     fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
///         out.call_named("Point", (self.x, self.y))
///     }
/// }
///
/// # fn main() -> Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// py.run("from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: float\n    y: float")?;
/// let points: Vec<Point> = py.eval_as("[Point(1, 2), Point(3, 4)]")?;
/// assert_eq!(points[1], Point { x: 3.0, y: 4.0 });
///
/// let mirror = Function::new("mirror", |point: Point| Point { x: point.y, y: point.x });
/// py.set("mirror", mirror)?;
/// py.run("assert mirror(Point(1, 2)) == Point(2, 1)")?;
/// # Ok(())
/// # }
/// ```
pub trait FromObject: Sized {
    /// Reads the object.
    ///
    /// # Errors
    ///
    /// What reading it fails with, or a [`ConversionError`] of one's own.
    fn from_object(object: &Object, py: &mut Python<'_>) -> Result<Self, Error>;
}

impl<T: FromObject> FromPython for T {
    const WANT: Want = Want::Handle;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        wrong("an object, with its interpreter at hand", &value)
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self, Error> {
        let object = Object::from_guest(value, py)?;
        Self::from_object(&object, py)
    }
}

fn wrong<T>(expected: &str, got: &Value) -> Result<T, ConversionError> {
    Err(ConversionError::mismatch(expected, got))
}

impl FromPython for Value {
    const WANT: Want = Want::Value;
    const ANY: bool = true;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        Ok(value)
    }

    #[inline]
    fn from_plain(value: Plain<'_>) -> Option<Self> {
        Some(value.into())
    }

    #[inline]
    fn from_guest(value: Value, _: &mut Python<'_>) -> Result<Self, Error> {
        Ok(value)
    }
}

impl FromPython for () {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::None => Ok(()),
            other => wrong("None", &other),
        }
    }

    #[inline]
    fn from_plain(value: Plain<'_>) -> Option<Self> {
        matches!(value, Plain::None).then_some(())
    }
}

impl FromPython for bool {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Bool(value) => Ok(value),
            other => wrong("bool", &other),
        }
    }

    #[inline]
    fn from_plain(value: Plain<'_>) -> Option<Self> {
        if let Plain::Bool(value) = value { Some(value) } else { None }
    }
}

/// The integer when it fits 128 bits and its sign bit.
fn integer(value: &Value) -> Option<(i128, bool)> {
    match value {
        Value::Int(value) => Some(((*value).into(), *value < 0)),
        Value::BigInt(bytes) => {
            let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
            let fill = if negative { 0xff } else { 0 };
            let mut all = [fill; 16];
            let rest = bytes.get(16..).unwrap_or_default();
            for (to, from) in all.iter_mut().zip(bytes) {
                *to = *from;
            }
            rest.iter().all(|byte| *byte == fill).then(|| (i128::from_le_bytes(all), negative))
        }
        _ => None,
    }
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl FromPython for $ty {
            #[inline]
            fn from_python(value: Value) -> Result<Self, ConversionError> {
                if let Value::Int(value) = value
                    && let Ok(value) = Self::try_from(value)
                {
                    return Ok(value);
                }
                if !matches!(value, Value::Int(_) | Value::BigInt(_)) {
                    return wrong("int", &value);
                }
                let fits = integer(&value).and_then(|(bits, negative)| {
                    // Of 128 bits the topmost may be the sign, or part of a u128.
                    if (bits < 0) == negative {
                        <$ty>::try_from(bits).ok()
                    } else {
                        <$ty>::try_from(bits.cast_unsigned()).ok()
                    }
                });
                fits.ok_or_else(|| {
                    let range = format!("an int from {} to {}", <$ty>::MIN, <$ty>::MAX);
                    ConversionError::new(range, match value {
                        Value::Int(value) => value.to_string(),
                        _ => "one that does not fit".to_owned(),
                    })
                })
            }

            #[inline]
            fn from_plain(value: Plain<'_>) -> Option<Self> {
                if let Plain::Int(value) = value { Self::try_from(value).ok() } else { None }
            }
        }
    )*};
}

integers! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

/// A `float`, or the one nearest to an `int` of any size.
impl FromPython for f64 {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Float(value) => Ok(value),
            Value::Int(value) => Ok(value as Self),
            Value::BigInt(bytes) => {
                float::nearest(&bytes).ok_or_else(|| too_large(Self::MIN, Self::MAX))
            }
            other => wrong("float", &other),
        }
    }

    #[inline]
    fn from_plain(value: Plain<'_>) -> Option<Self> {
        match value {
            Plain::Float(value) => Some(value),
            Plain::Int(value) => Some(value as Self),
            _ => None,
        }
    }
}

/// As `f64`, rounded; what is finite stays so.
impl FromPython for f32 {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Float(value) => narrowed(value),
            Value::Int(value) => Ok(value as Self),
            Value::BigInt(bytes) => {
                float::nearest_short(&bytes).ok_or_else(|| too_large(Self::MIN, Self::MAX))
            }
            other => wrong("float", &other),
        }
    }

    #[inline]
    fn from_plain(value: Plain<'_>) -> Option<Self> {
        match value {
            Plain::Float(value) => narrowed(value).ok(),
            Plain::Int(value) => Some(value as Self),
            _ => None,
        }
    }
}

#[cold]
fn too_large(least: impl LowerExp, most: impl LowerExp) -> ConversionError {
    ConversionError::new(format!("an int from {least:e} to {most:e}"), "one that does not fit")
}

pub(super) fn narrowed(value: f64) -> Result<f32, ConversionError> {
    let rounded = value as f32;
    if value.is_finite() && rounded.is_infinite() {
        let range = format!("a float from {:e} to {:e}", f32::MIN, f32::MAX);
        return Err(ConversionError::new(range, format!("{value:e}")));
    }
    Ok(rounded)
}

impl FromPython for String {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Str(text) => Ok(text),
            Value::WideStr(_) => {
                Err(ConversionError::new("a str of characters", "a str with lone surrogates"))
            }
            other => wrong("str", &other),
        }
    }

    #[inline]
    fn from_plain(value: Plain<'_>) -> Option<Self> {
        if let Plain::Str(text) = value { Some(text.to_owned()) } else { None }
    }
}

impl FromPython for char {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let text = String::from_python(value)?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(ConversionError::new(
                "a str of one character",
                format!("{:?}", beginning(&text)),
            )),
        }
    }
}

/// The object itself, whatever it is. A `None`, a number or a short `str` inside a container or among the arguments
/// of a host function may be an equal object instead.
impl FromPython for Object {
    const WANT: Want = Want::Handle;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Object(object) => Ok(object),
            Value::Member(member) => Ok(member.object),
            other => wrong("an object that has no plain form", &other),
        }
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self, Error> {
        match value {
            Value::Object(object) => Ok(object),
            Value::Member(member) => Ok(member.object),
            plain => py.object(plain),
        }
    }
}

impl FromPython for HostObject {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Host(object) => Ok(object),
            other => wrong("an object of the host", &other),
        }
    }
}
