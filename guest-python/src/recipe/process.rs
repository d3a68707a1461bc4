//! Runs the programs of the build: output to a log, one progress step a line, a clean environment.

use crate::Error;
use crate::error::At;
use crate::recipe::progress::Branch;
use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Lines of output that an error shows.
const TAIL: usize = 15;

/// Variables that a build takes from the user: where temporary files go, and what the machine's own programs may
/// live on.
const KEPT: [&str; 2] = ["LD_LIBRARY_PATH", "TMPDIR"];

/// A command that finds programs in the folder `bin` alone, and no variable that could change the bytes it makes.
pub(crate) fn command(program: impl AsRef<OsStr>, bin: &Path, epoch: u64) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(KEPT.into_iter().filter_map(|name| Some((name, env::var_os(name)?))))
        .env("PATH", bin)
        // Nothing of the user's is found there, such as packages of a Python.
        .env("HOME", bin)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("PYTHONHASHSEED", "0")
        .env("SOURCE_DATE_EPOCH", epoch.to_string());
    command
}

/// Runs a command to its end with its output in `log`, which is appended to.
pub(crate) fn run(
    command: &mut Command,
    what: &str,
    log: &Path,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let mut file = File::options().create(true).append(true).open(log).at("open", log)?;
    writeln!(file, "$ {command:?}").at("write", log)?;
    // One pipe for both streams keeps their lines in order.
    let (reader, writer) = std::io::pipe().at("make a pipe for", log)?;
    let second = writer.try_clone().at("make a pipe for", log)?;
    let started = command.stdin(Stdio::null()).stdout(writer).stderr(second).spawn();
    // The command keeps its ends of the pipe until it is given others.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let program = PathBuf::from(command.get_program());
    let mut child = started.at("run", &program)?;
    let copied = copy_lines(BufReader::new(reader), &mut file, log, branch, &child);
    if copied.is_err() {
        terminate(&child);
    }
    let status = child.wait().at("wait for", &program)?;
    copied?;
    if status.success() {
        return Ok(());
    }
    if branch.stopped() {
        return Err(Error::Stopped);
    }
    Err(failure(what, &format!("{} ended with {status}", program.display()), log))
}

/// Runs commands, `jobs` of them at once, until one fails. Each is a step.
pub(crate) fn run_all(
    commands: Vec<Command>,
    jobs: usize,
    what: &str,
    log: &Path,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let waiting = Mutex::new((commands.into_iter(), Ok(())));
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (commands, outcome) = &mut *waiting;
        if outcome.is_ok() && !branch.stopped() { commands.next() } else { None }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(mut command) = next() {
                    if let Err(error) = run(&mut command, what, log, branch) {
                        waiting.lock().unwrap_or_else(PoisonError::into_inner).1 = Err(error);
                    }
                    branch.step(&short(&format!("{command:?}").replace('"', "")));
                }
            });
        }
    });
    let stopped = branch.stopped();
    match waiting.into_inner().unwrap_or_else(PoisonError::into_inner).1 {
        Ok(()) if stopped => Err(Error::Stopped),
        outcome => outcome,
    }
}

/// Adds a text to a log.
pub(crate) fn note(log: &Path, text: &str) -> Result<(), Error> {
    let mut file = File::options().create(true).append(true).open(log).at("open", log)?;
    writeln!(file, "{text}").at("write", log)
}

/// The error for a command that failed, from the end of its log.
fn failure(what: &str, reason: &str, log: &Path) -> Error {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let shown = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
    // With several jobs the line that says it may be further up.
    let recent = lines.get(lines.len().saturating_sub(500)..).unwrap_or_default();
    if recent.iter().any(|line| {
        line.contains("No space left on device") || line.contains("Disk quota exceeded")
    }) {
        return Error::DiskFull { path: log.parent().unwrap_or(log).to_owned() };
    }
    Error::Command {
        what: what.to_owned(),
        reason: reason.to_owned(),
        tail: shown.join("\n"),
        log: log.to_owned(),
    }
}

