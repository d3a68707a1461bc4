//! `Node`: a group that has met others like it, in other processes and on other machines.

use super::event::NodeEvent;
use super::frame::node_of;
use super::group::{Group, Shared};
use super::hello::Hello;
use super::link::Tally;
use super::packet::{Head, Kind};
use super::peers::{Alarm, Peer};
use super::router::{Router, Source};
use super::transport::{Listener, To, Transport};
use crate::error::{Error, Result};
use crate::sandbox::wasi::Watched;
use parking_lot::Mutex;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Nothing heard of a node for so long, and it is lost.
const LOST_AFTER: Duration = Duration::from_secs(5);

/// How long a node that joins listens for others before it takes its name.
const LISTENS: Duration = Duration::from_millis(250);

/// What has come waits so long before it is said that it has.
const SAID_WITHIN: Duration = Duration::from_millis(10);

/// How long a node that leaves waits until that is said.
const GOODBYE: Duration = Duration::from_secs(1);

/// Characters of a name.
const MOST_NAME: usize = 64;

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
            return Err(Error::Host(format!(
                "a node cannot be called {name:.100?}: a name has 1 to {MOST_NAME} letters, digits, - and _"
            )));
        }
        let shared = Arc::clone(group.shared());
        let (router, transport) = (Arc::clone(&shared.router), Arc::new(transport));
        let alarm = Arc::new(Alarm::default());
        if !router.peers.join(&name, Arc::clone(&transport) as _, Arc::clone(&alarm)) {
            return Err(Error::Host(
                "the group is a node already, or was one: build another".into(),
            ));
        }
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX) & (u64::MAX >> 1);
        let state = Mutex::new(State::Joins);
        let turn = Mutex::default();
        let core =
            Core { name, since, router, transport, alarm, lost_after, on_event, state, turn };
        let core = Arc::new(core);
        let mut node = Node { core: Arc::clone(&core), shared, ticks: None };
        let takes_any = !core.router.domains().is_empty();
        core.transport.listen(&core.name, takes_any, Arc::clone(&core) as _)?;
        core.greet(Kind::Asks);
        let until = Instant::now() + LISTENS;
        let waits = Watched { fds: Vec::new(), until: None };
        let mut waiting = node.shared.reactor.wait(waits, Some(until))?;
        std::future::poll_fn(|context| waiting.poll(context)).await;
        let rival = {
            let mut state = core.state.lock();
            let is_taken = *state == State::Replaced;
            if !is_taken {
                *state = State::Joined;
            }
            is_taken
        };
        if rival {
            return Err(Error::Host(format!(
                "a node called {} is in the group already: give this one another name",
                core.name
            )));
        }
        core.router.peers.note_joined();
        core.router.introduce();
        let ticking = Arc::clone(&core);
        let ticks = std::thread::Builder::new().name("ophidia-node".into());
        let ticks = ticks.spawn(move || ticking.run());
        let failed = |error| Error::Host(format!("no thread for a node: {error}"));
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
    core: Arc<Core>,
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
        core.alarm.end();
        if let Some(ticks) = self.ticks.take() {
            let _ = ticks.join();
        }
        core.leave();
        core.transport.closed(GOODBYE);
    }
}

fn is_name(name: &str) -> bool {
    (1..=MOST_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Joins,
    Joined,
    /// Another one has the name.
    Replaced,
}

struct Core {
    name: String,
    /// When it has joined, in milliseconds since 1970.
    since: u64,
    router: Arc<Router>,
    transport: Arc<dyn Transport>,
    alarm: Arc<Alarm>,
    lost_after: Duration,
    on_event: Box<dyn Fn(&NodeEvent) + Send + Sync>,
    state: Mutex<State>,
    /// One thing at a time: what is heard, and what is missed.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = out.debug_struct("Core");
        out.field("name", &self.name).field("router", &self.router).finish_non_exhaustive()
    }
}

impl Core {
    /// Does what is due, until the end.
    fn run(&self) {
        let every = self.lost_after / 5;
        let mut next = Instant::now();
        while self.alarm.wait(next) {
            let now = Instant::now();
            if now >= next {
                self.greet(Kind::Hello);
                self.router.peers.there().iter().for_each(|peer| peer.remind());
                next = now + every;
            }
            for peer in self.router.peers.there() {
                let _turn = self.turn.lock();
                if peer.tick(self.lost_after) {
                    self.lost(&peer, |name| NodeEvent::Lost { name });
                }
            }
            for question in self.router.peers.unanswered() {
                self.router.place_at(self.router.least_busy(), &question);
            }
            if !self.alarm.pause(SAID_WITHIN) {
                break;
            }
        }
    }

