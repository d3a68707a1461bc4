//! What attackers try: smuggling, injection, and noise.

use super::*;

#[test]
fn injected_lines_are_refused() {
    let host = "Host: api.example.com\r\n";
    for request in [
        "GET / HTTP/1.1\nHost: api.example.com\n\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{host}A: b\rX: y\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A: b\nX: y\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A: b\0\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A: b\r\n\tc\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n A: b\r\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A : b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}Transfer-Encoding : chunked\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\u{b}Transfer-Encoding: chunked\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}: b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A(: b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\u{e9}: b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A: \u{7f}\r\n\r\n"),
        format!("GET  / HTTP/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/1.1 \r\n{host}\r\n"),
        format!("GET / HTTP/1.2\r\n{host}\r\n"),
        format!("GET / http/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/0.9\r\n{host}\r\n"),
        format!("GET /\r\n{host}\r\n"),
        format!(" GET / HTTP/1.1\r\n{host}\r\n"),
        format!("\r\n\r\nGET / HTTP/1.1\r\n{host}\r\n"),
        format!("\nGET / HTTP/1.1\r\n{host}\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        "\u{16}\u{3}\u{1}".into(),
    ] {
        refused(sent(secret, request.as_bytes()), Kind::Malformed, "https://api.example.com: ");
    }
    assert!(
        sent(open, format!("\r\n{GET}\r\n{GET}").as_bytes())
            .is_ok_and(|sent| sent == GET.repeat(2))
    );
}

#[test]
fn a_smuggled_request_is_checked_or_is_a_body() {
    let rule = || with_paths(&["/x"]);
    let hidden = GET.replace("/x", "/admin");
    refused(sent(rule, format!("{GET}{hidden}").as_bytes()), Kind::Denied, "/admin");
    let within = format!(
        "POST /x HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: {}\r\n\r\n{hidden}",
        hidden.len()
    );
    let found = sent(rule, format!("{within}{GET}").as_bytes()).expect("granted");
    let found = messages(found.as_bytes(), false);
    assert_eq!(found.len(), 2);
    assert_eq!(found.first().map(|first| &*first.body), Some(hidden.as_bytes()));
    let chunked =
        "POST /x HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(sent(rule, format!("{chunked}{hidden}").as_bytes()), Kind::Denied, "/admin");
    // One reader's trailer is another's request: it is dropped.
    let trailer = chunked.replace("0\r\n\r\n", "0\r\nGET /admin HTTP/1.1\r\n\r\n");
    assert!(sent(rule, trailer.as_bytes()).is_ok_and(|sent| sent == chunked));
}

#[test]
fn a_smuggled_response_is_not_taken_for_an_answer() {
    let hidden = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len());
    assert_eq!(got(open, &response).as_deref(), Ok(&*response));
    refused(got(open, format!("{response}{hidden}")), Kind::Malformed, "more than it was asked");
}

#[test]
fn texts_are_escaped_cut_and_blanked() {
    // A guest that has learnt the secret elsewhere does not see it in a message either.
    let path = format!("/{TOKEN}/..");
    refused(
        sent(secret, format!("GET {path} HTTP/1.1\r\nHost: api.example.com\r\n\r\n").as_bytes()),
        Kind::Malformed,
        "'/****",
    );
    let long = format!("GET / HTTP/1.1\r\nHost: {}\u{85}\r\n\r\n", "\u{85}".repeat(500));
    refused(sent(open, long.as_bytes()), Kind::Denied, "\\u{85}");
    let methods = || Rule { methods: (0..200).map(|at| format!("M{at}")).collect(), ..open() };
    refused(sent(methods, GET.as_bytes()), Kind::Denied, "M0, M1");
}

/// xorshift64*.
struct Noise(u64);

impl Noise {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const PIECES: [&str; 46] = [
    "GET ",
    "POST ",
    "HEAD ",
    "CONNECT ",
    "/",
    "/v1",
    "/v1/x",
    "/%2e%2e",
    "/..",
    "*",
    "?q",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "Host: api.example.com\r\n",
    "Host: evil\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Authorization: x\r\n",
    "A: b\r\n",
    "\r\n",
    "\r\n\r\n",
    "\r",
    "\n",
    "\0",
    " ",
    "\t",
    ":",
    ";",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "ffffffffffffffff",
    "abc",
    "GET /v1/x HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
    "POST /v1 HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /v1 HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204 x\r\n\r\n",
    "HTTP/1.1 100 x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "sk-Live/51+Zx~9\"q",
    "\u{e9}",
];

fn noise(noise: &mut Noise) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..noise.below(12) {
        bytes.extend_from_slice(noise.pick(&PIECES).as_bytes());
    }
    for _ in 0..noise.below(3) {
        let (at, byte) = (noise.below(bytes.len() + 1), noise.below(256));
        if let Some(place) = bytes.get_mut(at) {
            *place = u8::try_from(byte).unwrap_or_default();
        }
    }
    bytes
}

#[test]
fn noise_neither_panics_nor_passes() {
    let mut from = Noise(0x1234_5678_9abc_def1);
    let (mut granted, mut answered) = (0, 0);
    for round in 0..8_000 {
        let rule = || Rule {
            paths: vec!["/v1".into()],
            methods: vec!["GET".into(), "POST".into(), "HEAD".into()],
            ..secret()
        };
        let (mut mediator, mut up, mut down) = (mediator(rule()), Vec::new(), Vec::new());
        if round % 2 == 0 {
            mediator.send(GET.replace("/x", "/v1/x").as_bytes(), &mut up).expect("granted");
        }
        if round % 4 == 0 {
            let begun = ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b"][round / 4 % 2];
            mediator.receive(begun.as_bytes(), &mut down).expect("passed");
        }
        for _ in 0..from.below(4) {
            let (bytes, size) = (noise(&mut from), 1 + from.below(40));
            let sends = from.below(2) == 0;
            for piece in bytes.chunks(size) {
                let _ = if sends {
                    mediator.send(piece, &mut up)
                } else {
                    mediator.receive(piece, &mut down)
                };
            }
        }
        let _ = mediator.ended(&mut down);
        for message in messages(&up, false) {
            let (line, _) = message.head.split_once("\r\n").expect("headers");
            let [method, target, version] =
                line.split(' ').collect::<Vec<_>>().try_into().expect("three words");
            assert!(["GET", "POST", "HEAD"].contains(&method), "{line}");
            assert!(
                ["/v1", "/v1/", "/v1?"]
                    .iter()
                    .any(|begin| target == "/v1" || target.starts_with(begin)),
                "{line}"
            );
            assert!(["HTTP/1.0", "HTTP/1.1"].contains(&version), "{line}");
            assert_eq!(message.header("Host"), Some("api.example.com"));
            assert_eq!(message.header("Authorization"), Some(&*format!("Bearer {TOKEN}")));
            assert_eq!(message.head.to_lowercase().matches("\nauthorization:").count(), 1);
            granted += 1;
        }
        // What was sent on is granted as it is, but for the secret.
        let (mut again, mut out) = (super::mediator(rule()), Vec::new());
        assert_eq!(again.send(&up, &mut out), Ok(()), "{}", String::from_utf8_lossy(&up));
        assert_eq!(messages(&out, false), messages(&up, false));
        let text = String::from_utf8_lossy(&down);
        assert!(!text.to_lowercase().contains(&TOKEN.to_lowercase()), "{text}");
        answered += usize::from(!down.is_empty());
    }
    assert!(granted > 4000 && answered > 1000, "{granted} {answered}");
}
