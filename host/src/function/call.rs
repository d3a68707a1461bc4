//! The arguments of a call from Python.

use super::closure::BoxError;
use crate::bridge;
use crate::convert::reader::Reader as _;
use crate::convert::{FromPython, read};
use crate::error::{Error, PythonError, Result};
use crate::python::Python;
use crate::value::Value;
use ophidia_abi::Want;

/// The arguments of a call from Python, as they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// Positional arguments.
    pub positional: Vec<Value>,
    /// Keyword arguments, in their order.
    pub keywords: Vec<(String, Value)>,
}

impl Call {
    /// Of values that end, when there are keywords, in so many keyword arguments and the tuple of
    /// their names.
    pub(super) fn new(mut values: Vec<Value>, keywords: u32) -> Result<Self> {
        if keywords == 0 {
            return Ok(Self { positional: values, keywords: Vec::new() });
        }
        let keywords = keywords as usize;
        let wrong = || Error::GuestFault(format!("a call with {keywords} keywords, without names"));
        let Some(Value::Tuple(names)) = values.pop() else { return Err(wrong()) };
        let at = values.len().checked_sub(keywords).ok_or_else(wrong)?;
        if names.len() != keywords {
            return Err(wrong());
        }
        let given = values.split_off(at);
        let names = names.into_iter().map(name_of).collect::<Result<Vec<_>>>()?;
        Ok(Self { positional: values, keywords: names.into_iter().zip(given).collect() })
    }

    /// As one value, to be written down.
    pub(crate) fn into_value(self) -> Value {
        let keywords = self.keywords.into_iter();
        let keywords = keywords.map(|(name, value)| (Value::Str(name), value)).collect();
        Value::Tuple(vec![Value::Tuple(self.positional), Value::Dict(keywords)])
    }

    /// Of such a value.
    pub(crate) fn from_value(value: Value) -> Option<Self> {
        let Value::Tuple(parts) = value else { return None };
        let Ok([Value::Tuple(positional), Value::Dict(keywords)]) = <[Value; 2]>::try_from(parts)
        else {
            return None;
        };
        let keyword = |(name, value)| match name {
            Value::Str(name) => Some((name, value)),
            _ => None,
        };
        let keywords = keywords.into_iter().map(keyword).collect::<Option<_>>()?;
        Some(Self { positional, keywords })
    }

    /// With the converters of the open scopes applied.
    pub(super) fn converted(self, py: &mut Python<'_>) -> Result<Self> {
        let mut guest = py.guest();
        let positional = self.positional.into_iter().map(|value| guest.converted(value));
        let positional = positional.collect::<Result<_>>()?;
        let keywords = self
            .keywords
            .into_iter()
            .map(|(name, value)| Ok((name, guest.converted(value)?)))
            .collect::<Result<_>>()?;
        Ok(Self { positional, keywords })
    }
}

/// The values of a closure's parameters, in order.
#[doc(hidden)]
pub trait CallArguments {
    /// The name of the function that is called.
    fn function(&self) -> &str;

    /// The next one.
    ///
    /// # Errors
    ///
    /// It is not what the parameter takes.
    fn next<T: FromPython>(&mut self, py: &mut Python<'_>) -> Result<T, Failure>;
}

/// Why a call of a closure has no answer.
#[doc(hidden)]
#[derive(Debug)]
pub enum Failure {
    /// One of its arguments is not plain; the closure was not called. All have to be read otherwise.
    NotPlain,
    /// What is raised in Python.
    Raised(BoxError),
}

impl From<BoxError> for Failure {
    fn from(error: BoxError) -> Self {
        Self::Raised(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Raised(error.into())
    }
}

impl From<PythonError> for Failure {
    fn from(error: PythonError) -> Self {
        Self::Raised(error.into())
    }
}

/// Plain arguments, which lie in slots of the frame.
pub(super) struct PlainArguments<'a> {
    pub(super) function: &'a str,
    /// The index of the next one.
    pub(super) next: u32,
}

impl CallArguments for PlainArguments<'_> {
    fn function(&self) -> &str {
        self.function
    }

    #[inline]
    fn next<T: FromPython>(&mut self, py: &mut Python<'_>) -> Result<T, Failure> {
        let index = self.next;
        self.next += 1;
        let plain = bridge::operand(&py.guest().store, index).and_then(T::from_plain);
        plain.ok_or(Failure::NotPlain)
    }
}

/// Arguments that were read, one for each parameter.
pub(super) struct BoundArguments<'a> {
    /// Whose they are.
    pub(super) function: &'a str,
    pub(super) values: std::iter::Enumerate<std::vec::IntoIter<Value>>,
    pub(super) name: &'a dyn Fn(usize) -> &'a str,
    pub(super) want: Want,
}

impl CallArguments for BoundArguments<'_> {
    fn function(&self) -> &str {
        self.function
    }

    fn next<T: FromPython>(&mut self, py: &mut Python<'_>) -> Result<T, Failure> {
        let (i, value) = self.values.next().unwrap_or_default();
        // An instance of a subclass, where another parameter takes any value as it is.
        let again = self.want == Want::Value && matches!(value, Value::Object(_)) && !T::ANY;
        let open = again || self.want.holds_objects();
        let value = if open { opened::<T>(value, py)? } else { value };
        let read = read(value, py);
        read.map_err(|error| error.within(&format!("argument {}", (self.name)(i))).into())
    }
}

/// An argument that came as an object because another parameter wants one, in the form that its own wants.
fn opened<T: FromPython>(value: Value, py: &mut Python<'_>) -> Result<Value> {
    if !T::WANT.is_value() {
        return Ok(value);
    }
    // Of a variadic parameter: what is in it are the arguments.
    let form = if T::WANT == Want::Container { Want::Value } else { Want::Nothing };
    let mut again = |value| py.opened(value, form);
    Ok(match value {
        Value::List(values) => Value::List(values.into_iter().map(again).collect::<Result<_>>()?),
        Value::Dict(pairs) => {
            let pair = |(key, value)| Ok((key, again(value)?));
            Value::Dict(pairs.into_iter().map(pair).collect::<Result<_>>()?)
        }
        value => py.opened(value, T::WANT)?,
    })
}

/// A keyword of a call.
fn name_of(value: Value) -> Result<String> {
    match value {
        Value::Str(name) => Ok(name),
        other => Err(Error::GuestFault(format!("a keyword that is {}", other.kind()))),
    }
}
