//! What a guest may add to a folder of the host. The host's own files do not count, nor do those of other guests.

use crate::policy::Quota as Most;
use crate::sandbox::wasi::errno::{Answer, Failure};
use crate::sandbox::wasi::tree::quota::Quota;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The account of one folder.
#[derive(Debug)]
pub(super) struct Charge {
    quota: Quota,
    /// The files that are open, by their numbers: what has no name any more is still there as long.
    open: Mutex<FxHashMap<u64, Open>>,
}

#[derive(Debug, Default)]
struct Open {
    count: u32,
    /// Whether its last name has gone.
    nameless: bool,
}

impl Charge {
    pub(super) fn new(most: Most, name: Arc<str>) -> Arc<Self> {
        Arc::new(Self { quota: Quota::new(most, name), open: Mutex::default() })
    }

    /// Goes on where so much was added.
    pub(super) fn go_on(&self, used: Most) {
        self.quota.go_on(used);
    }

    pub(super) fn used(&self) -> Most {
        self.quota.used()
    }

    pub(super) fn account(&self) -> [Most; 3] {
        self.quota.account()
    }

    /// Pays for what is new at a path, which comes to be by `make`, or is given back.
    pub(super) fn file<T>(&self, make: impl FnOnce() -> Answer<T>) -> Answer<T> {
        self.quota.take_file().map_err(|_| self.quota.no_file())?;
        make().inspect_err(|_| self.quota.give_file_back())
    }

    /// A name has gone, and with the last one of a file that nobody has open what it held.
    pub(super) fn gone(&self, inode: u64, links: u64, size: u64) {
        self.quota.give_file_back();
        if links > 1 {
            return;
        }
        match self.open.lock().get_mut(&inode) {
            Some(open) => open.nameless = true,
            None => self.quota.give_back(size),
        }
    }

    /// Pays for the growth of a file from one size to another, as far as there is room: gives to which one.
    pub(super) fn grow(&self, from: u64, to: u64) -> Answer<u64> {
        let Some(more) = to.checked_sub(from).filter(|more| *more > 0) else { return Ok(to) };
        match self.quota.take(more) {
            Ok(()) => Ok(to),
            Err(room) if room > 0 && self.quota.take(room).is_ok() => Ok(from + room),
            Err(_) => Err(self.full()),
        }
    }

    /// That there is no more room.
    pub(super) fn full(&self) -> Failure {
        self.quota.no_bytes()
    }

    /// A file has become so much shorter.
    pub(super) fn shrink(&self, by: u64) {
        self.quota.give_back(by);
    }
}

/// An open file of a folder that is paid for.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) charge: Arc<Charge>,
    inode: u64,
}

impl Held {
    pub(super) fn new(charge: &Arc<Charge>, inode: u64) -> Self {
        charge.open.lock().entry(inode).or_default().count += 1;
        Self { charge: Arc::clone(charge), inode }
    }

    /// It is closed, and has this size.
    pub(super) fn close(&self, size: u64) {
        let mut open = self.charge.open.lock();
        let Some(held) = open.get_mut(&self.inode) else { return };
        held.count -= 1;
        if held.count == 0 {
            if held.nameless {
                self.charge.quota.give_back(size);
            }
            open.remove(&self.inode);
        }
    }
}
