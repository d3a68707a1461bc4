//! The encoding of values: how arguments travel into the guest, and nested data out of it.
//!
//! A value is a tag of one byte and what the tag says:
//!
//! | tag | followed by |
//! |---|---|
//! | `None`, `False`, `True` | nothing |
//! | `Int` | an `i64` |
//! | `BigInt` | a `u32` count, then as many bytes of two's complement |
//! | `Float` | an `f64` |
//! | `Complex` | two `f64`: real and imaginary part |
//! | `Str` | a `u32` count, then as many bytes of UTF-8 |
//! | `WideStr` | the same, with lone surrogates encoded as if they were characters |
//! | `Bytes` | a `u32` count, then as many bytes |
//! | `List`, `Tuple`, `Set`, `FrozenSet` | a `u32` count, then as many values |
//! | `Dict` | a `u32` count, then as many pairs of values |
//! | `Handle` | a `u32` index and a `u32` generation |
//! | `Function` | a `u32` number, then a value: the tuple of name, documentation, parameters, whether it is asynchronous, and in what form it wants its arguments: [`Want`](crate::Want) |
//! | `HostObject` | a `u32` number |
//! | `Date` | a `u16` year, a month and a day of a byte each |
//! | `Time` | hour, minute, second and fold of a byte each, a `u32` of microseconds; then the zone: an `i64` of microseconds east of UTC or [`NO_OFFSET`], and a value, `None` or a `Str` that names it |
//! | `DateTime` | what follows a `Date`, then what follows a `Time` |
//! | `TimeDelta` | an `i32` of days, a `u32` of seconds, a `u32` of microseconds |
//! | `Decimal`, `Path` | as `Str` |
//! | `Fraction` | two values, each an `Int` or `BigInt` |
//! | `Uuid` | 16 bytes, the most significant one first |
//! | `Range` | three `i64`: start, stop and step |
//! | `Member` | two values: its name, a `Str`, and itself, a `Handle` |
//! | `Made` | a value: the tuple of a callable or its dotted name, how many keyword arguments there are, the arguments, and if there are keywords the tuple of their names; or of a dotted name alone, for what it stands for |
//! | `Array` | a value: the tuple of its format, its type in numpy's words, its shape and its bytes |
//!
//! Everything is little-endian. What is deeper than [`MAX_DEPTH`] or has no plain form is a handle.

/// How deep containers may be nested.
pub const MAX_DEPTH: u32 = 64;

/// The most bytes that one encoding may take: 256 MiB.
pub const MAX_ENCODED: u32 = 256 << 20;

/// The offset of a time that has none.
pub const NO_OFFSET: i64 = i64::MIN;

/// What follows in an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoded {
    /// `None`.
    None = 0,
    /// `False`.
    False = 1,
    /// `True`.
    True = 2,
    /// An `int` that fits 64 bits.
    Int = 3,
    /// Any other `int`.
    BigInt = 4,
    /// A `float`.
    Float = 5,
    /// A `complex`.
    Complex = 6,
    /// A `str` without lone surrogates.
    Str = 7,
    /// A `str` with some.
    WideStr = 8,
    /// A `bytes`.
    Bytes = 9,
    /// A `list`.
    List = 10,
    /// A `tuple`.
    Tuple = 11,
    /// A `dict`, in its order.
    Dict = 12,
    /// A `set`.
    Set = 13,
    /// A `frozenset`.
    FrozenSet = 14,
    /// An object that stays in the guest.
    Handle = 15,
    /// A function of the host, on its way into the guest.
    Function = 16,
    /// An object of the host.
    HostObject = 17,
    /// A `datetime.date`.
    Date = 18,
    /// A `datetime.time`.
    Time = 19,
    /// A `datetime.datetime`.
    DateTime = 20,
    /// A `datetime.timedelta`.
    TimeDelta = 21,
    /// A `decimal.Decimal`.
    Decimal = 22,
    /// A `fractions.Fraction`.
    Fraction = 23,
    /// A `uuid.UUID`.
    Uuid = 24,
    /// A `pathlib.Path`.
    Path = 25,
    /// A `range`.
    Range = 26,
    /// A member of an `enum.Enum`, on its way to the host.
    Member = 27,
    /// An array, on its way into the guest.
    Array = 28,
    /// An object that calling another gives, on its way into the guest.
    Made = 29,
}

impl Encoded {
    /// Every tag with its name in the header.
    pub const ALL: &[(Self, &str)] = &[
        (Self::None, "NONE"),
        (Self::False, "FALSE"),
        (Self::True, "TRUE"),
        (Self::Int, "INT"),
        (Self::BigInt, "BIG_INT"),
        (Self::Float, "FLOAT"),
        (Self::Complex, "COMPLEX"),
        (Self::Str, "STR"),
        (Self::WideStr, "WIDE_STR"),
        (Self::Bytes, "BYTES"),
        (Self::List, "LIST"),
        (Self::Tuple, "TUPLE"),
        (Self::Dict, "DICT"),
        (Self::Set, "SET"),
        (Self::FrozenSet, "FROZEN_SET"),
        (Self::Handle, "HANDLE"),
        (Self::Function, "FUNCTION"),
        (Self::HostObject, "HOST_OBJECT"),
        (Self::Date, "DATE"),
        (Self::Time, "TIME"),
        (Self::DateTime, "DATE_TIME"),
        (Self::TimeDelta, "TIME_DELTA"),
        (Self::Decimal, "DECIMAL"),
        (Self::Fraction, "FRACTION"),
        (Self::Uuid, "UUID"),
        (Self::Path, "PATH"),
        (Self::Range, "RANGE"),
        (Self::Member, "MEMBER"),
        (Self::Array, "ARRAY"),
        (Self::Made, "MADE"),
    ];

    /// The tag with this number, if there is one.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).map(|(tag, _)| *tag)
    }
}
