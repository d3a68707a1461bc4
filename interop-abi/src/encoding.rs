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
//! | `Pid` | a `u64` domain, a `u32` index and a `u32` generation |
//! | `Ref` | a `u64` domain and a `u64` number |
//!
//! Everything is little-endian. What is deeper than [`MAX_DEPTH`] or has no plain form is a handle.

use crate::numbered::numbered;

/// How deep containers may be nested.
pub const MAX_DEPTH: u32 = 64;

/// The most bytes that one encoding may take: 256 MiB.
pub const MAX_ENCODED: u32 = 256 << 20;

/// The offset of a time that has none.
pub const NO_OFFSET: i64 = i64::MIN;

numbered! {
    /// What follows in an encoding.
    pub enum Encoded: u8 {
        /// `None`.
        None = 0 "NONE",
        /// `False`.
        False = 1 "FALSE",
        /// `True`.
        True = 2 "TRUE",
        /// An `int` that fits 64 bits.
        Int = 3 "INT",
        /// Any other `int`.
        BigInt = 4 "BIG_INT",
        /// A `float`.
        Float = 5 "FLOAT",
        /// A `complex`.
        Complex = 6 "COMPLEX",
        /// A `str` without lone surrogates.
        Str = 7 "STR",
        /// A `str` with some.
        WideStr = 8 "WIDE_STR",
        /// A `bytes`.
        Bytes = 9 "BYTES",
        /// A `list`.
        List = 10 "LIST",
        /// A `tuple`.
        Tuple = 11 "TUPLE",
        /// A `dict`, in its order.
        Dict = 12 "DICT",
        /// A `set`.
        Set = 13 "SET",
        /// A `frozenset`.
        FrozenSet = 14 "FROZEN_SET",
        /// An object that stays in the guest.
        Handle = 15 "HANDLE",
        /// A function of the host, on its way into the guest.
        Function = 16 "FUNCTION",
        /// An object of the host.
        HostObject = 17 "HOST_OBJECT",
        /// A `datetime.date`.
        Date = 18 "DATE",
        /// A `datetime.time`.
        Time = 19 "TIME",
        /// A `datetime.datetime`.
        DateTime = 20 "DATE_TIME",
        /// A `datetime.timedelta`.
        TimeDelta = 21 "TIME_DELTA",
        /// A `decimal.Decimal`.
        Decimal = 22 "DECIMAL",
        /// A `fractions.Fraction`.
        Fraction = 23 "FRACTION",
        /// A `uuid.UUID`.
        Uuid = 24 "UUID",
        /// A `pathlib.Path`.
        Path = 25 "PATH",
        /// A `range`.
        Range = 26 "RANGE",
        /// A member of an `enum.Enum`, on its way to the host.
        Member = 27 "MEMBER",
        /// An array, on its way into the guest, or to another one.
        Array = 28 "ARRAY",
        /// An object that calling another gives, on its way into the guest.
        Made = 29 "MADE",
        /// The name of a tasklet.
        Pid = 30 "PID",
        /// The name of a monitor, a timer or a call of one.
        Ref = 31 "REF",
    }
}
