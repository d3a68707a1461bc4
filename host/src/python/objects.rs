//! Objects of an interpreter: where they come from, and what is done with them.

use super::Python;
use crate::bridge::On;
use crate::convert::ToPython;
use crate::error::Result;
use crate::value::Object;
use ophidia_abi::Operation;

impl Python<'_> {
    /// Evaluates an expression in `__main__` and keeps its value in the guest, whatever it is.
    pub fn eval_object(&mut self, source: &str) -> Result<Object> {
        self.eval_in(source, None)
    }

    /// Imports a module by its dotted name.
    pub fn import(&mut self, name: &str) -> Result<Object> {
        self.guest().operate_object(Operation::Import, On::NOTHING, &(name,))
    }

    /// The namespace of `__main__`, a `dict`: the names that [`run`](Self::run) defines.
    pub fn globals(&mut self) -> Result<Object> {
        self.guest().operate_object(Operation::Globals, On::NOTHING, &())
    }

    /// What a dotted name stands for: a name of `__main__`, a built-in or a module, and attributes of
    /// these, such as `"math.pi"`. Modules are imported as needed.
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let pi: f64 = py.get("math.pi")?.extract(&mut py)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `ModuleNotFoundError` when the first part is unknown, `AttributeError` when a later one is.
    pub fn get(&mut self, name: &str) -> Result<Object> {
        self.call_helper("find", (name,))
    }

    /// The same for the library itself.
    pub(super) fn find_own(&mut self, name: &str) -> Result<Object> {
        self.call_helper_own("find", (name,))
    }

    /// Sets a name of `__main__`, or of a dotted name's last part.
    pub fn set(&mut self, name: &str, value: impl ToPython) -> Result<()> {
        self.operation(|py| match name.rsplit_once('.') {
            Some((object, attribute)) => py.find_own(object)?.setattr(py, attribute, value),
            None => {
                let mut guest = py.guest();
                let on = guest.on_global(name)?;
                guest.operate_unit(Operation::SetItem, on, &(value,))
            }
        })
    }

    /// Deletes a name of `__main__`, or of a dotted name's last part.
    ///
    /// # Errors
    ///
    /// `KeyError` for a name that is not there.
    pub fn delete(&mut self, name: &str) -> Result<()> {
        self.operation(|py| match name.rsplit_once('.') {
            Some((object, attribute)) => py.find_own(object)?.delattr(py, attribute),
            None => {
                let mut guest = py.guest();
                let on = guest.on_global(name)?;
                guest.operate_unit(Operation::DelItem, on, &())
            }
        })
    }

    /// Makes a Python object of a Rust value.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`](crate::Error::Conversion) for what cannot be converted.
    pub fn object(&mut self, value: impl ToPython) -> Result<Object> {
        self.guest().operate_object(Operation::Identity, On::NOTHING, &(value,))
    }

    /// A function by its name: `module.function`, which imports the module, one of `__main__`, or a built-in one.
    pub(crate) fn named(&mut self, function: &str) -> Result<Object> {
        match function.rsplit_once('.') {
            Some((module, name)) => self.import(module)?.getattr(self, name),
            None => self.get(function).or_else(|error| {
                let builtins = self.import("builtins")?;
                builtins.getattr(self, function).map_err(|_| error)
            }),
        }
    }

    /// How many objects of the guest are held in Rust, as the guest counts them, after letting go of those
    /// that were dropped. What the library holds for itself (names, functions) is not counted.
    pub fn objects_held(&mut self) -> Result<u32> {
        let mut guest = self.guest();
        let all: u32 = guest.operate_as(Operation::Handles, On::NOTHING, &())?;
        Ok(all.saturating_sub(guest.bridge().domain.own()))
    }
}
