//! Views made of a layout and the bytes it lies in.

use super::element::{Bool, Element};
use crate::bridge::{Dtype, Layout};
use crate::error::ConversionError;
use half::f16;
use ndarray::{
    ArrayView, ArrayViewD, ArrayViewMut, Axis, Dimension, IxDyn, ShapeBuilder, StrideShape,
};
use num_complex::Complex;

type Result<T, E = ConversionError> = std::result::Result<T, E>;

/// A view of the layout's bytes.
pub(super) fn shared<'a, T: Element, D: Dimension>(
    layout: &Layout,
    bytes: &'a [u8],
) -> Result<ArrayView<'a, T, D>> {
    let shape = layout.shape_of::<T, D>()?;
    let items = bytemuck::try_cast_slice(bytes).map_err(|_| layout.misaligned::<T, D>())?;
    let mut view = ArrayView::from_shape(shape, items).map_err(|_| layout.too_large())?;
    layout.backward().for_each(|axis| view.invert_axis(axis));
    Ok(view)
}

/// The same, to be changed.
pub(super) fn exclusive<'a, T: Element, D: Dimension>(
    layout: &Layout,
    bytes: &'a mut [u8],
) -> Result<ArrayViewMut<'a, T, D>> {
    layout.check_writable()?;
    let shape = layout.shape_of::<T, D>()?;
    let items = bytemuck::try_cast_slice_mut(bytes).map_err(|_| layout.misaligned::<T, D>())?;
    let mut view = ArrayViewMut::from_shape(shape, items).map_err(|_| layout.overlapping())?;
    layout.backward().for_each(|axis| view.invert_axis(axis));
    Ok(view)
}

impl Layout {
    /// Shape and strides of a view, the strides in elements and without their signs.
    fn shape_of<T: Element, D: Dimension>(&self) -> Result<StrideShape<D>> {
        let axes = self.axes::<T, D>(self.dtype())?;
        let ndim = axes.clone().count();
        let (mut shape, mut strides) = (D::zeros(ndim), D::zeros(ndim));
        let places = shape.slice_mut().iter_mut().zip(strides.slice_mut());
        for ((len, stride), (axis, step)) in axes.zip(places) {
            *axis = len;
            // The stride along an axis of one element means nothing.
            *step = if len > 1 { self.elements_of::<T, D>(stride)? } else { 1 };
        }
        if shape.slice().contains(&0) {
            return Ok(shape.into());
        }
        Ok(shape.strides(strides))
    }

    /// How long each axis is and how many bytes apart its elements are, for elements that are known to be of this
    /// type.
    pub(super) fn axes<T: Element, D: Dimension>(
        &self,
        dtype: Result<Dtype>,
    ) -> Result<impl Iterator<Item = (usize, isize)> + Clone> {
        let dtype = dtype.map_err(|held| asked::<T, D>(&held.to_string()))?;
        let is_text = T::DTYPE == Dtype::U8 && matches!(dtype, Dtype::Bytes(_));
        let ndim = self.shape.len() + usize::from(is_text);
        if (dtype != T::DTYPE && !is_text) || D::NDIM.is_some_and(|asked| asked != ndim) {
            return Err(self.mismatch::<T, D>(dtype));
        }
        let characters = is_text.then_some((self.item_size, 1));
        let axes = self.shape.iter().copied().zip(self.strides.iter().copied());
        Ok(axes.chain(characters))
    }

    fn elements_of<T: Element, D: Dimension>(&self, stride: isize) -> Result<usize> {
        let (bytes, size) = (stride.unsigned_abs(), size_of::<T>());
        if bytes.is_multiple_of(size) {
            return Ok(bytes / size);
        }
        Err(asked::<T, D>(&format!(
            "the object's elements lie {bytes} bytes apart, which is no multiple of {size}: copy it \
             first, as with `array.copy()`"
        )))
    }

