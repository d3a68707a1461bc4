//! Several views at once, some of them mutable: none of these may share memory with another.

use super::{Buffer, Element, gone, view};
use crate::convert::arity::each_arity;
use crate::error::ConversionError;
use crate::error::Result;
use crate::python::Python;
use ndarray::{ArrayView, ArrayViewMut, Dimension};
use std::marker::PhantomData;
use std::ops::Range;

/// A request for a view, for [`Python::views`]; [`Buffer::reading`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'b, T, D>(&'b Buffer, PhantomData<fn() -> (T, D)>);

/// A request for a mutable view, for [`Python::views`]; [`Buffer::writing`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'b, T, D>(&'b Buffer, PhantomData<fn() -> (T, D)>);

impl Buffer {
    /// A view to ask for with [`Python::views`].
    #[must_use]
    pub fn reading<T: Element, D: Dimension>(&self) -> Reading<'_, T, D> {
        Reading(self, PhantomData)
    }

    /// A mutable view to ask for with [`Python::views`].
    #[must_use]
    pub fn writing<T: Element, D: Dimension>(&self) -> Writing<'_, T, D> {
        Writing(self, PhantomData)
    }
}

impl Python<'_> {
    /// Several views at once: a tuple, an array or a `Vec` of [`Buffer::reading`] and
    /// [`Buffer::writing`].
    ///
    /// ```
    /// use ophidia::array::ndarray::Ix1;
    ///
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let from = py.eval_object("b'abc'")?.buffer(&mut py)?;
    /// let to = py.eval_object("bytearray(3)")?.buffer(&mut py)?;
    /// let (from, mut to) = py.views((from.reading::<u8, Ix1>(), to.writing::<u8, Ix1>()))?;
    /// to.assign(&from);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`](crate::Error::Conversion) when the memory of a mutable view, from its
    /// first to its last byte, shares some with that of another view.
    pub fn views<'v, S: Several<'v>>(&'v mut self, asked: S) -> Result<S::Views> {
        let mut wanted = Vec::new();
        asked.list(&mut wanted);
        for want in &wanted {
            want.buffer.check(self)?;
        }
        let mut pieces = pieces(self.memory_mut()?, &wanted)?.into_iter();
        asked.open(&mut pieces)
    }
}

/// Requests for several views: a tuple, an array or a `Vec`.
pub trait Several<'v>: sealed::Sealed {
    /// What they are.
    type Views;

    #[doc(hidden)]
    fn list<'b>(&'b self, wanted: &mut Vec<Wanted<'b>>);

    #[doc(hidden)]
    fn open(self, pieces: &mut dyn Iterator<Item = Piece<'v>>) -> Result<Self::Views>;
}

/// One of several views.
pub trait ViewOf<'v>: sealed::Sealed {
    /// The view.
    type View;

    #[doc(hidden)]
    fn wanted(&self) -> Wanted<'_>;

    #[doc(hidden)]
    fn open_one(self, piece: Piece<'v>) -> Result<Self::View>;
}

mod sealed {
    pub trait Sealed {}
}

/// What one view needs.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'b> {
    buffer: &'b Buffer,
    writes: bool,
}

/// The memory of one view.
#[derive(Debug)]
pub enum Piece<'v> {
    /// Shared with others.
    Shared(&'v [u8]),
    /// Its own.
    Own(&'v mut [u8]),
}

impl<T, D> sealed::Sealed for Reading<'_, T, D> {}
impl<'v, T: Element, D: Dimension> ViewOf<'v> for Reading<'_, T, D> {
    type View = ArrayView<'v, T, D>;

    fn wanted(&self) -> Wanted<'_> {
        Wanted { buffer: self.0, writes: false }
    }

    fn open_one(self, piece: Piece<'v>) -> Result<Self::View> {
        let bytes = match piece {
            Piece::Shared(bytes) => bytes,
            Piece::Own(bytes) => bytes,
        };
        Ok(view::shared(&self.0.layout, bytes)?)
    }
}

