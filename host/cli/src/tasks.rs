//! `ophidia tasks`: an app of tasklets in several interpreters of one process, watched.

mod trace;
mod view;

use crate::app::{self, App, Asked, Ended};
use crate::progress::say;
use crate::status::Status;
use anyhow::Context as _;
use ophidia::{DomainInfo, Group};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};
pub(crate) use trace::Trace;
use view::View;

/// Run an app of tasklets in several interpreters, and watch it
///
/// The program runs in each interpreter, for its functions; its main tasklet, which is what it gives to `ophidia.tasklets.run`, in
/// the first. Tasklets spawn others in any of them, send them messages, link and monitor: `await spawn_on(function)`. On a terminal
/// there is a view of interpreters and of the busiest tasklets, elsewhere a line every few seconds, both on standard error.
#[derive(clap::Args, Debug)]
#[command(override_usage = "ophidia tasks [OPTIONS] APP [ARGS]...", after_help = HELP)]
pub(crate) struct Tasks {
    /// Print a line of JSON at the end, on standard output
    ///
    /// Fields: status (ok, exception, interrupted, failed), exit_code, reason, duration_ms, ended (interpreters that have ended
    /// before), and domains: domain, alive, spawned, ended, sent, received, restarts, memory_bytes of each.
    #[arg(long)]
    json: bool,

    /// Write what happens to tasklets into this file, in lines of JSON
    ///
    /// Fields: ns since the interpreter began, event (spawn, send, receive, exit), pid; by and function of a spawn, to of
    /// a send, waiting of a receive, reason of an exit. What brings something about comes before it.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,

    /// Show nothing of it while it runs
    #[arg(long)]
    quiet: bool,

    #[command(flatten)]
    app: App,
}

const HELP: &str = "\
Examples:
  ophidia tasks --domains 4 app.py            four interpreters, each with a GIL of its own
  ophidia tasks app.py 1000 --json | jq .     what follows the program is its own
  ophidia tasks --trace trace.jsonl app.py    who was spawned, sent, received, ended
Ctrl-C tells the main tasklet to end, by the exit signal \"shutdown\", and ends all after five seconds; a second one ends
the process.

Exit statuses:
  0    the main tasklet has ended, with \"normal\"
  1    it has ended with another reason, which is said
  2    the command cannot be carried out as given
  126  its interpreter has ended, or the host failed
  130  interrupted with Ctrl-C or SIGTERM";

/// How long an interpreter has to say how it is.
const PATIENCE: Duration = Duration::from_millis(500);

/// Tasklets that are shown of each.
const SHOWN: u32 = 8;

/// The line of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    status: &'static str,
    exit_code: i32,
    reason: &'a str,
    duration_ms: f64,
    ended: usize,
    domains: Vec<DomainReport>,
}

#[derive(Serialize)]
struct DomainReport {
    domain: u64,
    alive: u64,
    spawned: u64,
    ended: u64,
    sent: u64,
    received: u64,
    restarts: u64,
    memory_bytes: u64,
}

impl From<&DomainInfo> for DomainReport {
    fn from(info: &DomainInfo) -> Self {
        Self {
            domain: info.domain,
            alive: info.alive,
            spawned: info.spawned,
            ended: info.ended,
            sent: info.sent,
            received: info.received,
            restarts: info.restarts,
            memory_bytes: info.memory,
        }
    }
}

impl Tasks {
    /// Runs it.
    pub(crate) fn run(self) -> anyhow::Result<Status> {
        let asked = Asked::listen()?;
        let trace = self.trace.as_deref().map(Trace::create).transpose()?;
        let began = Instant::now();
        let group = self.app.start(trace.clone())?;
        let mut view = View::new(self.quiet);
        let (ended, domains, gone) = app::block_on(async {
            let mut said = Vec::new();
            let ended = watched(&group, &asked, &mut view, &mut said).await?;
            // What they have done in all, before they end.
            let domains = looks(&group).await;
            anyhow::Ok((ended, domains, app::say_ends(&group, &mut said)))
        })??;
        view.end();
        drop(group);
        ended.show();
        let mut status = ended.status;
        if let Some(trace) = trace {
            trace.finish().context("the trace cannot be written")?;
        }
        if self.json {
            let report = Report {
                status: match status {
                    Status::SUCCESS => "ok",
                    Status::EXCEPTION => "exception",
                    Status::INTERRUPTED => "interrupted",
                    _ => "failed",
                },
                exit_code: status.code(),
                reason: &ended.reason,
                duration_ms: began.elapsed().as_secs_f64() * 1e3,
                ended: gone,
                domains: domains.iter().map(DomainReport::from).collect(),
            };
            status = print(&serde_json::to_string(&report)?, status);
        }
        Ok(status)
    }
}

/// Prints the report; that nobody reads it any more is no failure.
fn print(report: &str, status: Status) -> Status {
    use std::io::Write as _;
    match writeln!(std::io::stdout(), "{report}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(&format!("the report cannot be written: {error}"));
            Status::UNFLUSHED
        }
        _ => status,
    }
}

/// Until main has ended, or it is asked to end.
async fn watched(
    group: &Group,
    asked: &Asked,
    view: &mut View,
    said: &mut Vec<u64>,
) -> anyhow::Result<Ended> {
    let mut mailbox = group.mailbox();
    let main = match app::begin(group, &mut mailbox).await? {
        Ok(main) => main,
        Err(failed) => return Ok(failed.into()),
    };
    let ended = app::wait(Some(main), &mut mailbox, asked, async || {
        app::say_ends(group, said);
        if view.is_due() {
            view.show(&looks(group).await);
        }
    });
    Ok(ended.await)
}

/// What each interpreter says of itself, of those that do in time.
async fn looks(group: &Group) -> Vec<DomainInfo> {
    let (mut all, until) = (Vec::new(), Instant::now() + PATIENCE);
    for domain in group.domains() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        if let Ok(info) = group.info(domain, SHOWN, left).await {
            all.push(info);
        }
    }
    all
}
