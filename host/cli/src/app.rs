//! Apps of tasklets: a program that runs in several interpreters, and what its main tasklet has come to.

use crate::ending::Ending;
use crate::options::PythonOptions;
use crate::program::Program;
use crate::progress::say;
use crate::sandbox::Sandbox;
use crate::status::Status;
use crate::tasks::Trace;
use crate::{Usage, load, run};
use anyhow::Context as _;
use ophidia::{Error, Group, Mailbox, OutputKind, Pid, Pool, Value};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long an app has to end once it was told to.
const GRACE: Duration = Duration::from_secs(5);

/// Interpreters that one process may have of an app.
const MOST_DOMAINS: u32 = 1_000;

/// The options, and the program.
#[derive(clap::Args, Debug)]
pub(crate) struct App {
    /// Interpreters that it runs in, each with a GIL of its own [default: one a processor]
    #[arg(short, long, value_name = "N", value_parser = domains)]
    domains: Option<u32>,

    /// Let tasklets spawn functions that have no name, such as those inside of functions: their source text goes from one
    /// interpreter to another
    #[arg(long)]
    trusted: bool,

    #[command(flatten)]
    sandbox: Sandbox,

    #[command(flatten)]
    python: PythonOptions,

    /// The program, and its arguments
    #[arg(value_names = ["APP", "ARGS"], trailing_var_arg = true, required = true)]
    program: Vec<OsString>,
}

fn domains(text: &str) -> Result<u32, String> {
    let domains = text.parse().ok().filter(|count| (1..=MOST_DOMAINS).contains(count));
    domains.ok_or_else(|| format!("give a number from 1 to {MOST_DOMAINS}"))
}

/// How an app has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Status,
    /// In a word, or as an exception.
    pub(crate) reason: String,
    /// Before its main tasklet began.
    failed: Option<Box<Ending>>,
}

impl From<Box<Ending>> for Ended {
    fn from(failed: Box<Ending>) -> Self {
        let reason = failed.reason();
        Self { status: failed.status, reason, failed: Some(failed) }
    }
}

impl App {
    /// Begins to run it.
    pub(crate) fn start(mut self, trace: Option<Trace>) -> anyhow::Result<Group> {
        self.sandbox.settle()?;
        let argv: Vec<String> = self.program.drain(..).map(run::utf8).collect::<Result<_, _>>()?;
        let name = argv.first().map(String::as_str).unwrap_or_default();
        if name == "-" {
            return Err(Usage("an app cannot be standard input: name a file".into()).into());
        }
        let program = Program::file(name, &mut self.sandbox)?;
        let paths = self.python.with_environment(self.sandbox.variables());
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let count = self
            .domains
            .unwrap_or_else(|| u32::try_from(processors).unwrap_or(1).min(MOST_DOMAINS));
        let runtime = load::runtime_for(&self.sandbox.flavour()?, count)?;
        load::with_bytecode(&runtime, &mut self.sandbox);
        let sandbox = self.sandbox.builder().args(argv);
        let sandbox = sandbox.stdout(OutputKind::Inherit).stderr(OutputKind::Inherit).build();
        let sandbox = self.sandbox.in_policy(sandbox)?;
        let count = usize::try_from(count)?;
        let pool =
            Pool::builder(runtime).sandbox(sandbox).workers(processors.min(count)).build()?;
        let (options, python) = (self.sandbox, self.python);
        let mut group = Group::builder(&pool).domains(count).trusted(self.trusted);
        if let Some(trace) = trace {
            group = group.trace(move |lines| trace.write(lines));
        }
        let group = group.setup(move |py| {
            let refused = |refused: Usage| Error::Host(refused.to_string().into());
            run::set(py, &options, &python, &paths)?.map_err(refused)?;
            program.run(py)
        });
        Ok(group.build()?)
    }
}

/// Spawns the main tasklet.
///
/// # Errors
///
/// The program has none, or it cannot be spawned. Where the program has failed before, how.
pub(crate) async fn begin(
    group: &Group,
    mailbox: &mut Mailbox,
) -> anyhow::Result<Result<Pid, Box<Ending>>> {
    match group.start_main(mailbox).await {
        Ok(Some(main)) => Ok(Ok(main)),
        Ok(None) => {
            let reason = "the program has no main tasklet: it gives none to ophidia.tasklets.run()";
            Err(Usage(reason.into()).into())
        }
        // The interpreter itself says more.
        Err(error) => match group.errors().into_iter().next() {
            Some((_, first)) => Ok(Err(Box::new(Ending::of(Err(first), false)))),
            None => Err(error.into()),
        },
    }
}

