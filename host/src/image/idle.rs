//! Idle slots: what the interpreters that are gone have left in memory, bounded, and given back when asked.
//!
//! A slot that was used keeps pages of its last interpreter, reset, so that the next one starts without a fault for each.
//! Wasmtime bounds them for each slot ([`engine::KEEP_RESIDENT`]); here they are bounded for all together. An
//! interpreter that ends when enough is kept already loses its pages before its slot is free, and then nothing of
//! it is left to keep.
//!
//! The heap of an interpreter that throws exceptions lies in a slot of the same pool, out of reach: wasmtime says neither
//! where it is nor how to discard it. What an ended one has left is counted with the rest, 1 MiB at most and a page or
//! two where programs catch what they throw, so that memories give way for it.
#![expect(unsafe_code, reason = "telling the system that pages are not needed")]

use super::engine::{self, Kind};
use crate::error::{Error, Result};
use parking_lot::{RwLock, RwLockReadGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasmtime::{AsContextMut, Engine, Extern, InstancePre, Linker, Memory, Module, Store};

/// The idle slots of one runtime.
pub(crate) struct Idle {
    engine: Engine,
    kind: Kind,
    /// Bytes that all of them may keep.
    bound: usize,
    /// How many interpreters are on their way out.
    leaving: AtomicUsize,
    /// Written to by whoever takes all idle slots for a moment.
    taken: RwLock<()>,
}

impl Idle {
    pub(crate) fn new(engine: &Engine, kind: Kind, bound: usize) -> Arc<Self> {
        Arc::new(Self {
            engine: engine.clone(),
            kind,
            bound,
            leaving: AtomicUsize::new(0),
            taken: RwLock::new(()),
        })
    }

    /// Bytes that idle slots keep of linear memories.
    pub(crate) fn kept(&self) -> usize {
        self.engine
            .pooling_allocator_metrics()
            .map_or(0, |pool| pool.unused_memory_bytes_resident())
    }

    /// To be held while a slot is taken: it waits while [`trim`](Self::trim) has them all.
    pub(crate) fn taking(&self) -> RwLockReadGuard<'_, ()> {
        self.taken.read()
    }

    /// An interpreter ends; to be kept until its store is gone.
    pub(crate) fn leave(self: &Arc<Self>, memory: Memory, store: impl AsContextMut) -> Leaving {
        let leaving = self.leaving.fetch_add(1, Ordering::Relaxed) + 1;
        // Others that are on their way out may yet leave as much as one may.
        let each = engine::KEEP_RESIDENT * self.kind.memories() as usize;
        let most = leaving.saturating_mul(each).saturating_add(self.kept());
        if most > self.bound {
            discard(memory, store);
        }
        Leaving(Arc::clone(self))
    }

    /// Gives the pages of idle slots back to the system; gives how many bytes that were.
    ///
    /// Wasmtime has no way to ask this of a slot that nobody uses. So each is used once more, by an instance that
    /// runs nothing, whose pages are discarded.
    pub(crate) fn trim(&self, module: &Module) -> Result<usize> {
        let failed = |error: wasmtime::Error| Error::Host(format!("wasmtime: {error:#}"));
        let mut linker: Linker<()> = Linker::new(&self.engine);
        linker.define_unknown_imports_as_traps(module).map_err(failed)?;
        let pre = linker.instantiate_pre(module).map_err(failed)?;
        let _all = self.taken.write();
        let before = self.kept();
        let mut used = Vec::new();
        while self.kept() > 0 {
            let Some(store) = self.emptied(&pre) else { break };
            used.push(store);
        }
        drop(used);
        Ok(before.saturating_sub(self.kept()))
    }

    /// An instance in one of the slots, its pages discarded.
    fn emptied(&self, pre: &InstancePre<()>) -> Option<Store<()>> {
        let mut store = Store::new(&self.engine, ());
        // It fails when every slot is taken.
        let instance = pre.instantiate(&mut store).ok()?;
        let memory =
            instance.get_export(&mut store, ophidia_abi::MEMORY).and_then(Extern::into_memory);
        discard(memory?, &mut store);
        Some(store)
    }
}

/// An interpreter that is on its way out.
pub(crate) struct Leaving(Arc<Idle>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leaving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Gives up what was written to a memory that nothing will use any more: it holds what it began with.
#[cfg(target_os = "linux")]
fn discard(memory: Memory, store: impl AsContextMut) {
    let bytes = memory.data_size(&store);
    // SAFETY: a whole linear memory, page by page, of a store that we hold exclusively, so there are no references
    // into it. Its pages are private copies of an image's or anonymous; without them it reads as the image or
    // as zeros, as any bytes would do for whoever looks at it. An error leaves it as it is.
    let _ = unsafe { libc::madvise(memory.data_ptr(&store).cast(), bytes, libc::MADV_DONTNEED) };
}

/// Elsewhere wasmtime keeps nothing.
#[cfg(not(target_os = "linux"))]
fn discard(_: Memory, _: impl AsContextMut) {}
