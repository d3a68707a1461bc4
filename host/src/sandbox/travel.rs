//! How the state of an interpreter is written as bytes, and read from bytes that nobody vouches for.
//!
//! Numbers are little-endian; texts and lists come behind their count, of 32 bits. Each item of a list takes a byte at
//! least, and all lists together as much of the host's memory as whoever reads allows: few bytes may stand for large items.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why bytes are not what was written, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damaged(pub(crate) String);

/// What travels in a checkpoint.
pub(crate) trait Travel: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged>;
}

/// Bytes that are read from the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
    /// Bytes that the items of lists may yet take.
    room: usize,
}

impl<'a> Bytes<'a> {
    /// Bytes of whose lists no more than so much is made.
    pub(crate) fn new(bytes: &'a [u8], room: usize) -> Self {
        Self { rest: bytes, room }
    }

    /// All that is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the room of a list of so many items.
    pub(crate) fn take_room<T>(&mut self, count: usize) -> Result<(), Damaged> {
        let asked = count.saturating_mul(size_of::<T>());
        let left = self.room.checked_sub(asked);
        self.room = left.ok_or_else(|| Damaged(format!("a list of {count} items, too many")))?;
        Ok(())
    }

    /// The next so many.
    pub(crate) fn next(&mut self, len: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| {
            Damaged(format!(
                "it ends where {len} bytes more should be, {} are there",
                self.rest.len()
            ))
        })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        self.next(N)?.try_into().map_err(|_| Damaged("a number that is cut off".into()))
    }

    /// The count of a list, of which each item takes one byte at least.
    fn count(&mut self) -> Result<usize, Damaged> {
        let count = u32::take(self)? as usize;
        if count > self.rest.len() {
            return Err(Damaged(format!("{count} items in {} bytes", self.rest.len())));
        }
        Ok(count)
    }

    /// Fails where more is there than was read.
    pub(crate) fn end(&self) -> Result<(), Damaged> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Damaged(format!("{} bytes too many", self.rest.len())))
    }
}

/// The number of a variant that there is not.
pub(crate) fn unknown<T>(what: &str, number: u8) -> Result<T, Damaged> {
    Err(Damaged(format!("{what} of the unknown kind {number}")))
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Travel for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
                Ok(Self::from_le_bytes(from.array()?))
            }
        }
    )*};
}

numbers! { u8, u32, u64, u128, i64 }

impl Travel for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push((*self).into());
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            other => unknown("a truth value", other),
        }
    }
}

impl Travel for usize {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        let number = u64::take(from)?;
        Self::try_from(number).map_err(|_| Damaged(format!("{number}, which is too large")))
    }
}

impl Travel for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        u64::try_from(self.as_nanos()).unwrap_or(u64::MAX).put(out);
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        Ok(Self::from_nanos(u64::take(from)?))
    }
}

/// Bytes behind their count.
fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    // Nothing that travels by itself has 4 GiB: more is cut off, and then refused.
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).put(out);
    out.extend_from_slice(bytes);
}

fn take_bytes<'a>(from: &mut Bytes<'a>) -> Result<&'a [u8], Damaged> {
    let count = from.count()?;
    from.next(count)
}

impl Travel for Arc<[u8]> {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self, out);
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        Ok(take_bytes(from)?.into())
    }
}

impl Travel for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        let text = std::str::from_utf8(take_bytes(from)?);
        text.map(str::to_owned).map_err(|_| Damaged("a text that is not UTF-8".into()))
    }
}

impl Travel for Arc<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        String::take(from).map(Self::from)
    }
}

impl Travel for PathBuf {
    fn put(&self, out: &mut Vec<u8>) {
        use std::os::unix::ffi::OsStrExt;
        put_bytes(self.as_os_str().as_bytes(), out);
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        use std::os::unix::ffi::OsStrExt;
        Ok(Self::from(std::ffi::OsStr::from_bytes(take_bytes(from)?)))
    }
}

impl<T: Travel> Travel for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        bool::take(from)?.then(|| T::take(from)).transpose()
    }
}

impl<T: Travel> Travel for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).put(out);
        self.iter().for_each(|item| item.put(out));
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        let count = from.count()?;
        from.take_room::<T>(count)?;
        // Grown as items come: what is claimed is not believed.
        (0..count).map(|_| T::take(from)).collect()
    }
}

impl<T: Travel + Default + Copy, const N: usize> Travel for [T; N] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|item| item.put(out));
    }

    fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        let mut items = [T::default(); N];
        for item in &mut items {
            *item = T::take(from)?;
        }
        Ok(items)
    }
}

macro_rules! tuples {
    ($($name:ident $field:tt),*) => {
        impl<$($name: Travel),*> Travel for ($($name,)*) {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }

            fn take(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
                Ok(($($name::take(from)?,)*))
            }
        }
    };
}

tuples! { A 0, B 1 }
tuples! { A 0, B 1, C 2 }
tuples! { A 0, B 1, C 2, D 3 }

/// A structure travels field by field, in this order.
macro_rules! travels {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::sandbox::travel::Travel for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $($crate::sandbox::travel::Travel::put(&self.$field, out);)*
            }

            fn take(
                from: &mut $crate::sandbox::travel::Bytes<'_>,
            ) -> Result<Self, $crate::sandbox::travel::Damaged> {
                Ok(Self { $($field: $crate::sandbox::travel::Travel::take(from)?),* })
            }
        }
    };
}

pub(crate) use travels;

#[cfg(test)]
mod tests {
    use super::*;

    fn written<T: Travel>(value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        value.put(&mut out);
        out
    }

    #[test]
    fn what_is_written_is_read_and_what_is_cut_off_is_refused() {
        type All = (Vec<(String, Option<u64>)>, [u32; 3], PathBuf, bool);
        let all: All =
            (vec![("a".into(), None), ("ü".into(), Some(5))], [1, 2, 3], "/tmp/x".into(), true);
        let bytes = written(&all);
        let mut from = Bytes::new(&bytes, 1000);
        assert_eq!(All::take(&mut from).expect("as written"), all);
        assert_eq!(from.end(), Ok(()));
        for len in 0..bytes.len() {
            assert!(All::take(&mut Bytes::new(&bytes[..len], 1000)).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn counts_are_not_believed() {
        let many = [0xff; 8];
        assert!(Vec::<u64>::take(&mut Bytes::new(&many, 1000)).is_err());
        assert!(String::take(&mut Bytes::new(&many, 1000)).is_err());
        assert!(bool::take(&mut Bytes::new(&[2], 0)).is_err());
        assert!(Bytes::new(&[1], 0).end().is_err());
        // A hundred items that take a byte each where they are written, and more where they are read.
        let none = written(&vec![None::<u64>; 100]);
        let room = 100 * size_of::<Option<u64>>();
        assert!(Vec::<Option<u64>>::take(&mut Bytes::new(&none, room)).is_ok());
        assert!(Vec::<Option<u64>>::take(&mut Bytes::new(&none, room - 1)).is_err());
    }
}
