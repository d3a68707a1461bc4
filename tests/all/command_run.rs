//! `ophidia run` behaves as `python3`: arguments, paths, statuses, streams, Ctrl-C; and sees only what is granted.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{native_python, ophidia, ophidia_command};

/// A folder with these files; its path is as the system spells it.
fn folder(files: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let made = tempfile::tempdir().expect("a temporary folder");
    let path = made.path().canonicalize().expect("it exists");
    for (name, text) in files {
        let file = path.join(name);
        fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        fs::write(file, text).expect("a file");
    }
    (made, path)
}

const WHERE: &str =
    "import sys\nprint(sys.argv, sys.path[0], __name__, globals().get('__file__'))\n";

#[test]
fn arguments_and_paths_are_those_of_python3() {
    let (_kept, path) =
        folder(&[("tool.py", WHERE), ("sub/tool.py", WHERE), ("pack/__init__.py", "")]);
    fs::write(path.join("pack/__main__.py"), WHERE).expect("a file");
    fs::write(path.join("pack/part.py"), WHERE).expect("a file");
    let absolute = path.join("tool.py").to_str().expect("UTF-8").to_owned();
    for arguments in [
        &["tool.py", "a", "--json", "-c"][..],
        &["./tool.py", "--", "x"],
        &["sub/tool.py", ""],
        &["sub/../tool.py"],
        &[&absolute],
        &["pack"],
        &["-c", WHERE, "--timeout", "--", "-m"],
        &["-m", "tool", "-c", "1"],
        &["-m", "pack", "--help"],
        &["-m", "pack.part"],
    ] {
        let expected = native_python(arguments).current_dir(&path).expect_ok();
        let call = ophidia(["run"]).args(arguments).current_dir(&path);
        call.expect_ok().stdout_is(&expected.stdout);
    }
    for arguments in [&["run", "-", "a", "-b"][..], &[]] {
        let native = native_python(arguments.get(1..).unwrap_or_default()).stdin(WHERE);
        let expected = native.current_dir(&path).expect_ok();
        let call = ophidia(arguments).stdin(WHERE).current_dir(&path);
        call.expect_ok().stdout_is(&expected.stdout);
    }
}

#[test]
fn a_program_ends_as_under_python3() {
    for code in [
        "pass",
        "import sys; sys.exit()",
        "import sys; sys.exit(3)",
        "import sys; sys.exit(256 + 7)",
        "import sys; sys.exit(-1)",
        "import sys; sys.exit(True)",
        "import sys; sys.exit('a message')",
        "raise SystemExit([1, 2])",
        "import os; os._exit(9)",
        "1 / 0",
        "def f():\n    raise KeyError('k')\ntry:\n    f()\nexcept KeyError as e:\n    raise ValueError('v') from e",
        "import sys; sys.excepthook = lambda *a: print('hook', a[0].__name__); x",
        "x = (",
        "import atexit; atexit.register(print, 'at exit'); 1 / 0",
        "raise ExceptionGroup('several', [ValueError(1), KeyError(2)])",
        "class C:\n    def __del__(self): print('dropped')\nc = C()",
        "import sys; print('to stderr', file=sys.stderr)",
    ] {
        let expected = native_python(["-c", code]).run();
        let found = ophidia(["run", "-c", code]).expect_status(expected.status);
        assert_eq!(found.stdout(), expected.stdout(), "{code}");
        assert_eq!(found.stderr(), expected.stderr(), "{code}");
    }
}

#[test]
fn a_traceback_shows_the_lines_of_script_and_module() {
    let (_kept, path) = folder(&[
        ("main.py", "import beside\n\nbeside.fail()\n"),
        ("beside.py", "def fail():\n    return {}['missing']\n"),
    ]);
    let expected = native_python(["main.py"]).current_dir(&path).expect_status(1);
    let found = ophidia(["run", "main.py"]).current_dir(&path).expect_status(1);
    assert_eq!(found.stderr(), expected.stderr());
    let expected = native_python(["-m", "main"]).current_dir(&path).expect_status(1);
    let found = ophidia(["run", "-m", "main"]).current_dir(&path).expect_status(1);
    assert_eq!(found.stderr(), expected.stderr());
}

