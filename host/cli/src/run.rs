//! `ophidia run`: a program, from its first line to its exit status.

mod report;
mod start;

pub(crate) use start::{prepare, set};

use crate::Usage;
use crate::ending::Ending;
use crate::interrupt::{Interrupts, LastResort};
use crate::options::PythonOptions;
use crate::origin::Origin;
use crate::program::Program;
use crate::sandbox::Sandbox;
use crate::state::Outlasting;
use crate::status::Status;
use anyhow::Context as _;
use ophidia::Error;
use report::{end, not_begun, print_report};
use start::{open, start, streams};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

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
    origin: Origin,

    #[command(flatten)]
    python: PythonOptions,

    /// Checkpoint the program into this folder as it waits, and go on from there when it is started again
    ///
    /// A script that awaits at its top level is written down whenever it waits for longer than 50 ms. Killed at any moment, it goes on
    /// from there: what it did since, it does again, output too. Timers run on meanwhile; --timeout is that of one stretch
    /// between two waits. Once it has ended, it is not run again. `ophidia state` tells how far it is, and removes it.
    #[arg(long, value_name = "STATE", conflicts_with_all = ["json", "module"])]
    durable: Option<PathBuf>,

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
  ophidia run --image app.ophidia page.py       where the set-up of `ophidia image build` has ended
  ophidia run --durable state watch.py          killed and started again, it goes on where it was
  ophidia run --json --timeout 2s x.py | jq .stopped_by";

impl Run {
    /// Runs it.
    pub(crate) fn run(mut self) -> anyhow::Result<Status> {
        let started = Instant::now();
        let settled = self.origin.settle(&mut self.sandbox);
        let settled = settled.and_then(|()| self.sandbox.settle());
        match settled.and_then(|()| self.prepare()) {
            Ok((program, argv)) => {
                if let Some(state) = self.durable.take() {
                    return self.outlast(&state, program, argv);
                }
                let Self { sandbox, origin, python, json, .. } = &mut self;
                execute((sandbox, origin), python, program, argv, *json)
            }
            Err(refused) => Ok(not_begun(&Ending::refused(&refused), self.json, started)),
        }
    }

    /// Runs it durably.
    fn outlast(
        mut self,
        state: &Path,
        mut program: Program,
        argv: Vec<String>,
    ) -> anyhow::Result<Status> {
        let identity = program.identity(&argv).ok_or_else(|| {
            Usage("--durable: a folder or an archive cannot wait at rest: name a script".into())
        })?;
        let paths = self.python.with_environment(self.sandbox.variables());
        let (runtime, settings) = match open(&mut self.sandbox, &mut program, argv) {
            Ok(opened) => opened,
            Err(ending) => return Ok(not_begun(&ending, false, Instant::now())),
        };
        let beginning = self.origin.open(runtime.clone(), &settings)?;
        let (sandbox, options) = (&self.sandbox, &self.python);
        let begin = || {
            let mut py = beginning.start(&settings, streams(false))?;
            let refused = |refused: Usage| Error::Host(refused.to_string().into());
            set(&mut py, sandbox, options, &paths)?.map_err(refused)?;
            let task = program.begin(&mut py)?;
            Ok((py, task))
        };
        let outlasting = Outlasting {
            state,
            program: &identity,
            runtime: &runtime,
            sandbox: &settings,
            timeout: sandbox.timeout(),
        };
        outlasting.run(streams(false), begin, |py, interrupts, ending| {
            end(py, interrupts, ending, sandbox, &mut String::new(), false).status
        })
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
    let mut sandbox: Sandbox = crate::values::unset();
    let program = Program::stdin(&sandbox)?;
    let begun = (&mut sandbox, &Origin::default());
    execute(begun, &mut PythonOptions::default(), program, vec![String::new()], false)
}

fn execute(
    (sandbox, origin): (&mut Sandbox, &Origin),
    options: &mut PythonOptions,
    mut program: Program,
    argv: Vec<String>,
    json: bool,
) -> anyhow::Result<Status> {
    let started = Instant::now();
    let paths = options.with_environment(sandbox.variables());
    let mut py = match start((sandbox, origin), &mut program, argv, json) {
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
    let ending = Ending::of_main(result, interrupted, &mut py, sandbox.timeout());
    let ending = end(&mut py, &interrupts, ending, sandbox, &mut said, json);
    let status = match json {
        true => print_report(&ending, Some(&mut py), &said, started.elapsed()),
        false => ending.status,
    };
    // Its slot would be cleared for a next interpreter; there is none.
    std::mem::forget(py);
    Ok(status)
}
