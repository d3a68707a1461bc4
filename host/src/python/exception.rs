//! What more there is to know of an exception while it is held: questions that an interpreter answers.

use crate::convert::{Args, ToPython};
use crate::error::{PythonError, Result, TracebackFrame, cut};
use crate::python::Python;
use crate::value::Object;

impl PythonError {
    /// An exception for a function of the host to raise: `class(*args)`.
    ///
    /// ```no_run
    /// use ophidia::{Function, PythonError, Python, Result};
    /// # fn main() -> Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let open = |py: &mut Python<'_>, path: String| -> Result<()> {
    ///     let class = py.get("FileNotFoundError")?;
    ///     Err(PythonError::from_type(py, &class, (2, "no such file", path))?.into())
    /// };
    /// py.set("open", Function::new("open", open))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the class itself raises, and a `TypeError` when it makes no exception.
    pub fn from_type(py: &mut Python<'_>, class: &Object, args: impl Args) -> Result<Self> {
        py.operation(|py| {
            let exception = class.call(py, args)?;
            Self::from_exception(py, &exception)
        })
    }

    /// An exception for a function of the host to raise: an exception object.
    pub fn from_exception(py: &mut Python<'_>, exception: &Object) -> Result<Self> {
        let texts = py.call_helper_as("describe_exception", (exception,))?;
        Ok(Self::described(texts, exception.clone()))
    }

    /// The exception object; it is made if there is none yet.
    pub fn to_exception(&self, py: &mut Python<'_>) -> Result<Object> {
        match &self.exception {
            Some(exception) => Ok(exception.clone()),
            None => py.call_helper("exception", (&self.type_name, &self.message)),
        }
    }

    /// The same for the library itself.
    pub(crate) fn own_exception(&self, py: &mut Python<'_>) -> Result<Object> {
        match self.exception() {
            Some(exception) => Ok(exception.clone()),
            None => py.call_helper_own("exception", (&self.type_name, &self.message)),
        }
    }

    /// Whether `except class` would catch it; `class` may be a class, a tuple of classes or a name such as
    /// `"LookupError"` or `"json.JSONDecodeError"`.
    pub fn is_instance(&self, py: &mut Python<'_>, class: impl ToPython) -> Result<bool> {
        py.operation(|py| {
            let exception = self.own_exception(py)?;
            py.call_helper_as("is_raised", (exception, class))
        })
    }

    /// Its arguments: `exception.args`, a tuple.
    pub fn args(&self, py: &mut Python<'_>) -> Result<Object> {
        py.operation(|py| self.own_exception(py)?.getattr(py, "args"))
    }

    /// The frames it passed through, the innermost last.
    pub fn frames(&self, py: &mut Python<'_>) -> Result<Vec<TracebackFrame>> {
        let Some(exception) = &self.exception else { return Ok(Vec::new()) };
        let frames: Vec<(String, u32, String, String)> =
            py.call_helper_as("frames", (exception,))?;
        let frame = |(file, line, function, source)| TracebackFrame {
            file: cut(file),
            line,
            function: cut(function),
            source: cut(source),
        };
        Ok(frames.into_iter().map(frame).collect())
    }

    /// Its notes, which `add_note` adds.
    pub fn notes(&self, py: &mut Python<'_>) -> Result<Vec<String>> {
        match &self.exception {
            Some(exception) => {
                let notes: Vec<String> = py.call_helper_as("notes", (exception,))?;
                Ok(notes.into_iter().map(cut).collect())
            }
            None => Ok(Vec::new()),
        }
    }

    /// The exception it was raised from: `raise … from cause`.
    pub fn cause(&self, py: &mut Python<'_>) -> Result<Option<Self>> {
        self.linked(py, "__cause__")
    }

    /// The exception that was being handled when it was raised.
    pub fn context(&self, py: &mut Python<'_>) -> Result<Option<Self>> {
        self.linked(py, "__context__")
    }

    /// Of the texts that the guest gives, which are bounded here whatever it has done.
    fn described(
        (type_name, message, traceback): (String, String, String),
        exception: Object,
    ) -> Self {
        Self {
            type_name: cut(type_name),
            message: cut(message),
            traceback: cut(traceback),
            exit_status: None,
            exception: Some(exception),
        }
    }

    fn linked(&self, py: &mut Python<'_>, name: &str) -> Result<Option<Self>> {
        let Some(exception) = &self.exception else { return Ok(None) };
        let found: Option<(String, String, String, Object)> =
            py.call_helper_as("linked", (exception, name))?;
        Ok(found.map(|(type_name, message, traceback, exception)| {
            Self::described((type_name, message, traceback), exception)
        }))
    }
}
