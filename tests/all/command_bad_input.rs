//! Every refusal names the thing, the value and what to change; nothing panics.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use ophidia_guest::STDLIB;

use crate::support::{native_python, ophidia};

/// The command refuses these arguments, and says all of these words.
#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) {
    let outcome = ophidia(arguments).expect_status(2);
    assert!(outcome.stdout.is_empty(), "{outcome}");
    let stderr = outcome.stderr();
    assert!(stderr.starts_with("ophidia: ") && !stderr.contains("panicked"), "{outcome}");
    for word in words {
        assert!(stderr.contains(word), "no {word:?} in: {outcome}");
    }
}

#[test]
fn scripts_that_cannot_be_read() {
    let made = tempfile::tempdir().expect("a folder");
    let path = made.path().to_str().expect("UTF-8");
    refused(&["run", "/no/such/script.py"], &["/no/such/script.py", "no such file", "-c CODE"]);
    refused(&["run", path], &[path, "a folder without a __main__.py", "name a script"]);
    refused(&["run", "/etc/passwd/x.py"], &["/etc/passwd/x.py", "Not a directory", "name a file"]);
    refused(
        &["run", "/proc/self/mem"],
        &["/proc/self/mem", "error", "name a file that you can read"],
    );
    refused(
        &["run", "--memory", "64MiB", "/dev/zero"],
        &["/dev/zero", "larger than the 67108864 bytes", "--memory"],
    );
    refused(&["run", "x".repeat(5000).as_str()], &["too long", "name a file"]);
    let bytes = OsStr::from_bytes(b"\xff.py");
    let outcome = ophidia([OsStr::new("run"), bytes]).expect_status(2);
    outcome.stderr_has("not UTF-8");
}

#[test]
fn nothing_to_run() {
    refused(&["run"], &["FILE", "Usage"]);
    refused(&["run", "-c"], &["-c", "CODE"]);
    refused(&["run", "-m"], &["-m", "MODULE"]);
    refused(&["run", "--timeuot", "2s", "x.py"], &["--timeuot", "--timeout"]);
    refused(&["rum", "x.py"], &["rum", "run"]);
    refused(&["script.py"], &["script.py", "ophidia run script.py"]);
    refused(&["-c", "print(1)"], &["ophidia run -c"]);
    refused(&["-m", "json.tool"], &["ophidia run -m"]);
}

#[test]
fn folders_that_cannot_be_granted() {
    let made = tempfile::tempdir().expect("a folder");
    let path = made.path().to_str().expect("UTF-8");
    let dir = |value: &str, words: &[&str]| refused(&["run", "--dir", value, "-c", "1"], words);
    dir("/no/such/folder", &["--dir", "/no/such/folder", "no such folder", "create it"]);
    dir(&format!("{path}:rx"), &["--dir", ":rx", "no such folder", "[:ro|:rw]"]);
    dir("", &["--dir", "no such folder"]);
    dir(
        "/etc/passwd",
        &["--dir", "/etc/passwd", "a file, not a folder", "the folder that it is in"],
    );
    dir(&format!("{path}::data"), &["--dir", "\"data\"", "must be absolute", "/data"]);
    dir(&format!("{path}::/a/../b"), &["--dir", "/a/../b", "must be absolute"]);
    dir(&format!("{path}::{STDLIB}"), &["--dir", STDLIB, "standard library", "another name"]);
    let (one, two) = (format!("{path}::/data"), format!("{path}::/data/:rw"));
    refused(&["run", "--dir", &one, "--dir", &two, "-c", "1"], &["--dir", "/data", "another name"]);
    refused(&["run", "--site", "/no/such", "-c", "1"], &["--site", "/no/such", "no such folder"]);
    for (option, form) in [("--overlay", true), ("--site", false)] {
        let outcome = ophidia(["run", option, "/no/such", "-c", "1"]).expect_status(2);
        let said = outcome.stderr();
        assert!(!said.contains(":rw") && said.contains("(HOST[::GUEST])") == form, "{said}");
    }
    refused(&["repl", "--dir", "/no/such"], &["--dir", "/no/such", "no such folder"]);
}

#[test]
fn limits_that_make_no_sense() {
    for value in ["2", "soon", "-1s", "", "1h2"] {
        refused(&["run", &format!("--timeout={value}"), "-c", "1"], &["--timeout", value, "2s"]);
    }
    refused(&["run", "--timeout", "0s", "-c", "1"], &["--timeout", "no time", "none"]);
    for value in ["lots", "12 apples", "-5", ""] {
        refused(&["run", &format!("--memory={value}"), "-c", "1"], &["--memory", value, "256MiB"]);
    }
    refused(&["run", "--memory", "5GiB", "-c", "1"], &["--memory", "5GiB", "more than 4GiB"]);
    for (option, value, word) in [
        ("--memory", "0", "64KiB"),
        ("--memory", "1", "64KiB"),
        ("--tmp", "1", "4096"),
        ("--files", "0", "from 1"),
        ("--connections", "0", "from 1"),
        ("--connect", "0s", "give more"),
    ] {
        refused(&["run", option, value, "-c", "1"], &[option, value, word]);
    }
    for (option, value, word) in [
        ("--seed", "-1", "from 0 to 18446744073709551615"),
        ("--seed", "18446744073709551616", "from 0 to 18446744073709551615"),
        ("--tmp", "-1", "256MiB"),
        ("--timeout", "-1s", "2s"),
        ("--memory", "-5", "256MiB"),
        ("--connections", "-1", "from 1"),
        ("--clock", "9999-12-31T23:59:59Z", "2262"),
    ] {
        refused(&["run", option, value, "-c", "1"], &[option, value, word]);
    }
    refused(&["map", "--jobs", "-1", "x.py", "y"], &["--jobs", "-1", "from 1 to"]);
    let small = ophidia(["run", "--memory", "1MiB", "-c", "1"]).expect_status(125);
    small.stderr_has("limit memory").stderr_has("1048576").stderr_has("--memory");
}

