//! Limits fire, whatever the program does, and say which one it was; recursion never gets that far.

use std::process::Stdio;

use crate::support::{ophidia, ophidia_command};

/// The program is stopped by the timeout.
#[track_caller]
fn times_out(code: &str) {
    times_out_with(&[], code);
}

#[track_caller]
fn times_out_with(options: &[&str], code: &str) {
    let call = ophidia(["run", "--timeout", "150ms"]).args(options).args(["-c", code]);
    let outcome = call.expect_status(124);
    outcome.stderr_has("ophidia: limit timeout: 150ms allowed").stderr_has("--timeout");
}

#[test]
fn the_timeout_stops_a_program_that_computes() {
    times_out("while True: pass");
    times_out("while True:\n    try:\n        while True: pass\n    except BaseException: pass");
    times_out("sum(range(10 ** 12))");
    times_out("'a' * 10 ** 5 in 'b' * 10 ** 7 + 'a'; import re; re.match('(a*)*b', 'a' * 40)");
    times_out("9 ** 9 ** 9");
}

#[test]
fn the_timeout_stops_one_long_copy_or_fill() {
    for code in [
        "x = bytearray(300 << 20)\nwhile True: x[1:] = x[:-1]",
        "x = bytes(100 << 20)\nwhile True: x.replace(b'', b'', 1), bytearray(x)",
        "import numpy; x = numpy.zeros(40 << 20)\nwhile True: x.fill(1.5)",
        "import numpy; x = numpy.zeros(40 << 20)\nwhile True: x[1:] = x[:-1]",
    ] {
        times_out_with(&["--memory", "2GiB"], code);
    }
}

#[test]
fn the_timeout_stops_a_program_that_sleeps() {
    times_out("import time; time.sleep(1000)");
    times_out("import asyncio; asyncio.run(asyncio.sleep(1000))");
    times_out("import select; select.select([], [], [], 1000)");
    times_out("import atexit, time; atexit.register(time.sleep, 1000)");
}

#[test]
fn the_timeout_stops_a_program_that_waits_for_input() {
    for code in ["input()", "import sys; sys.stdin.read()", "import os; os.read(0, 1)"] {
        let mut command = ophidia_command();
        command.args(["run", "--timeout", "150ms", "-c", code]);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the command starts");
        // The other end stays open: there is no end of the file to be read.
        let stdin = child.stdin.take();
        assert_eq!(child.wait().expect("it ends").code(), Some(124), "{code}");
        drop(stdin);
    }
}

#[test]
fn no_timeout_is_no_timeout() {
    let code = "import time; time.sleep(0.2); print('done')";
    ophidia(["run", "--timeout", "none", "-c", code]).expect_ok().stdout_is("done\n");
}

#[test]
fn the_memory_limit_stops_a_program_that_takes_too_much() {
    for code in [
        "b'x' * 500_000_000",
        "x = []\nwhile True: x.append('x' * 100_000)",
        "list(range(10 ** 8))",
    ] {
        let outcome = ophidia(["run", "--memory", "64MiB", "-c", code]).expect_status(125);
        outcome
            .stderr_has("ophidia: limit memory")
            .stderr_has("67108864 allowed")
            .stderr_has("--memory");
    }
    ophidia(["run", "--memory", "1GiB", "-c", "print(len(b'x' * 500_000_000))"])
        .expect_ok()
        .stdout_is("500000000\n");
}

#[test]
fn endless_recursion_ends_at_the_memory_limit_when_its_own_limit_is_raised() {
    let code = "import sys; sys.setrecursionlimit(10 ** 9)\ndef f(): return [f()]\nf()";
    let outcome = ophidia(["run", "--memory", "64MiB", "-c", code]).expect_status(125);
    outcome.stderr_has("ophidia: limit memory");
}

#[test]
fn a_program_can_live_with_a_refused_request() {
    let code = "try: b'x' * 500_000_000\nexcept MemoryError: print('went without')";
    ophidia(["run", "--memory", "64MiB", "-c", code]).expect_ok().stdout_is("went without\n");
}

#[test]
fn captured_output_is_bounded() {
    let flood = "while True: print('x' * 100_000)";
    let outcome = ophidia(["run", "--json", "--timeout", "none", "-c", flood]).expect_status(125);
    outcome.stdout_has("\"stopped_by\":\"output\"");
}

#[test]
fn each_limit_of_the_library_has_its_option() {
    let outcome =
        ophidia(["run", "--life", "300ms", "-c", "import time\nwhile True: time.sleep(0.02)"]);
    outcome.expect_status(124).stderr_has("limit life: 300ms").stderr_has("--life");
    let outcome = ophidia(["run", "--json", "--captured", "1KiB", "-c", "print('x' * 3000)"]);
    outcome.expect_status(125).stdout_has("more than 1024 bytes").stdout_has("--captured");
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("large.py");
    std::fs::write(&script, "result = 'y' * 3_000_000").expect("written");
    let input = folder.path().join("input");
    std::fs::write(&input, "").expect("written");
    for (option, most, says) in
        [("--value", "1MiB", "limit value: "), ("--objects", "1", "limit objects: ")]
    {
        let map = ophidia(["map", option, most]).args([&script, &input]).run();
        let said = String::from_utf8_lossy(&map.stdout).into_owned();
        assert!(said.contains(says) && said.contains(option), "{map}");
    }
    for (option, value) in [("--host-calls", "0"), ("--host-call-time", "0s"), ("--objects", "0")] {
        let outcome = ophidia(["run", option, value, "-c", ""]).expect_status(2);
        outcome.stderr_has(option);
    }
    ophidia(["run", "--host-calls", "1", "--host-call-time", "1s", "-c", "print(1)"])
        .expect_ok()
        .stdout_is("1\n");
}

