//! The network: what is granted is reached and nothing else, in every spelling; each bound fires; who listens is told.

use crate::library::RUNTIME;
use crate::support::servers::{Echo, Http, Response, Sink, Source};
use crate::support::{number, raised, text};
use ophidia::{Audit, AuditEvent, Error, Interpreter, InterpreterBuilder, NetworkLimits, Sandbox};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub(crate) fn granted(hosts: &[String]) -> InterpreterBuilder {
    let builder = RUNTIME.interpreter().timeout(Duration::from_secs(20));
    hosts.iter().fold(builder, |builder, host| builder.net(host))
}

pub(crate) fn to(port: u16) -> InterpreterBuilder {
    granted(&[format!("127.0.0.1:{port}")])
}

/// What a connection fails with, as the guest sees it.
#[track_caller]
pub(crate) fn refused(py: &mut Interpreter, host: &str, port: u16) -> (String, String) {
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
        assert!(said.contains("grant it (net "), "{said}");
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
fn bounds_of_nothing_are_refused() {
    let limits = NetworkLimits { received: 0, ..NetworkLimits::default() };
    let refused = Sandbox::builder().net("example.com").network_limits(limits).build();
    let said = refused.expect_err("nothing can be received").to_string();
    assert!(said.contains("network.received: 0"), "{said}");
    Sandbox::builder().network_limits(limits).build().expect("no network, so no bound of it");
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
                assert!(reason.contains("grant it (net \""), "{reason}");
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
    assert!(denied.contains("10.1.2.3:80") && denied.contains("(net "), "{denied}");
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
