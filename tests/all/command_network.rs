//! The command's grants of the network: hosts, requests, secrets out of the environment, bounds, the audit.

use crate::support::ophidia;
use crate::support::servers::{Authority, Echo, Http, Request, Response};

const SECRET: &str = "5up3r-s3cr3t-t0ken";

fn mirror(request: &Request) -> Response {
    Response::ok(request.raw_head.clone())
}

#[test]
fn hosts_are_granted_by_name_and_port() {
    let server = Http::start(mirror);
    let (port, url) = (server.port(), server.url("/tea"));
    let program = format!("import urllib.request; print(urllib.request.urlopen({url:?}).status)");
    let granted =
        ophidia(["run", "--net", &format!("127.0.0.1:{port}"), "-c", &program]).expect_ok();
    assert_eq!(granted.stdout(), "200\n");
    let denied = ophidia(["run", "--net", "127.0.0.1:1", "-c", &program]).run();
    assert_eq!(denied.status, 1);
    let said = denied.stderr();
    assert!(said.contains(&format!("(net \"127.0.0.1:{port}\")")), "{said}");
    let named = format!("api.test:{port}=127.0.0.1");
    let program = program.replace("127.0.0.1", "api.test");
    ophidia(["run", "--net", &named, "-c", &program]).expect_ok();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_secret_comes_from_the_environment_and_stays_with_the_host() {
    let authority = Authority::new();
    let server = Http::start_tls(&authority, &["localhost"], mirror);
    let (roots, port) = (authority.pem_file(), server.port());
    let origin = format!("https://localhost:{port}");
    let program = format!(
        "import os, urllib.error, urllib.request\n\
         print(urllib.request.urlopen('{origin}/v1/tea').read().decode(), dict(os.environ))\n\
         try: urllib.request.urlopen('{origin}/v2/tea')\nexcept urllib.error.URLError as error: print(error)"
    );
    let run = |secret: &str| {
        let call =
            ophidia(["run", "--http", &format!("GET {origin}/v1/"), "--secret", secret, "--roots"]);
        call.arg(roots.path()).args(["-c", &program]).env("API_TOKEN", SECRET).run()
    };
    for form in ["$API_TOKEN", "${API_TOKEN}"] {
        let told = run(&format!("{origin} Authorization: Bearer {form}"));
        assert_eq!(told.status, 0, "{told:?}");
        let said = told.stdout() + &told.stderr();
        assert!(!said.contains(SECRET) && said.contains("Authorization: ******"), "{said}");
        assert!(said.contains("/v2/tea") && said.contains("not granted"), "{said}");
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(
        requests
            .iter()
            .all(|request| request.header("authorization") == Some(&*format!("Bearer {SECRET}")))
    );
    let missing = run(&format!("{origin} Authorization: Bearer $NO_SUCH_VARIABLE"));
    assert_eq!(missing.status, 2, "{missing:?}");
    assert!(missing.stderr().contains("NO_SUCH_VARIABLE"), "{missing:?}");
}

#[test]
fn what_makes_no_sense_is_said_before_anything_runs() {
    for (arguments, says) in [
        (&["--net", "http://example.com"][..], "address of the web"),
        (&["--net", "example.com:99999"], "no port"),
        (&["--http", "example.com"], "https://HOST"),
        (&["--http", "ftp://example.com"], "https://HOST"),
        (&["--http", "CONNECT https://example.com"], "CONNECT"),
        (&["--net", "example.com", "--http", "https://example.com"], "as a whole"),
        (&["--secret", "https://example.com X-Key: tea-and-cake"], "--http https://example.com"),
        (&["--secret", "X-Key: tea"], "ORIGIN HEADER: TEXT"),
        (
            &["--http", "http://example.com", "--secret", "http://example.com X-Key: tea-and-cake"],
            "TLS",
        ),
        (&["--roots", "/no/such/file"], "/no/such/file"),
        (&["--opened", "0"], "give more"),
    ] {
        let told = ophidia(["run"]).args(arguments).args(["-c", "print('ran')"]).run();
        assert_eq!((told.status, &*told.stdout()), (2, ""), "{arguments:?}: {told:?}");
        assert!(told.stderr().contains(says), "{arguments:?}: {told:?}");
        assert!(!told.stderr().contains("tea-and-cake"), "{told:?}");
    }
}

#[test]
fn bounds_are_options() {
    let echo = Echo::start();
    let host = format!("127.0.0.1:{}", echo.port());
    let begin = format!(
        "import socket\nopen = lambda: socket.create_connection(('127.0.0.1', {}))\n",
        echo.port()
    );
    for (options, program, says) in [
        (
            &["--connections", "2"][..],
            "kept = [open() for _ in range(3)]",
            "2 connections are open",
        ),
        (&["--opened", "2"], "for _ in range(3): open().close()", "2 connections have been opened"),
        (
            &["--sent", "1000"],
            "s = open()\nfor _ in range(3): s.sendall(bytes(500))",
            "1000 bytes have been sent",
        ),
        (
            &["--received", "1000"],
            "s = open()\nfor _ in range(3):\n    s.sendall(bytes(500))\n    n = 0\n    while n < 500: n += len(s.recv(500))",
            "1000 bytes have been received",
        ),
    ] {
        let told = ophidia(["run", "--net", &host])
            .args(options)
            .args(["-c", &format!("{begin}{program}")])
            .run();
        assert_eq!(told.status, 1, "{options:?}: {told:?}");
        assert!(told.stderr().contains(says), "{options:?}: {told:?}");
    }
}

#[test]
fn the_audit_and_policies_know_the_network() {
    let echo = Echo::start();
    let made = tempfile::tempdir().expect("a folder");
    let (audit, policy) = (made.path().join("audit"), made.path().join("policy.toml"));
    let port = echo.port();
    std::fs::write(
        &policy,
        format!(
            "[grants.network]\nhosts = [\"127.0.0.1:{port}\"]\n[[grants.network.http]]\norigin = \"https://api.test\"\n\
             methods = [\"GET\"]\npaths = [\"/v1/\"]\nsecrets = [{{ header = \"X-Key\", value = \"{SECRET}\" }}]\n\
             [limits.network]\nconnections = 3\nconnect = 1.5\n"
        ),
    )
    .expect("written");
    let words = ophidia(["policy", "check"]).arg(&policy).expect_ok().stdout();
    for word in [
        &*format!("connect to 127.0.0.1:{port}"),
        "https://api.test: GET of /v1/",
        "X-Key",
        "1s 500ms",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }
    assert!(!words.contains(SECRET), "{words}");
    let program = format!(
        "import socket\nsocket.create_connection(('127.0.0.1', {port})).close()\n\
         try: socket.create_connection(('10.0.0.1', 80))\nexcept PermissionError: pass"
    );
    ophidia(["run", "--policy"])
        .arg(&policy)
        .arg("--audit")
        .arg(&audit)
        .args(["-c", &program])
        .expect_ok();
    let lines = std::fs::read_to_string(&audit).expect("written");
    assert!(
        lines.contains(&format!(
            r#"{{"event":"connected","host":"127.0.0.1:{port}","address":"127.0.0.1"}}"#
        )),
        "{lines}"
    );
    assert!(
        lines.contains(r#""event":"denied","action":"connect","path":"10.0.0.1:80""#),
        "{lines}"
    );
}
