//! The network: what is granted is reached and nothing else, in every spelling; sockets behave as programs expect;
//! each bound fires; deadlines and cancellation end every wait.

use crate::library::RUNTIME;
use crate::support::servers::{Closing, Echo, Http, Response, Silent, Sink, Source};
use crate::support::{number, raised, text};
use ophidia::{
    Audit, AuditEvent, Error, Function, Interpreter, InterpreterBuilder, LimitExceeded,
    NetworkLimits, Sandbox,
};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

fn granted(hosts: &[String]) -> InterpreterBuilder {
    let builder = RUNTIME.interpreter().timeout(Duration::from_secs(20));
    hosts.iter().fold(builder, |builder, host| builder.net(host))
}

fn to(port: u16) -> InterpreterBuilder {
    granted(&[format!("127.0.0.1:{port}")])
}

/// What a connection fails with, as the guest sees it.
#[track_caller]
fn refused(py: &mut Interpreter, host: &str, port: u16) -> (String, String) {
    let error = raised(
        py.run(&format!("import socket\nsocket.create_connection(({host:?}, {port}), timeout=5)")),
    );
    (error.type_name.clone(), error.message.clone())
}

/// Of an address, or of a name that is not looked up.
fn is_denial(name: &str) -> bool {
    ["PermissionError", "socket.gaierror"].contains(&name)
}

#[test]
fn nothing_is_reached_by_default() {
    let echo = Echo::start();
    let mut py = RUNTIME.interpreter().build().expect("one");
    for host in
        ["127.0.0.1", "localhost", "::1", "example.com", "2130706433", "0x7f.1", "::ffff:127.0.0.1"]
    {
        let (name, said) = refused(&mut py, host, echo.port());
        assert!(is_denial(&name), "{host}: {name}: {said}");
        assert!(
            said.contains("no network is granted") || said.contains("is not granted"),
            "{host}: {said}"
        );
        assert!(said.contains("--net "), "{said}");
    }
    assert_eq!(echo.connections(), 0);
}

#[test]
fn what_is_granted_is_reached_and_its_neighbours_are_not() {
    let (echo, other) = (Echo::start(), Echo::start());
    let mut py = to(echo.port()).build().expect("one");
    py.run(&format!(
        "import socket\ns = socket.create_connection(('127.0.0.1', {}), timeout=5)\ns.sendall(b'tea')\n\
         assert s.recv(3) == b'tea'\nassert s.getpeername() == ('127.0.0.1', {})\nassert s.getsockname()[0] == '127.0.0.1'\ns.close()",
        echo.port(),
        echo.port()
    ))
    .expect("granted");
    let (name, said) = refused(&mut py, "127.0.0.1", other.port());
    assert_eq!(name, "PermissionError");
    assert!(said.contains(&format!("127.0.0.1:{}", other.port())), "{said}");
    // Another address of this machine is not the one that was granted.
    assert_eq!(refused(&mut py, "127.0.0.2", echo.port()).0, "PermissionError");
    assert_eq!((echo.connections(), other.connections()), (1, 0));
}

#[test]
fn addresses_that_are_not_public_are_refused_in_every_spelling() {
    let echo = Echo::start();
    // Every public host, and this port of every name.
    let mut py = granted(&["*".into()]).build().expect("one");
    let spellings = "127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 0x7f.0.0.1 127.0.0.2 0.0.0.0 0 ::1 :: \
        ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: 10.0.0.1 192.168.0.1 172.16.0.1 169.254.169.254 \
        2852039166 0xa9fea9fe ::ffff:a9fe:a9fe fe80::1 fd00:ec2::254 100.64.0.1 224.0.0.1 255.255.255.255";
    for host in spellings.split_whitespace() {
        let (name, said) = refused(&mut py, host, echo.port());
        assert!(is_denial(&name), "{host}: {name}: {said}");
    }
    for name in ["localhost", "LOCALHOST.", "a.localhost"] {
        assert!(is_denial(&refused(&mut py, name, echo.port()).0), "{name}");
    }
    assert_eq!(echo.connections(), 0);
}

