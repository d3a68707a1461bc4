//! `Object`: a Python object that lives in the guest, held by a checked handle.

mod flow;
mod inspect;
mod operators;

pub use inspect::{Members, WeakObject};
pub use operators::{CompareOp, Slice};

use crate::convert::{Args, ConversionError, FromPython, ToPython};
use crate::error::Result;
use crate::limits::LimitExceeded;
use crate::python::Python;
use ophidia_abi::{Operation, Status, Want};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

    fn released(&self) -> MutexGuard<'_, Vec<(u32, u32)>> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the handles that were let go of.
    #[inline]
    pub(crate) fn take_released(&self) -> Vec<(u32, u32)> {
        if !self.has_released() {
            return Vec::new();
        }
        let mut released = self.released();
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
        let mut released = self.released();
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
        let mut released = self.released();
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

/// What is wrong with an object that is not of the interpreter it is given to.
pub(crate) fn foreign() -> ConversionError {
    ConversionError::new("an object of this interpreter", "another interpreter's")
}

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

    /// Takes over a handle that the guest has given out.
    pub(crate) fn new(domain: &Arc<Domain>, index: u32, generation: u32) -> Result<Self> {
        let held = domain.held.fetch_add(1, Ordering::Relaxed);
        // From here on it is let go of when it is dropped.
        let handle = Handle::new(index, generation);
        let object = Self(Arc::new(Held { domain: Arc::clone(domain), handle }));
        if held >= domain.limit {
            return Err(LimitExceeded::Objects { limit: domain.limit }.into());
        }
        Ok(object)
    }

    /// A handle that the guest may never have given out.
    #[cfg(feature = "any-guest")]
    #[doc(hidden)]
    pub fn forged(py: &Python<'_>, index: u32, generation: u32) -> Result<Self> {
        Self::new(&py.state().domain, index, generation)
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

    /// The object's value as a Rust type.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] when it has another type or does not fit; otherwise, as for every method
    /// here: [`Error::Python`] when Python raises, [`Error::Limit`] when a limit fires,
    /// [`Error::Conversion`] for an object of another interpreter.
    ///
    /// [`Error::Conversion`]: crate::Error::Conversion
    /// [`Error::Python`]: crate::Error::Python
    /// [`Error::Limit`]: crate::Error::Limit
    #[inline]
    pub fn extract<T: FromPython>(&self, py: &mut Python<'_>) -> Result<T> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Identity, on, &())
    }

    /// `self.name`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn getattr(&self, py: &mut Python<'_>, name: &str) -> Result<Self> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        guest.operate_object(Operation::GetAttr, on, &())
    }

    /// `self.name`, as a Rust type.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn getattr_as<T: FromPython>(&self, py: &mut Python<'_>, name: &str) -> Result<T> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        guest.operate_as(Operation::GetAttr, on, &())
    }

    /// `self.name = value`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn setattr(&self, py: &mut Python<'_>, name: &str, value: impl ToPython) -> Result<()> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        guest.operate_unit(Operation::SetAttr, on, &(value,))
    }

    /// `del self.name`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn delattr(&self, py: &mut Python<'_>, name: &str) -> Result<()> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        guest.operate_unit(Operation::DelAttr, on, &())
    }

    /// Whether the object has an attribute: whether reading it raises no `AttributeError`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn hasattr(&self, py: &mut Python<'_>, name: &str) -> Result<bool> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        let found = guest.perform(Operation::FindAttr, on, &(), Want::Nothing)?;
        Ok(found != Status::Incomplete)
    }

    /// `self[key]`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn get_item(&self, py: &mut Python<'_>, key: impl ToPython) -> Result<Self> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_object(Operation::GetItem, on, &(key,))
    }

    /// `self[key] = value`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn set_item(
        &self,
        py: &mut Python<'_>,
        key: impl ToPython,
        value: impl ToPython,
    ) -> Result<()> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_unit(Operation::SetItem, on, &(key, value))
    }

    /// `del self[key]`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn del_item(&self, py: &mut Python<'_>, key: impl ToPython) -> Result<()> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_unit(Operation::DelItem, on, &(key,))
    }

    /// `self(*args)`; keyword arguments with [`Arguments`](crate::Arguments).
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    #[inline]
    pub fn call(&self, py: &mut Python<'_>, args: impl Args) -> Result<Self> {
        let mut guest = py.guest();
        guest.call(self, &args)
    }

    /// As [`call`](Self::call), with the result as a Rust type.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    #[inline]
    pub fn call_as<T: FromPython>(&self, py: &mut Python<'_>, args: impl Args) -> Result<T> {
        let mut guest = py.guest();
        let want = guest.want::<T>();
        guest.call_as(self, &args, want)
    }

    /// `self.name(*args)`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn call_method(&self, py: &mut Python<'_>, name: &str, args: impl Args) -> Result<Self> {
        let mut guest = py.guest();
        guest.call_method(self, name, &args)
    }

    /// As [`call_method`](Self::call_method), with the result as a Rust type.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn call_method_as<T: FromPython>(
        &self,
        py: &mut Python<'_>,
        name: &str,
        args: impl Args,
    ) -> Result<T> {
        let mut guest = py.guest();
        guest.call_method_as(self, name, &args)
    }

    /// `len(self)`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn len(&self, py: &mut Python<'_>) -> Result<usize> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Len, on, &())
    }

    /// `len(self) == 0`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn is_empty(&self, py: &mut Python<'_>) -> Result<bool> {
        Ok(self.len(py)? == 0)
    }

    /// `value in self`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn contains(&self, py: &mut Python<'_>, value: impl ToPython) -> Result<bool> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Contains, on, &(value,))
    }

    /// `iter(self)`, whose items [`next`](Self::next) gives.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn iter(&self, py: &mut Python<'_>) -> Result<Self> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_object(Operation::Iter, on, &())
    }

    /// The next item of an iterator; `None` at its end.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn next(&self, py: &mut Python<'_>) -> Result<Option<Self>> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        match guest.perform(Operation::Next, on, &(), Want::Handle)? {
            Status::Incomplete => Ok(None),
            _ => guest.object().map(Some),
        }
    }

    /// `str(self)`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn str(&self, py: &mut Python<'_>) -> Result<String> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Str, on, &())
    }

    /// `repr(self)`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn repr(&self, py: &mut Python<'_>) -> Result<String> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Repr, on, &())
    }

    /// `type(self)`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn get_type(&self, py: &mut Python<'_>) -> Result<Self> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_object(Operation::Type, on, &())
    }

    /// `bool(self)`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn is_truthy(&self, py: &mut Python<'_>) -> Result<bool> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Truth, on, &())
    }

    /// `self is other`.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    pub fn is(&self, py: &mut Python<'_>, other: &Self) -> Result<bool> {
        let mut guest = py.guest();
        let on = guest.on_both(self, other)?;
        guest.operate_as(Operation::Is, on, &())
    }
}
