//! What the store of an interpreter holds: everything that entries of the host and calls of the guest
//! share.

use crate::error::{Error, Result};
use crate::function::{Table, Tasks};
use crate::policy::Limits;
use crate::python::Scope;
use crate::python::runtime::Runtime;
use crate::sandbox::control::Control;
use crate::sandbox::ledger::Ledger;
use crate::sandbox::memory::GuestMemory;
use crate::sandbox::wasi::stdio::{Stdin, Stdout};
use crate::value::Object;
use crate::value::handle::Domain;
use ophidia_abi::{Frame, LEVELS, MEMORY, SHORT_INPUT};
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::{AsContextMut, Caller, Instance, Store, StoreContextMut, TypedFunc};
use wasmtime_wasi::p1::WasiP1Ctx;

/// The bridge's `ophidia_operate`, and its `ophidia_operate_on`.
pub(crate) type Operate = TypedFunc<(u32, u32, u32, u32, u32, u32), u32>;
pub(crate) type OperateOn = TypedFunc<(u32, u64, u64, u32), u32>;

/// An instance and what of it is looked up once.
pub(crate) struct Linked {
    pub(crate) runtime: Runtime,
    pub(crate) instance: Instance,
    pub(crate) operate: Operate,
    pub(crate) operate_on: OperateOn,
}

/// The store's data.
pub(crate) struct State {
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Stdout,
    pub(crate) stderr: Stdout,
    pub(crate) control: Arc<Control>,
    pub(crate) ledger: Ledger,
    pub(crate) memory: Option<GuestMemory>,
    pub(crate) linked: Option<Arc<Linked>>,
    /// The same, for entries to take and give back: counting references costs more.
    pub(crate) spare: Option<Arc<Linked>>,
    /// When the guest's monotonic clock read zero.
    pub(crate) started: Instant,
    /// Address of the frame of level 0.
    pub(crate) frame: u32,
    /// The level of the next entry; how many calls of host functions are under way is another count,
    /// since the guest says the level.
    pub(crate) level: u32,
    pub(crate) calls: u32,
    /// The guest's buffers for short inputs, which never move, once they are known and unless a longer
    /// input has been written since: then the guest gives that one's memory back when it is asked.
    pub(crate) short_inputs: [u32; LEVELS as usize],
    /// Room for what is written into the guest, kept between calls.
    pub(crate) input: Vec<u8>,
    pub(crate) domain: Arc<Domain>,
    /// Functions and objects of the host that the guest holds.
    pub(crate) table: Table,
    /// Names that have been used, interned in the guest.
    pub(crate) names: HashMap<Box<str>, Object, FxBuildHasher>,
    /// Functions of the in-guest package that have been used.
    pub(crate) helpers: HashMap<&'static str, Object, FxBuildHasher>,
    /// The scopes of custom conversions that are open, the innermost last.
    pub(crate) converters: Vec<Arc<Scope>>,
    /// Whether values of any kind stay objects.
    pub(crate) keeps_objects: bool,
    /// Asynchronous functions that are under way.
    pub(crate) tasks: Tasks,
    /// Bytes that the arguments of calls under way take, and those of the innermost one.
    pub(crate) arguments: u64,
    pub(crate) own_arguments: u64,
    pub(crate) object_limit: u32,
    pub(crate) value_limit: u64,
    pub(crate) entered: Duration,
    pub(crate) poisoned: Option<Error>,
}

impl State {
    pub(crate) fn new(
        wasi: WasiP1Ctx,
        (stdin, stdout, stderr): (Stdin, Stdout, Stdout),
        control: Arc<Control>,
        limits: &Limits,
    ) -> Self {
        Self {
            wasi,
            stdin,
            stdout,
            stderr,
            control,
            ledger: Ledger::new(limits.memory),
            memory: None,
            linked: None,
            spare: None,
            started: Instant::now(),
            frame: 0,
            level: 0,
            calls: 0,
            short_inputs: [0; LEVELS as usize],
            input: Vec::new(),
            domain: Domain::new(limits.objects),
            table: Table::new(limits.objects),
            names: HashMap::default(),
            helpers: HashMap::default(),
            converters: Vec::new(),
            keeps_objects: false,
            tasks: Tasks::new(None),
            arguments: 0,
            own_arguments: 0,
            object_limit: limits.objects,
            value_limit: limits.value,
            entered: Duration::ZERO,
            poisoned: None,
        }
    }

    /// Remembers the instance's memory for host functions.
    pub(crate) fn find_memory(
        instance: &Instance,
        store: &mut Store<Self>,
    ) -> wasmtime::Result<()> {
        let memory = instance
            .get_memory(&mut *store, MEMORY)
            .ok_or_else(|| wasmtime::Error::msg("the guest exports no memory"))?;
        store.data_mut().memory = Some(GuestMemory(memory));
        Ok(())
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

    /// Sets the words that make the evaluation loop raise `KeyboardInterrupt`.
    pub(crate) fn raise_interrupt(caller: &mut Caller<'_, Self>) {
        raise_interrupt(caller.as_context_mut());
    }
}

/// As the bridge arranges it: one word says what is asked, the other makes the loop look. A guest
/// that names words elsewhere in its own memory harms only itself.
fn raise_interrupt(mut store: StoreContextMut<'_, State>) {
    if !store.data().control.take_interrupt() {
        return;
    }
    let (Some(memory), frame) = (store.data().memory, store.data().frame) else { return };
    let word = |store: &StoreContextMut<'_, State>, offset: usize| {
        let address = frame.checked_add(u32::try_from(offset).ok()?)?;
        memory.u32(store, address).ok()
    };
    let flag = word(&store, std::mem::offset_of!(Frame, interrupt_flag));
    let breaker = word(&store, std::mem::offset_of!(Frame, eval_breaker));
    let bits = word(&store, std::mem::offset_of!(Frame, eval_breaker_bits));
    let (Some(flag), Some(breaker), Some(bits)) = (flag, breaker, bits) else { return };
    let Ok(current) = memory.u32(&store, breaker) else { return };
    let _ = memory.write(&mut store, flag, &1u32.to_le_bytes());
    let _ = memory.write(&mut store, breaker, &(current | bits).to_le_bytes());
}