#[test]
fn a_name_leads_where_it_was_found_to_and_nowhere_else() {
    let echo = Echo::start();
    let port = echo.port();
    // The name is granted with an address, and with another port than that of the echo.
    let mut py = granted(&[format!("api.test:{port}=127.0.0.1"), "private.test=10.0.0.1".into()])
        .build()
        .expect("one");
    assert_eq!(
        text(&mut py, &format!("(__import__('socket').getaddrinfo('API.test.', {port}))[0][4][0]")),
        "127.0.0.1"
    );
    py.run(&format!(
        "import socket\nsocket.create_connection(('api.test', {port}), timeout=5).close()"
    ))
    .expect("granted");
    let (name, said) = refused(&mut py, "api.test", port.wrapping_add(1));
    assert!(name == "PermissionError" && said.contains("api.test:"), "{said}");
    // Names beside it are not looked up at all.
    for host in ["test", "xapi.test", "api.test.example.com", "other.test"] {
        let (name, said) = refused(&mut py, host, port);
        assert!(is_denial(&name) && said.contains("the name"), "{host}: {said}");
    }
    assert_eq!(echo.connections(), 1);
}

#[test]
fn localhost_is_this_machine_and_patterns_are_whole_labels() {
    let echo = Echo::start();
    let port = echo.port();
    let mut py = granted(&[format!("localhost:{port}"), "*.example.com:1-1000".into()])
        .build()
        .expect("one");
    py.run(&format!(
        "import socket\ns = socket.create_connection(('localhost', {port}), timeout=5)\ns.sendall(b'x')\nassert s.recv(1) == b'x'"
    ))
    .expect("granted");
    for host in ["example.com", "badexample.com", "example.com.evil.org"] {
        assert!(is_denial(&refused(&mut py, host, 80).0), "{host}");
    }
    // Granted, but nobody knows it here: that is no denial.
    let error = raised(py.run("socket.create_connection(('nobody.example.com', 80), timeout=5)"));
    assert_eq!(error.type_name, "socket.gaierror", "{error}");
}

#[test]
fn bad_grants_are_refused_before_anything_runs() {
    for (host, says) in [
        ("", "is no host"),
        ("http://example.com", "address of the web"),
        ("exam ple.com", "is no host"),
        ("ex*mple.com", "is no host"),
        ("*.", "is no host"),
        ("example.com:0", "is no port"),
        ("example.com:65536", "is no port"),
        ("example.com:80-10", "is no port"),
        ("[::1", "bracket"),
        ("10.0.0.1/8", "10.0.0.0/8"),
        ("10.0.0.0/33", "is no network"),
        ("0177.0.0.1", "four decimal numbers"),
        ("bücher.example", "xn--"),
        ("example.com=here", "is no address"),
        ("*.example.com=127.0.0.1", "only a name"),
    ] {
        let error = Sandbox::builder().net(host).build().expect_err(host);
        assert!(matches!(error, Error::Grant(_)), "{error:?}");
        let said = error.to_string();
        assert!(said.contains(says) && said.contains(&format!("{host:?}")), "{host}: {said}");
    }
    let error = Sandbox::builder().roots("/no/such/file.pem").build().expect_err("missing");
    assert!(error.to_string().contains("/no/such/file.pem"), "{error}");
}

