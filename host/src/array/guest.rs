//! Arrays that Rust makes in the guest's memory.

use super::{Buffer, Element, Reading, Writing};
use crate::bridge::Encoder;
use crate::convert::ToPython;
use crate::error::ConversionError;
use crate::error::{Error, LimitExceeded, Result};
use crate::python::Python;
use crate::value::Object;
use ndarray::{ArrayView, ArrayViewMut, AsArray, Dimension, IntoDimension};
use std::marker::PhantomData;

/// An array in the guest's memory that Rust has made: [`Python::zeros`], [`Python::array_from`].
///
/// Its elements lie in C order, the last dimension's one after another. In Python it is a writable array
/// of numpy where `import numpy` works, and a `memoryview` elsewhere; as an argument of a call it is that
/// object, and shares this memory. It lives as long as either side holds it. In an interpreter of an image
/// [without packages](crate::RuntimeBuilder::preload_packages), the first array imports numpy, which takes as long as
/// in a program.
#[derive(Debug)]
pub struct GuestArray<T, D> {
    object: Object,
    buffer: Buffer,
    element: PhantomData<fn() -> (T, D)>,
}

impl<T, D> Clone for GuestArray<T, D> {
    /// The same array, not another.
    fn clone(&self) -> Self {
        let Self { object, buffer, element } = self;
        Self { object: object.clone(), buffer: buffer.clone(), element: *element }
    }
}

impl<T: Element, D: Dimension> GuestArray<T, D> {
    /// What Python sees.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// The memory.
    #[must_use]
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// How many elements there are along each dimension.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.buffer.shape()
    }

    /// A view of the elements. No Python runs while it lives.
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`](crate::Error::Conversion) when the array is another interpreter's.
    pub fn view<'v>(&self, py: &'v Python<'_>) -> Result<ArrayView<'v, T, D>> {
        self.buffer.view(py)
    }

    /// A view through which elements can be changed.
    pub fn view_mut<'v>(&self, py: &'v mut Python<'_>) -> Result<ArrayViewMut<'v, T, D>> {
        self.buffer.view_mut(py)
    }

    /// A view to ask for with [`Python::views`].
    #[must_use]
    pub fn reading(&self) -> Reading<'_, T, D> {
        self.buffer.reading()
    }

    /// A mutable view to ask for with [`Python::views`].
    #[must_use]
    pub fn writing(&self) -> Writing<'_, T, D> {
        self.buffer.writing()
    }
}

/// The array itself, which shares its memory.
impl<T, D> ToPython for GuestArray<T, D> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.object(&self.object)
    }
}

impl Python<'_> {
    /// An array of zeros in the guest's memory, to be filled in place: `py.zeros::<f64, _>((2, 3))`.
    ///
    /// Byte strings have no type of their own in Rust: make an array of them in Python, as with
    /// `numpy.zeros(3, "S5")`, and fill it through a mutable view of `u8`, which has one dimension more.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`](crate::Error::Limit) when the memory does not suffice;
    /// [`Error::Python`](crate::Error::Python) with a `TypeError` for what only numpy can do, where it is
    /// missing: complex numbers, and several dimensions of which one is empty.
    pub fn zeros<T: Element, S: IntoDimension>(
        &mut self,
        shape: S,
    ) -> Result<GuestArray<T, S::Dim>> {
        self.new_array(shape.into_dimension(), true)
    }

    /// An array in the guest's memory with these elements: of a slice, a `Vec`, an array or a view.
    pub fn array_from<'a, T: Element, D: Dimension>(
        &mut self,
        values: impl AsArray<'a, T, D>,
    ) -> Result<GuestArray<T, D>> {
        let values = values.into();
        let array = self.new_array(values.raw_dim(), false)?;
        array.view_mut(self)?.assign(&values);
        Ok(array)
    }

    /// An array in the guest's memory, filled from an iterator in C order without a copy in between:
    /// `py.array_from_iter(values.len(), values)`, or with a shape of several dimensions.
    ///
    /// ```
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// let squares = py.array_from_iter((2, 3), (0..6).map(|i| i * i))?;
    /// assert_eq!(squares.view(&py)?[(1, 2)], 25);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Conversion`](crate::Error::Conversion) when it gives more or fewer elements than the shape
    /// has.
    pub fn array_from_iter<T: Element, S: IntoDimension>(
        &mut self,
        shape: S,
        values: impl IntoIterator<Item = T>,
    ) -> Result<GuestArray<T, S::Dim>> {
        let array = self.new_array(shape.into_dimension(), false)?;
        let mut view = array.view_mut(self)?;
        let mut values = values.into_iter();
        let (mut given, len) = (0, view.len());
        for (place, value) in view.iter_mut().zip(&mut values) {
            *place = value;
            given += 1;
        }
        let given = match values.next() {
            None if given == len => return Ok(array),
            None => given.to_string(),
            Some(_) => "more".to_owned(),
        };
        let expected = format!("{len} elements for the shape {:?}", array.shape());
        Err(ConversionError::new(expected, given).into())
    }

    fn new_array<T: Element, D: Dimension>(
        &mut self,
        shape: D,
        zeroed: bool,
    ) -> Result<GuestArray<T, D>> {
        let limit = self.state().sandbox.ledger.memory_limit();
        let size =
            shape.slice().iter().try_fold(size_of::<T>(), |all, axis| all.checked_mul(*axis));
        let asked = size.and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX);
        if asked > limit {
            return Err(self.guest().ours(LimitExceeded::Memory { asked, limit }.into()));
        }
        let (code, kind) = T::DTYPE.codes();
        let axes = Shape(shape.slice());
        let (object, buffer) = self.operation(|py| {
            let object = py.call_helper("new_array", (code, kind, axes, asked, zeroed))?;
            let buffer = object.buffer(py)?;
            Ok::<_, Error>((object, buffer))
        })?;
        let array = GuestArray { object, buffer, element: PhantomData };
        // A program may have put something else in numpy's place.
        array.view_mut(self)?;
        if array.shape() == shape.slice() {
            Ok(array)
        } else {
            let said = format!("an array of the shape {:?}", shape.slice());
            Err(ConversionError::new(said, format!("{:?}", array.shape())).into())
        }
    }
}

/// A shape as a tuple.
pub(super) struct Shape<'a>(pub(super) &'a [usize]);

impl ToPython for Shape<'_> {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        out.tuple(self.0.len(), |out| self.0.iter().try_for_each(|axis| axis.to_python(out)))
    }
}
