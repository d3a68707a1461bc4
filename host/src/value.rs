//! `Value`: a Python value in Rust's hands, and the data that handles of both sides consist of.

mod access;
mod display;
pub(crate) mod float;
mod from;
pub(crate) mod handle;
pub(crate) mod host;
pub(crate) mod name;
mod process;
pub mod stdlib;

pub use access::Key;
pub use handle::Object;
pub use host::HostObject;
pub use name::{AsName, Name};
pub use process::{Pid, Ref};

use stdlib::{Date, DateTime, Fraction, Member, Range, Time, TimeDelta};

/// A Python value in Rust's hands: a copy of plain data, or an object that stays in the guest.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    #[default]
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` that fits 64 bits.
    Int(i64),
    /// Any other `int`, as little-endian two's complement.
    BigInt(Vec<u8>),
    /// A `float`.
    Float(f64),
    /// A `complex`.
    Complex {
        /// The real part.
        real: f64,
        /// The imaginary part.
        imaginary: f64,
    },
    /// A `str` without lone surrogates.
    Str(String),
    /// A `str` with lone surrogates: UTF-8 that encodes them as if they were characters (WTF-8).
    WideStr(Vec<u8>),
    /// A `bytes`.
    Bytes(Vec<u8>),
    /// A `list`.
    List(Vec<Self>),
    /// A `tuple`.
    Tuple(Vec<Self>),
    /// A `dict`, in its order.
    Dict(Vec<(Self, Self)>),
    /// A `set`, in no particular order.
    Set(Vec<Self>),
    /// A `frozenset`, in no particular order.
    FrozenSet(Vec<Self>),
    /// A `datetime.date`.
    Date(Date),
    /// A `datetime.time`.
    Time(Box<Time>),
    /// A `datetime.datetime`.
    DateTime(Box<DateTime>),
    /// A `datetime.timedelta`.
    TimeDelta(TimeDelta),
    /// A `decimal.Decimal`, as the text that Python writes it as.
    Decimal(String),
    /// A `fractions.Fraction`.
    Fraction(Box<Fraction>),
    /// A `uuid.UUID`, the most significant byte first.
    Uuid([u8; 16]),
    /// A `pathlib.Path`.
    Path(String),
    /// A `range`.
    Range(Box<Range>),
    /// A member of an `enum.Enum`.
    Member(Box<Member>),
    /// A tasklet's pid.
    Pid(Pid),
    /// A tasklet's reference.
    Ref(Ref),
    /// A Rust value that the guest holds.
    Host(HostObject),
    /// Anything else, and what is nested deeper than 64 containers.
    Object(Object),
}

// The limit `value` counts so many bytes for each; what does not fit is boxed.
const _: () = assert!(size_of::<Value>() == 32);

impl Value {
    /// What an error calls a value of this kind.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Complex { .. } => "complex",
            Self::Str(_) | Self::WideStr(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::DateTime(_) => "datetime",
            Self::TimeDelta(_) => "timedelta",
            Self::Decimal(_) => "Decimal",
            Self::Fraction(_) => "Fraction",
            Self::Uuid(_) => "UUID",
            Self::Pid(_) => "Pid",
            Self::Ref(_) => "Ref",
            Self::Path(_) => "Path",
            Self::Range(_) => "range",
            Self::Member(_) => "a member of an Enum",
            Self::Host(_) => "an object of the host",
            Self::Object(_) => "an object",
        }
    }
}
