//! Running source text and modules.

use super::{Namespace, Python};
use crate::convert::{Arguments, FromPython, Values};
use crate::error::Result;
use crate::value::handle::Handle;
use crate::value::{Object, Value};
use ophidia_abi::{Mode, Status, Want};

/// What the guest is told in place of a module's name, which no module has.
const FOLDER: &str = "/";

/// Whether source text is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// A whole statement, or one with an error that running it will report.
    Complete,
    /// The beginning of a statement.
    Incomplete,
}

/// How source text is compiled and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Statements.
    Statements,
    /// One statement of an interactive session: the value of an expression is printed. An uncaught exception is
    /// shown as that of a main program.
    Interactive,
    /// The main program: `__file__` is set to the filename unless that begins with `<`. An uncaught exception is
    /// shown by a `sys.excepthook` that the program has replaced, or in a `sys.stderr` that it has replaced; then
    /// the error has no traceback for the caller to show.
    Main,
}

impl SourceKind {
    pub(super) fn mode(self) -> Mode {
        match self {
            Self::Statements => Mode::Exec,
            Self::Interactive => Mode::Single,
            Self::Main => Mode::Main,
        }
    }
}

/// What kind of code source text is compiled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// Statements, for [`Python::run_code`].
    Statements,
    /// An expression, for [`Python::eval_code`].
    Expression,
}

