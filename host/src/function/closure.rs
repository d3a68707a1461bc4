//! Closures that become functions: what they take and what they return.

use super::answer;
use super::call::{CallArguments, Failure};
use super::key::{CallKey, WithKey};
use crate::convert::arity::{arity, each_arity};
use crate::convert::{FromPython, ToPython};
use crate::python::Python;
use ophidia_abi::Want;

/// What a function of the host may fail with.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a function of the host returns: a value, or a `Result` with one.
pub trait Outcome {
    /// What Python gets.
    type Value: ToPython;

    /// The value, or what is raised.
    ///
    /// # Errors
    ///
    /// The function's own.
    fn outcome(self) -> Result<Self::Value, Box<dyn std::error::Error + Send + Sync>>;
}

impl<T: ToPython> Outcome for T {
    type Value = T;

    fn outcome(self) -> Result<T, BoxError> {
        Ok(self)
    }
}

impl<T: ToPython, E: Into<BoxError>> Outcome for Result<T, E> {
    type Value = T;

    fn outcome(self) -> Result<T, BoxError> {
        self.map_err(Into::into)
    }
}

/// A closure that [`Function::new`](crate::Function::new) takes. `M` only tells the kinds of closures apart.
pub trait HostFunction<M>: Send + Sync + 'static {
    /// How many parameters it has.
    #[doc(hidden)]
    const ARITY: usize;

    /// In what form it wants them.
    #[doc(hidden)]
    const WANT: Want;

    /// Whether it is told the key of its call.
    #[doc(hidden)]
    const KEYED: bool = false;

    /// Calls it and writes the answer.
    #[doc(hidden)]
    fn call<A: CallArguments>(&self, py: &mut Python<'_>, arguments: A) -> Result<u32, Failure>;
}

/// Marks closures that begin with a `&mut Python`.
#[derive(Debug)]
pub struct WithPython;

macro_rules! closure {
    (($($before:ident)?) ($($parameter:ty)?) ($($py:ident)?) $($name:ident $field:tt),*) => {
        impl<Body, R: Outcome, $($name: FromPython),*>
            HostFunction<fn($($before,)? $($name),*) -> R> for Body
        where
            Body: Fn($($parameter,)? $($name),*) -> R + Send + Sync + 'static,
        {
            const ARITY: usize = arity!($($field)*);
            const WANT: Want = Want::of_arguments(&[$($name::WANT),*]);

            #[inline]
            #[allow(
                unused_mut, unused_variables, non_snake_case,
                reason = "there may be no parameter; parameters are named like their types"
            )]
            fn call<Given: CallArguments>(
                &self,
                py: &mut Python<'_>,
                mut arguments: Given,
            ) -> Result<u32, Failure> {
                $(let $name = arguments.next::<$name>(py)?;)*
                $(let $py = &mut *py;)?
                let outcome = self($($py,)? $($name),*).outcome()?;
                Ok(answer(py, &outcome)?)
            }
        }
    };
}

/// With a key.
macro_rules! keyed {
    ($($name:ident $field:tt),*) => {
        impl<Body, R: Outcome, $($name: FromPython),*> HostFunction<fn(WithKey, $($name),*) -> R>
            for Body
        where
            Body: Fn(CallKey, $($name),*) -> R + Send + Sync + 'static,
        {
            const ARITY: usize = arity!($($field)*);
            const WANT: Want = Want::of_arguments(&[$($name::WANT),*]);
            const KEYED: bool = true;

            #[allow(
                unused_mut, unused_variables, non_snake_case,
                reason = "there may be no parameter; parameters are named like their types"
            )]
            fn call<Given: CallArguments>(
                &self,
                py: &mut Python<'_>,
                mut arguments: Given,
            ) -> Result<u32, Failure> {
                $(let $name = arguments.next::<$name>(py)?;)*
                let key = CallKey::of(py)?;
                let outcome = self(key, $($name),*).outcome()?;
                Ok(answer(py, &outcome)?)
            }
        }
    };
}

/// Without a `&mut Python`, with one, and with a key.
macro_rules! closures {
    ($($name:ident $field:tt),*) => {
        keyed! { $($name $field),* }
        closure! { () () () $($name $field),* }
        closure! { (WithPython) (&mut Python<'_>) (python) $($name $field),* }
    };
}

closures! {}
each_arity! { closures }
