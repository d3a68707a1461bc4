//! `Interpreter`: one instance of the image; entering it, and poisoning it when it must not be
//! entered again.

mod builder;
mod objects;

pub use builder::InterpreterBuilder;

use crate::codec::{self, Value};
use crate::deadline::{Control, Interrupter, Stop};
use crate::error::{Error, PythonError, Result};
use crate::ledger::Ledger;
use crate::memory::GuestMemory;
use crate::object::{Domain, Object};
use crate::runtime::Runtime;
use crate::wasi::stdio::{Stdin, Stdout};
use ophidia_abi::{Frame, MEMORY, Mode, SHORT_INPUT, Status};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::{
    AsContextMut, Caller, Instance, ModuleExport, Store, StoreContextMut, Trap, TypedFunc,
    WasmParams,
};
use wasmtime_wasi::p1::WasiP1Ctx;

/// What host functions find in the store.
pub(crate) struct State {
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) stdin: Stdin,
    pub(crate) control: Arc<Control>,
    pub(crate) ledger: Ledger,
    pub(crate) memory: Option<GuestMemory>,
    /// When the guest's monotonic clock read zero.
    pub(crate) started: Instant,
    frame: u32,
}

impl State {
    pub(crate) fn new(
        wasi: WasiP1Ctx,
        stdin: Stdin,
        control: Arc<Control>,
        memory_limit: u64,
    ) -> Self {
        Self {
            wasi,
            stdin,
            control,
            ledger: Ledger::new(memory_limit),
            memory: None,
            started: Instant::now(),
            frame: 0,
        }
    }

    /// Remembers the instance's memory for host functions.
    pub(crate) fn find_memory(
        instance: &Instance,
        store: &mut Store<Self>,
    ) -> wasmtime::Result<()> {
        let memory = instance
            .get_memory(&mut *store, MEMORY)
            .ok_or_else(|| wasmtime::Error::msg("the guest exports no memory"))?;
        store.data_mut().memory = Some(GuestMemory(memory));
        Ok(())
    }

    /// Sets the words that make the evaluation loop raise `KeyboardInterrupt`.
    pub(crate) fn raise_interrupt(caller: &mut Caller<'_, Self>) {
        raise_interrupt(caller.as_context_mut());
    }
}

/// As the bridge arranges it: one word says what is asked, the other makes the loop look. A guest
/// that names words elsewhere in its own memory harms only itself.
fn raise_interrupt(mut store: StoreContextMut<'_, State>) {
    if !store.data().control.take_interrupt() {
        return;
    }
    let (Some(memory), frame) = (store.data().memory, store.data().frame) else { return };
    let word = |store: &StoreContextMut<'_, State>, offset: usize| {
        let address = frame.checked_add(u32::try_from(offset).ok()?)?;
        memory.u32(store, address).ok()
    };
    let flag = word(&store, std::mem::offset_of!(Frame, interrupt_flag));
    let breaker = word(&store, std::mem::offset_of!(Frame, eval_breaker));
    let bits = word(&store, std::mem::offset_of!(Frame, eval_breaker_bits));
    let (Some(flag), Some(breaker), Some(bits)) = (flag, breaker, bits) else { return };
    let Ok(current) = memory.u32(&store, breaker) else { return };
    let _ = memory.write(&mut store, flag, &1u32.to_le_bytes());
    let _ = memory.write(&mut store, breaker, &(current | bits).to_le_bytes());
}

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

/// What an interpreter has used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The most linear memory there has been, in bytes, untouched and shared pages included.
    pub peak_memory: u64,
    /// Time spent in calls into the guest.
    pub duration: Duration,
}

/// The bridge's `ophidia_operate`, looked up once.
type Operate = TypedFunc<(u32, u32, u32, u32, u32, u32), u32>;

/// One isolated CPython: its own memory, its own GIL, its own limits.
///
/// It may be moved between threads and is used by one at a time. The calling thread needs about
/// 1.8 MiB of stack. Dropping it frees its slot.
pub struct Interpreter {
    store: Store<State>,
    instance: Instance,
    runtime: Runtime,
    memory: GuestMemory,
    frame: u32,
    timeout: Option<Duration>,
    value_limit: u64,
    domain: Arc<Domain>,
    /// Names that have been used, interned in the guest.
    names: HashMap<Box<str>, Object>,
    /// Room for the operands of an operation, kept between calls.
    input: Vec<u8>,
    /// The guest's buffer for short inputs, which never moves, once it is known and unless a longer
    /// input has been written since: then the guest gives that one's memory back when it is asked.
    short_input: Option<u32>,
    operate: Operate,
    stdout: Stdout,
    stderr: Stdout,
    entered: Duration,
    poisoned: Option<String>,
}

