//! What an object is: its class, its members, its documentation.

use super::Object;
use crate::convert::ToPython;
use crate::error::ConversionError;
use crate::error::Result;
use crate::python::Python;
use crate::value::Value;
use ophidia_abi::{Operation, Want};

/// The names that an object answers to: `dir(object)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Members {
    /// Names of attributes that are not callable.
    pub attributes: Vec<String>,
    /// Names of attributes that are callable.
    pub methods: Vec<String>,
}

impl Object {
    /// `isinstance(self, class)`; `class` may be a tuple of classes.
    pub fn is_instance(&self, py: &mut Python<'_>, class: impl ToPython) -> Result<bool> {
        py.call_helper_as("isinstance", (self, class))
    }

    /// `issubclass(self, class)`.
    pub fn is_subclass(&self, py: &mut Python<'_>, class: impl ToPython) -> Result<bool> {
        py.call_helper_as("issubclass", (self, class))
    }

    /// `callable(self)`.
    pub fn is_callable(&self, py: &mut Python<'_>) -> Result<bool> {
        py.call_helper_as("callable", (self,))
    }

    /// The object itself, if it is an instance of a class.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`](crate::Error::Conversion), naming both classes, when it is not.
    pub fn downcast(&self, py: &mut Python<'_>, class: &Self) -> Result<&Self> {
        py.operation(|py| {
            if self.is_instance(py, class)? {
                return Ok(self);
            }
            let expected: String = class.getattr_as(py, "__qualname__")?;
            let got: String = self.own_type(py)?.getattr_as(py, "__qualname__")?;
            Err(ConversionError::new(expected, got).into())
        })
    }

    /// `type(self)`, for the library itself.
    fn own_type(&self, py: &mut Python<'_>) -> Result<Self> {
        let mut guest = py.guest();
        let on = guest.on(self)?;
        guest.operate_own(Operation::Type, on, &())
    }

    /// The name of its class, for an error. `None` when Python does not tell, or a converter would be
    /// asked.
    pub(crate) fn class_name(&self, py: &mut Python<'_>) -> Option<String> {
        if py.state().bridge.conversions.any {
            return None;
        }
        let class = self.own_type(py).ok()?;
        let mut guest = py.guest();
        let on = guest.on_named(&class, "__qualname__").ok()?;
        match guest.operate(Operation::GetAttr, on, &(), Want::Plain) {
            Ok(Some(Value::Str(name))) => Some(name),
            _ => None,
        }
    }

    /// The names of its attributes and of its methods.
    pub fn dir(&self, py: &mut Python<'_>) -> Result<Members> {
        let (attributes, methods) = py.call_helper_as("members", (self,))?;
        Ok(Members { attributes, methods })
    }

    /// The text that Python's `help` prints for it.
    pub fn help(&self, py: &mut Python<'_>) -> Result<String> {
        py.call_helper_as("help_text", (self,))
    }

    /// The signature of a callable, such as `(a, b=2, *, c)`.
    ///
    /// # Errors
    ///
    /// A `ValueError` for a built-in that does not tell.
    pub fn signature(&self, py: &mut Python<'_>) -> Result<String> {
        py.call_helper_as("signature_text", (self,))
    }

    /// A reference that does not keep the object alive.
    ///
    /// # Errors
    ///
    /// A `TypeError` for what cannot be referred to weakly, such as an `int`.
    pub fn downgrade(&self, py: &mut Python<'_>) -> Result<WeakObject> {
        py.call_helper("Weak", (self,)).map(WeakObject)
    }
}

/// A reference to an object that does not keep it alive. See [`Object::downgrade`].
#[derive(Clone, Debug, PartialEq)]
pub struct WeakObject(Object);

impl WeakObject {
    /// The object, as long as something else keeps it alive.
    pub fn upgrade(&self, py: &mut Python<'_>) -> Result<Option<Object>> {
        self.0.next(py)
    }
}
