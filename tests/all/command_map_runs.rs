//! `ophidia map` while it runs: signals, `--resume`, reading that is lazy, a terminal.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rexpect::session::{Options, spawn_with_options};
use serde_json::{Value, json};

use crate::command_map::{begun, folder, lines, map, numbers};
use crate::support::{Outcome, ophidia_command};

/// What is the same in each run.
fn timeless(stdout: &[u8]) -> Vec<Value> {
    let mut lines = lines(stdout);
    for line in &mut lines {
        line["duration_ms"].take();
    }
    lines
}

#[track_caller]
fn wait_for(file: &Path) {
    for _ in 0..6_000 {
        if file.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{} did not come", file.display());
}

fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(kill.expect("kill is there").success());
}

/// Ends for all but the item `slow`, until `go` is there; notes what has begun.
const SLOW: &str = "import os\n\
                    open('/ready/began', 'a').write(item + '\\n')\n\
                    open('/ready/' + item, 'w').close()\n\
                    while item == 'slow' and not os.path.exists('/ready/go'): pass\n\
                    result = item.upper()\n";

/// Numbers with `slow` as the one at this place.
fn with_slow(place: usize, count: usize) -> String {
    numbers(count).replace(&format!("\n{place}\n"), "\nslow\n")
}

/// What a map of these lines with [`SLOW`] has to print.
fn expected(stdin: &str) -> Vec<Value> {
    let line = |(index, text): (usize, &str)| {
        json!({
            "index": index, "input": text, "status": "ok", "result": text.to_uppercase(), "stdout": "", "stderr": "",
            "exit_code": 0, "duration_ms": null, "stopped_by": null, "error": null,
        })
    };
    stdin.lines().enumerate().map(line).collect()
}

#[test]
fn ctrl_c_prints_what_has_ended_and_resume_goes_on() {
    let (_kept, path) = folder(&[("slow.py", SLOW)]);
    let grant = format!("{}::/ready:rw", path.join("ready").display());
    let stdin = with_slow(3, 100);
    let arguments = [
        "slow.py",
        "-",
        "--jobs",
        "2",
        "--timeout",
        "none",
        "--dir",
        &grant,
        "--resume",
        "journal",
    ];
    let child = begun(&path, &arguments, &stdin);
    // One thread is slow, so before this one the other has done those before.
    wait_for(&path.join("ready/50"));
    let locked = map(&path, &arguments).stdin(&*stdin).expect_status(2).stdout_is("");
    locked.stderr_has("--resume journal: another map is writing it");
    signal(&child, "-INT");
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("0 failed, then interrupted"), "{said}");
    let (printed, expected) = (timeless(&ended.stdout), expected(&stdin));
    assert!(printed.len() >= 49 && printed.len() < 100, "{printed:?}");
    assert_eq!(printed[..3], expected[..3]);
    assert_eq!(printed[3..49], expected[4..50]);

    fs::write(path.join("ready/go"), "").expect("a file");
    let again = map(&path, &arguments).stdin(&*stdin).expect_ok();
    assert_eq!(timeless(&again.stdout), expected);
    assert_eq!(lines(&again.stdout)[..3], lines(&ended.stdout)[..3], "printed again as it was");
    let began = fs::read_to_string(path.join("ready/began")).expect("a file");
    let times = |item: &str| began.lines().filter(|line| *line == item).count();
    assert_eq!((times("slow"), times("2"), times("49"), times("99")), (2, 1, 1, 1));

    let all = map(&path, &arguments).stdin(&*stdin).expect_ok();
    assert_eq!(all.stdout, again.stdout);
    assert_eq!(fs::read_to_string(path.join("ready/began")).expect("a file"), began);
}

#[test]
fn a_second_signal_cancels_what_goes_on() {
    let script = "open('/ready/begun', 'w').close()\n\
                  while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: open('/ready/no', 'w').close()";
    for name in ["-INT", "-TERM"] {
        let (_kept, path) = folder(&[("deaf.py", script)]);
        let grant = format!("{}::/ready:rw", path.join("ready").display());
        let child = begun(&path, &["deaf.py", "-", "--timeout", "none", "--dir", &grant], "a\nb\n");
        wait_for(&path.join("ready/begun"));
        signal(&child, name);
        wait_for(&path.join("ready/no"));
        signal(&child, name);
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*ended.stdout), (Some(130), &b""[..]), "{said}");
        assert_eq!(said, "ophidia: 0 inputs done, 0 failed, then interrupted\n");
    }
}