#[test]
fn bounds_fire() {
    let source = Source::endless();
    let sink = Sink::start();
    let hosts = [format!("127.0.0.1:{}", source.port()), format!("127.0.0.1:{}", sink.port())];
    let limits = NetworkLimits {
        connections: 2,
        opened: 4,
        sent: 100_000,
        received: 200_000,
        ..NetworkLimits::default()
    };
    let mut py = granted(&hosts).network_limits(limits).build().expect("one");
    py.run(&format!(
        "import socket\nsource, sink = ('127.0.0.1', {}), ('127.0.0.1', {})\n\
         a = socket.create_connection(source)\nb = socket.create_connection(sink)",
        source.port(),
        sink.port()
    ))
    .expect("two");
    let error = raised(py.run("socket.create_connection(sink)"));
    assert!(error.message.contains("2 connections are open"), "{error}");
    let error = raised(py.run("total = 0\nwhile data := a.recv(65536): total += len(data)"));
    assert!(error.message.contains("200000 bytes have been received"), "{error}");
    assert_eq!(number(&mut py, "total"), 200_000);
    let error = raised(py.run("for _ in range(1000): b.sendall(bytes(10_000))"));
    assert!(error.message.contains("100000 bytes have been sent"), "{error}");
    py.run("a.close(); b.close()\nfor _ in range(2): socket.create_connection(sink).close()")
        .expect("four in all");
    let error = raised(py.run("socket.create_connection(sink)"));
    assert!(error.message.contains("4 connections have been opened"), "{error}");
    assert!(error.message.contains("raise the limit"), "{error}");
    let usage = py.usage();
    assert_eq!((usage.network.opened, usage.network.connections), (4, 0), "{usage:?}");
    assert_eq!((usage.network.sent, usage.network.received), (100_000, 200_000), "{usage:?}");
    assert_eq!(usage.network.most_connections, 2, "{usage:?}");
}

#[test]
fn descriptors_are_bounded_too() {
    let mut py = RUNTIME.interpreter().files(10).build().expect("one");
    let error =
        raised(py.run("import socket\nkept = []\nwhile True: kept.append(socket.socket())"));
    assert_eq!((&*error.type_name, number(&mut py, "len(kept)")), ("OSError", 10), "{error}");
    py.run("kept.clear()\na, b = socket.socketpair()").expect("free again");
}

