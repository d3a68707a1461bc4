//! What goes to the origin.

use super::*;

#[track_caller]
fn head(rule: impl Fn() -> Rule, lines: &str) -> Result<String, Refusal> {
    sent(rule, format!("GET /x HTTP/1.1\r\nHost: api.example.com\r\n{lines}\r\n").as_bytes())
}

#[test]
fn three_requests_on_one_connection() {
    let mut mediator = mediator(open());
    for body in ["one", "two", "three"] {
        let (mut out, mut back) = (Vec::new(), Vec::new());
        let request = format!(
            "POST /x HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        mediator.send(request.as_bytes(), &mut out).expect("granted");
        assert_eq!(String::from_utf8_lossy(&out), request);
        let response =
            format!("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        mediator.receive(response.as_bytes(), &mut back).expect("passed");
        assert_eq!(String::from_utf8_lossy(&back), response);
        assert!(!mediator.is_over() && !mediator.is_full());
    }
    assert_eq!(mediator.ended(&mut Vec::new()), Ok(()));
    assert!(mediator.is_over());
}

#[test]
fn secrets_are_added_and_the_guests_own_are_dropped() {
    let sent = head(
        secret,
        "authorization: mine\r\nAUTHORIZATION: b\r\nA: b\r\nAccept-Encoding: gzip\r\nRange: bytes=0-1\r\n",
    );
    assert_eq!(
        sent.as_deref(),
        Ok(&*format!(
            "GET /x HTTP/1.1\r\nHost: api.example.com\r\nA: b\r\nAccept-Encoding: identity\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        ))
    );
    let sent =
        head(|| with_header("X-Api-Key", "abcdefgh"), "x_api_key: mine\r\n").expect("granted");
    assert!(!sent.contains("mine") && sent.contains("X-Api-Key: abcdefgh\r\n"));
    assert!(
        head(open, "Authorization: mine\r\nRange: bytes=0-1\r\n")
            .is_ok_and(|sent| sent.contains("mine\r\nRange"))
    );
}

#[test]
fn headers_of_one_hop_are_dropped() {
    let lines = "Proxy-Authorization: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nTE: trailers\r\nTrailer: x\r\nKeep-Alive: x\r\n\
                 Connection: Upgrade, X-Own ,keep-alive\r\nX-Own: x\r\nContent_Length: 7\r\nTransfer_Encoding: chunked\r\nB: c\r\n";
    assert_eq!(
        head(open, lines).as_deref(),
        Ok("GET /x HTTP/1.1\r\nHost: api.example.com\r\nB: c\r\nConnection: keep-alive\r\n\r\n")
    );
    assert!(
        head(open, "Connection: close\r\n")
            .is_ok_and(|sent| sent.ends_with("\r\nConnection: close\r\n\r\n"))
    );
    refused(head(open, "Connection: a b\r\n"), Kind::Malformed, "Connection");
}

#[test]
fn headers_that_override_the_request_line_are_dropped_where_it_is_limited() {
    let lines = "X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /admin\r\n";
    assert!(head(open, lines).is_ok_and(|sent| sent.contains("DELETE") && sent.contains("/admin")));
    let limited = || Rule { methods: vec!["GET".into()], ..with_paths(&["/x"]) };
    assert!(
        head(limited, lines).is_ok_and(|sent| !sent.contains("DELETE") && !sent.contains("/admin"))
    );
}

#[test]
fn methods_are_held_against_the_rule() {
    let ask = |rule: fn() -> Rule, method: &str| {
        sent(rule, format!("{method} /x HTTP/1.1\r\nHost: api.example.com\r\n\r\n").as_bytes())
    };
    let limited = || Rule { methods: vec!["GET".into(), "POST".into()], ..open() };
    assert!(ask(limited, "POST").is_ok() && ask(open, "PROPFIND").is_ok());
    refused(ask(limited, "DELETE"), Kind::Denied, "only GET, POST");
    for method in ["CONNECT", "TRACE", "TRACK"] {
        refused(ask(open, method), Kind::Denied, "never granted");
    }
    for method in ["get", "Head", "G(T", "", " GET"] {
        refused(ask(open, method), Kind::Malformed, "");
    }
    let connect = b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n";
    refused(sent(open, connect), Kind::Denied, "CONNECT");
}

#[test]
fn one_host_and_the_right_one() {
    let ask = |rule: fn() -> Rule, version: &str, hosts: &str| {
        sent(rule, format!("GET / HTTP/{version}\r\n{hosts}\r\n").as_bytes())
    };
    for host in ["Host: API.Example.com\r\n", "hOST:api.example.com:443  \r\n"] {
        let sent = ask(open, "1.1", host).expect("granted");
        assert_eq!(sent, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    }
    refused(ask(open, "1.1", ""), Kind::Malformed, "no Host");
    refused(
        ask(open, "1.1", "Host: api.example.com\r\nHost: api.example.com\r\n"),
        Kind::Malformed,
        "more than one",
    );
    for host in [
        "evil.com",
        "",
        "api.example.com:80",
        "api.example.com, evil.com",
        "api.example.com.",
        "x@api.example.com",
    ] {
        refused(
            ask(open, "1.1", &format!("Host: {host}\r\n")),
            Kind::Denied,
            "is not this connection's origin",
        );
    }
    assert_eq!(
        ask(open, "1.0", "").as_deref(),
        Ok("GET / HTTP/1.0\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
    );
    let other = || Rule { https: false, host: "[::1]".into(), port: 8080, ..open() };
    assert!(
        ask(other, "1.1", "Host: [::1]:8080\r\n")
            .is_ok_and(|sent| sent.contains("Host: [::1]:8080\r\n"))
    );
    refused(ask(other, "1.1", "Host: [::1]\r\n"), Kind::Denied, "origin");
}

#[test]
fn bodies_are_framed_one_way() {
    let ask = |version: &str, rest: &str| {
        sent(open, format!("POST / HTTP/{version}\r\nHost: api.example.com\r\n{rest}").as_bytes())
    };
    for lines in [
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: -3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length:\r\n",
        "Content-Length: 3 3\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
    ] {
        let name = lines.split(':').next().unwrap_or_default();
        refused(ask("1.1", &format!("{lines}\r\n3\r\nabc\r\n0\r\n\r\n")), Kind::Malformed, name);
    }
    refused(ask("1.0", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Kind::Malformed, "HTTP/1.0");
    assert!(
        ask("1.1", "Content-Length: 5\r\n\r\nab\r\n\0")
            .is_ok_and(|sent| sent.ends_with("\r\n\r\nab\r\n\0"))
    );
    assert!(
        ask("1.1", "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n")
            .is_ok_and(|sent| sent.contains("Expect: 100-continue"))
    );
    refused(ask("1.1", "Expect: x\r\n\r\n"), Kind::Malformed, "Expect");
}

const CHUNKED: &str =
    "POST / HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: Chunked\r\n\r\n";

#[test]
fn chunks_are_framed_anew() {
    let body =
        "3;a=b;\"c d\"\r\nabc\r\n0000000000000002 ;x\r\nde\r\n00;y\r\nTrailer: z\r\nB: c\r\n\r\n";
    refused(sent(open, format!("{CHUNKED}{body}").as_bytes()), Kind::Malformed, "hexadecimal");
    let body = body.replace(" ;x", ";x");
    let found = sent(open, format!("{CHUNKED}{body}{GET}").as_bytes());
    assert_eq!(
        found.as_deref(),
        Ok(&*format!(
            "{}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n{GET}",
            CHUNKED.replace("Chunked", "chunked")
        ))
    );
    for body in [
        "\r\n",
        ";a\r\n",
        "g\r\n",
        "-1\r\n",
        "0x1\r\n",
        "00000000000000001\r\na\r\n",
        "1\na\r\n",
        "1\r\nab\r\n",
        "1\r\na\n",
        "1\r\na\rb",
        "1;a\nb\r\n",
        "1;a\rb\r\n",
        "0\r\nA\nB\r\n\r\n",
        "0\r\n\n",
        "0\r\nA: b\r\n c\r\n",
        "1 \r\na\r\n",
        "1;\0\r\n",
    ] {
        refused(sent(open, format!("{CHUNKED}{body}").as_bytes()), Kind::Malformed, "");
    }
    let long = format!("{CHUNKED}1;{}", "x".repeat(17 << 10));
    refused(sent(open, long.as_bytes()), Kind::Malformed, "16 KiB");
    let huge = format!("{CHUNKED}ffffffffffffffff\r\nabc");
    assert!(sent(open, huge.as_bytes()).is_ok());
}

#[test]
fn heads_are_bounded() {
    let lines = |count: usize| (0..count).map(|at| format!("A{at}: b\r\n")).collect::<String>();
    assert!(head(open, &lines(127)).is_ok());
    refused(head(open, &lines(128)), Kind::Malformed, "at most 128 headers");
    refused(
        head(open, &format!("A: {}\r\n", "b".repeat(64 << 10))),
        Kind::Malformed,
        "65536 bytes",
    );
    assert!(head(open, &format!("A: {}\r\n", "b".repeat(60 << 10))).is_ok());
}

#[test]
fn requests_that_close_are_the_last() {
    let close = "GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n";
    refused(sent(open, format!("{close}{GET}").as_bytes()), Kind::Malformed, "another connection");
    refused(
        sent(open, b"GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
        Kind::Malformed,
        "another connection",
    );
}

#[test]
fn sixteen_requests_may_await_their_response() {
    assert!(sent(open, GET.repeat(16).as_bytes()).is_ok());
    refused(sent(open, GET.repeat(17).as_bytes()), Kind::Malformed, "16 requests");
    let mut mediator = mediator(open());
    mediator.send(GET.repeat(16).as_bytes(), &mut Vec::new()).expect("granted");
    assert!(mediator.is_full());
    mediator.receive(b"HTTP/1.1 204 \r\n\r\n", &mut Vec::new()).expect("passed");
    assert!(!mediator.is_full());
    mediator.send(GET.as_bytes(), &mut Vec::new()).expect("granted");
}

#[test]
fn bytes_are_counted_over_all_connections() {
    let size = GET.len() as u64;
    let rule = Arc::new(Rule { sent: 2 * size + 1, received: 30, ..open() });
    let counts = Arc::new(Counts::default());
    let new = || Mediator::new(rule.clone(), counts.clone());
    let (mut one, mut two, mut out) = (new(), new(), Vec::new());
    assert_eq!(one.send(GET.as_bytes(), &mut out), Ok(()));
    assert_eq!(two.send(GET.as_bytes(), &mut out), Ok(()));
    refused(two.send(GET.as_bytes(), &mut out), Kind::Quota, "`sent`");
    assert_eq!(one.send(b"G", &mut out), Ok(()));
    refused(new().send(b"G", &mut out), Kind::Quota, "may be sent");
    let mut out = Vec::new();
    assert_eq!(one.receive(b"HTTP/1.1 200 OK\r\n", &mut out), Ok(()));
    refused(one.receive(b"Content-Length: 9\r\n", &mut out), Kind::Quota, "raise `received`");
    assert!(out.is_empty());
}

#[test]
fn a_refusal_is_final() {
    let mut mediator = mediator(open());
    let mut out = Vec::new();
    let refusal = mediator.send(b"CONNECT x HTTP/1.1\r\n\r\n", &mut out).expect_err("refused");
    assert_eq!(mediator.send(GET.as_bytes(), &mut out).as_ref(), Err(&refusal));
    assert_eq!(mediator.receive(b"HTTP", &mut out).as_ref(), Err(&refusal));
    assert_eq!(mediator.ended(&mut out), Err(refusal));
    assert!(out.is_empty());
}

#[test]
fn rules_are_checked() {
    assert_eq!(secret().check(), Ok(()));
    for (rule, says) in [
        (Rule { host: "API.x".into(), ..open() }, "lower case"),
        (Rule { host: "x:1".into(), ..open() }, "name a host"),
        (Rule { port: 0, ..open() }, "port"),
        (Rule { methods: vec!["get".into()], ..open() }, "upper-case"),
        (Rule { methods: vec!["TRACE".into()], ..open() }, "TRACE"),
        (with_paths(&["v1"]), "begin"),
        (with_paths(&["/v1/../x"]), "dots"),
        (with_paths(&["/v1?x"]), "query"),
        (with_header("Authorization", "Bearer abc"), "at least 4 bytes"),
        (with_header("Authorization", "Basic dXNlcjphYmM="), "at least 4 bytes"),
        (with_header("X", "abc"), "at least 4 bytes"),
        (with_header("X", "abcd\r\nY: z"), "printable"),
        (with_header("Host", "abcdefgh"), "another header"),
        (with_header("X Y", "abcdefgh"), "another header"),
    ] {
        let why = rule.check().expect_err("refused");
        assert!(why.contains(says), "{why}");
        refused(mediator(rule).send(b"", &mut Vec::new()), Kind::Denied, says);
    }
}

#[test]
fn debug_shows_no_secret() {
    let mut mediator = mediator(secret());
    mediator.send(GET.as_bytes(), &mut Vec::new()).expect("granted");
    let begun = format!("HTTP/1.1 200 OK\r\n\r\n{TOKEN}");
    mediator.receive(begun.as_bytes(), &mut Vec::new()).expect("passed");
    let shown = format!("{mediator:?}");
    assert!(shown.contains("***") && !shown.contains("sk-") && !shown.contains("115, 107"));
}
