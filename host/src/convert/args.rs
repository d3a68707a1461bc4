//! The arguments of a call.

use super::arity::{arity, each_arity};
use super::{ConversionError, ToPython};
use crate::bridge::{Args, Encoder, Operands};
use ophidia_abi::OPERANDS;

macro_rules! tuple {
    ($($name:ident $field:tt),+) => {
        impl<$($name: ToPython),+> Args for ($($name,)+) {
            #[inline]
            fn counts(&self) -> (u32, u32) {
                (arity!($($field)+) as u32, 0)
            }

            #[inline]
            fn write(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
                $(
                    self.$field
                        .to_python(out)
                        .map_err(|error| error.within(concat!("argument ", stringify!($field))))?;
                )+
                Ok(())
            }

            #[inline]
            fn plain(&self, out: &mut Operands<'_>) -> bool {
                arity!($($field)+) as u32 <= OPERANDS && $(self.$field.to_plain(out))&&+
            }
        }
    };
}

each_arity! { tuple }

/// Arguments with keywords, or of a number that is known only at run time.
///
/// ```
/// use ophidia::Arguments;
/// let arguments = Arguments::new().arg("%d %s").arg(3).kwarg("sep", ", ").args([1, 2]);
/// ```
#[derive(Default)]
pub struct Arguments<'a> {
    positional: Vec<Box<dyn ToPython + 'a>>,
    names: Vec<String>,
    keywords: Vec<Box<dyn ToPython + 'a>>,
}

impl<'a> Arguments<'a> {
    /// No arguments.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a positional argument.
    #[must_use]
    pub fn arg(mut self, value: impl ToPython + 'a) -> Self {
        self.positional.push(Box::new(value));
        self
    }

    /// Adds positional arguments: Python's `*values`.
    #[must_use]
    pub fn args<T: ToPython + 'a>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        self.positional.extend(values.into_iter().map(|value| Box::new(value) as Box<_>));
        self
    }

    /// Adds a keyword argument.
    #[must_use]
    pub fn kwarg(mut self, name: impl Into<String>, value: impl ToPython + 'a) -> Self {
        self.names.push(name.into());
        self.keywords.push(Box::new(value));
        self
    }

    /// Adds keyword arguments: Python's `**values`.
    #[must_use]
    pub fn kwargs<N: Into<String>, T: ToPython + 'a>(
        self,
        values: impl IntoIterator<Item = (N, T)>,
    ) -> Self {
        values.into_iter().fold(self, |arguments, (name, value)| arguments.kwarg(name, value))
    }
}

impl Args for Arguments<'_> {
    fn counts(&self) -> (u32, u32) {
        let count = |values: &[_]| u32::try_from(values.len()).unwrap_or(u32::MAX);
        (count(&self.positional), count(&self.keywords))
    }

    fn write(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        for (i, value) in self.positional.iter().enumerate() {
            value.to_python(out).map_err(|error| error.within(&format!("argument {i}")))?;
        }
        for (name, value) in self.names.iter().zip(&self.keywords) {
            value.to_python(out).map_err(|error| error.within(&format!("argument {name}")))?;
        }
        if self.names.is_empty() {
            Ok(())
        } else {
            out.tuple(self.names.len(), |out| self.names.iter().try_for_each(|name| out.str(name)))
        }
    }
}

impl std::fmt::Debug for Arguments<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arguments")
            .field("positional", &self.positional.len())
            .field("keywords", &self.names)
            .finish()
    }
}
