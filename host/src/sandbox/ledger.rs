//! The ledger: what one guest has consumed, and the refusal of what it may not have.

use super::fuel::Fuel;
use super::holding::Holding;
use crate::error::LimitExceeded;
use crate::image::extent;
use crate::policy::Limits;
use std::sync::Arc;
use wasmtime::ResourceLimiter;

/// Linear memory that a guest has only after an entry has ended because there was no more: so that what is run next, which
/// may let go of what fills the memory, can be compiled.
const KEPT_BACK: u64 = 512 << 10;

/// What is left for the first exception of a guest that throws some: `std::bad_alloc` is thrown when there is no more
/// memory. The heap grows by as much, and thousands fit.
const KEPT_FOR_EXCEPTIONS: u64 = 64 << 10;

/// The running account of one guest.
#[derive(Debug)]
pub(crate) struct Ledger {
    memory_limit: u64,
    /// Bytes of it that are kept back.
    kept_back: u64,
    /// More of them, as long as there is a heap of exceptions with nothing in it.
    for_exceptions: u64,
    /// Linear memory, and the heap of exceptions.
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
            for_exceptions: 0,
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
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.most_host_calls {
            return Err(LimitExceeded::HostCalls { limit: self.most_host_calls });
        }
        Ok(())
    }

    /// Goes on with what one before has spent. Whether that had been given its last memory goes along.
    pub(crate) fn go_on(
        &mut self,
        burnt: u64,
        host_calls: u64,
        has_rest: bool,
    ) -> Result<(), LimitExceeded> {
        self.host_calls = host_calls;
        if has_rest {
            self.kept_back = 0;
        }
        self.fuel.go_on(burnt)
    }

    /// Whether the guest has been given what was kept back.
    pub(crate) fn has_rest(&self) -> bool {
        self.kept_back == 0
    }

    /// How many there have been.
    pub(crate) fn host_calls(&self) -> u64 {
        self.host_calls
    }

    /// The most memory there may be, in bytes.
    pub(crate) fn memory_limit(&self) -> u64 {
        self.memory_limit
    }

    /// Memory at present, in bytes: the linear one and the heap of exceptions.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    /// The most memory there has been, in bytes.
    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory_peak
    }

    /// A memory was made that is larger than its module asked for: as large as what it begins with.
    ///
    /// # Errors
    ///
    /// When that is more than it may have.
    pub(crate) fn begins_with(&mut self, size: u64) -> Result<(), LimitExceeded> {
        let memory = self.memory.max(size);
        if memory > self.memory_limit {
            return Err(LimitExceeded::Memory { asked: memory, limit: self.memory_limit });
        }
        self.memory = memory;
        self.memory_peak = self.memory_peak.max(memory);
        Ok(())
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
    /// Wasmtime asks for each memory by itself and does not say for which: the linear one, or the heap of exceptions,
    /// which is made first and empty. Both count together.
    ///
    /// What is granted here and fails nevertheless stays counted, as nobody can tell it from what did not fail.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        let others = self.memory.saturating_sub(bytes(current));
        let asked = others.saturating_add(bytes(desired));
        // A memory that is made, and the first exceptions, may take what is kept back.
        let kept_back = if current == 0 { 0 } else { self.kept_back + self.for_exceptions };
        if asked > self.memory_limit.saturating_sub(kept_back) {
            self.refuse(LimitExceeded::Memory { asked, limit: self.memory_limit });
            return Ok(false);
        }
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        if (current, desired) == (0, 0) {
            self.for_exceptions = KEPT_FOR_EXCEPTIONS;
        } else if current == 0 && others > 0 {
            self.for_exceptions = 0;
        }
        self.memory = asked;
        self.memory_peak = self.memory_peak.max(asked);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= extent::TABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn ledger(memory: usize) -> Ledger {
        let limits = Limits { memory: memory as u64, ..Limits::default() };
        Ledger::new(&limits, Holding::new(u64::MAX))
    }

    /// Whether a memory may grow.
    fn grows(ledger: &mut Ledger, from: usize, to: usize) -> bool {
        ledger.memory_growing(from, to, None).expect("no error")
    }

    #[test]
    fn a_memory_alone_grows_up_to_its_limit() {
        let mut ledger = ledger(8 * MIB);
        assert!(grows(&mut ledger, 0, 4 * MIB));
        assert!(!grows(&mut ledger, 4 * MIB, 8 * MIB), "something is kept back");
        assert!(grows(&mut ledger, 4 * MIB, 8 * MIB - KEPT_BACK as usize));
        assert_eq!(ledger.memory(), 8 * MIB as u64 - KEPT_BACK);
        let refused = Some(LimitExceeded::Memory { asked: 8 << 20, limit: 8 << 20 });
        assert_eq!(ledger.take_refused(), refused);
        ledger.give_rest();
        assert!(grows(&mut ledger, 8 * MIB - KEPT_BACK as usize, 8 * MIB));
        assert_eq!(ledger.memory_peak(), 8 << 20);
    }

    #[test]
    fn memory_and_exceptions_count_together() {
        let mut ledger = ledger(8 * MIB);
        assert!(grows(&mut ledger, 0, 0) && grows(&mut ledger, 0, 4 * MIB));
        assert!(grows(&mut ledger, 0, MIB), "the first exceptions");
        assert!(grows(&mut ledger, MIB, 2 * MIB));
        assert!(!grows(&mut ledger, 2 * MIB, 4 * MIB), "more of them");
        assert!(!grows(&mut ledger, 4 * MIB, 6 * MIB), "more memory");
        assert_eq!(
            ledger.take_refused(),
            Some(LimitExceeded::Memory { asked: 8 << 20, limit: 8 << 20 })
        );
        assert!(grows(&mut ledger, 4 * MIB, 5 * MIB));
        assert_eq!((ledger.memory(), ledger.memory_peak()), (7 << 20, 7 << 20));
    }

    #[test]
    fn there_is_room_for_a_first_exception() {
        let mut ledger = ledger(8 * MIB);
        assert!(grows(&mut ledger, 0, 0) && grows(&mut ledger, 0, 4 * MIB));
        ledger.give_rest();
        let first = KEPT_FOR_EXCEPTIONS as usize;
        assert!(!grows(&mut ledger, 4 * MIB, 8 * MIB));
        assert!(grows(&mut ledger, 4 * MIB, 8 * MIB - first));
        assert!(grows(&mut ledger, 0, first));
        assert!(!grows(&mut ledger, first, 2 * first));
    }

    #[test]
    fn what_a_module_does_not_allow_itself_is_not_counted() {
        let mut ledger = ledger(8 * MIB);
        assert!(grows(&mut ledger, 0, MIB));
        assert!(!ledger.memory_growing(MIB, 3 * MIB, Some(2 * MIB)).expect("no error"));
        assert_eq!((ledger.memory(), ledger.take_refused()), (MIB as u64, None));
    }
}
