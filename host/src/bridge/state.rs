//! The bridge's part of what a store holds: what values on their way in and out need.

use super::Table;
use crate::error::PythonError;
use crate::policy::Limits;
use crate::sandbox::holding::Holding;
use crate::sandbox::state::{HasSandbox, SandboxState};
use crate::value::Object;
use crate::value::handle::{Domain, Handle};
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::sync::Arc;

/// What holds a [`BridgeState`] beside the sandbox's.
pub(crate) trait HasBridge: HasSandbox {
    fn bridge(&self) -> &BridgeState;
    fn bridge_mut(&mut self) -> &mut BridgeState;

    /// Both parts at once.
    fn parts(&mut self) -> (&SandboxState, &mut BridgeState);
}

pub(crate) struct BridgeState {
    pub(crate) domain: Arc<Domain>,
    /// Functions and objects of the host that the guest holds.
    pub(crate) table: Table,
    /// Names that have been used, interned in the guest.
    pub(super) names: HashMap<Box<str>, Object, FxBuildHasher>,
    /// Those with numbers, by number; [`Handle::NONE`] where there is none yet.
    pub(super) tokens: Vec<Handle>,
    /// The namespace of `__main__`, once it has been used.
    pub(super) globals: Option<Object>,
    /// Room for what is written into the guest, kept between calls.
    pub(super) input: Vec<u8>,
    pub(crate) conversions: Conversions,
    /// Bytes that the arguments of calls under way take, those of asynchronous ones included.
    pub(crate) arguments: Arc<Holding>,
    pub(crate) value_limit: u64,
    /// What Python had raised where the last limit fired that it was told of.
    pub(crate) at_limit: Option<Box<PythonError>>,
}

/// What the conversions of the open scopes come to. Who opens and closes scopes keeps this true.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conversions {
    /// Whether any scope is open.
    pub(crate) any: bool,
    /// Whether objects on their way out may become something else.
    pub(crate) out: bool,
    /// Whether values on their way in may: the guest knows how.
    pub(crate) into: bool,
    /// Whether values of any kind stay objects.
    pub(crate) keeps_objects: bool,
}

impl BridgeState {
    pub(crate) fn new(limits: &Limits, holding: &Arc<Holding>) -> Self {
        Self {
            domain: Domain::new(limits.objects),
            table: Table::new(limits.objects),
            names: HashMap::default(),
            tokens: Vec::new(),
            globals: None,
            input: Vec::new(),
            conversions: Conversions::default(),
            arguments: holding.part(),
            value_limit: limits.value,
            at_limit: None,
        }
    }
}
