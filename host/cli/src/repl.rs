//! `ophidia repl`: an interactive session.

use crate::Usage;
use crate::ending::Ending;
use crate::interrupt::{Interrupts, LastResort};
use crate::load;
use crate::origin::{self, Beginning, MadeOf, Origin};
use crate::progress::say;
use crate::sandbox::Sandbox;
use crate::status::Status;
use anyhow::Context as _;
use ophidia::{
    CheckpointInfo, CheckpointOptions, Completeness, Input, Interpreter, Output, RestoreOptions,
    SourceKind, Streams,
};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Try Python in the sandbox, line by line
///
/// Shows the value of each expression. Ctrl-C clears the line, or interrupts what runs; Ctrl-D or
/// exit() leaves. The timeout is that of one statement. A statement that has to be stopped for good
/// takes the session with it, and a new one begins.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Repl {
    #[command(flatten)]
    sandbox: Sandbox,

    #[command(flatten)]
    origin: Origin,
}

const HELP: &str = "\
Examples:
  ophidia repl --dir .            the files here can be read
  ophidia repl --timeout none     a statement may take for ever; Ctrl-C interrupts it
  ophidia repl --image app.ophidia

Lines that begin with a colon are for the session itself:
  :save FILE      write all of it down
  :load FILE      go on from what was written, or begin at a template
  :template FILE  make a template of it, for --image
  :fork           try something: the end of the child (Ctrl-D, exit()) leads back";

/// Sessions that may be forked from one another, and what is made for a moment.
const ROOM: u32 = 64;

/// Statements that are remembered from session to session.
const HISTORY: usize = 1_000;

type Lines = Editor<(), FileHistory>;

impl Repl {
    /// Runs the session to its end.
    pub(crate) fn run(mut self) -> anyhow::Result<Status> {
        self.origin.settle(&mut self.sandbox)?;
        self.sandbox.settle()?;
        let runtime = load::runtime_for(&self.sandbox.flavour()?, ROOM)?;
        let beginning = self.origin.open(runtime, &self.sandbox.build(Vec::new())?)?;
        let mut py = start(&self.sandbox, &beginning)?;
        let mut prompt = Prompt::new()?;
        let interrupts =
            Interrupts::listen(LastResort::Cancel).context("Ctrl-C cannot be listened for")?;
        prompt.greet(&mut py);
        let mut number = 0_u64;
        let mut parents: Vec<Interpreter> = Vec::new();
        loop {
            let Some(statement) = prompt.statement(&mut py)? else {
                finish(&mut py, &interrupts);
                match parents.pop() {
                    Some(parent) => py = parent,
                    None => return Ok(Status::SUCCESS),
                }
                say("back in the session that this one was forked from");
                continue;
            };
            if let Some(command) = statement.trim().strip_prefix(':') {
                match self.obey(command, &mut py, &beginning) {
                    Ok(None) => {}
                    Ok(Some(child)) => parents.push(std::mem::replace(&mut py, child)),
                    Err(error) => say(&format!("{error:#}")),
                }
                continue;
            }
            let filename = format!("<python-input-{number}>");
            number += 1;
            let (result, interrupted) = interrupts.during(&mut py, |py| {
                py.run_source(SourceKind::Interactive, statement.as_bytes(), &filename)
            });
            let exited =
                matches!(&result, Err(ophidia::Error::Python(e)) if e.exit_status.is_some());
            let ending = Ending::of(result, interrupted).told(py.take_exception_at_limit());
            ending.show();
            if exited {
                finish(&mut py, &interrupts);
                match parents.pop() {
                    Some(parent) => py = parent,
                    None => return Ok(ending.status),
                }
                say("back in the session that this one was forked from");
                continue;
            }
            if py.is_poisoned() {
                py = match parents.pop() {
                    Some(parent) => {
                        say(
                            "what the session held is lost; back in the one that it was forked from",
                        );
                        parent
                    }
                    None => {
                        say("what the session held is lost; a new session begins");
                        start(&self.sandbox, &beginning)?
                    }
                };
            }
        }
    }

    /// Does what a line is for that is none of Python's. Gives the child where that is a fork.
    fn obey(
        &self,
        command: &str,
        py: &mut Interpreter,
        beginning: &Beginning,
    ) -> anyhow::Result<Option<Interpreter>> {
        let (word, file) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let file = Path::new(file.trim());
        let named = || match file.as_os_str().is_empty() {
            true => Err(Usage(format!(":{word}: name a file"))),
            false => Ok(file),
        };
        match word {
            "save" => py.checkpoint_to(named()?, &CheckpointOptions::new())?,
            "load" => *py = self.load(named()?, beginning)?,
            "template" => {
                let file = named()?;
                let note = MadeOf { guest: self.sandbox.guest().clone(), ..MadeOf::default() };
                let options = CheckpointOptions::new().note(note.to_note());
                py.fork()?.into_template()?.save(file, &options)?;
            }
            "fork" => return Ok(Some(py.fork()?)),
            _ => {
                let said = "there are :save FILE, :load FILE, :template FILE and :fork";
                return Err(Usage(format!(":{word}: {said}")).into());
            }
        }
        Ok(None)
    }

