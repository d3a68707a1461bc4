//! What is done in Python's own words: functions of the in-guest package, looked up once. One that is named without
//! a module is of `_ophidia.interop`.

use super::Python;
use crate::bridge::On;
use crate::convert::{Args, FromPython, read};
use crate::error::Result;
use crate::python::state::Guest;
use crate::value::Object;
use ophidia_abi::Operation;

impl Guest<'_> {
    fn helper(&mut self, name: &'static str) -> Result<Object> {
        self.kept(name, |guest| {
            let (module, member) = name.rsplit_once('.').unwrap_or(("interop", name));
            let module = format!("_ophidia.{module}");
            let module = guest.operate_own(Operation::Import, On::NOTHING, &(module,))?;
            let on = guest.on_named(&module, member)?;
            guest.operate_own(Operation::GetAttr, on, &())
        })
    }

    /// What the library keeps under a name for as long as the interpreter lives; found the first time.
    pub(crate) fn kept(
        &mut self,
        name: &'static str,
        find: impl FnOnce(&mut Self) -> Result<Object>,
    ) -> Result<Object> {
        if let Some(kept) = self.store.data().session.helpers.get(name) {
            return Ok(kept.clone());
        }
        let found = find(self)?;
        self.state().session.helpers.insert(name, found.clone());
        Ok(found)
    }
}

impl Python<'_> {
    /// Calls a function of `_ophidia.interop`; the result stays in the guest. No converter of a scope is
    /// applied to the arguments, since some are the library's own.
    pub(crate) fn call_helper(&mut self, name: &'static str, args: impl Args) -> Result<Object> {
        let mut guest = self.guest();
        let helper = guest.helper(name)?;
        let on = guest.on(&helper)?;
        guest.operate_object(Operation::Help, on, &args)
    }

    /// As above; the result is the library's own, and no limit counts it.
    pub(crate) fn call_helper_own(
        &mut self,
        name: &'static str,
        args: impl Args,
    ) -> Result<Object> {
        let mut guest = self.guest();
        let helper = guest.helper(name)?;
        let on = guest.on(&helper)?;
        guest.operate_own(Operation::Help, on, &args)
    }

    /// As above, without a result.
    pub(crate) fn call_helper_unit(&mut self, name: &'static str, args: impl Args) -> Result<()> {
        let mut guest = self.guest();
        let helper = guest.helper(name)?;
        let on = guest.on(&helper)?;
        guest.operate_unit(Operation::Help, on, &args)
    }

    /// As above, with the result as a Rust type, to which none is applied either.
    pub(crate) fn call_helper_as<T: FromPython>(
        &mut self,
        name: &'static str,
        args: impl Args,
    ) -> Result<T> {
        let mut guest = self.guest();
        let helper = guest.helper(name)?;
        let on = guest.on(&helper)?;
        guest.perform(Operation::Help, on, &args, T::WANT)?;
        let value = guest.value()?;
        read(value, &mut guest.python())
    }

    /// Calls a function of `_ophidia.interop` with arguments that are all the caller's: what Python has
    /// an operator for.
    pub(crate) fn apply(&mut self, name: &'static str, args: impl Args) -> Result<Object> {
        let mut guest = self.guest();
        let helper = guest.helper(name)?;
        guest.call(&helper, &args)
    }

    /// As above, with the result as a Rust type.
    pub(crate) fn apply_as<T: FromPython>(
        &mut self,
        name: &'static str,
        args: impl Args,
    ) -> Result<T> {
        let mut guest = self.guest();
        let helper = guest.helper(name)?;
        let want = guest.want::<T>();
        guest.call_as(&helper, &args, want)
    }
}
