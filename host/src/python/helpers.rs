//! What is done in Python's own words: functions of the in-guest package, looked up once.

use super::Python;
use crate::convert::{Args, FromPython};
use crate::entry::{Guest, On};
use crate::error::Result;
use crate::object::Object;
use ophidia_abi::Operation;

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
        guest.call(&helper, &args)
    }

    /// As above, with the result as a Rust type.
    pub(crate) fn help_as<T: FromPython>(
        &mut self,
        name: &'static str,
        args: impl Args,
    ) -> Result<T> {
        let mut guest = self.guest();
        let helper = guest.helper(name)?;
        guest.call_as(&helper, &args, T::WANT)
    }
}
