//! Rust's plain types as a `Value`.

use super::stdlib::{Date, DateTime, Fraction, Member, Range, Time, TimeDelta};
use super::{HostObject, Object, Pid, Ref, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

macro_rules! from {
    ($($ty:ty => |$value:pat_param| $body:expr;)*) => {$(
        impl From<$ty> for Value {
            fn from($value: $ty) -> Self {
                $body
            }
        }
    )*};
}

from! {
    () => |()| Self::None;
    bool => |value| Self::Bool(value);
    i8 => |value| Self::Int(value.into());
    i16 => |value| Self::Int(value.into());
    i32 => |value| Self::Int(value.into());
    i64 => |value| Self::Int(value);
    isize => |value| i128::try_from(value).map_or(Self::None, Self::from);
    i128 => |value| integer(value, &value.to_le_bytes());
    u8 => |value| Self::Int(value.into());
    u16 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    u64 => |value| Self::from(i128::from(value));
    usize => |value| i128::try_from(value).map_or(Self::None, Self::from);
    u128 => |value| match i128::try_from(value) {
        Ok(value) => value.into(),
        // One byte more, for the sign.
        Err(_) => Self::BigInt([&value.to_le_bytes()[..], &[0]].concat()),
    };
    f32 => |value| Self::Float(value.into());
    f64 => |value| Self::Float(value);
    char => |value| Self::Str(value.to_string());
    &str => |value| Self::Str(value.to_owned());
    String => |value| Self::Str(value);
    &String => |value| Self::Str(value.clone());
    Box<str> => |value| Self::Str(value.into());
    Cow<'_, str> => |value| Self::Str(value.into_owned());
    Date => |value| Self::Date(value);
    Time => |value| Self::Time(Box::new(value));
    DateTime => |value| Self::DateTime(Box::new(value));
    TimeDelta => |value| Self::TimeDelta(value);
    Fraction => |value| Self::Fraction(Box::new(value));
    Range => |value| Self::Range(Box::new(value));
    std::ops::Range<i64> => |value| Range { start: value.start, stop: value.end, step: 1 }.into();
    Member => |value| Self::Member(Box::new(value));
    Pid => |value| Self::Pid(value);
    Ref => |value| Self::Ref(value);
    HostObject => |value| Self::Host(value);
    Object => |value| Self::Object(value);
    &Object => |value| Self::Object(value.clone());
}

fn integer(value: i128, bytes: &[u8]) -> Value {
    i64::try_from(value).map_or_else(|_| Value::BigInt(bytes.to_vec()), Value::Int)
}

/// `None`, or the value.
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

/// A `list`, of a `Vec<u8>` too; `bytes` are made with [`Value::bytes`].
impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        values.into_iter().collect()
    }
}

/// A `list`, of bytes too; `bytes` are made with [`Value::bytes`].
impl<T: Clone + Into<Self>> From<&[T]> for Value {
    fn from(values: &[T]) -> Self {
        values.iter().cloned().collect()
    }
}

/// A `list`.
impl<T: Into<Self>, const N: usize> From<[T; N]> for Value {
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}

/// A `list`.
impl<T: Into<Self>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// A `dict`.
impl<K: Into<Self>, V: Into<Self>, S> From<HashMap<K, V, S>> for Value {
    fn from(pairs: HashMap<K, V, S>) -> Self {
        Self::dict(pairs)
    }
}

/// A `dict`, in the map's order.
impl<K: Into<Self>, V: Into<Self>> From<BTreeMap<K, V>> for Value {
    fn from(pairs: BTreeMap<K, V>) -> Self {
        Self::dict(pairs)
    }
}

/// A `set`.
impl<T: Into<Self>, S> From<HashSet<T, S>> for Value {
    fn from(values: HashSet<T, S>) -> Self {
        Self::Set(values.into_iter().map(Into::into).collect())
    }
}

/// A `set`.
impl<T: Into<Self>> From<BTreeSet<T>> for Value {
    fn from(values: BTreeSet<T>) -> Self {
        Self::Set(values.into_iter().map(Into::into).collect())
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        /// A `tuple`.
        impl<$($name: Into<Self>),+> From<($($name,)+)> for Value {
            #[allow(non_snake_case, reason = "fields are named like their types")]
            fn from(($($name,)+): ($($name,)+)) -> Self {
                Self::Tuple(vec![$($name.into()),+])
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }

impl Value {
    /// A `bytes`.
    ///
    /// `Value::from` makes a `list` of a `Vec<u8>`, as of any other vector.
    #[must_use]
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A `dict`, in this order.
    ///
    /// ```
    /// use ophidia::Value;
    /// let order = Value::dict([("item", Value::from("tea")), ("count", 3.into())]);
    /// assert_eq!(order.get("count"), Some(&Value::Int(3)));
    /// ```
    #[must_use]
    pub fn dict<K: Into<Self>, V: Into<Self>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Dict(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// A `pathlib.Path`; `None` unless the path is UTF-8.
    #[must_use]
    pub fn path(path: impl AsRef<Path>) -> Option<Self> {
        path.as_ref().to_str().map(|path| Self::Path(path.to_owned()))
    }
}
