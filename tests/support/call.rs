//! Calling a program and judging what came out, so that a test reads like a sentence:
//! `ophidia(["run", "-c", "print(1)"]).expect_ok().stdout_is("1\n")`.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::pieces;

/// A program about to be run, with empty standard input unless [`Call::stdin`] gives some.
#[derive(Debug)]
#[must_use = "nothing runs before `run` or an `expect_…`"]
pub struct Call {
    command: Command,
    stdin: Vec<u8>,
}

/// What a finished program left behind.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status; -1 when a signal ended the program.
    pub status: i32,
    /// Everything written to standard output.
    pub stdout: Vec<u8>,
    /// Everything written to standard error.
    pub stderr: Vec<u8>,
    shown: String,
}

/// The built `ophidia` command with these arguments.
pub fn ophidia<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Call {
    let mut command = ophidia_command();
    command.args(arguments);
    Call { command, stdin: Vec::new() }
}

/// The built `ophidia` command as it is, for tests that watch it while it runs.
pub fn ophidia_command() -> Command {
    Command::new(pieces::command())
}

/// The native Python of the guest's own version with these arguments, speaking UTF-8 as the guest does.
pub fn native_python<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Call {
    let mut command = Command::new(pieces::guest().native_python());
    command.args(arguments).env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    Call { command, stdin: Vec::new() }
}

impl Call {
    /// Gives one more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Gives more arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable in the program's environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts the program in this folder.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What the program reads from standard input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(mut self) -> Outcome {
        let shown = shown(&self.command);
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            self.command.spawn().unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        let mut pipe = child.stdin.take().expect("standard input is a pipe");
        let input = std::mem::take(&mut self.stdin);
        let writer = std::thread::spawn(move || pipe.write_all(&input));
        let output = child.wait_with_output().expect("a child can be waited for");
        match writer.join().expect("the writer does not panic") {
            // A program may end without reading all of its input.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                panic!("stdin of {shown}: {error}")
            }
            _ => {}
        }
        let status = output.status.code().unwrap_or(-1);
        Outcome { status, stdout: output.stdout, stderr: output.stderr, shown }
    }

    /// Runs the program, which must end with status 0.
    pub fn expect_ok(self) -> Outcome {
        self.expect_status(0)
    }

    /// Runs the program, which must end with this status.
    ///
    /// # Panics
    /// When it ends otherwise; shows both outputs.
    pub fn expect_status(self, status: i32) -> Outcome {
        let outcome = self.run();
        assert!(
            outcome.status == status,
            "status {} instead of {status}: {outcome}",
            outcome.status
        );
        outcome
    }
}

impl Outcome {
    /// Standard output as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output must be exactly this.
    ///
    /// # Panics
    /// When it is not; shows the first line that differs.
    pub fn stdout_is(self, expected: impl AsRef<[u8]>) -> Self {
        let expected = expected.as_ref();
        if self.stdout != expected {
            panic!("stdout differs {}\n{self}", first_difference(&self.stdout, expected));
        }
        self
    }

    /// Standard output must contain this.
    ///
    /// # Panics
    /// When it does not.
    pub fn stdout_has(self, part: &str) -> Self {
        assert!(self.stdout().contains(part), "no {part:?} in stdout: {self}");
        self
    }

    /// Standard error must contain this.
    ///
    /// # Panics
    /// When it does not.
    pub fn stderr_has(self, part: &str) -> Self {
        assert!(self.stderr().contains(part), "no {part:?} in stderr: {self}");
        self
    }

    /// Standard error must be empty.
    ///
    /// # Panics
    /// When it is not.
    pub fn stderr_is_empty(self) -> Self {
        assert!(self.stderr.is_empty(), "stderr is not empty: {self}");
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n--- status {}\n--- stdout", self.shown, self.status)?;
        writeln!(f, "{}\n--- stderr\n{}", self.stdout(), self.stderr())
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn first_difference(found: &[u8], expected: &[u8]) -> String {
    let (mut found, mut expected) = (found.split(|b| *b == b'\n'), expected.split(|b| *b == b'\n'));
    for line in 1.. {
        let (a, b) = (found.next(), expected.next());
        if a != b || a.is_none() {
            let text = |part: Option<&[u8]>| match part {
                Some(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
                None => "the end".to_owned(),
            };
            return format!("in line {line}: {} instead of {}", text(a), text(b));
        }
    }
    String::new()
}
