//! Functions and objects of the host in Python's hands: the table of them, and how Python's calls
//! arrive.

mod function;
mod parameters;

pub use function::{Call, Function, HostFunction, Outcome};

use crate::codec::{self, Value};
use crate::convert::ConversionError;
use crate::error::{Error, PythonError, Result};
use crate::python::Python;
use crate::state::State;
use function::BoxError;
use ophidia_abi::{HOST_MODULE, LEVELS, RAISED, import};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use wasmtime::{AsContextMut, Caller, Linker};

/// A Rust value that Python holds without being able to look into it.
#[derive(Clone)]
pub struct HostObject(Arc<dyn Any + Send + Sync>);

impl HostObject {
    /// Gives Python a hold on a value.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Arc::new(value))
    }

    /// The value, when it is of that type.
    #[must_use]
    pub fn downcast<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.0).downcast().ok()
    }
}

/// The same value, not an equal one.
impl PartialEq for HostObject {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl std::fmt::Debug for HostObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostObject").finish_non_exhaustive()
    }
}

/// What the guest holds of the host.
#[derive(Clone, Debug)]
pub(crate) enum Exported {
    Function(Function),
    Object(HostObject),
}

/// All that the guest holds of the host, by number. The guest may name any number: it reaches nothing
/// but what it was given.
#[derive(Debug)]
pub(crate) struct Table {
    entries: Vec<Option<Exported>>,
    free: Vec<u32>,
    limit: u32,
}

impl Table {
    pub(crate) fn new(limit: u32) -> Self {
        Self { entries: Vec::new(), free: Vec::new(), limit }
    }

    pub(crate) fn insert(&mut self, what: Exported) -> Result<u32, ConversionError> {
        if let Some(number) = self.free.pop()
            && let Some(entry) = self.entries.get_mut(number as usize)
        {
            *entry = Some(what);
            return Ok(number);
        }
        let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if number >= self.limit {
            let most = format!("at most {} functions and objects of the host", self.limit);
            return Err(ConversionError::new(most, "more"));
        }
        self.entries.push(Some(what));
        Ok(number)
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Exported> {
        let what = self.entries.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(what)
    }

    fn get(&self, number: u32) -> Option<&Exported> {
        self.entries.get(number as usize)?.as_ref()
    }

    pub(crate) fn object(&self, number: u32) -> Result<HostObject> {
        match self.get(number) {
            Some(Exported::Object(object)) => Ok(object.clone()),
            _ => Err(Error::GuestFault(format!("{number} is no object of the host"))),
        }
    }

    fn function(&self, number: u32) -> Result<Function> {
        match self.get(number) {
            Some(Exported::Function(function)) => Ok(function.clone()),
            _ => Err(Error::GuestFault(format!("{number} is no function of the host"))),
        }
    }
}

/// Links the functions by which the guest calls the host's.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        HOST_MODULE,
        import::CALL,
        |mut caller: Caller<'_, State>,
         number: u32,
         address: u32,
         len: u32,
         count: u32,
         keywords: u32,
         level: u32|
         -> wasmtime::Result<u32> {
            let state = caller.data_mut();
            if level >= LEVELS || state.calls >= LEVELS {
                return Err(Error::GuestFault(format!("a call at level {level}")).into());
            }
            let function = state.table.function(number)?;
            let before = std::mem::replace(&mut state.level, level);
            state.calls += 1;
            let mut py = Python::new(caller.as_context_mut());
            let answer = answer(&mut py, &function, (address, len), (count, keywords));
            let state = caller.data_mut();
            state.calls -= 1;
            state.level = before;
            match &state.poisoned {
                Some(reason) => Err(reason.clone().into()),
                None => Ok(answer?),
            }
        },
    )?;
    linker.func_wrap(
        HOST_MODULE,
        import::FORGET,
        |mut caller: Caller<'_, State>, number: u32| {
            drop(caller.data_mut().table.remove(number));
        },
    )?;
    Ok(())
}

/// Runs a function and writes its answer into the guest; gives what the guest is told of it. An error
/// ends the guest's call of the host, and with it the host's of the guest.
fn answer(
    py: &mut Python<'_>,
    function: &Function,
    (address, len): (u32, u32),
    (count, keywords): (u32, u32),
) -> Result<u32> {
    let values = count.saturating_add(u32::from(keywords > 0)); // their names are one more
    let call = codec::arguments(&py.guest().store, address, len, values)
        .and_then(|values| Call::new(values, keywords));
    let result = call.map_err(BoxError::from).and_then(|call| {
        catch_unwind(AssertUnwindSafe(|| function.call(py, call))).unwrap_or_else(|panic| {
            let said = panic
                .downcast_ref::<&str>()
                .map(|said| (*said).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            let reason =
                Error::Host(format!("the host function {} panicked: {said}", function.name()));
            Err(py.guest().poison(reason).into())
        })
    });
    match result {
        Ok(len) => Ok(len),
        Err(error) => raise(py, error),
    }
}

/// Writes the exception that an error becomes in Python.
fn raise(py: &mut Python<'_>, error: BoxError) -> Result<u32> {
    let error = match known(error) {
        Ok(error) => error,
        Err(error) => return raise_new(py, "RuntimeError", &chain(&*error)),
    };
    match error {
        Error::Python(raised) => match raised.exception() {
            Some(exception) => write(py, |out| out.object(exception)),
            None => raise_new(py, &raised.type_name, &raised.message),
        },
        Error::Conversion(error) => raise_new(py, "TypeError", &error.to_string()),
        Error::Limit(limit) => raise_new(py, "MemoryError", &limit.to_string()),
        fault @ Error::GuestFault(_) => Err(fault),
        other => raise_new(py, "RuntimeError", &chain(&other)),
    }
    .map(|len| len | RAISED)
}

/// An error that is one of ours.
fn known(error: BoxError) -> Result<Error, BoxError> {
    error
        .downcast::<Error>()
        .map(|error| *error)
        .or_else(|error| error.downcast::<PythonError>().map(Error::Python))
        .or_else(|error| error.downcast::<ConversionError>().map(|error| Error::Conversion(*error)))
}

/// An error and what caused it, as one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        // Many errors quote their cause already.
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

fn raise_new(py: &mut Python<'_>, kind: &str, message: &str) -> Result<u32> {
    write(py, |out| {
        out.tuple(2, |out| {
            out.str(kind)?;
            out.str(message)
        })
    })
    .map(|len| len | RAISED)
}

/// Writes an answer; gives its length.
fn write(
    py: &mut Python<'_>,
    value: impl FnOnce(&mut codec::Encoder<'_>) -> Result<(), ConversionError>,
) -> Result<u32> {
    py.guest().encoded(value, |guest, bytes| {
        let written = guest.write_input(&[bytes]).map(|(_, len)| len);
        (written.is_ok(), written.map_err(|error| guest.stopped(error)))
    })
}

/// A keyword of a call.
fn name_of(value: Value) -> Result<String> {
    match value {
        Value::Str(name) => Ok(name),
        other => Err(Error::GuestFault(format!("a keyword that is {}", other.kind()))),
    }
}
