//! Scopes with conversions of their own.

use super::Python;
use crate::bridge::Conversions;
use crate::convert::ToPython;
use crate::error::{Result, panicked};
use crate::python::state::{Guest, State};
use crate::sandbox::state::SandboxState;
use crate::value::Object;
use crate::value::Value;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// What becomes of an object that is on its way out.
type FromObject = Box<dyn Fn(&mut Python<'_>, Object) -> Result<Value> + Send + Sync>;

/// What becomes of an argument: something callable.
type ToObject = Box<dyn ToPython + Send + Sync>;

/// Custom conversions, for [`Python::with_converters`].
#[derive(Default)]
pub struct Converters {
    from_python: Vec<(String, FromObject)>,
    to_python: Vec<(String, ToObject)>,
}

impl Converters {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How objects of a class (a name as [`Python::get`] takes it) become values: in what
    /// [`eval`](Python::eval) and the methods that give Rust types return, at any depth, and in the
    /// arguments of host functions. Objects with a plain form are not asked about.
    #[must_use]
    pub fn from_python(
        mut self,
        class: impl Into<String>,
        convert: impl Fn(&mut Python<'_>, Object) -> Result<Value> + Send + Sync + 'static,
    ) -> Self {
        self.from_python.push((class.into(), Box::new(convert)));
        self
    }

    /// What is made of values whose Python class is exactly this one, on their way in: `convert`, a
    /// [`Function`](crate::Function) or any callable object, is called with the value.
    ///
    /// This concerns whatever of Rust's becomes a new Python object, in containers at any depth, the items
    /// before the container: arguments of calls, operands, keys, what is set, what [`object`](Python::object)
    /// makes, results of host functions that are not asynchronous. An [`Object`] goes in as it is, and so
    /// do the names of attributes and keyword arguments.
    #[must_use]
    pub fn to_python(
        mut self,
        class: impl Into<String>,
        convert: impl ToPython + Send + Sync + 'static,
    ) -> Self {
        self.to_python.push((class.into(), Box::new(convert)));
        self
    }
}

impl std::fmt::Debug for Converters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let classes = |names: Vec<&str>| names.join(", ");
        f.debug_struct("Converters")
            .field("from_python", &classes(self.from_python.iter().map(|(c, _)| &**c).collect()))
            .field("to_python", &classes(self.to_python.iter().map(|(c, _)| &**c).collect()))
            .finish()
    }
}

/// Converters whose classes have been found.
pub(crate) struct Scope {
    from_python: Vec<(Object, FromObject)>,
    /// Whether there are some for the way in, which the guest holds.
    has_to_python: bool,
}

impl Python<'_> {
    /// Runs `body` with custom conversions. Scopes nest: the inner one is asked first.
    ///
    /// ```no_run
    /// use ophidia::{Converters, Value};
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let as_text = Converters::new()
    ///     .from_python("pathlib.PurePath", |py, path| Ok(Value::Str(path.str(py)?)));
    /// let path = py.with_converters(as_text, |py| py.eval("__import__('pathlib').Path('/tmp')"))?;
    /// assert_eq!(path, Value::Str("/tmp".into()));
    ///
    /// let as_tuples = Converters::new().to_python("list", py.get("tuple")?);
    /// let set = py.with_converters(as_tuples, |py| py.object([vec![1, 2], vec![3]]))?;
    /// assert_eq!(set.repr(&mut py)?, "((1, 2), (3,))");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What `body` fails with; an unknown class as with [`get`](Self::get).
    pub fn with_converters<T>(
        &mut self,
        converters: Converters,
        body: impl FnOnce(&mut Python<'_>) -> Result<T>,
    ) -> Result<T> {
        let ((scope, before), spent) = self.opening(|py| {
            let mut from_python = Vec::new();
            for (class, convert) in converters.from_python {
                from_python.push((py.find_own(&class)?, convert));
            }
            let mut pairs = Vec::new();
            for (class, convert) in converters.to_python {
                pairs.push((py.find_own(&class)?, convert));
            }
            let has_to_python = !pairs.is_empty();
            let before = if has_to_python {
                Some(py.call_helper_own("open_scope", (pairs,))?)
            } else {
                None
            };
            Ok((Scope { from_python, has_to_python }, before))
        })?;
        let mut scopes = self.state().session.scopes.clone();
        let outer = scopes.clone();
        scopes.push(Arc::new(scope));
        self.state_mut().set_scopes(scopes);
        let result = catch_unwind(AssertUnwindSafe(|| body(self)));
        self.state_mut().set_scopes(outer);
        let close =
            |before| self.closing(spent, |py| py.call_helper_unit("close_scope", (before,)));
        let closed = before.map(close).transpose();
        let result = result.unwrap_or_else(|panic| resume_unwind(panic))?;
        closed.map(|_| result)
    }
}