#[test]
fn ctrl_c_ends_a_map_that_waits_for_lines() {
    let (_kept, path) = folder(&[("s.py", "result = item")]);
    let mut command = ophidia_command();
    command.args(["map", "s.py", "-"]).current_dir(&path);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(b"a\n").expect("written");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line"); // though more lines may come
    assert!(line.contains(r#""result":"a""#), "{line}");
    signal(&child, "-INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    drop(pipe);
}

#[test]
fn a_map_that_was_killed_goes_on_behind_the_torn_line() {
    let (_kept, path) = folder(&[("slow.py", SLOW)]);
    let grant = format!("{}::/ready:rw", path.join("ready").display());
    let stdin = with_slow(5, 20);
    let arguments = [
        "slow.py",
        "-",
        "--jobs",
        "2",
        "--timeout",
        "none",
        "--dir",
        &grant,
        "--resume",
        "journal",
    ];
    let mut child = begun(&path, &arguments, &stdin);
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut printed = String::new();
    for _ in 0..5 {
        stdout.read_line(&mut printed).expect("a line");
    }
    wait_for(&path.join("ready/slow"));
    signal(&child, "-KILL");
    assert_eq!(child.wait().expect("it ends").code(), None);
    let journal = path.join("journal");
    let whole = fs::read_to_string(&journal).expect("a file");
    assert_eq!(whole.lines().count(), 6, "{whole}");
    let last = whole.lines().last().expect("a line");
    fs::write(path.join("ready/go"), "").expect("a file");
    // As after a crash in the middle of a record, of the first line too.
    for torn in [
        whole.clone() + &last[..last.len() / 2],
        whole.clone() + "{",
        whole[..40].to_owned(),
        String::new(),
    ] {
        fs::write(&journal, &torn).expect("written");
        let again = map(&path, &arguments).stdin(&*stdin).expect_ok();
        assert_eq!(timeless(&again.stdout), expected(&stdin));
        let kept = torn.len() >= whole.len();
        assert_eq!(again.stdout().starts_with(&printed), kept, "{again}");
        assert_eq!(fs::read_to_string(&journal).expect("a file").lines().count(), 21);
    }
}

#[test]
fn an_input_that_has_changed_runs_anew() {
    let script = "open('/ready/began', 'a').write(item[-1])\nresult = 1 / len(open(item).read())";
    let (_kept, path) = folder(&[("s.py", script), ("a", "x"), ("b", ""), ("c", "xx")]);
    let grant = format!("{}::/ready:rw", path.join("ready").display());
    let run = |inputs: &[&str], more: &[&str], status: i32| -> Outcome {
        fs::write(path.join("ready/began"), "").expect("written");
        let options = ["--dir", &*grant, "--resume", "journal", "s.py"];
        map(&path, &options).args(inputs).args(more).expect_status(status)
    };
    let began = || fs::read_to_string(path.join("ready/began")).expect("a file");
    let first = run(&["a", "b", "c"], &["--jobs", "1"], 1);
    assert_eq!(began(), "abc");
    let same = run(&["a", "b", "c"], &["--jobs", "2"], 1).stdout_is(&first.stdout);
    assert_eq!(began(), "", "failures are kept too");
    same.stderr_has("failed: 1 (b): ZeroDivisionError");
    run(&["a", "b", "c"], &["--retry-failed"], 1);
    assert_eq!(began(), "b");
    fs::write(path.join("b"), "xxxx").expect("written");
    let found = run(&["a", "b", "c"], &[], 0).stderr_has("input 1 (b) has changed: run anew");
    assert_eq!((began(), &lines(&found.stdout)[1]["result"]), ("b".to_owned(), &json!(0.25)));
    let found = run(&["c", "b"], &[], 0).stderr_has("input 0 (c) has changed: run anew");
    assert_eq!((began(), lines(&found.stdout).len()), ("c".to_owned(), 2));
    run(&["c", "b", "c", "a"], &[], 0);
    assert_eq!(began(), "a", "what the file has is used, whenever it was written");
}

#[test]
fn a_journal_of_something_else_is_refused() {
    let (_kept, path) = folder(&[
        ("s.py", "result = 1"),
        ("t.py", "result = 2"),
        ("data", "my,data"),
        ("more", "a\nb\n"),
    ]);
    map(&path, &["s.py", "-", "--resume", "journal"]).stdin("a\n").expect_ok();
    let whole = fs::read_to_string(path.join("journal")).expect("a file");
    let with = |from: &str, to: &str| {
        assert!(whole.contains(from), "{whole}");
        fs::write(path.join("changed"), whole.replacen(from, to, 1)).expect("written");
        fs::read_to_string(path.join("changed")).expect("a file")
    };
    for (arguments, file, says) in [
        (&["t.py", "-"][..], "journal", "another script"),
        (&["s.py", "-", "--seed", "1"], "journal", "other options"),
        (&["s.py", "--json-lines", "-"], "journal", "other options"),
        (&["s.py", "-"], "data", "no journal of `ophidia map`"),
        (&["s.py", "-"], "more", "no journal of `ophidia map`"),
    ] {
        let before = fs::read(path.join(file)).expect("a file");
        let outcome = map(&path, arguments).args(["--resume", file]).stdin("a\n").expect_status(2);
        outcome
            .stdout_is("")
            .stderr_has(says)
            .stderr_has(&format!("--resume {file}: "))
            .stderr_has("give another file");
        assert_eq!(fs::read(path.join(file)).expect("a file"), before, "it stays as it is");
    }
    for (from, to, says) in [
        ("\"version\":\"", "\"version\":\"9", "another version"),
        ("{\"digest\"", "{\"dijest\"", "line 2 is no record"),
        ("\"digest\":\"", "\"digest\":\"00", "line 2 has no digest"),
    ] {
        with(from, to);
        let call = map(&path, &["s.py", "-", "--resume", "changed"]).stdin("a\n");
        call.expect_status(2).stdout_is("").stderr_has(says);
    }
    fs::write(path.join("s.py"), "result = 3").expect("written");
    let call = map(&path, &["s.py", "-", "--resume", "journal"]).stdin("a\n");
    call.expect_status(2).stdout_is("").stderr_has("the journal is of another script");
}

#[test]
fn lines_are_read_when_their_turn_comes() {
    let script = "import os\nname = item.strip()\nopen('/ready/' + name, 'w').close()\n\
                  while name == '0' and not os.path.exists('/ready/go'): pass\nresult = int(name)";
    let (_kept, path) = folder(&[("s.py", script)]);
    let grant = format!("{}::/ready:rw", path.join("ready").display());
    let mut command = ophidia_command();
    command.args(["map", "s.py", "-", "--jobs", "2", "--timeout", "none", "--dir", &grant]);
    command.current_dir(&path).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let written = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&written);
    let writer = thread::spawn(move || {
        for number in 0..400 {
            pipe.write_all(format!("{number:<4000}\n").as_bytes()).expect("written");
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    // 4 × 2 + 64 are begun, the pipe has room for 16 more.
    wait_for(&path.join("ready/71"));
    thread::sleep(Duration::from_millis(500));
    let ahead = written.load(Ordering::SeqCst);
    assert!((72..110).contains(&ahead), "{ahead} lines were read");
    assert!(!path.join("ready/72").exists());
    fs::write(path.join("ready/go"), "").expect("a file");
    let ended = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    assert_eq!(ended.status.code(), Some(0));
    let results: Vec<_> = lines(&ended.stdout).iter().map(|line| line["result"].as_u64()).collect();
    assert!(results.iter().copied().eq((0..400).map(Some)), "{results:?}");
}

#[test]
fn a_terminal_shows_how_far_it_is() {
    let (_kept, path) = folder(&[("slow.py", SLOW), ("no", ""), ("slow", ""), ("end", "")]);
    fs::write(
        path.join("slow.py"),
        SLOW.replace("item", "item.rsplit('/', 1)[1]") + "1 / (item[-1] != 'o')\n",
    )
    .expect("written");
    let mut command = ophidia_command();
    let grant = format!("{}::/ready:rw", path.join("ready").display());
    command.args([
        "map",
        "slow.py",
        "no",
        "slow",
        "end",
        "--jobs",
        "1",
        "--timeout",
        "none",
        "--dir",
        &grant,
    ]);
    command.current_dir(&path).env("TERM", "xterm");
    let options = Options::new().timeout_ms(Some(60_000)).strip_ansi_escape_codes(true);
    let mut terminal = spawn_with_options(command, options).expect("a terminal");
    for text in ["\"input\":\"no\"", "1/3", "1 failed"] {
        terminal.exp_string(text).unwrap_or_else(|error| panic!("no {text:?}: {error}"));
    }
    fs::write(path.join("ready/go"), "").expect("a file");
    for text in [
        "\"input\":\"end\"",
        "ophidia: failed: 0 (no): ZeroDivisionError",
        "3 inputs done, 1 failed",
    ] {
        terminal.exp_string(text).unwrap_or_else(|error| panic!("no {text:?}: {error}"));
    }
    terminal.exp_eof().expect("its end");
}

/// A signal that ends who reads, too: what had ended is kept all the same.
#[test]
fn what_nobody_reads_is_kept() {
    let (_kept, path) = folder(&[("slow.py", SLOW)]);
    let grant = format!("{}::/ready:rw", path.join("ready").display());
    let stdin = with_slow(0, 40).replacen("0\n", "slow\n", 1);
    let arguments = [
        "slow.py",
        "-",
        "--jobs",
        "2",
        "--timeout",
        "none",
        "--dir",
        &grant,
        "--resume",
        "journal",
    ];
    let mut child = begun(&path, &arguments, &stdin);
    wait_for(&path.join("ready/39"));
    thread::sleep(Duration::from_millis(300));
    drop(child.stdout.take());
    signal(&child, "-INT");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
    let journal = fs::read_to_string(path.join("journal")).expect("a file");
    assert!(journal.lines().count() > 35, "{journal}");
    fs::write(path.join("ready/go"), "").expect("a file");
    let again = map(&path, &arguments).stdin(&*stdin).expect_ok();
    assert_eq!(timeless(&again.stdout), expected(&stdin));
}

#[test]
fn what_a_limit_has_ended_is_run_again_with_more() {
    let (_kept, path) =
        folder(&[("s.py", "import time\nif item == 'b': time.sleep(1)\nresult = item")]);
    let run = |more: &[&str]| {
        map(&path, &["s.py", "-", "--resume", "journal"]).args(more).stdin("a\nb\n")
    };
    run(&["--timeout", "300ms"]).expect_status(1);
    run(&["--timeout", "60s"]).expect_status(1);
    let again = run(&["--timeout", "60s", "--retry-failed"]).expect_ok();
    assert_eq!(lines(&again.stdout)[1]["result"], "b");
    // No other file than a regular one.
    for file in ["/dev/full", "/dev/null"] {
        let call = map(&path, &["s.py", "-", "--resume", file]).stdin("a\n");
        call.expect_status(2).stderr_has("not a regular file");
    }
}

/// What was written for an input goes when it is run anew.
#[test]
fn what_is_written_out_is_of_the_last_run() {
    let (_kept, path) = folder(&[
        ("s.py", "name = open(item).read().strip()\nopen('/tmp/' + name, 'w').close()"),
        ("in", "A"),
    ]);
    let run = || map(&path, &["s.py", "in", "--out", "out", "--resume", "journal"]).expect_ok();
    run();
    fs::write(path.join("in"), "B").expect("a file");
    run();
    assert!(path.join("out/0/tmp/B").exists() && !path.join("out/0/tmp/A").exists());
    let elsewhere = map(&path, &["s.py", "in", "--out", "other", "--resume", "journal"]);
    elsewhere.expect_status(2).stderr_has("other options");
}