/// What asks for the end: Ctrl-C and SIGTERM; the second ends the process.
pub(crate) struct Asked(Arc<AtomicBool>);

impl Asked {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let status = Status::INTERRUPTED.code();
            signal_hook::flag::register_conditional_shutdown(signal, status, Arc::clone(&asked))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&asked)))
                .context("Ctrl-C cannot be listened for")?;
        }
        Ok(Self(asked))
    }

    /// What else asks for it.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits for the end of a main tasklet, and does something else meanwhile, ten times a second.
pub(crate) async fn wait(
    main: Option<Pid>,
    mailbox: &mut Mailbox,
    asked: &Asked,
    mut meanwhile: impl AsyncFnMut(),
) -> Ended {
    let mut until = None::<Instant>;
    loop {
        if let Ok(message) = timeout(Duration::from_millis(100), mailbox.receive()).await
            && let Some(ended) = main.and_then(|main| end_of(main, &message, until.is_some()))
        {
            return ended;
        }
        if asked.is_over() && until.is_none() {
            until = Some(Instant::now() + GRACE);
            if let Some(main) = main {
                let _ = mailbox.exit(main, "shutdown");
            }
        }
        if until.is_some_and(|until| main.is_none() || until <= Instant::now()) {
            return Ended::new(Status::INTERRUPTED, "interrupted".into());
        }
        meanwhile().await;
    }
}

/// What a message says of the end of main, if it does.
fn end_of(main: Pid, message: &Value, asked: bool) -> Option<Ended> {
    let Value::Tuple(parts) = message else { return None };
    match &**parts {
        [Value::Str(word), Value::Pid(pid), reason]
        | [Value::Str(word), _, Value::Pid(pid), reason]
            if ["EXIT", "DOWN"].contains(&&**word) && *pid == main =>
        {
            let reason = shown(reason);
            let status = match &*reason {
                _ if asked => Status::INTERRUPTED,
                "normal" => Status::SUCCESS,
                _ => Status::EXCEPTION,
            };
            Some(Ended::new(status, reason))
        }
        [Value::Str(word), _, Value::Pid(pid), _]
            if word == "DOWN" && pid.domain == main.domain =>
        {
            Some(Ended::new(Status::FAILURE, "its interpreter has ended".into()))
        }
        _ => None,
    }
}

/// A reason as a text: of an exception its traceback, too.
fn shown(reason: &Value) -> String {
    if let Value::Str(text) = reason {
        return text.to_string();
    }
    if let Value::Tuple(parts) = reason
        && let [Value::Str(kind), Value::Str(text), Value::Tuple(frames)] = &**parts
    {
        let mut said = String::from("Traceback (most recent call last):\n");
        for frame in frames {
            if let Value::Tuple(frame) = frame
                && let [Value::Str(file), line, Value::Str(name)] = &**frame
            {
                let _ = writeln!(said, "  File \"{file}\", line {line}, in {name}");
            }
        }
        let colon = if text.is_empty() { "" } else { ": " };
        let _ = write!(said, "{kind}{colon}{text}");
        return said;
    }
    reason.to_string()
}

impl Ended {
    fn new(status: Status, reason: String) -> Self {
        Self { status, reason, failed: None }
    }

    /// Says it on standard error, where it is no good end.
    pub(crate) fn show(&self) {
        match (&self.failed, self.status) {
            (Some(failed), _) => failed.show(),
            (None, Status::SUCCESS) => {}
            (None, Status::INTERRUPTED) => say("interrupted"),
            _ => say(&format!("the main tasklet has ended: {}", self.reason)),
        }
    }
}

/// Says which interpreters have ended since, and why; gives how many there are.
pub(crate) fn say_ends(group: &Group, said: &mut Vec<u64>) -> usize {
    for (domain, error) in group.errors() {
        if !said.contains(&domain) {
            said.push(domain);
            say(&format!("an interpreter has ended: {error}"));
        }
    }
    said.len()
}

/// A runtime for futures.
pub(crate) fn block_on<F: Future>(future: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    Ok(runtime.context("no event loop")?.block_on(future))
}
