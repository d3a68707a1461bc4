//! `ophidia tasks`: an app in several interpreters, how it ends, and what is told of it.

use crate::support::{Outcome, ophidia, ophidia_command};
use rexpect::session::{Options, spawn_with_options};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;
use tempfile::TempDir;

/// A pool of workers that squares numbers, under a supervisor; its first argument says what else.
const APP: &str = r#"
import logging, os, sys
from ophidia.tasklets import *
logging.getLogger("ophidia.tasklets").setLevel(logging.CRITICAL)

class Worker(Server):
    async def handle_call(self, number):
        return number * number

async def asks(to, numbers):
    for number in numbers:
        worker = spawn(Worker)
        to << await call(worker, number)
        exit(worker, "shutdown")

async def spins(to):
    while True:
        to << self_()
        await receive()

async def main(what, *arguments):
    match what:
        case "squares":
            for part in range(4):
                await spawn_on(asks, self_(), list(range(part * 10, part * 10 + 10)))
            print(sum([await receive() for _ in range(40)]), flush=True)
        case "exit": exit(self_(), arguments[0])
        case "fail": raise ValueError("no good")
        case "wait":
            print("waits", flush=True)
            await receive()
        case "spin":
            spawn(spins, self_())
            while True: (await receive()) << 1
        case "restarts":
            logging.disable()
            boss = spawn(Supervisor, [child(Worker, id="one")], "one_for_one", 100)
            for _ in range(3):
                [(_, pid)] = await call(boss, "which_children")
                ref = monitor(pid)
                cast(pid, None)
                exit(pid, "boom")
                await receive(("DOWN", ref, ...,  ...))
                while (await call(boss, "count_children"))["active"] == 0: await sleep(0.01)

run(main, *sys.argv[1:])
"#;

fn app() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.py");
    fs::write(&path, APP).expect("written");
    let name = path.to_str().expect("UTF-8").to_owned();
    (folder, name)
}

