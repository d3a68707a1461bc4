//! Rust values that Python holds objects for.

use super::answer;
use super::call::{CallArguments, Failure};
use super::closure::{HostFunction, Outcome};
use crate::bridge::Encoder;
use crate::convert::arity::{arity, each_arity};
use crate::convert::{FromPython, ToPython};
use crate::error::ConversionError;
use crate::error::PythonError;
use crate::python::Python;
use crate::sandbox::control::{Control, Wake};
use crate::sandbox::current;
use crate::value::HostObject;
use crate::value::Value;
use ophidia_abi::ASK_TIMEOUT;
use ophidia_abi::Want;
use parking_lot::{Mutex, MutexGuard};
use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

/// A Rust value that Python objects refer to: instances of a [`Class`](crate::Class).
///
/// It is [`FromPython`], so any host function can take one, and [`ToPython`], so it can be handed on;
/// Python code cannot look into it. Cloning gives the same value.
pub struct Shared<T>(Arc<Cell<T>>);

struct Cell<T> {
    /// The thread that uses the value, 0 for none.
    user: AtomicUsize,
    value: Mutex<T>,
    waiting: Waiting,
}

/// The interpreters that wait for a value.
#[derive(Default)]
struct Waiting {
    /// How many there are, so that nobody locks in vain.
    count: AtomicUsize,
    controls: Mutex<Vec<Arc<Control>>>,
}

impl Waiting {
    /// Makes all look again: the value is free.
    #[inline]
    fn wake(&self) {
        // Whoever waits has counted itself before it looked; here it is the other way round.
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::Relaxed) > 0 {
            for control in &*self.controls.lock() {
                control.wake();
            }
        }
    }
}

/// Waits for a value by the control of an interpreter, until dropped.
struct Waiter<'a> {
    waiting: &'a Waiting,
    control: Arc<Control>,
}

impl<'a> Waiter<'a> {
    fn new(waiting: &'a Waiting, control: Arc<Control>) -> Self {
        waiting.controls.lock().push(Arc::clone(&control));
        waiting.count.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        Self { waiting, control }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut controls = self.waiting.controls.lock();
        if let Some(at) = controls.iter().position(|one| Arc::ptr_eq(one, &self.control)) {
            controls.swap_remove(at);
        }
        self.waiting.count.fetch_sub(1, Ordering::Relaxed);
        // It may have been told that the value is free, and not take it.
        for control in &*controls {
            control.wake();
        }
    }
}

impl<T> Cell<T> {
    /// Waits until no other thread uses the value: inside a call of an interpreter no longer than that may
    /// take.
    #[cold]
    fn wait(&self) -> Result<MutexGuard<'_, T>, PythonError> {
        let Some(control) = current::control() else {
            return Ok(self.value.lock());
        };
        let waiter = Waiter::new(&self.waiting, control);
        loop {
            if let Some(value) = self.value.try_lock() {
                return Ok(value);
            }
            match waiter.control.wait_for(None, || self.value.try_lock().is_some()) {
                Ok(Wake::Elapsed) => {}
                Ok(Wake::Interrupted) => {
                    let class = match waiter.control.take_interrupt() {
                        Some(ASK_TIMEOUT) => "TimeoutError",
                        _ => "KeyboardInterrupt",
                    };
                    return Err(PythonError::new(class, ""));
                }
                // Python is told this, and ended for the same reason as soon as it runs.
                Err(stop) => {
                    let said = format!("a {} in use elsewhere: {stop}", short_name::<T>());
                    return Err(PythonError::new("TimeoutError", said));
                }
            }
        }
    }
}

/// A number that no other living thread has.
fn this_thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

impl<T: Any + Send> Shared<T> {
    /// Shares a value.
    pub fn new(value: T) -> Self {
        let (user, value) = (AtomicUsize::new(0), Mutex::new(value));
        Self(Arc::new(Cell { user, value, waiting: Waiting::default() }))
    }

