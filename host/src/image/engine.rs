//! The only place that builds a `wasmtime::Config`.

use crate::error::{Error, Result};
use wasmtime::{
    Collector, Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel,
    PoolingAllocationConfig,
};

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

/// Larger than any snapshot: beyond it wasmtime copies the initial memory instead of mapping it.
const DENSE_IMAGE: u64 = 1 << 30;

/// Bytes of linear memory that a slot keeps, reset by copying, when its interpreter ends: four times what a start and
/// a short program write to. What is over is unmapped.
pub(crate) const KEEP_RESIDENT: usize = 1 << 20;

/// The same of a slot's table of functions.
const KEEP_RESIDENT_TABLE: usize = 16 << 10;

/// Function-pointer table entries a slot has room for.
const TABLE_ELEMENTS: usize = 32_768;

/// Address space of one linear memory; with guard pages behind it, no bounds check is compiled.
const MEMORY_SIZE: usize = 1 << 32;

/// What an image asks of its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An instance is a memory and a table.
    Plain,
    /// It throws exceptions, which are kept in a heap: another memory to the pool.
    Throwing,
}

impl Kind {
    /// Slots of memories that an interpreter takes.
    pub(crate) fn memories(self) -> u32 {
        match self {
            Self::Plain => 1,
            Self::Throwing => 2,
        }
    }

    /// Most interpreters one runtime can hold: what fits the 47 bits of a process' address space, in one piece below
    /// where the program lies.
    pub(crate) fn most_interpreters(self) -> u32 {
        match self {
            Self::Plain => 16_000,
            Self::Throwing => 10_000,
        }
    }

    /// Fails when so many do not fit.
    fn check(self, interpreters: u32) -> Result<()> {
        let most = self.most_interpreters();
        if (1..=most).contains(&interpreters) {
            return Ok(());
        }
        let why = match self {
            Self::Plain => "each takes 4 GiB of address space",
            Self::Throwing => {
                "code of this image throws exceptions of C++, so each takes 4 GiB of address space twice, for its memory \
                 and for exceptions"
            }
        };
        Err(Error::Host(format!(
            "max_interpreters: {interpreters} asked, 1 to {most} possible ({why})"
        )))
    }
}

/// The engine that compiles the image and runs interpreters. Its kind makes no difference to compiled code.
pub(crate) fn run(interpreters: u32, stack: usize, kind: Kind) -> Result<Engine> {
    kind.check(interpreters)?;
    // One more, for an instance that is looked at and never runs.
    let interpreters = (interpreters + 1).min(kind.most_interpreters());
    let mut pool = PoolingAllocationConfig::new();
    // Where the system does not tell which pages were written to (Linux before 6.7), keeping would mean to write to
    // all of them.
    let scans = PoolingAllocationConfig::is_pagemap_scan_available();
    pool.total_core_instances(interpreters)
        .total_memories(interpreters * kind.memories())
        .total_tables(interpreters)
        .total_stacks(0)
        .total_gc_heaps(interpreters * (kind.memories() - 1))
        .max_memory_size(MEMORY_SIZE)
        .table_elements(TABLE_ELEMENTS)
        .max_core_instance_size(1 << 20)
        .linear_memory_keep_resident(if scans { KEEP_RESIDENT } else { 0 })
        .table_keep_resident(if scans { KEEP_RESIDENT_TABLE } else { 0 })
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(interpreters);
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_branch_hinting(true) // those of `metering`
        .generate_address_map(false) // traps name no places in the guest
        .native_unwind_info(false) // nothing unwinds through the guest, and 20,000 functions are registered for it
        .max_wasm_stack(stack)
        .async_stack_size(stack + STACK) // of which there is none; it has to be larger
        .memory_guaranteed_dense_image_size(DENSE_IMAGE)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
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
    Engine::new(config).map_err(|error| Error::Host(format!("wasmtime: {error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{DefaultHasher, Hash, Hasher};

    #[test]
    fn compiled_code_fits_engines_of_both_kinds() {
        let [plain, throwing] = [Kind::Plain, Kind::Throwing].map(|kind| {
            let mut hasher = DefaultHasher::new();
            let engine = run(2, STACK, kind).expect("an engine");
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        });
        assert_eq!(plain, throwing);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        for (kind, asked, said) in [
            (
                Kind::Plain,
                16_001,
                "max_interpreters: 16001 asked, 1 to 16000 possible (each takes 4 GiB",
            ),
            (Kind::Plain, 0, "max_interpreters: 0 asked, 1 to 16000 possible (each takes 4 GiB"),
            (
                Kind::Throwing,
                10_001,
                "max_interpreters: 10001 asked, 1 to 10000 possible (code of this image throws",
            ),
        ] {
            let error = run(asked, STACK, kind).map(drop).expect_err("too many").to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
