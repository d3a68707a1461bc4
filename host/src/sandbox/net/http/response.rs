//! Responses: parsed, blanked, and written anew.

use super::blank::{Blanker, Needles};
use super::body::{Body, Writer};
use super::head::{Connection, Field, Told, list, write};
use super::refusal::Fault;
use super::request::Asked;

/// Longest head of a response, in bytes.
pub(super) const MOST_HEAD: usize = 128 << 10;

const MOST_HEADERS: usize = 256;

/// A response whose head was passed on.
#[derive(Debug)]
pub(super) struct Response {
    /// Whether another head follows for the same request: the status is 1xx.
    pub(super) interim: bool,
    /// Whether the connection is over after the body.
    pub(super) close: bool,
    pub(super) body: Body,
    pub(super) writer: Writer,
    pub(super) blanker: Blanker,
}

/// Appends the head that goes to the guest for this one of the origin's, if it may come back. What is said of a
/// refused one is never the origin's text.
pub(super) fn pass(
    raw: &[u8],
    asked: Asked,
    needles: &Needles,
    out: &mut Vec<u8>,
) -> Result<Response, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let read = parsed.parse(raw).map_err(|error| {
        Fault::malformed(format!(
            "the origin's response cannot be read ({error}): it must be HTTP/1.1"
        ))
    })?;
    let (Some(code), Some(minor), Some(reason)) = (parsed.code, parsed.version, parsed.reason)
    else {
        return Err(Fault::malformed("the head of the origin's response is not complete"));
    };
    if read != httparse::Status::Complete(raw.len()) {
        return Err(Fault::malformed("the head of the origin's response ends early"));
    }
    if !(100..600).contains(&code) || code == 101 {
        return Err(Fault::denied(format!(
            "the origin answered with status {code}, which is not passed on: ask for no other protocol"
        )));
    }
    let fields: Vec<_> = parsed.headers.iter().map(Field::new).collect();
    let told = Told::of(&fields, minor, false).map_err(Fault::of_origin)?;
    let connection = Connection::of(&fields).map_err(Fault::of_origin)?;
    let interim = code < 200;
    let empty = asked.head || interim || matches!(code, 204 | 304);
    let body = if empty { Body::Length(0) } else { Body::new(&told, Body::UntilClose) };
    if !needles.is_empty() {
        check_hiding(code, empty, &fields)?;
    }
    let writer = Writer { chunked: asked.minor == 1 && !matches!(body, Body::Length(_)) };
    let unframed = asked.minor == 0 && !matches!(body, Body::Length(_));
    let close = asked.close
        || connection.close
        || (minor == 0 && !connection.keep_alive)
        || matches!(body, Body::UntilClose)
        || unframed;
    let close = close && !interim;
    let response = Response { interim, close, body, writer, blanker: Blanker::default() };
    if interim && asked.minor == 0 {
        return Ok(response);
    }

    out.extend_from_slice(format!("HTTP/1.{} {code} ", asked.minor).as_bytes());
    out.extend_from_slice(&needles.blank(reason.as_bytes()));
    out.extend_from_slice(b"\r\n");
    let kept = |field: &&Field<'_>| !field.is_of_one_hop(&connection) && field.key != "alt-svc";
    for field in fields.iter().filter(kept) {
        write(out, &needles.blank(field.name.as_bytes()), &needles.blank(field.value));
    }
    match told {
        _ if writer.chunked => write(out, b"Transfer-Encoding", b"chunked"),
        // With neither body nor 204, it says how long the body would be.
        Told::Length(length) if !interim && code != 204 => {
            write(out, b"Content-Length", length.to_string().as_bytes());
        }
        _ => {}
    }
    if close {
        write(out, b"Connection", b"close");
    } else if asked.minor == 0 {
        write(out, b"Connection", b"keep-alive");
    }
    out.extend_from_slice(b"\r\n");
    Ok(response)
}

/// Refuses a response in which a secret could not be seen.
fn check_hiding(code: u16, empty: bool, fields: &[Field<'_>]) -> Result<(), Fault> {
    for field in fields {
        let plain = |coding: &[u8]| coding.eq_ignore_ascii_case(b"identity");
        match &*field.key {
            "content-encoding" if !empty && !list(field.value).all(plain) => {
                return Err(Fault::denied(
                    "the origin compressed its response although asked not to, and it is not passed on because a \
                     secret could hide in it: have the origin send plain responses",
                ));
            }
            "content-range" => return Err(parts()),
            "content-type" => {
                let kind = field.value.trim_ascii_start().to_ascii_lowercase();
                if kind.starts_with(b"multipart/byteranges") {
                    return Err(parts());
                }
            }
            _ => {}
        }
    }
    if matches!(code, 206 | 226) { Err(parts()) } else { Ok(()) }
}

fn parts() -> Fault {
    Fault::denied(
        "the origin sent a part of its response although asked for all of it, and it is not passed on because a secret \
         could be cut in it: have the origin send whole responses",
    )
}

impl Response {
    /// Appends a piece of the body, blanked.
    pub(super) fn pass_on(&mut self, piece: &[u8], needles: &Needles, out: &mut Vec<u8>) {
        if needles.is_empty() {
            return self.writer.piece(piece, out);
        }
        let mut blanked = Vec::with_capacity(piece.len());
        self.blanker.push(needles, piece, &mut blanked);
        self.writer.piece(&blanked, out);
    }

    /// Appends the end of the body.
    pub(super) fn end(&mut self, needles: &Needles, out: &mut Vec<u8>) {
        let mut blanked = Vec::new();
        self.blanker.end(needles, &mut blanked);
        self.writer.piece(&blanked, out);
        self.writer.end(out);
    }
}
