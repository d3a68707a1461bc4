//! Containers and options: Python's as Rust's.

use super::arity::{arity, each_arity};
use super::reader::{Alone, Reader, Within};
use super::{ConversionError, FromPython, step};
use crate::bridge::{Direct, Plain};
use crate::error::Error;
use crate::python::Python;
use crate::value::Value;
use ophidia_abi::{Encoded, Want};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

/// Both ways to read a container, with a function that takes the value, its form and a reader.
macro_rules! read_with {
    ($read:path) => {
        fn from_python(value: Value) -> Result<Self, ConversionError> {
            $read(value, Self::WANT, &mut Alone)
        }

        fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self, Error> {
            $read(value, Self::WANT, py)
        }
    };
}

fn wrong<T, E: From<ConversionError>>(expected: &str, got: &Value) -> Result<T, E> {
    Err(ConversionError::mismatch(expected, got).into())
}

/// `None`, or the value.
impl<T: FromPython> FromPython for Option<T> {
    const WANT: Want = if T::WANT.is_value() { T::WANT } else { Want::HandleOrNone };
    const ANY: bool = T::ANY;

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

fn items<T: FromPython, C: FromIterator<T>, R: Reader + ?Sized>(
    values: impl IntoIterator<Item = Value>,
    form: Want,
    reader: &mut R,
) -> Result<C, R::Error> {
    let item = |(i, value)| {
        reader.read(value, form).map_err(|error: R::Error| error.inside(&format!("[{i}]")))
    };
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

fn list<T: FromPython, R: Reader + ?Sized>(
    value: Value,
    form: Want,
    reader: &mut R,
) -> Result<Vec<T>, R::Error> {
    match reader.as_built_in(value, form)? {
        (Value::List(values) | Value::Tuple(values), form) => items(values, form, reader),
        (Value::Bytes(bytes), form) => {
            items(bytes.into_iter().map(|byte| Value::Int(byte.into())), form, reader)
        }
        (other, _) => wrong("list", &other),
    }
}

/// A `list` or `tuple`, or an array of numpy, whose rows are lists; of a `Vec<u8>` also a `bytes`.
impl<T: FromPython> FromPython for Vec<T> {
    const WANT: Want = Want::of_items(&[T::WANT]);

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        list(value, Self::WANT, &mut Alone)
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self, Error> {
        let value = match value {
            Value::Object(object) => match py.array_as_list(&object)? {
                Some(list) => py.opened(Value::Object(list), Self::WANT)?,
                None => Value::Object(object),
            },
            value => value,
        };
        list(value, Self::WANT, py)
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

fn all<T, const N: usize, E: From<ConversionError>>(items: Vec<T>) -> Result<[T; N], E> {
    let count = items.len();
    items
        .try_into()
        .map_err(|_| ConversionError::new(format!("{N} items"), count.to_string()).into())
}

impl<T: FromPython, const N: usize> FromPython for [T; N] {
    const WANT: Want = Want::of_items(&[T::WANT]);

    fn from_python(value: Value) -> Result<Self, ConversionError> {
        all(Vec::from_python(value)?)
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self, Error> {
        all(Vec::from_guest(value, py)?)
    }

    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        Vec::from_direct(from)?.try_into().ok()
    }
}

fn set<T: FromPython, C: FromIterator<T>, R: Reader + ?Sized>(
    value: Value,
    form: Want,
    reader: &mut R,
) -> Result<C, R::Error> {
    match reader.as_built_in(value, form)? {
        (Value::Set(values) | Value::FrozenSet(values), form) => items(values, form, reader),
        (other, _) => wrong("set", &other),
    }
}

impl<T: FromPython + Eq + Hash, S: BuildHasher + Default> FromPython for HashSet<T, S> {
    const WANT: Want = Want::of_items(&[T::WANT]);

    read_with!(set);

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

    read_with!(set);

    fn from_direct(from: &mut Direct<'_>) -> Option<Self> {
        (0..from.count(SETS, size_of::<T>())?).map(|_| T::from_direct(from)).collect()
    }
}

fn map<K: FromPython, V: FromPython, C: FromIterator<(K, V)>, R: Reader + ?Sized>(
    value: Value,
    form: Want,
    reader: &mut R,
) -> Result<C, R::Error> {
    let (value, form) = reader.as_built_in(value, form)?;
    let Value::Dict(pairs) = value else { return wrong("dict", &value) };
    let pair = |(key, value): (Value, Value)| {
        let step = step(&key);
        let key = reader.read::<K>(key, form);
        let key = key.map_err(|error| error.inside(&format!("key {step}")))?;
        let value = reader.read::<V>(value, form).map_err(|error| error.inside(&step))?;
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

    read_with!(map);

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

    read_with!(map);

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
                let (value, form) = py.as_built_in(value, Self::WANT)?;
                let mut values = fields(value, arity!($($field)+))?;
                Ok(($(
                    py.read::<$name>(values.next().unwrap_or_default(), form)
                        .map_err(|error| error.within(concat!("[", stringify!($field), "]")))?,
                )+))
            }
        }
    };
}

each_arity! { tuple }
