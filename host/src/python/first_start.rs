//! The one start of the guest that the snapshot is taken after: nothing is granted, and what the guest says is kept for
//! the error.
//!
//! Whatever is changed here makes another snapshot: raise [`snapshot::VERSION`].

use crate::error::{Error, Result};
use crate::function;
use crate::image::engine;
use crate::image::snapshot::{self, Preload};
use crate::policy::{Grants, Limits};
use crate::python::state::State;
use crate::sandbox::control::{self, Control};
use crate::sandbox::instance::UNCAUGHT;
use crate::sandbox::state::{SandboxState, find_memory};
use crate::sandbox::wasi::{self, Context, Input, Output, Stdin, Stdlib, Stdout, Streams, World};
use std::path::Path;
use std::sync::Arc;
use wasmtime::{Linker, Store, ThrownException};

/// Bytes of linear memory the guest may use while it starts.
const MEMORY_LIMIT: u64 = 512 << 20;

/// Links everything that a guest imports.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasi::add_to_linker(linker)?;
    control::add_to_linker(linker)?;
    function::add_to_linker(linker)
}

/// Starts a guest and gives the module that continues from there.
pub(crate) fn snapshot(wasm: &[u8], stdlib: &Path, preload: Preload) -> Result<Vec<u8>> {
    let engine = engine::snapshot()?;
    let mut linker = Linker::new(&engine);
    link(&mut linker).map_err(|error| Error::image(format!("{error:#}")).because(error))?;
    let control = Arc::new(Control::new(None));
    let output = || Stdout::new(Output::capture(), 1 << 20);
    let (stdout, stderr) = (output(), output());
    let streams = Streams {
        stdin: Stdin::new(Input::empty()),
        stdout: stdout.clone(),
        stderr: stderr.clone(),
        audit: None,
    };
    let grants = Grants { env: preload.environment(), ..Grants::default() };
    let limits = Limits { memory: MEMORY_LIMIT, ..Limits::default() };
    let world = World::new(&grants, &[])?;
    let stdlib = Stdlib::open(stdlib)?;
    let wasi = Context::new(&stdlib, &world, &limits, streams, Arc::clone(&control));
    let state = SandboxState::new(wasi, (stdout, stderr.clone()), control, &limits);
    let state = State::new(state, &limits, None);
    let mut store = Store::new(&engine, state);
    store.limiter(|state| &mut state.sandbox.ledger);
    let taken = snapshot::take(wasm, &linker, &mut store, find_memory);
    taken.map_err(|error| {
        let said = stderr.take();
        let why = match error.is::<ThrownException>() {
            true => UNCAUGHT.into(),
            false => format!("{error:#}"),
        };
        Error::image(format!(
            "the guest does not start: {why}\n{}",
            String::from_utf8_lossy(&said).trim_end()
        ))
    })
}
