//! Programs of preview 1 that are no guests, for judging `sandbox/wasi/` by the test programs of others.

use crate::error::{Error, Result};
use crate::image::engine;
use crate::policy::Limits;
use crate::python::state::State;
use crate::sandbox::control::{Control, Stop};
use crate::sandbox::state::{SandboxState, find_memory};
use crate::sandbox::wasi::{self, Context, Input, Output, Stdin, Stdout, Streams};
use std::path::PathBuf;
use std::sync::Arc;
use wasmtime::{Linker, Module, Store};

/// More than any test program does.
const FUEL: u64 = 20_000_000_000;

/// A program, and what it is given.
#[derive(Debug, Default)]
pub struct Preview1 {
    /// The module, which exports `_start` and `memory`.
    pub wasm: Vec<u8>,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Variables.
    pub env: Vec<(String, String)>,
    /// Folders for writing, each with the name that the program has for it.
    pub dirs: Vec<(PathBuf, String)>,
    /// Standard input.
    pub stdin: Vec<u8>,
}

/// How it ended.
#[derive(Debug)]
pub struct Preview1Ended {
    /// Its status, or why it trapped.
    pub status: std::result::Result<i32, String>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Preview1 {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// [`Error::Grant`] when a folder cannot be opened, [`Error::Image`] when it is no program of preview 1.
    pub fn run(self) -> Result<Preview1Ended> {
        let failed = |error: wasmtime::Error| Error::image(format!("{error:#}")).because(error);
        let engine = engine::fuelled()?;
        let module = Module::new(&engine, &self.wasm).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker).map_err(failed)?;
        let control = Arc::new(Control::new(None));
        let output = || Stdout::new(Output::capture(), 64 << 20);
        let (stdout, stderr) = (output(), output());
        let streams = Streams {
            stdin: Stdin::new(Input::bytes(self.stdin)),
            stdout: stdout.clone(),
            stderr: stderr.clone(),
            audit: None,
        };
        let limits = Limits::default();
        let context =
            Context::over(&self.dirs, &self.args, &self.env, streams, Arc::clone(&control))?;
        let sandbox =
            SandboxState::new(context, (stdout.clone(), stderr.clone()), control, &limits);
        let mut store = Store::new(&engine, State::new(sandbox, &limits, None));
        store.limiter(|state| &mut state.sandbox.ledger);
        store.set_fuel(FUEL).map_err(failed)?;
        let instance = linker.instantiate(&mut store, &module).map_err(failed)?;
        find_memory(&instance, &mut store).map_err(failed)?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start").map_err(failed)?;
        let status = match start.call(&mut store, ()) {
            Ok(()) => Ok(0),
            Err(error) => match error.downcast::<Stop>() {
                Ok(Stop::Exit(status)) => Ok(status),
                Ok(stop) => Err(stop.to_string()),
                Err(error) => Err(format!("{error:#}")),
            },
        };
        Ok(Preview1Ended { status, stdout: stdout.take(), stderr: stderr.take() })
    }
}
