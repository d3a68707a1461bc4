//! `Node`: a group that has met others like it, in other processes and on other machines.

use super::event::NodeEvent;
use super::group::{Group, Shared};
use super::link::Tally;
use super::membership::{MOST_NAME, Membership, is_name};
use super::peers::{Alarm, Peer};
use super::transport::Transport;
use crate::error::{Error, Result};
use crate::sandbox::wasi::Watched;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Nothing heard of a node for so long, and it is lost.
const LOST_AFTER: Duration = Duration::from_secs(5);

/// How long a node that joins listens for others before it takes its name.
const LISTENS: Duration = Duration::from_millis(250);

/// How long a node that leaves waits until that is said.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a [`Node`] is made.
pub struct NodeBuilder {
    name: String,
    lost_after: Duration,
    on_event: Box<dyn Fn(&NodeEvent) + Send + Sync>,
}

impl std::fmt::Debug for NodeBuilder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = out.debug_struct("NodeBuilder");
        out.field("name", &self.name).field("lost_after", &self.lost_after).finish_non_exhaustive()
    }
}

impl NodeBuilder {
    /// How long nothing may be heard of another node before it is lost; five seconds by default, a tenth of a second at least.
    /// All nodes of a group should have the same.
    #[must_use]
    pub fn lost_after(mut self, time: Duration) -> Self {
        self.lost_after = time.max(Duration::from_millis(100));
        self
    }

    /// Is told what happens among the nodes. It should not take long, since messages wait for it, and must neither panic nor
    /// ask the node for anything.
    #[must_use]
    pub fn on_event(mut self, listener: impl Fn(&NodeEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Box::new(listener);
        self
    }

    /// Makes the group a node among those that the transport reaches.
    ///
    /// # Errors
    ///
    /// [`Error::Host`] for a name that is none, or that another node has; where the group is a node already; and what the
    /// transport says.
    pub async fn join(self, group: &Group, transport: impl Transport) -> Result<Node> {
        let Self { name, lost_after, on_event } = self;
        if !is_name(&name) {
            return Err(Error::host(format!(
                "a node cannot be called {name:.100?}: a name has 1 to {MOST_NAME} letters, digits, - and _"
            )));
        }
        let shared = Arc::clone(group.shared());
        let (router, transport) = (Arc::clone(&shared.router), Arc::new(transport));
        let alarm = Arc::new(Alarm::default());
        if !router.peers.join(&name, Arc::clone(&transport) as _, Arc::clone(&alarm)) {
            return Err(Error::host("the group is a node already, or was one: build another"));
        }
        let core = Membership::new(name, router, transport, alarm, lost_after, on_event);
        let core = Arc::new(core);
        let mut node = Node { core: Arc::clone(&core), shared, ticks: None };
        core.ask()?;
        let until = Instant::now() + LISTENS;
        let waits = Watched { fds: Vec::new(), until: None };
        let mut waiting = node.shared.reactor.wait(waits, Some(until))?;
        std::future::poll_fn(|context| waiting.poll(context)).await;
        if !core.take_name() {
            return Err(Error::host(format!(
                "a node called {} is in the group already: give this one another name",
                core.name
            )));
        }
        let ticking = Arc::clone(&core);
        let ticks = std::thread::Builder::new().name("ophidia-node".into());
        let ticks = ticks.spawn(move || ticking.run());
        let failed = |error| Error::host(format!("no thread for a node: {error}")).because(error);
        node.ticks = Some(ticks.map_err(failed)?);
        Ok(node)
    }
}

/// A group as one of several nodes: pids of each work in all, and what holds between domains holds between nodes.
///
/// Order is kept between any two tasklets, and a message comes once or not at all. A node of which nothing is heard for
/// [`lost_after`](NodeBuilder::lost_after) is lost: those here who are linked to its tasklets, monitor or call them are told
/// "noconnection". It may be alive all the same; when it is heard of again, the two begin anew, and messages go
/// again. Messages that were on their way when a connection was lost were brought once or not at all: [`Tally::lost`] counts
/// them. A node that is started again has another number, and pids of its former life name nobody.
///
/// It leaves when it is dropped, or with its process: then at once, or once it is missed.
///
/// ```
/// use ophidia::{Group, Node, Pool, Runtime, Simulated};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> ophidia::Result<()> {
/// let pool = Pool::builder(Runtime::ambient()?).workers(2).build()?;
/// let code = "from ophidia.tasklets import Server\n\
///             class Echo(Server):\n    async def handle_call(self, request): return request";
/// let network = Simulated::new(1);
/// let group = |domains| Group::builder(&pool).domains(domains).code(code).build();
/// let (one, other) = (group(1)?, group(0)?);
/// let _one = Node::builder("node-a").join(&one, network.transport()).await?;
/// let node = Node::builder("node-b").join(&other, network.transport()).await?;
/// let there = node.number_of("node-a").expect("it is there");
/// let echo = other.spawn_on(there, "Echo", ()).await?;
/// let mut me = other.mailbox();
/// assert_eq!(me.call::<String>(echo, "hello", std::time::Duration::from_secs(5)).await?, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Node {
    core: Arc<Membership>,
    shared: Arc<Shared>,
    ticks: Option<JoinHandle<()>>,
}

/// What is known of another node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerInfo {
    /// What it is called.
    pub name: String,
    /// Its number, which is that of its life.
    pub number: u64,
    /// Whether it is there; else it is lost.
    pub is_there: bool,
    /// How long ago it was heard of.
    pub heard: Duration,
    /// Its domains, each with how many tasklets live there.
    pub domains: Vec<(u64, u64)>,
    /// What has become of messages to it.
    pub messages: Tally,
}

impl Node {
    /// Starts to configure a node of that name: 1 to 64 letters, digits, `-` and `_`, which no other one of the group has.
    #[must_use]
    pub fn builder(name: impl Into<String>) -> NodeBuilder {
        NodeBuilder { name: name.into(), lost_after: LOST_AFTER, on_event: Box::new(|_| ()) }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// Its number: that of this life.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.core.router.number()
    }

    /// The number of the node that is called so, if it is there. To [spawn there](Group::spawn_on) is to spawn in the domain
    /// that has the fewest tasklets.
    #[must_use]
    pub fn number_of(&self, name: &str) -> Option<u64> {
        if name == self.core.name {
            return Some(self.number());
        }
        self.core.router.peers.there().iter().find(|peer| peer.name == name).map(|peer| peer.number)
    }

    /// The others, those included that were lost.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        let info = |peer: Arc<Peer>| {
            let (messages, heard) = peer.seen();
            PeerInfo {
                name: peer.name.clone(),
                number: peer.number,
                is_there: !peer.is_lost(),
                heard: heard.elapsed(),
                domains: peer.domains.lock().clone(),
                messages,
            }
        };
        // Whom this names, tasklets here can name, too.
        let _turn = self.core.turn.lock();
        self.core.router.peers.all().into_iter().map(info).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let core = &self.core;
        core.end();
        if let Some(ticks) = self.ticks.take() {
            let _ = ticks.join();
        }
        core.leave();
        core.wait(GOODBYE);
    }
}