#[test]
fn sockets_behave() {
    let echo = Echo::start();
    let closing = Closing::start();
    let mut py =
        granted(&[format!("127.0.0.1:{}", echo.port()), format!("127.0.0.1:{}", closing.port())])
            .build()
            .expect("one");
    py.run(&format!("echo, closing = {}, {}", echo.port(), closing.port())).expect("set");
    py.run(
        r#"
import errno, io, select, selectors, socket, time
s = socket.socket()
s.settimeout(0.05)
s.connect(('127.0.0.1', echo))
began = time.monotonic()
try:
    s.recv(1)
    raise AssertionError
except TimeoutError:
    assert 0.04 < time.monotonic() - began < 5
s.setblocking(False)
try:
    s.recv(1)
    raise AssertionError
except BlockingIOError as error:
    assert error.errno == errno.EAGAIN
assert select.select([s], [s], [], 0) == ([], [s], [])
s.send(b'abc')
assert select.select([s], [], [], 5) == ([s], [], [])
assert s.recv(2, socket.MSG_PEEK) == b'ab'
room = bytearray(3)
assert s.recv_into(room) == 3 and room == b'abc'
with selectors.DefaultSelector() as selector:
    selector.register(s, selectors.EVENT_READ)
    assert selector.select(0.01) == []
    s.send(b'x')
    assert len(selector.select(5)) == 1
s.setblocking(True)
assert s.recv(1) == b'x'
assert s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
assert s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
assert s.type == socket.SOCK_STREAM and s.family == socket.AF_INET
big = bytes(range(256)) * 4000
import threading
sent, got = 0, bytearray()
s.setblocking(False)
while len(got) < len(big):
    readable, writable, _ = select.select([s], [s] if sent < len(big) else [], [], 5)
    if writable:
        sent += s.send(big[sent:])
    if readable:
        got += s.recv(1 << 16)
assert got == big
s.setblocking(True)
file = s.makefile('rwb')
file.write(b'line\n'); file.flush()
assert file.readline() == b'line\n'
s.shutdown(socket.SHUT_WR)
assert file.read() == b''
file.close(); s.close()
assert s.fileno() == -1
c = socket.create_connection(('127.0.0.1', closing))
try:
    assert c.recv(1) == b''
except ConnectionResetError:
    pass
n = socket.socket()
n.setblocking(False)
code = n.connect_ex(('127.0.0.1', echo))
assert code in (0, errno.EINPROGRESS), code
assert select.select([], [n], [], 5)[1] == [n]
assert n.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
try:
    n.connect(('127.0.0.1', echo))
    raise AssertionError
except OSError as error:
    assert error.errno == errno.EISCONN, error
a, b = socket.socketpair()
a.sendall(b'tea'); a.close()
assert b.recv(10) == b'tea' and b.recv(10) == b''
u = socket.socket()
for act in (lambda: u.recv(1), lambda: u.send(b'x'), lambda: u.getpeername()):
    try:
        act()
        raise AssertionError
    except OSError as error:
        assert error.errno == errno.ENOTCONN, error
for act in (lambda: u.bind(('127.0.0.1', 8000)), lambda: u.listen(), lambda: socket.socket(type=socket.SOCK_DGRAM)):
    try:
        act()
        raise AssertionError
    except OSError:
        pass
assert socket.gethostbyname('127.0.0.1') == '127.0.0.1'
assert socket.getservbyname('https') == 443 and socket.getservbyport(80) == 'http'
assert socket.getnameinfo(('127.0.0.1', 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV) == ('127.0.0.1', '80')
"#,
    )
    .expect("as elsewhere");
}

#[test]
fn a_refused_connection_is_refused_and_a_slow_one_is_late() {
    let port = { Echo::start().port() };
    let mut py = granted(&[format!("127.0.0.1:{port}"), "192.0.2.1:81".into()])
        .network_limits(NetworkLimits {
            connect: Duration::from_millis(100),
            ..NetworkLimits::default()
        })
        .build()
        .expect("one");
    assert_eq!(refused(&mut py, "127.0.0.1", port).0, "ConnectionRefusedError");
    // Documentation's network: packets get lost, or are refused on the way.
    let began = Instant::now();
    let error = raised(py.run("socket.create_connection(('192.0.2.1', 81))"));
    assert!(
        ["TimeoutError", "OSError", "ConnectionRefusedError"].contains(&&*error.type_name),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn waits_end_with_the_deadline_and_by_cancellation() {
    let silent = Silent::start();
    let waits = [
        "s.recv(1)",
        "s.makefile('rb').read()",
        "import select; select.select([s], [], [])",
        "import select; p = select.poll(); p.register(s, select.POLLIN); p.poll()",
        "while True: s.send(bytes(100_000))",
        "import asyncio\nasync def main():\n    r, w = await asyncio.open_connection('127.0.0.1', port)\n    await r.read()\nasyncio.run(main())",
        "import http.client; c = http.client.HTTPConnection('127.0.0.1', port); c.request('GET', '/'); c.getresponse()",
        "import ssl; ssl.create_default_context().wrap_socket(s, server_hostname='localhost')",
    ];
    let begin = format!(
        "import socket\nport = {}\ns = socket.create_connection(('127.0.0.1', port))",
        silent.port()
    );
    for wait in waits {
        let limit = Duration::from_millis(100);
        let mut py =
            to(silent.port()).timeout(limit).grace(Duration::from_secs(5)).build().expect("one");
        let ended = py.run(&format!("{begin}\n{wait}"));
        let wanted = LimitExceeded::Timeout { limit };
        assert!(
            matches!(&ended, Err(Error::Limit(limit)) if *limit == wanted),
            "{wait}: {ended:?}"
        );
        assert!(!py.is_poisoned(), "{wait}");

        let mut py = to(silent.port()).build().expect("one");
        let cancel = py.interrupter();
        let (begun, begins) = std::sync::mpsc::channel();
        let waker = thread::spawn(move || {
            begins.recv().expect("begun");
            thread::sleep(Duration::from_millis(100));
            let at = Instant::now();
            cancel.cancel();
            at
        });
        py.set("begun", Function::new("begun", move || begun.send(()).expect("heard")))
            .expect("set");
        let ended = py.run(&format!("{begin}\nbegun()\n{wait}"));
        let late = waker.join().expect("woken").elapsed();
        assert!(matches!(ended, Err(Error::Cancelled)), "{wait}: {ended:?}");
        assert!(late < Duration::from_secs(2), "{wait}: {late:?}");
    }
}

#[test]
fn interruptions_reach_waits() {
    let silent = Silent::start();
    let mut py = to(silent.port()).build().expect("one");
    py.run(&format!(
        "import socket\ns = socket.create_connection(('127.0.0.1', {}))",
        silent.port()
    ))
    .expect("open");
    for wait in ["s.recv(1)", "s.settimeout(10); s.recv(1)"] {
        let interrupter = py.interrupter();
        let waker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            interrupter.interrupt();
        });
        assert_eq!(raised(py.run(wait)).type_name, "KeyboardInterrupt", "{wait}");
        waker.join().expect("woken");
    }
}

#[test]
fn asyncio_has_streams_timers_and_functions_of_the_host_at_once() {
    let echo = Echo::start();
    let tokio =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut py = to(echo.port()).tokio(tokio.handle().clone()).build().expect("one");
    py.set(
        "host",
        Function::new_async("host", |text: String| async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            text + "!"
        }),
    )
    .expect("set");
    py.run(&format!("port = {}", echo.port())).expect("set");
    py.run(
        r#"
import asyncio
async def talk(text):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    for _ in range(20):
        writer.write(text.encode() + b'\n')
        await writer.drain()
        assert (await reader.readline()).decode().strip() == text
    writer.close()
    await writer.wait_closed()
    return text
async def tick():
    for _ in range(10):
        await asyncio.sleep(0.005)
    return 'tick'
async def main():
    loop = asyncio.get_running_loop()
    assert (await loop.getaddrinfo('127.0.0.1', port))[0][4] == ('127.0.0.1', port)
    return await asyncio.gather(talk('a'), talk('b'), tick(), host('c'), host('d'), *(talk(str(i)) for i in range(20)))
told = asyncio.run(main())
assert told[:5] == ['a', 'b', 'tick', 'c!', 'd!'], told
async def alone():
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    assert await host('x') == 'x!'
    try:
        await asyncio.wait_for(reader.read(1), 0.02)
    except TimeoutError:
        writer.close()
        return 'late'
assert asyncio.run(alone()) == 'late'
"#,
    )
    .expect("all of it");
}