#[test]
fn modules_and_files_beside_the_script_are_found_from_anywhere() {
    let script = "from pathlib import Path\nfrom kit import tools\n\
                  print(tools.double(21), (Path(__file__).parent / 'data.txt').read_text())\n";
    let tools = "from .base import factor\ndef double(x): return factor * x\n";
    let (_kept, path) = folder(&[
        ("main.py", script),
        ("data.txt", "data"),
        ("kit/__init__.py", ""),
        ("kit/tools.py", tools),
        ("kit/base.py", "factor = 2\n"),
    ]);
    for (from, name) in [(path.as_path(), "main.py"), (&path.join("kit"), "../main.py")] {
        ophidia(["run", name]).current_dir(from).expect_ok().stdout_is("42 data\n");
    }
    ophidia(["run"]).arg(path.join("main.py")).current_dir("/").expect_ok().stdout_is("42 data\n");
}

#[test]
fn a_link_to_a_script_finds_the_modules_beside_the_script() {
    let (_kept, path) =
        folder(&[("real/main.py", "import beside"), ("real/beside.py", "print('here')")]);
    std::os::unix::fs::symlink(path.join("real/main.py"), path.join("link.py")).expect("a link");
    ophidia(["run", "link.py"]).current_dir(&path).expect_ok().stdout_is("here\n");
}

#[test]
fn standard_input_reaches_the_program() {
    let count = "import sys; print(sum(int(line) for line in sys.stdin))";
    ophidia(["run", "-c", count]).stdin("1\n2\n39").expect_ok().stdout_is("42\n");
    let copy = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())";
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    ophidia(["run", "-c", copy]).stdin(bytes.clone()).expect_ok().stdout_is(&bytes);
    let ask = "name = input('name? '); print(f'hello {name}')\ntry: input()\nexcept EOFError: print('end')";
    ophidia(["run", "-c", ask]).stdin("Ada\n").expect_ok().stdout_is("name? hello Ada\nend\n");
}

#[test]
fn source_is_decoded_as_python_does() {
    let (_kept, path) = folder(&[]);
    fs::write(path.join("latin.py"), b"# coding: latin-1\nprint('caf\xe9')\n").expect("a file");
    fs::write(path.join("bom.py"), b"\xef\xbb\xbfprint('bom')\r\nprint('crlf')\r\n")
        .expect("a file");
    ophidia(["run", "latin.py"]).current_dir(&path).expect_ok().stdout_is("café\n");
    ophidia(["run", "bom.py"]).current_dir(&path).expect_ok().stdout_is("bom\ncrlf\n");
}

#[test]
fn the_environment_is_what_was_given() {
    let show = "import os; print(dict(os.environ), os.getenv('B'))";
    ophidia(["run", "-c", show]).expect_ok().stdout_is("{} None\n");
    ophidia(["run", "--env", "A=1=2", "--env", "B", "--env", "C=", "-c", show])
        .env("B", "zwei ü")
        .expect_ok()
        .stdout_is("{'A': '1=2', 'B': 'zwei ü', 'C': ''} zwei ü\n");
}

#[test]
fn a_folder_can_be_written_only_when_that_was_granted() {
    let write = "open('out.txt', 'w').write('written'); print(open('in.txt').read())";
    let (_kept, path) = folder(&[("in.txt", "given")]);
    for option in [".", ".:ro"] {
        let call = ophidia(["run", "--dir", option, "-c", write]).current_dir(&path);
        call.expect_status(1).stderr_has("out.txt");
        assert!(!path.join("out.txt").exists());
    }
    let call = ophidia(["run", "--dir", ".:rw", "-c", write]).current_dir(&path);
    call.expect_ok().stdout_is("given\n");
    assert_eq!(fs::read_to_string(path.join("out.txt")).expect("a file"), "written");
    let script = path.join("script.py");
    fs::write(&script, "open(__file__, 'a').write('# changed')").expect("a file");
    ophidia(["run"]).arg(&script).expect_status(1).stderr_has("script.py");
    ophidia(["run", "--dir"]).arg(format!("{}:rw", path.display())).arg(&script).expect_ok();
    assert!(fs::read_to_string(&script).expect("a file").ends_with("# changed"));
}

