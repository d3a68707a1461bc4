//! The forms in which a secret may come back: as it is, and in each encoding that regroups its bits. Each of them may be
//! spelled in its turn ([`spelling`](super::spelling)).
//!
//! Letters are compared without regard to case, so one form stands for both cases of hexadecimal digits.

/// How many bytes each byte of a text may take in a spelling, on the average: `\u002f` in UTF-16, `&amp;#x2f;`. What
/// takes more is not found.
const SPELLED: usize = 12;

/// The same of an encoding, of which few digits have to be escaped: UTF-32, or UTF-16 with some escapes.
const ENCODED_SPELLED: usize = 4;

/// Shorter pieces of an encoding would blank by accident.
const LEAST_ENCODED: usize = 8;

/// Shorter user names of `Basic` and values of parameters are names rather than keys.
const LEAST_NAME: usize = 8;

const HEXADECIMAL: &[u8] = b"0123456789abcdef";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE32_HEX: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
const STANDARD: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The texts within a header's value that are secret by themselves: the value, the credentials after its scheme,
/// values of parameters, and what `Basic` encodes.
pub(super) fn parts(value: &str) -> Vec<Vec<u8>> {
    let mut found = vec![value.as_bytes().to_vec()];
    if let Some((scheme, credentials)) = value.split_once(' ') {
        let credentials = credentials.trim();
        found.push(credentials.into());
        if scheme.eq_ignore_ascii_case("basic")
            && let Some(pair) = decoded(credentials)
        {
            let mut halves = pair.splitn(2, |byte| *byte == b':');
            let (user, password) = (halves.next(), halves.next());
            // Some origins take a key as the user's name, with or without a password.
            found.extend(user.filter(|user| user.len() >= LEAST_NAME).map(<[u8]>::to_vec));
            found.extend(password.filter(|password| !password.is_empty()).map(<[u8]>::to_vec));
            found.push(pair);
        }
    }
    for parameter in value.split([' ', ',', ';']) {
        if let Some((_, text)) = parameter.split_once('=') {
            let text = text.trim_matches('"');
            found.extend((text.len() >= LEAST_NAME).then(|| text.into()));
        }
    }
    found
}

/// A text that is looked for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    pub(super) text: Vec<u8>,
    /// As many bytes of it are there in any case; what follows depends on what comes after the secret.
    pub(super) least: usize,
    /// A spelling of it that is found is shorter than this.
    pub(super) most: usize,
}

impl Form {
    fn whole(text: Vec<u8>) -> Self {
        Self { least: text.len(), most: text.len() * SPELLED, text }
    }
}

/// A text as it is, in either of the encodings of characters that a `Basic` password may have, and in each encoding of
/// bytes, also of its UTF-16.
pub(super) fn of(text: &[u8]) -> Vec<Form> {
    let mut found = vec![Form::whole(text.to_vec())];
    found.extend(otherwise(text).map(Form::whole));
    // Without the zero before the first or behind the last, it is the same in either order of bytes.
    let mut wide: Vec<u8> = text.iter().flat_map(|byte| [*byte, 0]).collect();
    wide.pop();
    for bytes in [text, &wide] {
        for alphabet in [HEXADECIMAL, BASE32, BASE32_HEX, STANDARD, URL] {
            let bits = alphabet.len().ilog2() as usize;
            let alignments = bits >> bits.trailing_zeros().min(3);
            found.extend((0..alignments).filter_map(|before| encoded(bytes, before, alphabet)));
        }
    }
    found
}

/// What is not ASCII, in UTF-8 if it is in Latin-1, and the other way round.
fn otherwise(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_ascii() {
        return None;
    }
    match std::str::from_utf8(text) {
        Ok(text) => text.chars().map(|char| u8::try_from(char).ok()).collect(),
        Err(_) => Some(text.iter().copied().map(char::from).collect::<String>().into_bytes()),
    }
}

/// What the encoding of a longer text certainly holds if `before` bytes of it come before this one, as far as that
/// makes a difference: without the digits that it shares with its neighbours. Then what follows at the end.
fn encoded(text: &[u8], before: usize, alphabet: &[u8]) -> Option<Form> {
    let bits = alphabet.len().ilog2() as usize;
    let bytes = [&vec![0; before], text].concat();
    let mut digits = digits(&bytes, alphabet);
    // Bits of the bytes before reach into this many digits.
    let shared = (before * 8).div_ceil(bits);
    let (whole, all) = (bytes.len() * 8 / bits, digits.len());
    let least = [whole, all].map(|end| end.saturating_sub(shared));
    let least = least.into_iter().find(|least| *least >= LEAST_ENCODED)?;
    let group = 8 >> bits.trailing_zeros();
    digits.resize(all.next_multiple_of(group), b'=');
    digits.drain(..shared);
    Some(Form { least, most: digits.len() * ENCODED_SPELLED, text: digits })
}

/// Bytes in digits of an alphabet, whose length is a power of two, without padding.
fn digits(bytes: &[u8], alphabet: &[u8]) -> Vec<u8> {
    let bits = alphabet.len().ilog2();
    let (mut found, mut left, mut count) = (Vec::new(), 0_usize, 0);
    let digit = |number: usize| alphabet.get(number & (alphabet.len() - 1)).copied();
    for byte in bytes {
        left = (left & 0xff) << 8 | usize::from(*byte);
        count += 8;
        while count >= bits {
            count -= bits;
            found.extend(digit(left >> count));
        }
    }
    if count > 0 {
        found.extend(digit(left << (bits - count)));
    }
    found
}

/// What base64 stands for, in either alphabet, padded or not.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let of = |alphabet: &[u8]| alphabet.iter().position(|one| *one == byte);
        bits = bits << 6 | u32::try_from(of(STANDARD).or_else(|| of(URL))?).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            let [byte, ..] = (bits >> count).to_le_bytes();
            found.push(byte);
            bits &= (1 << count) - 1;
        }
    }
    Some(found)
}