    /// Does something with the value, while no other thread or function can. In a function that Python calls,
    /// waiting for others ends when the operation has to end.
    ///
    /// # Errors
    ///
    /// A `RuntimeError` when this happens in the middle of another use: a method has called Python,
    /// which has called a method of the same value. A `TimeoutError` or `KeyboardInterrupt` when the
    /// interpreter whose call this is is out of time, cancelled or interrupted while it waits.
    pub fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> Result<R, PythonError> {
        struct Using<'a>(&'a AtomicUsize);
        impl Drop for Using<'_> {
            fn drop(&mut self) {
                self.0.store(0, Ordering::Relaxed);
            }
        }
        struct Waking<'a>(&'a Waiting);
        impl Drop for Waking<'_> {
            fn drop(&mut self) {
                self.0.wake();
            }
        }
        let cell = &*self.0;
        let Cell { user, waiting, .. } = cell;
        if user.load(Ordering::Relaxed) == this_thread() {
            let message = format!("this {} is in use already, further out", short_name::<T>());
            return Err(PythonError::new("RuntimeError", message));
        }
        // Dropped after the lock.
        let _waking = Waking(waiting);
        let mut value = match cell.value.try_lock() {
            Some(value) => value,
            None => cell.wait()?,
        };
        user.store(this_thread(), Ordering::Relaxed);
        let _using = Using(user);
        Ok(body(&mut value))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> std::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("type", &short_name::<T>()).finish()
    }
}

impl<T: Any + Send> FromPython for Shared<T> {
    fn from_python(value: Value) -> Result<Self, ConversionError> {
        let kind = value.kind();
        match value {
            Value::Host(object) => object.downcast().map(Self),
            _ => None,
        }
        .ok_or_else(|| ConversionError::new(short_name::<T>(), kind))
    }
}

impl<T: Any + Send> ToPython for Shared<T> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        let value: Arc<dyn Any + Send + Sync> = Arc::clone(&self.0) as _;
        out.host_object(&HostObject(value))
    }
}

/// A type's name without its path.
fn short_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

/// A closure that [`Class::method`](crate::Class::method) takes. `M` only tells the kinds of closures
/// apart.
pub trait HostMethod<T, M>: Send + Sync + 'static {
    /// How many parameters it has besides the value.
    #[doc(hidden)]
    const ARITY: usize;

    /// In what form it wants them.
    #[doc(hidden)]
    const WANT: Want;

    /// Calls it and writes the answer.
    #[doc(hidden)]
    fn call<A: CallArguments>(
        &self,
        py: &mut Python<'_>,
        this: &Shared<T>,
        arguments: A,
    ) -> Result<u32, Failure>;
}

/// A method as a function whose first parameter is the value.
pub(super) struct Method<T, F>(pub(super) F, pub(super) PhantomData<fn(T)>);

impl<T: Any + Send, M: 'static, F: HostMethod<T, M>> HostFunction<(T, M)> for Method<T, F> {
    const ARITY: usize = 1 + F::ARITY;
    const WANT: Want = F::WANT;

    fn call<A: CallArguments>(
        &self,
        py: &mut Python<'_>,
        mut arguments: A,
    ) -> Result<u32, Failure> {
        let this = arguments.next::<Shared<T>>(py)?;
        self.0.call(py, &this, arguments)
    }
}

/// Marks closures that take the value by shared reference, by mutable reference, and these with a
/// `&mut Python` behind it.
#[derive(Debug)]
pub struct Kinds<const MUTABLE: bool, const PYTHON: bool>;

macro_rules! method {
    ($mutable:literal $python:literal [$($reference:tt)+] [$($parameter:ty)?] [$($py:ident)?]
     $($name:ident $field:tt),*) => {
        impl<T, Body, R, $($name),*>
            HostMethod<T, fn(Kinds<$mutable, $python>, $($name),*) -> R> for Body
        where
            T: Any + Send,
            R: Outcome,
            $($name: FromPython,)*
            Body: Fn($($reference)+ T, $($parameter,)? $($name),*) -> R + Send + Sync + 'static,
        {
            const ARITY: usize = arity!($($field)*);
            const WANT: Want = Want::of_arguments(&[$($name::WANT),*]);

            #[allow(
                unused_mut, unused_variables, non_snake_case,
                reason = "there may be no parameter; parameters are named like their types"
            )]
            fn call<Given: CallArguments>(
                &self,
                py: &mut Python<'_>,
                this: &Shared<T>,
                mut arguments: Given,
            ) -> Result<u32, Failure> {
                $(let $name = arguments.next::<$name>(py)?;)*
                $(let $py = &mut *py;)?
                let outcome = this.with(|value| self(value, $($py,)? $($name),*).outcome())??;
                Ok(answer(py, &outcome)?)
            }
        }
    };
}

macro_rules! methods {
    ($($name:ident $field:tt),*) => {
        method!(false false [&] [] [] $($name $field),*);
        method!(true false [&mut] [] [] $($name $field),*);
        method!(false true [&] [&mut Python<'_>] [python] $($name $field),*);
        method!(true true [&mut] [&mut Python<'_>] [python] $($name $field),*);
    };
}

methods! {}
each_arity! { methods }
