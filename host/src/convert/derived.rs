//! What the code written by the derive macros needs. Not for use by hand.

pub use super::reader::{Alone, Reader, Within};
use super::{ConversionError, FromPython};
use crate::error::beginning;
use crate::value::Value;

pub use ophidia_abi::Want;

/// A derived type: read by itself, or with the interpreter at hand.
pub trait Read: FromPython {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// When the value is something else.
    fn read<R: Reader + ?Sized>(value: Value, reader: &mut R) -> Result<Self, R::Error>;
}

/// The fields of a struct that is a `dict`.
#[derive(Debug)]
pub struct Fields {
    pairs: Vec<(Value, Value)>,
    form: Want,
}

impl Fields {
    /// Takes the `dict`, which came in that form.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn new<R: Reader + ?Sized>(
        value: Value,
        form: Want,
        reader: &mut R,
    ) -> Result<Self, R::Error> {
        let (value, form) = reader.as_built_in(value, form)?;
        let Value::Dict(mut pairs) = value else {
            return Err(ConversionError::mismatch("dict", &value).into());
        };
        for (key, _) in &mut pairs {
            if let Value::Object(_) | Value::Member(_) = key {
                *key = reader.as_built_in(std::mem::take(key), Want::Plain)?.0;
            }
        }
        Ok(Self { pairs, form })
    }

    /// Takes a field.
    ///
    /// # Errors
    ///
    /// When it is missing or something else.
    pub fn take<T: FromPython, R: Reader + ?Sized>(
        &mut self,
        name: &str,
        reader: &mut R,
    ) -> Result<T, R::Error> {
        match self.find(name) {
            Some(value) => self.read(value, name, reader),
            None => Err(ConversionError::missing(name).into()),
        }
    }

    /// Takes a field that may be missing.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn take_or<T: FromPython, R: Reader + ?Sized>(
        &mut self,
        name: &str,
        default: impl FnOnce() -> T,
        reader: &mut R,
    ) -> Result<T, R::Error> {
        match self.find(name) {
            Some(value) => self.read(value, name, reader),
            None => Ok(default()),
        }
    }

    fn find(&mut self, name: &str) -> Option<Value> {
        let named = |(key, _): &&mut (Value, Value)| matches!(key, Value::Str(key) if key == name);
        self.pairs.iter_mut().find(named).map(|(_, value)| std::mem::take(value))
    }

    fn read<T: FromPython, R: Reader + ?Sized>(
        &self,
        value: Value,
        name: &str,
        reader: &mut R,
    ) -> Result<T, R::Error> {
        reader.read(value, self.form).map_err(|error| error.inside(&format!(".{name}")))
    }
}

/// The fields of a struct that is a `tuple`.
#[derive(Debug)]
pub struct Items {
    values: std::vec::IntoIter<Value>,
    form: Want,
}

impl Items {
    /// Takes the `tuple` or `list`, which has to have so many items and came in that form.
    ///
    /// # Errors
    ///
    /// When it is something else, or has another length.
    pub fn new<R: Reader + ?Sized>(
        value: Value,
        count: usize,
        form: Want,
        reader: &mut R,
    ) -> Result<Self, R::Error> {
        let (value, form) = reader.as_built_in(value, form)?;
        let wrong = match value {
            Value::Tuple(items) | Value::List(items) if items.len() == count => {
                return Ok(Self { values: items.into_iter(), form });
            }
            Value::Tuple(items) | Value::List(items) => {
                ConversionError::new(format!("a tuple of {count}"), items.len().to_string())
            }
            other => ConversionError::mismatch("tuple", &other),
        };
        Err(wrong.into())
    }

    /// Takes the next field; `step` is how an error names it.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn take<T: FromPython, R: Reader + ?Sized>(
        &mut self,
        step: &str,
        reader: &mut R,
    ) -> Result<T, R::Error> {
        let value = self.values.next().unwrap_or_default();
        reader.read(value, self.form).map_err(|error| error.inside(step))
    }
}

