//! An `int` of any size as a float: the nearest one, as Python's `float` rounds.

/// Bytes of an integer that are not its sign, at most, while a float can be near it: 1024 bits, and one byte more.
const MOST: usize = 129;

/// Words that have room for as many, and for the sign.
const WORDS: usize = MOST.div_ceil(8);

/// An integer without what no float has room for: `bits` times two to the power of `shift`.
struct Leading {
    negative: bool,
    /// The uppermost 64 bits. The last of them is set when any further one is, which is all that rounding asks about.
    bits: u64,
    shift: i32,
}

impl Leading {
    /// Of little-endian two's complement. `None`: no float is near it.
    fn of(bytes: &[u8]) -> Option<Self> {
        let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let fill = if negative { 0xff } else { 0 };
        let (low, high) = bytes.split_at(bytes.len().min(MOST));
        if high.iter().any(|byte| *byte != fill) {
            return None;
        }
        let mut all = [[fill; 8]; WORDS];
        for (to, from) in all.as_flattened_mut().iter_mut().zip(low) {
            *to = *from;
        }
        let mut words = all.map(u64::from_le_bytes);
        if negative {
            let mut carry = true;
            for word in &mut words {
                (*word, carry) = (!*word).overflowing_add(carry.into());
            }
        }
        let Some((top, lower)) = words.iter().rposition(|word| *word != 0).and_then(|top| {
            let (lower, upper) = words.split_at(top);
            Some((*upper.first()?, lower))
        }) else {
            return Some(Self { negative, bits: 0, shift: 0 });
        };
        let (next, rest) = lower.split_last().map_or((0, lower), |(next, rest)| (*next, rest));
        let zeros = top.leading_zeros();
        let both = (u128::from(top) << 64 | u128::from(next)) << zeros;
        let more = both as u64 != 0 || rest.iter().any(|word| *word != 0);
        let shift = 64 * i32::try_from(lower.len()).ok()? - zeros.cast_signed();
        Some(Self { negative, bits: (both >> 64) as u64 | u64::from(more), shift })
    }

    /// What is near the bits, moved to where they stand. `None` when that is too large.
    fn moved(&self, near: f64) -> Option<f64> {
        let exponent =
            u64::try_from(1023 + self.shift).ok().filter(|exponent| *exponent < 0x7ff)?;
        let moved = near * f64::from_bits(exponent << 52);
        moved.is_finite().then_some(if self.negative { -moved } else { moved })
    }
}

/// The nearest `f64` to an integer of little-endian two's complement. `None`: it is larger than any.
pub(crate) fn nearest(bytes: &[u8]) -> Option<f64> {
    let leading = Leading::of(bytes)?;
    leading.moved(leading.bits as f64)
}

/// The nearest `f32` likewise, rounded once.
pub(crate) fn nearest_short(bytes: &[u8]) -> Option<f32> {
    let leading = Leading::of(bytes)?;
    // 53 bits, which an `f64` holds as they are.
    let bits = leading.bits >> 11 | u64::from(leading.bits & 0x7ff != 0);
    let short = leading.moved(bits as f64 * 2048.0)? as f32;
    short.is_finite().then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_128_bits_round_as_rust_rounds_them() {
        for shift in 0..127 {
            for low in [0, 1, -1, 1 << 10, (1 << 10) + 1, 3 << 10, 1 << 39, (1 << 39) + 1, 3 << 39]
            {
                for number in [
                    (1_i128 << shift) + low,
                    (i128::MAX >> shift).wrapping_sub(low),
                    -(1 << shift) + low,
                ] {
                    let mut bytes = number.to_le_bytes().to_vec();
                    for _ in 0..3 {
                        assert_eq!(nearest(&bytes), Some(number as f64), "{number}");
                        assert_eq!(nearest_short(&bytes), Some(number as f32), "{number}");
                        // The sign may take any number of bytes.
                        bytes.extend([if number < 0 { 0xff } else { 0 }; 100]);
                    }
                }
            }
        }
        assert_eq!(nearest(&[]), Some(0.0));
    }

    /// Two to this power, negative if asked.
    fn power(exponent: usize, negative: bool) -> Vec<u8> {
        let mut bytes = vec![0; exponent / 8 + 2];
        let fill = if negative { 0xff } else { 0 };
        bytes[exponent / 8] = if negative { 0xff << (exponent % 8) } else { 1 << (exponent % 8) };
        bytes[exponent / 8 + 1] = fill;
        bytes
    }

    #[test]
    fn what_is_larger_than_any_float_has_none() {
        for exponent in 0..3_000 {
            for negative in [false, true] {
                let sign = if negative { -1.0 } else { 1.0 };
                let bytes = power(exponent, negative);
                let expected = (exponent < 1024).then(|| sign * 2f64.powi(exponent as i32));
                assert_eq!(nearest(&bytes), expected, "{exponent}");
                let expected = (exponent < 128).then(|| sign as f32 * 2f32.powi(exponent as i32));
                assert_eq!(nearest_short(&bytes), expected, "{exponent}");
            }
        }
        // Just below 2 ** 1024 it is still rounded down.
        let mut most = power(1024, false);
        most[..128].fill(0xff);
        most[128] = 0;
        assert_eq!(nearest(&most), None);
        most[121] = 0xfb;
        assert_eq!(nearest(&most), Some(f64::MAX));
    }
}
