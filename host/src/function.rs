//! Functions and objects of the host in Python's hands: how Python's calls arrive.

mod attend;
mod awaited;
mod call;
mod class;
mod closure;
mod definition;
mod figures;
mod iterators;
mod key;
mod parameters;
mod shared;
mod task;

pub use awaited::AsyncFunction;
pub use call::Call;
pub use class::{Class, Module};
pub use closure::{HostFunction, Outcome};
pub use definition::Function;
pub use figures::{Figure, figures};
pub use iterators::{HostIterator, HostStream};
pub use key::CallKey;
pub use shared::{HostMethod, Shared};
pub(crate) use task::{Ended, Recorded, Tasks};

use crate::bridge;
use crate::convert::ToPython;
use crate::error::{ConversionError, Error, LimitExceeded, PythonError, Result, panicked};
use crate::python::Python;
use crate::python::state::{Guest, State};
use crate::sandbox::control::Stop;
use crate::sandbox::state::SandboxState;
use crate::value::Value;
use call::Failure;
use closure::BoxError;
use ophidia_abi::{ATTEND, HOST_MODULE, IN_SLOT, LEVELS, RAISED, import};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmtime::{AsContextMut, Caller, Linker};

/// So many objects may be let go of in calls of the host before the guest is told.
const RELEASED: usize = 1_024;

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
            let state = &mut caller.data_mut().sandbox;
            if level >= LEVELS || state.calls >= LEVELS {
                return Err(Error::GuestFault(format!("a call at level {level}")).into());
            }
            if number != ATTEND {
                state.ledger.call_host().map_err(Stop::Limit)?;
            }
            let before = std::mem::replace(&mut state.level, level);
            let limited = state.limited.take();
            state.calls += 1;
            let arguments = Incoming { address, len, count, keywords };
            let answer = guarded(&mut caller, |caller| match number {
                ATTEND => attend(caller, arguments),
                number => call(caller, number, arguments),
            });
            let state = &mut caller.data_mut().sandbox;
            state.calls -= 1;
            state.level = before;
            state.limited = limited;
            match &state.poisoned {
                Some(reason) => Err(reason.clone().into()),
                None => answer,
            }
        },
    )?;
    linker.func_wrap(
        HOST_MODULE,
        import::FORGET,
        |mut caller: Caller<'_, State>, number: u32| -> wasmtime::Result<()> {
            guarded(&mut caller, |caller| {
                drop(caller.data_mut().bridge.table.remove(number));
                Ok(())
            })
        },
    )?;
    Ok(())
}

/// Runs the host's own code for the guest. A panic in it must not pass through the guest, which could
/// bring it about in the middle of anything: by letting go of a value, for one.
fn guarded<T>(
    caller: &mut Caller<'_, State>,
    body: impl FnOnce(&mut Caller<'_, State>) -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    catch_unwind(AssertUnwindSafe(|| body(caller))).unwrap_or_else(|panic| {
        let reason = panicked("code of the host", &*panic);
        Err(Guest::new(caller.as_context_mut()).poison(reason).into())
    })
}

/// The arguments of a call as the guest names them.
#[derive(Clone, Copy)]
struct Incoming {
    address: u32,
    len: u32,
    count: u32,
    keywords: u32,
}

impl Incoming {
    /// Whether they are plain, and operands in slots.
    fn are_plain(self) -> bool {
        self.len == IN_SLOT && self.keywords == 0
    }

    /// Gives how many bytes of the host they take, too.
    fn read(self, py: &mut Python<'_>) -> Result<(Call, u64)> {
        if self.are_plain() {
            let taken = bridge::operands_size(&py.guest().store, self.count)?;
            let values = bridge::operands(&py.guest().store, self.count)?;
            return Ok((Call::new(values, 0)?, taken));
        }
        let names = u32::from(self.keywords > 0);
        let count = self.count.saturating_add(names);
        let (values, taken) = bridge::arguments(&py.guest().store, self.address, self.len, count)?;
        Ok((Call::new(values, self.keywords)?, taken))
    }
}