#[test]
fn nothing_outside_the_granted_folders_can_be_reached() {
    let (_kept, path) =
        folder(&[("in/a.txt", "a"), ("secret.txt", "secret"), ("script/main.py", "")]);
    std::os::unix::fs::symlink(path.join("secret.txt"), path.join("in/link")).expect("a link");
    let read = "import sys\nfor name in sys.argv[1:]:\n    try: print(name, open(name).read())\n    \
                except OSError as error: print(type(error).__mro__[-4].__name__)";
    let secret = path.join("secret.txt").to_str().expect("UTF-8").to_owned();
    let grant = format!("{}::/data", path.join("in").display());
    let call = ophidia([
        "run",
        "--dir",
        &grant,
        "-c",
        read,
        "/data/a.txt",
        "/data/link",
        "/data/../secret.txt",
    ]);
    let denied = "OSError\n".repeat(5);
    call.args([&secret, "/etc/passwd", "/proc/self/environ"])
        .expect_ok()
        .stdout_is(format!("/data/a.txt a\n{denied}"));
}

#[test]
fn the_working_directory_is_the_hosts() {
    let (_kept, path) =
        folder(&[("sub/data.txt", "data"), ("sub/main.py", "import os; print(os.getcwd())")]);
    let sub = path.join("sub");
    let at = |path: &std::path::Path| format!("{}\n", path.display());
    ophidia(["run", "main.py"]).current_dir(&sub).expect_ok().stdout_is(at(&sub));
    ophidia(["run", "sub/main.py"]).current_dir(&path).expect_ok().stdout_is(at(&path));
    let grant = ["run", "--dir", ".", "sub/main.py"];
    ophidia(grant).current_dir(&path).expect_ok().stdout_is(at(&path));
    let read = "import os; print(os.getcwd(), open('data.txt').read())";
    let grant = ["run", "--dir", "..::/project", "-c", read];
    ophidia(grant).current_dir(&sub).expect_ok().stdout_is("/project/sub data\n");
    let (_kept, path) =
        folder(&[("here/main.py", "print(open('../data/x.txt').read())"), ("data/x.txt", "x")]);
    let grant = ["run", "--dir", "../data", "main.py"];
    ophidia(grant).current_dir(path.join("here")).expect_ok().stdout_is("x\n");
}

#[test]
fn packages_of_a_site_folder_can_be_imported() {
    let (_kept, path) = folder(&[
        ("one/first/__init__.py", "value = 1"),
        ("two/second.py", "import first\nvalue = first.value + 1"),
        ("script/main.py", "import second, sys\nprint(second.value, sys.path[-2:])"),
    ]);
    let shown = format!("2 ['{0}/one', '{0}/two']\n", path.display());
    ophidia(["run", "--site", "one", "--site", "two/", "script/main.py"])
        .current_dir(&path)
        .expect_ok()
        .stdout_is(shown);
}

#[test]
fn a_zip_archive_runs_as_under_python3() {
    let (_kept, path) = folder(&[
        ("app/__main__.py", "import part, sys\nprint(part.value, sys.argv)"),
        ("app/part.py", "value = 7"),
    ]);
    native_python(["-m", "zipapp", "app", "-o", "app.pyz", "-p", "/usr/bin/env python3"])
        .current_dir(&path)
        .expect_ok();
    ophidia(["run", "app.pyz", "x"])
        .current_dir(&path)
        .expect_ok()
        .stdout_is("7 ['app.pyz', 'x']\n");
}

