//! Nodes: groups that have met, over a network that is simulated and over NATS.

use crate::groups::{BEGINS, LONG, wait};
use crate::library::RUNTIME;
use crate::tasklets::flush;
use ophidia::{
    Conditions, Error, Group, Listener, Mailbox, Nats, Node, NodeEvent, Pool, Sandbox, Simulated,
    To, Transport as _, Value,
};
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

fn group(domains: usize, code: &str) -> Group {
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
const NEVER: Duration = Duration::from_secs(60);

/// Soon.
const SOON: Duration = Duration::from_millis(600);

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

#[test]
fn a_bad_network_loses_doubles_and_reorders_nothing() {
    wait(async {
        let network = Simulated::new(11);
        network.set(Conditions::new(0.1, 0.1, (Duration::ZERO, Duration::from_millis(20))));
        let network = Network::Simulated(network);
        let one = network.join("node-a", 1, "", NEVER).await;
        let mut other = network.join("node-b", 1, "", NEVER).await;
        one.sees(1).await;
        other.sees(1).await;
        let to = other.mailbox.pid();
        for number in 0..300 {
            one.group.send(to, number).expect("sent");
        }
        for number in 0..300 {
            assert_eq!(other.mailbox.receive().await, Value::from(number));
        }
        assert_eq!(other.mailbox.try_receive(), None);
    });
}

#[test]
fn nodes_that_are_cut_off_lose_each_other_and_meet_again() {
    wait(async {
        let simulated = Simulated::new(12);
        let network = Network::Simulated(simulated.clone());
        let mut one = network.join("node-a", 1, "", SOON).await;
        let mut other = network.join("node-b", 1, "", SOON).await;
        one.sees(1).await;
        other.sees(1).await;
        let there = one.group.spawn_on(one.number("node-b"), "Echo", ()).await.expect("spawned");
        assert_eq!(one.runs("watches", vec![Value::Pid(there)]).await, "watching");
        // And the other way round.
        let here = other.group.spawn_on(other.number("node-a"), "Echo", ()).await.expect("spawned");
        assert_eq!(other.runs("watches", vec![Value::Pid(here)]).await, "watching");
        let lost = |name: &str| NodeEvent::Lost { name: name.into() };
        simulated.cut("node-a", "node-b", true);
        one.group.send(other.mailbox.pid(), "into the void").expect("sent");
        assert_eq!(text(&one.mailbox.receive().await), "noconnection");
        assert_eq!(text(&other.mailbox.receive().await), "noconnection");
        one.hears(&lost("node-b")).await;
        other.hears(&lost("node-a")).await;
        let tally = one.node.peers()[0].messages;
        assert!(tally.lost >= 1 && tally.on_their_way() == 0, "{tally:?}");
        simulated.cut("node-a", "node-b", false);
        one.sees(1).await;
        other.sees(1).await;
        // Both are as they were: whom nobody is linked to lives on.
        assert_eq!(one.mailbox.call::<i64>(there, 7, LONG).await.expect("a reply"), 7);
        assert_eq!(other.mailbox.call::<i64>(here, 8, LONG).await.expect("a reply"), 8);
        assert_eq!(other.mailbox.try_receive(), None, "nothing comes after that");
    });
}

#[test]
fn a_node_that_crashes_is_lost_and_a_short_silence_is_not() {
    wait(async {
        let simulated = Simulated::new(13);
        let network = Network::Simulated(simulated.clone());
        let mut one = network.join("node-a", 1, "", Duration::from_secs(2)).await;
        let other = network.join("node-b", 1, "", Duration::from_secs(2)).await;
        one.sees(1).await;
        let echo = one.group.spawn_on(one.number("node-b"), "Echo", ()).await.expect("spawned");
        simulated.cut("node-a", "node-b", true);
        let (pid, mut second) = (echo, one.group.mailbox());
        let call = tokio::spawn(async move { second.call::<i64>(pid, 1, LONG).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        simulated.cut("node-a", "node-b", false);
        assert_eq!(call.await.expect("it ends").expect("a reply"), 1);
        assert!(!one.events.lock().iter().any(|event| matches!(event, NodeEvent::Lost { .. })));
        assert_eq!(one.runs("watches", vec![Value::Pid(echo)]).await, "watching");
        simulated.crash("node-b");
        assert_eq!(text(&one.mailbox.receive().await), "noconnection");
        drop(other);
    });
}

#[test]
fn names_of_nodes_are_words() {
    wait(async {
        let network = Simulated::new(1);
        let group = group(0, "");
        for name in ["", "a.b", "a b", "*", ">", &"x".repeat(65)] {
            let error = Node::builder(name).join(&group, network.transport()).await;
            let error = error.expect_err(name).to_string();
            assert!(error.contains("cannot be called"), "{error}");
            let error = Nats::builder("nats://127.0.0.1:1", name).connect().await;
            let error = error.expect_err(name).to_string();
            assert!(error.contains("cannot be called"), "{error}");
        }
        let error = Nats::builder("nats://127.0.0.1:1", "x").connect().await;
        let error = error.expect_err("nobody is there").to_string();
        assert!(error.contains("no connection to NATS at nats://127.0.0.1:1"), "{error}");
        let _node = Node::builder("a").join(&group, network.transport()).await.expect("joined");
        let twice = Node::builder("b").join(&group, network.transport()).await;
        assert!(matches!(twice, Err(Error::Host(text)) if text.contains("a node already")));
    });
}

/// Keeps what it hears.
#[derive(Default)]
struct Ear(Mutex<Vec<(String, Vec<u8>)>>);

impl Listener for Ear {
    fn hear(&self, from: &str, packet: &[u8]) {
        self.0.lock().push((from.to_owned(), packet.to_vec()));
    }
    fn connected(&self, _: bool) {}
    fn trouble(&self, _: &str) {}
}

#[test]
fn a_node_that_says_anything_harms_nobody() {
    wait(async {
        let simulated = Simulated::new(14);
        let network = Network::Simulated(simulated.clone());
        let mut one = network.join("node-a", 1, "", NEVER).await;
        let _other = network.join("node-b", 1, "", NEVER).await;
        let (evil, ear) = (simulated.transport(), Arc::new(Ear::default()));
        evil.listen("evil", true, Arc::clone(&ear) as _).expect("it listens");
        // What a node without domains says, in its own name.
        let _third = network.join("node-c", 0, "", NEVER).await;
        one.sees(2).await;
        let hello = loop {
            let heard = ear.0.lock().iter().find(|(from, _)| from == "node-c").cloned();
            if let Some((_, hello)) = heard {
                break hello;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        // As one that has joined.
        let mut own = hello.clone();
        own[4] = 0;
        own[12] ^= 0x55;
        evil.send(To::All, own.clone());
        one.hears(&NodeEvent::Joined { name: "evil".into() }).await;
        // Data that is none, and a connection that begins anew each time.
        let mut state = 77u32;
        let mut draw = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        let to = one.node.number().to_le_bytes();
        for round in 0..3_000 {
            let mut packet = if draw(2) == 0 { hello.clone() } else { own.clone() };
            packet.truncate(64 + draw(40) as usize);
            // Every kind there is, and some that there are not.
            packet[4] = u8::try_from(draw(12)).expect("small");
            packet[16..24].copy_from_slice(&to);
            for place in [24, 32, 40] {
                packet[place] = u8::try_from(draw(4)).expect("small");
            }
            for _ in 0..draw(6) {
                let at = draw(u32::try_from(packet.len()).expect("small")) as usize;
                packet[at] = u8::try_from(draw(256)).expect("small");
            }
            evil.send(To::Node("node-a"), packet);
            if round % 500 == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        // It may have said that it leaves: in another life it is heard again.
        own[12] ^= 0x33;
        evil.send(To::All, own.clone());
        let mut data = own[..64].to_vec();
        data[4] = 3;
        data[16..24].copy_from_slice(&to);
        let refused =
            |event: &NodeEvent| matches!(event, NodeEvent::Refused { name, .. } if name == "evil");
        while !one.events.lock().iter().any(refused) {
            for (epoch, seq) in [(draw(8), 1), (draw(8), 2)] {
                data[24] = u8::try_from(epoch).expect("small");
                data[32] = seq;
                evil.send(To::Node("node-a"), [&data[..], &[0xff; 30]].concat());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The others go on as if nothing had been.
        let echo = one.group.spawn_on(one.number("node-b"), "Echo", ()).await.expect("spawned");
        for number in 0..100 {
            let answer = one.mailbox.call::<i64>(echo, number, LONG).await;
            assert_eq!(answer.expect("a reply"), number);
        }
    });
}

#[test]
fn a_name_that_is_asked_for_in_vain_changes_nothing() {
    wait(async {
        let network = Network::nats();
        let _one = network.join("node-a", 1, "", NEVER).await;
        let mut third = network.join("node-c", 1, "", NEVER).await;
        third.sees(1).await;
        let echo = third.group.spawn_on(third.number("node-a"), "Echo", ()).await.expect("spawned");
        assert_eq!(third.runs("watches", vec![Value::Pid(echo)]).await, "watching");
        let Network::Nats(server) = &network else { panic!("a server") };
        for _ in 0..2 {
            let nats = Nats::builder(server.url(), "tests").connect().await.expect("connected");
            let error = Node::builder("node-a").join(&group(1, ""), nats).await;
            let error = error.expect_err("the name is taken").to_string();
            assert!(error.contains("a node called node-a is in the group already"), "{error}");
        }
        let answer = third.mailbox.call::<i64>(echo, 5, LONG).await;
        assert_eq!(answer.expect("a reply"), 5);
        assert_eq!(third.mailbox.try_receive(), None, "nobody has ended");
        let joined = NodeEvent::Joined { name: "node-a".into() };
        assert_eq!(*third.events.lock(), [joined]);
    });
}

#[test]
fn a_node_without_interpreters_says_so() {
    wait(async {
        let network = Network::simulated();
        let mut one = network.join("node-a", 1, "", NEVER).await;
        let _none = network.join("node-b", 0, "", NEVER).await;
        one.sees(1).await;
        let error = one.group.spawn_on(one.number("node-b"), "idle", ()).await;
        let error = error.expect_err("there is none").to_string();
        assert!(error.contains("has no room for messages"), "{error}");
        let told = one.runs("spawned", vec![Value::from("node-b")]).await;
        assert!(told.starts_with("MailboxFull"), "{told}");
        let refused = |event: &NodeEvent| matches!(event, NodeEvent::Refused { .. });
        assert!(!one.events.lock().iter().any(refused), "{:?}", one.events);
    });
}
