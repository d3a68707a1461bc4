//! Configures and starts an `Interpreter`.

use super::interpreter::Interpreter;
use super::settings::{Prepared, Sandbox, Settings, setters};
use crate::error::{Error, Result};
use crate::policy::{InputKind, OutputKind};
use crate::python::Python;
use crate::python::runtime::{Loaded, Runtime};
use crate::python::state::State;
use crate::sandbox::control::Control;
use crate::sandbox::exports::Linked;
use crate::sandbox::memories::Beginning;
use crate::sandbox::state::SandboxState;
use crate::sandbox::wasi::{self, Context, Input, Output, Stdin, Stdout};
use ophidia_abi::BY_NAME;
use std::sync::Arc;
use wasmtime::{Instance, Store};

/// Configures an [`Interpreter`]: a [`Sandbox`] for one, with streams of any kind. The defaults: no grants, no
/// arguments, no input, both outputs captured, [`Limits::default`](crate::Limits::default).
#[derive(Debug)]
pub struct InterpreterBuilder {
    runtime: Runtime,
    settings: Settings,
    streams: Streams,
}

setters!(InterpreterBuilder);

impl InterpreterBuilder {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self { runtime, settings: Settings::default(), streams: Streams::default() }
    }

    /// Where standard input comes from. Default: [`Input::empty`].
    #[must_use]
    pub fn stdin(mut self, input: Input) -> Self {
        self.streams.stdin = Some(input);
        self
    }

    /// Where standard output goes. Default: [`Output::capture`].
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.streams.stdout = Some(output);
        self
    }

    /// Where standard error goes. Default: [`Output::capture`].
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.streams.stderr = Some(output);
        self
    }

    /// Starts the interpreter.
    pub fn build(self) -> Result<Interpreter> {
        let prepared = Prepared {
            world: self.settings.world()?,
            settings: self.settings,
            ..Prepared::default()
        };
        start(&self.runtime, &Sandbox { prepared: Arc::new(prepared) }, self.streams)
    }
}

/// Streams for one interpreter. What is `None` is as the [`Sandbox`] has it.
#[derive(Debug, Default)]
pub struct Streams {
    /// Where standard input comes from.
    pub stdin: Option<Input>,
    /// Where standard output goes.
    pub stdout: Option<Output>,
    /// Where standard error goes.
    pub stderr: Option<Output>,
}

impl From<InputKind> for Input {
    fn from(kind: InputKind) -> Self {
        match kind {
            InputKind::Empty => Self::empty(),
            InputKind::Bytes(bytes) => Self::bytes(&*bytes),
            InputKind::Inherit => Self::inherit(),
        }
    }
}

/// The output of that kind, which is inherited in this way.
fn output(kind: OutputKind, inherit: fn() -> Output) -> Output {
    match kind {
        OutputKind::Capture => Output::capture(),
        OutputKind::Discard => Output::discard(),
        OutputKind::Inherit => inherit(),
    }
}

impl Runtime {
    /// Starts an interpreter with these settings.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when every slot is taken or the memory limit is below what the image needs;
    /// [`Error::Grant`] when the working directory does not exist.
    pub fn start(&self, sandbox: &Sandbox) -> Result<Interpreter> {
        self.start_with(sandbox, Streams::default())
    }

    /// Starts an interpreter with these settings and streams of its own.
    ///
    /// ```
    /// use ophidia::{Input, Runtime, Sandbox, Streams};
    ///
    /// # fn main() -> ophidia::Result<()> {
    /// let sandbox = Sandbox::builder().env("LANG", "C").build()?;
    /// let streams = Streams { stdin: Some(Input::bytes("tea")), ..Streams::default() };
    /// let mut py = Runtime::ambient()?.start_with(&sandbox, streams)?;
    /// py.run("assert input() == 'tea'")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_with(&self, sandbox: &Sandbox, streams: Streams) -> Result<Interpreter> {
        start(self, sandbox, streams)
    }
}

fn start(runtime: &Runtime, sandbox: &Sandbox, streams: Streams) -> Result<Interpreter> {
    let settings = &sandbox.prepared.settings;
    let streams = Opened::of(sandbox, streams);
    let control = Control::of(&settings.limits);
    let began = runtime.image();
    let mut interpreter = instantiate(runtime, sandbox, streams, control, began, |_| Ok(()))?;
    interpreter.set_up()?;
    Ok(interpreter)
}

impl Interpreter {
    /// Gives the guest what of its settings is in its memory: environment, arguments, folders, modules.
    pub(crate) fn set_up(&mut self) -> Result<()> {
        self.set_up_with(|py, site| py.append_path(site))
    }