/// The bridge's own call: what asynchronous functions are waited for with.
fn attend(caller: &mut Caller<'_, State>, arguments: Incoming) -> wasmtime::Result<u32> {
    let (call, _) = arguments.read(&mut Python::new(caller.as_context_mut()))?;
    match *call.positional {
        [Value::Float(seconds)] => attend::attend(caller, None, seconds),
        [Value::Int(number)] => attend::attend(caller, Some(number), 0.0),
        _ => Err(Error::GuestFault("a call that only the bridge makes".into()).into()),
    }
}

/// Runs a function and writes its answer into the guest; gives what the guest is told of it. An error
/// ends the guest's call of the host, and with it the host's of the guest.
fn call(caller: &mut Caller<'_, State>, number: u32, arguments: Incoming) -> wasmtime::Result<u32> {
    let function = Function::exported(caller.data().bridge.table.function(number)?)?;
    let SandboxState { operations, control, .. } = &mut caller.data_mut().sandbox;
    operations.call_host(control);
    let outer = control.begin_call();
    let mut guest = Guest::new(caller.as_context_mut());
    let py: &mut Python<'_> = &mut guest.python();
    let taken = if arguments.are_plain() {
        bridge::operands_size(&py.guest().store, arguments.count).map(|taken| (None, taken))
    } else {
        arguments.read(py).map(|(call, taken)| (Some(call), taken))
    };
    let told = release_many(py);
    let result = taken.and_then(|taken| told.map(|()| taken));
    let result = result.map_err(|error| BoxError::from(py.guest().ours(error)));
    let result = result.and_then(|(call, taken)| {
        let State { bridge, session, .. } = py.state_mut();
        if let Err(limit) = bridge.arguments.take(taken) {
            return Err(py.guest().ours(limit.into()).into());
        }
        let outer = std::mem::replace(&mut session.own_arguments, taken);
        if function.is_recorded() {
            record(py, &function, arguments, call.as_ref(), taken);
        }
        let called = catch_unwind(AssertUnwindSafe(|| match call {
            None => called_plainly(py, &function, arguments, taken),
            Some(call) => called(py, &function, call),
        }));
        let State { bridge, session, .. } = py.state_mut();
        session.save_asked |= function.saves() && !function.is_awaited();
        bridge.arguments.give_back(taken);
        session.own_arguments = outer;
        session.own_call = None;
        called.unwrap_or_else(|panic| {
            let reason = panicked(format_args!("the host function {}", function.name()), &*panic);
            Err(py.guest().poison(reason).into())
        })
    });
    match (result, py.state().sandbox.control.end_call(outer)) {
        // An answer that comes too late, and what came of it that it did.
        (_, Err(limit)) if !py.state().sandbox.is_poisoned() => {
            let error = py.guest().ours(limit.into());
            Ok(raise(py, error.into())?)
        }
        (Ok(len), _) => Ok(len),
        (Err(error), _) => Ok(raise(py, error)?),
    }
}

/// Notes what is called, for an interpreter that goes on from here while it is under way. What cannot be noted is not
/// called again there.
fn record(
    py: &mut Python<'_>,
    function: &Function,
    arguments: Incoming,
    call: Option<&Call>,
    held: u64,
) {
    let call = match call {
        Some(call) => Some(call.clone()),
        None => {
            let values = bridge::operands(&py.guest().store, arguments.count);
            values.and_then(|values| Call::new(values, 0)).ok()
        }
    };
    let function = function.clone();
    let State { sandbox, session, .. } = py.state_mut();
    let ordinal = sandbox.ledger.host_calls();
    session.own_call = call.map(|call| Recorded { function, call, held, ordinal });
}

/// With arguments that are taken from where they lie, or made into values where that cannot be.
#[inline]
fn called_plainly(
    py: &mut Python<'_>,
    function: &Function,
    arguments: Incoming,
    taken: u64,
) -> Result<u32, BoxError> {
    match function.call_plain(py, arguments.count) {
        Ok(answer) => Ok(answer),
        Err(Failure::Raised(error)) => Err(error),
        Err(Failure::NotPlain) => {
            // What they take is counted already.
            py.state().bridge.arguments.give_back(taken);
            let read = arguments.read(py);
            let again = py.state().bridge.arguments.take(taken);
            again.map_err(|limit| py.guest().ours(limit.into()))?;
            let (call, _) = read.map_err(|error| py.guest().ours(error))?;
            called(py, function, call)
        }
    }
}