/// The name of a variant, and its data if it has any; of a value that came in that form.
///
/// # Errors
///
/// When the value is neither a `str` nor a `dict` of one entry.
pub fn variant<R: Reader + ?Sized>(
    value: Value,
    form: Want,
    reader: &mut R,
) -> Result<(String, Option<Value>), R::Error> {
    let mut value = match value {
        Value::Object(_) => reader.as_built_in(value, form)?.0,
        value => value,
    };
    if let Value::Dict(pairs) = &mut value
        && let [(key @ (Value::Object(_) | Value::Member(_)), _)] = pairs.as_mut_slice()
    {
        *key = reader.as_built_in(std::mem::take(key), Want::Plain)?.0;
    }
    Ok(named(value)?)
}

/// The same of what is plain.
pub(super) fn named(value: Value) -> Result<(String, Option<Value>), ConversionError> {
    match value {
        Value::Str(name) => Ok((name, None)),
        Value::Member(member) => Ok((member.name, None)),
        Value::Dict(pairs) => match <[_; 1]>::try_from(pairs) {
            Ok([(Value::Str(name), value)]) => Ok((name, Some(value))),
            Ok([(key, _)]) => Err(ConversionError::new("a dict with a str as its key", key.kind())),
            Err(pairs) => {
                Err(ConversionError::new("a dict of one entry", format!("one of {}", pairs.len())))
            }
        },
        other => Err(ConversionError::mismatch("str or dict", &other)),
    }
}

