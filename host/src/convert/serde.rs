//! serde's types as Python values: the wrapper [`Serde`], and [`Value`] as serde's data.

mod de;
mod ser;

use super::{ConversionError, FromPython, ToPython};
use crate::bridge::Encoder;
use crate::error::{Error, written};
use crate::python::Python;
use crate::value::Value;
use ::serde::de::{DeserializeOwned, Expected, Unexpected};
use ::serde::{Serialize, de as serde_de, ser as serde_ser};
use std::cell::RefCell;
use std::fmt::Display;

/// Anything that serde knows, as a Python value and back. Needs the feature `serde`.
///
/// Structs and maps are `dict`s, sequences `list`s, tuples `tuple`s, options `None` or what is in
/// them. Variants are as in JSON: a `str`, or a `dict` of one entry. Bytes, `int`s of 128 bits and
/// keys of any kind need no detour. Sequences are read from sets and tuples too. A member of an
/// `Enum` is the variant of its name; elsewhere a member of an `IntEnum` or a `StrEnum` is its number or text, and any
/// other its name.
///
/// ```
/// use ophidia::{FromPython, Serde, Value};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Order {
///     item_name: String,
///     price: f64,
/// }
///
/// let order = Order { item_name: "tea".into(), price: 2.5 };
/// let value = Value::of(Serde(&order))?; // {"itemName": "tea", "price": 2.5}
/// let Serde(back) = Serde::<Order>::from_python(value)?;
/// assert_eq!(back, order);
/// # Ok::<_, ophidia::ConversionError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serde<T>(pub T);

impl<T: Serialize> ToPython for Serde<T> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        self.0.serialize(ser::Writer(out))
    }
}

impl<T: DeserializeOwned> FromPython for Serde<T> {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        T::deserialize(de::Reader(value, &|_| None)).map(Self)
    }

    fn from_guest(value: Value, py: &mut Python<'_>) -> Result<Self, Error> {
        let asked = RefCell::new((py, None));
        let ask = |value: &Value| {
            let (py, failed) = &mut *asked.borrow_mut();
            if failed.is_some() {
                return None;
            }
            match py.asked_again(value.clone(), Self::WANT) {
                Ok((Value::Object(_) | Value::Member(_), _)) => None,
                Ok((plain, _)) => Some(plain),
                Err(error) => {
                    *failed = Some(error);
                    None
                }
            }
        };
        let read = T::deserialize(de::Reader(value, &ask));
        match asked.into_inner().1 {
            Some(error) => Err(error),
            None => Ok(Self(read?)),
        }
    }
}

impl serde_ser::Error for ConversionError {
    fn custom<T: Display>(said: T) -> Self {
        Self::other(written(said))
    }
}

impl serde_de::Error for ConversionError {
    fn custom<T: Display>(said: T) -> Self {
        Self::other(written(said))
    }

    fn invalid_type(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let got = match got {
            Unexpected::Bool(_) => "bool".to_owned(),
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "int".to_owned(),
            Unexpected::Float(_) => "float".to_owned(),
            Unexpected::Str(_) | Unexpected::Char(_) => "str".to_owned(),
            Unexpected::Bytes(_) => "bytes".to_owned(),
            Unexpected::Unit | Unexpected::Option => "None".to_owned(),
            Unexpected::Seq => "list".to_owned(),
            Unexpected::Map => "dict".to_owned(),
            other => written(other),
        };
        Self::new(expected.to_string(), got)
    }

    fn invalid_value(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(expected.to_string(), written(got))
    }

