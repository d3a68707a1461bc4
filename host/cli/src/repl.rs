//! `ophidia repl`: an interactive session.

use crate::ending::Ending;
use crate::interrupt::{Interrupts, LastResort};
use crate::load;
use crate::progress::say;
use crate::sandbox::Sandbox;
use crate::status::Status;
use anyhow::Context as _;
use ophidia::{Completeness, Input, Interpreter, Output, Runtime, SourceKind, Streams};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use std::io::Write as _;
use std::path::PathBuf;

/// Try Python in the sandbox, line by line
///
/// Shows the value of each expression. Ctrl-C clears the line, or interrupts what runs; Ctrl-D or
/// exit() leaves. The timeout is that of one statement. A statement that has to be stopped for good
/// takes the session with it, and a new one begins.
#[derive(clap::Args, Debug, Default)]
#[command(after_help = HELP)]
pub(crate) struct Repl {
    #[command(flatten)]
    sandbox: Sandbox,
}

const HELP: &str = "\
Examples:
  ophidia repl --dir .            the files here can be read
  ophidia repl --timeout none     a statement may take for ever; Ctrl-C interrupts it";

/// Statements that are remembered from session to session.
const HISTORY: usize = 1_000;

type Lines = Editor<(), FileHistory>;

impl Repl {
    /// Runs the session to its end.
    pub(crate) fn run(mut self) -> anyhow::Result<Status> {
        self.sandbox.settle()?;
        let runtime = load::runtime(&self.sandbox.flavour()?)?;
        let mut py = start(&self.sandbox, &runtime)?;
        let mut prompt = Prompt::new()?;
        let interrupts =
            Interrupts::listen(LastResort::Cancel).context("Ctrl-C cannot be listened for")?;
        prompt.greet(&mut py);
        let mut number = 0_u64;
        while let Some(statement) = prompt.statement(&mut py)? {
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
                return Ok(ending.status);
            }
            if py.is_poisoned() {
                say("what the session held is lost; a new session begins");
                drop(py); // The runtime has room for one.
                py = start(&self.sandbox, &runtime)?;
            }
        }
        finish(&mut py, &interrupts);
        Ok(Status::SUCCESS)
    }
}

fn start(sandbox: &Sandbox, runtime: &Runtime) -> ophidia::Result<Interpreter> {
    let streams = Streams {
        stdin: Some(Input::inherit()),
        stdout: Some(Output::inherit_stdout()),
        stderr: Some(Output::inherit_stderr()),
    };
    let mut py = runtime.start_with(&sandbox.builder().build()?, streams)?;
    py.prepend_path("")?;
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