    /// The same for one that has settings already, of its own or another sandbox: folders that `sys.path` has are left where
    /// they are.
    pub(crate) fn set_up_again(&mut self) -> Result<()> {
        self.set_up_with(|py, site| match py.has_path(site)? {
            true => Ok(()),
            false => py.append_path(site),
        })
    }

    fn set_up_with(&mut self, add: fn(&mut Python<'_>, &str) -> Result<()>) -> Result<()> {
        let prepared = Arc::clone(&self.sandbox.prepared);
        let settings = &prepared.settings;
        self.operation(|py| {
            py.start(settings)?;
            settings.sites.iter().try_for_each(|site| add(py, site))?;
            settings.modules.iter().try_for_each(|module| py.add_module(module).map(drop))
        })
    }
}

/// Streams of one interpreter, of which none is left open.
pub(super) struct Opened {
    pub(super) stdin: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
}

impl Opened {
    /// Those that are given, else what the sandbox says.
    pub(super) fn of(sandbox: &Sandbox, given: Streams) -> Self {
        let Prepared { stdin, stdout, stderr, .. } = &*sandbox.prepared;
        Self {
            stdin: given.stdin.unwrap_or_else(|| stdin.clone().into()),
            stdout: given.stdout.unwrap_or_else(|| output(*stdout, Output::inherit_stdout)),
            stderr: given.stderr.unwrap_or_else(|| output(*stderr, Output::inherit_stderr)),
        }
    }
}

/// An instance that was never entered, whose memory begins with this. `ready` is shown its state before there is a memory.
pub(super) fn instantiate(
    runtime: &Runtime,
    sandbox: &Sandbox,
    streams: Opened,
    control: Control,
    began: &Arc<Beginning>,
    ready: impl FnOnce(&mut State) -> Result<()>,
) -> Result<Interpreter> {
    let Prepared { settings, world, .. } = &*sandbox.prepared;
    let control = Arc::new(control);
    let stream = |output| Stdout::new(output, settings.limits.output);
    let (stdout, stderr) = (stream(streams.stdout), stream(streams.stderr));
    let streams = wasi::Streams {
        stdin: Stdin::new(streams.stdin),
        stdout: stdout.clone(),
        stderr: stderr.clone(),
        audit: settings.audit.clone(),
    };
    let shared = &runtime.shared;
    let context =
        Context::new(&shared.stdlib, world, &settings.limits, streams, Arc::clone(&control));
    let mut state = SandboxState::new(context, (stdout, stderr), control, &settings.limits);
    state.stack = shared.stack;
    let mut state = State::new(state, &settings.limits, settings.tokio.clone());
    ready(&mut state)?;
    let mut store = Store::new(&shared.engine, state);
    store.limiter(|state| &mut state.sandbox.ledger);
    let instance = begin(shared, began, &mut store)?;
    Linked::link(&shared.exports, instance, &mut store)?;
    let (runtime, sandbox) = (runtime.clone(), sandbox.clone());
    let began = Arc::clone(began);
    Ok(Interpreter { python: Python::new(store), runtime, sandbox, began })
}

/// Makes an instance, whose memory begins with this.
fn begin(
    shared: &Loaded,
    beginning: &Arc<Beginning>,
    store: &mut Store<State>,
) -> Result<Instance> {
    let slot = shared.memories.take(beginning)?;
    let instance = slot.instantiate(|| shared.pre.instantiate(&mut *store));
    let ledger = &mut store.data_mut().sandbox.ledger;
    match instance {
        Ok(instance) => {
            ledger.begins_with(beginning.size() as u64)?;
            Ok(instance)
        }
        Err(error) => match ledger.take_refused() {
            Some(limit) => Err(limit.into()),
            None => Err(Error::host(format!("no interpreter: {error:#}")).because(error)),
        },
    }
}

impl Python<'_> {
    /// Thaws the snapshot.
    fn start(&mut self, settings: &Settings) -> Result<()> {
        let named = if settings.current_dir_named { BY_NAME } else { 0 };
        let mut guest = self.guest();
        guest
            .enter(|guest| {
                guest.find_frames()?;
                guest.leave_recursion()?;
                let (cwd, len) = guest.write_input(&[settings.current_dir.as_bytes()])?;
                guest.status(|linked| &linked.start, (cwd, len | named))
            })
            .map(drop)
            .map_err(|error| match error {
                Error::Python(error) => {
                    Error::grant(format!("the interpreter cannot start: {error}")).because(*error)
                }
                other => other,
            })
    }
}
