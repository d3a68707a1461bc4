//! `ophidia map`: a script over many inputs, an interpreter for each, some at a time; results in the order of the inputs.

mod inputs;
mod journal;
mod line;
mod one;
mod place;
mod results;
mod tally;
mod workers;

use crate::ending::Ending;
use crate::interrupt::Crowd;
use crate::options::PythonOptions;
use crate::origin::{Beginning, Origin};
use crate::program::Program;
use crate::sandbox::Sandbox;
use crate::status::Status;
use crate::{Usage, load, run};
use anyhow::Context as _;
use inputs::{Form, Inputs};
use journal::{Binding, Journal};
use one::Setting;
use ophidia::{Output, Runtime, SourceKind, Streams};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;
use std::thread;
use workers::Workers;

/// Run a script over many inputs, each in an interpreter of its own
///
/// An interpreter is started for each input and dropped after it, some at a time; a line of JSON for each is printed in
/// the order of the inputs. One input that fails, runs too long or eats memory does nothing to the others: limits are
/// those of one input; the script, what it leaves, and its exit functions have --timeout each.
///
/// What the script finds: sys.argv is [SCRIPT, INPUT]; standard input has the input's bytes; the name `item` is the file's
/// path, the line, or the value of JSON. What it gives: what it leaves in the name `result`, which has to have a form in
/// JSON, and its output. It sees the file that is its input, read-only under its own absolute path (in /tmp: a
/// copy), and nothing else unless that is granted, the folder of the script included: --dir . grants it.
#[derive(clap::Args, Debug)]
#[command(override_usage = USAGE, after_help = HELP)]
pub(crate) struct Map {
    /// The script
    #[arg(value_name = "SCRIPT")]
    script: String,

    /// Files, or - for lines of standard input
    #[arg(value_name = "INPUTS", conflicts_with_all = ["lines", "json_lines"])]
    inputs: Vec<OsString>,

    /// Take the lines of a file as inputs, or with - of standard input
    ///
    /// They are read when their turn comes, and may be endless.
    #[arg(long, value_name = "FILE", conflicts_with = "json_lines")]
    lines: Option<PathBuf>,

    /// The same, each line a value of JSON
    ///
    /// A line that is none is a failure of that input alone.
    #[arg(long, value_name = "FILE")]
    json_lines: Option<PathBuf>,

    /// Interpreters at a time [default: one a processor]
    #[arg(short, long, allow_hyphen_values = true, value_name = "N", value_parser = jobs)]
    jobs: Option<u32>,

    /// Keep what has ended in this file, and begin with what it has
    ///
    /// A map that was interrupted, or killed, goes on where it was: what the file has is printed again, the rest runs. It is
    /// bound to the script, the options but for limits, and the version; contents of granted folders are not looked at. An input that has
    /// changed, name or bytes, runs anew.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,

    /// Run anew what has failed according to the file of --resume
    #[arg(long, requires = "resume")]
    retry_failed: bool,

    /// Run this file once, and begin each input where it has ended
    ///
    /// What it imports and defines, in __main__, is there for every input, and shared by none: interpreters are forked from
    /// one. It has the grants and limits of an input, no input, and its output goes to standard error. Where it fails,
    /// nothing runs.
    #[arg(long, value_name = "SETUP")]
    fork_from: Option<String>,

    #[command(flatten)]
    sandbox: Sandbox,

    #[command(flatten)]
    origin: Origin,

    #[command(flatten)]
    python: PythonOptions,
}

const USAGE: &str = "ophidia map [OPTIONS] SCRIPT FILE...
       ophidia map [OPTIONS] SCRIPT -
       ophidia map [OPTIONS] SCRIPT --lines FILE
       ophidia map [OPTIONS] SCRIPT --json-lines FILE";

