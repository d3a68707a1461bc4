//! A real PostgreSQL server for as long as a test wants it.

mod programs;

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::geteuid;
use tempfile::TempDir;

use programs::Programs;

use super::authority::{Authority, Issued};

const USER: &str = "ophidia";
const PASSWORD: &str = "swordfish";
/// PostgreSQL refuses to run as root; this is `nobody` on Linux.
const NOBODY: u32 = 65534;
/// How long it may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Becomes the server, and leaves a process behind that ends it when standard input does: also when
/// the test was killed or never drops the server.
const WATCHED: &str = r#"
folder=$1; shift
exec 3<&0 </dev/null
(
    read -r _ <&3
    kill -QUIT $$
    for _ in 0 1 2 3 4 5 6 7 8 9; do
        [ -e "$folder/data/postmaster.pid" ] || break
        sleep 0.5
    done
    rm -rf "$folder"
) >/dev/null 2>&1 &
exec "$@" 3<&-
"#;

/// A server with one user, who has a password (SCRAM-SHA-256) and may do everything, and the database
/// `postgres`. Starting takes about a second; one in a `static` serves many tests and ends with them.
#[derive(Debug)]
pub struct Postgres {
    server: Child,
    port: u16,
    /// The database, its log, and a copy of the programs if need be.
    folder: TempDir,
}

impl Postgres {
    /// Starts one, installing PostgreSQL into the cache when the machine has none.
    ///
    /// None when there is no way; the reason is on standard error.
    #[must_use]
    pub fn start() -> Option<Self> {
        reported(Self::started(None))
    }

    /// The same for connections with and without TLS, with a certificate for `localhost` and 127.0.0.1.
    #[must_use]
    pub fn start_tls(authority: &Authority) -> Option<Self> {
        reported(Self::started(Some(&authority.tls(&["localhost", "127.0.0.1"]).issue())))
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &'static str {
        USER
    }

    /// The user's password.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The name of the database.
    #[must_use]
    pub fn database(&self) -> &'static str {
        "postgres"
    }

    /// All of it as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgresql://{USER}:{PASSWORD}@127.0.0.1:{}/{}", self.port, self.database())
    }

    fn started(issued: Option<&Issued>) -> Result<Self> {
        let programs = Programs::found_or_installed()?;
        for _ in 0..3 {
            if let Some(server) = Self::attempt(&programs, issued)? {
                return Ok(server);
            }
        }
        bail!("other programs took three free ports in a row")
    }

    /// None when another program took the port before the server did.
    fn attempt(programs: &Programs, issued: Option<&Issued>) -> Result<Option<Self>> {
        let place = if geteuid().is_root() { "/tmp".into() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("ophidia-postgres-").tempdir_in(place)?;
        hand_over(folder.path())?;
        let bin = programs.runnable_from(folder.path())?;
        initialise(&bin, folder.path())?;
        if let Some(Issued { certificate, key }) = issued {
            write_private(&folder.path().join("server.crt"), &certificate.pem())?;
            write_private(&folder.path().join("server.key"), &key.serialize_pem())?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let server = spawn(&bin, folder.path(), port, issued.is_some())?;
        let mut this = Self { server, port, folder };
        Ok(this.becomes_ready()?.then_some(this))
    }

    /// False when it could not have its port.
    fn becomes_ready(&mut self) -> Result<bool> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            // Its last line says so once connections are answered; pg_ctl waits for the same.
            let state = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
            if state.is_ok_and(|text| text.trim_end().ends_with("\nready")) {
                return Ok(true);
            }
            if let Some(status) = self.server.try_wait()? {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                ensure!(log.contains("could not bind"), "postgres ended with {status}:\n{log}");
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("postgres was not ready after {} seconds", PATIENCE.as_secs())
    }
}

impl Drop for Postgres {
    /// Ends it without a farewell to its clients, and waits; the folder goes after that.
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let start = Instant::now();
        while matches!(self.server.try_wait(), Ok(None)) {
            if start.elapsed() > PATIENCE {
                let _ = self.server.kill();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test that goes on without it says why")]
fn reported(started: Result<Postgres>) -> Option<Postgres> {
    started.inspect_err(|error| eprintln!("no PostgreSQL for this test: {error:#}")).ok()
}

/// A command for the user that PostgreSQL runs as.
fn unprivileged(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C").stdin(Stdio::null());
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Makes that user the owner.
fn hand_over(path: &Path) -> Result<()> {
    if geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

/// Writes a file that only that user may read.
fn write_private(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    hand_over(path)
}

fn initialise(bin: &Path, folder: &Path) -> Result<()> {
    write_private(&folder.join("password"), PASSWORD)?;
    let mut initdb = unprivileged(&bin.join("initdb"), folder);
    initdb.args(["--pgdata", "data", "--username", USER, "--pwfile", "password"]);
    initdb.args(["--auth=scram-sha-256", "--auth-host=scram-sha-256"]);
    initdb.args(["--encoding=UTF8", "--locale=C", "--no-sync"]);
    let output = initdb.output()?;
    ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn spawn(bin: &Path, folder: &Path, port: u16, tls: bool) -> Result<Child> {
    let mut server = unprivileged(Path::new("/bin/sh"), folder);
    server.args(["-c", WATCHED, "sh"]).arg(folder).arg(bin.join("postgres"));
    server.arg("-D").arg(folder.join("data"));
    server.args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("port={port}")]);
    server.arg("-c").arg(format!("unix_socket_directories={}", folder.display()));
    server.args(["-c", "fsync=off"]);
    if tls {
        server.args(["-c", "ssl=on"]);
        server.arg("-c").arg(format!("ssl_cert_file={}", folder.join("server.crt").display()));
        server.arg("-c").arg(format!("ssl_key_file={}", folder.join("server.key").display()));
    }
    let log = File::create(folder.join("log"))?;
    server.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
    server.spawn().context("/bin/sh cannot be run")
}
