//! Requests over loopback: `http.client` in the sandbox, on one connection that stays, plain and over TLS.
//!
//! Measured against: the same program under a native Python, with the same server, in the same run, in turn. Plain, that
//! is the native build of the guest's own version; it has no OpenSSL, so over TLS it is the `python3` of this machine.
//! Left out: the connections' beginning.
//!
//! `cargo bench --bench network -- --figures` prints the figures.

use anyhow::{Context as _, Result, ensure};
use criterion::Criterion;
use ophidia::{Interpreter, Runtime};
use ophidia_benches::{figure, figures_wanted, in_turn, native_python};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

/// So many requests in a row; prints the seconds that one took.
const REQUESTS: &str = "import http.client, time
def client():
    if tls:
        import ssl
        return http.client.HTTPSConnection('localhost', port, context=ssl.create_default_context(cafile=roots))
    return http.client.HTTPConnection('localhost', port)
client = client()
def get():
    client.request('GET', '/')
    response = client.getresponse()
    assert response.status == 200 and len(response.read()) == 1024
for _ in range(50): get()
start = time.perf_counter()
for _ in range(1000): get()
print((time.perf_counter() - start) / 1000)";

fn main() -> Result<()> {
    if figures_wanted() { figures() } else { criterion() }
}

/// Answers each request on a connection until it closes.
fn answer(stream: impl Read + Write) -> std::io::Result<()> {
    let body = [b'x'; 1024];
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: bench\r\nContent-Length: 1024\r\n\r\n";
    let response = [head.as_slice(), &body].concat();
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        stream.get_mut().write_all(&response)?;
        stream.get_mut().flush()?;
    }
}

/// A server of each kind, and the certificate of the one that has TLS.
struct Servers {
    plain: u16,
    tls: u16,
    roots: tempfile::NamedTempFile,
}

fn serve(each: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let each = Arc::new(each);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = Arc::clone(&each);
            // A client that goes is no failure.
            thread::spawn(move || stream.set_nodelay(true).and_then(|()| each(stream)));
        }
    });
    Ok(port)
}

fn servers() -> Result<Servers> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())?;
    let config = Arc::new(config);
    let mut roots = tempfile::NamedTempFile::new()?;
    roots.write_all(made.cert.pem().as_bytes())?;
    let tls = serve(move |stream| {
        let connection =
            ServerConnection::new(Arc::clone(&config)).map_err(std::io::Error::other)?;
        answer(StreamOwned::new(connection, stream))
    })?;
    Ok(Servers { plain: serve(answer)?, tls, roots })
}

fn program(port: u16, tls: bool, roots: &Path) -> String {
    let tls = if tls { "True" } else { "False" };
    format!("port, tls, roots = {port}, {tls}, {:?}\n{REQUESTS}", roots.display().to_string())
}

fn interpreter(runtime: &Runtime, servers: &Servers) -> Result<Interpreter> {
    let host = |port| format!("localhost:{port}");
    let builder = runtime.interpreter().net(host(servers.plain)).net(host(servers.tls));
    let mut py = builder.roots(servers.roots.path()).timeout(None).build()?;
    py.files().put("/tmp/roots.pem", std::fs::read(servers.roots.path())?)?;
    Ok(py)
}

fn seconds(py: &mut Interpreter, program: &str) -> Result<f64> {
    py.run(program)?;
    Ok(String::from_utf8(py.take_stdout())?.trim().parse()?)
}

fn native_seconds(python: &Path, program: &str) -> Result<f64> {
    let output = Command::new(python).args(["-I", "-c", program]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)?.trim().parse().context("a number of seconds")
}

fn figures() -> Result<()> {
    let runtime = Runtime::ambient()?;
    let servers = servers()?;
    let mut py = interpreter(&runtime, &servers)?;
    let native = native_python()?;
    for (key, port, tls, python) in [
        ("get", servers.plain, false, &*native),
        ("get_tls", servers.tls, true, Path::new("python3")),
    ] {
        let ours = program(port, tls, Path::new("/tmp/roots.pem"));
        let theirs = program(port, tls, servers.roots.path());
        let compared = in_turn(5, || seconds(&mut py, &ours), || native_seconds(python, &theirs))?;
        figure(&format!("{key}_per_s"), 1.0 / compared.ours, "requests/s");
        figure(&format!("{key}_native_per_s"), 1.0 / compared.theirs, "requests/s");
        figure(&format!("{key}_ratio"), 1.0 / compared.ratio, "x");
    }
    Ok(())
}

fn criterion() -> Result<()> {
    let runtime = Runtime::ambient()?;
    let servers = servers()?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("network");
    for (name, port, tls) in [("get", servers.plain, false), ("get over TLS", servers.tls, true)] {
        let mut py = interpreter(&runtime, &servers)?;
        let program = program(port, tls, Path::new("/tmp/roots.pem"));
        let start = program.split_once("for _ in").context("its beginning")?.0;
        py.run(start)?;
        group.bench_function(name, |b| b.iter(|| py.run("get()").is_ok()));
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
