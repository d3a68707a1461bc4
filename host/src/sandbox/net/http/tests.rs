//! The mediation, one file a side: requests and their paths, responses, blanking, and what attackers try.

mod blanking;
mod hostile;
mod paths;
mod requests;
mod responses;

use super::{Counts, Kind, Mediator, Refusal, Rule, SecretHeader};
use std::sync::Arc;

const TOKEN: &str = "sk-Live/51+Zx~9\"q";

/// Grants all of `https://api.example.com`.
fn open() -> Rule {
    Rule {
        https: true,
        host: "api.example.com".into(),
        port: 443,
        methods: Vec::new(),
        paths: Vec::new(),
        sent: 1 << 24,
        received: 1 << 24,
        secrets: Vec::new(),
    }
}

/// The same with a secret header.
fn with_header(name: &str, value: &str) -> Rule {
    Rule { secrets: vec![SecretHeader { name: name.into(), value: value.into() }], ..open() }
}

fn secret() -> Rule {
    with_header("Authorization", &format!("Bearer {TOKEN}"))
}

fn with_paths(paths: &[&str]) -> Rule {
    Rule { paths: paths.iter().map(|&path| path.into()).collect(), ..open() }
}

fn mediator(rule: Rule) -> Mediator {
    Mediator::new(Arc::new(rule), Arc::default())
}

/// Feeds bytes whole, one by one, and in two pieces at every place; all must come to the same.
#[track_caller]
fn every_split(
    bytes: &[u8],
    normal: impl Fn(&[u8]) -> Vec<Message>,
    feed: impl Fn(&[&[u8]]) -> Result<Vec<u8>, Refusal>,
) -> Result<Vec<u8>, Refusal> {
    let whole = feed(&[bytes]);
    let same = |split: &[&[u8]]| {
        let found = feed(split);
        assert_eq!(
            found.as_deref().map(&normal),
            whole.as_deref().map(&normal),
            "split {:?}",
            split.iter().map(|piece| String::from_utf8_lossy(piece)).collect::<Vec<_>>()
        );
    };
    same(&bytes.chunks(1).collect::<Vec<_>>());
    same(&bytes.chunks(7).collect::<Vec<_>>());
    if bytes.len() < 500 {
        for at in 0..bytes.len() {
            let (one, two) = bytes.split_at(at);
            same(&[one, two]);
        }
    }
    whole
}

/// What goes to the origin when the guest writes this.
#[track_caller]
fn sent(rule: impl Fn() -> Rule, bytes: &[u8]) -> Result<String, Refusal> {
    let out = every_split(
        bytes,
        |out| messages(out, false),
        |pieces| {
            let (mut mediator, mut out) = (mediator(rule()), Vec::new());
            pieces.iter().try_for_each(|piece| mediator.send(piece, &mut out))?;
            Ok(out)
        },
    )?;
    Ok(String::from_utf8(out).expect("UTF-8"))
}

/// What the guest gets for a request when the origin answers with this, and then ends its side or does not.
#[track_caller]
fn got_of(
    rule: impl Fn() -> Rule,
    request: &str,
    response: &[u8],
    ends: bool,
) -> Result<String, Refusal> {
    bytes_of(rule, request, response, ends).map(|out| String::from_utf8_lossy(&out).into_owned())
}

#[track_caller]
fn bytes_of(
    rule: impl Fn() -> Rule,
    request: &str,
    response: &[u8],
    ends: bool,
) -> Result<Vec<u8>, Refusal> {
    let head = request.starts_with("HEAD");
    let normal = |out: &[u8]| if head { Vec::new() } else { messages(out, true) };
    every_split(response, normal, |pieces| {
        let (mut mediator, mut out) = (mediator(rule()), Vec::new());
        mediator.send(request.as_bytes(), &mut Vec::new()).expect("granted");
        pieces.iter().try_for_each(|piece| mediator.receive(piece, &mut out))?;
        if ends {
            mediator.ended(&mut out)?;
        }
        Ok(out)
    })
}

const GET: &str = "GET /x HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

#[track_caller]
fn got(rule: impl Fn() -> Rule, response: impl AsRef<[u8]>) -> Result<String, Refusal> {
    got_of(rule, GET, response.as_ref(), false)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(found: Result<T, Refusal>, kind: Kind, says: &str) {
    let refusal = found.expect_err("refused");
    assert_eq!(refusal.kind, kind, "{refusal}");
    assert!(refusal.text.contains(says), "{refusal}");
    assert!(refusal.text.chars().count() <= 400 && !refusal.text.contains(char::is_control));
    assert!(!refusal.text.contains(TOKEN), "{refusal}");
}

/// A message, with its body out of whatever framing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Reads messages with none of the code that is tested. The last may be cut.
fn messages(mut bytes: &[u8], responses: bool) -> Vec<Message> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes = &bytes[end + 4..];
        let mut message = Message { head, body: Vec::new() };
        let status = message.head.split(' ').nth(1).unwrap_or_default().to_owned();
        let empty = responses && (status.starts_with('1') || ["204", "304"].contains(&&*status));
        if message.header("Transfer-Encoding").is_some() && !empty {
            while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
                let size = std::str::from_utf8(&bytes[..end]).expect("UTF-8");
                let size = usize::from_str_radix(size, 16).expect("hexadecimal");
                let data = &bytes[end + 2..];
                message.body.extend_from_slice(&data[..size]);
                bytes = &data[size + 2..];
                if size == 0 {
                    break;
                }
            }
        } else if !empty {
            let length =
                message.header("Content-Length").map(|length| length.parse().expect("number"));
            let length = length.unwrap_or(if responses { bytes.len() } else { 0 }).min(bytes.len());
            message.body = bytes[..length].into();
            bytes = &bytes[length..];
        }
        found.push(message);
    }
    found
}

#[track_caller]
fn one(bytes: &[u8]) -> Message {
    let mut all = messages(bytes, true);
    assert_eq!(all.len(), 1, "{}", String::from_utf8_lossy(bytes));
    all.remove(0)
}