    /// The session that a file has, or a new one behind a template.
    fn load(&self, file: &Path, beginning: &Beginning) -> anyhow::Result<Interpreter> {
        let sandbox = self.sandbox.build(Vec::new())?;
        let runtime = &beginning.runtime;
        if CheckpointInfo::of_file(file)?.is_template {
            let options = RestoreOptions::new().sandbox(&sandbox);
            let mut py = runtime.open_template(file, options)?.start_with(&sandbox, streams())?;
            origin::put_first(&mut py, "")?;
            return Ok(py);
        }
        let options = RestoreOptions::new().sandbox(&sandbox).streams(streams());
        Ok(runtime.restore_file(file, options)?)
    }
}

fn streams() -> Streams {
    Streams {
        stdin: Some(Input::inherit()),
        stdout: Some(Output::inherit_stdout()),
        stderr: Some(Output::inherit_stderr()),
    }
}

fn start(sandbox: &Sandbox, beginning: &Beginning) -> ophidia::Result<Interpreter> {
    let mut py = beginning.start(&sandbox.build(Vec::new())?, streams())?;
    origin::put_first(&mut py, "")?;
    Ok(py)
}

/// Exit callbacks and the last flush.
fn finish(py: &mut Interpreter, interrupts: &Interrupts) {
    if !py.is_poisoned() {
        let (result, interrupted) = interrupts.during(py, |py| py.finish());
        Ending::of(result, interrupted).show();
    }
}

/// Where statements are typed.
struct Prompt {
    lines: Lines,
    history: Option<PathBuf>,
}

impl Prompt {
    fn new() -> anyhow::Result<Self> {
        // Pasted text comes line by line, so that each statement of it is run by itself.
        let config =
            Config::builder().max_history_size(HISTORY)?.tab_stop(4).bracketed_paste(false);
        let mut lines = Lines::with_config(config.build())?;
        let history = load::cache_dir().ok().map(|cache| cache.join("history"));
        if let Some(history) = &history {
            // There is none before the first session.
            let _ = lines.load_history(history);
        }
        Ok(Self { lines, history })
    }

    fn greet(&mut self, py: &mut Interpreter) {
        use std::io::IsTerminal as _;
        if !std::io::stdin().is_terminal() {
            return;
        }
        let version = match py.eval("__import__('platform').python_version()") {
            Ok(ophidia::Value::Str(version)) => version,
            _ => "3".into(),
        };
        let _ = writeln!(
            std::io::stderr(),
            "Python {version}, sandboxed by Ophidia {}. Ctrl-C interrupts, Ctrl-D leaves.",
            env!("CARGO_PKG_VERSION")
        );
    }

    /// Reads lines until they make a statement; `None` at the end of the input.
    fn statement(&mut self, py: &mut Interpreter) -> anyhow::Result<Option<String>> {
        let mut text = String::new();
        loop {
            let prompt = if text.is_empty() { ">>> " } else { "... " };
            match self.lines.readline(prompt) {
                Ok(line) => {
                    self.remember(&line);
                    if text.is_empty() && line.trim_start().starts_with(':') {
                        return Ok(Some(line));
                    }
                    text.push_str(&line);
                }
                Err(ReadlineError::Interrupted) => {
                    let _ = writeln!(std::io::stderr(), "KeyboardInterrupt");
                    text.clear();
                    continue;
                }
                Err(ReadlineError::Eof) if text.is_empty() => return Ok(None),
                Err(ReadlineError::Eof) => return Ok(Some(text)),
                Err(error) => return Err(error).context("the prompt cannot be read"),
            }
            let blank =
                |line: &str| line.trim_start().is_empty() || line.trim_start().starts_with('#');
            if text.lines().all(blank) {
                text.clear();
                continue;
            }
            // A block ends with a blank line, not with the end of its last line.
            let completeness = py.completeness(&text);
            text.push('\n');
            if !matches!(completeness, Ok(Completeness::Incomplete)) {
                return Ok(Some(text));
            }
        }
    }

    fn remember(&mut self, line: &str) {
        let added = self.lines.add_history_entry(line).unwrap_or(false);
        if let (true, Some(history)) = (added, &self.history) {
            // A history that cannot be kept is no reason to stop.
            let _ = self.lines.append_history(history);
        }
    }
}