impl Python<'_> {
    /// Runs statements in `__main__`.
    ///
    /// # Errors
    ///
    /// [`Error::Python`](crate::Error::Python) when an exception is not caught,
    /// [`Error::Limit`](crate::Error::Limit) when a limit fires,
    /// [`Error::Poisoned`](crate::Error::Poisoned) after an earlier limit or fault.
    pub fn run(&mut self, source: &str) -> Result<()> {
        self.run_source(SourceKind::Statements, source.as_bytes(), "<string>")
    }

    /// Evaluates an expression in `__main__` and gives its value: a copy when it is plain data,
    /// else an object.
    pub fn eval(&mut self, source: &str) -> Result<Value> {
        self.eval_as(source)
    }

    /// Evaluates an expression in `__main__` and gives its value as a Rust type.
    pub fn eval_as<T: FromPython>(&mut self, source: &str) -> Result<T> {
        self.eval_in(source, None)
    }

    pub(super) fn eval_in<T: FromPython>(
        &mut self,
        source: &str,
        names: Option<&Namespace>,
    ) -> Result<T> {
        self.operation(|py| {
            let want = py.guest().want::<T>();
            let status = py.run_mode(Mode::Eval, source.as_bytes(), "<string>", names, want)?;
            py.guest().taken(status, want)
        })
    }

    /// Runs statements with values of Rust's. The values are local variables: the text runs as the body of a
    /// function of theirs, in `__main__`, and may `await`. What it assigns to is local too, unless it says `global name`.
    ///
    /// ```
    /// use ophidia::values;
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let (item, price) = ("tea", 2.5);
    /// py.run_with("global line\nline = f'{item}: {price:.2f}'", values! { item, price })?;
    /// assert_eq!(py.eval("line")?, "tea: 2.50".into());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A `ValueError` when a value's name is none that Python allows.
    pub fn run_with<'v>(&mut self, source: &str, values: impl Into<Values<'v>>) -> Result<()> {
        self.call_bound::<()>(source, "exec", values.into(), None)
    }

    /// Evaluates an expression with values of Rust's, which are local variables in it. Gives any Rust type, such as
    /// a [`Value`] or an [`Object`].
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let joined: String = py.eval_with("sep.join(words)", ophidia::values! { sep: ", ", words: ["a", "b"] })?;
    /// assert_eq!(joined, "a, b");
    /// # Ok(())
    /// # }
    /// ```
    pub fn eval_with<'v, T: FromPython>(
        &mut self,
        source: &str,
        values: impl Into<Values<'v>>,
    ) -> Result<T> {
        self.call_bound(source, "eval", values.into(), None)
    }

    /// Calls source text as a function of the values.
    pub(super) fn call_bound<T: FromPython>(
        &mut self,
        source: &str,
        mode: &str,
        values: Values<'_>,
        names: Option<&Namespace>,
    ) -> Result<T> {
        let (parameters, values) = values.split();
        let globals = names.map(Namespace::globals);
        self.operation(|py| {
            let function = py.call_helper("bind", (source, parameters, mode, globals))?;
            function.call_as(py, Arguments::new().args(values))
        })
    }

    /// Compiles source text, to be run more than once; `filename` is what tracebacks call it.
    pub fn compile(&mut self, source: &str, filename: &str, kind: CodeKind) -> Result<Object> {
        let mode = match kind {
            CodeKind::Statements => "exec",
            CodeKind::Expression => "eval",
        };
        self.call_helper("compile_source", (source, filename, mode))
    }

    /// Runs compiled statements in `__main__`.
    pub fn run_code(&mut self, code: &Object) -> Result<()> {
        self.call_helper_unit("run_code", (code,))
    }

    /// Evaluates a compiled expression in `__main__`.
    pub fn eval_code(&mut self, code: &Object) -> Result<Object> {
        self.call_helper("eval_code", (code,))
    }

    /// Runs the bytes of a source file, decoded as Python does (UTF-8 unless a coding line says
    /// otherwise); `filename` is what tracebacks call it.
    ///
    /// # Errors
    ///
    /// Text that cannot be decoded or compiled is Python's `SyntaxError`.
    pub fn run_source(&mut self, kind: SourceKind, source: &[u8], filename: &str) -> Result<()> {
        self.run_mode(kind.mode(), source, filename, None, Want::Nothing).map(drop)
    }

    /// Runs a module as the main program, as `python3 -m` does. Its text may `await` at the top level.
    ///
    /// # Errors
    ///
    /// A module that is not found is a `SystemExit` with a message.
    pub fn run_module(&mut self, name: &str) -> Result<()> {
        self.run_named(name)
    }

    /// Runs the `__main__` of the folder or archive that is first in `sys.path`, as `python3 FOLDER` does.
    ///
    /// # Errors
    ///
    /// Where there is none, a `SystemExit` with a message.
    pub fn run_folder(&mut self) -> Result<()> {
        self.run_named(FOLDER)
    }

    fn run_named(&mut self, name: &str) -> Result<()> {
        let mut guest = self.guest();
        guest
            .call_with_text(|linked| &linked.run_module, name, |address, len| (address, len))
            .map(drop)
    }

    /// Puts a folder, as the guest names it, at the front of `sys.path`.
    pub fn prepend_path(&mut self, path: &str) -> Result<()> {
        self.add_path(path, 1)
    }

    /// Puts a folder, as the guest names it, at the end of `sys.path`.
    pub fn append_path(&mut self, path: &str) -> Result<()> {
        self.add_path(path, 0)
    }

    /// Whether `sys.path` has a folder.
    pub(crate) fn has_path(&mut self, path: &str) -> Result<bool> {
        let paths = self.import("sys")?.getattr(self, "path")?;
        paths.call_method_as(self, "__contains__", (path,))
    }

    fn add_path(&mut self, path: &str, front: u32) -> Result<()> {
        let mut guest = self.guest();
        guest
            .call_with_text(|linked| &linked.add_path, path, |address, len| (address, len, front))
            .map(drop)
    }

    /// Tells whether source text is a whole statement or waits for more lines.
    pub fn completeness(&mut self, source: &str) -> Result<Completeness> {
        let mut guest = self.guest();
        match guest.call_with_text(
            |linked| &linked.complete,
            source,
            |address, len| (address, len),
        )? {
            Status::Incomplete => Ok(Completeness::Incomplete),
            _ => Ok(Completeness::Complete),
        }
    }

    /// Ends the program as python3 does: runs `atexit` callbacks, drops the program's objects,
    /// flushes the standard streams.
    pub fn finish(&mut self) -> Result<()> {
        let mut guest = self.guest();
        guest.release_dropped()?;
        guest.enter(|guest| guest.status(|linked| &linked.finish, ()))?;
        // What Python is told while it ends is an exception that nobody catches, and that python3 ignores.
        match guest.sandbox().control.told() {
            Some(limit) => Err(limit.into()),
            None => Ok(()),
        }
    }

    pub(super) fn run_mode(
        &mut self,
        mode: Mode,
        source: &[u8],
        filename: &str,
        names: Option<&Namespace>,
        want: Want,
    ) -> Result<Status> {
        self.run_as(mode as u32, source, filename, names, want)
    }

    /// Runs source text in this mode, with the bits that may be added to it.
    pub(super) fn run_as(
        &mut self,
        mode: u32,
        source: &[u8],
        filename: &str,
        names: Option<&Namespace>,
        want: Want,
    ) -> Result<Status> {
        let mut guest = self.guest();
        let (globals, locals) = match names {
            Some(names) => names.handles(&guest)?,
            None => (Handle::NONE, Handle::NONE),
        };
        guest.release_dropped()?;
        guest.enter(|guest| {
            let (address, source_len) = guest.write_input(&[source, b"\0", filename.as_bytes()])?;
            let filename_at = address.wrapping_add(source_len).wrapping_add(1);
            let filename_len = u32::try_from(filename.len()).unwrap_or(u32::MAX);
            let (globals, locals) = (u64::from(globals), u64::from(locals));
            let want = want as u32;
            let args =
                (mode, address, source_len, filename_at, filename_len, globals, locals, want);
            guest.status(|linked| &linked.run, args)
        })
    }
}
