//! The parameters of a host function, and how the arguments of a call are bound to them: by the rules
//! of Python, with its messages.

use super::Call;
use crate::bridge::Encoder;
use crate::error::ConversionError;
use crate::error::PythonError;
use crate::error::beginning;
use crate::value::Value;

/// How a parameter is given its value; the numbers are those of `_ophidia.interop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    PositionalOnly = 0,
    Positional = 1,
    VarPositional = 2,
    KeywordOnly = 3,
    VarKeyword = 4,
}

#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    kind: Kind,
    default: Option<Value>,
}

impl Parameter {
    pub(super) fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, default: None }
    }

    pub(super) fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Whether it is given a value by its place alone, at most by a name.
    pub(super) fn is_positional(&self) -> bool {
        matches!(self.kind, Kind::PositionalOnly | Kind::Positional)
    }

    pub(super) fn describe(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        use crate::convert::ToPython;
        out.tuple(2 + usize::from(self.default.is_some()), |out| {
            out.str(&self.name)?;
            out.int(self.kind as i64)?;
            self.default.iter().try_for_each(|value| value.to_python(out))
        })
    }
}

/// The value of each parameter.
pub(super) fn bind(
    name: &str,
    parameters: &[Parameter],
    call: Call,
) -> Result<Vec<Value>, PythonError> {
    if call.keywords.is_empty()
        && call.positional.len() == parameters.len()
        && parameters.iter().all(Parameter::is_positional)
    {
        return Ok(call.positional);
    }
    let wrong = |message: String| PythonError::new("TypeError", format!("{name}() {message}"));
    let given = call.positional.len();
    let mut positional = call.positional.into_iter();
    let mut values: Vec<Option<Value>> = parameters
        .iter()
        .map(|parameter| match parameter.kind {
            Kind::PositionalOnly | Kind::Positional => positional.next(),
            Kind::VarPositional => Some(Value::List(positional.by_ref().collect())),
            Kind::KeywordOnly => None,
            Kind::VarKeyword => Some(Value::Dict(Vec::new())),
        })
        .collect();
    if positional.next().is_some() {
        let most = parameters.iter().filter(|parameter| parameter.is_positional()).count();
        let s = if most == 1 { "" } else { "s" };
        return Err(wrong(format!("takes {most} positional argument{s} but {given} were given")));
    }
    for (keyword, value) in call.keywords {
        let named = |parameter: &Parameter| {
            matches!(parameter.kind, Kind::Positional | Kind::KeywordOnly)
                && parameter.name == keyword
        };
        let place = parameters.iter().position(named).and_then(|i| values.get_mut(i));
        match place {
            Some(Some(_)) => {
                return Err(wrong(format!("got multiple values for argument '{keyword}'")));
            }
            Some(place) => *place = Some(value),
            None => match values.last_mut() {
                Some(Some(Value::Dict(rest)))
                    if parameters.last().is_some_and(|last| last.kind == Kind::VarKeyword) =>
                {
                    rest.push((Value::Str(keyword), value));
                }
                _ => {
                    let keyword = beginning(&keyword);
                    return Err(wrong(format!("got an unexpected keyword argument '{keyword}'")));
                }
            },
        }
    }
    parameters
        .iter()
        .zip(values)
        .map(|(parameter, value)| {
            value
                .or_else(|| parameter.default.clone())
                .ok_or_else(|| wrong(format!("missing required argument: '{}'", parameter.name)))
        })
        .collect()
}
