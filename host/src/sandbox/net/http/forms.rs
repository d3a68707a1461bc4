//! The forms in which a secret may come back.
//!
//! Letters are compared without regard to case, so one form stands for both cases of hexadecimal digits and escapes.

/// Shorter middles of base64 would blank by accident.
const LEAST_BASE64: usize = 8;

/// Shorter user names of `Basic` and values of parameters are names rather than keys.
const LEAST_NAME: usize = 8;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

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

/// A text as it is and in each encoding that servers commonly reflect it in.
pub(super) fn of(text: &[u8]) -> Vec<Vec<u8>> {
    let mut found = vec![text.to_vec(), hex(text)];
    // Strictly unreserved, `encodeURIComponent`, Python's `quote`, `encodeURI`, and older ones.
    for kept in ["-_.~", "-_.~!'()*", "-_.~/", "-_.~!'()*;,/?:@&=+$#", "-_."] {
        for space in ["%20", "+"] {
            found.push(percent(text, kept.as_bytes(), space));
        }
    }
    found.push(text.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect());
    for alphabet in [STANDARD, URL] {
        for before in 0..3 {
            found.extend(middles(text, before, alphabet));
        }
    }
    let text = String::from_utf8_lossy(text);
    for (slash, html, ascii) in [
        (false, false, false),
        (true, false, false),
        (false, true, false),
        (false, false, true),
        (true, false, true),
        (false, true, true),
    ] {
        found.push(json(&text, slash, html, ascii));
    }
    for quotes in [["&quot;", "&#39;"], ["&quot;", "&#x27;"], ["&#34;", "&#39;"], ["\"", "'"]] {
        for slash in ["/", "&#x2F;"] {
            found.push(markup(&text, quotes, slash));
        }
    }
    found
}

fn hex(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn percent(text: &[u8], kept: &[u8], space: &str) -> Vec<u8> {
    let mut found = Vec::new();
    for byte in text {
        match byte {
            b' ' => found.extend_from_slice(space.as_bytes()),
            _ if byte.is_ascii_alphanumeric() || kept.contains(byte) => found.push(*byte),
            _ => found.extend_from_slice(format!("%{byte:02x}").as_bytes()),
        }
    }
    found
}

/// What base64 of a longer text certainly holds if `before` bytes of it (modulo three) come before this one: without
/// the characters that it shares with its neighbours, then as it is at the end, with and without padding.
fn middles(text: &[u8], before: usize, alphabet: &[u8; 64]) -> Vec<Vec<u8>> {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(text);
    let encoded = base64(&bytes, alphabet);
    // Bits of the bytes before reach into this many characters.
    let shared = (before * 8).div_ceil(6);
    let whole = bytes.len() * 8 / 6;
    let inner = encoded.get(shared..whole).unwrap_or_default();
    let ending = encoded.get(shared..).unwrap_or_default();
    let padding = match encoded.len() % 4 {
        2 => "==",
        3 => "=",
        _ => "",
    };
    let padded = [ending, padding.as_bytes()].concat();
    let mut found = vec![inner.to_vec(), ending.to_vec(), padded];
    found.retain(|middle| middle.len() >= LEAST_BASE64);
    found
}

/// Base64 without padding.
fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<u8> {
    let mut found = Vec::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| {
            bits << 8 | usize::from(group.get(at).copied().unwrap_or_default())
        });
        for at in 0..=group.len() {
            found.extend(alphabet.get(bits >> (18 - 6 * at) & 63));
        }
    }
    found
}

/// What base64 stands for, in either alphabet, padded or not.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let of = |alphabet: &[u8; 64]| alphabet.iter().position(|one| *one == byte);
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

/// As within a string of JSON: slashes escaped by some, markup by others, and all but ASCII by others again.
fn json(text: &str, slash: bool, html: bool, ascii: bool) -> Vec<u8> {
    let mut found = String::new();
    for char in text.chars() {
        match char {
            '"' | '\\' => found.extend(['\\', char]),
            '/' if slash => found.push_str("\\/"),
            '<' | '>' | '&' | '\'' if html => {
                found.push_str(&format!("\\u{:04x}", u32::from(char)))
            }
            _ if ascii && !char.is_ascii() => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    found.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => found.push(char),
        }
    }
    found.into_bytes()
}

fn markup(text: &str, [double, single]: [&str; 2], slash: &str) -> Vec<u8> {
    let mut found = String::new();
    for char in text.chars() {
        match char {
            '&' => found.push_str("&amp;"),
            '<' => found.push_str("&lt;"),
            '>' => found.push_str("&gt;"),
            '"' => found.push_str(double),
            '\'' => found.push_str(single),
            '/' => found.push_str(slash),
            _ => found.push(char),
        }
    }
    found.into_bytes()
}
