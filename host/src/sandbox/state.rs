//! The sandbox's part of what a store holds: what is needed to enter the instance, to stop it and to
//! account for it.

use super::control::Control;
use super::exports::Linked;
use super::ledger::Ledger;
use super::memory::GuestMemory;
use super::operation::Operations;
use super::stack::Place;
use super::wasi::{Context, Stdout};
use crate::error::{Error, LimitExceeded, Result};
use crate::image::engine;
use crate::policy::Limits;
use ophidia_abi::{Frame, LEVELS, MEMORY, SHORT_INPUT};
use std::ops::Range;
use std::sync::Arc;
use wasmtime::{Global, Instance, Store};

/// What holds a [`SandboxState`]: the data of a store, whatever else it holds for the layers above.
pub(crate) trait HasSandbox: 'static {
    fn sandbox(&self) -> &SandboxState;
    fn sandbox_mut(&mut self) -> &mut SandboxState;
}

/// What entries of the host and calls of the guest share.
pub(crate) struct SandboxState {
    pub(crate) wasi: Context,
    pub(crate) stdout: Stdout,
    pub(crate) stderr: Stdout,
    pub(crate) control: Arc<Control>,
    pub(crate) ledger: Ledger,
    /// What guest code takes from, where it has to be set.
    pub(crate) budget: Option<Global>,
    pub(crate) memory: Option<GuestMemory>,
    pub(crate) linked: Option<Arc<Linked>>,
    /// Spare clone of `linked`; an entry takes it instead of touching the reference count.
    pub(crate) spare: Option<Arc<Linked>>,
    /// Address of the frame of level 0.
    pub(crate) frame: u32,
    /// The level of the next entry; how many calls of host functions are under way is another count,
    /// since the guest says the level.
    pub(crate) level: u32,
    pub(crate) calls: u32,
    /// The guest's buffers for short inputs, which never move, once they are known and unless a longer
    /// input has been written since: then the guest gives that one's memory back when it is asked.
    pub(super) short_inputs: [u32; LEVELS as usize],
    pub(crate) operations: Operations,
    /// Native stack the guest may use, in bytes.
    pub(crate) stack: usize,
    /// Where on its stack the outermost entry stands, while there is one.
    pub(super) place: Place,
    /// The last limit that fired without poisoning, in the innermost call of a function of the host.
    pub(crate) limited: Option<LimitExceeded>,
    pub(crate) poisoned: Option<Error>,
}

impl SandboxState {
    pub(crate) fn new(
        wasi: Context,
        (stdout, stderr): (Stdout, Stdout),
        control: Arc<Control>,
        limits: &Limits,
    ) -> Self {
        let ledger = Ledger::new(limits, Arc::clone(&wasi.holding));
        Self {
            wasi,
            stdout,
            stderr,
            control,
            ledger,
            budget: None,
            memory: None,
            linked: None,
            spare: None,
            frame: 0,
            level: 0,
            calls: 0,
            short_inputs: [0; LEVELS as usize],
            operations: Operations::default(),
            stack: engine::STACK,
            place: Place::default(),
            limited: None,
            poisoned: None,
        }
    }

    #[inline]
    pub(crate) fn memory(&self) -> Result<GuestMemory> {
        self.memory.ok_or_else(|| Error::GuestFault("it has no memory yet".into()))
    }

    #[inline]
    pub(crate) fn linked(&self) -> Result<&Arc<Linked>> {
        self.linked.as_ref().ok_or_else(|| Error::GuestFault("it is not started yet".into()))
    }

    #[inline]
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.is_some()
    }

    /// Whether an operation has ended in which more was written than may be captured.
    #[inline]
    pub(crate) fn is_over_output(&self) -> bool {
        self.ledger.has_refused_output() && self.calls == 0
    }

    /// The frame of this level.
    #[inline]
    pub(crate) fn frame(&self) -> u32 {
        self.frame.wrapping_add(self.level.wrapping_mul(Frame::SIZE))
    }

    /// The present level's room for short inputs, none while that is not known.
    #[inline]
    pub(crate) fn short_input(&self) -> Range<usize> {
        match self.short_inputs.get(self.level as usize) {
            Some(start) if *start != 0 => *start as usize..*start as usize + SHORT_INPUT as usize,
            _ => 0..0,
        }
    }
}

/// Remembers the instance's memory for host functions.
pub(crate) fn find_memory<T: HasSandbox>(
    instance: &Instance,
    store: &mut Store<T>,
) -> wasmtime::Result<()> {
    let memory = instance
        .get_memory(&mut *store, MEMORY)
        .ok_or_else(|| wasmtime::Error::msg("the guest exports no memory"))?;
    store.data_mut().sandbox_mut().memory = Some(GuestMemory(memory));
    Ok(())
}
