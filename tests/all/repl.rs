//! `ophidia repl` on a terminal: multi-line input, the echo of values, history, Ctrl-C and Ctrl-D.

use std::path::Path;

use rexpect::process::WaitStatus;
use rexpect::session::{Options, PtySession, spawn_with_options};

use crate::support::{cache, ophidia, ophidia_command};

/// How long an answer may take before a test is given up; none of them comes near it.
const PATIENCE_MS: u64 = 60_000;

/// An interactive session on a pseudo-terminal, its history in a cache of its own.
struct Session {
    terminal: PtySession,
    _cache: Option<tempfile::TempDir>,
}

impl Session {
    fn start(arguments: &[&str]) -> Self {
        ophidia(["run", "-c", "pass"]).expect_ok();
        let made = tempfile::tempdir().expect("a folder");
        for name in ["guest", "image"] {
            std::os::unix::fs::symlink(cache().join(name), made.path().join(name)).expect("a link");
        }
        let mut session = Self::start_in(made.path(), arguments);
        session._cache = Some(made);
        session
    }

    fn start_in(cache: &Path, arguments: &[&str]) -> Self {
        let mut command = ophidia_command();
        command.args(arguments).env("OPHIDIA_CACHE", cache).env("TERM", "xterm");
        let options = Options::new().timeout_ms(Some(PATIENCE_MS)).strip_ansi_escape_codes(true);
        let terminal = spawn_with_options(command, options).expect("a terminal");
        let mut session = Self { terminal, _cache: None };
        session.sees("Ctrl-D leaves");
        session
    }

    /// Waits for a prompt and types a line.
    fn types(&mut self, line: &str) -> &mut Self {
        self.sees(">>> ");
        self.terminal.send_line(line).expect("typed");
        self
    }

    /// Waits for the prompt of a continuation and types a line.
    fn goes_on(&mut self, line: &str) -> &mut Self {
        self.sees("... ");
        self.terminal.send_line(line).expect("typed");
        self
    }

    fn sees(&mut self, text: &str) -> &mut Self {
        self.terminal.exp_string(text).unwrap_or_else(|error| panic!("no {text:?}: {error}"));
        self
    }

    fn presses(&mut self, key: char) -> &mut Self {
        self.terminal.send_control(key).expect("pressed");
        self
    }

    fn ends(mut self, status: i32) {
        self.terminal.exp_eof().expect("the end of the session");
        let ended = self.terminal.process().wait().expect("it ended");
        assert!(matches!(ended, WaitStatus::Exited(_, found) if found == status), "{ended:?}");
    }
}

#[test]
fn values_are_shown_and_names_are_kept() {
    let mut session = Session::start(&["repl"]);
    session.types("x = 6").types("x * 7").sees("\n42");
    session.types("None").types("'te' + 'xt'").sees("'text'");
    session.types("_ + '!'").sees("'text!'");
    session.types("import sys; print(sys.argv, sys.path[0] == '')").sees("[''] True");
    session.sees(">>> ").presses('d');
    session.ends(0);
}

#[test]
fn a_bare_command_on_a_terminal_is_a_session() {
    let mut session = Session::start(&[]);
    session.types("print('he' + 're')").sees("\nhere");
    session.sees(">>> ").presses('d');
    session.ends(0);
}

#[test]
fn a_statement_may_take_several_lines() {
    let mut session = Session::start(&["repl"]);
    session
        .types("def f(n):")
        .goes_on("    if n: return n * f(n - 1)")
        .goes_on("    return 1")
        .goes_on("");
    session.types("f(10)").sees("3628800");
    session.types("[1,").goes_on("2]").sees("[1, 2]");
    session.types("# a comment").types("").types("'''a").goes_on("b'''").sees("'a\\nb'");
    session.sees(">>> ").presses('d');
    session.ends(0);
}

#[test]
fn an_exception_shows_its_traceback_and_the_session_goes_on() {
    let mut session = Session::start(&["repl"]);
    session
        .types("1 / 0")
        .sees("Traceback")
        .sees("    1 / 0")
        .sees("ZeroDivisionError: division by zero");
    session.types("x = = 1").sees("SyntaxError");
    session.types("print('still ' + 'here')").sees("\nstill here");
    session.types("exit(7)");
    session.ends(7);
}

