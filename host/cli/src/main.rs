//! The `ophidia` command: parses its arguments, runs, ends with a status.

mod add;
mod app;
mod bindgen;
mod bounds;
mod bytecode;
mod doctor;
mod ending;
mod flavour;
mod guest;
mod hints;
mod image;
mod interrupt;
mod load;
mod map;
mod module;
mod network;
mod node;
mod options;
mod origin;
mod packages;
mod policy;
mod program;
mod progress;
mod repl;
mod run;
mod sandbox;
mod show;
mod state;
mod status;
mod tasks;
mod trees;
mod values;
mod wide;

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};
use ending::Ending;
use progress::say;
use status::Status;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::sync::LazyLock;
use std::thread::JoinHandle;

/// Of the command, and of the guest that it looks for.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let ophidia::Version { ophidia, python, numpy, .. } = ophidia::version();
    format!("{ophidia} (CPython {python}, numpy {numpy})")
});

/// Run Python programs in a sandbox
///
/// CPython 3.14, compiled to WebAssembly: a program reads the folder that it is in, and nothing else
/// unless it is granted. Without a subcommand: an interactive session on a terminal, else the
/// program on standard input.
#[derive(Debug, Parser)]
#[command(name = "ophidia", version = VERSION.as_str(), after_help = help(EXAMPLES))]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Run>),
    Map(Box<map::Map>),
    Add(add::Add),
    Tasks(Box<tasks::Tasks>),
    Node(Box<node::Node>),
    Repl(Box<repl::Repl>),
    #[command(subcommand)]
    Guest(guest::Guest),
    #[command(subcommand)]
    Image(image::Image),
    #[command(subcommand)]
    State(state::State),
    Doctor(doctor::Doctor),
    Bindgen(Box<bindgen::Bindgen>),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
}

const EXAMPLES: &str = "\
Examples:
  ophidia run hello.py                          a script and its exit status
  ophidia run -c 'print(6 * 7)'                 a line of code
  generate | ophidia run count.py -v            a pipe, and an argument of the script's own
  ophidia run --dir out:rw report.py            it may write into the folder out
  ophidia run --timeout 2s --memory 64MiB x.py  and no more than that
  ophidia map count.py data/*.txt               an interpreter for each file, results as JSON
  ophidia add jinja2                            a package, into the folder ophidia-site
  ophidia                                       try things out; Ctrl-D leaves";

/// Examples and the table of exit statuses, for the end of `--help`.
fn help(examples: &str) -> String {
    format!("{examples}\n\n{}", status::TABLE)
}

/// A command line that cannot be carried out: what of it, and what to change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(String);

fn main() {
    let thread = std::thread::Builder::new().stack_size(load::THREAD_STACK);
    let status = match thread.spawn(|| run(std::env::args_os())).map(JoinHandle::join) {
        Ok(Ok(status)) => status,
        Ok(Err(_)) => Status::FAILURE, // a panic, which has been told
        Err(error) => {
            say(&format!("no thread for the program: {error}"));
            Status::FAILURE
        }
    };
    // Everything is flushed by now; tearing down the engine would only cost time.
    std::process::exit(status.code());
}

/// Runs the command and gives what the process ends with.
fn run(args: impl Iterator<Item = OsString>) -> Status {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    let done = match cli.command {
        Some(Command::Run(run)) => run.run(),
        Some(Command::Map(map)) => map.run(),
        Some(Command::Add(add)) => add.run(),
        Some(Command::Tasks(tasks)) => tasks.run(),
        Some(Command::Node(node)) => node.run(),
        Some(Command::Repl(repl)) => repl.run(),
        Some(Command::Guest(guest)) => guest.run(),
        Some(Command::Image(image)) => image.run(),
        Some(Command::State(state)) => state.run(),
        Some(Command::Doctor(doctor)) => doctor.run(),
        Some(Command::Bindgen(bindgen)) => bindgen.run(),
        Some(Command::Policy(policy)) => policy.run(),
        None if std::io::stdin().is_terminal() => values::unset::<repl::Repl>().run(),
        None => run::run_stdin(),
    };
    done.unwrap_or_else(|error| match error.downcast_ref::<ophidia::Error>() {
        Some(failed) => {
            let ending = Ending::failed(failed);
            ending.show();
            ending.status
        }
        None => {
            say(&format!("{error:#}"));
            if error.is::<Usage>() { Status::USAGE } else { Status::FAILURE }
        }
    })
}

/// Shows what clap has to say: help and version are asked for, anything else is refused.
fn refused(error: &clap::Error) -> Status {
    if !error.use_stderr() {
        let _ = error.print();
        return Status::SUCCESS;
    }
    let text = error.render().to_string();
    let mut text = text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned();
    if let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand)
        && std::path::Path::new(name).extension().is_some()
    {
        text = format!("{name} is no subcommand: to run a script, say `ophidia run {name}`");
    }
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && ["-c", "-m"].contains(&&**option)
    {
        text = format!("{option} is an option of run: say `ophidia run {option} ...`");
    }
    say(&text);
    Status::USAGE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    /// No two options of a command have one name, among others that a release build does not look at.
    #[test]
    fn the_options_fit_together() {
        super::Cli::command().debug_assert();
    }
}