impl Interpreter {
    /// Runs statements in `__main__`.
    ///
    /// # Errors
    ///
    /// [`Error::Python`] when an exception is not caught, [`Error::Limit`] when a limit fires,
    /// [`Error::Poisoned`] after an earlier limit or fault.
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
        self.run_mode(Mode::Eval, source.as_bytes(), "<string>")?;
        self.value()
    }

    /// Reads the value that a call has left in the frame.
    fn value(&mut self) -> Result<Value> {
        codec::value(&self.store, self.memory, self.frame, &self.domain, self.value_limit).map_err(
            |error| match error {
                Error::GuestFault(_) => self.poison(error),
                other => other,
            },
        )
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
        let function = self.runtime.shared.exports.run_module;
        self.call_with_text(&function, name, |address, len| (address, len)).map(drop)
    }

    /// Puts a folder, as the guest names it, at the front of `sys.path`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn prepend_path(&mut self, path: &str) -> Result<()> {
        let function = self.runtime.shared.exports.add_path;
        self.call_with_text(&function, path, |address, len| (address, len, 1)).map(drop)
    }

    /// Puts a folder, as the guest names it, at the end of `sys.path`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn append_path(&mut self, path: &str) -> Result<()> {
        let function = self.runtime.shared.exports.add_path;
        self.call_with_text(&function, path, |address, len| (address, len, 0)).map(drop)
    }

    /// Tells whether source text is a whole statement or waits for more lines.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn completeness(&mut self, source: &str) -> Result<Completeness> {
        let function = self.runtime.shared.exports.complete;
        match self.call_with_text(&function, source, |address, len| (address, len))? {
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
        let function = self.runtime.shared.exports.finish;
        self.enter(|guest| guest.status(&function, ())).map(drop)
    }

    /// Takes what has been written to a captured standard output since this was last called.
    pub fn take_stdout(&mut self) -> Vec<u8> {
        self.stdout.take()
    }

    /// Takes what has been written to a captured standard error since this was last called.
    pub fn take_stderr(&mut self) -> Vec<u8> {
        self.stderr.take()
    }

    /// A handle that interrupts or cancels what this interpreter does, from any thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.store.data().control))
    }

    /// What has been used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage { peak_memory: self.store.data().ledger.memory_peak(), duration: self.entered }
    }

    /// Whether no further call is possible.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.is_some()
    }

    fn run_mode(&mut self, mode: Mode, source: &[u8], filename: &str) -> Result<()> {
        self.release_dropped()?;
        let function = self.runtime.shared.exports.run;
        self.enter(|guest| {
            let (address, source_len) = guest.write_input(&[source, b"\0", filename.as_bytes()])?;
            let filename_at = address.wrapping_add(source_len).wrapping_add(1);
            let filename_len = u32::try_from(filename.len()).unwrap_or(u32::MAX);
            let args = (mode as u32, address, source_len, filename_at, filename_len);
            guest.status(&function, args)
        })
        .map(drop)
    }

    fn call_with_text<P: WasmParams>(
        &mut self,
        function: &ModuleExport,
        text: &str,
        params: impl FnOnce(u32, u32) -> P,
    ) -> Result<Status> {
        self.enter(|guest| {
            let (address, len) = guest.write_input(&[text.as_bytes()])?;
            guest.status(function, params(address, len))
        })
    }

    /// Enters the guest: starts the clock, runs `call`, and turns what stopped it into an error.
    fn enter(
        &mut self,
        call: impl FnOnce(&mut Self) -> wasmtime::Result<Status>,
    ) -> Result<Status> {
        if let Some(reason) = &self.poisoned {
            return Err(Error::Poisoned { reason: reason.clone() });
        }
        let control = Arc::clone(&self.store.data().control);
        let before = Instant::now();
        control.begin(self.timeout);
        self.store.data_mut().ledger.take_refused();
        let outcome = call(self);
        control.end();
        self.entered += before.elapsed();
        match outcome {
            Ok(Status::Ok) => Ok(Status::Ok),
            Ok(Status::Incomplete) => Ok(Status::Incomplete),
            Ok(Status::Raised) => Err(self.raised()),
            Ok(Status::Exit) => Err(codec::system_exit(&self.store, self.memory, self.frame)
                .map_or_else(|fault| self.poison(fault), Error::from)),
            Ok(Status::Misuse) => {
                Err(self.poison(Error::GuestFault("the bridge refused a call of the host".into())))
            }
            Err(error) => Err(self.stopped(error)),
        }
    }

    fn raised(&mut self) -> Error {
        let refused = self.store.data_mut().ledger.take_refused();
        match (codec::python_error(&self.store, self.memory, self.frame), refused) {
            (Ok(error), Some(limit)) if error.type_name == "MemoryError" => limit.into(),
            // Without any memory left, the exception itself cannot be made, nor described.
            (Ok(error), Some(limit))
                if error.traceback.is_empty()
                    && matches!(&*error.type_name, "" | "SystemError") =>
            {
                limit.into()
            }
            (Ok(error), _) => error.into(),
            (Err(fault), _) => self.poison(fault),
        }
    }

    /// Why a call did not return. Whatever it was, the guest was left in the middle of something.
    fn stopped(&mut self, error: wasmtime::Error) -> Error {
        let refused = self.store.data_mut().ledger.take_refused();
        let error = match error.downcast::<Error>() {
            Ok(error) => return self.poison(error),
            Err(error) => error,
        };
        let reason = match (error.downcast_ref::<Stop>(), error.downcast_ref::<Trap>()) {
            (Some(Stop::Limit(limit)), _) => Error::Limit(limit.clone()),
            (Some(Stop::Cancelled), _) => Error::Cancelled,
            (Some(Stop::Exit(status)), _) => PythonError {
                type_name: "SystemExit".into(),
                exit_status: Some((*status).into()),
                ..PythonError::default()
            }
            .into(),
            (None, Some(trap)) => match refused {
                Some(limit) if *trap == Trap::UnreachableCodeReached => Error::Limit(limit),
                _ => Error::GuestFault(trap.to_string()),
            },
            (None, None) => Error::Host(format!("{error:#}")),
        };
        self.poison(reason)
    }

    fn poison(&mut self, reason: Error) -> Error {
        self.poisoned = Some(reason.to_string());
        reason
    }

    /// Writes an input into the guest's buffer; gives its address and the first part's length.
    fn write_input(&mut self, parts: &[&[u8]]) -> wasmtime::Result<(u32, u32)> {
        let buffer = self.runtime.shared.exports.buffer;
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let first = parts.first().map_or(0, |part| part.len());
        let too_large =
            || Error::Grant(format!("input of {total} bytes: at most 1 GiB is possible"));
        let size =
            u32::try_from(total).ok().filter(|size| *size <= 1 << 30).ok_or_else(too_large)?;
        let mut address = match self.short_input {
            Some(address) if size <= SHORT_INPUT => address,
            _ => self.call_export(&buffer, size)?,
        };
        if address == 0 {
            let limit = self.store.data_mut().ledger.take_refused();
            return Err(match limit {
                Some(limit) => Stop::Limit(limit).into(),
                None => Error::GuestFault(format!("no buffer for {size} bytes of input")).into(),
            });
        }
        self.short_input = (size <= SHORT_INPUT).then_some(address);
        let start = address;
        for part in parts {
            self.memory.write(&mut self.store, address, part)?;
            address = address.wrapping_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
        }
        Ok((start, u32::try_from(first).unwrap_or(u32::MAX)))
    }

    fn call_export<P: WasmParams>(
        &mut self,
        function: &ModuleExport,
        params: P,
    ) -> wasmtime::Result<u32> {
        let function = self
            .instance
            .get_module_export(&mut self.store, function)
            .and_then(wasmtime::Extern::into_func)
            .ok_or_else(|| Error::GuestFault("an export is not a function".into()))?;
        function.typed::<P, u32>(&self.store)?.call(&mut self.store, params)
    }

    fn status<P: WasmParams>(
        &mut self,
        function: &ModuleExport,
        params: P,
    ) -> wasmtime::Result<Status> {
        status_of(self.call_export(function, params)?)
    }
}

fn status_of(number: u32) -> wasmtime::Result<Status> {
    Status::from_u32(number)
        .ok_or_else(|| Error::GuestFault(format!("unknown status {number}")).into())
}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpreter")
            .field("usage", &self.usage())
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}
