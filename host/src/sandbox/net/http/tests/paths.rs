//! Which targets are granted, and as what they are sent on.

use super::*;

fn target(rule: impl Fn() -> Rule, target: &str) -> Result<String, Refusal> {
    let sent =
        sent(rule, format!("GET {target} HTTP/1.1\r\nHost: api.example.com\r\n\r\n").as_bytes())?;
    Ok(sent.split(' ').nth(1).expect("target").into())
}

#[test]
fn prefixes_match_whole_segments() {
    for (prefix, granted, denied) in [
        (
            "/v1",
            &["/v1", "/v1/", "/v1/x", "/v1?x", "/v1/x/y?/../z"][..],
            &["/v10", "/v", "/", "/V1", "/v1;x"][..],
        ),
        ("/v1/", &["/v1/", "/v1/x", "/v1/?x"], &["/v1", "/v1?x", "/v10/"]),
        ("/", &["/", "/x", "/?q"], &[]),
        ("/a%20b", &["/a%20b/c"], &["/a+b", "/a"]),
    ] {
        for path in granted {
            assert_eq!(target(|| with_paths(&[prefix]), path).as_deref(), Ok(*path), "{prefix}");
        }
        for path in denied {
            refused(target(|| with_paths(&[prefix]), path), Kind::Denied, "add a prefix");
        }
    }
    assert!(target(|| with_paths(&["/a", "/b"]), "/b/c").is_ok());
}

#[test]
fn unreserved_characters_are_decoded_before_the_comparison() {
    assert_eq!(target(|| with_paths(&["/v1"]), "/%761/%7e%c3%a9").as_deref(), Ok("/v1/~%C3%A9"));
    assert!(target(|| with_paths(&["/%761"]), "/v1/x").is_ok());
}

#[test]
fn paths_that_can_be_read_in_two_ways_are_refused() {
    for path in [
        "/v1/../x",
        "/v1/./x",
        "/v1/..",
        "/v1/%2e%2e/x",
        "/v1/.%2E/x",
        "/v1/%2e",
        "/..;a/x",
        "/v1/..%3bx",
        "/...",
        "/v1/%2fx",
        "/v1/%5Cx",
        "/v1/\\x",
        "/v1/%00",
        "/v1/%0d%0aX",
        "/v1/%7f",
        "/v1/%",
        "/v1/%4",
        "/v1/%zz",
        "/v1/%+1",
        "/v1/x#y",
        "/v1/\u{e9}",
        "/v1/x?y#z",
        "/v1/..%20/x",
    ] {
        refused(target(open, path), Kind::Malformed, "https://api.example.com: ");
        refused(target(|| with_paths(&["/v1"]), path), Kind::Malformed, "");
    }
    for path in ["/v1//x", "//v1", "/v1/%252e%252e/x", "/v1/%c0%af", "/v1/%255c"] {
        assert!(target(open, path).is_ok(), "{path}");
        refused(
            target(|| with_paths(&["/v1"]), path),
            Kind::Malformed,
            "only some paths are granted",
        );
    }
}

#[test]
fn spaces_and_controls_in_a_target_are_refused() {
    for path in [
        "/a b",
        "/a\tb",
        "/a\u{1}b",
        "/a\r\nX: y",
        "/a\rb",
        "/a\nb",
        "/a\u{0}b",
        "",
        "x",
        "?x",
        "/x HTTP/1.1\r\nA: b\r\n\r\nGET /y",
    ] {
        let found = target(|| with_paths(&["/a"]), path);
        assert!(found.is_err() || path == "/a\r\nX: y", "{path:?} {found:?}");
    }
}

#[test]
fn a_target_with_an_authority_must_be_of_the_origin() {
    for (absolute, origin) in [
        ("https://api.example.com/v1/x?y", "/v1/x?y"),
        ("HTTPS://API.example.com:443/v1", "/v1"),
        ("https://api.example.com", "/"),
        ("https://api.example.com?q=/", "/?q=/"),
    ] {
        assert_eq!(target(open, absolute).as_deref(), Ok(origin));
    }
    for other in [
        "http://api.example.com/",
        "https://evil.com/",
        "https://api.example.com:80/",
        "https://api.example.com.evil.com/",
        "https://api.example.com@evil.com/",
        "https://u:p@api.example.com/",
        "https:///x",
        "api.example.com:443",
        "https://api.example.com\\@evil.com/",
        "ftp://api.example.com/",
        "https:api.example.com/",
    ] {
        refused(target(open, other), Kind::Denied, "is not of this origin");
    }
    refused(
        target(|| with_paths(&["/v1"]), "https://api.example.com/v2"),
        Kind::Denied,
        "add a prefix",
    );
}

#[test]
fn an_asterisk_is_for_options_of_everything() {
    let options = b"OPTIONS * HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
    assert!(sent(open, options).is_ok_and(|sent| sent.starts_with("OPTIONS * HTTP/1.1\r\n")));
    refused(sent(|| with_paths(&["/"]), options), Kind::Denied, "OPTIONS");
    refused(target(open, "*"), Kind::Denied, "OPTIONS");
}
