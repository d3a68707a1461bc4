//! The snapshot: the guest is started once and its memory becomes the initial memory of a new
//! module, from which every interpreter begins.
//!
//! What the guest calls meanwhile is the caller's: its linker, its store.

use ophidia_abi::{
    EXPORTS, HOST_MODULE, IMPORTS, MEMORY, ValueType, WASI_IMPORTS, WASI_MODULE, export,
};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use wasmparser::{Parser, Payload, TypeRef};
use wasmtime::{ExternType, Instance, Linker, Module, Store, ValType};
use wasmtime_wizer::Wizer;

/// Raised with every change that makes another snapshot of the same guest: in this file, in the engine that runs
/// it, in the store and the linker that it is given, or in what the host's functions answer while it starts.
pub(crate) const VERSION: u32 = 3;

/// What is imported before the snapshot beside the standard library.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Preload {
    pub(crate) packages: bool,
}

impl Preload {
    /// How the guest is told; its program never sees this environment.
    pub(crate) fn environment(self) -> Vec<(String, String)> {
        let without = (!self.packages).then(|| ("OPHIDIA_WITHOUT_PACKAGES".into(), "1".into()));
        without.into_iter().collect()
    }
}

/// Starts the guest and gives the module that continues from there. `ready` is told of the instance before it runs.
pub(crate) fn take<T: Send>(
    wasm: &[u8],
    linker: &Linker<T>,
    store: &mut Store<T>,
    ready: fn(&Instance, &mut Store<T>) -> wasmtime::Result<()>,
) -> wasmtime::Result<Vec<u8>> {
    only_functions(wasm)?;
    let mut wizer = Wizer::new();
    wizer.init_func(export::INITIALIZE);
    now(wizer.run(store, wasm, async |store, module| {
        check(module)?;
        let instance = linker.instantiate(&mut *store, module)?;
        ready(&instance, store)?;
        Ok(instance)
    }))
}

/// Fails when a guest imports something other than functions. Wizer takes it for granted that no tag is.
fn only_functions(wasm: &[u8]) -> wasmtime::Result<()> {
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::ImportSection(section) = payload? else { continue };
        for import in section.into_imports() {
            let import = import?;
            if !matches!(import.ty, TypeRef::Func(_)) {
                return Err(unknown(import.module, import.name));
            }
        }
        break;
    }
    Ok(())
}

/// The error for an import of a guest that nobody has.
fn unknown(module: &str, name: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!(
        "the guest imports {module}::{name}, which the interop ABI does not have"
    ))
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
            return Err(unknown(import.module(), import.name()));
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