fn copy_lines(
    mut reader: impl BufRead,
    file: &mut File,
    log: &Path,
    branch: &Branch<'_>,
    child: &Child,
) -> Result<(), Error> {
    let mut line = Vec::new();
    let mut told = false;
    while reader.read_until(b'\n', &mut line).at("read the output for", log)? > 0 {
        file.write_all(&line).at("write", log)?;
        if branch.stopped() && !told {
            terminate(child);
            told = true;
        }
        branch.step(&short(&String::from_utf8_lossy(&line)));
        line.clear();
    }
    Ok(())
}

/// A short form of a line of output: the object of a compiler's command line, else the line's start.
fn short(line: &str) -> String {
    let mut words = line.split_whitespace();
    if let Some(object) = words.by_ref().skip_while(|word| *word != "-o").nth(1) {
        return object.to_owned();
    }
    line.trim().chars().take(60).collect()
}

/// Asks a child to end; make passes that on to what it runs.
fn terminate(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// Runs a command whose output is wanted; `None` when it cannot be run or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let out = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Finds a program as a shell would: the first file of that name on the search path that is `wanted`.
pub(crate) fn find_in(
    path: &OsStr,
    name: impl AsRef<OsStr>,
    wanted: impl Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let name = Path::new(name.as_ref());
    if name.components().count() > 1 {
        return wanted(name).then(|| name.to_owned());
    }
    env::split_paths(path).map(|folder| folder.join(name)).find(|file| wanted(file))
}

pub(crate) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::progress::{Silent, run_stage};

    fn shell(script: &str) -> (tempfile::TempDir, Result<(), Error>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let work: crate::recipe::progress::Work<'_> =
            Box::new(|branch| run(Command::new("sh").args(["-c", script]), "trying", &log, branch));
        let result = run_stage(&mut Silent, 1, vec![work]);
        (folder, result)
    }

    #[test]
    fn a_failure_shows_the_last_lines_and_the_log() {
        let (_folder, result) = shell("seq 100; echo the cause >&2; exit 3");
        let text = result.expect_err("exit 3").to_string();
        assert!(
            text.contains("the cause") && text.contains("100") && !text.contains("\n50\n"),
            "{text}"
        );
        assert!(text.contains("/log"), "{text}");
    }

    #[test]
    fn of_many_commands_the_first_failure_is_told_and_the_rest_not_run() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let touch = |name: String| {
            let mut command = Command::new("sh");
            command.current_dir(folder.path()).args(["-c", &format!("touch {name}")]);
            command
        };
        let run = |commands| {
            let work: crate::recipe::progress::Work<'_> =
                Box::new(|branch| run_all(commands, 2, "trying", &log, branch));
            run_stage(&mut Silent, 1, vec![work])
        };
        run((0..5).map(|number| touch(format!("file{number}"))).collect()).expect("all run");
        assert!((0..5).all(|number| folder.path().join(format!("file{number}")).exists()));
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo the cause; exit 3"]);
        let commands = [failing].into_iter().chain((0..99).map(|n| touch(format!("late{n}"))));
        let error = run(commands.collect()).expect_err("exit 3").to_string();
        assert!(error.contains("the cause"), "{error}");
        assert!(!folder.path().join("late98").exists());
    }

    #[test]
    fn a_full_disk_in_a_compiler_is_recognised() {
        let (_folder, result) = shell("echo 'x.o: No space left on device'; seq 40; exit 1");
        assert!(matches!(result, Err(Error::DiskFull { .. })), "{result:?}");
    }

    #[test]
    fn notes_name_the_object() {
        assert_eq!(short("cc -I. -c x.c -o Objects/x.o\n"), "Objects/x.o");
        assert_eq!(short("checking for int... yes\n"), "checking for int... yes");
    }
}
