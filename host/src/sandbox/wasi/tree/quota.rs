//! What a tree may take: bytes and files, counted as they come and go.

use crate::policy::Quota as Most;
use crate::sandbox::holding::Holding;
use crate::sandbox::wasi::errno::{Errno, Failure};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The running account of one tree.
#[derive(Debug)]
pub(in crate::sandbox::wasi) struct Quota {
    most: Most,
    bytes: Count,
    files: Count,
    /// What the host holds for the guest in all, where these bytes are in its memory.
    holding: Option<Arc<Holding>>,
    /// What a refusal calls it.
    name: Arc<str>,
}

/// What a file, a folder or a link takes of the host's memory beside its bytes and its name.
const NODE: u64 = 512;

impl Quota {
    pub(in crate::sandbox::wasi) fn new(most: Most, name: Arc<str>) -> Self {
        Self { most, bytes: Count::default(), files: Count::default(), holding: None, name }
    }

    /// That of a tree to which nothing can be added.
    pub(in crate::sandbox::wasi) fn none() -> Self {
        Self::new(Most { bytes: 0, files: 0 }, Arc::default())
    }

    /// The quota of what is held in memory.
    pub(in crate::sandbox::wasi) fn held(
        most: Most,
        name: Arc<str>,
        holding: Arc<Holding>,
    ) -> Self {
        Self { holding: Some(holding), ..Self::new(most, name) }
    }

    fn hold(&self, bytes: u64) -> Result<(), u64> {
        let Some(holding) = &self.holding else { return Ok(()) };
        holding.take(bytes).map_err(|_| holding.room())
    }

    fn let_go(&self, bytes: u64) {
        if let Some(holding) = &self.holding {
            holding.give_back(bytes);
        }
    }

    /// Takes these bytes, or says how many there are.
    pub(in crate::sandbox::wasi) fn take(&self, bytes: u64) -> Result<(), u64> {
        self.bytes.take(bytes, self.most.bytes)?;
        self.hold(bytes).inspect_err(|_| self.bytes.give_back(bytes))?;
        self.bytes.note();
        Ok(())
    }

    /// That bytes could not be taken: by which limit, and the way out.
    pub(in crate::sandbox::wasi) fn no_bytes(&self) -> Failure {
        let left = self.most.bytes.saturating_sub(self.used().bytes);
        self.refusal(left, || format!("{} bytes", self.most.bytes))
    }

    /// The same of a file, a folder or a link.
    pub(in crate::sandbox::wasi) fn no_file(&self) -> Failure {
        let left = self.most.files.saturating_sub(self.used().files).saturating_mul(NODE);
        self.refusal(left, || format!("{} files, folders and links", self.most.files))
    }

    /// A refusal where this account has so many bytes left.
    fn refusal(&self, left: u64, allowed: impl FnOnce() -> String) -> Failure {
        let way = "allowed, and no more left: raise it, or remove something";
        let own = || format!("{}: {} {way}", self.name, allowed());
        match &self.holding {
            Some(holding) if holding.room() < left => {
                let said = format!("{} (raise it, or remove something)", holding.exceeded());
                Failure::refused(Errno::NoSpace, said)
            }
            Some(_) => Failure::refused(Errno::NoSpace, own()),
            None => Failure::refused(Errno::Quota, own()),
        }
    }

    /// Bytes that may still be taken.
    pub(in crate::sandbox::wasi) fn room(&self) -> u64 {
        let own = self.most.bytes.saturating_sub(self.bytes.now());
        self.holding.as_ref().map_or(own, |holding| own.min(holding.room()))
    }

    pub(in crate::sandbox::wasi) fn give_back(&self, bytes: u64) {
        self.bytes.give_back(bytes);
        self.let_go(bytes);
    }

    /// Takes one file, folder or link, or says that there is none left.
    pub(in crate::sandbox::wasi) fn take_file(&self) -> Result<(), u64> {
        self.files.take(1, self.most.files)?;
        self.hold(NODE).inspect_err(|_| self.files.give_back(1))?;
        self.files.note();
        Ok(())
    }

    pub(in crate::sandbox::wasi) fn give_file_back(&self) {
        self.files.give_back(1);
        self.let_go(NODE);
    }

    /// Counts what was taken before, whatever there is room for.
    pub(in crate::sandbox::wasi) fn go_on(&self, used: Most) {
        for (count, used) in [(&self.bytes, used.bytes), (&self.files, used.files)] {
            count.now.store(used, Ordering::Relaxed);
            count.note();
        }
    }

    /// Bytes and files at present.
    pub(in crate::sandbox::wasi) fn used(&self) -> Most {
        Most { bytes: self.bytes.now(), files: self.files.now() }
    }

    /// The account: now, the most there have been, and as much as there may be.
    pub(in crate::sandbox::wasi) fn account(&self) -> [Most; 3] {
        let peak = |count: &Count| count.peak.load(Ordering::Relaxed);
        [self.used(), Most { bytes: peak(&self.bytes), files: peak(&self.files) }, self.most]
    }
}

/// How many there are, and the most there have been.
#[derive(Debug, Default)]
struct Count {
    now: AtomicU64,
    peak: AtomicU64,
}

impl Count {
    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Takes these, or says how many there are.
    fn take(&self, more: u64, most: u64) -> Result<(), u64> {
        let taken = self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |have| {
            have.checked_add(more).filter(|sum| *sum <= most)
        });
        taken.map(drop).map_err(|have| most.saturating_sub(have))
    }

    /// Takes notice of how many there are.
    fn note(&self) {
        self.peak.fetch_max(self.now(), Ordering::Relaxed);
    }

    fn give_back(&self, less: u64) {
        let given = |have: u64| Some(have.saturating_sub(less));
        // It never fails: the closure always has an answer.
        let _ = self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
    }
}
