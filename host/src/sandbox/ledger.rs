//! The ledger: what one guest has consumed, and the refusal of what it may not have.

use crate::error::LimitExceeded;
use wasmtime::ResourceLimiter;

/// Function-pointer table entries a guest may have; the guest's own table is far smaller and
/// never grows.
const TABLE_ELEMENTS: usize = 65_536;

/// The running account of one guest.
#[derive(Debug)]
pub(crate) struct Ledger {
    memory_limit: u64,
    memory_peak: u64,
    refused: Option<u64>,
}

impl Ledger {
    pub(crate) fn new(memory_limit: u64) -> Self {
        Self { memory_limit, memory_peak: 0, refused: None }
    }

    /// The most linear memory there may be, in bytes.
    pub(crate) fn memory_limit(&self) -> u64 {
        self.memory_limit
    }

    /// The most linear memory there has been, in bytes.
    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory_peak
    }

    /// Begins an entry: what it is refused is its own. Gives what the entry around it was refused.
    #[inline]
    pub(crate) fn begin(&mut self) -> Option<u64> {
        self.refused.take()
    }

    /// Ends an entry: goes on with what the entry around it was refused.
    #[inline]
    pub(crate) fn end(&mut self, outer: Option<u64>) {
        self.refused = outer;
    }

    /// A refusal that the entry under way has been told of.
    pub(crate) fn refuse(&mut self, asked: u64) {
        self.refused = Some(asked);
    }

    /// The memory request that the entry under way was refused, if one was.
    pub(crate) fn refused(&self) -> Option<LimitExceeded> {
        self.refused.map(|asked| LimitExceeded::Memory { asked, limit: self.memory_limit })
    }

    /// As above; the next time there is none.
    pub(crate) fn take_refused(&mut self) -> Option<LimitExceeded> {
        let refused = self.refused();
        self.refused = None;
        refused
    }
}

impl ResourceLimiter for Ledger {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let desired = u64::try_from(desired).unwrap_or(u64::MAX);
        if desired > self.memory_limit {
            self.refused = Some(desired);
            return Ok(false);
        }
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
