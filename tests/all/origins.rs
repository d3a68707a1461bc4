//! Requests that are granted one by one, and secrets that the guest never holds: whatever way it tries.

use crate::library::RUNTIME;
use crate::support::servers::{Authority, Body, Echo, Http, Request, Response};
use crate::support::{raised, text};
use ophidia::{
    Audit, AuditEvent, Error, HttpGrant, Interpreter, InterpreterBuilder, Sandbox, Secret,
};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECRET: &str = "5up3r-s3cr3t-t0ken";

fn bearer() -> Secret {
    Secret::new("Authorization", format!("Bearer {SECRET}"))
}

fn plain(port: u16) -> HttpGrant {
    let mut grant = HttpGrant::new(format!("http://localhost:{port}"));
    grant.secrets = vec![bearer()];
    grant.plain_secrets = true;
    grant
}

fn granted(grant: HttpGrant) -> InterpreterBuilder {
    RUNTIME.interpreter().timeout(Duration::from_secs(30)).http(grant)
}

/// Tells everything that it was told.
fn mirror(request: &Request) -> Response {
    let mut body = request.raw_head.clone();
    body.extend_from_slice(&request.body);
    Response::ok(body)
}

/// Sends bytes as they are, and gives what comes back.
const RAW: &str = "
import socket
def raw(port, data, pieces=None):
    s = socket.create_connection(('localhost', port), timeout=10)
    for piece in [data[i:i + pieces] for i in range(0, len(data), pieces)] if pieces else [data]:
        s.sendall(piece)
    got = b''
    try:
        while piece := s.recv(65536):
            got += piece
    except TimeoutError:
        pass
    return got
";

#[track_caller]
fn has_no_secret(seen: &str) {
    let seen = seen.to_lowercase();
    for form in [SECRET, "NXVwM3ItczNjcjN0LXQwa2Vu", "35757033722d733363723374"] {
        assert!(!seen.contains(&form.to_lowercase()), "{seen}");
    }
}

#[test]
fn the_host_adds_the_secret_and_the_guest_never_sees_it() {
    let server = Http::start(mirror);
    let mut py = granted(plain(server.port())).build().expect("one");
    py.run(&format!(
        "import urllib.request\nrequest = urllib.request.Request('http://localhost:{}/v1/a', headers={{'Authorization': 'mine'}})\n\
         response = urllib.request.urlopen(request)\nseen = response.read().decode() + str(response.headers)",
        server.port()
    ))
    .expect("granted");
    let requests = server.requests();
    let sent: Vec<_> =
        requests.iter().map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [Some(format!("Bearer {SECRET}"))]);
    let seen = text(&mut py, "seen");
    has_no_secret(&seen);
    assert!(seen.contains("******"), "{seen}");
    // Nor does it lie anywhere in its memory or its environment.
    has_no_secret(&text(&mut py, "repr(__import__('os').environ) + repr(globals())"));
}

#[test]
fn https_origins_work_in_every_way_of_pythons() {
    let authority = Authority::new();
    let server = Http::start_tls(&authority, &["localhost"], mirror);
    let roots = authority.pem_file();
    let mut grant = HttpGrant::new(format!("https://localhost:{}", server.port()));
    grant.secrets = vec![bearer()];
    let mut py = granted(grant).roots(roots.path()).build().expect("one");
    py.run(&format!("port = {}", server.port())).expect("set");
    py.run(
        r#"
import asyncio, http.client, ssl, urllib.request
seen = urllib.request.urlopen(f'https://localhost:{port}/a').read().decode()
client = http.client.HTTPSConnection('localhost', port, timeout=10)
for i in range(3):
    client.request('POST', f'/{i}', body=b'x' * 50_000)
    body = client.getresponse().read()
    assert body.endswith(b'x' * 50_000)
    seen += body.decode()
assert client.sock.version().startswith('TLSv1.')
assert client.sock.getpeercert()['subjectAltName'] == (('DNS', 'localhost'),)
async def main(i):
    reader, writer = await asyncio.open_connection('localhost', port, ssl=ssl.create_default_context())
    writer.write(f'POST /{i} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n'.encode() + b'y' * 100_000)
    await writer.drain()
    got = await reader.read()
    writer.close()
    assert got.endswith(b'y' * 100_000)
    return got.decode()
async def all(): return await asyncio.gather(*map(main, range(4)))
seen += ''.join(asyncio.run(all()))
"#,
    )
    .expect("granted");
    has_no_secret(&text(&mut py, "seen"));
    let requests = server.requests();
    assert_eq!(requests.len(), 8);
    for request in &requests {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {SECRET}")));
    }
}

