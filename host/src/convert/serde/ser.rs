//! A `Serializer` that writes for the guest, and what serde sees in a [`Value`].

use crate::bridge::{Encoder, Opened};
use crate::convert::{FromPython, ToPython, step};
use crate::error::ConversionError;
use crate::value::Value;
use crate::value::stdlib::Range;
use ophidia_abi::Encoded;
use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

type Written = Result<(), ConversionError>;

/// Writes one value.
pub(super) struct Writer<'a, 'e>(pub(super) &'a mut Encoder<'e>);

/// A container that is being written.
pub(super) struct Container<'a, 'e> {
    out: &'a mut Encoder<'e>,
    opened: Opened,
    count: usize,
    /// Where the key of a map begins that has no value yet.
    key: usize,
    /// The `dict` of one entry around the data of a variant.
    variant: Option<(Opened, &'static str)>,
}

impl<'a, 'e> Container<'a, 'e> {
    fn new(out: &'a mut Encoder<'e>, tag: Encoded) -> Result<Self, ConversionError> {
        let opened = out.open(tag)?;
        Ok(Self { out, opened, count: 0, key: 0, variant: None })
    }

    fn of_variant(
        out: &'a mut Encoder<'e>,
        name: &'static str,
        tag: Encoded,
    ) -> Result<Self, ConversionError> {
        let around = out.open(Encoded::Dict)?;
        out.str(name)?;
        Ok(Self { variant: Some((around, name)), ..Self::new(out, tag)? })
    }

    fn within(&self, error: ConversionError, step: &str) -> ConversionError {
        let error = error.within(step);
        match self.variant {
            Some((_, name)) => error.within(&format!("[{name:?}]")),
            None => error,
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        let written = value.serialize(Writer(self.out));
        written.map_err(|error| self.within(error, &format!("[{}]", self.count)))?;
        self.count += 1;
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        self.out.str(name)?;
        let written = value.serialize(Writer(self.out));
        written.map_err(|error| self.within(error, &format!(".{name}")))?;
        self.count += 1;
        Ok(())
    }

    fn close(self) -> Written {
        self.out.close(self.opened, self.count)?;
        self.variant.map_or(Ok(()), |(around, _)| self.out.close(around, 1))
    }
}

impl<'a, 'e> Serializer for Writer<'a, 'e> {
    type Ok = ();
    type Error = ConversionError;
    type SerializeSeq = Container<'a, 'e>;
    type SerializeTuple = Container<'a, 'e>;
    type SerializeTupleStruct = Container<'a, 'e>;
    type SerializeTupleVariant = Container<'a, 'e>;
    type SerializeMap = Container<'a, 'e>;
    type SerializeStruct = Container<'a, 'e>;
    type SerializeStructVariant = Container<'a, 'e>;

    fn serialize_bool(self, value: bool) -> Written {
        self.0.bool(value)
    }

    fn serialize_i8(self, value: i8) -> Written {
        self.0.int(value.into())
    }

    fn serialize_i16(self, value: i16) -> Written {
        self.0.int(value.into())
    }

    fn serialize_i32(self, value: i32) -> Written {
        self.0.int(value.into())
    }

    fn serialize_i64(self, value: i64) -> Written {
        self.0.int(value)
    }

    fn serialize_i128(self, value: i128) -> Written {
        value.to_python(self.0)
    }

    fn serialize_u8(self, value: u8) -> Written {
        self.0.int(value.into())
    }

    fn serialize_u16(self, value: u16) -> Written {
        self.0.int(value.into())
    }

    fn serialize_u32(self, value: u32) -> Written {
        self.0.int(value.into())
    }

    fn serialize_u64(self, value: u64) -> Written {
        value.to_python(self.0)
    }

    fn serialize_u128(self, value: u128) -> Written {
        value.to_python(self.0)
    }

    fn serialize_f32(self, value: f32) -> Written {
        self.0.float(value.into())
    }

    fn serialize_f64(self, value: f64) -> Written {
        self.0.float(value)
    }

    fn serialize_char(self, value: char) -> Written {
        value.to_python(self.0)
    }

