//! TLS is the host's: servers are checked by the host's roots, in blocking programs, with time limits, in memory; and
//! programs are told what is wrong in the words of Python's ssl.

use crate::library::RUNTIME;
use crate::support::raised;
use crate::support::servers::{Authority, Echo, Http, Response};
use ophidia::{Interpreter, InterpreterBuilder};
use std::time::Duration;

fn trusting(authority: &Authority, ports: &[u16]) -> InterpreterBuilder {
    let file = authority.pem_file();
    let builder = RUNTIME.interpreter().timeout(Duration::from_secs(30)).roots(file.path());
    let builder =
        ports.iter().fold(builder, |builder, port| builder.net(format!("localhost:{port}")));
    // The roots are read when it is built.
    std::mem::forget(file);
    builder
}

fn tea() -> impl Fn(&crate::support::servers::Request) -> Response {
    |request| Response::ok(format!("{} {}", request.method, request.target))
}

#[test]
fn clients_of_the_library_talk_tls() {
    let authority = Authority::new();
    let server = Http::start_tls(&authority, &["localhost"], tea());
    let old = Http::start_with(&authority.tls(&["localhost"]).only_tls12(), tea());
    let mut py = trusting(&authority, &[server.port(), old.port()]).build().expect("one");
    py.run(&format!("port, old = {}, {}", server.port(), old.port())).expect("set");
    py.run(
        r#"
import asyncio, http.client, ssl, socket, urllib.request
assert urllib.request.urlopen(f'https://localhost:{port}/a').read() == b'GET /a'
client = http.client.HTTPSConnection('localhost', port, timeout=10)
for path in ('/b', '/c', '/d'):
    client.request('POST', path, body=b'x' * 100_000)
    assert client.getresponse().read() == b'POST ' + path.encode()
assert client.sock.version() == 'TLSv1.3', client.sock.version()
assert client.sock.getpeercert()['subjectAltName'] == (('DNS', 'localhost'),)
assert client.sock.cipher()[0].startswith('TLS_')
client = http.client.HTTPSConnection('localhost', old)
client.request('GET', '/old')
assert client.getresponse().read() == b'GET /old'
assert client.sock.version() == 'TLSv1.2' and client.sock.cipher()[0].startswith('ECDHE-'), client.sock.cipher()
context = ssl.create_default_context()
with socket.create_connection(('localhost', port)) as plain:
    with context.wrap_socket(plain, server_hostname='localhost') as secure:
        secure.settimeout(5)
        secure.sendall(b'GET /e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        got = b''
        while piece := secure.recv(7):
            got += piece
        assert got.endswith(b'GET /e'), got
async def main():
    async def one(i):
        reader, writer = await asyncio.open_connection('localhost', port, ssl=context)
        writer.write(f'GET /{i} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
        assert (await reader.read()).endswith(f'GET /{i}'.encode())
        writer.close()
    await asyncio.gather(*(one(i) for i in range(5)))
asyncio.run(main())
"#,
    )
    .expect("talks");
}

/// Why a connection to a server fails.
#[track_caller]
fn fails(py: &mut Interpreter, port: u16) -> (String, String) {
    let error = raised(py.run(&format!(
        "import socket, ssl\ns = socket.create_connection(('localhost', {port}), timeout=10)\n\
         ssl.create_default_context().wrap_socket(s, server_hostname='localhost')"
    )));
    (error.type_name.clone(), error.message.clone())
}

#[test]
fn servers_are_checked() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let cases = [
        (Http::start_tls(&stranger, &["localhost"], tea()), "CERTIFICATE_VERIFY_FAILED"),
        (Http::start_tls(&authority, &["other.test"], tea()), "CERTIFICATE_VERIFY_FAILED"),
        (Http::start_with(&authority.tls(&["localhost"]).expired(), tea()), "expired"),
        (
            Http::start_with(&authority.tls(&["localhost"]).self_signed(), tea()),
            "CERTIFICATE_VERIFY_FAILED",
        ),
    ];
    for (server, says) in cases {
        let mut py = trusting(&authority, &[server.port()]).build().expect("one");
        let (name, said) = fails(&mut py, server.port());
        assert!(name == "ssl.SSLCertVerificationError" && said.contains(says), "{name}: {said}");
        // A program may do without the check, where it reaches the host as it is.
        py.run(&format!(
            "c = ssl.create_default_context()\nc.check_hostname = False\nc.verify_mode = ssl.CERT_NONE\n\
             s = c.wrap_socket(socket.create_connection(('localhost', {})), server_hostname='localhost')\n\
             s.sendall(b'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')\nassert b'200' in s.recv(100)",
            server.port()
        ))
        .expect("unchecked");
    }
    let echo = Echo::start();
    let mut py = trusting(&authority, &[echo.port()]).build().expect("one");
    let (name, said) = fails(&mut py, echo.port());
    assert!(name == "ssl.SSLError", "{name}: {said}");
}

#[test]
fn certificates_of_the_programs_own_are_trusted_beside_the_hosts() {
    let (authority, own) = (Authority::new(), Authority::new());
    let server = Http::start_tls(&own, &["localhost"], tea());
    let mut py = trusting(&authority, &[server.port()]).build().expect("one");
    py.run(&format!(
        "import ssl, urllib.request\nc = ssl.create_default_context(cadata={:?})\n\
         assert urllib.request.urlopen('https://localhost:{}/a', context=c).read() == b'GET /a'",
        own.pem(),
        server.port()
    ))
    .expect("trusted");
}

#[test]
fn tls_counts_as_an_open_file_and_lets_go() {
    let authority = Authority::new();
    let server = Http::start_tls(&authority, &["localhost"], tea());
    let mut py = trusting(&authority, &[server.port()]).files(8).build().expect("one");
    py.run(&format!(
        "import urllib.request\nfor i in range(40):\n    assert urllib.request.urlopen('https://localhost:{}/a').read()",
        server.port()
    ))
    .expect("none is left over");
    let error = raised(py.run("import ssl\nkept = []\nwhile True:\n    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()\n    kept.append(ssl.create_default_context().wrap_bio(i, o, server_hostname='localhost'))\n    try: kept[-1].do_handshake()\n    except ssl.SSLWantReadError: pass"));
    assert_eq!(error.type_name, "OSError", "{error}");
}
