//! The guest's exports: found once in a module, and in each instance of it.

use super::fuel;
use super::memory::GuestMemory;
use super::state::HasSandbox;
use crate::error::{Error, Result};
use crate::image::LEFT;
use ophidia_abi::{MEMORY, export as name};
use std::sync::{Arc, OnceLock};
use wasmtime::{
    AsContextMut, Extern, Global, Instance, Module, ModuleExport, Store, StoreContextMut,
    TypedFunc, WasmParams,
};

/// The guest's exports by index, so that a new interpreter looks up no names.
pub(crate) struct Exports {
    memory: ModuleExport,
    budget: ModuleExport,
    frame: ModuleExport,
    buffer: ModuleExport,
    start: ModuleExport,
    run: ModuleExport,
    run_module: ModuleExport,
    add_path: ModuleExport,
    operate: ModuleExport,
    operate_on: ModuleExport,
    complete: ModuleExport,
    finish: ModuleExport,
}

impl Exports {
    pub(crate) fn of(module: &Module) -> Result<Self> {
        let find = |name: &str| {
            module
                .get_export_index(name)
                .ok_or_else(|| Error::image(format!("the image lacks the export {name}")))
        };
        Ok(Self {
            memory: find(MEMORY)?,
            budget: find(LEFT)?,
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
type Run = (u32, u32, u32, u32, u32, u64, u64, u32);
type Operate = TypedFunc<(u32, u32, u32, u32, u32, u32), u32>;
type OperateOn = TypedFunc<(u32, u64, u64, u32), u32>;

/// An export of an instance that is looked up when it is first called.
pub(crate) struct Export<P> {
    of: ModuleExport,
    found: OnceLock<TypedFunc<P, u32>>,
}

impl<P: WasmParams> Export<P> {
    fn new(of: ModuleExport) -> Self {
        Self { of, found: OnceLock::new() }
    }

    /// Calls it.
    #[inline]
    pub(super) fn call<T: HasSandbox>(
        &self,
        instance: &Instance,
        store: &mut StoreContextMut<'_, T>,
        params: P,
    ) -> wasmtime::Result<u32> {
        let function = match self.found.get() {
            Some(function) => function,
            None => {
                let function = typed(&mut *store, instance, &self.of)?;
                self.found.get_or_init(|| function)
            }
        };
        function.call(store, params)
    }
}

/// A text's address and length.
type Text = (u32, u32);

/// An instance's exports.
pub(crate) struct Linked {
    pub(super) instance: Instance,
    budget: ModuleExport,
    pub(crate) operate: Operate,
    pub(crate) operate_on: OperateOn,
    pub(super) frame: Export<()>,
    pub(super) buffer: Export<u32>,
    pub(crate) start: Export<Text>,
    pub(crate) run: Export<Run>,
    pub(crate) run_module: Export<Text>,
    pub(crate) add_path: Export<(u32, u32, u32)>,
    pub(crate) complete: Export<Text>,
    pub(crate) finish: Export<()>,
}

impl Linked {
    /// Looks up what every interpreter uses, and notes it and the instance's memory in the store.
    pub(crate) fn link<T: HasSandbox>(
        exports: &Exports,
        instance: Instance,
        store: &mut Store<T>,
    ) -> Result<()> {
        let memory = instance
            .get_module_export(&mut *store, &exports.memory)
            .and_then(Extern::into_memory)
            .map(GuestMemory)
            .ok_or_else(|| Error::GuestFault("its memory is not a memory".into()))?;
        let linked = Self {
            instance,
            budget: exports.budget,
            operate: operation(&mut *store, &instance, &exports.operate)?,
            operate_on: operation(&mut *store, &instance, &exports.operate_on)?,
            frame: Export::new(exports.frame),
            buffer: Export::new(exports.buffer),
            start: Export::new(exports.start),
            run: Export::new(exports.run),
            run_module: Export::new(exports.run_module),
            add_path: Export::new(exports.add_path),
            complete: Export::new(exports.complete),
            finish: Export::new(exports.finish),
        };
        if let Some(first) = store.data().sandbox().ledger.fuel.first() {
            let budget = linked.budget(&mut *store)?;
            fuel::set(store.as_context_mut(), budget, first);
            store.data_mut().sandbox_mut().budget = Some(budget);
        }
        let state = store.data_mut().sandbox_mut();
        state.memory = Some(memory);
        state.linked = Some(Arc::new(linked));
        Ok(())
    }

    /// What guest code takes from.
    pub(crate) fn budget(&self, store: impl AsContextMut) -> Result<Global> {
        self.instance
            .get_module_export(store, &self.budget)
            .and_then(Extern::into_global)
            .ok_or_else(|| Error::GuestFault("its budget is not a global".into()))
    }
}

/// An export that carries out operations.
fn operation<P: WasmParams>(
    store: impl AsContextMut,
    instance: &Instance,
    export: &ModuleExport,
) -> Result<TypedFunc<P, u32>> {
    typed(store, instance, export)
        .map_err(|error| Error::GuestFault(format!("its operate: {error:#}")))
}

fn typed<P: WasmParams>(
    mut store: impl AsContextMut,
    instance: &Instance,
    export: &ModuleExport,
) -> wasmtime::Result<TypedFunc<P, u32>> {
    instance
        .get_module_export(&mut store, export)
        .and_then(Extern::into_func)
        .ok_or_else(|| Error::GuestFault("an export is not a function".into()))?
        .typed(&store)
}
