//! A NATS server on loopback, and a way to it that can be cut.

use crate::repository;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The server's program, installed below the cache folder if the machine has none.
///
/// # Panics
///
/// Where there is none to be had.
#[must_use]
pub fn nats_program() -> PathBuf {
    let script = repository().join(".ci/nats-server");
    let found = Command::new(&script).output().expect("the script runs");
    let said = String::from_utf8_lossy(&found.stderr);
    assert!(found.status.success(), "{said}");
    PathBuf::from(String::from_utf8(found.stdout).expect("a path").trim_end())
}

/// A server that ends when it is dropped.
#[derive(Debug)]
pub struct NatsServer {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl NatsServer {
    /// A server without users.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::with("")
    }

    /// One with more of a configuration.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    #[must_use]
    pub fn with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        fs::write(folder.path().join("server.conf"), configuration).expect("written");
        let child = begin(folder.path(), port);
        Self { child, folder, port }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As an address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it, and gives another one in its place after a while.
    ///
    /// # Panics
    ///
    /// Where it does not start again.
    pub fn restart(&mut self, after: Duration) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        thread::sleep(after);
        self.child = begin(self.folder.path(), self.port);
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its number").port()
}

fn begin(folder: &Path, port: u16) -> Child {
    let mut child = Command::new(nats_program())
        .args(["-a", "127.0.0.1", "-c", "server.conf", "-l", "server.log", "-p"])
        .arg(port.to_string())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats-server starts");
    for _ in 0..3_000 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return child;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("nats-server does not listen: {:?}", fs::read_to_string(folder.join("server.log")));
}

/// A way to a port that can be cut and opened again.
#[derive(Debug)]
pub struct Way {
    port: u16,
    open: Arc<AtomicBool>,
}

impl Way {
    /// To a port of this machine.
    ///
    /// # Panics
    ///
    /// Where there is no port for it.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let own = listener.local_addr().expect("its number").port();
        let open = Arc::new(AtomicBool::new(true));
        let may = Arc::clone(&open);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                let (one, other) = (stream.try_clone(), server.try_clone());
                let (Ok(one), Ok(other)) = (one, other) else { continue };
                let (here, there) = (Arc::clone(&may), Arc::clone(&may));
                thread::spawn(move || carry(stream, server, &here));
                thread::spawn(move || carry(other, one, &there));
            }
        });
        Self { port: own, open }
    }

    /// As an address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Cuts it: nothing comes through, and nobody is told. Or opens it again.
    pub fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }
}

/// Carries bytes one way, and holds them back while the way is cut.
fn carry(mut from: TcpStream, mut to: TcpStream, open: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let len = from.read(&mut buffer)?;
        while !open.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        if len == 0 {
            return to.shutdown(Shutdown::Write);
        }
        to.write_all(&buffer[..len])?;
    }
}
