//! `Name`: a name of Python's that is looked up once.

use std::sync::atomic::{AtomicU32, Ordering};

/// A name of an attribute or a method that each interpreter looks up once; [`intern!`](crate::intern) makes it.
///
/// The methods that take a name take a `&str` as well, which is looked up in a table each time.
///
/// ```
/// use ophidia::intern;
/// # fn main() -> ophidia::Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// let number = py.eval_object("3 + 4j")?;
/// for _ in 0..1_000 {
///     assert_eq!(number.getattr_as::<f64>(&mut py, intern!("imag"))?, 4.0);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Name {
    text: &'static str,
    /// Its number among those of the process that have been used, from 1 on; 0 before that.
    number: AtomicU32,
}

/// The number that was given last.
static LAST: AtomicU32 = AtomicU32::new(0);

impl Name {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self { text, number: AtomicU32::new(0) }
    }

    /// The name itself.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.text
    }

    /// Where interpreters keep it.
    #[inline]
    pub(crate) fn place(&self) -> usize {
        match self.number.load(Ordering::Relaxed) {
            0 => self.numbered(),
            number => number as usize - 1,
        }
    }

    #[cold]
    fn numbered(&self) -> usize {
        let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let exchanged = self.number.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed);
        // Another thread was first, when it failed: one number stays unused.
        exchanged.map_or_else(|number| number, |_| next) as usize - 1
    }
}

/// A [`Name`] for a literal: `intern!("price")` is a `&'static Name`.
#[macro_export]
macro_rules! intern {
    ($name:expr) => {{
        static NAME: $crate::Name = $crate::Name::new($name);
        &NAME
    }};
}

/// What stands for a name: text such as `&str` and `&String`, or a [`Name`] that is looked up once.
pub trait AsName: sealed::Sealed {}

/// A name as it was given.
#[derive(Clone, Copy, Debug)]
pub enum Named<'a> {
    /// As text.
    Text(&'a str),
    /// As a name with a number.
    Name(&'static Name),
}

pub(crate) mod sealed {
    use super::Named;

    pub trait Sealed {
        fn named(&self) -> Named<'_>;
    }
}

impl<T: AsRef<str> + ?Sized> AsName for &T {}
impl<T: AsRef<str> + ?Sized> sealed::Sealed for &T {
    #[inline]
    fn named(&self) -> Named<'_> {
        Named::Text((*self).as_ref())
    }
}

impl AsName for &'static Name {}
impl sealed::Sealed for &'static Name {
    #[inline]
    fn named(&self) -> Named<'_> {
        Named::Name(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_on_all_threads() {
        static NAMES: [Name; 100] = [const { Name::new("same") }; 100];
        let places = || NAMES.iter().map(Name::place).collect::<Vec<_>>();
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(places)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(all.iter().all(|places| *places == all[0]));
        let mut each = all[0].clone();
        each.sort_unstable();
        each.dedup();
        assert_eq!(each.len(), NAMES.len());
        assert!(intern!("x").place() != intern!("x").place(), "each place of use has its own");
    }
}
