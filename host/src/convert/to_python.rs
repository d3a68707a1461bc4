//! Rust values as Python objects.

use super::ConversionError;
use super::arity::{arity, each_arity};
use crate::bridge::{Encoder, Operands};
use crate::function::Function;
use crate::value::HostObject;
use crate::value::Object;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A Rust type whose values can be converted to Python objects.
///
/// The derive macro of the same name implements it for structs and enums.
///
/// ```
/// use ophidia::{FromPython, ToPython, Value};
///
/// #[derive(Debug, PartialEq, ToPython, FromPython)]
/// struct Order {
///     item: String,
///     #[python(default = 1)]
///     count: u32,
///     shape: Shape,
/// }
///
/// #[derive(Debug, PartialEq, ToPython, FromPython)]
/// #[python(rename_all = "lowercase")]
/// enum Shape {
///     Cube,
///     Ball { radius: f64 },
/// }
///
/// // In Python: {"item": "marble", "count": 3, "shape": {"ball": {"radius": 0.5}}}
/// let order = Order { item: "marble".into(), count: 3, shape: Shape::Ball { radius: 0.5 } };
/// let value = Value::of(&order)?;
/// assert_eq!(Order::from_python(value)?, order);
///
/// let dice = Value::of(std::collections::BTreeMap::from([("item", "dice"), ("shape", "cube")]))?;
/// assert_eq!(Order::from_python(dice)?.count, 1);
/// # Ok::<_, ophidia::ConversionError>(())
/// ```
pub trait ToPython {
    /// Writes the value: one value, no more.
    ///
    /// # Errors
    ///
    /// What has no Python form, and objects of another interpreter.
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError>;

    /// The same for what is plain. `false`: it has to be written.
    #[doc(hidden)]
    #[inline]
    fn to_plain(&self, _out: &mut Operands<'_>) -> bool {
        false
    }
}

impl<T: ToPython + ?Sized> ToPython for &T {
    #[inline]
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        (**self).to_python(out)
    }

    #[inline]
    fn to_plain(&self, out: &mut Operands<'_>) -> bool {
        (**self).to_plain(out)
    }
}

impl<T: ToPython + ?Sized> ToPython for Box<T> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        (**self).to_python(out)
    }

    #[inline]
    fn to_plain(&self, out: &mut Operands<'_>) -> bool {
        (**self).to_plain(out)
    }
}

macro_rules! scalars {
    ($($ty:ty => |$value:ident, $out:ident| $body:expr $(, $plain:expr)?;)*) => {$(
        impl ToPython for $ty {
            #[inline]
            fn to_python(&self, $out: &mut Encoder<'_>) -> Result<(), ConversionError> {
                let $value = self;
                $body
            }

            $(
                #[inline]
                fn to_plain(&self, $out: &mut Operands<'_>) -> bool {
                    let $value = self;
                    $plain
                }
            )?
        }
    )*};
}

scalars! {
    () => |_value, out| out.none(), out.none();
    bool => |value, out| out.bool(*value), out.bool(*value);
    i8 => |value, out| out.int((*value).into()), out.int((*value).into());
    i16 => |value, out| out.int((*value).into()), out.int((*value).into());
    i32 => |value, out| out.int((*value).into()), out.int((*value).into());
    i64 => |value, out| out.int(*value), out.int(*value);
    isize => |value, out| out.int(*value as i64), out.int(*value as i64);
    i128 => |value, out| match i64::try_from(*value) {
        Ok(small) => out.int(small),
        Err(_) => out.big_int(&value.to_le_bytes()),
    };
    u8 => |value, out| out.int((*value).into()), out.int((*value).into());
    u16 => |value, out| out.int((*value).into()), out.int((*value).into());
    u32 => |value, out| out.int((*value).into()), out.int((*value).into());
    u64 => |value, out| i128::from(*value).to_python(out), small(*value, out);
    usize => |value, out| (*value as u64).to_python(out), small(*value as u64, out);
    u128 => |value, out| match i128::try_from(*value) {
        Ok(signed) => signed.to_python(out),
        Err(_) => {
            let mut bytes = [0; 17]; // one more, for the sign
            if let Some(low) = bytes.first_chunk_mut() {
                *low = value.to_le_bytes();
            }
            out.big_int(&bytes)
        }
    };
    f32 => |value, out| out.float((*value).into()), out.float((*value).into());
    f64 => |value, out| out.float(*value), out.float(*value);
    char => |value, out| out.str(value.encode_utf8(&mut [0; 4]));
    str => |value, out| out.str(value), out.str(value);
    String => |value, out| out.str(value), out.str(value);
    Object => |value, out| out.object(value), out.object(value);
    Function => |value, out| out.function(value);
    HostObject => |value, out| out.host_object(value);
}

