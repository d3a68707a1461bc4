//! One budget for all that the host holds on behalf of one guest: bytes, whatever they are for.

use crate::error::LimitExceeded;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The running account. What takes from it gives back when it is let go of.
#[derive(Debug)]
pub(crate) struct Holding {
    limit: u64,
    now: AtomicU64,
    peak: AtomicU64,
    /// What this is a part of.
    whole: Option<Arc<Holding>>,
}

impl Holding {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, now: AtomicU64::new(0), peak: AtomicU64::new(0), whole: None })
    }

    /// A part of it, counted by itself too.
    pub(crate) fn part(self: &Arc<Self>) -> Arc<Self> {
        let (now, peak) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { limit: u64::MAX, now, peak, whole: Some(Arc::clone(self)) })
    }

    /// Takes these bytes, all of them or none.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), LimitExceeded> {
        if let Some(whole) = &self.whole {
            whole.take(bytes)?;
        }
        let taken = self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            now.checked_add(bytes).filter(|sum| *sum <= self.limit)
        });
        let before = taken.map_err(|_| self.exceeded())?;
        self.peak.fetch_max(before + bytes, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        let given = |now: u64| Some(now.saturating_sub(bytes));
        // It never fails: the closure always has an answer.
        let _ = self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
        if let Some(whole) = &self.whole {
            whole.give_back(bytes);
        }
    }

    /// Bytes that may still be taken.
    pub(crate) fn room(&self) -> u64 {
        let own = self.limit.saturating_sub(self.now.load(Ordering::Relaxed));
        self.whole.as_ref().map_or(own, |whole| own.min(whole.room()))
    }

    /// Bytes at present, and the most there have been.
    pub(crate) fn used(&self) -> (u64, u64) {
        (self.now.load(Ordering::Relaxed), self.peak.load(Ordering::Relaxed))
    }

    /// What a refusal is told as.
    pub(crate) fn exceeded(&self) -> LimitExceeded {
        match &self.whole {
            Some(whole) => whole.exceeded(),
            None => LimitExceeded::HostMemory { limit: self.limit },
        }
    }
}

/// Bytes of an account that are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    of: Arc<Holding>,
    bytes: u64,
}

impl Held {
    pub(crate) fn none(of: &Arc<Holding>) -> Self {
        Self { of: Arc::clone(of), bytes: 0 }
    }

    /// Takes as many of these bytes as there is room for; gives how many.
    pub(crate) fn grow(&mut self, bytes: u64) -> u64 {
        let mut more = bytes;
        // Nobody else takes meanwhile but what runs beside the guest, such as an asynchronous call's arguments.
        while more > 0 && self.of.take(more).is_err() {
            more = self.of.room().min(more - 1);
        }
        self.bytes += more;
        more
    }

    /// Gives these bytes back.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        let less = bytes.min(self.bytes);
        self.bytes -= less;
        self.of.give_back(less);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_beyond_the_limit_and_all_is_given_back() {
        let holding = Holding::new(100);
        let mut output = Held::none(&holding);
        let mut file = Held::none(&holding);
        assert_eq!(output.grow(70), 70);
        assert_eq!(file.grow(70), 30, "as much as there is room for");
        assert_eq!(file.grow(1), 0);
        assert_eq!(holding.take(1), Err(LimitExceeded::HostMemory { limit: 100 }));
        output.shrink(50);
        assert_eq!((holding.used(), holding.room()), ((50, 100), 50));
        assert_eq!(file.grow(60), 50);
        drop((output, file));
        assert_eq!(holding.used(), (0, 100));
        let part = holding.part();
        assert!(part.take(60).is_ok() && holding.take(60).is_err() && part.take(60).is_err());
        assert_eq!((part.used(), holding.used(), part.room()), ((60, 60), (60, 100), 40));
        part.give_back(60);
        assert_eq!((part.used(), holding.used()), ((0, 60), (0, 100)));
    }
}