fn report(outcome: &Outcome) -> Value {
    let stdout = outcome.stdout();
    let last = stdout.lines().last().expect("a line");
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

#[test]
fn an_app_runs_in_several_interpreters_and_tells_what_they_did() {
    let (_folder, app) = app();
    let outcome = ophidia(["tasks", &app, "squares", "--domains", "2", "--json"]).expect_status(0);
    assert!(outcome.stdout().starts_with("20540\n"), "{outcome}");
    let report = report(&outcome);
    assert_eq!(report["status"], "ok");
    assert_eq!((&report["reason"], &report["exit_code"]), (&"normal".into(), &0.into()));
    let domains = report["domains"].as_array().expect("domains");
    assert_eq!(domains.len(), 2);
    for domain in domains {
        assert!(domain["memory_bytes"].as_u64() > Some(1 << 20), "{domain}");
    }
    let spawned: Option<u64> = domains.iter().map(|domain| domain["spawned"].as_u64()).sum();
    assert_eq!(spawned, Some(45), "main, four that ask, forty workers: {report}");
}

#[test]
fn ends_have_statuses_and_reasons() {
    let (_folder, app) = app();
    for (arguments, status, said) in [
        (&["exit", "normal"][..], 0, ""),
        (&["exit", "tired"], 1, "the main tasklet has ended: tired"),
        (&["fail"], 1, "in main\nValueError: no good"),
    ] {
        let words = [&["tasks", "-d", "1", "--quiet", &app], arguments].concat();
        let outcome = ophidia(words).run();
        assert_eq!(outcome.status, status, "{arguments:?}: {outcome}");
        assert!(outcome.stderr().contains(said), "{arguments:?}: {outcome}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other.py");
    for (text, status, said) in [("x = 1", 2, "no main tasklet"), ("1 / 0", 1, "ZeroDivisionError")]
    {
        fs::write(&other, text).expect("written");
        let outcome = ophidia(["tasks", "-d", "2", other.to_str().expect("UTF-8")]).run();
        assert!(outcome.stderr().contains(said), "{text}: {outcome}");
        assert_eq!(outcome.status, status, "{text}: {outcome}");
    }
}

#[test]
fn it_is_stopped_by_a_signal() {
    let (_folder, app) = app();
    let child = ophidia_command()
        .args(["tasks", "-d", "2", "--json", &app, "wait"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("it starts");
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("its output"));
    std::io::BufRead::read_line(&mut stdout, &mut line).expect("a line");
    assert_eq!(line, "waits\n");
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill is there").success());
    line.clear();
    std::io::BufRead::read_line(&mut stdout, &mut line).expect("a line");
    let report: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&report["status"], &report["reason"]), (&"interrupted".into(), &"shutdown".into()));
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn restarts_are_counted() {
    let (_folder, app) = app();
    let outcome = ophidia(["tasks", "-d", "1", "--json", &app, "restarts"]).expect_status(0);
    assert_eq!(report(&outcome)["domains"][0]["restarts"], 3, "{outcome}");
}

#[test]
fn a_terminal_shows_who_is_busy() {
    let (_folder, app) = app();
    let mut command = ophidia_command();
    command.args(["tasks", "-d", "2", &app, "spin"]).env("TERM", "xterm");
    let options = Options::new().timeout_ms(Some(60_000)).strip_ansi_escape_codes(true);
    let mut terminal = spawn_with_options(command, options).expect("a terminal");
    for text in ["interpreter", "messages/s", "busiest tasklets", "spins"] {
        terminal.exp_string(text).unwrap_or_else(|error| panic!("no {text:?}: {error}"));
    }
    terminal.send_control('c').expect("Ctrl-C");
    terminal.exp_string("interrupted").expect("its end");
    terminal.exp_eof().expect("its end");
}

#[test]
fn elsewhere_there_is_a_line_now_and_then() {
    let (_folder, app) = app();
    let mut child = ophidia_command()
        .args(["tasks", "-d", "1", &app, "spin"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("its errors"));
    std::io::BufRead::read_line(&mut stderr, &mut line).expect("a line");
    assert!(line.starts_with("ophidia: interpreters: 1, tasklets: 2, messages/s: "), "{line}");
    assert!(line.contains("restarts: 0, "), "{line}");
    child.kill().expect("killed");
    child.wait().expect("it ends");
}

/// What a trace says has to be possible: run through, it is the life of each tasklet, and of its messages.
#[test]
fn a_trace_can_be_played_again() {
    let (folder, app) = app();
    let file = folder.path().join("trace.jsonl");
    let trace = file.to_str().expect("UTF-8");
    ophidia(["tasks", "-d", "2", "--trace", trace, &app, "squares"]).expect_status(0);
    let text = fs::read_to_string(&file).expect("a trace");
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let word = |event: &Value, name: &str| event[name].as_str().map(str::to_owned);
    let (mut alive, mut ended) = (BTreeSet::new(), BTreeSet::new());
    let (mut sent, mut received) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
    let mut functions = BTreeMap::<String, u64>::new();
    for event in &events {
        let pid = word(event, "pid");
        match event["event"].as_str() {
            Some("spawn") => {
                let pid = pid.expect("a pid");
                assert!(!ended.contains(&pid) && alive.insert(pid), "{event}");
                *functions.entry(word(event, "function").expect("a function")).or_default() += 1;
                if let Some(by) = word(event, "by") {
                    assert!(alive.contains(&by), "{event}");
                }
            }
            Some("send") => {
                if let Some(pid) = pid {
                    assert!(alive.contains(&pid), "{event}");
                }
                *sent.entry(word(event, "to").expect("a pid")).or_default() += 1;
            }
            Some("receive") => {
                let pid = pid.expect("a pid");
                assert!(alive.contains(&pid), "{event}");
                *received.entry(pid).or_default() += 1;
            }
            Some("exit") => {
                let pid = pid.expect("a pid");
                assert!(alive.remove(&pid) && ended.insert(pid), "{event}");
            }
            _ => panic!("{event}"),
        }
    }
    assert_eq!((functions["asks"], functions["Worker"], functions["main"]), (4, 40, 1));
    let main = events.iter().find(|event| event["function"] == "main").expect("main");
    let main = word(main, "pid").expect("a pid");
    assert_eq!((sent[&main], received[&main]), (40, 40), "what was sent to main has come");
}