impl<T: ToPython> ToPython for Option<T> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        match self {
            Some(value) => value.to_python(out),
            None => out.none(),
        }
    }

    #[inline]
    fn to_plain(&self, out: &mut Operands<'_>) -> bool {
        match self {
            Some(value) => value.to_plain(out),
            None => out.none(),
        }
    }
}

/// Most of the numbers that have no sign fit.
#[inline]
fn small(value: u64, out: &mut Operands<'_>) -> bool {
    i64::try_from(value).is_ok_and(|value| out.int(value))
}

fn each<'a, T: ToPython + 'a>(
    items: impl IntoIterator<Item = &'a T>,
) -> impl FnOnce(&mut Encoder<'_>) -> Result<(), ConversionError> {
    move |out| items.into_iter().try_for_each(|item| item.to_python(out))
}

fn pairs<'a, K: ToPython + 'a, V: ToPython + 'a>(
    items: impl IntoIterator<Item = (&'a K, &'a V)>,
) -> impl FnOnce(&mut Encoder<'_>) -> Result<(), ConversionError> {
    move |out| {
        items.into_iter().try_for_each(|(key, value)| {
            key.to_python(out)?;
            value.to_python(out)
        })
    }
}

/// A `list`.
impl<T: ToPython> ToPython for [T] {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.list(self.len(), each(self))
    }
}

/// A `list`.
impl<T: ToPython, const N: usize> ToPython for [T; N] {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.list(N, each(self))
    }
}

/// A `list`.
impl<T: ToPython> ToPython for Vec<T> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.list(self.len(), each(self))
    }
}

/// A `dict`.
impl<K: ToPython, V: ToPython, S> ToPython for HashMap<K, V, S> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.dict(self.len(), pairs(self))
    }
}

/// A `dict`, in the map's order.
impl<K: ToPython, V: ToPython> ToPython for BTreeMap<K, V> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.dict(self.len(), pairs(self))
    }
}

/// A `set`.
impl<T: ToPython, S> ToPython for HashSet<T, S> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.set(self.len(), each(self))
    }
}

/// A `set`.
impl<T: ToPython> ToPython for BTreeSet<T> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.set(self.len(), each(self))
    }
}

macro_rules! tuple {
    ($($name:ident $field:tt),+) => {
        /// A `tuple`.
        impl<$($name: ToPython),+> ToPython for ($($name,)+) {
            fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
                out.tuple(arity!($($field)+), |out| {
                    $(self.$field.to_python(out)?;)+
                    Ok(())
                })
            }
        }
    };
}

each_arity! { tuple }

impl ToPython for Value {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        match self {
            Self::None => out.none(),
            Self::Bool(value) => out.bool(*value),
            Self::Int(value) => out.int(*value),
            Self::BigInt(bytes) => out.big_int(bytes),
            Self::Float(value) => out.float(*value),
            Self::Complex { real, imaginary } => out.complex(*real, *imaginary),
            Self::Str(text) => out.str(text),
            Self::WideStr(bytes) => out.wide_str(bytes),
            Self::Bytes(bytes) => out.bytes(bytes),
            Self::List(items) => out.list(items.len(), each(items)),
            Self::Tuple(items) => out.tuple(items.len(), each(items)),
            Self::Dict(items) => out.dict(items.len(), |out| {
                items.iter().try_for_each(|(key, value)| {
                    key.to_python(out)?;
                    value.to_python(out)
                })
            }),
            Self::Set(items) => out.set(items.len(), each(items)),
            Self::FrozenSet(items) => out.frozen_set(items.len(), each(items)),
            Self::Date(date) => out.date(*date),
            Self::Time(time) => out.time(time),
            Self::DateTime(moment) => out.date_time(moment),
            Self::TimeDelta(delta) => out.time_delta(*delta),
            Self::Decimal(text) => out.decimal(text),
            Self::Fraction(fraction) => out.fraction(fraction),
            Self::Uuid(bytes) => out.uuid(bytes),
            Self::Pid(pid) => out.pid(*pid),
            Self::Ref(reference) => out.reference(*reference),
            Self::Path(path) => out.path(path),
            Self::Range(range) => out.range(**range),
            Self::Member(member) => out.object(&member.object),
            Self::Host(object) => out.host_object(object),
            Self::Object(object) => out.object(object),
        }
    }
}