impl<T, D> sealed::Sealed for Writing<'_, T, D> {}
impl<'v, T: Element, D: Dimension> ViewOf<'v> for Writing<'_, T, D> {
    type View = ArrayViewMut<'v, T, D>;

    fn wanted(&self) -> Wanted<'_> {
        Wanted { buffer: self.0, writes: true }
    }

    fn open_one(self, piece: Piece<'v>) -> Result<Self::View> {
        match piece {
            Piece::Own(bytes) => Ok(view::exclusive(&self.0.layout, bytes)?),
            Piece::Shared(_) => Err(gone()),
        }
    }
}

impl<V: sealed::Sealed> sealed::Sealed for Vec<V> {}
impl<'v, V: ViewOf<'v>> Several<'v> for Vec<V> {
    type Views = Vec<V::View>;

    fn list<'b>(&'b self, wanted: &mut Vec<Wanted<'b>>) {
        wanted.extend(self.iter().map(V::wanted));
    }

    fn open(self, pieces: &mut dyn Iterator<Item = Piece<'v>>) -> Result<Self::Views> {
        self.into_iter().map(|one| one.open_one(pieces.next().ok_or_else(gone)?)).collect()
    }
}

impl<V: sealed::Sealed, const N: usize> sealed::Sealed for [V; N] {}
impl<'v, V: ViewOf<'v>, const N: usize> Several<'v> for [V; N] {
    type Views = [V::View; N];

    fn list<'b>(&'b self, wanted: &mut Vec<Wanted<'b>>) {
        wanted.extend(self.iter().map(V::wanted));
    }

    fn open(self, pieces: &mut dyn Iterator<Item = Piece<'v>>) -> Result<Self::Views> {
        Vec::from(self).open(pieces)?.try_into().map_err(|_| gone())
    }
}

macro_rules! tuple {
    ($($name:ident $field:tt),+) => {
        impl<$($name: sealed::Sealed),+> sealed::Sealed for ($($name,)+) {}
        impl<'v, $($name: ViewOf<'v>),+> Several<'v> for ($($name,)+) {
            type Views = ($($name::View,)+);

            fn list<'b>(&'b self, wanted: &mut Vec<Wanted<'b>>) {
                wanted.extend([$(self.$field.wanted()),+]);
            }

            fn open(self, pieces: &mut dyn Iterator<Item = Piece<'v>>) -> Result<Self::Views> {
                Ok(($(self.$field.open_one(pieces.next().ok_or_else(gone)?)?,)+))
            }
        }
    };
}

each_arity! { tuple }

/// Cuts the memory up: a piece for each view, in the order they were asked for.
fn pieces<'v>(memory: &'v mut [u8], wanted: &[Wanted<'_>]) -> Result<Vec<Piece<'v>>> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    let span = |i: usize| wanted.get(i).map_or(0..0, |want| want.buffer.span().clone());
    order.sort_by_key(|i| span(*i).start);
    let mut pieces = Vec::with_capacity(order.len());
    let (mut rest, mut cut) = (memory, 0);
    let mut order = order.into_iter().peekable();
    while let Some(first) = order.next() {
        // Those whose memory hangs together.
        let mut whole = span(first);
        let mut group = vec![first];
        while let Some(next) = order.next_if(|next| overlap(&whole, &span(*next))) {
            whole.end = whole.end.max(span(next).end);
            group.push(next);
        }
        let skipped = whole.start.checked_sub(cut).filter(|_| !whole.is_empty()).unwrap_or(0);
        let (_, from) = std::mem::take(&mut rest).split_at_mut_checked(skipped).ok_or_else(gone)?;
        let (own, behind) = from.split_at_mut_checked(whole.len()).ok_or_else(gone)?;
        (rest, cut) = (behind, if whole.is_empty() { cut } else { whole.end });
        if group.len() == 1 {
            pieces.push((first, Piece::Own(own)));
            continue;
        }
        if group.iter().any(|i| wanted.get(*i).is_some_and(|want| want.writes)) {
            return Err(ConversionError::other(format!(
                "{} views of memory that overlaps were asked for, some of them mutable: take one after \
                 the other",
                group.len()
            ))
            .into());
        }
        let own: &'v [u8] = own;
        for i in group {
            let Range { start, end } = span(i);
            let part = own.get(start - whole.start..end - whole.start).ok_or_else(gone)?;
            pieces.push((i, Piece::Shared(part)));
        }
    }
    pieces.sort_by_key(|(i, _)| *i);
    Ok(pieces.into_iter().map(|(_, piece)| piece).collect())
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}
