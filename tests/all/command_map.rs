//! `ophidia map`: order, isolation, forms of inputs and results, mistakes, exit statuses.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Call, ophidia, ophidia_command};

/// A folder with these files, and a folder `ready` that programs may write to.
pub(crate) fn folder(files: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let made = tempfile::tempdir().expect("a temporary folder");
    let path = made.path().canonicalize().expect("it exists");
    fs::create_dir(path.join("ready")).expect("a folder");
    for (name, text) in files {
        fs::write(path.join(name), text).expect("a file");
    }
    (made, path)
}

/// `ophidia map` in that folder.
pub(crate) fn map(path: &Path, arguments: &[&str]) -> Call {
    ophidia(["map"]).args(arguments).current_dir(path)
}

/// The lines of the output.
#[track_caller]
pub(crate) fn lines(stdout: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The lines of a map that ends with this status.
#[track_caller]
fn mapped(path: &Path, arguments: &[&str], stdin: &str, status: i32) -> Vec<Value> {
    lines(&map(path, arguments).stdin(stdin).expect_status(status).stdout)
}

/// A map that is watched while it runs; its standard input is this text.
pub(crate) fn begun(path: &Path, arguments: &[&str], stdin: &str) -> Child {
    let mut command = ophidia_command();
    command.arg("map").args(arguments).current_dir(path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(stdin.as_bytes()).expect("written");
    child
}

/// Numbers, a line each.
pub(crate) fn numbers(count: usize) -> String {
    (0..count).map(|number| format!("{number}\n")).collect()
}

#[test]
fn results_come_in_the_order_of_the_inputs() {
    let script =
        "import time; time.sleep(0.3 if int(item) % 10 == 0 else 0); result = int(item) ** 2";
    let (_kept, path) = folder(&[("square.py", script)]);
    let found = mapped(&path, &["square.py", "-", "--jobs", "4"], &numbers(40), 0);
    assert_eq!(found.len(), 40);
    for (index, line) in found.iter().enumerate() {
        assert_eq!(line["index"], index, "{line}");
        assert_eq!(line["input"], index.to_string(), "{line}");
        assert_eq!(line["result"], index * index, "{line}");
    }
}

#[test]
fn a_failure_is_that_of_its_input_alone() {
    let script = "import os, sys\n\
                  stay = lambda: any(iter(int, 1))\n\
                  print('begun', flush=True)\n\
                  match item:\n\
                  \x20   case 'raise': raise KeyError('gone')\n\
                  \x20   case 'exit': sys.exit(3)\n\
                  \x20   case 'leave': sys.exit(0)\n\
                  \x20   case 'spin': stay()\n\
                  \x20   case 'deaf':\n\
                  \x20       while True:\n\
                  \x20           try: stay()\n\
                  \x20           except BaseException: pass\n\
                  \x20   case 'eat': x = bytearray(1 << 28)\n\
                  \x20   case 'mark': sys.modules['json'].dumps = None; __builtins__.seen = True\n\
                  result = hasattr(__builtins__, 'seen')\n";
    let (_kept, path) = folder(&[("script.py", script)]);
    let inputs = "raise\nok\nexit\nspin\nok\ndeaf\neat\nmark\nleave\nok\n";
    let limits = ["--timeout", "300ms", "--memory", "64MiB", "--jobs", "2"];
    let found = mapped(&path, &[&["script.py", "-"][..], &limits].concat(), inputs, 6);
    let told: Vec<_> = found
        .iter()
        .map(|line| json!([line["status"], line["exit_code"], line["stopped_by"], line["result"]]))
        .collect();
    let ok = json!(["ok", 0, null, false]);
    assert_eq!(
        told,
        [
            json!(["exception", 1, null, null]),
            ok.clone(),
            json!(["exit", 3, null, null]),
            json!(["limit", 124, "timeout", null]),
            ok.clone(),
            json!(["limit", 124, "timeout", null]),
            json!(["limit", 125, "memory", null]),
            json!(["exception", 1, null, null]),
            json!(["exit", 0, null, null]),
            ok,
        ]
    );
    assert!(found.iter().all(|line| line["stdout"] == "begun\n"), "{found:?}");
    assert_eq!(found[0]["error"]["type"], "KeyError");
    let traceback = found[0]["stderr"].as_str().expect("a text");
    assert!(traceback.contains("case 'raise': raise KeyError('gone')"), "{traceback}");
}

/// Shows what a script finds.
const SHOW: &str = "import os, sys\n\
                    result = [item, sys.argv, sys.stdin.read(), __name__, os.path.basename(__file__)]\n";

#[test]
fn a_file_is_given_by_itself_and_for_reading() {
    let script = "import os, sys\n\
                  folder = os.path.dirname(item)\n\
                  try: open(item, 'a'); print('written')\n\
                  except OSError: pass\n\
                  result = [item == sys.argv[1], sys.argv[0], sys.stdin.read(), open(item).read(), os.listdir(folder)]\n";
    // Not below /tmp, which is in memory inside.
    let kept = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let path = kept.path().canonicalize().expect("it exists");
    for (name, text) in
        [("script.py", script), ("one.txt", "1\n"), ("two.txt", "2\n"), ("other", "")]
    {
        fs::write(path.join(name), text).expect("a file");
    }
    let found = mapped(&path, &["script.py", "one.txt", "./two.txt", "one.txt"], "", 0);
    let names: Vec<_> = found.iter().map(|line| line["input"].clone()).collect();
    assert_eq!(names, ["one.txt", "./two.txt", "one.txt"]);
    assert_eq!(found[0]["result"], json!([true, "script.py", "1\n", "1\n", ["one.txt"]]));
    assert_eq!(found[1]["result"], json!([true, "script.py", "2\n", "2\n", ["two.txt"]]));
    assert!(found.iter().all(|line| line["stdout"] == ""), "{found:?}");

    // In a folder that is granted it is where it is.
    let found = mapped(&path, &["--dir", ".", "script.py", "one.txt"], "", 0);
    assert_eq!(found[0]["result"][4].as_array().expect("a list").len(), 4, "{found:?}");

    // In a tree in memory it is a copy, and the folders around it are as they would be without it.
    let around = "import os\nos.makedirs(os.path.dirname(item) + '/new/er')\nos.makedirs('/tmp/cache')\n\
                  open(item, 'a').write('more')\nresult = open('words').read() if False else len(open(item).read())\n";
    let (_kept, below) = folder(&[("around.py", around), ("in.txt", "1\n"), ("words", "w")]);
    let found = mapped(&below, &["--file", "words", "around.py", "in.txt"], "", 0);
    assert_eq!(found[0]["result"], 6, "{found:?}");
    assert_eq!(fs::read_to_string(below.join("in.txt")).expect("a file"), "1\n");
    let copy = tempfile::NamedTempFile::new_in("/tmp").expect("a file");
    fs::write(copy.path(), "3\n").expect("written");
    let name = copy.path().to_str().expect("UTF-8");
    let found = mapped(&path, &["script.py", name], "", 0);
    assert_eq!(found[0]["result"][3], "3\n", "{found:?}");
    assert_eq!(fs::read_to_string(copy.path()).expect("a file"), "3\n");
}

#[test]
fn lines_are_given_as_text_or_as_json() {
    let (_kept, path) = folder(&[("show.py", SHOW), ("lines", "one\r\n\nzwei ü")]);
    let shown =
        |item: Value, text: &str| json!([item, ["show.py", text], text, "__main__", "show.py"]);
    for (arguments, stdin) in [
        (&["show.py", "--lines", "lines"][..], ""),
        (&["show.py", "-"], "one\r\n\nzwei ü"),
        (&["show.py", "--lines", "-"], "one\n\nzwei ü\n"),
    ] {
        let found = mapped(&path, arguments, stdin, 0);
        let results: Vec<_> = found.iter().map(|line| line["result"].clone()).collect();
        assert_eq!(results, ["one", "", "zwei ü"].map(|text| shown(text.into(), text)));
    }

    let values = "{\"a\": [1, 2.5]}\n123456789012345678901234567890\n{\"a\"\n\"x\"\n\nNaN\n";
    let outcome = map(&path, &["show.py", "--json-lines", "-"]).stdin(values).expect_status(3);
    let found = lines(&outcome.stdout);
    assert_eq!(found[0]["input"], json!({ "a": [1, 2.5] }));
    assert_eq!(found[0]["result"], shown(json!({ "a": [1, 2.5] }), "{\"a\": [1, 2.5]}"));
    assert!(
        outcome.stdout().contains(r#""result":[123456789012345678901234567890,["#),
        "{outcome}"
    );
    assert_eq!(found[3]["result"][0], "x");
    let outcome = map(&path, &["show.py", "--json-lines", "-"]).stdin("[1,\r2]\n").expect_ok();
    assert!(outcome.stdout().contains(r#""input":[1, 2],"#), "{outcome}");
    for (index, place) in
        [(2, "line 3, column 4"), (4, "line 5, column 0"), (5, "line 6, column 1")]
    {
        let line = &found[index];
        assert_eq!((&line["status"], &line["exit_code"]), (&"failed".into(), &2.into()), "{line}");
        let message = line["error"]["message"].as_str().expect("a text");
        assert!(message.starts_with(&format!("standard input, {place}: no JSON: ")), "{message}");
    }
}

#[test]
fn a_line_that_cannot_be_given_is_a_failure_of_its_own() {
    let (_kept, path) = folder(&[("show.py", "result = len(item)")]);
    let mut stdin = b"abc\nab\xff\nnull\0byte\n".to_vec();
    stdin.extend(vec![b'x'; 49 << 20]);
    stdin.extend(b"\nend");
    let outcome = map(&path, &["show.py", "-", "--memory", "48MiB"]).stdin(stdin).expect_status(2);
    let found = lines(&outcome.stdout);
    let results: Vec<_> = found.iter().map(|line| line["result"].clone()).collect();
    assert_eq!(results, [json!(3), json!(null), json!(9), json!(null), json!(3)]);
    let message = |index: usize| found[index]["error"]["message"].as_str().expect("a text");
    assert!(message(1).contains("line 2, byte 3: not UTF-8"), "{}", message(1));
    assert!(message(3).contains("line 4: longer than the 50331648 bytes"), "{}", message(3));
    assert!(message(3).contains("--memory"), "{}", message(3));
}

#[test]
fn a_result_is_what_has_a_form_in_json() {
    let (_kept, path) = folder(&[("give.py", "import collections, datetime\nexec(item)\n")]);
    for (code, expected) in [
        ("pass", json!(null)),
        ("result = None", json!(null)),
        (
            "result = {'a': [1, -2.5, True, None, 'ü\\n'], 2: (3,)}",
            json!({ "a": [1, -2.5, true, null, "ü\n"], "2": [3] }),
        ),
        ("result = collections.Counter('aab')", json!({ "a": 2, "b": 1 })),
        ("globals().update(result=7); del item", json!(7)),
        ("print = json = None; result = 1", json!(1)),
        (
            "import atexit; atexit.register(lambda: globals().update(result=2)); result = 1",
            json!(1),
        ),
    ] {
        let found = mapped(&path, &["give.py", "-"], code, 0);
        assert_eq!((&found[0]["result"], &found[0]["status"]), (&expected, &"ok".into()), "{code}");
    }
    for (code, kind, says) in [
        ("result = {1}", "TypeError", "result: set has no JSON form: leave a dict"),
        ("result = [datetime.date(2020, 1, 1)]", "TypeError", "datetime.date has no JSON form"),
        ("import numpy; result = numpy.arange(3)", "TypeError", "numpy.ndarray has no JSON form"),
        ("result = float('nan')", "ValueError", "float"),
        ("result = []; result.append(result)", "ValueError", "Circular"),
        ("result = {(1, 2): 3}", "TypeError", "not tuple"),
        ("result = '\\udc80'", "UnicodeEncodeError", "surrogates"),
        ("import json; json.dumps = lambda *a, **k: '1\\n2'; result = 1", "ValueError", "no JSON"),
        (
            "import json; json.dumps = lambda *a, **k: '[1,\\r2]'; result = 1",
            "ValueError",
            "no JSON",
        ),
        ("import json; json.dumps = lambda *a, **k: '{'; result = 1", "ValueError", "no JSON"),
        ("import json; json.dumps = lambda *a, **k: 1; result = 1", "AttributeError", "encode"),
        (
            "import json, sys; json.dumps = lambda *a, **k: sys.exit(); result = 1",
            "SystemExit",
            "exited",
        ),
    ] {
        let found = mapped(&path, &["give.py", "-"], code, 1);
        let line = &found[0];
        assert_eq!((&line["result"], &line["exit_code"]), (&json!(null), &1.into()), "{code}");
        assert_eq!(
            (&line["status"], &line["error"]["type"]),
            (&"exception".into(), &kind.into()),
            "{line}"
        );
        assert!(line["error"]["message"].as_str().expect("a text").contains(says), "{line}");
    }
    let spin = "result = type('S', (dict,), {'items': lambda self: sum(iter(int, 1))})(a=1)";
    let found = mapped(&path, &["give.py", "-", "--timeout", "300ms"], spin, 1);
    assert_eq!(found[0]["stopped_by"], "timeout", "{found:?}");
}

#[test]
fn options_grant_and_limit_as_those_of_run() {
    let script = "import beside, os\nopen('/tmp/made', 'w').write(item)\nresult = beside.double(item) + os.environ['X']";
    let (_kept, path) =
        folder(&[("main.py", script), ("beside.py", "def double(x): return x + x")]);
    let found = mapped(&path, &["main.py", "-", "--env", "X=!"], "a", 1);
    assert_eq!(found[0]["error"]["type"], "ModuleNotFoundError");
    let arguments = ["--dir", ".", "--env", "X=!", "--out", "out", "main.py", "-"];
    let found = mapped(&path, &arguments, "a\nb\n", 0);
    assert_eq!((&found[0]["result"], &found[1]["result"]), (&"aa!".into(), &"bb!".into()));
    for (index, text) in [(0, "a"), (1, "b")] {
        let made = path.join(format!("out/{index}/tmp/made"));
        assert_eq!(fs::read_to_string(made).expect("a file"), text);
    }
    let policy = "[limits]\noutput = 10\n";
    fs::write(path.join("policy.toml"), policy).expect("a file");
    fs::write(path.join("talk.py"), "print('x' * int(item))").expect("a file");
    let found = mapped(&path, &["talk.py", "-", "--policy", "policy.toml"], "5\n50\n6\n", 1);
    assert_eq!(found[1]["stopped_by"], "output", "{found:?}");
    assert_eq!((&found[0]["stdout"], &found[2]["stdout"]), (&"xxxxx\n".into(), &"xxxxxx\n".into()));
}

#[test]
fn the_exit_status_counts_failures() {
    let (_kept, path) =
        folder(&[("fail.py", "if int(item) >= 2: raise ValueError('no\\n\\x1b[31m' + item)")]);
    for (count, status, more) in
        [(2, 0, None), (5, 3, None), (30, 28, Some(8)), (112, 101, Some(90))]
    {
        let outcome = map(&path, &["fail.py", "-"]).stdin(numbers(count)).expect_status(status);
        assert_eq!(lines(&outcome.stdout).len(), count);
        let said = outcome.stderr();
        let listed = said.lines().filter(|line| line.starts_with("ophidia: failed: ")).count();
        let failed = count - 2;
        assert_eq!(listed, failed.min(20), "{outcome}");
        let end = format!("ophidia: {count} inputs done, {failed} failed\n");
        assert!(said.ends_with(&end), "{outcome}");
        let rest = more.map(|more| format!("ophidia: and {more} more\n")).unwrap_or_default();
        assert!(said.ends_with(&(rest + &end)), "{outcome}");
        assert!(!said.contains('\x1b') && !said.contains("\n\n"), "{outcome}");
        if failed > 0 {
            outcome.stderr_has("ophidia: failed: 2 (2): ValueError: no\u{fffd}\u{fffd}[31m2\n");
        }
    }
    let outcome = map(&path, &["fail.py", "-"]).expect_ok();
    outcome.stdout_is("").stderr_has("ophidia: 0 inputs done, 0 failed\n");
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let (_kept, path) = folder(&[("s.py", "open('/ready/ran', 'w')"), ("a", "")]);
    let grant = format!("{}::/ready:rw", path.join("ready").display());
    let other = format!("{}::{}", path.join("ready").display(), path.display());
    for (arguments, says) in [
        (&["s.py", "a", "missing"][..], "input missing: no such file"),
        (&["s.py", "a", "ready"], "input ready: a folder"),
        (&["s.py", "a", "/dev/null"], "input /dev/null: not a regular file"),
        (&["s.py", "a", "-"], "lines of standard input cannot stand beside files"),
        (&["s.py", "a", ""], "no such file"),
        (&["s.py"], "no inputs"),
        (&["missing.py", "a"], "the script missing.py: "),
        (&["ready", "a"], "the script ready: a folder"),
        (&["-", "a"], "the script cannot be standard input"),
        (&["s.py", "a", "--jobs", "0"], "from 1 to 1000"),
        (&["s.py", "a", "--jobs", "1001"], "from 1 to 1000"),
        (&["s.py", "a", "--jobs", "many"], "from 1 to 1000"),
        (&["s.py", "a", "--lines", "a"], "--lines"),
        (&["s.py", "--json-lines", "a", "--lines", "a"], "--json-lines"),
        (&["s.py", "--lines", "missing"], "lines of missing: "),
        (&["s.py", "--lines", "ready"], "lines of ready: a folder"),
        (&["s.py", "a", "--retry-failed"], "--resume"),
        (&["s.py", "a", "--resume", "ready"], "--resume ready: "),
        (&["s.py", "a", "--resume", "a/b"], "--resume a/b: "),
        (&["s.py", "a", "--memory", "lots"], "--memory"),
        (&["s.py", "a", "--dir", &*other], "another folder is granted"),
        (&[], "SCRIPT"),
    ] {
        let outcome = map(&path, &["--dir", &grant]).args(arguments).expect_status(2);
        outcome.stdout_is("").stderr_has(says);
        assert!(!path.join("ready/ran").exists(), "{arguments:?}");
    }
    // Standard input that cannot be read.
    let mut command = ophidia_command();
    command.args(["map", "s.py", "-"]).current_dir(&path);
    command.stdin(fs::File::open(&path).expect("a folder"));
    let ended = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!((ended.status.code(), &*ended.stdout), (Some(2), &b""[..]), "{said}");
    assert!(said.contains("standard input: Is a directory"), "{said}");
}

#[test]
fn nobody_who_reads_is_no_failure_and_a_full_disk_is() {
    let (_kept, path) = folder(&[("s.py", "result = item")]);
    let mut child = begun(&path, &["s.py", "-", "--jobs", "2"], &numbers(3_000));
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    drop(stdout);
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
    assert_eq!((child.wait().expect("it ends").code(), &*said), (Some(0), ""));

    let full = fs::File::options().write(true).open("/dev/full").expect("a full device");
    let mut command = ophidia_command();
    command.args(["map", "s.py", "s.py"]).current_dir(&path).stdout(full);
    let ended = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(120), "{said}");
    assert!(said.contains("results cannot be written"), "{said}");
}

#[test]
fn help_tells_the_statuses_and_examples() {
    let help = ophidia(["map", "--help"]).expect_ok();
    for words in [
        "Exit statuses:",
        "101  more than 100",
        "--resume done.jsonl",
        "nothing is printed then",
        "[OPTIONS] SCRIPT FILE...",
    ] {
        assert!(help.stdout().contains(words), "no {words:?} in: {help}");
    }
}