    fn serialize_str(self, value: &str) -> Written {
        self.0.str(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        self.0.bytes(value)
    }

    fn serialize_none(self) -> Written {
        self.0.none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.0.none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.0.none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Written {
        self.0.str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Written {
        self.0.dict(1, |out| {
            out.str(name)?;
            value.serialize(Writer(out)).map_err(|error| error.within(&format!("[{name:?}]")))
        })
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, ConversionError> {
        Container::new(self.0, Encoded::List)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, ConversionError> {
        Container::new(self.0, Encoded::Tuple)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, ConversionError> {
        Container::new(self.0, Encoded::Tuple)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ConversionError> {
        Container::of_variant(self.0, name, Encoded::Tuple)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, ConversionError> {
        Container::new(self.0, Encoded::Dict)
    }

    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStruct, ConversionError> {
        Container::new(self.0, Encoded::Dict)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, ConversionError> {
        Container::of_variant(self.0, name, Encoded::Dict)
    }
}

macro_rules! containers {
    ($($kind:ident $write:ident $($key:ident)?;)*) => {$(
        impl $kind for Container<'_, '_> {
            type Ok = ();
            type Error = ConversionError;

            fn $write<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Written {
                containers!(@ self value $($key)?)
            }

            fn end(self) -> Written {
                self.close()
            }
        }
    )*};
    (@ $self:ident $value:ident) => { $self.item($value) };
    (@ $self:ident $value:ident $key:ident) => { $self.field($key, $value) };
}

containers! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
    SerializeStruct serialize_field key;
    SerializeStructVariant serialize_field key;
}

impl SerializeMap for Container<'_, '_> {
    type Ok = ();
    type Error = ConversionError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.key = self.out.position();
        key.serialize(Writer(self.out))
            .map_err(|error| error.within(&format!("key [{}]", self.count)))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        let end = self.out.position();
        value.serialize(Writer(self.out)).map_err(|error| {
            let key = self.out.written(self.key..end).unwrap_or_default();
            error.within(&step(&key))
        })?;
        self.count += 1;
        Ok(())
    }

    fn end(self) -> Written {
        self.close()
    }
}

/// Sets are sequences, a `complex` and a `Fraction` are tuples of two, a `range` is a map of `start`,
/// `end` and, unless it is 1, `step`; dates and times are text as in ISO 8601, a `Decimal`, a `UUID`, a
/// `Path` and a member of an `Enum` are text too; objects and an `int` of more than 128 bits are
/// errors. Needs the feature `serde`.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Int(value) => to.serialize_i64(*value),
            Self::BigInt(_) => match integer(self) {
                Some(Integer::U64(value)) => to.serialize_u64(value),
                Some(Integer::I128(value)) => to.serialize_i128(value),
                Some(Integer::U128(value)) => to.serialize_u128(value),
                None => Err(S::Error::custom("an int of more than 128 bits")),
            },
            Self::Float(value) => to.serialize_f64(*value),
            Self::Complex { real, imaginary } => (real, imaginary).serialize(to),
            Self::Str(text) => to.serialize_str(text),
            Self::WideStr(_) => Err(S::Error::custom("a str with lone surrogates")),
            Self::Bytes(bytes) => to.serialize_bytes(bytes),
            Self::List(items) | Self::Set(items) | Self::FrozenSet(items) => to.collect_seq(items),
            Self::Tuple(items) => {
                let mut tuple = to.serialize_tuple(items.len())?;
                items.iter().try_for_each(|item| tuple.serialize_element(item))?;
                tuple.end()
            }
            Self::Dict(pairs) => to.collect_map(pairs.iter().map(|(key, value)| (key, value))),
            Self::Date(date) => to.collect_str(date),
            Self::Time(time) => to.collect_str(time),
            Self::DateTime(moment) => to.collect_str(moment),
            Self::TimeDelta(delta) => to.collect_str(delta),
            Self::Decimal(text) | Self::Path(text) => to.serialize_str(text),
            Self::Fraction(fraction) => (&fraction.numerator, &fraction.denominator).serialize(to),
            Self::Uuid(bytes) => to.serialize_str(&uuid_text(bytes)),
            Self::Range(range) => to.collect_map(parts(range)),
            Self::Member(member) => to.serialize_str(&member.name),
            Self::Pid(pid) => to.collect_str(pid),
            Self::Ref(reference) => to.collect_str(reference),
            Self::Host(_) | Self::Object(_) => Err(S::Error::custom(self.kind())),
        }
    }
}

/// As a UUID is written.
pub(super) fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::new();
    for (i, byte) in bytes.iter().enumerate() {
        text.push_str(if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" });
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// As serde sees the ranges of Rust.
pub(super) fn parts(range: &Range) -> impl Iterator<Item = (&'static str, i64)> {
    let step = (range.step != 1).then_some(("step", range.step));
    [("start", range.start), ("end", range.stop)].into_iter().chain(step)
}

/// The integers of serde beyond `i64`.
pub(super) enum Integer {
    U64(u64),
    I128(i128),
    U128(u128),
}

/// The smallest of them that holds a `BigInt`, if one does.
pub(super) fn integer(value: &Value) -> Option<Integer> {
    let u64 = || u64::from_python(value.clone()).map(Integer::U64);
    let i128 = |_| i128::from_python(value.clone()).map(Integer::I128);
    let u128 = |_| u128::from_python(value.clone()).map(Integer::U128);
    u64().or_else(i128).or_else(u128).ok()
}
