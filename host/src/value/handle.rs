//! What names a Python object: a handle, the domain it belongs to, and the queue of those let go of.

use ophidia_abi::RELEASES;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// How many handles may wait to be let go of without ever having been held, over as many as may be.
const REFUSED: usize = 64 << 10;

/// Handles of the first block of [`Given`]; each further one has twice as many.
const FIRST_BLOCK: usize = 64;

/// Blocks of [`Given`]: room for four million handles. What a hostile guest names beyond is not noted.
const BLOCKS: usize = 16;

/// Which handles the guest has given out: the last generation of each index. A copy of the guest holds them all, for a
/// host that never heard of them.
#[derive(Default)]
struct Given([OnceLock<Box<[AtomicU32]>>; BLOCKS]);

impl Given {
    /// The block of an index, and the place in it.
    #[inline]
    fn place(index: u32) -> (usize, usize) {
        let at = index as usize + FIRST_BLOCK;
        let block = (at / FIRST_BLOCK).ilog2();
        (block as usize, at - (FIRST_BLOCK << block))
    }

    #[inline]
    fn note(&self, handle: Handle) {
        let (block, place) = Self::place(handle.index());
        let Some(slot) = self.0.get(block) else { return };
        let block = match slot.get() {
            Some(block) => block,
            None => self.grow(block),
        };
        if let Some(generation) = block.get(place) {
            generation.store(handle.generation(), Ordering::Relaxed);
        }
    }

    /// The guest fills indexes in order. One that does not gets no room for what it leaves out.
    #[cold]
    fn grow(&self, block: usize) -> &[AtomicU32] {
        let before = block.checked_sub(1).and_then(|before| self.0.get(before));
        match self.0.get(block) {
            Some(slot) if block == 0 || before.is_some_and(|before| before.get().is_some()) => slot
                .get_or_init(|| {
                    let fresh = std::iter::repeat_with(AtomicU32::default);
                    fresh.take(FIRST_BLOCK << block).collect()
                }),
            _ => &[],
        }
    }

    fn all(&self) -> Vec<Handle> {
        let blocks = self.0.iter().map_while(OnceLock::get);
        let generations = blocks.flat_map(|block| block.iter());
        let handles = (0u32..)
            .zip(generations)
            .map(|(index, generation)| Handle::new(index, generation.load(Ordering::Relaxed)));
        handles.filter(|handle| handle.generation() != 0).collect()
    }
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} handles", self.all().len())
    }
}

/// What the objects of one interpreter have in common, and which of them have been let go of.
#[derive(Debug)]
pub(crate) struct Domain {
    /// The first few that were let go of, in any order; 0 where there is none. As many as ride in a frame.
    few: [AtomicU64; RELEASES as usize],
    /// Those that the few places have no room for.
    many: Mutex<Vec<Handle>>,
    /// How many these are.
    waiting: AtomicUsize,
    /// How many objects the caller holds, below; how often any were let go of so far, above.
    counts: AtomicU64,
    /// How often that was when they were last taken. Who takes is alone, since it enters the guest.
    seen: AtomicU32,
    /// How many objects the library itself holds.
    own: AtomicU32,
    limit: u32,
    /// The most objects that the caller has held at once.
    peak: AtomicU32,
    given: Given,
}

/// One that was let go of, and one that is held, in [`Domain::counts`].
const RELEASED: u64 = 1 << 32;
const HELD: u64 = 1;

