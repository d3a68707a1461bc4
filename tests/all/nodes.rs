//! Nodes: groups that have met, over a network that is simulated and over NATS.

use crate::groups::{BEGINS, LONG, wait};
use crate::library::RUNTIME;
use crate::tasklets::flush;
use ophidia::{Group, Mailbox, Nats, Node, NodeEvent, Pool, Sandbox, Simulated, Value};
use ophidia_tests::NatsServer;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// What a message says.
pub(crate) fn text(value: &Value) -> String {
    if let Value::Str(text) = value { text.to_string() } else { value.to_string() }
}

/// Where nodes meet.
pub(crate) enum Network {
    Simulated(Simulated),
    Nats(NatsServer),
}

impl Network {
    pub(crate) fn simulated() -> Self {
        Self::Simulated(Simulated::new(7))
    }

    pub(crate) fn nats() -> Self {
        Self::Nats(NatsServer::start())
    }

    /// A node of that name, and how long it takes until another one is lost to it.
    pub(crate) async fn join(
        &self,
        name: &str,
        domains: usize,
        code: &str,
        lost_after: Duration,
    ) -> Joined {
        let group = group(domains, code);
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        let node = Node::builder(name)
            .lost_after(lost_after)
            .on_event(move |event| heard.lock().push(event.clone()));
        let node = match self {
            Self::Simulated(network) => node.join(&group, network.transport()).await,
            Self::Nats(server) => {
                let nats = Nats::builder(server.url(), "tests").connect().await.expect("connected");
                node.join(&group, nats).await
            }
        };
        let node = node.expect("joined");
        let mailbox = group.mailbox();
        Joined { node, group, mailbox, events }
    }
}

/// A node, and what it has heard.
pub(crate) struct Joined {
    pub(crate) node: Node,
    pub(crate) group: Group,
    pub(crate) mailbox: Mailbox,
    pub(crate) events: Arc<Mutex<Vec<NodeEvent>>>,
}

impl Joined {
    /// Until it has heard of an event.
    pub(crate) async fn hears(&self, event: &NodeEvent) {
        while !self.events.lock().contains(event) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Until so many others are there.
    pub(crate) async fn sees(&self, count: usize) {
        while self.node.peers().iter().filter(|peer| peer.is_there).count() != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.node.number_of(name).expect("it is there")
    }

    /// What a function of the code gives, run as a tasklet of its own node, which is told of the mailbox.
    pub(crate) async fn runs(&mut self, function: &str, args: Vec<Value>) -> String {
        let domain = self.group.domains()[0];
        let mut all = vec![Value::Pid(self.mailbox.pid())];
        all.extend(args);
        self.group.spawn_on(domain, function, Value::Tuple(all)).await.expect("spawned");
        text(&self.mailbox.receive().await)
    }
}

pub(crate) fn group(domains: usize, code: &str) -> Group {
    let sandbox = Sandbox::builder().timeout(LONG).build().expect("a sandbox");
    let pool = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(2).build().expect("a pool");
    let code = format!("{BEGINS}\n{CODE}\n{}", flush(code));
    Group::builder(&pool).domains(domains).code(code).build().expect("a group")
}

const CODE: &str = "
async def told(to, function, *arguments):
    try: to << await function(*arguments)
    except Exception as error: to << f'{type(error).__name__}: {error}'
async def counter(to, count):
    for number in range(count):
        to << number
async def sums(to):
    array = await receive()
    to << (str(array.dtype), array.shape, float(array.sum()))
async def spawns(to, where, count):
    pids = [await spawn_on(*where, idle) for _ in range(count)]
    to << sorted({pid.parts[0] for pid in pids})
async def spawned(to, where):
    try: to << await spawn_on(where, idle)
    except Exception as error: to << f'{type(error).__name__}: {error}'
async def watches(to, pid):
    ref = monitor(pid)
    to << 'watching'
    to << (await receive(('DOWN', ref, pid, ...)))[3]
async def linked(to, pid):
    trap_exit()
    link(pid)
    to << 'linked'
    to << (await receive(('EXIT', pid, ...)))[2]
async def calls(to, pid, request):
    try: to << await call(pid, request, 30)
    except Exception as error: to << f'{type(error).__name__}: {error}'
async def member(to, group):
    join(group)
    to << 'joined'
    while True: to << await receive()
async def publishes(to, group, message):
    publish(group, message)
async def names(to):
    to << nodes()
class Slow(Server):
    async def handle_call(self, request): await sleep(3600)
";

/// Long enough that no node is lost by chance.
pub(crate) const NEVER: Duration = Duration::from_secs(60);

/// Soon.
pub(crate) const SOON: Duration = Duration::from_millis(600);

/// The same on both networks.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod simulated {
            $(#[test] fn $name() { super::wait(super::$name(&super::Network::simulated())); })*
        }
        mod nats {
            $(#[test] fn $name() { super::wait(super::$name(&super::Network::nats())); })*
        }
    };
}