/// As in a script: the text of `__main__` may await wherever it is, that of other modules may not.
#[test]
fn main_modules_may_await_at_their_top_level() {
    const MAIN: &str = "import asyncio, sys\nawait asyncio.sleep(0.01)\nprint(__name__, sys.argv, await asyncio.sleep(0, 'slept'))\n\
         if len(sys.argv) > 2: 1 / 0";
    let (_kept, path) = folder(&[
        ("one.py", MAIN),
        ("pack/__init__.py", "print('imported')"),
        ("pack/__main__.py", MAIN),
        ("app/__main__.py", MAIN),
        ("space/__main__.py", MAIN),
        ("wrong/__main__.py", "await = 1"),
        ("other.py", "import inner"),
        ("inner.py", "import asyncio\nawait asyncio.sleep(0)"),
        ("part/__init__.py", "print('once')\nimport inner"),
        ("part/__main__.py", "print('never')"),
    ]);
    native_python(["-m", "zipfile", "-c", "app.zip", "other.py"]).current_dir(&path).expect_ok();
    for app in ["app", "wrong"] {
        let archive = format!("{app}.pyz");
        native_python(["-m", "zipapp", app, "-o", &archive]).current_dir(&path).expect_ok();
    }
    let here = path.display();
    for (arguments, argv0, before) in [
        (vec!["one.py"], "one.py".to_owned(), ""),
        (vec!["-m", "one"], format!("{here}/one.py"), ""),
        (vec!["-m", "pack"], format!("{here}/pack/__main__.py"), "imported\n"),
        (vec!["-m", "space"], format!("{here}/space/__main__.py"), ""),
        (vec!["app"], "app".into(), ""),
        (vec!["app.pyz"], "app.pyz".into(), ""),
    ] {
        let shown = format!("{before}__main__ ['{argv0}', 'x'] slept\n");
        let call = || ophidia(["run"]).args(&arguments).current_dir(&path);
        call().args(["x"]).expect_ok().stdout_is(shown);
        // What it raises is told as of a program without a loop around it.
        let failed = call().args(["x", "y"]).expect_status(1);
        let traceback = failed.stderr();
        assert!(
            traceback.contains("    if len(sys.argv) > 2: 1 / 0\n"),
            "{arguments:?}: {traceback}"
        );
        assert_eq!(traceback.matches("  File ").count(), 1, "{arguments:?}: {traceback}");
    }
    for (arguments, file, said) in [
        (vec!["-m", "other"], "inner.py", "'await' outside function"),
        (vec!["-m", "part"], "inner.py", "'await' outside function"),
        (vec!["-m", "inner.no"], "inner.py", "'await' outside function"),
        (vec!["-m", "wrong"], "wrong/__main__.py", "invalid syntax"),
        (vec!["wrong.pyz"], "wrong.pyz/__main__.py", "invalid syntax"),
        (vec!["wrong"], "wrong/__main__.py", "invalid syntax"),
    ] {
        let failed = ophidia(["run"]).args(&arguments).current_dir(&path).expect_status(1);
        let told = failed.stderr();
        assert!(told.contains(&format!("{file}\", line")) && told.contains(said), "{told}");
        assert_eq!(told.matches("SyntaxError").count(), 1, "{told}");
        assert!(failed.stdout().matches("once").count() <= 1, "{failed}");
    }
    let failed = ophidia(["run", "app.zip"]).current_dir(&path).expect_status(1);
    assert!(failed.stderr().contains("can't find '__main__' module in"), "{failed}");
}

fn json_line(arguments: &[&str], status: i32) -> Value {
    let outcome = ophidia(["run", "--json"]).args(arguments).stdin("input").expect_status(status);
    let stdout = outcome.stdout();
    assert_eq!(stdout.lines().count(), 1, "{outcome}");
    let report: Value = serde_json::from_str(&stdout).expect("a line of JSON");
    assert_eq!(report["exit_code"], status, "{report}");
    assert!(report["duration_ms"].as_f64().expect("a number") >= 0.0);
    report
}

/// The same of a program that was begun.
fn json(arguments: &[&str], status: i32) -> Value {
    let report = json_line(arguments, status);
    assert!(report["peak_memory_bytes"].as_u64().expect("a number") > 1 << 20);
    report
}

