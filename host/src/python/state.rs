//! What the store of an interpreter holds: a part of each layer's.

use super::converters::Scope;
use super::underway::UnderWay;
use crate::bridge::{BridgeState, HasBridge};
use crate::function::{Recorded, Tasks};
use crate::policy::Limits;
use crate::sandbox::instance;
use crate::sandbox::state::{HasSandbox, SandboxState};
use crate::value::Object;
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The guest of an interpreter.
pub(crate) type Guest<'a> = instance::Guest<'a, State>;

/// The store's data.
pub(crate) struct State {
    pub(crate) sandbox: SandboxState,
    pub(crate) bridge: BridgeState,
    pub(crate) session: Session,
}

/// What the methods of [`Python`](super::Python) and functions of the host keep between them.
pub(crate) struct Session {
    /// Functions of the in-guest package, and others that the library calls, that have been used.
    pub(crate) helpers: HashMap<&'static str, Object, FxBuildHasher>,
    /// The scopes of custom conversions that are open, the innermost last.
    pub(super) scopes: Vec<Arc<Scope>>,
    /// Asynchronous functions that are under way.
    pub(crate) tasks: Tasks,
    /// What the caller has kept, by name, for interpreters that go on from here.
    pub(super) kept: BTreeMap<String, Object>,
    /// Programs that await at rest and are stepped through by the caller, by number.
    pub(super) programs: BTreeMap<u64, UnderWay>,
    /// Bytes that the arguments of the innermost call under way take.
    pub(crate) own_arguments: u64,
    /// The innermost call under way, of an asynchronous function.
    pub(crate) own_call: Option<Recorded>,
    /// What keys of calls are made of: the same where an interpreter goes on from a checkpoint, another in a fork. Drawn
    /// when it is first needed.
    pub(crate) life: Option<u128>,
    /// Whether a function of the host has asked for a checkpoint.
    pub(crate) save_asked: bool,
    /// The number that an asynchronous call takes which is made again.
    pub(crate) again: Option<i64>,
    /// What the interpreter began with.
    pub(super) limits: Limits,
}

impl State {
    pub(crate) fn new(sandbox: SandboxState, limits: &Limits, tokio: Option<Handle>) -> Self {
        let bridge = BridgeState::new(limits, &sandbox.ledger.holding);
        let session = Session {
            helpers: HashMap::default(),
            scopes: Vec::new(),
            tasks: Tasks::new(tokio, Arc::clone(&bridge.arguments)),
            kept: BTreeMap::new(),
            programs: BTreeMap::new(),
            own_arguments: 0,
            own_call: None,
            life: None,
            save_asked: false,
            again: None,
            limits: *limits,
        };
        Self { sandbox, bridge, session }
    }
}

impl HasSandbox for State {
    #[inline(always)]
    fn sandbox(&self) -> &SandboxState {
        &self.sandbox
    }

    #[inline(always)]
    fn sandbox_mut(&mut self) -> &mut SandboxState {
        &mut self.sandbox
    }
}

impl HasBridge for State {
    #[inline(always)]
    fn bridge(&self) -> &BridgeState {
        &self.bridge
    }

    #[inline(always)]
    fn bridge_mut(&mut self) -> &mut BridgeState {
        &mut self.bridge
    }

    #[inline(always)]
    fn parts(&mut self) -> (&SandboxState, &mut BridgeState) {
        (&self.sandbox, &mut self.bridge)
    }
}