on_both! {
    messages_and_calls_go_between_nodes
    spawning_by_name_and_by_load
    large_messages_arrive_whole
    a_message_to_a_group_reaches_all_nodes
    a_node_that_leaves_is_told_of
    a_node_has_its_name_alone
    pids_of_a_former_life_name_nobody
    all_messages_are_accounted_for
}

async fn messages_and_calls_go_between_nodes(network: &Network) {
    let mut one = network.join("node-a", 1, "", NEVER).await;
    let other = network.join("node-b", 1, "", NEVER).await;
    one.sees(1).await;
    // From Rust: spawned, called, and in order.
    let echo = one.group.spawn_on(one.number("node-b"), "Echo", ()).await.expect("spawned");
    assert_eq!(echo.domain, other.group.domains()[0]);
    assert_eq!(one.mailbox.call::<String>(echo, "hello", LONG).await.expect("a reply"), "hello");
    let to = Value::Pid(one.mailbox.pid());
    one.group.spawn_on(echo.domain, "counter", (to, 5_000)).await.expect("spawned");
    for number in 0..5_000 {
        assert_eq!(one.mailbox.receive().await, Value::from(number));
    }
    // From Python.
    let call = vec![Value::Pid(echo), Value::from(41)];
    assert_eq!(one.runs("calls", call).await, "41");
    assert_eq!(one.runs("names", vec![]).await, "['node-a', 'node-b']");
}

async fn spawning_by_name_and_by_load(network: &Network) {
    let mut one = network.join("node-a", 1, "", NEVER).await;
    let two = network.join("node-b", 2, "", NEVER).await;
    let three = network.join("node-c", 1, "", NEVER).await;
    one.sees(2).await;
    // By name: in the domain there with the fewest.
    let named = vec![Value::Tuple(vec![Value::from("node-b")]), Value::from(6)];
    let mut there = two.group.domains();
    there.sort_unstable();
    let there = format!("{there:?}");
    // It is told how many there are once a second or so, and takes turns until then.
    assert_eq!(one.runs("spawns", named).await, there);
    // By load: all of them get some.
    let by_load = vec![Value::Tuple(vec![]), Value::from(60)];
    let found = one.runs("spawns", by_load).await;
    // Its own number reads as 0.
    for domain in [vec![0], two.group.domains(), three.group.domains()].concat() {
        assert!(found.contains(&domain.to_string()), "{domain} is none of {found}");
    }
    // From Rust as well.
    let pid = one.group.spawn("idle", ()).await.expect("spawned");
    assert!(pid.domain != 0);
}

/// T16: sizes of packets are bounded, and nothing of a message is lost by that.
async fn large_messages_arrive_whole(network: &Network) {
    let mut one = network
        .join(
            "node-a",
            1,
            "
        import numpy
        async def sends(to, pid):
            pid << numpy.arange(1_250_000, dtype='f8')
        async def much(to, pid):
            pid << bytes(40_000_000)
            to << 'sent'
    ",
            NEVER,
        )
        .await;
    let _other = network.join("node-b", 1, "", NEVER).await;
    one.sees(1).await;
    let to = Value::Pid(one.mailbox.pid());
    let there = one.number("node-b");
    let sums = one.group.spawn_on(there, "sums", (to.clone(),)).await.expect("spawned");
    let sum = one.runs("sends", vec![Value::Pid(sums)]).await;
    assert_eq!(sum, "('float64', (1250000,), 781249375000.0)");
    // More than a connection keeps: it is refused, and the rest goes on.
    let idle = one.group.spawn_on(there, "idle", ()).await.expect("spawned");
    assert_eq!(one.runs("much", vec![Value::Pid(idle)]).await, "sent");
    let echo = one.group.spawn_on(there, "Echo", ()).await.expect("spawned");
    assert_eq!(one.mailbox.call::<i64>(echo, 5, LONG).await.expect("a reply"), 5);
    let peers = one.node.peers();
    assert_eq!(peers[0].messages.refused, 1, "{peers:?}");
}

async fn a_message_to_a_group_reaches_all_nodes(network: &Network) {
    let mut one = network.join("node-a", 1, "", NEVER).await;
    let two = network.join("node-b", 2, "", NEVER).await;
    one.sees(1).await;
    let to = Value::Pid(one.mailbox.pid());
    for domain in [one.group.domains(), two.group.domains()].concat() {
        one.group.spawn_on(domain, "member", (to.clone(), "all")).await.expect("spawned");
        assert_eq!(text(&one.mailbox.receive().await), "joined");
    }
    assert_eq!(one.runs("publishes", vec!["all".into(), "news".into()]).await, "news");
    for _ in 0..2 {
        assert_eq!(text(&one.mailbox.receive().await), "news");
    }
}