/// The message of the limit in the line of `--json`.
fn message(arguments: &[&str]) -> String {
    let outcome = ophidia(["run", "--json"]).args(arguments).run();
    let line: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    assert_eq!(line["error"]["type"], "LimitExceeded", "{outcome}");
    line["error"]["message"].as_str().expect("a text").to_owned()
}

#[test]
fn the_option_that_helps_is_named_in_json_as_well() {
    let said = message(&["--timeout", "150ms", "-c", "while True: pass"]);
    assert_eq!(
        said,
        "limit timeout: 150ms allowed, not finished by then (raise it with --timeout)"
    );
    let said = message(&["--memory", "64MiB", "-c", "b'x' * 500_000_000"]);
    assert!(said.ends_with("67108864 allowed (raise it with --memory)"), "{said}");
    let said = message(&["-c", "while True: print('x' * 1_000_000)"]);
    assert!(
        said.ends_with(
            "captured stream (raise it with --captured; `ophidia run` without --json holds none)"
        ),
        "{said}"
    );
}

#[test]
fn a_session_that_a_limit_does_not_let_begin_ends_as_a_program_does() {
    let outcome = ophidia(["repl", "--memory", "1MiB"]).expect_status(125);
    outcome.stderr_has("limit memory").stderr_has("raise it with --memory");
    let outcome = ophidia(["bindgen", "--memory", "1MiB", "json"]).expect_status(125);
    outcome.stderr_has("limit memory").stderr_has("raise it with --memory");
}

#[test]
fn deep_recursion_is_a_recursion_error() {
    for (what, code) in [
        ("a function", "def f(): f()\nf()"),
        ("a repr", "class A:\n    def __repr__(self): return repr(self)\nrepr(A())"),
        ("a str method", "class A:\n    def __str__(self): return f'{self}'\nstr(A())"),
        (
            "attributes",
            "class A:\n    def __getattr__(self, n): return getattr(self, n + 'x')\nA().y",
        ),
        ("a comparison", "class A:\n    def __lt__(self, o): return sorted([self, o])\nA() < A()"),
        ("a key function", "def f(x): return max([1, 2], key=f)\nf(1)"),
        (
            "a callback in C",
            "import functools\ndef f(a, b): return functools.reduce(f, [1, 2])\nf(1, 2)",
        ),
        ("nested lists", "x = []\nfor _ in range(10 ** 5): x = [x]\nrepr(x)"),
        (
            "nested comparison",
            "x = y = []\nfor _ in range(10 ** 5): x, y = [x], [y]\nx == y; a = []; b = []\nfor _ in range(10 ** 5): a, b = [a], [b]\na == b",
        ),
        ("json out", "import json\nx = []\nfor _ in range(10 ** 5): x = [x]\njson.dumps(x)"),
        ("json in", "import json; json.loads('[' * 10 ** 5)"),
        ("pickle", "import pickle\nx = []\nfor _ in range(10 ** 5): x = [x]\npickle.dumps(x)"),
        ("copy", "import copy\nx = []\nfor _ in range(10 ** 5): x = [x]\ncopy.deepcopy(x)"),
        ("generators", "def g(n): yield from g(n + 1)\nnext(g(0))"),
        ("isinstance", "t = int\nfor _ in range(10 ** 5): t = (t,)\nisinstance('', t)"),
        (
            "imports",
            "import builtins\nold = builtins.__import__\nbuiltins.__import__ = lambda *a: __import__(*a)\nimport xml",
        ),
        ("the parser", "import ast; ast.parse('-' * 10 ** 5 + '1')"),
        ("the compiler", "compile('x' + '.y' * 10 ** 5, '', 'exec')"),
        ("a sum", "compile('+'.join(['a'] * 10 ** 5), '', 'exec')"),
        ("elif", "compile('if a: pass\\n' + 'elif a: pass\\n' * 5_000, '', 'exec')"),
    ] {
        let program = format!(
            "code = {code:?}\ntry:\n    exec(code, {{}})\nexcept (RecursionError, MemoryError, SyntaxError) as error:\n    \
             print(type(error).__name__)\nelse:\n    print('nothing')\nprint('alive')"
        );
        let outcome = ophidia(["run", "--timeout", "none", "-c", &program]).run();
        assert_eq!(outcome.status, 0, "{what}: {outcome}");
        let stdout = outcome.stdout();
        let expected = match what {
            "the parser" => ["MemoryError", "RecursionError", "SyntaxError"].as_slice(),
            _ => &["RecursionError"],
        };
        let first = stdout.lines().next().unwrap_or_default();
        assert!(expected.contains(&first) && stdout.ends_with("alive\n"), "{what}: {outcome}");
    }
}
