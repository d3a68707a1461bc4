//! Rust values with names, for source text that uses them.

use super::ToPython;

/// Rust values with names, for [`Python::run_with`](crate::Python::run_with) and
/// [`eval_with`](crate::Python::eval_with): what [`values!`](crate::values!) makes, or an array of pairs of one type.
#[derive(Default)]
pub struct Values<'a>(Vec<(String, Box<dyn ToPython + 'a>)>);

impl<'a> Values<'a> {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl ToPython + 'a) -> Self {
        self.0.push((name.into(), Box::new(value)));
        self
    }

    /// The names apart from the values.
    pub(crate) fn split(self) -> (Vec<String>, Vec<Box<dyn ToPython + 'a>>) {
        self.0.into_iter().unzip()
    }
}

impl<'a, N: Into<String>, T: ToPython + 'a, const LEN: usize> From<[(N, T); LEN]> for Values<'a> {
    fn from(values: [(N, T); LEN]) -> Self {
        values.into_iter().collect()
    }
}

impl<'a, N: Into<String>, T: ToPython + 'a> FromIterator<(N, T)> for Values<'a> {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(values: I) -> Self {
        values.into_iter().fold(Self::new(), |all, (name, value)| all.with(name, value))
    }
}

impl std::fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.0.iter().map(|(name, _)| name).collect();
        f.debug_tuple("Values").field(&names).finish()
    }
}

/// Rust values with names, for source text that uses them: `values! { a: 1, b: &text }`. A name alone is the variable
/// of that name.
///
/// ```
/// use ophidia::values;
/// # fn main() -> ophidia::Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// let prices = [2.5, 4.0];
/// let total: f64 = py.eval_with("sum(price * count for price in prices)", values! { prices, count: 3 })?;
/// assert_eq!(total, 19.5);
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! values {
    ($($name:ident $(: $value:expr)?),* $(,)?) => {
        $crate::Values::new()$(.with(stringify!($name), $crate::values!(@value $name $($value)?)))*
    };
    (@value $name:ident) => { $name };
    (@value $name:ident $value:expr) => { $value };
}
