//! Running source text and modules.

use super::Python;
use crate::error::Result;
use crate::value::Object;
use crate::value::Value;
use ophidia_abi::{Mode, Status};

/// Whether source text can be run as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It is a whole statement, or has an error that running it will tell.
    Complete,
    /// It is the beginning of a statement.
    Incomplete,
}

/// How source text is compiled and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Statements.
    Statements,
    /// One statement of an interactive session: the value of an expression is printed.
    Interactive,
    /// The main program: `__file__` is set to the filename unless that begins with `<`, and a
    /// `sys.excepthook` that the program has replaced is called for an uncaught exception.
    Main,
}

/// What source text is compiled to.
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
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn eval(&mut self, source: &str) -> Result<Value> {
        if self.state().bridge.conversions.keeps_objects {
            return self.operation(|py| py.eval_object(source)?.extract(py));
        }
        self.operation(|py| {
            py.run_mode(Mode::Eval, source.as_bytes(), "<string>")?;
            py.guest().converted_value()
        })
    }

    /// Compiles source text, to be run more than once; `filename` is what tracebacks call it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn compile(&mut self, source: &str, filename: &str, kind: CodeKind) -> Result<Object> {
        let mode = match kind {
            CodeKind::Statements => "exec",
            CodeKind::Expression => "eval",
        };
        self.call_helper("compile_source", (source, filename, mode))
    }

    /// Runs compiled statements in `__main__`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_code(&mut self, code: &Object) -> Result<()> {
        self.operation(|py| {
            let names = py.globals()?;
            py.call_helper_unit("run_code", (code, names))
        })
    }

    /// Evaluates a compiled expression in `__main__`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn eval_code(&mut self, code: &Object) -> Result<Object> {
        self.operation(|py| {
            let names = py.globals()?;
            py.call_helper("eval_code", (code, names))
        })
    }

    /// Runs the bytes of a source file, decoded as Python does (UTF-8 unless a coding line says
    /// otherwise); `filename` is what tracebacks call it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); text that cannot be decoded or compiled is Python's `SyntaxError`.
    pub fn run_source(&mut self, kind: SourceKind, source: &[u8], filename: &str) -> Result<()> {
        let mode = match kind {
            SourceKind::Statements => Mode::Exec,
            SourceKind::Interactive => Mode::Single,
            SourceKind::Main => Mode::Main,
        };
        self.run_mode(mode, source, filename)
    }

    /// Runs a module as the main program, as `python3 -m` does.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); a module that is not found is a `SystemExit` with a message.
    pub fn run_module(&mut self, name: &str) -> Result<()> {
        let mut guest = self.guest();
        guest
            .call_with_text(|linked| &linked.run_module, name, |address, len| (address, len))
            .map(drop)
    }

    /// Puts a folder, as the guest names it, at the front of `sys.path`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn prepend_path(&mut self, path: &str) -> Result<()> {
        self.add_path(path, 1)
    }

    /// Puts a folder, as the guest names it, at the end of `sys.path`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn append_path(&mut self, path: &str) -> Result<()> {
        self.add_path(path, 0)
    }

    fn add_path(&mut self, path: &str, front: u32) -> Result<()> {
        let mut guest = self.guest();
        guest
            .call_with_text(|linked| &linked.add_path, path, |address, len| (address, len, front))
            .map(drop)
    }

    /// Tells whether source text is a whole statement or waits for more lines.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
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
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), for what happens meanwhile.
    pub fn finish(&mut self) -> Result<()> {
        let mut guest = self.guest();
        guest.release_dropped()?;
        guest.enter(|guest| guest.status(|linked| &linked.finish, ())).map(drop)
    }

    pub(super) fn run_mode(&mut self, mode: Mode, source: &[u8], filename: &str) -> Result<()> {
        let mut guest = self.guest();
        guest.release_dropped()?;
        let entered = guest.enter(|guest| {
            let (address, source_len) = guest.write_input(&[source, b"\0", filename.as_bytes()])?;
            let filename_at = address.wrapping_add(source_len).wrapping_add(1);
            let filename_len = u32::try_from(filename.len()).unwrap_or(u32::MAX);
            let args = (mode as u32, address, source_len, filename_at, filename_len);
            guest.status(|linked| &linked.run, args)
        });
        entered.map(drop)
    }
}
