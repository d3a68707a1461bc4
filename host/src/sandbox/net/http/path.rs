//! Request targets, brought into one form before they are compared and sent on.

use super::refusal::{Fault, quoted};
use super::rule::Rule;

/// The target that is sent on for the guest's own, if it is granted.
pub(super) fn target(method: &str, target: &str, rule: &Rule) -> Result<String, Fault> {
    if target == "*" {
        return match method == "OPTIONS" && rule.paths.is_empty() {
            true => Ok("*".into()),
            false => {
                Err(Fault::denied("target '*' is granted only to OPTIONS, by a rule without paths"))
            }
        };
    }
    let target = match target.starts_with('/') {
        true => target.to_owned(),
        false => origin_form(target, rule)?,
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*target, None),
    };
    let limited = !rule.paths.is_empty();
    let path = canonical(path, limited).map_err(|why| {
        Fault::malformed(format!("path {} is not passed on: {why}", quoted(path.as_bytes())))
    })?;
    if limited && !rule.paths.iter().any(|prefix| is_within(&path, prefix)) {
        return Err(Fault::denied(format!(
            "path {} is not granted: add a prefix of it to the paths of this origin's grant (http)",
            quoted(path.as_bytes())
        )));
    }
    match query {
        None => Ok(path),
        Some(query) if query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') => {
            Ok(format!("{path}?{query}"))
        }
        Some(_) => Err(Fault::malformed(
            "the query holds '#' or characters other than printable ASCII: percent-encode them",
        )),
    }
}

/// The path and query of an absolute target, if it is of this origin.
fn origin_form(target: &str, rule: &Rule) -> Result<String, Fault> {
    let other = || {
        Fault::denied(format!(
            "target {} is not of this origin: ask for a path, or grant that origin",
            quoted(target.as_bytes())
        ))
    };
    let (scheme, rest) = target.split_once("://").ok_or_else(other)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).ok_or_else(other)?;
    if !scheme.eq_ignore_ascii_case(rule.scheme()) || !rule.is_authority(authority.as_bytes()) {
        return Err(other());
    }
    match rest.starts_with('/') {
        true => Ok(rest.into()),
        false => Ok(format!("/{rest}")),
    }
}

/// A path with its unreserved characters decoded and all other escapes in upper case, or why it could be read in two
/// ways. `limited` asks for what only matters when prefixes are granted.
pub(super) fn canonical(path: &str, limited: bool) -> Result<String, &'static str> {
    if !path.starts_with('/') {
        return Err("it does not begin with '/'");
    }
    let mut found = String::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            match byte {
                b'\\' => return Err("it holds a backslash"),
                b'#' => return Err("it holds '#'"),
                _ if byte.is_ascii_graphic() => found.push(char::from(byte)),
                _ => {
                    return Err(
                        "it holds characters other than printable ASCII: percent-encode them",
                    );
                }
            }
            continue;
        }
        let (value, after) = escape(after).ok_or("a percent-encoding in it is malformed")?;
        rest = after;
        match value {
            b'/' | b'\\' => return Err("it holds an encoded slash or backslash"),
            _ if value.is_ascii_control() => return Err("it holds an encoded control character"),
            b'-' | b'.' | b'_' | b'~' => found.push(char::from(value)),
            _ if value.is_ascii_alphanumeric() => found.push(char::from(value)),
            _ => found.push_str(&format!("%{value:02X}")),
        }
    }
    let mut segments = found.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        check_segment(segment, last, limited)?;
    }
    Ok(found)
}

fn check_segment(segment: &str, last: bool, limited: bool) -> Result<(), &'static str> {
    let decoded = decoded(segment.as_bytes());
    // Some servers leave out what follows ';', and then find a dot segment.
    let name = decoded.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !name.is_empty() && name.iter().all(|byte| *byte == b'.') {
        return Err("it holds a segment of dots: resolve it first");
    }
    if !limited {
        return Ok(());
    }
    if segment.is_empty() && !last {
        return Err("it holds an empty segment, and only some paths are granted");
    }
    let twice =
        |at: usize| decoded.get(at..).and_then(|rest| rest.strip_prefix(b"%")).and_then(escape);
    if (0..decoded.len()).any(|at| twice(at).is_some()) {
        return Err("it is percent-encoded twice, and only some paths are granted");
    }
    // Overlong UTF-8 is a slash to some servers.
    match std::str::from_utf8(&decoded) {
        Ok(_) => Ok(()),
        Err(_) => Err("it is not UTF-8 when decoded, and only some paths are granted"),
    }
}

/// The byte that two hexadecimal digits stand for, and what follows them.
fn escape(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = digits.split_first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4 | digit(low)?, rest))
}

fn decoded(mut text: &[u8]) -> Vec<u8> {
    let mut found = Vec::with_capacity(text.len());
    while let Some((&byte, rest)) = text.split_first() {
        let value = if byte == b'%' { escape(rest) } else { None };
        let (byte, rest) = value.unwrap_or((byte, rest));
        found.push(byte);
        text = rest;
    }
    found
}

/// Whether a canonical path is a prefix itself or lies below it.
fn is_within(path: &str, prefix: &str) -> bool {
    let Ok(prefix) = canonical(prefix, true) else { return false };
    match path.strip_prefix(&*prefix) {
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}
