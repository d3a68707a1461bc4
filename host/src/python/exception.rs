//! What more there is to know of an exception while it is held: questions that an interpreter answers.

use crate::convert::{Args, FromPython, ToPython};
use crate::error::{ConversionError, PythonError, Result, TracebackFrame, cut};
use crate::python::Python;
use crate::value::{Object, Value};

/// A text of the guest's, bounded here whatever the guest has done. Lone surrogates, which no `String` can hold,
/// become replacement characters.
struct Text(String);

impl FromPython for Text {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        Ok(Self(cut(match value {
            Value::WideStr(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            other => String::from_python(other)?,
        })))
    }
}

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

    /// The traceback as python3 prints it, ending in a line break, of at most 64 KiB. It is made when it is first asked
    /// for, which takes a few hundred microseconds, and kept: [`made_traceback`](Self::made_traceback) gives it when the
    /// interpreter is gone. Empty when a main program has shown the exception itself, with its own `sys.excepthook` or
    /// `sys.stderr`, and for `SystemExit`; of an exception that was made in Rust, its type and message.
    pub fn traceback(&self, py: &mut Python<'_>) -> Result<&str> {
        if let Some(made) = self.traceback.get() {
            return Ok(made);
        }
        let text = match &self.exception {
            Some(exception) => py.call_helper_as::<Text>("formatted_traceback", (exception,))?.0,
            None => format!("{self}\n"),
        };
        Ok(self.traceback.get_or_init(|| text))
    }

    /// The frames it passed through, the innermost last.
    pub fn frames(&self, py: &mut Python<'_>) -> Result<Vec<TracebackFrame>> {
        let Some(exception) = &self.exception else { return Ok(Vec::new()) };
        let frames: Vec<(Text, u32, Text, Text)> = py.call_helper_as("frames", (exception,))?;
        let frame = |(file, line, function, source): (Text, u32, Text, Text)| TracebackFrame {
            file: file.0,
            line,
            function: function.0,
            source: source.0,
        };
        Ok(frames.into_iter().map(frame).collect())
    }

    /// Its notes, which `add_note` adds.
    pub fn notes(&self, py: &mut Python<'_>) -> Result<Vec<String>> {
        match &self.exception {
            Some(exception) => {
                let notes: Vec<Text> = py.call_helper_as("notes", (exception,))?;
                Ok(notes.into_iter().map(|note| note.0).collect())
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

    /// Of the texts that the guest gives.
    fn described((type_name, message): (Text, Text), exception: Object) -> Self {
        Self { exception: Some(exception), ..Self::new(type_name.0, message.0) }
    }

    fn linked(&self, py: &mut Python<'_>, name: &str) -> Result<Option<Self>> {
        let Some(exception) = &self.exception else { return Ok(None) };
        let found: Option<(Text, Text, Object)> = py.call_helper_as("linked", (exception, name))?;
        Ok(found.map(|(type_name, message, exception)| {
            Self::described((type_name, message), exception)
        }))
    }
}
