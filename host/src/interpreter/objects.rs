//! Objects of an interpreter: where they come from, and what is done with them.

use super::{Interpreter, status_of};
use crate::codec::{Encoder, Value};
use crate::convert::{Args, FromPython, ToPython};
use crate::error::{Error, Result};
use crate::object::Object;
use ophidia_abi::{Mode, Operation, Status, Want};

/// Names that stay interned; when there are more, all are dropped and come again as they are used.
const NAMES: usize = 4_096;

/// Room for operands that is kept between calls, in bytes.
const KEPT: usize = 64 << 10;

impl Interpreter {
    /// Evaluates an expression in `__main__` and keeps its value in the guest, whatever it is.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn eval_object(&mut self, source: &str) -> Result<Object> {
        self.run_mode(Mode::EvalHandle, source.as_bytes(), "<string>")?;
        self.value().and_then(Object::from_value)
    }

    /// Imports a module by its dotted name.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn import(&mut self, name: &str) -> Result<Object> {
        self.operate_object(Operation::Import, &(name,))
    }

    /// The namespace of `__main__`, a `dict`: the names that [`run`](Self::run) defines.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn globals(&mut self) -> Result<Object> {
        self.operate_object(Operation::Globals, &())
    }

    /// What a dotted name stands for: a name of `__main__`, a built-in or a module, and attributes of
    /// these, such as `"math.pi"`. Modules are imported as needed.
    ///
    /// ```no_run
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
        self.operate_object(Operation::Identity, &(value,))
    }

    /// How many objects of the guest the host holds, as the guest counts them, after letting go of
    /// those that were dropped.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn objects_held(&mut self) -> Result<u32> {
        self.operate_as(Operation::Handles, &())
    }

    /// Tells the guest of the objects that were dropped, where no operation does.
    pub(crate) fn release_dropped(&mut self) -> Result<()> {
        if self.domain.has_released() {
            self.operate_unit(Operation::Identity, &((),))?;
        }
        Ok(())
    }

    /// The interned `str` of a name.
    pub(crate) fn name(&mut self, name: &str) -> Result<Object> {
        if let Some(interned) = self.names.get(name) {
            return Ok(interned.clone());
        }
        let interned = self.operate_object(Operation::Intern, &(name,))?;
        if self.names.len() == NAMES {
            self.names.clear();
        }
        self.names.insert(name.into(), interned.clone());
        Ok(interned)
    }

    pub(crate) fn call(
        &mut self,
        callable: &Object,
        args: &impl Args,
        want: Want,
    ) -> Result<Value> {
        self.operation(Operation::Call, &[callable], args, want).map(Option::unwrap_or_default)
    }

    pub(crate) fn call_method(
        &mut self,
        object: &Object,
        name: &str,
        args: &impl Args,
        want: Want,
    ) -> Result<Value> {
        let name = self.name(name)?;
        self.operation(Operation::CallMethod, &[&name, object], args, want)
            .map(Option::unwrap_or_default)
    }

    pub(crate) fn operate_object(
        &mut self,
        what: Operation,
        operands: &impl Args,
    ) -> Result<Object> {
        let value = self.operate(what, operands, Want::Handle)?;
        Object::from_value(value.unwrap_or_default())
    }

    pub(crate) fn operate_as<T: FromPython>(
        &mut self,
        what: Operation,
        operands: &impl Args,
    ) -> Result<T> {
        let value = self.operate(what, operands, Want::Value)?;
        Ok(T::from_python(value.unwrap_or_default())?)
    }

    pub(crate) fn operate_unit(&mut self, what: Operation, operands: &impl Args) -> Result<()> {
        self.operate(what, operands, Want::Nothing).map(drop)
    }

    pub(crate) fn operate(
        &mut self,
        what: Operation,
        operands: &impl Args,
        want: Want,
    ) -> Result<Option<Value>> {
        self.operation(what, &[], operands, want)
    }

    /// Carries out an operation on objects and further operands. `None`: an iterator is at its end.
    fn operation(
        &mut self,
        what: Operation,
        objects: &[&Object],
        operands: &impl Args,
        want: Want,
    ) -> Result<Option<Value>> {
        let (positional, keywords) = operands.counts();
        let first = u32::try_from(objects.len()).unwrap_or(u32::MAX);
        let names = u32::from(keywords > 0);
        let count = positional.saturating_add(keywords).saturating_add(first + names);
        let mut out = Encoder::new(&self.domain, std::mem::take(&mut self.input));
        let written = objects
            .iter()
            .try_for_each(|object| out.object(object))
            .and_then(|()| operands.write(&mut out));
        let input = out.finish();
        let answer = written
            .map_err(Error::from)
            .and_then(|()| self.exchange(what, &input, (count, keywords), want));
        if input.capacity() <= KEPT {
            self.input = input;
        }
        match answer? {
            Status::Incomplete => Ok(None),
            _ if want == Want::Nothing => Ok(Some(Value::None)),
            _ => self.value().map(Some),
        }
    }

    fn exchange(
        &mut self,
        what: Operation,
        operands: &[u8],
        (count, keywords): (u32, u32),
        want: Want,
    ) -> Result<Status> {
        let handles = self.domain.take_released();
        let count_released = u32::try_from(handles.len()).unwrap_or(u32::MAX).to_le_bytes();
        let released: Vec<u8> = handles
            .iter()
            .flat_map(|(index, generation)| [index.to_le_bytes(), generation.to_le_bytes()])
            .flatten()
            .collect();
        let mut told = false;
        let status = self.enter(|guest| {
            let parts = [&count_released[..], &released, operands];
            let (address, _) = guest.write_input(&parts)?;
            let len: usize = parts.iter().map(|part| part.len()).sum();
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            told = true;
            let params = (what as u32, address, len, count, keywords, want as u32);
            status_of(guest.operate.call(&mut guest.store, params)?)
        });
        if !told {
            self.domain.return_released(handles);
        }
        status
    }
}
