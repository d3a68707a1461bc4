//! Nodes as processes: `ophidia node` over a real server, and what becomes of them.

use crate::support::ophidia_command;
use ophidia_tests::{NatsServer, Way};
use parking_lot::Mutex;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// One of several, which ends with the test.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    said: Arc<Mutex<String>>,
}

/// Spawns tasklets elsewhere and does what its first argument says.
const APP: &str = r#"
import sys
from ophidia.tasklets import *

class Echo(Server):
    async def handle_call(self, request): return request

async def collect():
    got = []
    while True:
        match await receive():
            case ("number", number): got.append(number)
            case ("got", to): to << ("got", got)

def say(*words): print(*words, flush=True)

async def greet():
    for name in nodes():
        pid = await spawn_on(name, Echo)
        say(name, await call(pid, "hello", 30))

async def watch(name):
    pid = await spawn_on(name, Echo)
    ref = monitor(pid)
    say("call", await call(pid, 1, 30))
    say("down", (await receive(("DOWN", ref, pid, ...)))[3])
    try:
        say("called", await call(pid, 2, 1))
    except ProcessExited as error:
        say("called", error.reason)
    except TimeoutError:
        say("called", "late")
    while True:
        try:
            say("again", await call(await spawn_on(name, Echo), 3, 30))
            return
        except (ValueError, RuntimeError, TimeoutError):
            await sleep(0.05)

async def send(name, count):
    pid = await spawn_on(name, collect)
    say("begins")
    for number in range(count):
        pid << ("number", number)
        await sleep(0.001)
    pid << ("got", self_())
    _, got = await receive(("got", ...))
    say("got", len(got), got == list(range(count)))

async def fail():
    raise ValueError("no good")

async def main(what, *arguments):
    match what:
        case "greet": await greet()
        case "watch": await watch(*arguments)
        case "send": await send(arguments[0], int(arguments[1]))
        case "fail": await fail()

run(main, *sys.argv[1:])
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("app.py"), APP).expect("written");
    folder
}

fn node(folder: &Path, url: &str, name: &str, options: &[&str], args: &[&str]) -> Process {
    let mut command = ophidia_command();
    command.args(["node", "--nats", url, "--group", "tests", "--name", name, "-d", "1"]);
    if !options.contains(&"--lost-after") {
        command.args(["--lost-after", "1s"]);
    }
    command.args(options).arg(folder.join("app.py")).args(args);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stdout = BufReader::new(child.stdout.take().expect("its output"));
    let mut stderr = BufReader::new(child.stderr.take().expect("its errors"));
    let said = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&said);
    thread::spawn(move || {
        let mut line = String::new();
        while stderr.read_line(&mut line).is_ok_and(|len| len > 0) {
            heard.lock().push_str(&line);
            line.clear();
        }
    });
    Process { child, stdout, said }
}