impl Domain {
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self {
            few: Default::default(),
            many: Mutex::default(),
            waiting: AtomicUsize::new(0),
            counts: AtomicU64::new(0),
            seen: AtomicU32::new(0),
            own: AtomicU32::new(0),
            limit,
            peak: AtomicU32::new(0),
            given: Given::default(),
        })
    }

    /// Notes a handle that the guest has given out.
    #[inline]
    pub(crate) fn note(&self, handle: Handle) {
        self.given.note(handle);
    }

    /// Every handle that the guest may hold an object for: the last one of each index, let go of or not.
    pub(crate) fn given(&self) -> Vec<Handle> {
        self.given.all()
    }

    /// How many objects may be held at once.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// How many objects the caller holds, and has held at once.
    pub(crate) fn held(&self) -> (u32, u32) {
        let now = self.counts.load(Ordering::Relaxed) as u32;
        (now, self.peak.load(Ordering::Relaxed).max(now))
    }

    /// How many objects the library holds for itself: names, functions of the in-guest package.
    pub(crate) fn own(&self) -> u32 {
        self.own.load(Ordering::Relaxed)
    }

    /// The library holds one more for as long as the interpreter lives.
    pub(crate) fn keep(&self) {
        self.own.fetch_add(1, Ordering::Relaxed);
    }

    /// How often any were let go of.
    #[inline]
    fn releases(&self, order: Ordering) -> u32 {
        (self.counts.load(order) >> 32) as u32
    }

    /// Whether any was let go of.
    #[inline]
    pub(crate) fn has_released(&self) -> bool {
        self.releases(Ordering::Relaxed) != self.seen.load(Ordering::Relaxed)
    }

    /// Takes those that were let go of, when a frame has room for them all: gives each to `take`. Otherwise
    /// leaves them as they are; whether it took them.
    ///
    /// One interpreter takes at a time; any number of threads may let go meanwhile. What they count after this
    /// has looked at the count is looked for the next time.
    #[inline]
    pub(crate) fn take_few(&self, mut take: impl FnMut(Handle)) -> bool {
        let releases = self.releases(Ordering::Acquire);
        if self.waiting() > 0 {
            return false;
        }
        let mut left = releases.wrapping_sub(self.seen.load(Ordering::Relaxed));
        self.seen.store(releases, Ordering::Relaxed);
        for place in &self.few {
            if left == 0 {
                break;
            }
            // Nobody else writes to a place that is taken.
            let handle = Handle(place.load(Ordering::Acquire));
            if handle != Handle::NONE {
                place.store(0, Ordering::Release);
                take(handle);
                left -= 1;
            }
        }
        true
    }

    /// Takes all that were let go of.
    pub(crate) fn take_released(&self) -> Vec<Handle> {
        let releases = self.releases(Ordering::Acquire);
        if releases == self.seen.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.seen.store(releases, Ordering::Relaxed);
        let mut many = self.many.lock();
        self.waiting.store(0, Ordering::Relaxed);
        let mut all = std::mem::take(&mut *many);
        drop(many);
        for place in &self.few {
            let handle = Handle(place.swap(0, Ordering::AcqRel));
            if handle != Handle::NONE {
                all.push(handle);
            }
        }
        all
    }

    /// How many handles the few places have no room for, of those the guest has yet to be told of.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Takes them back: the guest has not been told.
    pub(crate) fn return_released(&self, handles: Vec<Handle>) {
        let mut many = self.many.lock();
        many.extend(handles);
        self.waiting.store(many.len(), Ordering::Release);
        drop(many);
        self.counts.fetch_add(RELEASED, Ordering::Release);
    }

    /// Lets go of a handle that was never held. A guest that gives out more of them than it is told of
    /// keeps the rest: only its own memory is at stake.
    pub(crate) fn refuse(&self, handle: Handle) {
        self.note(handle);
        let most = (self.limit as usize).saturating_add(REFUSED);
        if self.waiting() < most {
            self.put(handle);
            self.counts.fetch_add(RELEASED, Ordering::Release);
        }
    }

    /// Keeps a handle that was let go of until it is taken; it is yet to be counted.
    fn put(&self, handle: Handle) {
        let put = |place: &AtomicU64| {
            place.load(Ordering::Relaxed) == 0
                && place.compare_exchange(0, handle.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        if self.waiting() > 0 || !self.few.iter().any(put) {
            let mut many = self.many.lock();
            many.push(handle);
            self.waiting.store(many.len(), Ordering::Release);
        }
    }
}

/// A Python object that lives in the guest.
///
/// It belongs to one [`Interpreter`](crate::Interpreter), which every method takes as its first
/// argument; another one refuses it. Methods fail as [the crate](crate#errors) says.
///
/// Cloning gives the same object and is cheap. It may be dropped on any thread: the guest lets go of the object when it
/// is next entered. Two are equal when they are the same handle; [`is`](Self::is) tells whether they are the same object.
#[derive(Clone, Debug)]
pub struct Object(Arc<Held>);

#[derive(Debug)]
struct Held {
    domain: Arc<Domain>,
    handle: Handle,
    /// Whether it is the library's own, which no limit counts.
    own: bool,
}

/// What names an object that is held elsewhere: its generation, then its index, in one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        self.domain.put(self.handle);
        // No longer held, unless it is the library's own.
        let counted = if self.own { RELEASED } else { RELEASED - HELD };
        self.domain.counts.fetch_add(counted, Ordering::Release);
        if self.own {
            self.domain.own.fetch_sub(1, Ordering::Relaxed);
        }
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
    pub(crate) fn new(domain: &Arc<Domain>, handle: Handle) -> Option<Self> {
        let held = domain.counts.fetch_add(HELD, Ordering::Relaxed) as u32;
        // Threads only let go: who takes is alone.
        if held >= domain.peak.load(Ordering::Relaxed) {
            domain.peak.store(held.saturating_add(1), Ordering::Relaxed);
        }
        domain.note(handle);
        // From here on it is let go of when it is dropped.
        let object = Self(Arc::new(Held { domain: Arc::clone(domain), handle, own: false }));
        (held < domain.limit).then_some(object)
    }

    /// The same for the library itself, which bounds how many there are: no limit counts them.
    pub(crate) fn own(domain: &Arc<Domain>, handle: Handle) -> Self {
        domain.keep();
        domain.note(handle);
        Self(Arc::new(Held { domain: Arc::clone(domain), handle, own: true }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    #[test]
    fn the_last_generation_of_each_index_is_noted_within_bounds() {
        let domain = Domain::new(10);
        assert_eq!(Given::place(0), (0, 0));
        assert_eq!(Given::place(63), (0, 63));
        assert_eq!(Given::place(64), (1, 0));
        assert_eq!(Given::place(191), (1, 127));
        assert_eq!(Given::place(192), (2, 0));
        for (index, generation) in [(0, 1), (70, 3), (0, 2), (5, 1)] {
            domain.note(Handle::new(index, generation));
        }
        // Far beyond what was filled, and beyond all: nothing is kept for it.
        domain.note(Handle::new(2_000_000, 1));
        domain.note(Handle::new(u32::MAX, 1));
        let noted: Vec<_> =
            domain.given().iter().map(|handle| (handle.index(), handle.generation())).collect();
        assert_eq!(noted, [(0, 2), (5, 1), (70, 3)]);
    }

    /// What threads let go of while another takes comes out once each, and is no longer held.
    #[test]
    fn none_is_lost_between_threads() {
        const EACH: u32 = 20_000;
        let domain = Domain::new(u32::MAX);
        let done = AtomicBool::new(false);
        let taken = thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let mut all = Vec::new();
                loop {
                    let last = done.load(Ordering::Acquire);
                    if !domain.take_few(|handle| all.push(handle)) {
                        all.extend(domain.take_released());
                    }
                    if last && !domain.has_released() {
                        return all;
                    }
                }
            });
            let droppers = (1..=3).map(|generation| {
                let domain = &domain;
                scope.spawn(move || {
                    for index in 0..EACH {
                        drop(Object::new(domain, Handle::new(index, generation)));
                    }
                })
            });
            let droppers: Vec<_> = droppers.collect();
            droppers.into_iter().for_each(|it| it.join().expect("no panic"));
            done.store(true, Ordering::Release);
            taker.join().expect("no panic")
        });
        assert_eq!(taken.len(), 3 * EACH as usize);
        let different: HashSet<_> = taken.into_iter().map(u64::from).collect();
        assert_eq!(different.len(), 3 * EACH as usize);
        assert_eq!(domain.counts.load(Ordering::Relaxed) as u32, 0);
    }
}
