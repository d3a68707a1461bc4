//! What operands are taken from.

use super::{Encoder, Operands};
use crate::error::ConversionError;

/// The arguments of a call: a tuple of positional ones, or [`Arguments`](crate::Arguments).
pub trait Args {
    /// How many positional and keyword arguments there are.
    fn counts(&self) -> (u32, u32);

    /// Writes the positional arguments, then the keyword arguments; when there are any of these, the
    /// tuple of their names last.
    ///
    /// # Errors
    ///
    /// What cannot be converted.
    fn write(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError>;

    /// The same for a few that are plain. `false`: they have to be written.
    #[doc(hidden)]
    #[inline]
    fn plain(&self, _out: &mut Operands<'_>) -> bool {
        false
    }
}

impl<T: Args + ?Sized> Args for &T {
    fn counts(&self) -> (u32, u32) {
        (**self).counts()
    }

    fn write(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        (**self).write(out)
    }

    #[inline]
    fn plain(&self, out: &mut Operands<'_>) -> bool {
        (**self).plain(out)
    }
}

impl Args for () {
    fn counts(&self) -> (u32, u32) {
        (0, 0)
    }

    fn write(&self, _: &mut Encoder<'_>) -> Result<(), ConversionError> {
        Ok(())
    }

    #[inline]
    fn plain(&self, _: &mut Operands<'_>) -> bool {
        true
    }
}