#[test]
fn an_audit_hears_of_connections_and_denials() {
    let echo = Echo::start();
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let audit = Audit::new(move |event: &AuditEvent| {
        told.lock().expect("never poisoned").push(event.clone())
    });
    let mut py = granted(&[format!("api.test:{}=127.0.0.1", echo.port())])
        .audit(audit)
        .build()
        .expect("one");
    py.run(&format!(
        "import socket\nsocket.create_connection(('api.test', {}), timeout=5)",
        echo.port()
    ))
    .expect("granted");
    refused(&mut py, "10.1.2.3", 80);
    refused(&mut py, "evil.test", 80);
    let events = events.lock().expect("never poisoned");
    let seen: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            AuditEvent::Connected { host, address } => Some(format!("connected {host} {address}")),
            AuditEvent::Denied { action: action @ ("connect" | "resolve"), path, reason } => {
                assert!(reason.contains("--net"), "{reason}");
                Some(format!("{action} {path}"))
            }
            _ => None,
        })
        .collect();
    let wanted = [
        format!("connected api.test:{} 127.0.0.1", echo.port()),
        "connect 10.1.2.3:80".into(),
        "resolve evil.test".into(),
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn redirects_gain_nothing() {
    let hidden = Http::start(|_| Response::ok("secret"));
    let url = hidden.url("/");
    let open = Http::start(move |request| match request.path() {
        "/private" => Response::redirect(&url),
        _ => Response::redirect("http://169.254.169.254/latest/meta-data/"),
    });
    let mut py = to(open.port()).build().expect("one");
    for path in ["/private", "/metadata"] {
        let error = raised(py.run(&format!(
            "import urllib.request\nurllib.request.urlopen({:?}, timeout=5)",
            open.url(path)
        )));
        assert_eq!(error.type_name, "urllib.error.URLError", "{error}");
        assert!(error.message.contains("is not granted"), "{error}");
    }
    assert_eq!(hidden.connections(), 0);
}

#[test]
fn two_interpreters_have_nothing_in_common() {
    let echo = Echo::start();
    let mut with = to(echo.port()).build().expect("one");
    let mut without = RUNTIME.interpreter().build().expect("one");
    with.run(&format!(
        "import socket\ns = socket.create_connection(('127.0.0.1', {}))",
        echo.port()
    ))
    .expect("granted");
    assert_eq!(refused(&mut without, "127.0.0.1", echo.port()).0, "PermissionError");
    // The number of a descriptor means nothing elsewhere.
    let error = raised(without.run("import os\nos.write(4, b'x')"));
    assert_eq!(error.type_name, "OSError");
    drop(with);
    for _ in 0..100 {
        if echo.open() == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("the connection outlives its interpreter");
}

/// Keeps the message and the fields of each event.
struct Kept(Mutex<Vec<String>>);

impl tracing::Subscriber for &'static Kept {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "ophidia::audit"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut text = Text(format!("{} ", event.metadata().level()));
        event.record(&mut text);
        self.0.lock().expect("never poisoned").push(text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn an_audit_can_be_events_of_tracing() {
    let kept: &'static Kept = Box::leak(Box::new(Kept(Mutex::default())));
    let mut py = RUNTIME.interpreter().audit(Audit::tracing()).build().expect("one");
    tracing::subscriber::with_default(kept, || {
        py.run("open('/tmp/a', 'w').close()").expect("granted");
        refused(&mut py, "10.1.2.3", 80);
    });
    let events = kept.0.lock().expect("never poisoned");
    assert!(
        events.iter().any(|event| event.starts_with("INFO ") && event.contains("/tmp/a")),
        "{events:?}"
    );
    let denied = events.iter().find(|event| event.starts_with("WARN ")).expect("a denial");
    assert!(denied.contains("10.1.2.3:80") && denied.contains("--net"), "{denied}");
}

#[test]
fn headers_are_those_of_the_library() {
    let mut py = RUNTIME.interpreter().build().expect("one");
    py.run(
        r#"
import http.client, io
from _ophidia import headers
cases = [
    b'', b'\r\n', b'A: b\r\n\r\n', b'A:b\r\nA: c \t\r\n\r\n', b'A:\r\n\r\n', b'A: b\r\n c\r\n\r\n', b'A: b\n\n', b'A b\r\n\r\n', b': b\r\n\r\n',
    b'From me\r\nA: b\r\n\r\n', b'A: \xe9\r\n\r\n', b'A\xe9: b\r\n\r\n', b'A: b\rc\r\n\r\n', b'A : b\r\n\r\n', b'A: b', b'A: b\r\n',
    b'Content-Type: multipart/mixed; boundary=x\r\n\r\n', b'content-type:message/rfc822\r\n\r\n', b'Content-Type: text/html; charset=utf-8\r\n\r\n',
    b'Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 3\r\n\r\nrest', b' A: b\r\n\r\n', b'\tA: b\r\nB: c\r\n\r\n', b'A: b\r\n\r\n\r\n',
    b'A: \x0b\x0c\x1c\x85 b\r\n\r\n', b'A:  \t \r\nB: =?utf-8?q?x?=\r\n\r\n',
]
def told(parse, case):
    file = io.BytesIO(case)
    message = parse(file)
    parts = [part if isinstance(part, str) else vars(part) for part in message._payload] if isinstance(message._payload, list) else message._payload
    state = vars(message) | {'_payload': parts, 'defects': [repr(defect) for defect in message.defects]}
    return state, message.items(), message.get_content_type(), file.read()
for case in cases:
    assert told(headers._library, case) == told(http.client.parse_headers, case), case
for parse in (headers._library, http.client.parse_headers):
    for case, error in ((b'A: b\r\n' * 101 + b'\r\n', http.client.HTTPException), (b'A' * 70_000, http.client.LineTooLong)):
        try:
            parse(io.BytesIO(case))
            raise SystemExit('parsed')
        except error:
            pass
"#,
    )
    .expect("the same");
}

#[test]
fn what_is_said_of_a_denial_belongs_to_it_alone() {
    let mut py = RUNTIME.interpreter().build().expect("one");
    py.run(
        "import errno, os, socket\ns = socket.socket()\nassert s.connect_ex(('10.0.0.1', 80)) == errno.EACCES\n\
         os.stat('/tmp')\nassert os.strerror(errno.EACCES) == 'Permission denied', os.strerror(errno.EACCES)",
    )
    .expect("nothing is left of it");
}
