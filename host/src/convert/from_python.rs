//! Python objects as Rust values.

use super::arity::{arity, each_arity};
use super::{ConversionError, step};
use crate::bridge::{Direct, Plain};
use crate::error::Error;
use crate::error::beginning;
use crate::python::Python;
use crate::value::Object;
use crate::value::{HostObject, Value};
use ophidia_abi::{Encoded, Want};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

/// A Rust type that a Python value can become.
///
/// The derive macro of the same name implements it for structs and enums;
/// [`ToPython`](trait@crate::ToPython) shows how.
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

    /// The same with the interpreter at hand, for what is read from its memory.
    #[doc(hidden)]
    #[inline]
    fn from_guest(value: Value, _py: &mut Python<'_>) -> Result<Self, Error> {
        Ok(Self::from_python(value)?)
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

/// A `float`, or an `int` that a float can hold exactly.
impl FromPython for f64 {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Float(value) => Ok(value),
            Value::Int(value) if value.unsigned_abs() <= 1 << 53 => Ok(value as Self),
            other => wrong("float", &other),
        }
    }

    #[inline]
    fn from_plain(value: Plain<'_>) -> Option<Self> {
        match value {
            Plain::Float(value) => Some(value),
            Plain::Int(value) if value.unsigned_abs() <= 1 << 53 => Some(value as Self),
            _ => None,
        }
    }
}

/// As `f64`, rounded; what is finite stays so.
impl FromPython for f32 {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        narrowed(f64::from_python(value)?)
    }

    #[inline]
    fn from_plain(value: Plain<'_>) -> Option<Self> {
        narrowed(f64::from_plain(value)?).ok()
    }
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

/// The object itself, whatever it is. Inside a container only what has no plain form is an object.
impl FromPython for Object {
    const WANT: Want = Want::Handle;

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Object(object) => Ok(object),
            Value::Member(member) => Ok(member.object),
            other => wrong("an object without a plain form", &other),
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

/// `None`, or the value.
impl<T: FromPython> FromPython for Option<T> {
    const WANT: Want = if T::WANT.is_value() { T::WANT } else { Want::HandleOrNone };

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::None => Ok(None),
            value => T::from_python(value).map(Some),
        }
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self, Error> {
        match value {
            Value::None => Ok(None),
            value => T::from_guest(value, py).map(Some),
        }
    }

    #[inline]
    fn from_plain(value: Plain<'_>) -> Option<Self> {
        match value {
            Plain::None => Some(None),
            value => T::from_plain(value).map(Some),
        }
    }

    #[inline]
    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        if from.none() { Some(None) } else { T::from_direct(from).map(Some) }
    }
}

fn items<T: FromPython, C: FromIterator<T>>(
    values: impl IntoIterator<Item = Value>,
) -> Result<C, ConversionError> {
    let item = |(i, value)| T::from_python(value).map_err(|error| error.within(&format!("[{i}]")));
    values.into_iter().enumerate().map(item).collect()
}

/// What a `Vec` or a tuple is made of.
const LISTS: &[Encoded] = &[Encoded::List, Encoded::Tuple];

/// What an item may take in a hash table, which is made a power of two larger than its items, with a byte more
/// for each.
const fn hashed<T>() -> usize {
    2 * (size_of::<T>() + 1)
}

/// What a map is made of.
const DICTS: &[Encoded] = &[Encoded::Dict];

/// What a set is made of.
const SETS: &[Encoded] = &[Encoded::Set, Encoded::FrozenSet];

/// A `list` or `tuple`; of a `Vec<u8>` also a `bytes`.
impl<T: FromPython> FromPython for Vec<T> {
    const WANT: Want = Want::of_items(&[T::WANT]);

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::List(values) | Value::Tuple(values) => items(values),
            Value::Bytes(bytes) => items(bytes.into_iter().map(|byte| Value::Int(byte.into()))),
            other => wrong("list", &other),
        }
    }

    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        let count = from.count(LISTS, size_of::<T>())?;
        let mut items = Self::with_capacity(count);
        for _ in 0..count {
            items.push(T::from_direct(from)?);
        }
        Some(items)
    }
}

