//! Sockets behave as programs expect: calls, time limits, waits that end with the deadline, asyncio.

use crate::library::RUNTIME;
use crate::network::{granted, refused, to};
use crate::support::servers::{Closing, Echo, Silent};
use crate::support::{number, raised};
use ophidia::{Error, Function, LimitExceeded, NetworkLimits};
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

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
    // Bound and not listening: nobody else gets the port meanwhile.
    let bound = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&bound, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let name = SocketAddr::try_from(getsockname(&bound).expect("a name")).expect("an address");
    let port = name.port();
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
        let (begun, begins) = std::sync::mpsc::channel();
        let waker = thread::spawn(move || {
            begins.recv().expect("begun");
            thread::sleep(Duration::from_millis(100));
            interrupter.interrupt();
        });
        py.set("begun", Function::new("begun", move || begun.send(()).expect("heard")))
            .expect("set");
        assert_eq!(
            raised(py.run(&format!("begun()\n{wait}"))).type_name,
            "KeyboardInterrupt",
            "{wait}"
        );
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