#[test]
fn json_reports_how_a_program_ended() {
    let talk =
        "import sys; print(sys.stdin.read()); print('w', file=sys.stderr); bytes(150_000_000)";
    let report = json(&["-c", talk], 0);
    let peak = report["peak_memory_bytes"].as_u64().expect("a number");
    assert!((150_000_000..200_000_000).contains(&peak), "what was freed again counts: {peak}");
    assert_eq!(report["status"], "ok");
    assert_eq!((&report["stdout"], &report["stderr"]), (&"input\n".into(), &"w\n".into()));
    assert!(report["stopped_by"].is_null() && report["error"].is_null());

    let report = json(&["-c", "import sys; print(1); sys.exit('gone')"], 1);
    assert_eq!((&report["status"], &report["stderr"]), (&"exit".into(), &"gone\n".into()));

    let report = json(&["-c", "1 / 0"], 1);
    assert_eq!(report["status"], "exception");
    assert_eq!(report["error"]["type"], "ZeroDivisionError");
    assert_eq!(report["error"]["message"], "division by zero");
    assert_eq!(report["error"]["traceback"], report["stderr"]);

    let report =
        json(&["--timeout", "100ms", "-c", "print('before', flush=True)\nwhile True: pass"], 124);
    assert_eq!((&report["status"], &report["stopped_by"]), (&"limit".into(), &"timeout".into()));
    assert_eq!(report["stdout"], "before\n");

    let report = json(&["--memory", "64MiB", "-c", "x = bytearray(1 << 28)"], 125);
    assert_eq!((&report["status"], &report["stopped_by"]), (&"limit".into(), &"memory".into()));

    // What cannot be begun is reported in the same way.
    let report = json_line(&["no_such_file.py"], 2);
    assert_eq!((&report["status"], &report["error"]["type"]), (&"failed".into(), &"Usage".into()));
    assert!(report["error"]["message"].as_str().expect("a text").contains("no_such_file.py"));

    // A report that cannot be written is no success; one that nobody reads is.
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let mut command = ophidia_command();
    command.args(["run", "--json", "-c", "pass"]).stdout(full).stderr(Stdio::piped());
    let outcome = command.output().expect("it runs");
    assert_eq!(outcome.status.code(), Some(120), "{outcome:?}");
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("cannot be written"), "{outcome:?}");

    // The same number, and yet told apart.
    let report = json(&["-c", "import sys; sys.exit(124)"], 124);
    assert_eq!((&report["status"], &report["stopped_by"]), (&"exit".into(), &Value::Null));
}

/// A running command whose output is read line by line.
struct Live {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Live {
    fn start(arguments: &[&str]) -> Self {
        let mut command = ophidia_command();
        command.arg("run").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        line
    }

    fn interrupt(&self) {
        let kill = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(kill.expect("kill is there").success());
    }

    /// The exit status and standard error; `None` when a signal ended it.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let status = self.child.wait().expect("it ends");
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().expect("a pipe");
        pipe.read_to_string(&mut stderr).expect("UTF-8");
        (status.code(), stderr)
    }
}

#[test]
fn output_is_seen_before_the_program_ends() {
    let code = "import sys\nprint('first')\nfor line in sys.stdin:\n    print('got', line.strip())\n    break";
    let mut live = Live::start(&["-c", code]);
    assert_eq!(live.line(), "first\n");
    let stdin = live.child.stdin.as_mut().expect("a pipe");
    stdin.write_all(b"answer\n").expect("written");
    assert_eq!(live.line(), "got answer\n");
    assert_eq!(live.end(), (Some(0), String::new()));
}

#[test]
fn a_reader_that_goes_away_is_a_broken_pipe() {
    let mut live = Live::start(&["-c", "for i in range(10**6): print(i)"]);
    assert_eq!(live.line(), "0\n");
    let Live { child, lines } = live;
    drop(lines);
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    // As with python3: the exception ends the program, and its last output is lost too.
    assert_eq!(output.status.code(), Some(120), "{stderr}");
    assert!(stderr.contains("Traceback") && stderr.contains("\nException ignored"), "{stderr}");
    assert!(stderr.contains("BrokenPipeError") && !stderr.contains("panicked"), "{stderr}");
}