impl Python<'_> {
    /// Runs `body` with results of any kind kept in the guest: where a [`Value`] is asked for, as by
    /// [`eval`](Self::eval), it is an object, or `None`. Where a Rust type is asked for, nothing changes.
    ///
    /// ```no_run
    /// use ophidia::Value;
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let Value::Object(list) = py.with_objects(|py| py.eval("[1, 2]"))? else { unreachable!() };
    /// list.call_method(&mut py, "append", (3,))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What `body` fails with.
    pub fn with_objects<T>(
        &mut self,
        body: impl FnOnce(&mut Python<'_>) -> Result<T>,
    ) -> Result<T> {
        let conversions = &mut self.state_mut().bridge.conversions;
        let before = std::mem::replace(&mut conversions.keeps_objects, true);
        let result = catch_unwind(AssertUnwindSafe(|| body(self)));
        self.state_mut().bridge.conversions.keeps_objects = before;
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl State {
    /// Opens these scopes and no others; gives those that were open.
    fn set_scopes(&mut self, scopes: Vec<Arc<Scope>>) -> Vec<Arc<Scope>> {
        self.bridge.conversions = Conversions {
            any: !scopes.is_empty(),
            out: scopes.iter().any(|scope| !scope.from_python.is_empty()),
            into: scopes.iter().any(|scope| scope.has_to_python),
            ..self.bridge.conversions
        };
        std::mem::replace(&mut self.session.scopes, scopes)
    }
}

impl Guest<'_> {
    /// Reads the value that an entry has left in the frame, and converts what is in it.
    #[inline]
    pub(crate) fn converted_value(&mut self) -> Result<Value> {
        let value = self.value()?;
        self.converted(value)
    }

    /// A value with its objects converted. Converters are not applied to what they do themselves.
    #[inline]
    pub(crate) fn converted(&mut self, value: Value) -> Result<Value> {
        if !self.store.data().bridge.conversions.out {
            return Ok(value);
        }
        let scopes = self.state().set_scopes(Vec::new());
        let SandboxState { operations, control, .. } = self.sandbox();
        operations.call_host(control);
        let mut py = self.python();
        let result = catch_unwind(AssertUnwindSafe(|| convert(&mut py, &scopes, value)));
        self.state().set_scopes(scopes);
        result.unwrap_or_else(|panic| Err(self.poison(panicked("a converter", &*panic))))
    }
}

fn convert(py: &mut Python<'_>, scopes: &[Arc<Scope>], value: Value) -> Result<Value> {
    let mut all = |values: Vec<Value>| -> Result<Vec<Value>> {
        values.into_iter().map(|value| convert(py, scopes, value)).collect()
    };
    Ok(match value {
        Value::List(items) => Value::List(all(items)?),
        Value::Tuple(items) => Value::Tuple(all(items)?),
        Value::Set(items) => Value::Set(all(items)?),
        Value::FrozenSet(items) => Value::FrozenSet(all(items)?),
        Value::Dict(pairs) => Value::Dict(
            pairs
                .into_iter()
                .map(|(key, value)| Ok((convert(py, scopes, key)?, convert(py, scopes, value)?)))
                .collect::<Result<_>>()?,
        ),
        Value::Object(object) => {
            py.guest().check()?;
            for (class, converter) in scopes.iter().rev().flat_map(|scope| &scope.from_python) {
                if object.is_instance(py, class)? {
                    return converter(py, object);
                }
            }
            Value::Object(object)
        }
        other => other,
    })
}