fn called(py: &mut Python<'_>, function: &Function, call: Call) -> Result<u32, BoxError> {
    let call = if py.state().bridge.conversions.any { call.converted(py)? } else { call };
    function.call(py, call).map_err(|failure| match failure {
        Failure::Raised(error) => error,
        Failure::NotPlain => {
            let fault = Error::GuestFault("an argument that nothing can be read of".into());
            py.guest().ours(fault).into()
        }
    })
}

/// While Python code calls functions of the host that take objects, nothing else may tell the guest
/// which of them were let go of.
fn release_many(py: &mut Python<'_>) -> Result<()> {
    if py.state().bridge.domain.waiting() < RELEASED {
        Ok(())
    } else {
        py.guest().release_dropped()
    }
}

/// Writes the exception that an error becomes in Python.
///
/// It may be another interpreter's, whose call the function has passed on with `?`: then it is only told of
/// here. What ends this interpreter has poisoned it already.
fn raise(py: &mut Python<'_>, error: BoxError) -> Result<u32> {
    if let Some(reason) = &py.state().sandbox.poisoned {
        return Err(reason.clone());
    }
    let own_limit = match error.downcast_ref() {
        Some(Error::Limit(limit)) if py.state().sandbox.limited.as_ref() == Some(limit) => {
            Some(limit)
        }
        _ => None,
    };
    match own_limit {
        Some(limit @ LimitExceeded::Timeout { .. }) => return Err(limit.clone().into()),
        Some(limit) => py.state_mut().sandbox.ledger.refuse(limit.clone()),
        None => {}
    }
    let kind = match own_limit {
        Some(LimitExceeded::HostCallTime { .. }) => "TimeoutError",
        Some(_) => "MemoryError",
        None => "RuntimeError",
    };
    match write(py, |out| raise_parts(&*error, kind, out)) {
        // It is larger than the guest has room for, or than anything may be.
        Err(error @ (Error::Limit(_) | Error::Conversion(_)))
            if !py.state().sandbox.is_poisoned() =>
        {
            let said = format!("the host's exception cannot be told: {error}");
            write(py, |out| (kind, said).to_python(out))
        }
        other => other,
    }
    .map(|len| len | RAISED)
}

/// The exception itself, or its class and its message. An error of the library that Python has no class for
/// is of this `kind`.
fn raise_parts(
    error: &(dyn std::error::Error + Send + Sync + 'static),
    kind: &str,
    out: &mut bridge::Encoder<'_>,
) -> Result<(), ConversionError> {
    let raised = error.downcast_ref::<PythonError>().or_else(|| match error.downcast_ref() {
        Some(Error::Python(raised)) => Some(&**raised),
        _ => None,
    });
    let kind = match (raised, error.downcast_ref::<Error>()) {
        (Some(raised), _) => {
            if let Some(exception) = raised.exception()
                && out.has(exception)
            {
                return out.object(exception);
            }
            // Of another interpreter, an exception is no more than its name and its message. Its end is not
            // this one's.
            return match raised.exit_status {
                None => (&*raised.type_name, &*raised.message).to_python(out),
                Some(_) => (kind, chain(error)).to_python(out),
            };
        }
        (None, Some(Error::Conversion(_))) => "TypeError",
        (None, _) if error.is::<ConversionError>() => "TypeError",
        (None, _) => kind,
    };
    (kind, chain(error)).to_python(out)
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

/// Gives the guest an answer: in a slot, or written; gives what it is told of it.
#[inline]
fn answer(py: &mut Python<'_>, value: &impl ToPython) -> Result<u32> {
    if py.guest().leave_answer(&(value,)) {
        return Ok(IN_SLOT);
    }
    let form = py.guest().converted_form();
    write(py, |out| value.to_python(out)).map(|len| len | form)
}

/// Writes an answer; gives its length.
fn write(
    py: &mut Python<'_>,
    value: impl FnOnce(&mut bridge::Encoder<'_>) -> Result<(), ConversionError>,
) -> Result<u32> {
    py.guest().encoded(value, |guest, bytes| {
        let written = guest.write_input(&[bytes]).map(|(_, len)| len);
        (written.is_ok(), written.map_err(|error| guest.stopped(error)))
    })
}