#[test]
fn variables_that_cannot_be_set() {
    refused(
        &["run", "--env", "NOT_SET_ANYWHERE", "-c", "1"],
        &["--env", "NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE=VALUE"],
    );
    refused(&["run", "--env", "=x", "-c", "1"], &["--env", "name"]);
    let bytes = OsStr::from_bytes(b"\xff");
    let call = ophidia(["run", "--env", "BYTES", "-c", "1"]).env("BYTES", bytes);
    call.expect_status(2).stderr_has("BYTES").stderr_has("not UTF-8");
}

/// What Python itself says about a source file.
#[track_caller]
fn python_says(source: &[u8], words: &str) {
    let made = tempfile::tempdir().expect("a folder");
    fs::write(made.path().join("script.py"), source).expect("a file");
    let outcome = ophidia(["run", "script.py"]).current_dir(made.path()).expect_status(1);
    assert!(outcome.stdout.is_empty(), "{outcome}");
    outcome.stderr_has(words);
}

#[test]
fn source_that_python_cannot_read() {
    python_says(
        b"print('before')\nx = 'caf\xe9'\n",
        r"SyntaxError: Non-UTF-8 code starting with '\xe9' on line 2",
    );
    python_says(b"print(1)\nx = (\n", "SyntaxError: '(' was never closed");
    python_says(b"if x:\n\tpass\n        pass\n", "TabError");
    python_says(b"# coding: no-such-codec\n", "SyntaxError");
    python_says(b"print(1)\nprint('\0')\n", "SyntaxError: source code cannot contain null bytes");
    python_says(b"\0\0\0\0", "SyntaxError: source code cannot contain null bytes");
    python_says(b"\x7fELF\x01\x02", "SyntaxError");
}

#[test]
fn modules_that_are_not_there() {
    // Word for word what python3 says behind its own name: one line, no traceback.
    let made = tempfile::tempdir().expect("a folder");
    fs::create_dir(made.path().join("pack")).expect("a folder");
    fs::write(made.path().join("pack/__init__.py"), "").expect("a file");
    for module in ["no_such_module", "json.nothing", "pack", "pack.part", "json.decoder.x"] {
        let native = native_python(["-m", module]).current_dir(made.path()).expect_status(1);
        let stderr = native.stderr();
        let (_, said) = stderr.trim_end().split_once(": ").expect("its name and a line");
        let ours = ophidia(["run", "-m", module]).current_dir(made.path()).expect_status(1);
        assert_eq!(ours.stderr().trim_end(), said, "-m {module}");
    }
    ophidia(["run", "-m", ""]).expect_status(1);
    ophidia(["run", "-m", "../x"]).expect_status(1);
    ophidia(["run", "-c", "import curses"]).expect_status(1).stderr_has("ModuleNotFoundError");
}

#[test]
fn a_cache_folder_that_cannot_be_used() {
    let made = tempfile::tempdir().expect("a folder");
    let file = made.path().join("file");
    fs::write(&file, "").expect("a file");
    let call = ophidia(["guest", "info"]).env("OPHIDIA_CACHE", &file);
    call.expect_status(126).stderr_has("ophidia guest build");
    let doctor = ophidia(["doctor"]).env("OPHIDIA_CACHE", &file);
    doctor.expect_status(1).stdout_has("OPHIDIA_CACHE");
}

/// Whoever opens a FIFO waits for the other end, which may never come.
#[test]
fn what_may_never_be_written_to_is_not_opened() {
    let made = tempfile::tempdir().expect("a folder");
    let fifo = made.path().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a FIFO");
    let fifo = fifo.to_str().expect("UTF-8");
    refused(&["run", fifo], &[fifo, "a FIFO", "standard input"]);
    refused(&["map", fifo, "x"], &[fifo, "a FIFO"]);
    refused(&["run", "--file", &format!("{fifo}::/tmp/a"), "-c", "1"], &["--file", "a FIFO"]);
    refused(&["run", "--policy", fifo, "-c", "1"], &[fifo, "not a regular file"]);
    refused(&["run", "--policy", "/dev/zero", "-c", "1"], &["/dev/zero", "not a regular file"]);
    refused(&["policy", "check", fifo], &[fifo, "not a regular file"]);
    // What is open already has its other end.
    let call =
        ophidia(["run", "--file", "/dev/stdin::/tmp/a", "-c", "print(open('/tmp/a').read())"]);
    assert_eq!(call.stdin("given").expect_ok().stdout(), "given\n");
}
