//! `ophidia run`: a program, from its first line to its exit status.

use crate::ending::{Ending, Used};
use crate::interrupt::{Interrupts, LastResort};
use crate::options::PythonOptions;
use crate::program::Program;
use crate::progress::say;
use crate::sandbox::Sandbox;
use crate::status::Status;
use crate::{Usage, bytecode, load};
use anyhow::Context as _;
use ophidia::{Input, Interpreter, Output, Streams};
use std::ffi::OsString;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Run a Python program in the sandbox
///
/// The program, its arguments and its exit status are as with python3. It may read the folder that
/// the script is in, and nothing else unless it is granted; a script in the home folder is refused. Options of `run` stand before the
/// program; whatever follows it is the program's own.
#[derive(clap::Args, Debug)]
#[command(override_usage = USAGE, after_help = crate::help(EXAMPLES))]
pub(crate) struct Run {
    #[command(flatten)]
    sandbox: Sandbox,

    #[command(flatten)]
    python: PythonOptions,

    /// Capture the output and print one line of JSON at the end
    ///
    /// Fields: status (ok, exit, exception, limit, interrupted, failed), exit_code, stdout, stderr,
    /// duration_ms, peak_memory_bytes, cpu_ms, fuel (units of work), stopped_by (null, interrupt, or the
    /// limit: timeout, cpu, fuel, memory, output), error (null, or type, message and traceback). 64MiB of each stream are held; the limit
    /// `output` stops a program that writes more. Only a mistake in the options themselves gives no such
    /// line, but a message and status 2.
    #[arg(long)]
    json: bool,

    /// Run this code; what follows goes to sys.argv
    #[arg(
        short = 'c',
        value_names = ["CODE", "ARGS"],
        num_args = 1..,
        allow_hyphen_values = true,
        conflicts_with_all = ["module", "program"]
    )]
    code: Option<Vec<OsString>>,

    /// Run a module as the main program, as `python3 -m` does
    ///
    /// It is looked for in the standard library and the folders of --site, and only then in the
    /// current folder, where python3 looks first. When it is there, that folder is granted read-only.
    #[arg(
        short = 'm',
        value_names = ["MODULE", "ARGS"],
        num_args = 1..,
        allow_hyphen_values = true,
        conflicts_with = "program"
    )]
    module: Option<Vec<OsString>>,

    /// The script (also a folder or zip archive with a __main__.py), or - for standard input; and
    /// its arguments
    #[arg(
        value_names = ["FILE", "ARGS"],
        trailing_var_arg = true,
        required_unless_present_any = ["code", "module"]
    )]
    program: Vec<OsString>,
}

const USAGE: &str = "ophidia run [OPTIONS] FILE [ARGS]...
       ophidia run [OPTIONS] -c CODE [ARGS]...
       ophidia run [OPTIONS] -m MODULE [ARGS]...
       ophidia run [OPTIONS] - [ARGS]...";

const EXAMPLES: &str = "\
Examples:
  ophidia run hello.py --name Ada               options after the script are the script's
  ophidia run -c 'import sys; print(sys.argv)' x
  ophidia run -m timeit '\"-\".join(\"abc\")'       a module of the standard library
  echo 'print(1)' | ophidia run -               the program on standard input
  ophidia run --dir in --dir out:rw convert.py  it reads in/ and writes into out/
  ophidia run --dir /srv/data::/data report.py  a folder under another name
  ophidia run --site ophidia-site page.py       what ophidia add has put there
  ophidia run --requirements reqs.txt page.py   what the file asks for, fetched once by pip
  ophidia run --fetch page.py                   what page.py says it depends on (a block # /// script)
  ophidia run --with regex,pyyaml find.py       packages with C code; the first time builds a guest
  ophidia run --env TOKEN --env MODE=test x.py  two variables, one of them as it is set here
  ophidia run --json --timeout 2s x.py | jq .stopped_by";

impl Run {
    /// Runs it.
    pub(crate) fn run(mut self) -> anyhow::Result<Status> {
        let started = Instant::now();
        match self.sandbox.settle().and_then(|()| self.prepare()) {
            Ok((program, argv)) => {
                execute(&mut self.sandbox, &mut self.python, program, argv, self.json)
            }
            Err(refused) => Ok(not_begun(&Ending::refused(&refused), self.json, started)),
        }
    }

    /// Tells which of the four forms was asked for; gives `sys.argv` too.
    fn prepare(&mut self) -> Result<(Program, Vec<String>), Usage> {
        if let Some(words) = self.code.take() {
            let (code, argv) = first_and_rest(words, "-c")?;
            return Ok((Program::code(code), argv));
        }
        if let Some(words) = self.module.take() {
            let (name, argv) = first_and_rest(words, "-m")?;
            return Ok((Program::module(name), argv));
        }
        let argv: Vec<String> = self.program.drain(..).map(utf8).collect::<Result<_, _>>()?;
        let program = match argv.first().map(String::as_str) {
            Some("-") => Program::stdin(&self.sandbox)?,
            Some(name) => Program::file(name, &mut self.sandbox)?,
            None => return Err(Usage("name a program: FILE, -c CODE, -m MODULE or -".into())),
        };
        Ok((program, argv))
    }
}

/// Splits off the code or module name; in its place `sys.argv` has the option.
fn first_and_rest(words: Vec<OsString>, option: &str) -> Result<(String, Vec<String>), Usage> {
    let mut words = words.into_iter().map(utf8).collect::<Result<Vec<_>, _>>()?;
    let first = match words.first_mut() {
        Some(first) => std::mem::replace(first, option.to_owned()),
        None => return Err(Usage(format!("{option}: give something to run after it"))),
    };
    Ok((first, words))
}

/// An argument as a text.
pub(crate) fn utf8(word: OsString) -> Result<String, Usage> {
    word.into_string().map_err(|word| {
        Usage(format!("argument {}: not UTF-8: give it in another encoding", word.display()))
    })
}

/// Runs what stands on standard input, as a bare `python3` in a pipe does.
pub(crate) fn run_stdin() -> anyhow::Result<Status> {
    let mut sandbox = Sandbox::default();
    let program = Program::stdin(&sandbox)?;
    execute(&mut sandbox, &mut PythonOptions::default(), program, vec![String::new()], false)
}

fn execute(
    sandbox: &mut Sandbox,
    options: &mut PythonOptions,
    mut program: Program,
    argv: Vec<String>,
    json: bool,
) -> anyhow::Result<Status> {
    let started = Instant::now();
    let paths = options.with_environment(sandbox.variables());
    let mut py = match start(sandbox, &mut program, argv, json) {
        Ok(py) => py,
        Err(ending) => return Ok(not_begun(&ending, json, started)),
    };
    if let Err(ending) = prepare(&mut py, sandbox, options, &paths) {
        return Ok(not_begun(&ending, json, started));
    }
    let interrupts =
        Interrupts::listen(LastResort::Die).context("Ctrl-C cannot be listened for")?;
    let mut said = String::new();
    let (result, interrupted) = interrupts.during(&mut py, |py| program.run(py));
    let mut ending = Ending::of_main(result, interrupted, &mut py, sandbox.timeout());
    show(&ending, &mut said, json);
    if !py.is_poisoned() {
        let (result, interrupted) = interrupts.during(&mut py, |py| py.finish());
        if result.is_err() {
            ending = ending.finished(result, interrupted);
            show(&ending, &mut said, json);
        }
    }
    if !sandbox.trees().write_out(&mut py, None) {
        ending.status = ending.status.or_unflushed();
    }
    let status = match json {
        true => print_report(&ending, Some(&mut py), &said, started.elapsed()),
        false => ending.status,
    };
    // Its slot would be cleared for a next interpreter; there is none.
    std::mem::forget(py);
    Ok(status)
}

/// What is set before the program begins.
pub(crate) fn prepare(
    py: &mut Interpreter,
    sandbox: &Sandbox,
    options: &PythonOptions,
    paths: &[String],
) -> Result<(), Box<Ending>> {
    match set(py, sandbox, options, paths) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refused)) => Err(Box::new(Ending::refused(&refused))),
        Err(error) => Err(Box::new(Ending::failed(&error))),
    }
}

