//! `Namespace`: where source text finds and leaves its names.

use super::Python;
use super::run::SourceKind;
use super::state::Guest;
use crate::convert::{FromPython, ToPython, Values};
use crate::error::Result;
use crate::value::handle::Handle;
use crate::value::{Object, Value};
use ophidia_abi::Want;

/// The names that source text reads and writes: Python's `globals`, and separate `locals` if there are any.
///
/// A new one for each request keeps the names of requests apart. Modules and the objects in them are the
/// interpreter's, and shared: code that is not trusted gets an interpreter of its own.
///
/// ```
/// # fn main() -> ophidia::Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// let request = py.namespace()?;
/// request.set(&mut py, "price", 2.5)?;
/// request.run(&mut py, "def total(count): return count * price\nbill = total(4)")?;
/// assert_eq!(request.eval_as::<f64>(&mut py, "bill + 1")?, 11.0);
/// assert!(py.eval("bill").is_err()); // `__main__` knows nothing of it
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Namespace {
    globals: Object,
    locals: Option<Object>,
}

impl Python<'_> {
    /// A new namespace with the built-in names in it, called `__main__`.
    pub fn namespace(&mut self) -> Result<Namespace> {
        let globals = self.call_helper("namespace", ())?;
        Ok(Namespace { globals, locals: None })
    }
}

impl Namespace {
    /// The namespace of a `dict`, such as a module's `__dict__`.
    ///
    /// # Errors
    ///
    /// A `TypeError` where source text is run and it is none.
    #[must_use]
    pub fn of(globals: Object) -> Self {
        Self { globals, locals: None }
    }

    /// A namespace with the same globals and these locals, any mapping. Source text looks names up there
    /// first and assigns them there.
    #[must_use]
    pub fn with_locals(&self, locals: Object) -> Self {
        Self { globals: self.globals.clone(), locals: Some(locals) }
    }

    /// The `dict` of the globals.
    #[must_use]
    pub fn globals(&self) -> &Object {
        &self.globals
    }

    /// How the guest knows the globals, and the locals if there are any.
    pub(super) fn handles(&self, guest: &Guest<'_>) -> Result<(Handle, Handle)> {
        let locals = self.locals.as_ref().map(|locals| guest.handle(locals)).transpose()?;
        Ok((guest.handle(&self.globals)?, locals.unwrap_or(Handle::NONE)))
    }

    /// Where names are left.
    fn own(&self) -> &Object {
        self.locals.as_ref().unwrap_or(&self.globals)
    }

    /// The object that a name stands for.
    ///
    /// # Errors
    ///
    /// A `KeyError` for a name that is not there.
    pub fn get(&self, py: &mut Python<'_>, name: &str) -> Result<Object> {
        self.own().get_item(py, name)
    }

    /// As [`get`](Self::get), as a Rust type.
    pub fn get_as<T: FromPython>(&self, py: &mut Python<'_>, name: &str) -> Result<T> {
        py.operation(|py| self.get(py, name)?.extract(py))
    }

    /// Sets a name.
    pub fn set(&self, py: &mut Python<'_>, name: &str, value: impl ToPython) -> Result<()> {
        self.own().set_item(py, name, value)
    }

    /// Deletes a name.
    ///
    /// # Errors
    ///
    /// A `KeyError` for a name that is not there.
    pub fn delete(&self, py: &mut Python<'_>, name: &str) -> Result<()> {
        self.own().del_item(py, name)
    }

    /// Whether there is such a name.
    pub fn contains(&self, py: &mut Python<'_>, name: &str) -> Result<bool> {
        self.own().contains(py, name)
    }

    /// Runs statements.
    pub fn run(&self, py: &mut Python<'_>, source: &str) -> Result<()> {
        self.run_source(py, SourceKind::Statements, source.as_bytes(), "<string>")
    }

    /// As [`Python::run_source`]. [`SourceKind::Main`] sets the `__file__` of `__main__` itself.
    pub fn run_source(
        &self,
        py: &mut Python<'_>,
        kind: SourceKind,
        source: &[u8],
        filename: &str,
    ) -> Result<()> {
        py.run_mode(kind.mode(), source, filename, Some(self), Want::Nothing).map(drop)
    }

    /// Evaluates an expression, as [`Python::eval`] does.
    pub fn eval(&self, py: &mut Python<'_>, source: &str) -> Result<Value> {
        py.eval_in(source, Some(self))
    }

    /// Evaluates an expression, as a Rust type.
    pub fn eval_as<T: FromPython>(&self, py: &mut Python<'_>, source: &str) -> Result<T> {
        py.eval_in(source, Some(self))
    }

    /// Evaluates an expression and keeps its value in the guest, whatever it is.
    pub fn eval_object(&self, py: &mut Python<'_>, source: &str) -> Result<Object> {
        py.eval_in(source, Some(self))
    }

    /// Runs statements with values of Rust's, as [`Python::run_with`] does. Other names are looked up in the globals;
    /// the [locals](Self::with_locals) of the namespace play no part.
    pub fn run_with<'v>(
        &self,
        py: &mut Python<'_>,
        source: &str,
        values: impl Into<Values<'v>>,
    ) -> Result<()> {
        py.call_bound::<()>(source, "exec", values.into(), Some(self))
    }

    /// Evaluates an expression with values of Rust's, as [`Python::eval_with`] does.
    pub fn eval_with<'v, T: FromPython>(
        &self,
        py: &mut Python<'_>,
        source: &str,
        values: impl Into<Values<'v>>,
    ) -> Result<T> {
        py.call_bound(source, "eval", values.into(), Some(self))
    }

    /// Runs [compiled](Python::compile) statements.
    pub fn run_code(&self, py: &mut Python<'_>, code: &Object) -> Result<()> {
        py.call_helper_unit("run_code", (code, &self.globals, &self.locals))
    }

    /// Evaluates a [compiled](Python::compile) expression.
    pub fn eval_code(&self, py: &mut Python<'_>, code: &Object) -> Result<Object> {
        py.call_helper("eval_code", (code, &self.globals, &self.locals))
    }
}
