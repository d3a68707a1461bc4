//! Objects of an interpreter: where they come from, and what is done with them.

use super::Python;
use crate::convert::ToPython;
use crate::entry::On;
use crate::error::{Error, Result};
use crate::object::Object;
use ophidia_abi::{Mode, Operation};

impl Python<'_> {
    /// Evaluates an expression in `__main__` and keeps its value in the guest, whatever it is.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn eval_object(&mut self, source: &str) -> Result<Object> {
        self.run_mode(Mode::EvalHandle, source.as_bytes(), "<string>")?;
        self.guest().object()
    }

    /// Imports a module by its dotted name.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn import(&mut self, name: &str) -> Result<Object> {
        self.guest().operate_object(Operation::Import, On::NOTHING, &(name,))
    }

    /// The namespace of `__main__`, a `dict`: the names that [`run`](Self::run) defines.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
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
    /// As [`run`](Self::run): `ModuleNotFoundError` when the first part is unknown, `AttributeError`
    /// when a later one is.
    pub fn get(&mut self, name: &str) -> Result<Object> {
        let mut parts = name.split('.');
        let first = parts.next().unwrap_or_default();
        let mut path = first.to_owned();
        let mut object = self.first_part(first)?;
        for part in parts {
            path = format!("{path}.{part}");
            object = match object.getattr(self, part) {
                Ok(found) => found,
                Err(Error::Python(missing)) if missing.type_name == "AttributeError" => {
                    match self.import(&path) {
                        Ok(module) => module,
                        Err(Error::Python(_)) => return Err(Error::Python(missing)),
                        Err(error) => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            };
        }
        Ok(object)
    }

    fn first_part(&mut self, name: &str) -> Result<Object> {
        let globals = self.globals()?;
        if globals.contains(self, name)? {
            return globals.get_item(self, name);
        }
        let builtins = self.import("builtins")?;
        match builtins.getattr(self, name) {
            Err(Error::Python(error)) if error.type_name == "AttributeError" => self.import(name),
            other => other,
        }
    }

    /// Sets a name of `__main__`, or of a dotted name's last part.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn set(&mut self, name: &str, value: impl ToPython) -> Result<()> {
        match name.rsplit_once('.') {
            Some((object, attribute)) => self.get(object)?.setattr(self, attribute, value),
            None => self.globals()?.set_item(self, name, value),
        }
    }

    /// Deletes a name of `__main__`, or of a dotted name's last part.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); `KeyError` for a name that is not there.
    pub fn delete(&mut self, name: &str) -> Result<()> {
        match name.rsplit_once('.') {
            Some((object, attribute)) => self.get(object)?.delattr(self, attribute),
            None => self.globals()?.del_item(self, name),
        }
    }

    /// Makes an object of a Rust value.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`] for what cannot be converted; otherwise as [`run`](Self::run).
    pub fn object(&mut self, value: impl ToPython) -> Result<Object> {
        self.guest().operate_object(Operation::Identity, On::NOTHING, &(value,))
    }

    /// How many objects of the guest the host holds, as the guest counts them, after letting go of
    /// those that were dropped.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn objects_held(&mut self) -> Result<u32> {
        self.guest().operate_as(Operation::Handles, On::NOTHING, &())
    }
}
