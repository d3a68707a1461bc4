//! The types of an array's elements, as the buffer protocol writes them.

use crate::error::{ConversionError, beginning};
use std::fmt;

/// The type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// A truth value of one byte.
    Bool,
    /// A signed integer of 8 bits.
    I8,
    /// Of 16 bits.
    I16,
    /// Of 32 bits.
    I32,
    /// Of 64 bits.
    I64,
    /// An unsigned integer of 8 bits.
    U8,
    /// Of 16 bits.
    U16,
    /// Of 32 bits.
    U32,
    /// Of 64 bits.
    U64,
    /// An IEEE 754 float of 16 bits.
    F16,
    /// Of 32 bits.
    F32,
    /// Of 64 bits.
    F64,
    /// A complex number of two floats of 32 bits.
    C64,
    /// Of two floats of 64 bits.
    C128,
    /// A byte string of a fixed length.
    Bytes(u32),
}

impl Dtype {
    /// Size of an element in bytes.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 | Self::C64 => 8,
            Self::C128 => 16,
            Self::Bytes(len) => len as usize,
        }
    }

    /// Size in bytes of what an element's bytes have an order in: of one of the two floats of a complex number.
    pub(crate) fn part(self) -> usize {
        match self {
            Self::C64 => 4,
            Self::C128 => 8,
            Self::Bytes(_) => 1,
            other => other.size(),
        }
    }

    /// Reads a format of the buffer protocol: the syntax of the module `struct`, with `Zf` and `Zd` for
    /// complex numbers. Says whether the numbers are big-endian, too.
    pub(crate) fn of_format(format: &str) -> Result<(Self, bool), ConversionError> {
        let order = format.chars().next().filter(|c| "@=<>!^|".contains(*c));
        let code = order.map_or(format, |_| format.get(1..).unwrap_or_default());
        let native = matches!(order, None | Some('@' | '^'));
        let dtype = match code {
            "?" => Self::Bool,
            "b" => Self::I8,
            "B" | "c" => Self::U8,
            "h" => Self::I16,
            "H" => Self::U16,
            // A long of the guest has 32 bits, and so have its addresses.
            "i" | "l" => Self::I32,
            "I" | "L" => Self::U32,
            "n" if native => Self::I32,
            "N" if native => Self::U32,
            "q" => Self::I64,
            "Q" => Self::U64,
            "e" => Self::F16,
            "f" => Self::F32,
            "d" => Self::F64,
            "Zf" => Self::C64,
            "Zd" => Self::C128,
            _ => Self::byte_string(code).ok_or_else(|| unknown(format, code))?,
        };
        Ok((dtype, matches!(order, Some('>' | '!')) && dtype.part() > 1))
    }

    /// `5s`: so many bytes; `s`: one.
    fn byte_string(code: &str) -> Option<Self> {
        let count = code.strip_suffix('s')?;
        if count.is_empty() {
            return Some(Self::Bytes(1));
        }
        let digits = count.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| count.parse().ok().map(Self::Bytes)).flatten()
    }

    /// The format that Python has for it, and numpy's name of it.
    pub(crate) fn codes(self) -> (&'static str, &'static str) {
        match self {
            Self::Bool => ("?", "?"),
            Self::I8 => ("b", "i1"),
            Self::I16 => ("h", "<i2"),
            Self::I32 => ("i", "<i4"),
            Self::I64 => ("q", "<i8"),
            Self::U8 => ("B", "u1"),
            Self::U16 => ("H", "<u2"),
            Self::U32 => ("I", "<u4"),
            Self::U64 => ("Q", "<u8"),
            Self::F16 => ("e", "<f2"),
            Self::F32 => ("f", "<f4"),
            Self::F64 => ("d", "<f8"),
            Self::C64 => ("Zf", "<c8"),
            Self::C128 => ("Zd", "<c16"),
            Self::Bytes(_) => ("s", "S"),
        }
    }
}

/// What cannot be seen as numbers, and what to do instead.
fn unknown(format: &str, code: &str) -> ConversionError {
    let (what, instead) = if code.contains("T{") || code.contains(':') {
        ("structures", "view one field, as `array['field']`, or the bytes with `Buffer::bytes`")
    } else if code.ends_with('O') {
        (
            "Python objects",
            "convert them, as with `array.astype('f8')`, or take them with `extract`",
        )
    } else if code.ends_with(['w', 'u']) {
        ("text", "encode it, as with `numpy.char.encode(array)`, or take it with `extract`")
    } else if code.ends_with('g') {
        ("floats of 128 bits", "convert them, as with `array.astype('f8')`")
    } else {
        ("elements of this format", "take their bytes with `Buffer::bytes`")
    };
    ConversionError::other(format!(
        "the object holds {what} (format {:?}), which cannot be seen as numbers: {instead}",
        beginning(format)
    ))
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::C64 => "complex of f32",
            Self::C128 => "complex of f64",
            Self::Bytes(len) => return write!(f, "byte strings of {len}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_python_and_numpy() {
        for (format, dtype) in [
            ("?", Dtype::Bool),
            ("b", Dtype::I8),
            ("<h", Dtype::I16),
            ("@l", Dtype::I32),
            ("l", Dtype::I32),
            ("<l", Dtype::I32),
            ("=q", Dtype::I64),
            ("n", Dtype::I32),
            ("c", Dtype::U8),
            (">B", Dtype::U8),
            (">3s", Dtype::Bytes(3)),
            ("|b", Dtype::I8),
            ("L", Dtype::U32),
            ("Q", Dtype::U64),
            ("e", Dtype::F16),
            ("Zf", Dtype::C64),
            ("<Zd", Dtype::C128),
            ("5s", Dtype::Bytes(5)),
            ("s", Dtype::Bytes(1)),
        ] {
            assert_eq!(Dtype::of_format(format), Ok((dtype, false)), "{format}");
        }
        for (format, dtype, part) in [
            (">d", Dtype::F64, 8),
            ("!l", Dtype::I32, 4),
            (">Zf", Dtype::C64, 4),
            ("!Zd", Dtype::C128, 8),
        ] {
            assert_eq!(Dtype::of_format(format), Ok((dtype, true)), "{format}");
            assert_eq!(dtype.part(), part);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_named() {
        let said = |format: &str| match Dtype::of_format(format) {
            Err(error) => error.to_string(),
            Ok(dtype) => panic!("{format}: {dtype:?}"),
        };
        assert!(said("O").contains("Python objects"));
        assert!(said("3w").contains("text"));
        assert!(said("u").contains("text"));
        assert!(said("g").contains("floats of 128 bits"));
        assert!(said("Zg").contains("floats of 128 bits"));
        assert!(said("T{d:x:d:y:}").contains("structures"));
        for odd in ["", "<", "<n", "2d", "+5s", "99999999999s", "ß", "<ß", "dd", "x"] {
            assert!(said(odd).contains("elements of this format"), "{odd}");
        }
        assert!(said(&"ß".repeat(10_000)).len() < 400);
    }
}
