//! Errors: Python raised, a limit fired, the guest broke its word, or the host failed.

mod checkpoint;
mod conversion;
mod exception;
mod failure;
mod limit;
mod panic;
mod pool;
mod text;

pub use checkpoint::CheckpointError;
pub use conversion::ConversionError;
pub use exception::TracebackFrame;
pub use failure::Failure;
pub use limit::LimitExceeded;
pub(crate) use panic::{panicked, panics};
pub use pool::{Lost, PoolError};
#[cfg(feature = "serde")]
pub(crate) use text::written;
pub(crate) use text::{beginning, cut};

use crate::value::Object;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// What this library's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something did not work. The first two are the Python program's doing, the others are not.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Python code raised an exception that nothing caught.
    #[error(transparent)]
    Python(Box<PythonError>),
    /// A limit fired. After a timeout the interpreter is poisoned, unless no guest code ran at that moment; after
    /// a refused memory request or input it is not.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The call was cancelled by [`Interrupter::cancel`](crate::Interrupter::cancel); the
    /// interpreter is poisoned.
    #[error("cancelled by the host")]
    Cancelled,
    /// An earlier call left the interpreter unusable: start a new one.
    #[error(transparent)]
    Poisoned(Arc<Poisoned>),
    /// The guest trapped or handed over something that the interop ABI does not allow; the
    /// interpreter is poisoned. Nothing outside it is affected.
    #[error("guest fault: {0}")]
    GuestFault(String),
    /// A value has another type than asked for, or does not fit.
    #[error(transparent)]
    Conversion(ConversionError),
    /// The cache folder holds no guest of this version and flavour.
    #[error("no guest in {}: build it with `{command}`", cache.display())]
    GuestMissing {
        /// The cache folder that was searched.
        cache: PathBuf,
        /// The command that builds it, such as `ophidia guest build --with regex`.
        command: String,
    },
    /// The guest in the cache is not what was built there. Found when an image is made of it.
    #[error("{reason} (`ophidia guest build` builds it anew)")]
    GuestDamaged {
        /// What of it has changed.
        reason: String,
    },
    /// A folder, variable, argument or module given to the builder is invalid or cannot be opened.
    #[error(transparent)]
    Grant(Failure),
    /// The image could not be made, stored or loaded.
    #[error(transparent)]
    Image(Failure),
    /// The host failed: no memory, no interpreter slot, a file that cannot be opened.
    #[error(transparent)]
    Host(Failure),
    /// An interpreter cannot be forked or checkpointed, or cannot go on from a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A pool refused a request, or gave it up before it ran.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

/// An interpreter can no longer be used. [`source`](std::error::Error::source) gives the cause as well.
#[derive(Clone, Debug, thiserror::Error)]
#[error("this interpreter can no longer be used")]
#[non_exhaustive]
pub struct Poisoned {
    /// The error of the call that left it unusable. Never another [`Error::Poisoned`].
    #[source]
    pub cause: Error,
}

impl Error {
    /// [`Error::Grant`], in these words.
    pub(crate) fn grant(said: impl Into<Failure>) -> Self {
        Self::Grant(said.into())
    }

    /// [`Error::Image`], in these words.
    pub(crate) fn image(said: impl std::fmt::Display) -> Self {
        Self::Image(format!("image: {said}").into())
    }

    /// [`Error::Host`], in these words.
    pub(crate) fn host(said: impl Into<Failure>) -> Self {
        Self::Host(said.into())
    }

    /// With what the system or a library said as its source, where it is one of these three.
    pub(crate) fn because(
        self,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        match self {
            Self::Grant(failure) => Self::Grant(failure.because(cause)),
            Self::Image(failure) => Self::Image(failure.because(cause)),
            Self::Host(failure) => Self::Host(failure.because(cause)),
            other => other,
        }
    }

    /// What every later call says after one that ended like this.
    pub(crate) fn poisoned(cause: Self) -> Self {
        match cause {
            poisoned @ Self::Poisoned(_) => poisoned,
            cause => Self::Poisoned(Arc::new(Poisoned { cause })),
        }
    }

    /// Adds where the value was found.
    pub(crate) fn within(self, step: &str) -> Self {
        match self {
            Self::Conversion(error) => error.within(step).into(),
            other => other,
        }
    }
}

/// A Python exception, as data.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PythonError {
    /// The type's qualified name, without `builtins`: `ValueError`, `json.decoder.JSONDecodeError`.
    pub type_name: String,
    /// `str(exception)`.
    pub message: String,
    /// For `SystemExit` and `os._exit`: the status, before it is cut to what a process can return.
    pub exit_status: Option<i64>,
    /// The traceback, once it was made.
    pub(crate) traceback: OnceLock<String>,
    pub(crate) exception: Option<Object>,
}

impl std::fmt::Display for PythonError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.exit_status, self.message.is_empty()) {
            (Some(status), true) => write!(f, "{}: {status}", self.type_name),
            (_, true) => f.write_str(&self.type_name),
            (_, false) => write!(f, "{}: {}", self.type_name, self.message),
        }
    }
}

impl std::error::Error for PythonError {}

/// [`Error::Limit`] where the conversion has failed because of one.
impl From<ConversionError> for Error {
    fn from(error: ConversionError) -> Self {
        match error.limit() {
            Some(limit) => Self::Limit(limit.clone()),
            None => Self::Conversion(error),
        }
    }
}

impl From<PythonError> for Error {
    fn from(error: PythonError) -> Self {
        Self::Python(Box::new(error))
    }
}

impl From<ophidia_guest::Error> for Error {
    fn from(error: ophidia_guest::Error) -> Self {
        match error {
            damaged @ ophidia_guest::Error::Damaged { .. } => {
                Self::GuestDamaged { reason: damaged.to_string() }
            }
            other => Self::image(&other).because(other),
        }
    }
}
