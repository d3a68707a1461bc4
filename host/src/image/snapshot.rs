//! The snapshot: the guest is started once and its memory becomes the initial memory of a new
//! module, from which every interpreter begins.

use crate::error::{Error, Result};
use crate::function;
use crate::policy::Grants;
use crate::policy::Limits;
use crate::python::state::State;
use crate::sandbox::control::{self, Control};
use crate::sandbox::wasi::{self, stdio};
use ophidia_abi::{
    EXPORTS, HOST_MODULE, IMPORTS, MEMORY, ValueType, WASI_IMPORTS, WASI_MODULE, export,
};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use wasmtime::{Engine, ExternType, Linker, Module, Store, ValType};
use wasmtime_wizer::Wizer;

/// Bytes of linear memory the guest may use while it starts.
const MEMORY_LIMIT: u64 = 512 << 20;

/// What is imported before the snapshot beside the standard library.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Preload {
    pub(crate) numpy: bool,
}

impl Preload {
    /// How the guest is told; its program never sees this environment.
    fn grants(self) -> Grants {
        let mut grants = Grants::default();
        if !self.numpy {
            grants.env.push(("OPHIDIA_WITHOUT_NUMPY".into(), "1".into()));
        }
        grants
    }
}

/// Starts the guest and gives the module that continues from there.
pub(crate) fn take(
    wasm: &[u8],
    stdlib: &Path,
    preload: Preload,
    engine: &Engine,
) -> Result<Vec<u8>> {
    let mut linker = Linker::new(engine);
    wasi::add_to_linker(&mut linker)
        .and_then(|()| control::add_to_linker(&mut linker))
        .and_then(|()| function::add_to_linker(&mut linker))
        .map_err(|error| Error::Image(format!("{error:#}")))?;
    let control = Arc::new(Control::new(None));
    let output = || stdio::Stdout::new(stdio::Output::capture(), 1 << 20, Arc::clone(&control));
    let (stdout, stderr) = (output(), output());
    let stdin = stdio::Stdin::new(stdio::Input::empty(), Arc::clone(&control));
    let wasi = wasi::context(
        stdlib,
        &preload.grants(),
        &[],
        stdin.clone(),
        stdout.clone(),
        stderr.clone(),
    )?;
    let limits = Limits { memory: MEMORY_LIMIT, ..Limits::default() };
    let mut store =
        Store::new(engine, State::new(wasi, (stdin, stdout, stderr.clone()), control, &limits));
    store.limiter(|state| &mut state.ledger);

    let mut wizer = Wizer::new();
    wizer.init_func(export::INITIALIZE);
    let made = now(wizer.run(&mut store, wasm, async |store, module| {
        check(module)?;
        let instance = linker.instantiate(&mut *store, module)?;
        State::find_memory(&instance, &mut *store)?;
        Ok(instance)
    }));
    made.map_err(|error| {
        let said = stderr.take();
        Error::Image(format!(
            "the guest does not start: {error:#}\n{}",
            String::from_utf8_lossy(&said).trim_end()
        ))
    })
}

/// Runs a future that has nothing to wait for: every host function of ours is synchronous.
fn now<T>(future: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(wasmtime::Error::msg("the guest waits for something while it starts")),
    }
}

/// Compares a guest's imports and exports with the interop ABI.
pub(crate) fn check(module: &Module) -> wasmtime::Result<()> {
    for import in module.imports() {
        let known = match import.module() {
            HOST_MODULE => IMPORTS.iter().any(|function| function.name == import.name()),
            WASI_MODULE => WASI_IMPORTS.contains(&import.name()),
            _ => false,
        };
        if !known {
            return Err(wasmtime::Error::msg(format!(
                "the guest imports {}::{}, which the interop ABI does not have",
                import.module(),
                import.name()
            )));
        }
    }
    if !matches!(module.get_export(MEMORY), Some(ExternType::Memory(_))) {
        return Err(wasmtime::Error::msg("the guest exports no memory"));
    }
    for wanted in EXPORTS {
        let found = match module.get_export(wanted.name) {
            Some(ExternType::Func(found)) => found,
            _ => {
                return Err(wasmtime::Error::msg(format!(
                    "the guest lacks the function {}",
                    wanted.name
                )));
            }
        };
        let is = |(found, wanted): (ValType, ValueType)| match wanted {
            ValueType::I32 => matches!(found, ValType::I32),
            ValueType::I64 => matches!(found, ValType::I64),
        };
        let same = found.params().len() == wanted.params.len()
            && found.results().len() == usize::from(wanted.result.is_some())
            && found.params().zip(wanted.params.iter().map(|param| param.ty)).all(is)
            && found.results().zip(wanted.result).all(is);
        if !same {
            return Err(wasmtime::Error::msg(format!(
                "the guest's function {} has the type {found}, not that of the interop ABI",
                wanted.name
            )));
        }
    }
    Ok(())
}
