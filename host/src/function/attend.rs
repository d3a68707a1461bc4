//! What Python is told of asynchronous functions of the host: which have ended, and with what.

use super::closure::BoxError;
use super::task::Ended;
use super::{raise_parts, write};
use crate::bridge::Encoder;
use crate::convert::ToPython;
use crate::error::{ConversionError, Error, PythonError, Result};
use crate::python::Python;
use crate::python::state::{Guest, State};
use crate::sandbox::control::{self, Wake};
use std::time::{Duration, Instant};
use wasmtime::{AsContextMut, Caller};

/// A panic of the function that ends the call of the host which waits for it, whatever Python catches.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct Panicked(pub(super) Error);

/// One that has ended, as Python is told of it: its number, whether it failed, and the value; or the
/// exception, or its class and its message.
pub(super) struct Told {
    pub(super) number: i64,
    pub(super) ended: Ended,
}

impl ToPython for Told {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.tuple(3, |out| {
            out.int(self.number)?;
            out.bool(self.ended.is_err())?;
            match &self.ended {
                Ok(value) => value.to_python(out),
                Err(error) => raise_parts(&**error, "RuntimeError", out),
            }
        })
    }
}

/// What one has ended with, unless that is a panic, which ends this interpreter.
pub(super) fn true_end(py: &mut Python<'_>, ended: Ended) -> Result<Ended> {
    match ended.map_err(|error| error.downcast::<Panicked>()) {
        Err(Ok(panicked)) => Err(py.guest().poison(panicked.0)),
        Err(Err(error)) => Ok(Err(error)),
        Ok(value) => Ok(Ok(value)),
    }
}

/// Tells Python of one that has ended. One that cannot be converted has failed.
pub(super) fn tell(py: &mut Python<'_>, told: Told) -> Result<u32> {
    let most = match write(py, |out| told.to_python(out)) {
        Err(Error::Conversion(_)) => usize::MAX,
        Err(Error::Limit(_)) if !py.state().sandbox.is_poisoned() => LARGE,
        other => return other,
    };
    let told = checked(py, told, most);
    write(py, |out| told.to_python(out))
}

/// Waits until a task has ended, or for so many seconds (−1: however long it takes); gives those that
/// have ended.
fn wait(caller: &mut Caller<'_, State>, seconds: f64) -> wasmtime::Result<Vec<(i64, Ended)>> {
    let began = Instant::now();
    let timeout = Duration::try_from_secs_f64(seconds).ok();
    let until = timeout.and_then(|timeout| began.checked_add(timeout));
    let has_ended = caller.data().session.tasks.has_ended();
    let expiry = caller.data().sandbox.control.expiry();
    let until = [until, expiry].into_iter().flatten().min();
    let wake = caller.data().sandbox.control.wait_for(until, has_ended)?;
    if wake == Wake::Interrupted {
        control::raise_interrupt(caller.as_context_mut());
    }
    let State { sandbox, session, .. } = caller.data_mut();
    sandbox.control.take_arrived();
    let (told, saves) = session.tasks.take_ended(&sandbox.control);
    session.save_asked |= saves;
    if let (true, Some(timeout)) = (told.is_empty(), timeout)
        && began.elapsed() >= timeout
    {
        // A clock that stands goes on by what was waited for.
        sandbox.wasi.pass(timeout);
    }
    Ok(told)
}

/// The bridge's own call of the host: `wait(seconds)`, or `cancel(number)`.
pub(super) fn attend(
    caller: &mut Caller<'_, State>,
    number: Option<i64>,
    seconds: f64,
) -> wasmtime::Result<u32> {
    if let Some(number) = number {
        caller.data_mut().session.tasks.cancel(number);
        return Ok(write(&mut Python::new(caller.as_context_mut()), |out| out.none())?);
    }
    let mut told = Vec::new();
    for (number, ended) in wait(caller, seconds)? {
        let mut guest = Guest::new(caller.as_context_mut());
        let ended = true_end(&mut guest.python(), ended)?;
        told.push(Told { number, ended });
    }
    let mut guest = Guest::new(caller.as_context_mut());
    let py: &mut Python<'_> = &mut guest.python();
    let most = match write(py, |out| told.to_python(out)) {
        // One that cannot be converted fails alone.
        Err(Error::Conversion(_)) => usize::MAX,
        // So does each that is large, where the guest has no room for all of them.
        Err(Error::Limit(_)) if !py.state().sandbox.is_poisoned() => LARGE,
        other => return Ok(other?),
    };
    let each: Vec<_> = told.into_iter().map(|told| checked(py, told, most)).collect();
    Ok(write(py, |out| each.to_python(out))?)
}

/// Bytes from which on an answer is large.
const LARGE: usize = 64 << 10;

/// One that can be told, in at most so many bytes; else it has failed.
fn checked(py: &mut Python<'_>, told: Told, most: usize) -> Told {
    let tried = py.guest().encoded(|out| told.to_python(out), |_, bytes| (false, Ok(bytes.len())));
    let failed: BoxError = match tried {
        Ok(size) if size <= most => return told,
        Ok(size) => {
            let said = format!("an answer of {size} bytes, for which there is no memory");
            PythonError::new("MemoryError", said).into()
        }
        Err(error) => error.into(),
    };
    Told { number: told.number, ended: Err(failed) }
}
