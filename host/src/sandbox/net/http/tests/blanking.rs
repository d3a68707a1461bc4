//! Secrets that come back.

use super::*;

/// What a body comes to, in each of the three framings.
#[track_caller]
fn body(rule: impl Fn() -> Rule, body: &[u8]) -> Vec<u8> {
    let mut plain =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    plain.extend_from_slice(body);
    let mut until_close = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    until_close.extend_from_slice(body);
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for byte in body {
        chunked.extend_from_slice(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let [one, two, three] = [(plain, false), (until_close, true), (chunked, false)]
        .map(|(bytes, ends)| super::one(&bytes_of(&rule, GET, &bytes, ends).expect("passed")).body);
    assert_eq!(one, two);
    assert_eq!(one, three);
    one
}

#[track_caller]
fn is_blanked(rule: impl Fn() -> Rule, form: &str) {
    let text = body(rule, format!("a {form} b").as_bytes());
    let expected = format!("a {} b", "*".repeat(form.len()));
    assert_eq!(String::from_utf8_lossy(&text), expected, "{form}");
}

#[test]
fn each_form_is_blanked() {
    // sk-Live/51+Zx~9"q
    for form in [
        TOKEN,
        &TOKEN.to_uppercase(),
        &format!("Bearer {TOKEN}"),
        "sk-Live%2F51%2BZx~9%22q",
        "sk-Live%2f51%2bZx%7E9%22q",
        "sk-Live/51%2BZx~9%22q",
        "Bearer%20sk-Live%2F51%2BZx~9%22q",
        "Bearer+sk-Live%2F51%2BZx~9%22q",
        "%73%6b%2d%4c%69%76%65%2f%35%31%2b%5a%78%7e%39%22%71",
        "736b2d4c6976652f35312b5a787e392271",
        "736B2D4C6976652F35312B5A787E392271",
        "sk-Live/51+Zx~9\\\"q",
        "sk-Live\\/51+Zx~9\\\"q",
        "sk-Live/51+Zx~9&quot;q",
        "sk-Live/51+Zx~9&#34;q",
        "c2stTGl2ZS81MStaeH45InE=",
        "c2stTGl2ZS81MStaeH45InE",
    ] {
        is_blanked(secret, form);
    }
}

#[test]
fn base64_is_blanked_in_each_alignment() {
    // Of `x`, `xy` and `xyz` before and `~~` after: what is not shared with them.
    for (text, middle) in [
        ("eHNrLUxpdmUvNTErWnh+OSJxfn4=", "NrLUxpdmUvNTErWnh+OSJx"),
        ("eHNrLUxpdmUvNTErWnh-OSJxfn4", "NrLUxpdmUvNTErWnh-OSJx"),
        ("eHlzay1MaXZlLzUxK1p4fjkicX5+", "zay1MaXZlLzUxK1p4fjkic"),
        ("eHl6c2stTGl2ZS81MStaeH45InF+fg==", "c2stTGl2ZS81MStaeH45In"),
    ] {
        let found = String::from_utf8(body(secret, text.as_bytes())).expect("UTF-8");
        assert!(text.contains(middle));
        assert_eq!(found, text.replace(middle, &"*".repeat(middle.len())));
    }
}

#[test]
fn basic_is_blanked_decoded() {
    // someuser:p&ss/w\"rd
    let basic = || with_header("Authorization", "Basic c29tZXVzZXI6cCZzcy93InJk");
    for form in [
        "Basic c29tZXVzZXI6cCZzcy93InJk",
        "c29tZXVzZXI6cCZzcy93InJk",
        "someuser:p&ss/w\"rd",
        "p&ss/w\"rd",
        "someuser",
        "p&amp;ss/w&quot;rd",
        "p%26ss%2Fw%22rd",
        "p\\u0026ss/w\\\"rd",
    ] {
        is_blanked(basic, form);
    }
    // A key as the user's name, without a password.
    is_blanked(|| with_header("Authorization", "Basic a2V5LTEyMzQ1Og=="), "key-12345");
    is_blanked(|| with_header("Cookie", "a=b; session=0123456789"), "0123456789");
}

#[test]
fn heads_are_blanked() {
    let response = format!(
        "HTTP/1.1 400 no {TOKEN}\r\nLocation: /?{TOKEN}&sk-Live%2F51%2BZx~9%22q\r\nX-abcd1234: y\r\nContent-Length: 4\r\n\r\nabcd"
    );
    let rule = || {
        let mut rule = secret();
        rule.secrets.push(SecretHeader { name: "X-Key".into(), value: "abcd1234".into() });
        rule
    };
    assert_eq!(
        got(rule, response).as_deref(),
        Ok(
            "HTTP/1.1 400 no *****************\r\nLocation: /?*****************&***********************\r\n\
            X-********: y\r\nContent-Length: 4\r\n\r\nabcd"
        )
    );
    let framing = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    assert_eq!(got(|| with_header("X", "1000"), framing).as_deref(), Ok(framing));
}

#[test]
fn secrets_may_overlap_and_touch() {
    let both = || {
        let mut rule = with_header("A", "abcabcabx");
        rule.secrets.push(SecretHeader { name: "B".into(), value: "cabxyzw".into() });
        rule
    };
    assert_eq!(body(both, b"-abcabcabxyzw-"), b"-************-");
    assert_eq!(body(both, b"abcabcabcabxyzwabcabcab"), b"abc************abcabcab");
    assert_eq!(body(|| with_header("A", "aaaa"), b"aaaaa aaa aaaa"), b"***** aaa ****");
}

#[test]
fn bodies_without_a_secret_pass_as_they_are() {
    let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    assert_eq!(body(secret, &all), all);
    let part = &TOKEN.as_bytes()[..TOKEN.len() - 1];
    assert_eq!(body(secret, part), part);
    assert_eq!(body(open, TOKEN.as_bytes()), TOKEN.as_bytes());
}

/// What of an endless body passes at once.
fn at_once(text: &str) -> usize {
    let (mut mediator, mut out) = (mediator(secret()), Vec::new());
    mediator.send(GET.as_bytes(), &mut Vec::new()).expect("granted");
    mediator.receive(b"HTTP/1.1 200 OK\r\n\r\n", &mut out).expect("passed");
    mediator.receive(text.as_bytes(), &mut out).expect("passed");
    one(&[&*out, b"0\r\n\r\n"].concat()).body.len()
}

#[test]
fn lines_and_events_pass_at_once() {
    assert_eq!(at_once("data: abc\n\n"), 11);
    assert_eq!(at_once("data: Bearer sk-\n\n"), 18);
}

#[test]
fn what_is_held_back_tells_nothing_of_the_secret() {
    let long = "x".repeat(1000);
    let guesses = ["sk-Live", "sk-Liv_", "_______"].map(|guess| at_once(&format!("{long}{guess}")));
    assert_eq!(guesses, [guesses[0]; 3]);
    // Every byte percent-encoded, but one.
    assert_eq!(guesses[0], 1007 - (3 * (TOKEN.len() + 7) - 1));
}

#[test]
fn a_cut_body_keeps_what_was_held_back() {
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", &TOKEN[..9]);
    let (mut mediator, mut out) = (mediator(secret()), Vec::new());
    mediator.send(GET.as_bytes(), &mut Vec::new()).expect("granted");
    mediator.receive(cut.as_bytes(), &mut out).expect("passed");
    refused(mediator.ended(&mut out), Kind::Malformed, "within a response");
    assert!(!String::from_utf8_lossy(&out).contains("sk-"));
}
