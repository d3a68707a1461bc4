//! What hostile programs with `# grants: origin` talk to: an origin that tells secrets in every form it knows, and another
//! server that nothing is granted of; and what must not have come of it.

use crate::support::servers::{Body, Echo, Http, Request, Response};
use ophidia::{HttpGrant, SandboxBuilder, Secret};
use std::io::Write as _;

const SECRET: &str = "5up3r-s3cr3t/t0ken+Zx~9";

/// The origin, and the other server.
pub(crate) struct Stage {
    origin: Http,
    other: Echo,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { origin: Http::start(answer), other: Echo::start() }
    }

    /// Requests to paths below `/v1/` with a secret; `$ORIGIN` and `$OTHER` are the ports.
    pub(crate) fn grant(&self, builder: SandboxBuilder) -> SandboxBuilder {
        let mut grant = HttpGrant::new(format!("http://localhost:{}", self.origin.port()));
        grant.methods = vec!["GET".into(), "POST".into()];
        grant.paths = vec!["/v1/".into()];
        grant.secrets = vec![Secret::new("Authorization", format!("Bearer {SECRET}"))];
        grant.plain_secrets = true;
        builder
            .http(grant)
            .env("ORIGIN", self.origin.port().to_string())
            .env("OTHER", self.other.port().to_string())
    }

    /// Nothing but what is granted has reached the origin, nothing at all the other, and what the program has seen has the
    /// secret in no form.
    pub(crate) fn check(&self, name: &str, seen: &[u8]) {
        assert_eq!(self.other.connections(), 0, "{name}");
        let host = format!("localhost:{}", self.origin.port());
        for request in self.origin.requests() {
            let head = String::from_utf8_lossy(&request.raw_head);
            let values = |wanted: &str| -> Vec<_> {
                let named =
                    request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
                named.map(|(_, value)| value.clone()).collect()
            };
            assert!(["GET", "POST"].contains(&&*request.method), "{name}: {head}");
            assert!(request.target.starts_with("/v1/"), "{name}: {head}");
            assert_eq!(values("Host"), [&*host], "{name}: {head}");
            assert_eq!(values("Authorization"), [format!("Bearer {SECRET}")], "{name}: {head}");
            assert_eq!(values("Accept-Encoding"), ["identity"], "{name}: {head}");
            for never in
                ["X-Injected", "Range", "A-IM", "Accept-Charset", "Upgrade", "Proxy-Authorization"]
            {
                assert!(values(never).is_empty(), "{name}: {head}");
            }
        }
        let seen = seen.to_ascii_lowercase();
        for (form, text) in forms(SECRET) {
            let text = text.to_ascii_lowercase();
            let found = seen.windows(text.len()).any(|window| window == text);
            assert!(
                !found,
                "{name} has seen the secret ({form}): {}",
                String::from_utf8_lossy(&seen)
            );
        }
    }
}

/// What bytes are in digits of an alphabet, whose length is a power of two, without padding.
fn digits(bytes: &[u8], alphabet: &[u8]) -> Vec<u8> {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let width = alphabet.len().ilog2() as usize;
    let value = |digits: &[u8]| {
        let text = format!("{:0<width$}", std::str::from_utf8(digits).expect("ASCII"));
        alphabet[usize::from_str_radix(&text, 2).expect("binary")]
    };
    bits.as_bytes().chunks(width).map(value).collect()
}

/// A text in each form that the origin tells it in.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let each = |spell: fn(u8) -> String| text.bytes().map(spell).collect::<String>().into_bytes();
    let standard = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let url = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let wide: Vec<u8> = text.bytes().flat_map(|byte| [byte, 0]).collect();
    let mixed = text.bytes().zip(0..).map(|(byte, at)| match at % 4 {
        0 => format!("\\u{byte:04x}"),
        1 => format!("%{byte:02X}"),
        2 => format!("&#{byte};"),
        _ => char::from(byte).to_string(),
    });
    vec![
        ("plain", text.into()),
        ("upper", text.to_uppercase().into()),
        ("json", each(|byte| format!("\\u{byte:04x}"))),
        ("json-in-json", each(|byte| format!("\\\\u{byte:04x}"))),
        ("html", each(|byte| format!("&#{byte};"))),
        ("html-hexadecimal", each(|byte| format!("&#x{byte:X};"))),
        ("percent", each(|byte| format!("%{byte:02X}"))),
        ("percent-twice", each(|byte| format!("%25{byte:02X}"))),
        ("base64", digits(text.as_bytes(), standard)),
        ("base64url", digits(text.as_bytes(), url)),
        ("base32", digits(text.as_bytes(), b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
        ("hexadecimal", digits(text.as_bytes(), b"0123456789abcdef")),
        ("utf-16-base64", digits(&wide, standard)),
        ("utf-16", wide),
        ("mixed", mixed.collect::<String>().into_bytes()),
    ]
}

fn answer(request: &Request) -> Response {
    let secret = request.header("authorization").unwrap_or_default();
    let secret = secret.strip_prefix("Bearer ").unwrap_or(secret).to_owned();
    let what = request.target.split_once('?').map_or("", |(_, what)| what);
    let raw = |head: &str| Response::raw(head.replace("SECRET", &secret));
    match (request.path(), what) {
        ("/v1/moved", to) => Response::redirect(to),
        ("/v1/told", "header") => Response::ok("x").header("X-Told", &secret),
        ("/v1/told", "reason") => raw("HTTP/1.1 200 SECRET\r\nContent-Length: 1\r\n\r\nx"),
        ("/v1/told", "chunks") => Response::new(200)
            .body(Body::chunks(secret.bytes().map(|byte| vec![byte]).collect::<Vec<_>>())),
        ("/v1/told", "until-close") => Response::new(200).body(Body::UntilClose(secret.into())),
        ("/v1/told", "gzip") => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
            encoder.write_all(secret.as_bytes()).expect("written");
            Response::ok(encoder.finish().expect("written")).header("Content-Encoding", "gzip")
        }
        ("/v1/told", form) => {
            let told = forms(&secret).into_iter().find(|(name, _)| *name == form);
            Response::ok(told.unwrap_or_else(|| panic!("no form {form}")).1)
        }
        ("/v1/broken", "no-http") => raw("SECRET\r\n\r\n"),
        ("/v1/broken", "bad-status") => raw("HTTP/1.1 SECRET OK\r\nContent-Length: 0\r\n\r\n"),
        ("/v1/broken", "bad-length") => raw("HTTP/1.1 200 OK\r\nContent-Length: SECRET\r\n\r\nx"),
        ("/v1/broken", "two-lengths") => {
            raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: SECRET\r\n\r\nx")
        }
        ("/v1/broken", "bad-chunk") => {
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nSECRET\r\nx\r\n0\r\n\r\n")
        }
        ("/v1/broken", "bad-header") => {
            raw("HTTP/1.1 200 OK\r\nSECRET\r\nContent-Length: 0\r\n\r\n")
        }
        ("/v1/broken", "too-much") => raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxSECRET"),
        ("/v1/broken", "part") => raw(
            "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-9/90\r\nContent-Length: 1\r\n\r\nSECRET",
        ),
        ("/v1/broken", "cut") => raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nSECRET"),
        _ => Response::ok([&*request.raw_head, &request.body].concat()),
    }
}