async fn a_node_that_leaves_is_told_of(network: &Network) {
    let mut one = network.join("node-a", 1, "", NEVER).await;
    let other = network.join("node-b", 1, "", NEVER).await;
    one.sees(1).await;
    let there = one.number("node-b");
    let idle = one.group.spawn_on(there, "idle", ()).await.expect("spawned");
    let slow = one.group.spawn_on(there, "Slow", ()).await.expect("spawned");
    assert_eq!(one.runs("watches", vec![Value::Pid(idle)]).await, "watching");
    assert_eq!(one.runs("linked", vec![Value::Pid(idle)]).await, "linked");
    let domain = one.group.domains()[0];
    let to = Value::Pid(one.mailbox.pid());
    one.group.spawn_on(domain, "calls", (to, slow, 1)).await.expect("spawned");
    let reference = one.mailbox.monitor(idle);
    // What has been asked has arrived once this is answered.
    let echo = one.group.spawn_on(there, "Echo", ()).await.expect("spawned");
    one.mailbox.call::<i64>(echo, 1, LONG).await.expect("a reply");
    drop(other.node);
    one.hears(&NodeEvent::Left { name: "node-b".into() }).await;
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(text(&one.mailbox.receive().await));
    }
    heard.sort();
    let down = vec!["DOWN".into(), reference.into(), Value::Pid(idle), Value::from("noconnection")];
    let down = text(&Value::Tuple(down));
    let exited = format!("ProcessExited: {slow} has ended: 'noconnection'");
    let mut expected = [down, exited, "noconnection".into(), "noconnection".into()];
    expected.sort();
    assert_eq!(heard, expected);
    assert_eq!(one.node.number_of("node-b"), None);
    let error = one.group.spawn_on(there, "idle", ()).await.expect_err("it is gone");
    assert!(error.to_string().contains("noconnection"), "{error}");
}

async fn a_node_has_its_name_alone(network: &Network) {
    let one = network.join("node-a", 1, "", NEVER).await;
    let group = group(1, "");
    let second = Node::builder("node-a");
    let joined = match network {
        // Whoever comes under a name takes it there, from a node that is not asked.
        Network::Simulated(_) => return,
        Network::Nats(server) => {
            let nats = Nats::builder(server.url(), "tests").connect().await.expect("connected");
            second.join(&group, nats).await
        }
    };
    let error = joined.expect_err("the name is taken").to_string();
    assert!(error.contains("a node called node-a is in the group already"), "{error}");
    assert!(one.node.peers().is_empty() && one.events.lock().is_empty(), "{:?}", one.events);
}

async fn pids_of_a_former_life_name_nobody(network: &Network) {
    let mut one = network.join("node-a", 1, "", NEVER).await;
    let other = network.join("node-b", 1, "", NEVER).await;
    one.sees(1).await;
    let old = one.group.spawn_on(one.number("node-b"), "Echo", ()).await.expect("spawned");
    drop(other);
    one.hears(&NodeEvent::Left { name: "node-b".into() }).await;
    let _again = network.join("node-b", 1, "", NEVER).await;
    one.sees(1).await;
    let new = one.group.spawn_on(one.number("node-b"), "Echo", ()).await.expect("spawned");
    assert_eq!(one.mailbox.call::<i64>(new, 1, LONG).await.expect("a reply"), 1);
    let error = one.mailbox.call::<i64>(old, 1, LONG).await.expect_err("nobody is there");
    assert!(error.to_string().contains("noconnection"), "{error}");
    let called = one.runs("calls", vec![Value::Pid(old), Value::from(1)]).await;
    assert_eq!(called, format!("ProcessExited: {old} has ended: 'noconnection'"));
}

async fn all_messages_are_accounted_for(network: &Network) {
    let one = network.join("node-a", 1, "", NEVER).await;
    let mut other = network.join("node-b", 1, "", NEVER).await;
    one.sees(1).await;
    other.sees(1).await;
    let gone = other.group.mailbox();
    let pid = gone.pid();
    drop(gone);
    for number in 0..1_000 {
        one.group.send(other.mailbox.pid(), number).expect("sent");
        if number % 4 == 0 {
            one.group.send(pid, number).expect("sent");
        }
    }
    for number in 0..1_000 {
        assert_eq!(other.mailbox.receive().await, Value::from(number));
    }
    let tally = loop {
        let tally = one.node.peers()[0].messages;
        if tally.on_their_way() == 0 {
            break tally;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((tally.sent, tally.delivered, tally.refused, tally.lost), (1_250, 1_000, 250, 0));
}
