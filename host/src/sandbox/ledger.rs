//! The ledger: what one guest has consumed, and the refusal of what it may not have.

use super::fuel::Fuel;
use super::holding::Holding;
use crate::error::LimitExceeded;
use crate::policy::Limits;
use std::sync::Arc;
use wasmtime::ResourceLimiter;

/// Function-pointer table entries a guest may have; the guest's own table is far smaller and
/// never grows.
const TABLE_ELEMENTS: usize = 65_536;

/// Linear memory that a guest has only after an entry has ended because there was no more: so that what is run next, which
/// may let go of what fills the memory, can be compiled.
const KEPT_BACK: u64 = 512 << 10;

/// The running account of one guest.
#[derive(Debug)]
pub(crate) struct Ledger {
    memory_limit: u64,
    /// Bytes of it that are kept back.
    kept_back: u64,
    memory: u64,
    memory_peak: u64,
    pub(crate) fuel: Fuel,
    /// What the host holds on its behalf.
    pub(crate) holding: Arc<Holding>,
    /// Calls of functions of the host.
    host_calls: u64,
    most_host_calls: u64,
    /// What of it is captured output.
    pub(crate) captured: Arc<Holding>,
    /// What the entry under way was refused.
    refused: Option<Box<LimitExceeded>>,
    /// What could not be captured, and whether the guest knows.
    output: Option<(LimitExceeded, bool)>,
}

impl Ledger {
    pub(crate) fn new(limits: &Limits, holding: Arc<Holding>) -> Self {
        Self {
            memory_limit: limits.memory,
            kept_back: KEPT_BACK,
            memory: 0,
            memory_peak: 0,
            fuel: Fuel::new(limits.fuel),
            host_calls: 0,
            most_host_calls: limits.host_calls,
            captured: holding.part(),
            holding,
            refused: None,
            output: None,
        }
    }

    /// Counts a call of a function of the host.
    #[inline]
    pub(crate) fn call_host(&mut self) -> Result<(), LimitExceeded> {
        self.host_calls += 1;
        if self.host_calls > self.most_host_calls {
            return Err(LimitExceeded::HostCalls { limit: self.most_host_calls });
        }
        Ok(())
    }

    /// How many there have been.
    pub(crate) fn host_calls(&self) -> u64 {
        self.host_calls
    }

    /// The most linear memory there may be, in bytes.
    pub(crate) fn memory_limit(&self) -> u64 {
        self.memory_limit
    }

    /// Linear memory at present, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    /// The most linear memory there has been, in bytes.
    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory_peak
    }

    /// Begins an entry: what it is refused is its own. Gives what the entry around it was refused.
    #[inline]
    pub(crate) fn begin(&mut self) -> Option<Box<LimitExceeded>> {
        self.refused.take()
    }

    /// Ends an entry: goes on with what the entry around it was refused.
    #[inline]
    pub(crate) fn end(&mut self, outer: Option<Box<LimitExceeded>>) {
        self.refused = outer;
    }

    /// A refusal that the entry under way has been told of by a `MemoryError`.
    pub(crate) fn refuse(&mut self, limit: LimitExceeded) {
        self.refused = Some(Box::new(limit));
    }

    /// What the entry under way was refused last, if anything was.
    pub(crate) fn refused(&self) -> Option<&LimitExceeded> {
        self.refused.as_deref()
    }

    /// Gives the guest what was kept back.
    pub(crate) fn give_rest(&mut self) {
        self.kept_back = 0;
    }

    /// As above; the next time there is none.
    pub(crate) fn take_refused(&mut self) -> Option<LimitExceeded> {
        self.refused.take().map(|limit| *limit)
    }

    /// Notes that more was written in the running operation than a captured stream may hold, and whether the
    /// guest is told now; gives whether it was told before.
    pub(crate) fn refuse_output(&mut self, limit: LimitExceeded, tell: bool) -> bool {
        let told = self.output.as_ref().is_some_and(|(_, told)| *told);
        self.output = Some((limit, told || tell));
        told
    }

    /// Whether output was refused in the running operation.
    #[inline]
    pub(crate) fn has_refused_output(&self) -> bool {
        self.output.is_some()
    }

    /// The output that was refused since this was last asked, if any was.
    pub(crate) fn take_refused_output(&mut self) -> Option<LimitExceeded> {
        self.output.take().map(|(limit, _)| limit)
    }
}

impl ResourceLimiter for Ledger {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let desired = u64::try_from(desired).unwrap_or(u64::MAX);
        let kept_back = if current == 0 { 0 } else { self.kept_back };
        if desired > self.memory_limit.saturating_sub(kept_back) {
            self.refuse(LimitExceeded::Memory { asked: desired, limit: self.memory_limit });
            return Ok(false);
        }
        self.memory = desired;
        self.memory_peak = self.memory_peak.max(desired);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}
