//! The service of the examples, under load: many clients, some of whose programs spin, fail or hang up.

use crate::library::RUNTIME;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;

/// As `cargo run --release --example service` runs it.
#[path = "../../examples/service.rs"]
#[allow(dead_code, unreachable_pub, reason = "its `main` is the example's own")]
mod example;

/// Serves on loopback until the test ends.
fn serve() -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let tokio = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        tokio.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("an address")).expect("somebody listens");
            let service = example::service(RUNTIME.clone()).expect("a pool");
            axum::serve(listener, service).await.expect("it serves");
        });
    });
    told.recv().expect("it is there")
}

fn connect(to: SocketAddr, path: &str, tenant: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(120))).expect("set");
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: x\r\nTenant: {tenant}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("sent");
    stream
}

/// The status and the body.
fn post(to: SocketAddr, path: &str, tenant: &str, body: &str) -> (u16, String) {
    let mut answer = String::new();
    connect(to, path, tenant, body).read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    (status.expect("a status"), body.to_owned())
}

#[test]
fn a_service_under_load() {
    let to = serve();
    assert_eq!(post(to, "/run", "ada", "print(6 * 7)"), (200, "42\n".into()));
    assert_eq!(
        post(to, "/run", "ada", "import asyncio\nprint(await asyncio.sleep(0.01, 'slept'))"),
        (200, "slept\n".into())
    );
    let (status, said) = post(to, "/run", "ada", "1 / 0");
    assert_eq!(status, 422);
    assert!(said.contains("ZeroDivisionError"), "{said}");
    // Some spin until their time is over; some hang up in the middle.
    let spinning: Vec<_> =
        (0..8).map(|_| connect(to, "/run", "mallory", "while True: pass")).collect();
    for _ in 0..8 {
        drop(connect(to, "/run", "eve", "import time\ntime.sleep(60)"));
    }
    // Everybody else is served, in sessions and out of them.
    let clients: Vec<_> = (0..8)
        .map(|client| {
            thread::spawn(move || {
                let (tenant, session) = (format!("client-{client}"), format!("/sessions/{client}"));
                assert_eq!(post(to, &session, &tenant, "total = 0").0, 200);
                for n in 0..25 {
                    let answer = post(to, "/run", &tenant, &format!("print(sum(range({n})))"));
                    assert_eq!(answer, (200, format!("{}\n", (0..n).sum::<i32>())));
                    let answer =
                        post(to, &session, &tenant, &format!("total += {n}\nprint(total)"));
                    assert_eq!(answer, (200, format!("{}\n", (0..=n).sum::<i32>())));
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("all are answered");
    }
    // A session is its tenant's alone.
    let (status, said) = post(to, "/sessions/3", "mallory", "print(total)");
    assert_eq!(status, 422);
    assert!(said.contains("NameError"), "{said}");
    for mut spinning in spinning {
        let mut answer = String::new();
        spinning.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 422") && answer.contains("limit timeout"), "{answer}");
    }
    // Who asks for too much at once is told.
    let flood: Vec<_> =
        (0..150).map(|_| connect(to, "/run", "flood", "import time\ntime.sleep(0.5)")).collect();
    let mut refused = 0;
    for mut one in flood {
        let mut answer = String::new();
        one.read_to_string(&mut answer).expect("an answer");
        refused += usize::from(answer.starts_with("HTTP/1.1 429"));
    }
    assert!((20..150).contains(&refused), "{refused}");
    let mut stream = TcpStream::connect(to).expect("connected");
    write!(stream, "GET /stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut stats = String::new();
    stream.read_to_string(&mut stats).expect("an answer");
    assert!(stats.contains(&format!(" refused: {refused},")), "{stats}");
}

/// The README and the guide say that it is short.
#[test]
fn the_service_has_sixty_lines() {
    let lines = include_str!("../../examples/service.rs").lines().count();
    assert!(lines <= 60, "{lines}");
}
