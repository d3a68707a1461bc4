//! Idempotency keys: by what a call is known that may be made more than once.

use super::task::Recorded;
use crate::bridge::Encoder;
use crate::convert::ToPython;
use crate::error::{Error, Result};
use crate::image::hex;
use crate::python::Python;
use sha2::{Digest, Sha256};
use std::fmt;

/// By what a call of a function of the host is known: its idempotency key. A program that goes on from a checkpoint makes
/// the calls again that it had made since, and these have the keys that they had the first time, as long as they are the
/// same function's with the same arguments, as many calls later. No other call has it.
///
/// A function has the key of its call as the first parameter of its closure:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> ophidia::Result<()> {
/// use ophidia::{CallKey, Function};
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// let pay = Function::new_async("pay", |key: CallKey, cents: i64| async move {
///     // To whoever pays: the same key means the same payment.
///     format!("{cents} cents, {} digits", key.as_str().len())
/// });
/// py.set("pay", pay)?;
/// assert_eq!(py.eval_async("await pay(250)").await?, "250 cents, 32 digits".into());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallKey(String);

impl CallKey {
    /// 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of the innermost call under way.
    pub(super) fn of(py: &mut Python<'_>) -> Result<Self> {
        let life = py.life()?;
        let mut hasher = Sha256::new();
        hasher.update(life.to_le_bytes());
        let recorded = py.state().session.own_call.as_ref();
        let recorded = recorded.map(|Recorded { function, call, ordinal, .. }| {
            (function.path(), call.clone().into_value(), *ordinal)
        });
        let (path, value, ordinal) =
            recorded.ok_or_else(|| Error::host("a call whose arguments could not be read"))?;
        hasher.update(ordinal.to_le_bytes());
        hasher.update(path.as_bytes());
        let write = |out: &mut Encoder<'_>| value.to_python(out);
        let hash = |bytes: &[u8]| <[u8; 32]>::from(Sha256::digest(bytes));
        // Of what cannot be written, the function and the number have to do.
        if let Ok(arguments) = py.guest().encoded(write, |_, bytes| (false, Ok(hash(bytes)))) {
            hasher.update(arguments);
        }
        Ok(Self(hex(hasher.finalize().get(..16).unwrap_or_default())))
    }
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Marks closures that begin with a [`CallKey`].
#[derive(Debug)]
pub struct WithKey;
