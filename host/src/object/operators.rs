//! Operators, comparison, hashing, slices.

use super::Object;
use crate::convert::ToPython;
use crate::error::Result;
use crate::python::Python;

macro_rules! binary {
    ($($(#[doc = $doc:literal])* $name:ident = $python:literal;)*) => {$(
        $(#[doc = $doc])*
        pub fn $name(&self, py: &mut Python<'_>, other: impl ToPython) -> Result<Self> {
            py.apply($python, (self, other))
        }
    )*};
}

macro_rules! unary {
    ($($(#[doc = $doc:literal])* $name:ident = $python:literal;)*) => {$(
        $(#[doc = $doc])*
        pub fn $name(&self, py: &mut Python<'_>) -> Result<Self> {
            py.apply($python, (self,))
        }
    )*};
}

macro_rules! comparison {
    ($($(#[doc = $doc:literal])* $name:ident = $python:literal;)*) => {$(
        $(#[doc = $doc])*
        ///
        /// What compares to something other than a `bool`, as an array does, is an error here;
        /// [`rich_compare`](Self::rich_compare) gives it.
        pub fn $name(&self, py: &mut Python<'_>, other: impl ToPython) -> Result<bool> {
            py.apply_as($python, (self, other))
        }
    )*};
}

/// How two objects are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `==`.
    Eq,
    /// `!=`.
    Ne,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
}

impl Object {
    binary! {
        /// `self + other`.
        add = "add";
        /// `self - other`.
        sub = "sub";
        /// `self * other`.
        mul = "mul";
        /// `self / other`.
        div = "truediv";
        /// `self // other`.
        floor_div = "floordiv";
        /// `self % other`.
        rem = "mod";
        /// `self ** other`.
        pow = "pow";
        /// `self @ other`.
        matmul = "matmul";
        /// `self << other`.
        lshift = "lshift";
        /// `self >> other`.
        rshift = "rshift";
        /// `self & other`.
        bitand = "and_";
        /// `self | other`.
        bitor = "or_";
        /// `self ^ other`.
        bitxor = "xor";
        /// `divmod(self, other)`, a tuple.
        divmod = "divmod";
        /// `self += other`: the object itself when it can be changed in place, else a new one.
        iadd = "iadd";
        /// `self -= other`, likewise.
        isub = "isub";
        /// `self *= other`, likewise.
        imul = "imul";
        /// `self /= other`, likewise.
        idiv = "itruediv";
        /// `self //= other`, likewise.
        ifloor_div = "ifloordiv";
        /// `self %= other`, likewise.
        irem = "imod";
        /// `self **= other`, likewise.
        ipow = "ipow";
        /// `self @= other`, likewise.
        imatmul = "imatmul";
        /// `self <<= other`, likewise.
        ilshift = "ilshift";
        /// `self >>= other`, likewise.
        irshift = "irshift";
        /// `self &= other`, likewise.
        ibitand = "iand";
        /// `self |= other`, likewise.
        ibitor = "ior";
        /// `self ^= other`, likewise.
        ibitxor = "ixor";
    }

    unary! {
        /// `-self`.
        neg = "neg";
        /// `+self`.
        pos = "pos";
        /// `~self`.
        invert = "invert";
        /// `abs(self)`.
        abs = "abs";
    }

    comparison! {
        /// `self == other`.
        eq = "eq";
        /// `self != other`.
        ne = "ne";
        /// `self < other`.
        lt = "lt";
        /// `self <= other`.
        le = "le";
        /// `self > other`.
        gt = "gt";
        /// `self >= other`.
        ge = "ge";
    }

    /// `pow(self, other, modulus)`.
    pub fn pow_mod(
        &self,
        py: &mut Python<'_>,
        other: impl ToPython,
        modulus: impl ToPython,
    ) -> Result<Self> {
        py.apply("power", (self, other, modulus))
    }

    /// A comparison, with a result of any type.
    pub fn rich_compare(
        &self,
        py: &mut Python<'_>,
        other: impl ToPython,
        op: CompareOp,
    ) -> Result<Self> {
        let name = match op {
            CompareOp::Lt => "lt",
            CompareOp::Le => "le",
            CompareOp::Eq => "eq",
            CompareOp::Ne => "ne",
            CompareOp::Gt => "gt",
            CompareOp::Ge => "ge",
        };
        py.apply(name, (self, other))
    }

    /// `hash(self)`.
    ///
    /// # Errors
    ///
    /// A `TypeError` for what has no hash.
    pub fn hash(&self, py: &mut Python<'_>) -> Result<i64> {
        py.call_helper_as("hash", (self,))
    }

    /// `self[start:stop:step]`; `None` leaves a part out.
    pub fn get_slice(&self, py: &mut Python<'_>, slice: impl Into<Slice>) -> Result<Self> {
        py.operation(|py| {
            let slice = slice.into().object(py)?;
            self.get_item(py, slice)
        })
    }

    /// `self[start:stop:step] = value`.
    pub fn set_slice(
        &self,
        py: &mut Python<'_>,
        slice: impl Into<Slice>,
        value: impl ToPython,
    ) -> Result<()> {
        py.operation(|py| {
            let slice = slice.into().object(py)?;
            self.set_item(py, slice, value)
        })
    }

    /// `del self[start:stop:step]`.
    pub fn del_slice(&self, py: &mut Python<'_>, slice: impl Into<Slice>) -> Result<()> {
        py.operation(|py| {
            let slice = slice.into().object(py)?;
            self.del_item(py, slice)
        })
    }
}

/// What a slice takes: `1..5`, `..-1`, `2..`, `..`; the pair of start and stop, such as `(1, -1)`; or
/// start, stop and step, each an `Option<i64>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    start: Option<i64>,
    stop: Option<i64>,
    step: Option<i64>,
}

impl Slice {
    fn object(self, py: &mut Python<'_>) -> Result<Object> {
        py.call_helper("slice", (self.start, self.stop, self.step))
    }
}

impl From<std::ops::Range<i64>> for Slice {
    fn from(range: std::ops::Range<i64>) -> Self {
        Self { start: Some(range.start), stop: Some(range.end), step: None }
    }
}

impl From<std::ops::RangeFrom<i64>> for Slice {
    fn from(range: std::ops::RangeFrom<i64>) -> Self {
        Self { start: Some(range.start), stop: None, step: None }
    }
}

impl From<std::ops::RangeTo<i64>> for Slice {
    fn from(range: std::ops::RangeTo<i64>) -> Self {
        Self { start: None, stop: Some(range.end), step: None }
    }
}

impl From<std::ops::RangeFull> for Slice {
    fn from(_: std::ops::RangeFull) -> Self {
        Self::default()
    }
}

impl From<(i64, i64)> for Slice {
    fn from((start, stop): (i64, i64)) -> Self {
        Self { start: Some(start), stop: Some(stop), step: None }
    }
}

impl From<(Option<i64>, Option<i64>, Option<i64>)> for Slice {
    fn from((start, stop, step): (Option<i64>, Option<i64>, Option<i64>)) -> Self {
        Self { start, stop, step }
    }
}