    fn head(&self, kind: Kind) -> Head {
        Head::new(kind, self.router.number(), 0)
    }

    fn hello(&self) -> Vec<u8> {
        let peers = self.router.peers.all();
        let epochs = peers.iter().map(|peer| (peer.number, peer.epoch())).collect();
        Hello { since: self.since, domains: self.router.loads(), epochs }.write()
    }

    /// Says to all that this node is here.
    fn greet(&self, kind: Kind) {
        self.router.peers.say(To::All, &self.head(kind), &self.hello());
    }

    fn leave(&self) {
        // Behind what was sent to each before.
        self.router.peers.there().iter().for_each(|peer| peer.say(Kind::Bye, 0, &[]));
        self.transport.close();
        for peer in self.router.peers.leave() {
            self.router.forget(peer.number, true);
        }
        self.router.introduce();
    }

    /// A node is lost, or has been: those who waited for it are told.
    fn lost(&self, peer: &Peer, event: impl FnOnce(String) -> NodeEvent) {
        self.router.forget(peer.number, true);
        self.router.introduce();
        (self.on_event)(&event(peer.name.clone()));
    }

    /// Another node says that it is here.
    fn hear_hello(&self, from: &str, head: &Head, body: &[u8]) {
        let Some(mut hello) = Hello::read(body, head.from) else { return };
        let others = self.router.peers.there();
        if head.kind == Kind::Asks
            && others.iter().any(|peer| peer.name == from && peer.number != head.from)
        {
            // It may not get that name: then nothing is to change for the one that has it.
            let said = Head { to: head.from, ..self.head(Kind::Hello) };
            self.router.peers.say(To::Node(from), &said, &self.hello());
            return;
        }
        let Some((peer, is_new)) = self.router.peers.meet(from, head.from) else { return };
        // Of its former lives nothing is left.
        for former in self.router.peers.all() {
            if former.name == from && former.number != head.from && former.leave() {
                self.lost(&former, |name| NodeEvent::Lost { name });
            }
        }
        let own = hello.epochs.iter().find(|(number, _)| *number == self.router.number());
        let epoch = own.map_or(1, |(_, epoch)| *epoch);
        let said = Head { epoch, ..Head::new(Kind::Ack, head.from, self.router.number()) };
        let heard = peer.hear(&said, &[]);
        if heard.broken {
            self.lost(&peer, |name| NodeEvent::Lost { name });
        }
        let numbers = |domains: &[(u64, u64)]| -> Vec<u64> {
            domains.iter().map(|(domain, _)| *domain).collect()
        };
        let is_anew = is_new || heard.found || heard.broken;
        let mut domains = peer.domains.lock();
        if !is_anew {
            // That one is gone is told by the connection, behind what it has sent.
            let missing =
                |one: &&(u64, u64)| hello.domains.iter().all(|(domain, _)| *domain != one.0);
            let kept: Vec<_> = domains.iter().filter(missing).copied().collect();
            hello.domains.extend(kept);
            hello.domains.sort_unstable();
        }
        let before = std::mem::replace(&mut *domains, hello.domains.clone());
        drop(domains);
        if is_anew || numbers(&before) != numbers(&hello.domains) {
            self.router.introduce();
        }
        if is_anew {
            (self.on_event)(&NodeEvent::Joined { name: peer.name.clone() });
        }
        // Who has not joined yet says nothing of the kind.
        if head.kind == Kind::Asks && *self.state.lock() == State::Joined {
            peer.say(Kind::Hello, 0, &self.hello());
        }
    }

