//! The guest's exports: found once in a module, and in each instance of it.

use super::memory::GuestMemory;
use super::state::HasSandbox;
use crate::error::{Error, Result};
use ophidia_abi::{MEMORY, export as name};
use std::sync::Arc;
use wasmtime::{Extern, Instance, Module, ModuleExport, Store, TypedFunc, WasmParams};

/// The guest's exports by index, so that a new interpreter looks up no names.
pub(crate) struct Exports {
    pub(crate) memory: ModuleExport,
    pub(crate) frame: ModuleExport,
    pub(crate) buffer: ModuleExport,
    pub(crate) start: ModuleExport,
    pub(crate) run: ModuleExport,
    pub(crate) run_module: ModuleExport,
    pub(crate) add_path: ModuleExport,
    pub(crate) operate: ModuleExport,
    pub(crate) operate_on: ModuleExport,
    pub(crate) complete: ModuleExport,
    pub(crate) finish: ModuleExport,
}

impl Exports {
    pub(crate) fn of(module: &Module) -> Result<Self> {
        let find = |name: &str| {
            module
                .get_export_index(name)
                .ok_or_else(|| Error::Image(format!("the image lacks the export {name}")))
        };
        Ok(Self {
            memory: find(MEMORY)?,
            frame: find(name::FRAME)?,
            buffer: find(name::BUFFER)?,
            start: find(name::START)?,
            run: find(name::RUN)?,
            run_module: find(name::RUN_MODULE)?,
            add_path: find(name::ADD_PATH)?,
            operate: find(name::OPERATE)?,
            operate_on: find(name::OPERATE_ON)?,
            complete: find(name::COMPLETE)?,
            finish: find(name::FINISH)?,
        })
    }
}

/// The bridge's `ophidia_operate`, and its `ophidia_operate_on`.
type Operate = TypedFunc<(u32, u32, u32, u32, u32, u32), u32>;
type OperateOn = TypedFunc<(u32, u64, u64, u32), u32>;

/// An instance and what of it is looked up once.
pub(crate) struct Linked {
    pub(crate) exports: Arc<Exports>,
    pub(crate) instance: Instance,
    pub(crate) operate: Operate,
    pub(crate) operate_on: OperateOn,
}

impl Linked {
    /// Looks the exports of an instance up, and notes them and its memory in the store.
    pub(crate) fn link<T: HasSandbox>(
        exports: &Arc<Exports>,
        instance: Instance,
        store: &mut Store<T>,
    ) -> Result<()> {
        let memory = instance
            .get_module_export(&mut *store, &exports.memory)
            .and_then(Extern::into_memory)
            .map(GuestMemory)
            .ok_or_else(|| Error::GuestFault("its memory is not a memory".into()))?;
        let linked = Self {
            exports: Arc::clone(exports),
            instance,
            operate: operation(store, &instance, &exports.operate)?,
            operate_on: operation(store, &instance, &exports.operate_on)?,
        };
        let state = store.data_mut().sandbox_mut();
        state.memory = Some(memory);
        state.linked = Some(Arc::new(linked));
        Ok(())
    }
}

/// An export that carries out operations.
fn operation<T: HasSandbox, P: WasmParams>(
    store: &mut Store<T>,
    instance: &Instance,
    export: &ModuleExport,
) -> Result<TypedFunc<P, u32>> {
    instance
        .get_module_export(&mut *store, export)
        .and_then(Extern::into_func)
        .ok_or_else(|| Error::GuestFault("its operate is not a function".into()))?
        .typed(&*store)
        .map_err(|error| Error::GuestFault(format!("its operate: {error:#}")))
}
