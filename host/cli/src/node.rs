//! `ophidia node`: an app of tasklets as one of several nodes, over NATS.

use crate::Usage;
use crate::app::{self, App, Asked, Ended};
use crate::progress::say;
use crate::status::Status;
use ophidia::{Group, Nats, Node as Joined, NodeEvent, PeerInfo};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Run an app of tasklets as one node of several
///
/// Nodes of a group find each other through a NATS server, on this machine or another. Each runs the same program, in interpreters of its own;
/// tasklets send each other messages, spawn, link and monitor across all of them: `await spawn_on("node-b", function)`. One of
/// them, or several, run the program's main tasklet, which is what it gives to `ophidia.tasklets.run`: with --main.
#[derive(clap::Args, Debug)]
#[command(override_usage = USAGE, after_help = HELP)]
pub(crate) struct Node {
    /// The servers: nats://HOST:PORT or tls://HOST:PORT, several of one cluster with commas in between
    #[arg(long, value_name = "URL", help_heading = NATS)]
    nats: String,

    /// The group of nodes, within the server
    #[arg(long, value_name = "NAME", help_heading = NATS)]
    group: String,

    /// What this node is called: no other one of the group has the name
    #[arg(long, value_name = "NAME", help_heading = NATS)]
    name: String,

    /// A user of the server, whose password the variable NATS_PASSWORD has
    #[arg(long, value_name = "NAME", help_heading = NATS)]
    user: Option<String>,

    /// A user's credentials, as the server's administrator gives them
    #[arg(long, value_name = "FILE", help_heading = NATS)]
    creds: Option<PathBuf>,

    /// Certificates, in PEM, by which the server's own is checked, beside the system's
    #[arg(long, value_name = "FILE", help_heading = NATS)]
    tls_ca: Option<PathBuf>,

    /// The certificate, in PEM, by which the server knows this node
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = NATS)]
    tls_cert: Option<PathBuf>,

    /// Its key
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = NATS)]
    tls_key: Option<PathBuf>,

    /// Let messages go in clear text to a server on another machine
    #[arg(long, help_heading = NATS)]
    clear_text: bool,

    /// A node of which nothing is heard for so long is lost
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration, help_heading = NATS)]
    lost_after: Duration,

    /// Wait for so many nodes, this one included, before the main tasklet starts
    #[arg(long, value_name = "N", default_value_t = 1)]
    nodes: usize,

    /// Run the program's main tasklet, and end with it
    #[arg(long)]
    main: bool,

    #[command(flatten)]
    app: App,
}

const NATS: &str = "Where the other nodes are";

const USAGE: &str = "ophidia node --nats URL --group NAME --name NAME [OPTIONS] APP [ARGS]...";

const HELP: &str = "\
Examples, in three terminals, beside a `nats-server -a 127.0.0.1`:
  ophidia node --nats nats://127.0.0.1 --group demo --name node-b app.py
  ophidia node --nats nats://127.0.0.1 --group demo --name node-c app.py
  ophidia node --nats nats://127.0.0.1 --group demo --name node-a --nodes 3 --main app.py

What happens among the nodes is said on standard error.

Exit statuses:
  0    the main tasklet has ended, with \"normal\"
  1    it has ended with another reason, which is said
  2    the command cannot be carried out as given
  126  its interpreter has ended, or the host failed; there is no connection; the name is taken
  130  interrupted with Ctrl-C or SIGTERM: main is told to end, and then the node leaves";

impl Node {
    /// Runs it.
    pub(crate) fn run(self) -> anyhow::Result<Status> {
        let mut nats = Nats::builder(self.nats, self.group).clear_text(self.clear_text);
        if let Some(user) = self.user {
            let password = std::env::var("NATS_PASSWORD").map_err(|_| {
                Usage(format!("--user {user}: set NATS_PASSWORD to the user's password"))
            })?;
            nats = nats.user(user, password);
        }
        if let Some(file) = self.creds {
            nats = nats.credentials(file);
        }
        if let Some(file) = self.tls_ca {
            nats = nats.authorities(file);
        }
        if let (Some(certificate), Some(key)) = (self.tls_cert, self.tls_key) {
            nats = nats.certificate(certificate, key);
        }
        let (asked, replaced) = (Asked::listen()?, Arc::new(AtomicBool::new(false)));
        let node = Joined::builder(&self.name).lost_after(self.lost_after).on_event({
            let (asked, replaced) = (asked.flag(), Arc::clone(&replaced));
            move |event| {
                say(&event.to_string());
                if *event == NodeEvent::Replaced {
                    replaced.store(true, Ordering::Relaxed);
                    asked.store(true, Ordering::Relaxed);
                }
            }
        });
        let (app, name, is_main, nodes) = (self.app, self.name, self.main, self.nodes);
        let ended = app::block_on(async {
            // The server first: it says soonest that something is wrong.
            let nats = nats.connect().await?;
            let group = app.start(None)?;
            let node = node.join(&group, nats).await?;
            say(&format!("{name} has joined"));
            let ended = serve(&group, &node, &asked, is_main, nodes).await?;
            anyhow::Ok(ended)
        })??;
        if replaced.load(Ordering::Relaxed) {
            return Ok(Status::FAILURE);
        }
        ended.show();
        Ok(ended.status)
    }
}

/// Until main has ended, or it is asked to end.
async fn serve(
    group: &Group,
    node: &Joined,
    asked: &Asked,
    is_main: bool,
    nodes: usize,
) -> anyhow::Result<Ended> {
    let mut mailbox = group.mailbox();
    let mut said = Vec::new();
    let mut main = None;
    if is_main {
        let there = || 1 + node.peers().iter().filter(|peer| peer.is_there).count();
        while there() < nodes && !asked.is_over() {
            app::say_ends(group, &mut said);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        main = match app::begin(group, &mut mailbox).await? {
            Ok(main) => Some(main),
            Err(failed) => return Ok(failed.into()),
        };
    }
    let ended = app::wait(main, &mut mailbox, asked, async || {
        app::say_ends(group, &mut said);
    });
    let ended = ended.await;
    for peer in node.peers() {
        if let Some(text) = missing(&peer) {
            say(&text);
        }
    }
    Ok(ended)
}

/// Messages to another node that were not brought, in words.
fn missing(peer: &PeerInfo) -> Option<String> {
    let (name, messages) = (&peer.name, peer.messages);
    let (refused, lost) = (messages.refused, messages.lost);
    (refused + lost > 0).then(|| {
        format!(
            "{} messages to {name}: {} brought, {refused} refused, {lost} lost with a connection",
            messages.sent, messages.delivered
        )
    })
}