    /// The axes along which addresses fall.
    fn backward(&self) -> impl Iterator<Item = Axis> {
        let falls = |(axis, stride): (usize, &isize)| (*stride < 0).then_some(Axis(axis));
        self.strides.iter().enumerate().filter_map(falls)
    }

    pub(super) fn check_writable(&self) -> Result<()> {
        if self.read_only {
            return Err(ConversionError::other(
                "a mutable view was asked for; the object's memory is read-only: take a view, or copy the \
                 object first, as with `bytearray` or `array.copy()`",
            ));
        }
        Ok(())
    }

    fn mismatch<T: Element, D: Dimension>(&self, dtype: Dtype) -> ConversionError {
        let with = dimensions(self.shape.len());
        asked::<T, D>(&format!("the object holds {dtype} with {with}"))
    }

    fn misaligned<T: Element, D: Dimension>(&self) -> ConversionError {
        asked::<T, D>(&format!(
            "the object's elements lie at address {:#x}, which is no multiple of {}: copy it first, as with \
             `bytes` or `array.copy()`",
            self.span.start,
            align_of::<T>()
        ))
    }

    fn too_large(&self) -> ConversionError {
        ConversionError::other(format!(
            "an array of the shape {:?} cannot be viewed: its axes are too long together",
            self.shape
        ))
    }

    fn overlapping(&self) -> ConversionError {
        ConversionError::other(format!(
            "a mutable view was asked for; some of the object's elements lie in the same place (shape {:?}, \
             strides of {:?} bytes): take a view, or copy the object first, as with `array.copy()`",
            self.shape, self.strides
        ))
    }
}

/// What was asked for, and what there is instead.
fn asked<T: Element, D: Dimension>(found: &str) -> ConversionError {
    let with = D::NDIM.map_or(String::new(), |ndim| format!(" with {}", dimensions(ndim)));
    ConversionError::other(format!("a view of {}{with} was asked for; {found}", T::DTYPE))
}

fn dimensions(count: usize) -> String {
    match count {
        1 => "1 dimension".to_owned(),
        count => format!("{count} dimensions"),
    }
}

macro_rules! any_view {
    ($($(#[doc = $doc:literal])* $kind:ident($ty:ty),)*) => {
        /// A view of elements of any type, to match on.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum AnyView<'a> {
            $($(#[doc = $doc])* $kind(ArrayViewD<'a, $ty>),)*
            /// Byte strings of the same length, that of the last dimension.
            Bytes(ArrayViewD<'a, u8>),
        }

        impl AnyView<'_> {
            /// The shape; for byte strings, the length of a string comes last.
            #[must_use]
            pub fn shape(&self) -> &[usize] {
                match self {
                    $(Self::$kind(view) => view.shape(),)*
                    Self::Bytes(view) => view.shape(),
                }
            }
        }

        pub(super) fn any<'a>(layout: &Layout, bytes: &'a [u8]) -> Result<AnyView<'a>> {
            Ok(match layout.dtype()? {
                $(Dtype::$kind => AnyView::$kind(shared::<_, IxDyn>(layout, bytes)?),)*
                Dtype::Bytes(_) => AnyView::Bytes(shared::<_, IxDyn>(layout, bytes)?),
            })
        }
    };
}

any_view! {
    /// Truth values.
    Bool(Bool),
    /// Signed integers of 8 bits.
    I8(i8),
    /// Of 16 bits.
    I16(i16),
    /// Of 32 bits.
    I32(i32),
    /// Of 64 bits.
    I64(i64),
    /// Unsigned integers of 8 bits.
    U8(u8),
    /// Of 16 bits.
    U16(u16),
    /// Of 32 bits.
    U32(u32),
    /// Of 64 bits.
    U64(u64),
    /// Floats of 16 bits.
    F16(f16),
    /// Of 32 bits.
    F32(f32),
    /// Of 64 bits.
    F64(f64),
    /// Complex numbers of two floats of 32 bits.
    C64(Complex<f32>),
    /// Of two floats of 64 bits.
    C128(Complex<f64>),
}