#[test]
fn quit_leaves_with_its_status_and_runs_exit_callbacks() {
    let mut session = Session::start(&["repl"]);
    session
        .types("import atexit; f = atexit.register(print, 'good' + 'bye')")
        .types("quit()")
        .sees("goodbye");
    session.ends(0);
}

#[test]
fn ctrl_c_interrupts_what_runs_and_keeps_the_session() {
    let mut session = Session::start(&["repl", "--timeout", "none"]);
    session.types("x = 41");
    for busy in [
        "print('go' + '1'); exec('while True: pass')",
        "import time; print('go' + '1'); time.sleep(100)",
    ] {
        session.types(busy).sees("go1").presses('c').sees("KeyboardInterrupt");
    }
    session.types("input('what' + '? ')").sees("what? ").presses('c').sees("KeyboardInterrupt");
    session.types("x + 1").sees("42");
    session.sees(">>> ").presses('d');
    session.ends(0);
}

#[test]
fn ctrl_c_clears_the_line() {
    let mut session = Session::start(&["repl"]);
    session.sees(">>> ").terminal.send("print('typed").expect("typed");
    session.terminal.flush().expect("flushed");
    session.sees("typed").presses('c').sees("KeyboardInterrupt");
    session.types("def f():").sees("... ").presses('c').sees("KeyboardInterrupt");
    session.types("6 * 7").sees("\n42");
    session.sees(">>> ").presses('d');
    session.ends(0);
}

#[test]
fn a_statement_that_cannot_be_interrupted_is_cancelled() {
    let mut session = Session::start(&["repl", "--timeout", "none"]);
    let stubborn = "exec('while 1:\\n try:\\n  print(\"on\" + \"ward\")\\n  while 1: pass\\n except BaseException: pass')";
    session
        .types(stubborn)
        .sees("onward")
        .presses('c')
        .sees("onward")
        .presses('c')
        .sees("onward")
        .presses('c');
    session.sees("a new session begins").types("6 * 7").sees("\n42");
    session.sees(">>> ").presses('d');
    session.ends(0);
}

#[test]
fn a_limit_is_said_and_a_new_session_begins_only_where_it_has_to() {
    let mut session = Session::start(&["repl", "--timeout", "300ms"]);
    session.types("x = 1").types("exec('while True: pass')");
    session.sees("TimeoutError").sees("ophidia: limit timeout: 300ms allowed");
    session.types("x + 40").sees("\n41");
    session.types("import itertools").types("sum(itertools.repeat(0))");
    session.sees("ophidia: limit timeout: 300ms allowed").sees("a new session begins");
    session.types("x").sees("NameError").types("6 * 7").sees("\n42");
    session.sees(">>> ").presses('d');
    session.ends(0);
}

#[test]
fn the_next_session_remembers_what_was_typed() {
    let mut first = Session::start(&["repl"]);
    first.types("'remem' + 'bered'").sees("'remembered'");
    first.sees(">>> ").presses('d');
    let kept = first._cache.take().expect("its cache");
    first.ends(0);
    let mut second = Session::start_in(kept.path(), &["repl"]);
    second.sees(">>> ").presses('p').sees("'remem' + 'bered'");
    second.terminal.send_line("").expect("typed");
    second.sees("'remembered'").sees(">>> ").presses('d');
    second.ends(0);
}

#[test]
fn without_a_terminal_lines_are_run_one_by_one() {
    let lines = "x = 6\nx * 7\ndef f():\n    return x\n\nf()\nif x:\n    print('last')\n";
    ophidia(["repl"]).stdin(lines).expect_ok().stdout_is("42\n6\nlast\n");
}

#[test]
fn a_session_is_saved_loaded_and_forked() {
    let made = tempfile::tempdir().expect("a folder");
    let path = |name: &str| made.path().join(name).display().to_string();
    let mut session = Session::start(&["repl"]);
    session.types("x = 6").types(&format!(":save {}", path("saved")));
    session.types(":fork").types("x = 7").types("x").sees("\n7");
    session.types("exit()").sees("forked from").types("x").sees("\n6");
    session.types(&format!(":template {}", path("made"))).types("x = 8");
    session.types(&format!(":load {}", path("saved"))).types("x * 10").sees("\n60");
    session.types("x = 9").types(&format!(":load {}", path("made"))).types("x * 10").sees("\n60");
    session.types(":load /nowhere").sees("/nowhere").types(":what").sees("there are :save FILE");
    session.types(":save").sees("name a file").types("x").sees("\n6");
    session.presses('d');
    session.ends(0);
}
