//! `Object`: a Python object that lives in the guest, held by a checked handle.

mod chain;
mod flow;
mod inspect;
mod operators;

use crate::value::{AsName, Object};
pub use inspect::{Members, WeakObject};
pub use operators::{CompareOp, Slice};

use crate::convert::{Args, FromPython, ToPython};
use crate::error::Result;
use crate::python::Python;
#[cfg(feature = "any-guest")]
use crate::value::handle::Handle;
use ophidia_abi::{Operation, Status, Want};

impl Object {
    /// A handle that the guest may never have given out.
    #[cfg(feature = "any-guest")]
    #[doc(hidden)]
    pub fn forged(py: &Python<'_>, index: u32, generation: u32) -> Result<Self> {
        crate::bridge::hold(&py.state().bridge.domain, Handle::new(index, generation))
    }

    /// The object's value as a Rust type.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`](crate::Error::Conversion) when it has another type or does not fit.
    #[inline]
    pub fn extract<T: FromPython>(&self, py: &mut Python<'_>) -> Result<T> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Identity, on, &())
    }

    /// `self.name`.
    pub fn getattr(&self, py: &mut Python<'_>, name: impl AsName) -> Result<Self> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        guest.operate_object(Operation::GetAttr, on, &())
    }

    /// `self.name`, as a Rust type.
    pub fn getattr_as<T: FromPython>(&self, py: &mut Python<'_>, name: impl AsName) -> Result<T> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        guest.operate_as(Operation::GetAttr, on, &())
    }

    /// `self.name = value`.
    pub fn setattr(
        &self,
        py: &mut Python<'_>,
        name: impl AsName,
        value: impl ToPython,
    ) -> Result<()> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        guest.operate_unit(Operation::SetAttr, on, &(value,))
    }

    /// `del self.name`.
    pub fn delattr(&self, py: &mut Python<'_>, name: impl AsName) -> Result<()> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        guest.operate_unit(Operation::DelAttr, on, &())
    }

    /// Whether the object has an attribute: whether reading it raises no `AttributeError`.
    pub fn hasattr(&self, py: &mut Python<'_>, name: impl AsName) -> Result<bool> {
        let mut guest = py.guest();
        let on = guest.on_named(self, name)?;
        let found = guest.perform(Operation::FindAttr, on, &(), Want::Nothing)?;
        Ok(found != Status::Incomplete)
    }

    /// `self[key]`.
    pub fn get_item(&self, py: &mut Python<'_>, key: impl ToPython) -> Result<Self> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_object(Operation::GetItem, on, &(key,))
    }

    /// `self[key] = value`.
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
    pub fn del_item(&self, py: &mut Python<'_>, key: impl ToPython) -> Result<()> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_unit(Operation::DelItem, on, &(key,))
    }

    /// `self(*args)`; keyword arguments with [`Arguments`](crate::Arguments).
    #[inline]
    pub fn call(&self, py: &mut Python<'_>, args: impl Args) -> Result<Self> {
        let mut guest = py.guest();
        guest.call(self, &args)
    }

    /// As [`call`](Self::call), with the result as a Rust type.
    #[inline]
    pub fn call_as<T: FromPython>(&self, py: &mut Python<'_>, args: impl Args) -> Result<T> {
        let mut guest = py.guest();
        let want = guest.want::<T>();
        guest.call_as(self, &args, want)
    }

    /// `self.name(*args)`.
    pub fn call_method(
        &self,
        py: &mut Python<'_>,
        name: impl AsName,
        args: impl Args,
    ) -> Result<Self> {
        let mut guest = py.guest();
        guest.call_method(self, name, &args)
    }

    /// As [`call_method`](Self::call_method), with the result as a Rust type.
    pub fn call_method_as<T: FromPython>(
        &self,
        py: &mut Python<'_>,
        name: impl AsName,
        args: impl Args,
    ) -> Result<T> {
        let mut guest = py.guest();
        guest.call_method_as(self, name, &args)
    }

    /// `len(self)`.
    pub fn len(&self, py: &mut Python<'_>) -> Result<usize> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Len, on, &())
    }

    /// `len(self) == 0`.
    pub fn is_empty(&self, py: &mut Python<'_>) -> Result<bool> {
        Ok(self.len(py)? == 0)
    }

    /// `value in self`.
    pub fn contains(&self, py: &mut Python<'_>, value: impl ToPython) -> Result<bool> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Contains, on, &(value,))
    }

    /// `iter(self)`, whose items [`next`](Self::next) gives.
    pub fn iter(&self, py: &mut Python<'_>) -> Result<Self> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_object(Operation::Iter, on, &())
    }

    /// The next item of an iterator; `None` at its end.
    pub fn next(&self, py: &mut Python<'_>) -> Result<Option<Self>> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        match guest.perform(Operation::Next, on, &(), Want::Handle)? {
            Status::Incomplete => Ok(None),
            _ => guest.object().map(Some),
        }
    }

    /// `str(self)`.
    pub fn str(&self, py: &mut Python<'_>) -> Result<String> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Str, on, &())
    }

    /// `repr(self)`.
    pub fn repr(&self, py: &mut Python<'_>) -> Result<String> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Repr, on, &())
    }

    /// `type(self)`.
    pub fn get_type(&self, py: &mut Python<'_>) -> Result<Self> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_object(Operation::Type, on, &())
    }

    /// `bool(self)`.
    pub fn is_truthy(&self, py: &mut Python<'_>) -> Result<bool> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_as(Operation::Truth, on, &())
    }

    /// `self is other`.
    pub fn is(&self, py: &mut Python<'_>, other: &Self) -> Result<bool> {
        let mut guest = py.guest();
        let on = guest.on_both(self, other)?;
        guest.operate_as(Operation::Is, on, &())
    }
}