    /// Another node has the name of this one.
    fn hear_rival(&self, head: &Head, body: &[u8]) {
        let Some(hello) = Hello::read(body, head.from) else { return };
        let mut state = self.state.lock();
        let is_older = (hello.since, head.from) < (self.since, self.router.number());
        match *state {
            // A node that has joined keeps its name, unless another one has joined since, which did not hear of it.
            State::Joins if is_older || head.kind == Kind::Hello => *state = State::Replaced,
            State::Joined if head.kind == Kind::Hello && !is_older => {
                *state = State::Replaced;
                drop(state);
                (self.on_event)(&NodeEvent::Replaced);
                self.alarm.end();
                self.leave();
            }
            State::Joined => {
                drop(state);
                self.greet(Kind::Hello);
            }
            _ => {}
        }
    }

    fn hear_frames(&self, peer: &Peer, head: &Head, body: &[u8]) {
        let heard = peer.hear(head, body);
        if heard.broken {
            self.lost(peer, |name| NodeEvent::Lost { name });
        }
        if heard.broken || heard.found {
            self.router.introduce();
            (self.on_event)(&NodeEvent::Joined { name: peer.name.clone() });
        }
        let Some(frames) = heard.frames else { return };
        match self.router.route(Source::Node(peer.number), &frames) {
            Ok(routed) => peer.brought(head.epoch, routed.brought, routed.refused),
            Err(error) => {
                peer.give_up();
                let reason = error.to_string();
                self.lost(peer, |name| NodeEvent::Refused { name, reason });
            }
        }
    }

    /// Which domain takes what is to be spawned wherever: the one that a node has offered, or one of here with fewer tasklets.
    fn hear_picked(&self, number: u64, offered: Option<(u64, u64)>) {
        let Some(question) = self.router.peers.answered(number) else { return };
        let own = self.router.least_busy();
        let alive = |domain: u64| {
            self.router.loads().iter().find(|(one, _)| *one == domain).map(|(_, alive)| *alive)
        };
        let own = own.and_then(|domain| Some((domain, alive(domain)?)));
        let best = [own, offered].into_iter().flatten().min_by_key(|(_, alive)| *alive);
        self.router.place_at(best.map(|(domain, _)| domain), &question);
    }

    /// The domain with the fewest tasklets here, and how many these are.
    fn offer(&self) -> Option<(u64, u64)> {
        let domain = self.router.least_busy()?;
        self.router.loads().into_iter().find(|(one, _)| *one == domain)
    }
}

impl Listener for Core {
    fn hear(&self, from: &str, packet: &[u8]) {
        let own = self.router.number();
        let Some((head, body)) = Head::read(packet).filter(|_| is_name(from)) else { return };
        let _turn = self.turn.lock();
        if head.to != 0 && head.to != own || *self.state.lock() == State::Replaced {
            return;
        }
        if from == self.name {
            match head.kind {
                Kind::Pick if head.from == own => self.hear_picked(head.seq, None),
                Kind::Hello | Kind::Asks if head.from != own => self.hear_rival(&head, body),
                _ => {}
            }
            return;
        }
        if matches!(head.kind, Kind::Hello | Kind::Asks) {
            return self.hear_hello(from, &head, body);
        }
        let Some(peer) = self.router.peers.get(head.from).filter(|peer| peer.name == from) else {
            // It knows this node, which does not know it yet: what it sends comes again.
            if head.to == own && node_of(head.from) == head.from {
                self.router.peers.say(To::Node(from), &self.head(Kind::Asks), &self.hello());
            }
            return;
        };
        if peer.has_left() {
            return;
        }
        match head.kind {
            Kind::Bye => {
                if peer.leave() {
                    self.lost(&peer, |name| NodeEvent::Left { name });
                }
            }
            Kind::Pick => {
                if let Some((domain, alive)) = self.offer() {
                    let mut body = domain.to_le_bytes().to_vec();
                    body.extend_from_slice(&alive.to_le_bytes());
                    peer.say(Kind::Picked, head.seq, &body);
                }
            }
            Kind::Picked => {
                let word = |at: usize| Some(u64::from_le_bytes(*body.get(at..)?.first_chunk()?));
                let offered = word(0).filter(|domain| node_of(*domain) == peer.number).zip(word(8));
                self.hear_picked(head.seq, offered);
            }
            _ => self.hear_frames(&peer, &head, body),
        }
    }

    fn connected(&self, is_connected: bool) {
        (self.on_event)(&if is_connected { NodeEvent::Connected } else { NodeEvent::Disconnected });
    }

    fn trouble(&self, what: &str) {
        (self.on_event)(&NodeEvent::Trouble { what: what.to_owned() });
    }
}
