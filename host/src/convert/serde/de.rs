//! A `Deserializer` that reads a [`Value`].

use super::ser::{Integer, integer, parts, uuid_text};
use crate::convert::{FromPython, derived, step};
use crate::error::ConversionError;
use crate::value::Value;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::vec::IntoIter;

/// What an object or a member of an `Enum` is besides, as an instance of a built-in class, if it can be told.
pub(super) type Ask<'r> = &'r dyn Fn(&Value) -> Option<Value>;

/// Reads one value.
pub(super) struct Reader<'r>(pub(super) Value, pub(super) Ask<'r>);

impl Reader<'_> {
    /// As an instance of a built-in class, where it is one.
    #[inline]
    fn plain(mut self) -> Self {
        if let Value::Object(_) | Value::Member(_) = self.0
            && let Some(plain) = self.1(&self.0)
        {
            self.0 = plain;
        }
        self
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ConversionError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConversionError> {
        let Self(value, ask) = self.plain();
        match value {
            Value::None => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Int(value) => visitor.visit_i64(value),
            Value::BigInt(_) => match integer(&value) {
                Some(Integer::U64(value)) => visitor.visit_u64(value),
                Some(Integer::I128(value)) => visitor.visit_i128(value),
                Some(Integer::U128(value)) => visitor.visit_u128(value),
                None => wrong("int of more than 128 bits", &visitor),
            },
            Value::Float(value) => visitor.visit_f64(value),
            Value::Complex { real, imaginary } => {
                items(vec![Value::Float(real), Value::Float(imaginary)], ask, visitor)
            }
            Value::Str(text) => visitor.visit_string(text),
            Value::WideStr(_) => wrong("a str with lone surrogates", &visitor),
            Value::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Value::List(values)
            | Value::Tuple(values)
            | Value::Set(values)
            | Value::FrozenSet(values) => items(values, ask, visitor),
            Value::Dict(pairs) => visitor.visit_map(Pairs::new(pairs, ask, false)),
            Value::Date(date) => visitor.visit_string(date.to_string()),
            Value::Time(time) => visitor.visit_string(time.to_string()),
            Value::DateTime(moment) => visitor.visit_string(moment.to_string()),
            Value::TimeDelta(delta) => visitor.visit_string(delta.to_string()),
            Value::Decimal(text) | Value::Path(text) => visitor.visit_string(text),
            Value::Fraction(fraction) => {
                items(vec![fraction.numerator, fraction.denominator], ask, visitor)
            }
            Value::Uuid(bytes) => visitor.visit_string(uuid_text(&bytes)),
            Value::Pid(pid) => visitor.visit_string(pid.to_string()),
            Value::Ref(reference) => visitor.visit_string(reference.to_string()),
            Value::Range(range) => {
                let pair =
                    |(name, number): (&str, i64)| (Value::Str(name.to_owned()), Value::Int(number));
                visitor.visit_map(Pairs::new(parts(&range).map(pair).collect(), ask, true))
            }
            Value::Member(member) => visitor.visit_string(member.name),
            Value::Host(_) | Value::Object(_) => wrong(value.kind(), &visitor),
        }
    }

    /// As of this crate, integers too.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConversionError> {
        match self.plain() {
            Self(value @ (Value::Float(_) | Value::Int(_) | Value::BigInt(_)), _) => {
                visitor.visit_f32(f32::from_python(value)?)
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConversionError> {
        match self.plain() {
            Self(value @ (Value::Int(_) | Value::BigInt(_)), _) => {
                visitor.visit_f64(f64::from_python(value)?)
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConversionError> {
        match self.0 {
            Value::None => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        match self.plain() {
            Self(Value::Dict(pairs), ask) => visitor.visit_map(Pairs::new(pairs, ask, true)),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        // Of a member the name is what counts.
        let Self(mut value, ask) = match self.0 {
            Value::Object(_) => self.plain(),
            _ => self,
        };
        if let Value::Dict(pairs) = &mut value
            && let [(key @ (Value::Object(_) | Value::Member(_)), _)] = pairs.as_mut_slice()
            && let Some(plain) = ask(key)
        {
            *key = plain;
        }
        let (name, data) = derived::named(value)?;
        visitor.visit_enum(Variant { name, data, ask })
    }

    /// Of a field or variant: a number is none, though serde could make it one.
    fn deserialize_identifier<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        match self.plain().0 {
            Value::Str(name) => visitor.visit_string(name),
            other => Err(ConversionError::mismatch("str", &other)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map
    }
}

fn wrong<'de, T>(got: &str, visitor: &impl Visitor<'de>) -> Result<T, ConversionError> {
    Err(ConversionError::invalid_type(Unexpected::Other(got), visitor))
}

fn items<'de, V: Visitor<'de>>(
    values: Vec<Value>,
    ask: Ask<'_>,
    visitor: V,
) -> Result<V::Value, ConversionError> {
    let count = values.len();
    let mut items = Items { values: values.into_iter(), index: 0, ask };
    let taken = visitor.visit_seq(&mut items)?;
    match items.values.len() {
        0 => Ok(taken),
        _ => Err(ConversionError::invalid_length(count, &"fewer items")),
    }
}

struct Items<'r> {
    values: IntoIter<Value>,
    index: usize,
    ask: Ask<'r>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ConversionError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ConversionError> {
        let Some(value) = self.values.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        let read = seed.deserialize(Reader(value, self.ask));
        read.map(Some).map_err(|error| error.within(&format!("[{index}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len())
    }
}

struct Pairs<'r> {
    pairs: IntoIter<(Value, Value)>,
    ask: Ask<'r>,
    /// Whether these are the fields of a struct.
    fields: bool,
    /// The value of the key that was taken last, and how an error names it.
    value: Option<(Value, String)>,
}

impl<'r> Pairs<'r> {
    fn new(pairs: Vec<(Value, Value)>, ask: Ask<'r>, fields: bool) -> Self {
        Self { pairs: pairs.into_iter(), ask, fields, value: None }
    }
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = ConversionError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ConversionError> {
        let Some((key, value)) = self.pairs.next() else { return Ok(None) };
        let step = match &key {
            Value::Str(name) if self.fields => format!(".{name}"),
            key => step(key),
        };
        let read = seed.deserialize(Reader(key, self.ask));
        let read = read.map_err(|error| error.within(&format!("key {step}")))?;
        self.value = Some((value, step));
        Ok(Some(read))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ConversionError> {
        let (value, step) = self.value.take().unwrap_or_default();
        seed.deserialize(Reader(value, self.ask)).map_err(|error| error.within(&step))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.pairs.len())
    }
}

struct Variant<'r> {
    name: String,
    data: Option<Value>,
    ask: Ask<'r>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = ConversionError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), ConversionError> {
        let name = seed.deserialize(self.name.as_str().into_deserializer())?;
        Ok((name, self))
    }
}

impl<'r> Variant<'r> {
    /// Reads the data; there has to be some.
    fn data<T>(
        self,
        read: impl FnOnce(Reader<'r>) -> Result<T, ConversionError>,
    ) -> Result<T, ConversionError> {
        let Self { name, data, ask } = self;
        match data {
            Some(data) => {
                read(Reader(data, ask)).map_err(|error| error.within(&step(&Value::Str(name))))
            }
            None => Err(derived::no_variant(&name, None, &[&name])),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = ConversionError;

    fn unit_variant(self) -> Result<(), ConversionError> {
        match self.data {
            None => Ok(()),
            data => Err(derived::no_variant(&self.name, data, &[&self.name])),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ConversionError> {
        self.data(|data| seed.deserialize(data))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.data(|data| data.deserialize_tuple(count, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.data(|data| data.deserialize_struct("", fields, visitor))
    }
}
