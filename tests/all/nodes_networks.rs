//! Nodes over networks that lose packets and cut nodes off, beside nodes that lie, and names that are taken.

use crate::groups::{LONG, wait};
use crate::nodes::{NEVER, Network, SOON, group, text};
use ophidia::{
    Conditions, Error, Listener, Nats, Node, NodeEvent, Simulated, To, Transport as _, Value,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

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
        for number in 0..2_000 {
            one.group.send(to, number).expect("sent");
        }
        for number in 0..2_000 {
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

/// T16: whatever another node says.
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