#[test]
fn nothing_panics_when_nobody_reads() {
    for (arguments, status) in [
        (&["--help"][..], 0),
        (&["run", "--help"], 0),
        (&["doctor"], 0),
        (&["guest", "info"], 0),
        (&["run", "--json", "-c", "print(1)"], 0),
        (&["run", "-c", "import os; os.write(2, b'x' * 9999)"], 1),
        (&["run", "/no/such/file"], 2),
        (&["run", "-c", "1 / 0"], 1),
    ] {
        let mut command = ophidia_command();
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(writer.try_clone().expect("a pipe")).stderr(writer);
        let ended = command.status().expect("the command starts");
        assert_eq!(ended.code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn ctrl_c_is_a_keyboard_interrupt() {
    for code in [
        "print('ready')\nwhile True: pass",
        "import time\nprint('ready')\ntime.sleep(1000)",
        "import sys\nprint('ready')\nsys.stdin.read()",
        // Ready in the loop: before it runs, asyncio also warns of a coroutine never awaited.
        "import asyncio\nasync def main():\n    asyncio.get_running_loop().call_later(0.1, print, 'ready')\n    await asyncio.sleep(1000)\nasyncio.run(main())",
    ] {
        let mut live = Live::start(&["--timeout", "none", "-c", code]);
        assert_eq!(live.line(), "ready\n");
        let stdin = live.child.stdin.take();
        live.interrupt();
        let (status, stderr) = live.end();
        assert_eq!(status, Some(130), "{stderr}");
        assert!(
            stderr.contains("Traceback") && stderr.ends_with("KeyboardInterrupt\n"),
            "{stderr}"
        );
        drop(stdin);
    }
}

#[test]
fn a_second_ctrl_c_ends_a_program_that_goes_on() {
    let code = "print('ready')\nwhile True:\n    try:\n        while True: pass\n    \
                except KeyboardInterrupt: print('no')";
    let mut live = Live::start(&["--timeout", "none", "-c", code]);
    assert_eq!(live.line(), "ready\n");
    live.interrupt();
    assert_eq!(live.line(), "no\n");
    live.interrupt();
    let (status, stderr) = live.end();
    assert_eq!((status, stderr.as_str()), (None, ""));
}

#[test]
fn json_reports_an_interruption() {
    let code =
        "import os\nos.write(2, b'ready')\nopen('/ready/now', 'w').close()\nwhile True: pass";
    let (_kept, path) = folder(&[]);
    let grant = format!("{}::/ready:rw", path.display());
    let live = Live::start(&["--json", "--timeout", "none", "--dir", &grant, "-c", code]);
    while !path.join("now").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    live.interrupt();
    let Live { child, mut lines } = live;
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    assert_eq!(child.wait_with_output().expect("it ends").status.code(), Some(130));
    let report: Value = serde_json::from_str(&line).expect("a line of JSON");
    assert_eq!(report["status"], "interrupted");
    assert_eq!((&report["stopped_by"], &report["exit_code"]), (&"interrupt".into(), &130.into()));
    assert_eq!(report["error"]["type"], "KeyboardInterrupt");
}

#[test]
fn help_tells_the_defaults() {
    let limits = ophidia::Limits::default();
    let minutes = limits.timeout.expect("a limit").as_secs() / 60;
    let help = ophidia(["run", "--help"]).expect_ok().stdout();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        format!("[default: {minutes}m]"),
        format!("[default: {}MiB]", limits.memory >> 20),
        format!("{}MiB of each stream", limits.output >> 20),
    ] {
        assert!(help.contains(&words), "no {words:?} in: {help}");
    }
}

#[test]
fn help_lists_the_exit_statuses() {
    for arguments in [&["--help"][..], &["run", "--help"]] {
        let help = ophidia(arguments).expect_ok().stdout_has("Exit statuses:");
        help.stdout_has("124  --timeout fired").stdout_has("126  the guest or the host failed");
    }
}
