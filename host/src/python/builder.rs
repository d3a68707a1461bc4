//! Configures and starts an `Interpreter`.

use super::interpreter::Interpreter;
use crate::error::{Error, Result};
use crate::policy::Limits;
use crate::policy::{DirGrant, Grants};
use crate::python::Python;
use crate::python::runtime::Runtime;
use crate::python::state::State;
use crate::sandbox::control::Control;
use crate::sandbox::exports::Linked;
use crate::sandbox::state::SandboxState;
use crate::sandbox::wasi::{Context, Input, Output, Stdin, Stdout, Streams};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use wasmtime::Store;

/// Configures an [`Interpreter`]. The defaults: no grants, no arguments, no input, both outputs
/// captured, [`Limits::default`].
#[derive(Debug)]
pub struct InterpreterBuilder {
    runtime: Runtime,
    grants: Grants,
    limits: Limits,
    args: Vec<String>,
    current_dir: Option<String>,
    sites: Vec<String>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    tokio: Option<Handle>,
}

impl InterpreterBuilder {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            grants: Grants::default(),
            limits: Limits::default(),
            args: Vec::new(),
            current_dir: None,
            sites: Vec::new(),
            stdin: Input::empty(),
            stdout: Output::capture(),
            stderr: Output::capture(),
            tokio: None,
        }
    }

    /// Sets all grants at once.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Sets all limits at once.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Grants a folder.
    #[must_use]
    pub fn dir(mut self, dir: DirGrant) -> Self {
        self.grants.dirs.push(dir);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.grants.env.push((name.into(), value.into()));
        self
    }

    /// Adds to `sys.argv`, the program's name first. Without any, `sys.argv` is `['']`.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// The working directory, as the guest names it; it must lie in a granted folder.
    /// Default: `/`.
    #[must_use]
    pub fn current_dir(mut self, path: impl Into<String>) -> Self {
        self.current_dir = Some(path.into());
        self
    }

    /// Adds a folder of packages, as the guest names it, to the end of `sys.path`.
    #[must_use]
    pub fn site(mut self, path: impl Into<String>) -> Self {
        self.sites.push(path.into());
        self
    }

    /// Where standard input comes from. Default: [`Input::empty`].
    #[must_use]
    pub fn stdin(mut self, input: Input) -> Self {
        self.stdin = input;
        self
    }

    /// Where standard output goes. Default: [`Output::capture`].
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Where standard error goes. Default: [`Output::capture`].
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// The tokio runtime that asynchronous functions of the host run on. Default: the one in whose
    /// context the interpreter is called.
    #[must_use]
    pub fn tokio(mut self, runtime: Handle) -> Self {
        self.tokio = Some(runtime);
        self
    }

    /// Sets [`Limits::timeout`].
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.limits.timeout = timeout.into();
        self
    }

    /// Sets [`Limits::memory`], in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.limits.memory = bytes;
        self
    }

    /// Sets [`Limits::value`], in bytes.
    #[must_use]
    pub fn value(mut self, bytes: u64) -> Self {
        self.limits.value = bytes;
        self
    }

    /// Sets [`Limits::objects`].
    #[must_use]
    pub fn objects(mut self, count: u32) -> Self {
        self.limits.objects = count;
        self
    }

    /// Sets [`Limits::output`], in bytes.
    #[must_use]
    pub fn output(mut self, bytes: u64) -> Self {
        self.limits.output = bytes;
        self
    }

    /// Sets [`Limits::files`].
    #[must_use]
    pub fn files(mut self, count: u32) -> Self {
        self.limits.files = count;
        self
    }

    /// Starts the interpreter.
    ///
    /// # Errors
    ///
    /// [`Error::Grant`] when something asked for cannot be granted, [`Error::Limit`] when the
    /// memory limit is below what the image needs, [`Error::Host`] when every slot is taken.
    pub fn build(self) -> Result<Interpreter> {
        let control = Arc::new(Control::new(self.limits.timeout));
        let stream = |output| Stdout::new(output, self.limits.output);
        let (stdout, stderr) = (stream(self.stdout), stream(self.stderr));
        let streams = Streams {
            stdin: Stdin::new(self.stdin),
            stdout: stdout.clone(),
            stderr: stderr.clone(),
        };
        let shared = &self.runtime.shared;
        let wasi = Context::new(
            &shared.stdlib,
            &self.grants,
            &self.args,
            self.limits.files,
            streams,
            Arc::clone(&control),
        )?;
        let sandbox = SandboxState::new(wasi, (stdout, stderr), control, &self.limits);
        let state = State::new(sandbox, &self.limits, self.tokio);
        let mut store = Store::new(&shared.engine, state);
        store.limiter(|state| &mut state.sandbox.ledger);
        let instance = match shared.pre.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => {
                return Err(match store.data_mut().sandbox.ledger.take_refused() {
                    Some(limit) => limit.into(),
                    None => Error::Host(format!(
                        "no interpreter: {error:#} (at most {} at once: raise max_interpreters)",
                        self.runtime.max_interpreters()
                    )),
                });
            }
        };
        Linked::link(&shared.exports, instance, &mut store)?;
        let mut interpreter = Interpreter { python: Python::new(store) };
        interpreter.start(self.current_dir.as_deref().unwrap_or_default())?;
        for site in &self.sites {
            interpreter.append_path(site)?;
        }
        Ok(interpreter)
    }
}

impl Interpreter {
    /// Thaws the snapshot.
    fn start(&mut self, current_dir: &str) -> Result<()> {
        let mut guest = self.guest();
        let start = guest.linked()?.exports.start;
        guest
            .enter(|guest| {
                guest.find_frames()?;
                let (cwd, len) = guest.write_input(&[current_dir.as_bytes()])?;
                guest.status(&start, (cwd, len))
            })
            .map(drop)
            .map_err(|error| match error {
                Error::Python(error) => {
                    Error::Grant(format!("the interpreter cannot start: {error}"))
                }
                other => other,
            })
    }
}
