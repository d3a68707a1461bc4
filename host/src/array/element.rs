//! The types of elements in Rust.

use crate::bridge::Dtype;
use bytemuck::Pod;
use half::f16;
use num_complex::Complex;
use std::fmt;

/// A truth value in an array: a byte, which may hold anything.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct Bool(pub u8);

impl Bool {
    /// Whether it is true, as any byte but zero is.
    #[must_use]
    pub fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool {
    fn from(value: bool) -> Self {
        Self(value.into())
    }
}

impl From<Bool> for bool {
    fn from(value: Bool) -> Self {
        value.get()
    }
}

impl fmt::Debug for Bool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that elements of an array can be seen as: `i8` to `u64`, `f32`, `f64`, [`Bool`],
/// [`half::f16`] and [`num_complex::Complex`] of `f32` and `f64`.
///
/// An array of byte strings is seen as `u8` with one dimension more, that of the bytes in a string.
pub trait Element: Pod + sealed::Sealed {
    /// What it is in Python.
    const DTYPE: Dtype;
}

macro_rules! elements {
    ($($ty:ty => $dtype:ident,)*) => {$(
        impl sealed::Sealed for $ty {}
        impl Element for $ty {
            const DTYPE: Dtype = Dtype::$dtype;
        }
    )*};
}

elements! {
    Bool => Bool,
    i8 => I8,
    i16 => I16,
    i32 => I32,
    i64 => I64,
    u8 => U8,
    u16 => U16,
    u32 => U32,
    u64 => U64,
    f16 => F16,
    f32 => F32,
    f64 => F64,
    Complex<f32> => C64,
    Complex<f64> => C128,
}
