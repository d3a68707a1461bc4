//! What names a Python object: a handle, the domain it belongs to, and the queue of those let go of.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// How many handles may wait to be let go of without ever having been held, over as many as may be.
const REFUSED: usize = 64 << 10;

/// What the objects of one interpreter have in common, and which of them have been let go of.
#[derive(Debug)]
pub(crate) struct Domain {
    released: Mutex<Vec<(u32, u32)>>,
    /// How many there are, so that nobody locks in vain.
    waiting: AtomicUsize,
    held: AtomicU32,
    limit: u32,
}

impl Domain {
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self {
            released: Mutex::default(),
            waiting: AtomicUsize::new(0),
            held: AtomicU32::new(0),
            limit,
        })
    }

    /// How many objects may be held at once.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Takes the handles that were let go of.
    #[inline]
    pub(crate) fn take_released(&self) -> Vec<(u32, u32)> {
        if !self.has_released() {
            return Vec::new();
        }
        let mut released = self.released.lock();
        self.waiting.store(0, Ordering::Relaxed);
        std::mem::take(&mut *released)
    }

    #[inline]
    pub(crate) fn has_released(&self) -> bool {
        self.waiting() > 0
    }

    /// How many handles the guest has yet to be told of.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Takes them back: the guest has not been told.
    pub(crate) fn return_released(&self, handles: Vec<(u32, u32)>) {
        let mut released = self.released.lock();
        released.extend(handles);
        self.waiting.store(released.len(), Ordering::Release);
    }

    /// Lets go of a handle that was never held. A guest that gives out more of them than it is told of
    /// keeps the rest: only its own memory is at stake.
    pub(crate) fn refuse(&self, index: u32, generation: u32) {
        let most = (self.limit as usize).saturating_add(REFUSED);
        if self.waiting() < most {
            self.release(index, generation);
        }
    }

    fn release(&self, index: u32, generation: u32) {
        let mut released = self.released.lock();
        released.push((index, generation));
        self.waiting.store(released.len(), Ordering::Release);
    }
}

/// A Python object that lives in the guest.
///
/// It belongs to one [`Interpreter`](crate::Interpreter), which every method takes as its first
/// argument; another one refuses it. Cloning gives the same object and is cheap. It may be dropped on any thread: the guest
/// lets go of the object when it is next entered. Two are equal when they are the same handle;
/// [`is`](Self::is) tells whether they are the same object.
#[derive(Clone, Debug)]
pub struct Object(Arc<Held>);

#[derive(Debug)]
struct Held {
    domain: Arc<Domain>,
    handle: Handle,
}

/// What names an object that is held elsewhere: its generation, then its index, in one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(u64);

impl Handle {
    /// Names nothing: the guest's generations begin with 1.
    pub(crate) const NONE: Self = Self(0);

    #[inline]
    pub(crate) fn new(index: u32, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | u64::from(index))
    }

    #[inline]
    pub(crate) fn index(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// As the guest has it.
impl From<Handle> for u64 {
    #[inline]
    fn from(handle: Handle) -> Self {
        handle.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.domain.release(self.handle.index(), self.handle.generation());
        self.domain.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Object {
    /// Bytes that one takes beside its place.
    pub(crate) const SIZE: usize = size_of::<Held>() + 2 * size_of::<usize>();

    /// Takes over a handle that the guest has given out; `None` when no more may be held.
    pub(crate) fn new(domain: &Arc<Domain>, index: u32, generation: u32) -> Option<Self> {
        let held = domain.held.fetch_add(1, Ordering::Relaxed);
        // From here on it is let go of when it is dropped.
        let handle = Handle::new(index, generation);
        let object = Self(Arc::new(Held { domain: Arc::clone(domain), handle }));
        (held < domain.limit).then_some(object)
    }

    /// The index and the generation of its handle.
    #[cfg(feature = "any-guest")]
    #[doc(hidden)]
    #[must_use]
    pub fn index_and_generation(&self) -> (u32, u32) {
        (self.0.handle.index(), self.0.handle.generation())
    }

    /// Its handle, when it belongs to this domain.
    #[inline]
    pub(crate) fn handle_in(&self, domain: &Arc<Domain>) -> Option<Handle> {
        Arc::ptr_eq(&self.0.domain, domain).then_some(self.0.handle)
    }
}
