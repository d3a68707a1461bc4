//! What is done in Python's own words: functions of the in-guest package, looked up once.

use super::Python;
use crate::convert::{Args, FromPython, read};
use crate::entry::{Guest, On};
use crate::error::Result;
use crate::object::Object;
use ophidia_abi::{Operation, Want};

impl Guest<'_> {
    fn helper(&mut self, name: &'static str) -> Result<Object> {
        if let Some(helper) = self.store.data().helpers.get(name) {
            return Ok(helper.clone());
        }
        let module = self.operate_object(Operation::Import, On::NOTHING, &("_ophidia.interop",))?;
        let on = self.on_named(&module, name)?;
        let helper = self.operate_object(Operation::GetAttr, on, &())?;
        self.state().helpers.insert(name, helper.clone());
        Ok(helper)
    }
}

impl Python<'_> {
    /// Calls a function of `_ophidia.interop`; the result stays in the guest.
    pub(crate) fn help(&mut self, name: &'static str, args: impl Args) -> Result<Object> {
        let mut guest = self.guest();
        let helper = guest.helper(name)?;
        let value = guest.call(&helper, &args, Want::Handle)?;
        guest.object_of(value)
    }

    /// As above, with the result as a Rust type.
    pub(crate) fn help_as<T: FromPython>(
        &mut self,
        name: &'static str,
        args: impl Args,
    ) -> Result<T> {
        let mut guest = self.guest();
        let helper = guest.helper(name)?;
        let value = guest.call(&helper, &args, T::WANT)?;
        read(value, self)
    }
}