/// The same, without the words for how it went.
pub(crate) fn set(
    py: &mut Interpreter,
    sandbox: &Sandbox,
    options: &PythonOptions,
    paths: &[String],
) -> ophidia::Result<Result<(), Usage>> {
    if let Err(refused) = sandbox.trees().put(py) {
        return Ok(Err(refused));
    }
    paths.iter().rev().try_for_each(|path| py.prepend_path(path))?;
    bytecode::apply(py, sandbox)?;
    options.apply(py)
}

/// An interpreter that has what the program needs.
fn start(
    sandbox: &mut Sandbox,
    program: &mut Program,
    argv: Vec<String>,
    json: bool,
) -> Result<Interpreter, Box<Ending>> {
    let failed = |error: ophidia::Error| Box::new(Ending::failed(&error));
    let flavour = sandbox.flavour().map_err(|refused| Box::new(Ending::refused(&refused)))?;
    let runtime = load::runtime(&flavour).map_err(failed)?;
    let stdlib = load::located(&flavour).map_err(failed)?.stdlib();
    program.settle(sandbox, &stdlib).map_err(|refused| Box::new(Ending::refused(&refused)))?;
    load::with_bytecode(&runtime, sandbox);
    let (stdout, stderr) = if json {
        (Output::capture(), Output::capture())
    } else {
        (Output::inherit_stdout(), Output::inherit_stderr())
    };
    let streams =
        Streams { stdin: Some(Input::inherit()), stdout: Some(stdout), stderr: Some(stderr) };
    let settings = sandbox.builder().args(argv).build().map_err(failed)?;
    runtime.start_with(&settings, streams).map_err(failed)
}

/// Says why there is no program that runs.
fn not_begun(ending: &Ending, json: bool, started: Instant) -> Status {
    if json {
        return print_report(ending, None, "", started.elapsed());
    }
    ending.show();
    ending.status
}

/// Shows how the program ended; with --json it is kept for the report.
fn show(ending: &Ending, said: &mut String, json: bool) {
    if json {
        said.push_str(&ending.said);
    } else {
        ending.show();
    }
}

/// Prints the line of `--json` and gives the exit status, which is another one where that was impossible.
/// That nobody reads it any more is no failure.
fn print_report(
    ending: &Ending,
    py: Option<&mut Interpreter>,
    said: &str,
    elapsed: Duration,
) -> Status {
    let (stdout, stderr, used) = match py {
        Some(py) => {
            let (usage, fuel) = (py.usage(), py.fuel().unwrap_or_default());
            let used = Used { peak_memory: usage.peak_memory, cpu: usage.cpu, fuel };
            (py.take_stdout(), py.take_stderr(), used)
        }
        None => (Vec::new(), Vec::new(), Used::default()),
    };
    let stderr = String::from_utf8_lossy(&stderr) + said;
    let report = ending.report(&String::from_utf8_lossy(&stdout), &stderr, elapsed, used).to_json();
    match writeln!(std::io::stdout(), "{report}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(&format!("the report cannot be written: {error}"));
            Status::UNFLUSHED
        }
        _ => ending.status,
    }
}