const HELP: &str = "\
Examples:
  ophidia map count.py data/*.txt               `result = len(open(item).read().split())`
  seq 1000 | ophidia map square.py - | jq .result
  ophidia map fit.py --json-lines runs.jsonl --jobs 8 --timeout 10s
  ophidia map --dir . --site packages page.py pages/*.md   modules beside the script, packages
  ophidia map ask.py --lines questions --fork-from load.py   load.py runs once, each question begins behind it
  ophidia map long.py *.csv --resume done.jsonl            Ctrl-C; the same again goes on
  ophidia map long.py *.csv --resume done.jsonl --retry-failed

Each line of output is an object:
  index        from 0
  input        the file as it was named, the line, or the value of JSON
  status       ok, exit, exception, limit, interrupted, failed
  result       what the script has left in `result`; null when there is none or it has not come to its end
  stdout, stderr, exit_code, duration_ms, stopped_by, error: as of `run --json`
An input has failed unless its exit_code is 0. --out DIR has a folder for each input, by its index.

Exit statuses:
  0    no input has failed
  n    so many have failed, up to 100
  101  more than 100 have failed
  2    the command cannot be carried out as given: nothing is printed then on standard output
  120  standard output cannot be written
  126  the guest or the host failed, or inputs can no longer be read
  130  interrupted with Ctrl-C or SIGTERM; what had ended was printed
Where 2 may be either, standard output tells: two failures have two lines.";

/// More at a time help nobody.
const MOST_JOBS: u32 = 1_000;

/// Reads `--jobs`.
fn jobs(text: &str) -> Result<u32, String> {
    let jobs = text.parse().ok().filter(|jobs| (1..=MOST_JOBS).contains(jobs));
    jobs.ok_or_else(|| format!("give a number from 1 to {MOST_JOBS}"))
}

impl Map {
    /// Runs it.
    pub(crate) fn run(mut self) -> anyhow::Result<Status> {
        let form = self.form()?;
        let kind = form.as_ref().map(|(_, form)| form);
        let options =
            format!("{kind:?} {} {:?} {}", self.script, self.python, self.sandbox.outcomes());
        self.origin.settle(&mut self.sandbox)?;
        self.sandbox.settle()?;
        let set_up = self.fork_from.as_deref();
        let set_up = set_up.map(|name| Program::script(name, &self.sandbox)).transpose()?;
        let options = options + &self.begins(set_up.as_ref());
        let script = Program::script(&self.script, &self.sandbox)?;
        self.sandbox.add_packages_of(&self.script, script.text().0)?;
        let binding = Binding::new(script.text().0, &options);
        let inputs = self.open(form)?;
        let journal =
            self.resume.as_deref().map(|path| Journal::open(path, &binding)).transpose()?;
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let jobs =
            self.jobs.unwrap_or_else(|| u32::try_from(processors).unwrap_or(1).min(MOST_JOBS));

        let paths = self.python.with_environment(self.sandbox.variables());
        let runtime = load::runtime_for(&self.sandbox.flavour()?, jobs)?;
        load::with_bytecode(&runtime, &mut self.sandbox);
        let sandbox = self.sandbox.build(Vec::new())?;
        let is_set_up = set_up.is_some();
        let beginning = match self.beginning(runtime, &sandbox, set_up, &paths)? {
            Ok(beginning) => beginning,
            Err(failed) => {
                failed.show();
                return Ok(failed.status);
            }
        };
        let workers = Workers::new(jobs);
        let stopper = workers.clone();
        let crowd =
            Crowd::listen(move || stopper.stop()).context("Ctrl-C cannot be listened for")?;
        let setting = Setting {
            beginning,
            is_set_up,
            sandbox,
            options: self.sandbox,
            python: self.python,
            paths,
            script,
            name: self.script,
            crowd,
        };
        results::print(&workers, setting, inputs, journal, self.retry_failed)
    }

    /// Where inputs begin, as a text that tells whether it is the same place. Nothing where that is the image alone.
    fn begins(&self, set_up: Option<&Program>) -> String {
        let digest = |bytes: &[u8]| format!(" {:x?}", Sha256::digest(bytes).as_slice());
        let image = self.origin.file().and_then(|file| std::fs::read(file).ok());
        let image = image.map(|image| digest(&image)).unwrap_or_default();
        image + &set_up.map(|set_up| digest(set_up.text().0)).unwrap_or_default()
    }

    /// Where each input begins; or how the set-up code has failed.
    fn beginning(
        &self,
        runtime: Runtime,
        sandbox: &ophidia::Sandbox,
        set_up: Option<Program>,
        paths: &[String],
    ) -> Result<Result<Beginning, Box<Ending>>, Usage> {
        let beginning = self.origin.open(runtime, sandbox)?;
        let Some(set_up) = set_up else { return Ok(Ok(beginning)) };
        let streams = Streams {
            stdin: None,
            stdout: Some(Output::inherit_stderr()),
            stderr: Some(Output::inherit_stderr()),
        };
        let made = || -> Result<Beginning, Box<Ending>> {
            let failed = |error| Box::new(Ending::of(Err(error), false));
            let mut py = beginning.start(sandbox, streams).map_err(failed)?;
            run::prepare(&mut py, &self.sandbox, &self.python, paths)?;
            let (source, filename) = set_up.text();
            py.run_source(SourceKind::Statements, source, filename).map_err(failed)?;
            let template = py.into_template().map_err(failed)?;
            Ok(Beginning::behind(beginning.runtime, template))
        };
        Ok(made())
    }

    /// Whether inputs are files, or lines and in which form.
    fn form(&mut self) -> Result<Option<(PathBuf, Form)>, Usage> {
        if self.script == "-" {
            let reason = "the script cannot be standard input, which inputs come from: name a file";
            return Err(Usage(reason.into()));
        }
        if let Some(path) = self.lines.take() {
            return Ok(Some((path, Form::Text)));
        }
        if let Some(path) = self.json_lines.take() {
            return Ok(Some((path, Form::Json)));
        }
        match &*self.inputs {
            [] => Err(Usage("no inputs: name files, or - for lines of standard input, or --lines FILE, or --json-lines FILE".into())),
            [only] if only == "-" => Ok(Some((PathBuf::from("-"), Form::Text))),
            _ => Ok(None),
        }
    }

    fn open(&mut self, form: Option<(PathBuf, Form)>) -> Result<Inputs, Usage> {
        match form {
            Some((path, form)) => Inputs::lines(&path, form, &self.sandbox),
            None => Inputs::files(std::mem::take(&mut self.inputs), &self.sandbox),
        }
    }
}
