//! Requests: parsed, held against the rule, and written anew.

use super::body::{Body, Writer};
use super::head::{Connection, Field, Told, write};
use super::path;
use super::refusal::Fault;
use super::rule::Rule;

/// Longest head of a request, in bytes.
pub(super) const MOST_HEAD: usize = 64 << 10;

const MOST_HEADERS: usize = 128;

/// Headers by which some frameworks take another method than the request line's.
const METHODS: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Headers by which some servers take another path than the request line's.
const PATHS: [&str; 2] = ["x-original-url", "x-rewrite-url"];

/// What a response must be read by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// HEAD: the response has no body.
    pub(super) head: bool,
    /// The guest's version is HTTP/1 with this minor number.
    pub(super) minor: u8,
    /// No request follows on this connection.
    pub(super) close: bool,
}

/// A request that is granted.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) asked: Asked,
    pub(super) body: Body,
    pub(super) writer: Writer,
}

/// Appends the head that goes to the origin for this one of the guest's, if the rule grants it.
pub(super) fn pass(raw: &[u8], rule: &Rule, out: &mut Vec<u8>) -> Result<Request, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let read = parsed.parse(raw).map_err(|error| {
        let way = match error {
            httparse::Error::TooManyHeaders => "send at most 128 headers",
            httparse::Error::Version => "speak HTTP/1.1",
            _ => "send plain HTTP/1.1",
        };
        Fault::malformed(format!("a request's head cannot be read ({error}): {way}"))
    })?;
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(Fault::malformed("a request's head is not complete: send plain HTTP/1.1"));
    };
    if read != httparse::Status::Complete(raw.len()) {
        return Err(Fault::malformed("a request's head ends early: send plain HTTP/1.1"));
    }
    let about = |fault: Fault| fault.of_target(target);
    rule.method(method).map_err(about)?;
    let target = path::target(method, target, rule).map_err(about)?;
    let fields: Vec<_> = parsed.headers.iter().map(Field::new).collect();
    check_host(&fields, minor, rule)?;
    let told = Told::of(&fields, minor, true)?;
    let connection = Connection::of(&fields)?;
    let waits = waits(&fields)? && minor == 1;
    let close = connection.close || (minor == 0 && !connection.keep_alive);

    out.extend_from_slice(format!("{method} {target} HTTP/1.{minor}\r\n").as_bytes());
    write(out, b"Host", rule.authority().as_bytes());
    for field in fields.iter().filter(|field| is_kept(field, &connection, rule)) {
        write(out, field.name.as_bytes(), field.value);
    }
    if !rule.secrets.is_empty() {
        write(out, b"Accept-Encoding", b"identity");
    }
    if waits {
        write(out, b"Expect", b"100-continue");
    }
    match told {
        Told::Nothing => {}
        Told::Length(length) => write(out, b"Content-Length", length.to_string().as_bytes()),
        Told::Chunked => write(out, b"Transfer-Encoding", b"chunked"),
    }
    if close {
        write(out, b"Connection", b"close");
    } else if connection.keep_alive {
        write(out, b"Connection", b"keep-alive");
    }
    for secret in &rule.secrets {
        write(out, secret.name.as_bytes(), secret.value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    Ok(Request {
        asked: Asked { head: method == "HEAD", minor, close },
        body: Body::new(&told, Body::Length(0)),
        writer: Writer { chunked: told == Told::Chunked },
    })
}

fn check_host(fields: &[Field<'_>], minor: u8, rule: &Rule) -> Result<(), Fault> {
    let mut hosts = fields.iter().filter(|field| field.is("host"));
    match (hosts.next(), hosts.next()) {
        (None, _) if minor == 0 => Ok(()),
        (None, _) => Err(Fault::malformed("there is no Host header: send one")),
        (Some(_), Some(_)) => Err(Fault::malformed("there is more than one Host header: send one")),
        (Some(host), None) if rule.is_authority(host.value) => Ok(()),
        (Some(host), None) => Err(Fault::denied(format!(
            "host {} is not this connection's origin: connect to it, if it is granted",
            super::refusal::quoted(host.value)
        ))),
    }
}

/// Whether the guest waits for `100 Continue` before it sends a body.
fn waits(fields: &[Field<'_>]) -> Result<bool, Fault> {
    let mut found = false;
    for field in fields.iter().filter(|field| field.is("expect")) {
        if !field.value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Fault::malformed(
                "an Expect header is other than 100-continue: leave it out",
            ));
        }
        found = true;
    }
    Ok(found)
}

/// Whether a header goes to the origin as the guest has sent it.
fn is_kept(field: &Field<'_>, connection: &Connection, rule: &Rule) -> bool {
    let key = &*field.key;
    let secret = |name: &str| name.to_ascii_lowercase().replace('_', "-") == key;
    if field.is_of_one_hop(connection) || matches!(key, "host" | "expect") {
        return false;
    }
    if rule.secrets.iter().any(|header| secret(&header.name)) {
        return false;
    }
    // These ask for a secret to be sent back in pieces too small to be seen, or written differently.
    let hiding = ["accept-encoding", "accept-charset", "range", "if-range", "a-im"];
    if !rule.secrets.is_empty() && hiding.contains(&key) {
        return false;
    }
    (rule.methods.is_empty() || !METHODS.contains(&key))
        && (rule.paths.is_empty() || !PATHS.contains(&key))
}
