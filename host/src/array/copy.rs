//! Copies of arrays whose elements no view can show: they lie at odd addresses, or in the other byte order.

use super::element::Element;
use crate::bridge::Layout;
use crate::error::{ConversionError, Result};
use crate::sandbox::control::Control;
use ndarray::Dimension;

/// Elements that are copied between two looks at the clock.
const STRIDE: usize = 64 << 10;

/// The shape, and the elements in C order.
///
/// # Errors
///
/// The elements have another type, or there are more or fewer dimensions; the operation has to end.
pub(super) fn copied<T: Element, D: Dimension>(
    layout: &Layout,
    bytes: &[u8],
    control: &Control,
) -> Result<(D, Vec<T>)> {
    let axes: Vec<(usize, isize)> = layout.axes::<T, D>(layout.element.clone())?.collect();
    let mut shape = D::zeros(axes.len());
    for (to, (len, _)) in shape.slice_mut().iter_mut().zip(&axes) {
        *to = *len;
    }
    let Some(count) = axes.iter().try_fold(1, |all: usize, (len, _)| all.checked_mul(*len)) else {
        return Err(ConversionError::other(format!("an array of the shape {shape:?}")).into());
    };
    if count == 0 {
        return Ok((shape, Vec::new()));
    }
    // From the lowest byte to the first element.
    let back = |(len, stride): &(usize, isize)| {
        if *stride < 0 { (*len as isize - 1).saturating_mul(-stride) } else { 0 }
    };
    let first = axes.iter().map(back).fold(0, isize::saturating_add);
    let mut copy = Copy { bytes, items: Vec::with_capacity(count), control, look_at: STRIDE };
    copy.axes(&axes, first)?;
    let mut items = copy.items;
    if layout.is_big_endian {
        let parts = bytemuck::cast_slice_mut::<T, u8>(&mut items);
        parts.chunks_exact_mut(T::DTYPE.part()).for_each(<[u8]>::reverse);
    }
    Ok((shape, items))
}

struct Copy<'a, T> {
    bytes: &'a [u8],
    items: Vec<T>,
    control: &'a Control,
    /// With so many copied, the clock is looked at.
    look_at: usize,
}

impl<T: Element> Copy<'_, T> {
    /// What lies along these axes, from this place on.
    fn axes(&mut self, axes: &[(usize, isize)], at: isize) -> Result<()> {
        match axes {
            [] => self.row(1, 0, at),
            [(len, stride)] => self.row(*len, *stride, at),
            [(len, stride), inner @ ..] => {
                let mut at = at;
                for _ in 0..*len {
                    self.axes(inner, at)?;
                    at = at.saturating_add(*stride);
                }
                Ok(())
            }
        }
    }

    fn row(&mut self, len: usize, stride: isize, at: isize) -> Result<()> {
        let (mut left, mut at) = (len, at);
        while left > 0 {
            if self.items.len() >= self.look_at {
                self.look_at = self.items.len() + STRIDE;
                self.control.check()?;
            }
            let piece = left.min(STRIDE);
            for _ in 0..piece {
                let bytes = usize::try_from(at)
                    .ok()
                    .and_then(|at| self.bytes.get(at..)?.get(..size_of::<T>()));
                let item = bytes.and_then(|bytes| bytemuck::try_pod_read_unaligned(bytes).ok());
                self.items.push(item.ok_or_else(super::gone)?);
                at = at.saturating_add(stride);
            }
            left -= piece;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::Dtype;
    use crate::error::{Error, LimitExceeded};
    use ndarray::Ix2;
    use std::time::Duration;

    #[test]
    fn copying_ends_at_the_deadline() {
        let control = Control::new(Some(Duration::ZERO));
        let mut operations = crate::sandbox::operation::Operations::default();
        operations.open(&control);
        let ended = |shape: [usize; 2]| {
            let layout = Layout {
                format: ">d".into(),
                element: Ok(Dtype::F64),
                is_big_endian: true,
                item_size: 8,
                read_only: false,
                elements: shape.iter().product(),
                shape: shape.into(),
                strides: vec![0, 0],
                span: 0..8,
            };
            copied::<f64, Ix2>(&layout, &1.5f64.to_be_bytes(), &control)
        };
        let (shape, items) = ended([2, 3]).expect("too short to look at the clock");
        assert_eq!((shape, items), (Ix2(2, 3), vec![1.5; 6]));
        for shape in [[1, 1 << 20], [1 << 20, 1], [1 << 10, 1 << 10]] {
            let ended = ended(shape).map(|(shape, _)| shape);
            assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
        }
    }
}