/// No variant has this name, or it has data and should not, or the other way round.
#[must_use]
pub fn no_variant(name: &str, data: Option<Value>, names: &[&str]) -> ConversionError {
    match (names.contains(&name), data) {
        (true, Some(_)) => ConversionError::new(format!("{name:?} alone"), "one with data"),
        (true, None) => ConversionError::new(format!("{name:?} with its data"), "the name alone"),
        (false, _) => {
            let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
            ConversionError::new(
                format!("one of {}", names.join(", ")),
                format!("{:?}", beginning(name)),
            )
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use crate::convert::{FromPython, ToPython};
    use crate::value::Value;
    use std::fmt::Debug;

    fn round_trip<T: ToPython + FromPython + PartialEq + Debug>(value: T) -> Value {
        let python = Value::of(&value).unwrap();
        assert_eq!(T::from_python(python.clone()).unwrap(), value);
        python
    }

    fn error<T: FromPython + Debug>(value: impl ToPython) -> String {
        T::from_python(Value::of(value).unwrap()).unwrap_err().to_string()
    }

    #[derive(Clone, Debug, Default, PartialEq, ToPython, FromPython)]
    #[python(rename_all = "camelCase")]
    struct Order<T> {
        item_name: String,
        #[python(rename = "cost")]
        price: T,
        #[python(default = vec![7])]
        tags: Vec<u8>,
        note: Option<String>,
        #[python(skip)]
        cached: u32,
        r#type: char,
    }

    #[derive(Debug, PartialEq, ToPython, FromPython)]
    #[python(tuple)]
    struct Point {
        x: f64,
        #[python(skip, default = 5)]
        weight: i32,
        y: f64,
    }

    #[derive(Debug, PartialEq, ToPython, FromPython)]
    struct Metres(f64);

    #[derive(Debug, PartialEq, ToPython, FromPython)]
    struct Pair(i32, #[python(skip)] u8, String);

    #[derive(Debug, PartialEq, ToPython, FromPython)]
    struct Nothing;

    #[derive(Debug, PartialEq, ToPython, FromPython)]
    #[python(rename_all = "kebab-case")]
    enum Colour {
        DarkRed,
        #[python(rename = "GREEN")]
        Green,
    }

    #[derive(Debug, PartialEq, ToPython, FromPython)]
    enum Shape<T> {
        Empty,
        Circle {
            radius: T,
        },
        Label(String),
        Line(T, T),
        #[python(tuple)]
        Box {
            width: T,
            height: T,
        },
    }

    #[derive(Debug, PartialEq, ToPython, FromPython)]
    enum Never {}

    #[test]
    fn structs_are_dicts_tuples_and_what_they_wrap() {
        let order = Order { item_name: "tea".into(), price: 2.5, r#type: 'a', ..Order::default() };
        let Value::Dict(pairs) = round_trip(order) else { panic!("a dict") };
        let keys: Vec<_> = pairs.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(
            keys,
            ["itemName", "cost", "tags", "note", "type"].map(|k| Value::Str(k.into()))
        );
        let point = Value::Tuple(vec![Value::Float(1.0), Value::Float(2.0)]);
        assert_eq!(round_trip(Point { x: 1.0, weight: 5, y: 2.0 }), point);
        assert_eq!(round_trip(Metres(1.0)), Value::Float(1.0));
        let pair = Value::Tuple(vec![Value::Int(1), Value::Str("x".into())]);
        assert_eq!(round_trip(Pair(1, 0, "x".into())), pair);
        assert_eq!(round_trip(Nothing), Value::None);
    }

    #[test]
    fn missing_fields_have_defaults_or_are_named() {
        let given = Value::Dict(vec![
            (Value::Str("type".into()), Value::Str("b".into())),
            (Value::Str("more".into()), Value::None),
            (Value::Str("itemName".into()), Value::Str("tea".into())),
            (Value::Str("cost".into()), Value::Int(3)),
        ]);
        let order = Order::<f64>::from_python(given).unwrap();
        assert_eq!((order.price, order.tags, order.note, order.r#type), (3.0, vec![7], None, 'b'));
        let missing = Value::Dict(vec![(Value::Str("itemName".into()), Value::Str("x".into()))]);
        assert_eq!(
            error::<Order<f64>>(missing),
            "expected the key \"cost\", got a dict without it"
        );
    }

    #[test]
    fn errors_name_the_path() {
        let given = Value::Dict(vec![
            (Value::Str("itemName".into()), Value::Str("tea".into())),
            (Value::Str("cost".into()), Value::Str("much".into())),
        ]);
        let list = Value::List(vec![given]);
        assert_eq!(error::<Vec<Order<f64>>>(list), "[0].cost: expected float, got str");
        assert_eq!(error::<Point>((1, "x")), ".y: expected float, got str");
        assert_eq!(error::<Point>((1,)), "expected a tuple of 2, got 1");
        assert_eq!(error::<Pair>((1, 2)), "[1]: expected str, got int");
        assert_eq!(error::<Nothing>(1), "expected None, got int");
        let circle = std::collections::BTreeMap::from([("Circle", [("radius", "x")])]);
        assert_eq!(error::<Shape<i32>>(circle), "[\"Circle\"]: expected dict, got list");
    }

    #[test]
    fn enums_are_names_and_dicts_of_one_entry() {
        assert_eq!(round_trip(Colour::DarkRed), Value::Str("dark-red".into()));
        assert_eq!(round_trip(Colour::Green), Value::Str("GREEN".into()));
        assert_eq!(round_trip(Shape::<i64>::Empty), Value::Str("Empty".into()));
        let tagged = |name: &str, data| Value::Dict(vec![(Value::Str(name.into()), data)]);
        let two = Value::Tuple(vec![Value::Int(1), Value::Int(2)]);
        assert_eq!(round_trip(Shape::Line(1, 2)), tagged("Line", two.clone()));
        assert_eq!(round_trip(Shape::Box { width: 1, height: 2 }), tagged("Box", two));
        assert_eq!(
            round_trip(Shape::<i64>::Label("x".into())),
            tagged("Label", Value::Str("x".into()))
        );
        assert_eq!(
            round_trip(Shape::Circle { radius: 1 }),
            tagged("Circle", tagged("radius", Value::Int(1)))
        );
        assert_eq!(error::<Colour>("red"), "expected one of \"dark-red\", \"GREEN\", got \"red\"");
        assert_eq!(
            error::<Shape<i64>>("Line"),
            "expected \"Line\" with its data, got the name alone"
        );
        let empty = tagged("Empty", Value::None);
        assert_eq!(error::<Shape<i64>>(empty), "expected \"Empty\" alone, got one with data");
        assert_eq!(error::<Shape<i64>>(3), "expected str or dict, got int");
        assert_eq!(error::<Never>("x"), "expected one of , got \"x\"");
    }
}