#[test]
fn the_host_checks_the_origins_certificate_whatever_the_guest_says() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = Http::start_tls(&stranger, &["localhost"], mirror);
    let roots = authority.pem_file();
    let mut grant = HttpGrant::new(format!("https://localhost:{}", server.port()));
    grant.secrets = vec![bearer()];
    let mut py = granted(grant).roots(roots.path()).build().expect("one");
    py.run(&format!(
        "port = {}\nimport socket, ssl, asyncio\ntheirs = {:?}",
        server.port(),
        stranger.pem()
    ))
    .expect("set");
    for way in [
        "c = ssl.create_default_context(cadata=theirs)",
        "c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE",
    ] {
        for connect in [
            "c.wrap_socket(socket.create_connection(('localhost', port)), server_hostname='localhost')",
            "asyncio.run(asyncio.open_connection('localhost', port, ssl=c))",
        ] {
            let error = raised(py.run(&format!("{way}\n{connect}")));
            assert_eq!(
                error.type_name, "ssl.SSLCertVerificationError",
                "{way}; {connect}: {error}"
            );
        }
    }
    // Without TLS, or with a TLS of its own, nothing gets through.
    for bytes in [
        "b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n'",
        "bytes.fromhex('16030100050100000100')",
    ] {
        let error = raised(py.run(&format!(
            "s = socket.create_connection(('localhost', port))\ns.sendall({bytes})\ns.recv(1)"
        )));
        assert_eq!(error.type_name, "PermissionError", "{error}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn methods_paths_and_hosts_are_held_to_the_grant() {
    let server = Http::start(mirror);
    let port = server.port();
    let mut grant = plain(port);
    grant.methods = vec!["GET".into(), "HEAD".into()];
    grant.paths = vec!["/v1/".into(), "/health".into()];
    let mut py = granted(grant).build().expect("one");
    py.run(RAW).expect("defined");
    let mut passed = 0;
    for (request, is_granted) in [
        ("GET /v1/a HTTP/1.1\r\nHost: localhost:PORT", true),
        ("GET /health?x=1 HTTP/1.1\r\nHost: LOCALHOST:PORT", true),
        ("HEAD /v1/%61 HTTP/1.1\r\nHost: localhost:PORT", true),
        ("GET http://localhost:PORT/v1/a HTTP/1.1\r\nHost: localhost:PORT", true),
        ("POST /v1/a HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 0", false),
        ("DELETE /v1/a HTTP/1.1\r\nHost: localhost:PORT", false),
        ("CONNECT evil.test:80 HTTP/1.1\r\nHost: localhost:PORT", false),
        ("CONNECT localhost:PORT HTTP/1.1\r\nHost: localhost:PORT", false),
        ("TRACE /v1/a HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET / HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET /v10/a HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET /healthy HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET /v1/../admin HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET /v1/%2e%2e/admin HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET /v1/..%2fadmin HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET /v1/..\\admin HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET //v1/a HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET http://evil.test/v1/a HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET /v1/a HTTP/1.1\r\nHost: evil.test", false),
        ("GET /v1/a HTTP/1.1\r\nHost: localhost:1", false),
        ("GET /v1/a HTTP/1.1\r\nHost: localhost:PORT\r\nHost: evil.test", false),
        ("GET /v1/a HTTP/1.1", false),
        ("GET /v1/a HTTP/1.1\r\nHost: localhost:PORT\r\nX: a\r\n b", false),
        ("GET /v1/a HTTP/1.1\r\nHost : localhost:PORT", false),
        ("GET /v1/a\r\nX: y HTTP/1.1\r\nHost: localhost:PORT", false),
        ("GET /v1/a HTTP/1.1\nHost: localhost:PORT\n", false),
        (
            "GET /v1/a HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
            false,
        ),
        ("GET /v1/a HTTP/1.1\r\nHost: localhost:PORT\r\nTransfer-Encoding: gzip, chunked", false),
        ("PRI * HTTP/2.0", false),
    ] {
        let request = request.replace("PORT", &port.to_string());
        for pieces in ["None", "1", "7"] {
            let ran = py.run(&format!("got = raw({port}, {request:?}.encode() + b'\\r\\nConnection: close\\r\\n\\r\\n', {pieces})"));
            if is_granted {
                ran.unwrap_or_else(|error| panic!("{request}: {error}"));
                let got = text(&mut py, "got.decode('latin-1')");
                assert!(got.starts_with("HTTP/1.1 200"), "{request}: {got}");
                has_no_secret(&got);
                passed += 1;
            } else {
                let error = raised(ran);
                assert!(
                    ["PermissionError", "OSError", "ConnectionResetError"]
                        .contains(&&*error.type_name),
                    "{request}: {error}"
                );
                has_no_secret(&error.to_string());
            }
        }
    }
    assert_eq!(server.requests().len(), passed);
    let error = raised(py.run(&format!(
        "import urllib.request\nurllib.request.urlopen('http://localhost:{port}/admin')"
    )));
    assert!(error.message.contains("/admin") && error.message.contains("not granted"), "{error}");
}

#[test]
fn an_audit_names_the_origin_and_the_path_of_a_request() {
    let server = Http::start(mirror);
    let port = server.port();
    let mut grant = plain(port);
    grant.methods = vec!["GET".into()];
    grant.paths = vec!["/v1/".into()];
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::clone(&told);
    let audit = Audit::new(move |event| {
        if let AuditEvent::Denied { action, path, .. } = event {
            events.lock().expect("no panic").push(format!("{action} {path}"));
        }
    });
    let mut py = granted(grant).audit(audit).build().expect("one");
    py.run(RAW).expect("defined");
    for request in ["GET /admin/x?key=value", "DELETE /v1/a", "GET *"] {
        let head = format!("{request} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        raised(py.run(&format!("raw({port}, {head:?}.encode())")));
    }
    let mut told = told.lock().expect("no panic").clone();
    // A refusal is told to each call that meets it.
    told.dedup();
    let origin = format!("request http://localhost:{port}");
    assert_eq!(told, [format!("{origin}/admin/x"), format!("{origin}/v1/a"), origin]);
}

#[test]
fn a_request_behind_another_is_looked_at_too() {
    let server = Http::start(mirror);
    let port = server.port();
    let mut grant = plain(port);
    grant.paths = vec!["/v1/".into()];
    let mut py = granted(grant).build().expect("one");
    py.run(RAW).expect("defined");
    let good = format!("GET /v1/a HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    let bad = format!("GET /admin HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    let in_body = format!(
        "POST /v1/a HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{bad}",
        bad.len()
    );
    let behind_body =
        format!("POST /v1/a HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 1\r\n\r\nx{bad}");
    let behind_chunks = format!(
        "POST /v1/a HTTP/1.1\r\nHost: localhost:{port}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n{bad}"
    );
    for (most, (bytes, ends)) in (1..).zip([
        (format!("{good}{bad}"), true),
        (behind_body, true),
        (behind_chunks, true),
        (in_body, false),
    ]) {
        let ran = py.run(&format!("raw({port}, {bytes:?}.encode())"));
        assert_eq!(ran.is_err(), ends, "{bytes}: {ran:?}");
        let requests = server.requests();
        // One of those before may have come only now.
        assert!(requests.len() <= most, "{bytes}");
        assert!(requests.iter().all(|request| request.path() == "/v1/a"), "{bytes}");
    }
}

#[test]
fn another_port_or_host_gets_no_secret() {
    let server = Http::start(mirror);
    let other = Http::start(mirror);
    let mut py = granted(plain(server.port()))
        .net(format!("localhost:{}", other.port()))
        .build()
        .expect("one");
    py.run(&format!(
        "import urllib.request\nurllib.request.urlopen('http://localhost:{}/').read()\nurllib.request.urlopen('http://localhost:{}/').read()",
        server.port(),
        other.port()
    ))
    .expect("both are granted");
    assert!(server.requests().iter().all(|request| request.header("authorization").is_some()));
    assert!(other.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn a_reflected_secret_is_blanked_in_every_way_that_it_comes() {
    let value = format!("Bearer {SECRET}");
    let cut = value.clone();
    let server = Http::start(move |request| {
        let seen = request.header("authorization").unwrap_or_default().to_owned();
        match request.path() {
            "/header" => Response::ok("x").header("X-Seen", &seen),
            "/reason" => {
                Response::raw(format!("HTTP/1.1 200 {seen}\r\nContent-Length: 1\r\n\r\nx"))
            }
            "/chunks" => {
                let pieces: Vec<Vec<u8>> = seen.bytes().map(|byte| vec![byte]).collect();
                Response::new(200).body(Body::chunks(pieces))
            }
            "/close" => Response::new(200).body(Body::UntilClose(seen.into())),
            "/redirect" => Response::redirect(&format!("http://localhost/?{seen}")),
            "/cookie" => Response::ok("x").header("Set-Cookie", &format!("a={seen}")),
            "/error" => Response::raw(format!(
                "HTTP/1.1 401 No\r\nContent-Length: {}\r\n\r\n{seen}",
                seen.len()
            )),
            "/upper" => Response::ok(seen.to_uppercase()),
            "/percent" => Response::ok(seen.replace(' ', "%20")),
            "/base64" => Response::ok("QmVhcmVyIDV1cDNyLXMzY3IzdC10MGtlbg=="),
            "/gzip" => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(seen.as_bytes()).expect("written");
                Response::ok(encoder.finish().expect("written")).header("Content-Encoding", "gzip")
            }
            "/smuggled" => Response::raw(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n{seen}"
            )),
            "/interim" => Response::raw(format!(
                "HTTP/1.1 103 Early\r\nLink: {seen}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
            )),
            "/trailer" => Response::raw(format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: {seen}\r\n\r\n"
            )),
            "/extra" => {
                Response::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx{seen}"))
            }
            _ => Response::ok(seen),
        }
    });
    let port = server.port();
    let mut py = granted(plain(port)).build().expect("one");
    py.run(RAW).expect("defined");
    for path in "body header reason chunks close redirect cookie error upper percent base64 gzip smuggled interim trailer extra".split(' ') {
        let request = format!("GET /{path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept-Encoding: gzip\r\nRange: bytes=0-3\r\nConnection: close\r\n\r\n");
        let program = format!(
            "s = socket.create_connection(('localhost', {port}), timeout=10)\ns.sendall({request:?}.encode())\nseen = b''\n\
             try:\n    while piece := s.recv(65536): seen += piece\nexcept OSError as error: seen += str(error).encode()\n\
             import gzip\nbody = seen.partition(b'\\r\\n\\r\\n')[2]\ntry: seen += gzip.decompress(body)\nexcept Exception: pass"
        );
        py.run(&program).expect("read");
        let seen = text(&mut py, "seen.decode('latin-1')");
        has_no_secret(&seen);
        assert!(!seen.is_empty(), "{path}");
        assert!(!seen.contains("QmVhcmVyIDV1cDNyLXMzY3Iz"), "{path}: {seen}");
    }
    assert_eq!(server.requests().len(), 16);
    for request in server.requests() {
        assert_eq!(request.header("accept-encoding"), Some("identity"), "{cut}");
        assert_eq!(request.header("range"), None);
    }
}

#[test]
fn bytes_of_a_grant_are_bounded() {
    let server = Http::start(|request| Response::ok(vec![b'x'; 10_000 + request.body.len()]));
    let mut grant = HttpGrant::new(format!("http://localhost:{}", server.port()));
    (grant.sent, grant.received) = (Some(20_000), Some(50_000));
    let mut py = granted(grant).build().expect("one");
    let get = format!("import urllib.request\nurl = 'http://localhost:{}/'\n", server.port());
    let error = raised(py.run(&format!(
        "{get}n = 0\nwhile True:\n    n += len(urllib.request.urlopen(url).read())"
    )));
    assert!(error.message.contains("50000") || error.message.contains("more than"), "{error}");
    let error = raised(py.run("urllib.request.urlopen(url, data=bytes(30_000))"));
    assert!(error.message.contains("20000") || error.message.contains("more than"), "{error}");
}

#[test]
fn redirects_carry_no_secret_away() {
    let stranger = Http::start(mirror);
    let url = stranger.url("/");
    let server = Http::start(move |_| Response::redirect(&url));
    let mut py: Interpreter = granted(plain(server.port()))
        .net(format!("127.0.0.1:{}", stranger.port()))
        .build()
        .expect("one");
    py.run(&format!("import urllib.request\nseen = urllib.request.urlopen('http://localhost:{}/').read().decode()", server.port())).expect("followed");
    has_no_secret(&text(&mut py, "seen"));
    assert!(stranger.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn grants_that_make_no_sense_are_refused() {
    let refused =
        |grant: HttpGrant| Sandbox::builder().http(grant).build().expect_err("refused").to_string();
    for (origin, says) in [
        ("example.com", "https://HOST"),
        ("ftp://example.com", "https://HOST"),
        ("https://example.com/path", "paths"),
        ("https://user:password@example.com", "secrets"),
        ("https://exa mple.com", "is no host"),
        ("https://example.com:0", "is no port"),
    ] {
        let said = refused(HttpGrant::new(origin));
        assert!(said.contains(says) && said.contains(origin), "{origin}: {said}");
    }
    let mut grant = HttpGrant::new("http://example.com");
    grant.secrets = vec![bearer()];
    let said = refused(grant.clone());
    assert!(said.contains("without TLS"), "{said}");
    has_no_secret(&format!("{said} {grant:?}"));
    let mut grant = HttpGrant::new("https://example.com");
    grant.secrets = vec![Secret::new("Bad Header", "some-value")];
    assert!(refused(grant.clone()).contains("Bad Header"));
    grant.secrets = vec![Secret::new("X-Key", "line\r\nbreak")];
    refused(grant.clone());
    grant.secrets = vec![Secret::new("X-Key", "abc")];
    refused(grant.clone());
    grant.secrets.clear();
    grant.methods = vec!["CONNECT".into()];
    refused(grant.clone());
    grant.methods = vec!["GET".into()];
    grant.paths = vec!["v1".into()];
    refused(grant);
    // A host that is granted as a whole has no requests to be looked at.
    for host in ["api.example.com", "*.example.com", "api.example.com:443"] {
        let error = Sandbox::builder()
            .net(host)
            .http(HttpGrant::new("https://api.example.com"))
            .build()
            .expect_err(host);
        assert!(matches!(&error, Error::Grant(said) if said.contains("as a whole")), "{error}");
    }
    Sandbox::builder()
        .net("api.example.com:80")
        .http(HttpGrant::new("https://api.example.com"))
        .build()
        .expect("another port");
    let twice = Sandbox::builder()
        .http(HttpGrant::new("https://a.test"))
        .http(HttpGrant::new("https://a.test:443"));
    assert!(twice.build().expect_err("twice").to_string().contains("two grants"));
}

#[test]
fn one_that_is_no_origin_is_not_talked_to() {
    let echo = Echo::start();
    let mut py =
        granted(HttpGrant::new(format!("http://localhost:{}", echo.port()))).build().expect("one");
    py.run(RAW).expect("defined");
    // What the echo sends back is no response.
    let error = raised(py.run(&format!(
        "raw({0}, b'GET / HTTP/1.1\\r\\nHost: localhost:{0}\\r\\n\\r\\n')",
        echo.port()
    )));
    assert_eq!(error.type_name, "OSError", "{error}");
    assert!(!error.message.is_empty());
}