impl<T: FromPython, const N: usize> FromPython for [T; N] {
    const WANT: Want = Want::of_items(&[T::WANT]);

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let items = Vec::from_python(value)?;
        let count = items.len();
        items.try_into().map_err(|_| ConversionError::new(format!("{N} items"), count.to_string()))
    }

    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        Vec::from_direct(from)?.try_into().ok()
    }
}

impl<T: FromPython + Eq + Hash, S: BuildHasher + Default> FromPython for HashSet<T, S> {
    const WANT: Want = Want::of_items(&[T::WANT]);

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Set(values) | Value::FrozenSet(values) => items(values),
            other => wrong("set", &other),
        }
    }

    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        let count = from.count(SETS, hashed::<T>())?;
        let mut items = Self::with_capacity_and_hasher(count, S::default());
        for _ in 0..count {
            items.insert(T::from_direct(from)?);
        }
        Some(items)
    }
}

impl<T: FromPython + Ord> FromPython for BTreeSet<T> {
    const WANT: Want = Want::of_items(&[T::WANT]);

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Set(values) | Value::FrozenSet(values) => items(values),
            other => wrong("set", &other),
        }
    }

    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        (0..from.count(SETS, size_of::<T>())?).map(|_| T::from_direct(from)).collect()
    }
}

fn map<K: FromPython, V: FromPython, C: FromIterator<(K, V)>>(
    value: Value,
) -> Result<C, ConversionError> {
    let Value::Dict(pairs) = value else { return wrong("dict", &value) };
    let pair = |(key, value): (Value, Value)| {
        let step = step(&key);
        let key = K::from_python(key).map_err(|error| error.within(&format!("key {step}")))?;
        let value = V::from_python(value).map_err(|error| error.within(&step))?;
        Ok((key, value))
    };
    pairs.into_iter().map(pair).collect()
}

impl<K, V, S> FromPython for HashMap<K, V, S>
where
    K: FromPython + Eq + Hash,
    V: FromPython,
    S: BuildHasher + Default,
{
    const WANT: Want = Want::of_items(&[K::WANT, V::WANT]);

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        map(value)
    }

    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        let count = from.count(DICTS, hashed::<(K, V)>())?;
        let mut pairs = Self::with_capacity_and_hasher(count, S::default());
        for _ in 0..count {
            pairs.insert(K::from_direct(from)?, V::from_direct(from)?);
        }
        Some(pairs)
    }
}

impl<K: FromPython + Ord, V: FromPython> FromPython for BTreeMap<K, V> {
    const WANT: Want = Want::of_items(&[K::WANT, V::WANT]);

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        map(value)
    }

    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        let pair = |from: &mut Direct<'_>| Some((K::from_direct(from)?, V::from_direct(from)?));
        (0..from.count(DICTS, size_of::<(K, V)>())?).map(|_| pair(from)).collect()
    }
}

/// What is in a `tuple` or `list` of that length.
fn fields(value: Value, count: usize) -> Result<impl Iterator<Item = Value>, ConversionError> {
    match value {
        Value::Tuple(values) | Value::List(values) if values.len() == count => {
            Ok(values.into_iter())
        }
        Value::Tuple(values) | Value::List(values) => {
            Err(ConversionError::new(format!("a tuple of {count}"), values.len().to_string()))
        }
        other => wrong("tuple", &other),
    }
}

macro_rules! tuple {
    ($($name:ident $field:tt),+) => {
        /// A `tuple` or `list` of that length.
        impl<$($name: FromPython),+> FromPython for ($($name,)+) {
            const WANT: Want = Want::of_items(&[$($name::WANT),+]);

            fn from_python(value: Value) -> Result<Self, ConversionError> {
                let mut values = fields(value, arity!($($field)+))?;
                Ok(($(
                    $name::from_python(values.next().unwrap_or_default())
                        .map_err(|error| error.within(concat!("[", stringify!($field), "]")))?,
                )+))
            }

            fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
                if from.count(LISTS, 0)? != arity!($($field)+) {
                    return None;
                }
                Some(($($name::from_direct(from)?,)+))
            }

            fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self, Error> {
                let mut values = fields(value, arity!($($field)+))?;
                Ok(($(
                    $name::from_guest(values.next().unwrap_or_default(), py)
                        .map_err(|error| error.within(concat!("[", stringify!($field), "]")))?,
                )+))
            }
        }
    };
}

each_arity! { tuple }
