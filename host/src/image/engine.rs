//! The only place that builds a `wasmtime::Config`.

use crate::error::{Error, Result};
use std::sync::Arc;
use wasmtime::{Collector, Config, Engine, InstanceAllocationStrategy, MemoryCreator, OptLevel};

/// Native stack a guest may use, unless a runtime gives more: 1.5 MiB. The thread that calls an interpreter needs
/// this much and some 256 KiB for the host; Rust's threads have 2 MiB unless told otherwise. CPython counts its
/// own recursion and raises `RecursionError` before this is used up.
pub(crate) const STACK: usize = 3 << 19;

/// What a level of CPython's own recursion may take of it.
const LEVEL: usize = STACK / 600;

/// How many levels there are at most, as in a native CPython: what the guest's own stack, which is part of its
/// memory, has room for.
const MOST_LEVELS: usize = 10_000;

/// The most native stack that is of any use.
pub(crate) const MOST_STACK: usize = STACK * MOST_LEVELS / 600;

/// How many levels deep CPython's C code may recurse on a stack of so many bytes.
pub(crate) fn levels(stack: usize) -> u32 {
    u32::try_from((stack / LEVEL).min(MOST_LEVELS)).unwrap_or(u32::MAX)
}

/// Address space of one linear memory. With guard pages behind it no bounds check is compiled; those before it are there
/// against faults of the compiler.
pub(crate) const MEMORY_SIZE: usize = 1 << 32;
pub(crate) const GUARD: usize = 32 << 20;

/// The engine that compiles the image and runs interpreters, whose memories come from elsewhere.
pub(crate) fn run(stack: usize, memories: Arc<dyn MemoryCreator>) -> Result<Engine> {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_branch_hinting(true) // those of `metering`
        .generate_address_map(false) // traps name no places in the guest
        .native_unwind_info(false) // nothing unwinds through the guest, and 20,000 functions are registered for it
        .max_wasm_stack(stack)
        .async_stack_size(stack + STACK) // of which there is none; it has to be larger
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .with_host_memory(memories)
        .memory_init_cow(false) // there is no data in the module
        .memory_reservation(MEMORY_SIZE as u64)
        .memory_guard_size(GUARD as u64)
        .memory_may_move(false)
        // Heaps of exceptions are few and small, and looked at seldom: they take what they need and nothing beside it.
        .gc_heap_reservation(0)
        .gc_heap_guard_size(0)
        .gc_heap_may_move(true);
    engine(&mut config)
}

/// The engine that runs the guest once, for the snapshot: compiled quickly, run briefly.
pub(crate) fn snapshot() -> Result<Engine> {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None).max_wasm_stack(STACK);
    engine(&mut config)
}

/// The engine for programs that are not metered and still have to end.
#[cfg(feature = "any-guest")]
pub(crate) fn fuelled() -> Result<Engine> {
    let mut config = Config::new();
    config.consume_fuel(true);
    engine(&mut config)
}

/// Exceptions are counted by references, so one that nobody has any more leaves room for the next. The other collectors
/// keep them all, or copy what lives while the guest waits.
fn engine(config: &mut Config) -> Result<Engine> {
    config.collector(Collector::DeferredReferenceCounting);
    Engine::new(config).map_err(|error| Error::host(format!("wasmtime: {error:#}")).because(error))
}
