//! What the guest gets.

use super::*;

#[test]
fn lengths_are_kept_and_everything_else_comes_in_chunks() {
    let plain = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(got(open, plain).as_deref(), Ok(plain));
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\n";
    assert_eq!(
        got(open, chunked).as_deref(),
        Ok("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    );
    let until_close = b"HTTP/1.1 200 OK\r\n\r\nabc";
    assert_eq!(
        got_of(open, GET, until_close, true).as_deref(),
        Ok(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
    );
    let old = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    for response in [chunked.as_bytes(), until_close] {
        assert_eq!(
            got_of(open, old, response, true).as_deref(),
            Ok("HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nabc")
        );
    }
    assert!(
        got_of(open, old, plain.as_bytes(), false)
            .is_ok_and(|got| got.contains("Connection: keep-alive"))
    );
}

#[test]
fn some_responses_have_no_body() {
    let length = "Content-Length: 5\r\n\r\n";
    let next = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for (request, first, kept) in [
        ("HEAD", format!("HTTP/1.1 200 OK\r\n{length}"), true),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".into(), false),
        ("GET", format!("HTTP/1.1 304 Not Modified\r\n{length}"), true),
        ("GET", format!("HTTP/1.1 204 No Content\r\n{length}"), false),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n".into(), false),
    ] {
        let both = format!("{}{GET}", GET.replacen("GET", request, 1));
        let got = got_of(open, &both, format!("{first}{next}").as_bytes(), false).expect("passed");
        assert!(got.ends_with(next), "{got}");
        assert_eq!(got.contains("Content-Length: 5"), kept, "{got}");
    }
}

#[test]
fn interim_responses_precede_the_one() {
    let both = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(got(open, both).as_deref(), Ok(both));
    let old = got_of(open, "GET / HTTP/1.0\r\n\r\n", both.as_bytes(), false).expect("passed");
    assert_eq!(old, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    refused(
        got(open, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
        Kind::Denied,
        "status 101",
    );
}

#[test]
fn headers_of_one_hop_are_dropped() {
    let lines = "Alt-Svc: h3\r\nKeep-Alive: x\r\nConnection: close, X-Own\r\nX-Own: y\r\nUpgrade: h2\r\nTrailer: z\r\nProxy-Authenticate: x\r\nB: c\r\n";
    assert_eq!(
        got(open, format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n")).as_deref(),
        Ok("HTTP/1.1 200 OK\r\nB: c\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    );
}

#[test]
fn ambiguous_framing_is_refused() {
    for lines in [
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: x\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "A : b\r\n",
        "A: b\r\n c\r\n",
        "A: b\n",
        "A\r\n",
        "A: b\0c\r\n",
    ] {
        let name = lines.split(':').next().filter(|name| name.contains('-')).unwrap_or_default();
        refused(got(open, format!("HTTP/1.1 200 OK\r\n{lines}\r\nabc")), Kind::Malformed, name);
    }
    refused(
        got(open, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Kind::Malformed,
        "HTTP/1.0",
    );
    for garbage in [
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 99 x\r\n\r\n",
        "x\r\n\r\n",
    ] {
        assert!(got(open, garbage).is_err(), "{garbage:?}");
    }
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx";
    assert!(got(open, twice).is_ok_and(|got| got.matches("Content-Length").count() == 1));
}

#[test]
fn responses_answer_requests() {
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    refused(
        mediator(open()).receive(b"H", &mut Vec::new()),
        Kind::Malformed,
        "more than it was asked",
    );
    refused(got(open, response.repeat(2)), Kind::Malformed, "more than it was asked");
    let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let mut mediator = mediator(open());
    mediator.send(GET.repeat(2).as_bytes(), &mut Vec::new()).expect("granted");
    mediator.receive(closing.as_bytes(), &mut Vec::new()).expect("passed");
    assert!(mediator.is_over());
    refused(mediator.receive(response.as_bytes(), &mut Vec::new()), Kind::Malformed, "more than");
}

#[test]
fn an_end_within_a_response_is_refused() {
    for cut in [
        "HTTP/1.1 2",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    ] {
        refused(got_of(open, GET, cut.as_bytes(), true), Kind::Malformed, "within a response");
    }
    assert_eq!(got_of(open, GET, b"", true).as_deref(), Ok(""));
}

#[test]
fn what_could_hide_a_secret_is_refused() {
    for lines in [
        "Content-Encoding: gzip\r\n",
        "content-encoding: identity, br\r\n",
        "Content-Encoding: identity\r\nContent-Encoding: x\r\n",
        "Content_Encoding: gzip\r\n",
        "Content-Encoding: gzip\r\nConnection: content-encoding\r\n",
    ] {
        let response = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 1\r\n\r\nx");
        refused(got(secret, &response), Kind::Denied, "compressed");
        assert!(got(open, &response).is_ok());
    }
    for (status, lines) in [
        ("206 Partial Content", ""),
        ("200 OK", "Content-Range: bytes 0-1/2\r\n"),
        ("226 IM Used", ""),
        ("200 OK", "Content-Type: Multipart/ByteRanges; boundary=x\r\n"),
    ] {
        let response = format!("HTTP/1.1 {status}\r\n{lines}Content-Length: 1\r\n\r\nx");
        refused(got(secret, &response), Kind::Denied, "a part");
        assert!(got(open, &response).is_ok());
    }
    assert!(
        got(secret, "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 0\r\n\r\n")
            .is_ok()
    );
}

#[test]
fn heads_are_bounded() {
    let lines = |count: usize| (0..count).map(|at| format!("A{at}: b\r\n")).collect::<String>();
    let response = |lines: &str| format!("HTTP/1.1 204 \r\n{lines}\r\n");
    assert!(got(open, response(&lines(256))).is_ok());
    refused(got(open, response(&lines(257))), Kind::Malformed, "cannot be read");
    refused(
        got(open, response(&format!("A: {}\r\n", "b".repeat(128 << 10)))),
        Kind::Malformed,
        "131072 bytes",
    );
}
