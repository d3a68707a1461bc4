//! Looking into a `Value`.

use super::{Object, Value, float};

impl Value {
    /// Whether it is `None`.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The `bool`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The `int`, when it fits 64 bits.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The `float`, or the one nearest to an `int`. `None` for an `int` that is larger than any, too.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Int(value) => Some(*value as f64),
            Self::BigInt(bytes) => float::nearest(bytes),
            _ => None,
        }
    }

    /// The text of a `str` without lone surrogates.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The `bytes`.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The items of a `list` or `tuple`.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a `dict`, in its order.
    #[must_use]
    pub fn as_dict(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The object, where it is no plain data; a member of an `Enum` too.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::Member(member) => Some(&member.object),
            _ => None,
        }
    }

    /// Whether an object of an interpreter is in it.
    pub(crate) fn holds_object(&self) -> bool {
        match self {
            Self::Object(_) | Self::Member(_) => true,
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                items.iter().any(Self::holds_object)
            }
            Self::Dict(pairs) => {
                pairs.iter().any(|(key, value)| key.holds_object() || value.holds_object())
            }
            _ => false,
        }
    }

    /// The value of a key in a `dict`, or the item at an index of a `list` or `tuple`.
    ///
    /// ```
    /// use ophidia::Value;
    /// let value = Value::dict([("prices", [2.5, 4.0])]);
    /// let second = value.get("prices").and_then(|prices| prices.get(1));
    /// assert_eq!(second.and_then(Value::as_float), Some(4.0));
    /// assert_eq!(value.get("names"), None);
    /// ```
    #[must_use]
    pub fn get(&self, key: impl Key) -> Option<&Self> {
        match self {
            Self::List(items) | Self::Tuple(items) => items.get(key.index()?),
            Self::Dict(pairs) => {
                pairs.iter().find(|(other, _)| key.equals(other)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Whether it has a length and that is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// What Python's `len` gives; `None` for what has no length. Of a `str` it is the number of characters.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Str(text) => Some(text.chars().count()),
            Self::Bytes(bytes) => Some(bytes.len()),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                Some(items.len())
            }
            Self::Dict(pairs) => Some(pairs.len()),
            // WTF-8: each character begins with a byte that continues none.
            Self::WideStr(bytes) => Some(bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()),
            _ => None,
        }
    }
}

/// What [`Value::get`] looks for: a text, an integer or any other value.
pub trait Key: sealed::Sealed {
    #[doc(hidden)]
    fn index(&self) -> Option<usize>;

    #[doc(hidden)]
    fn equals(&self, key: &Value) -> bool;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl sealed::Sealed for $ty {}
        impl Key for $ty {
            fn index(&self) -> Option<usize> {
                usize::try_from(*self).ok()
            }

            fn equals(&self, key: &Value) -> bool {
                matches!(key, Value::Int(key) if i64::try_from(*self) == Ok(*key))
            }
        }
    )*};
}

// One of them without a sign: the type of a number that is written down is `i32` or `usize`.
integers! { i32 i64 usize }

impl sealed::Sealed for &str {}
impl Key for &str {
    fn index(&self) -> Option<usize> {
        None
    }

    fn equals(&self, key: &Value) -> bool {
        matches!(key, Value::Str(key) if key == self)
    }
}

impl sealed::Sealed for &String {}
impl Key for &String {
    fn index(&self) -> Option<usize> {
        None
    }

    fn equals(&self, key: &Value) -> bool {
        self.as_str().equals(key)
    }
}

impl sealed::Sealed for &Value {}
impl Key for &Value {
    fn index(&self) -> Option<usize> {
        usize::try_from(self.as_int()?).ok()
    }

    fn equals(&self, key: &Value) -> bool {
        *self == key
    }
}