impl Process {
    /// The next line of its output.
    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "there is no more: {}", self.said.lock());
        line.trim_end().to_owned()
    }

    /// Until it has said something.
    #[track_caller]
    fn says(&self, what: &str) {
        for _ in 0..6_000 {
            if self.said.lock().contains(what) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not say {what}: {}", self.said.lock());
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(kill.expect("kill is there").success());
    }

    /// Its status.
    #[track_caller]
    fn ends(&mut self) -> Option<i32> {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("its output");
        assert_eq!(rest, "", "{}", self.said.lock());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn three_nodes_greet_and_end() {
    let (server, folder) = (NatsServer::start(), folder());
    let (url, folder) = (server.url(), folder.path());
    let two = node(folder, &url, "node-b", &[], &[]);
    let three = node(folder, &url, "node-c", &[], &[]);
    let mut one = node(folder, &url, "node-a", &["--main", "--nodes", "3"], &["greet"]);
    let mut lines = [one.line(), one.line(), one.line()];
    lines.sort();
    assert_eq!(lines, ["node-a hello", "node-b hello", "node-c hello"]);
    assert_eq!(one.ends(), Some(0), "{}", one.said.lock());
    for mut other in [two, three] {
        other.says("node-a is there");
        other.says("node-a has left");
        other.signal("-TERM");
        assert_eq!(other.ends(), Some(130), "{}", other.said.lock());
    }
}

#[test]
fn a_node_that_is_killed_is_told_of_and_another_takes_its_place() {
    let (server, folder) = (NatsServer::start(), folder());
    let (url, folder) = (server.url(), folder.path());
    let mut two = node(folder, &url, "node-b", &[], &[]);
    let mut one = node(folder, &url, "node-a", &["--main", "--nodes", "2"], &["watch", "node-b"]);
    assert_eq!(one.line(), "call 1");
    two.child.kill().expect("killed");
    assert_eq!(one.line(), "down noconnection");
    assert_eq!(one.line(), "called noconnection");
    let _again = node(folder, &url, "node-b", &[], &[]);
    assert_eq!(one.line(), "again 3");
    assert_eq!(one.ends(), Some(0), "{}", one.said.lock());
    assert!(one.said.lock().contains("node-b is lost"), "{}", one.said.lock());
}

#[test]
fn a_node_that_is_paused_is_lost_and_comes_back() {
    let (server, folder) = (NatsServer::start(), folder());
    let (url, folder) = (server.url(), folder.path());
    let two = node(folder, &url, "node-b", &[], &[]);
    let mut one = node(folder, &url, "node-a", &["--main", "--nodes", "2"], &["watch", "node-b"]);
    assert_eq!(one.line(), "call 1");
    two.signal("-STOP");
    assert_eq!(one.line(), "down noconnection");
    // Whether it is called meanwhile or after it has come back.
    two.signal("-CONT");
    let called = one.line();
    assert!(called.starts_with("called "), "{called:?} {}", one.said.lock());
    assert_eq!(one.line(), "again 3");
    two.says("node-a is lost");
    assert_eq!(one.ends(), Some(0), "{}", one.said.lock());
}

#[test]
fn a_node_that_is_cut_off_is_lost_and_comes_back() {
    let (server, folder) = (NatsServer::start(), folder());
    let (url, folder) = (server.url(), folder.path());
    let way = Way::to(server.port());
    let two = node(folder, &way.url(), "node-b", &[], &[]);
    let mut one = node(folder, &url, "node-a", &["--main", "--nodes", "2"], &["watch", "node-b"]);
    assert_eq!(one.line(), "call 1");
    way.set_open(false);
    assert_eq!(one.line(), "down noconnection");
    two.says("node-a is lost");
    way.set_open(true);
    let called = one.line();
    assert!(called.starts_with("called "), "{called:?} {}", one.said.lock());
    assert_eq!(one.line(), "again 3");
    assert_eq!(one.ends(), Some(0), "{}", one.said.lock());
}

#[test]
fn a_server_that_is_restarted_costs_no_message() {
    let (mut server, folder) = (NatsServer::start(), folder());
    let (url, folder) = (server.url(), folder.path());
    let patient = ["--lost-after", "60s"];
    let _two = node(folder, &url, "node-b", &patient, &[]);
    let main = ["--main", "--nodes", "2", "--lost-after", "60s"];
    let mut one = node(folder, &url, "node-a", &main, &["send", "node-b", "1500"]);
    assert_eq!(one.line(), "begins");
    thread::sleep(Duration::from_millis(200));
    server.restart(Duration::from_millis(300));
    assert_eq!(one.line(), "got 1500 True");
    one.says("not connected");
    assert_eq!(one.ends(), Some(0), "{}", one.said.lock());
}

#[test]
fn what_cannot_be_is_said() {
    let (server, folder) = (NatsServer::start(), folder());
    let (url, folder) = (server.url(), folder.path());
    // The name is taken.
    let first = node(folder, &url, "node-a", &[], &[]);
    first.says("node-a has joined");
    let mut second = node(folder, &url, "node-a", &[], &[]);
    assert_eq!(second.ends(), Some(126));
    second.says("a node called node-a is in the group already");
    // Main fails.
    let mut fails = node(folder, &url, "node-b", &["--main"], &["fail"]);
    assert_eq!(fails.ends(), Some(1));
    fails.says("in fail");
    fails.says("ValueError: no good");
    // No server, and one that has no TLS.
    let mut none = node(folder, "nats://127.0.0.1:1", "node-c", &[], &[]);
    assert_eq!(none.ends(), Some(126));
    none.says("no connection to NATS at nats://127.0.0.1:1");
    let mut tls = node(folder, &url.replace("nats:", "tls:"), "node-c", &[], &[]);
    assert_eq!(tls.ends(), Some(126));
    tls.says("no connection to NATS");
    // No main.
    fs::write(folder.join("app.py"), "x = 1").expect("written");
    let mut no_main = node(folder, &url, "node-c", &["--main"], &[]);
    assert_eq!(no_main.ends(), Some(2));
    no_main.says("the program has no main tasklet");
}

/// Users of the server, each of whom may speak as one node, and hear what is for that.
fn users() -> String {
    let user = |name: &str, group: &str| {
        format!(
            r#"{{ user: {name}, password: secret, permissions: {{
                publish: ["ophidia.{group}.all.{name}", "ophidia.{group}.any.{name}", "ophidia.{group}.to.*.{name}"]
                subscribe: ["ophidia.{group}.all.*", "ophidia.{group}.any.*", "ophidia.{group}.to.{name}.*"]
            }} }}"#
        )
    };
    let users = [user("node-a", "tests"), user("node-b", "tests"), user("node-x", "others")];
    format!("authorization {{ users: [ {} ] }}", users.join("\n"))
}

/// T16: whom a packet is from is the server's to say.
#[test]
fn users_are_kept_apart_by_the_servers_permissions() {
    let (server, folder) = (NatsServer::with(&users()), folder());
    let folder = folder.path();
    let url = |user: &str| format!("nats://{user}:secret@127.0.0.1:{}", server.port());
    let _two = node(folder, &url("node-b"), "node-b", &[], &[]);
    // It may speak in another group only, and under its own name.
    let other = node(folder, &url("node-x"), "node-x", &[], &[]);
    other.says("ermissions");
    let forger = node(folder, &url("node-b"), "node-z", &[], &[]);
    forger.says("ermissions");
    let main = ["--main", "--nodes", "2"];
    let mut one = node(folder, &url("node-a"), "node-a", &main, &["greet"]);
    let mut lines = [one.line(), one.line()];
    lines.sort();
    assert_eq!(lines, ["node-a hello", "node-b hello"]);
    assert_eq!(one.ends(), Some(0), "{}", one.said.lock());
    // The password from the environment, and none: then it is nobody.
    let mut nobody = node(folder, &server.url(), "node-c", &[], &[]);
    assert_eq!(nobody.ends(), Some(126));
    nobody.says("no connection to NATS");
}
