//! Names of tasklets: pids and references.

use super::{ConversionError, FromPython, ToPython};
use crate::bridge::Encoder;
use crate::value::{Pid, Ref, Value};

/// An `ophidia.tasklets.Pid`.
impl ToPython for Pid {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.pid(*self)
    }
}

impl FromPython for Pid {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Pid(pid) => Ok(pid),
            other => Err(ConversionError::mismatch("Pid", &other)),
        }
    }
}

/// An `ophidia.tasklets.Ref`.
impl ToPython for Ref {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.reference(*self)
    }
}

impl FromPython for Ref {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Ref(reference) => Ok(reference),
            other => Err(ConversionError::mismatch("Ref", &other)),
        }
    }
}