    fn invalid_length(count: usize, expected: &dyn Expected) -> Self {
        Self::new(expected.to_string(), format!("{count} items"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::missing(field)
    }

    fn unknown_variant(name: &str, names: &'static [&'static str]) -> Self {
        super::derived::no_variant(name, None, names)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use ::serde::Deserialize;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Debug;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Everything {
        unit: (),
        flag: bool,
        small: i8,
        large: u64,
        huge: u128,
        low: i128,
        real: f64,
        short: f32,
        letter: char,
        text: String,
        #[serde(with = "bytes")]
        bytes: Vec<u8>,
        some: Option<i32>,
        none: Option<i32>,
        list: Vec<(u8, String)>,
        set: BTreeSet<i32>,
        map: BTreeMap<(i32, bool), Vec<u8>>,
        inner: Option<Box<Everything>>,
    }

    mod bytes {
        use serde::{Deserializer, Serializer, de};

        pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
            to.serialize_bytes(bytes)
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
            struct Take;
            impl de::Visitor<'_> for Take {
                type Value = Vec<u8>;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                    Ok(bytes)
                }
            }
            from.deserialize_byte_buf(Take)
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Variant {
        Unit,
        Newtype(i32),
        Tuple(i32, String),
        Struct { a: Vec<Variant> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(u8);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Marker;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        a: i32,
        #[serde(flatten)]
        rest: BTreeMap<String, i32>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        A { x: i32 },
        B,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Int(i64),
        Text(String),
        Many(Vec<f64>),
    }

    fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) -> Value {
        let python = Value::of(Serde(&value)).unwrap();
        assert_eq!(Serde::<T>::from_python(python.clone()).unwrap().0, value);
        python
    }

    fn error<T: DeserializeOwned + Debug>(value: impl ToPython) -> String {
        Serde::<T>::from_python(Value::of(value).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn the_whole_data_model_comes_back() {
        let everything = Everything {
            flag: true,
            small: -1,
            large: u64::MAX,
            huge: u128::MAX,
            low: i128::MIN,
            real: f64::MAX,
            short: 0.5,
            letter: 'ß',
            text: "x\0".into(),
            bytes: vec![0, 255],
            some: Some(1),
            list: vec![(1, "a".into()), (2, "b".into())],
            set: [3, 1].into(),
            map: [((1, true), vec![1]), ((2, false), vec![])].into(),
            inner: Some(Box::default()),
            ..Everything::default()
        };
        let Value::Dict(pairs) = round_trip(everything) else { panic!("a dict") };
        assert_eq!(pairs.len(), 17);
        assert!(pairs.contains(&(Value::Str("bytes".into()), Value::Bytes(vec![0, 255]))));
        assert_eq!(round_trip(Wrapped(1)), Value::Int(1));
        assert_eq!(round_trip(Marker), Value::None);
        assert_eq!(round_trip((1, 'a')), Value::Tuple(vec![Value::Int(1), Value::Str("a".into())]));
    }

    #[test]
    fn variants_are_as_in_json() {
        let tagged = |name: &str, data| Value::Dict(vec![(Value::Str(name.into()), data)]);
        assert_eq!(round_trip(Variant::Unit), Value::Str("Unit".into()));
        assert_eq!(round_trip(Variant::Newtype(1)), tagged("Newtype", Value::Int(1)));
        let two = Value::Tuple(vec![Value::Int(1), Value::Str("x".into())]);
        assert_eq!(round_trip(Variant::Tuple(1, "x".into())), tagged("Tuple", two));
        let list = Value::List(vec![Value::Str("Unit".into())]);
        assert_eq!(
            round_trip(Variant::Struct { a: vec![Variant::Unit] }),
            tagged("Struct", tagged("a", list))
        );
        round_trip(Flat { a: 1, rest: [("b".into(), 2), ("c".into(), 3)].into() });
        round_trip(vec![Tagged::A { x: 1 }, Tagged::B]);
        let some = [Untagged::Int(-1), Untagged::Text("x".into()), Untagged::Many(vec![0.5])];
        round_trip(Vec::from(some));
    }

    #[test]
    fn errors_name_the_path() {
        let wrong = BTreeMap::from([("a", vec!["Unit", "Other"])]);
        let said = error::<Variant>(BTreeMap::from([("Struct", &wrong)]));
        let names = "\"Unit\", \"Newtype\", \"Tuple\", \"Struct\"";
        assert_eq!(said, format!("[\"Struct\"].a[1]: expected one of {names}, got \"Other\""));
        let said = error::<BTreeMap<String, Vec<u8>>>(BTreeMap::from([("k", [1, 300])]));
        assert_eq!(said, "[\"k\"][1]: expected u8, got integer `300`");
        assert_eq!(error::<Flat>(1), "expected struct Flat, got int");
        assert_eq!(error::<(u8, u8)>((1, 2, 3)), "expected fewer items, got 3 items");
        assert_eq!(error::<(u8, u8)>((1,)), "expected a tuple of size 2, got 1 items");
        assert_eq!(error::<f64>("1"), "expected f64, got str");
        let said = error::<BTreeMap<u8, u8>>(BTreeMap::from([("k", 1)]));
        assert_eq!(said, "key [\"k\"]: expected u8, got str");
        let said = error::<Vec<Tagged>>([BTreeMap::from([("kind", "A")])]);
        assert_eq!(said, "[0]: expected the key \"x\", got a dict without it");
        let said = Value::of(Serde(BTreeMap::from([((1, 2), vec![Fails])]))).unwrap_err();
        assert_eq!(said.to_string(), "[tuple][0]: it will not");
    }

    struct Fails;

    impl Serialize for Fails {
        fn serialize<S: ::serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde_ser::Error::custom("it will not"))
        }
    }

    #[test]
    fn values_are_data_for_serde_too() {
        let value = Value::of((1, "x", u128::MAX, [0.5], None::<()>, ["b"])).unwrap();
        // Through our own Serializer and back it is what it was.
        assert_eq!(Value::of(Serde(&value)).unwrap(), value);
        let dict = Value::of(BTreeMap::from([("a", (1, true))])).unwrap();
        assert_eq!(Value::of(Serde(&dict)).unwrap(), dict);
    }
}
