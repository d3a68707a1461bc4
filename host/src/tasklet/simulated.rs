//! A network within the process, as bad as is wished.

use super::transport::{Listener, To, Transport};
use crate::error::{Error, Result};
use parking_lot::{Condvar, Mutex};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a [`Simulated`] network does to packets.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Conditions {
    /// The share of packets that are lost, from 0 to 1.
    pub loss: f64,
    /// The share of packets that come twice.
    pub twice: f64,
    /// How long a packet takes, at least and at most: where these differ, packets overtake one another.
    pub delay: (Duration, Duration),
}

impl Conditions {
    /// No packet is lost, and none takes any time.
    pub const GOOD: Self = Self { loss: 0.0, twice: 0.0, delay: (Duration::ZERO, Duration::ZERO) };

    /// Conditions.
    #[must_use]
    pub const fn new(loss: f64, twice: f64, delay: (Duration, Duration)) -> Self {
        Self { loss, twice, delay }
    }
}

/// A network that is simulated within the process, for tests of programs of several nodes: it loses packets, doubles and
/// delays them, and cuts nodes off from one another. What it does is drawn from the seed; when it happens depends on the
/// threads of the program as well.
#[derive(Clone, Debug)]
pub struct Simulated {
    network: Arc<Network>,
    _end: Arc<End>,
}

#[derive(Debug)]
struct Network {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    random: ChaCha8Rng,
    conditions: Conditions,
    nodes: BTreeMap<String, Node>,
    /// Pairs that are cut off, each in the order of their names.
    cut: BTreeSet<(String, String)>,
    /// Packets by when they arrive, and their numbers.
    due: BTreeMap<(Instant, u64), Packet>,
    count: u64,
    lost: u64,
    ended: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = out.debug_struct("State");
        out.field("conditions", &self.conditions).field("cut", &self.cut);
        out.field("count", &self.count).field("lost", &self.lost).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Node {
    listener: Arc<dyn Listener>,
    takes_any: bool,
}

struct Packet {
    from: String,
    to: String,
    bytes: Arc<[u8]>,
}

/// Ends the thread with the last handle.
#[derive(Debug)]
struct End(Arc<Network>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
        self.0.changed.notify_all();
    }
}

fn pair(one: &str, other: &str) -> (String, String) {
    let (one, other) = if one <= other { (one, other) } else { (other, one) };
    (one.to_owned(), other.to_owned())
}

impl State {
    /// A number from 0 to 1.
    fn draw(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
        let drawn = (self.random.next_u64() >> 11) as f64;
        drawn / (1u64 << 53) as f64
    }

    fn send(&mut self, from: &str, to: &str, bytes: &Arc<[u8]>) {
        let Conditions { loss, twice, delay: (least, most) } = self.conditions;
        let times = if self.draw() < twice { 2 } else { 1 };
        for _ in 0..times {
            if self.cut.contains(&pair(from, to)) || self.draw() < loss {
                self.lost += 1;
                continue;
            }
            let time = least + most.saturating_sub(least).mul_f64(self.draw());
            self.count += 1;
            let packet =
                Packet { from: from.to_owned(), to: to.to_owned(), bytes: Arc::clone(bytes) };
            self.due.insert((Instant::now() + time, self.count), packet);
        }
    }
}

impl Network {
    fn run(&self) {
        let mut state = self.state.lock();
        while !state.ended {
            let Some(((at, _), _)) = state.due.first_key_value() else {
                self.changed.wait(&mut state);
                continue;
            };
            let at = *at;
            if at > Instant::now() {
                self.changed.wait_until(&mut state, at);
                continue;
            }
            let Some((_, packet)) = state.due.pop_first() else { continue };
            // Those that are cut off meanwhile lose what was on its way.
            if state.cut.contains(&pair(&packet.from, &packet.to)) {
                state.lost += 1;
                continue;
            }
            let Some(node) = state.nodes.get(&packet.to).cloned() else { continue };
            parking_lot::MutexGuard::unlocked(&mut state, || {
                node.listener.hear(&packet.from, &packet.bytes);
                drop(node);
            });
        }
        state.nodes.clear();
    }
}

impl Simulated {
    /// A network of good conditions.
    ///
    /// # Panics
    ///
    /// Where there is no thread to be had.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: ChaCha8Rng::seed_from_u64(seed),
            conditions: Conditions::GOOD,
            nodes: BTreeMap::new(),
            cut: BTreeSet::new(),
            due: BTreeMap::new(),
            count: 0,
            lost: 0,
            ended: false,
        };
        let network = Arc::new(Network { state: Mutex::new(state), changed: Condvar::new() });
        let running = Arc::clone(&network);
        std::thread::spawn(move || running.run());
        let end = Arc::new(End(Arc::clone(&network)));
        Self { network, _end: end }
    }

    /// A way into it, for one node.
    #[must_use]
    pub fn transport(&self) -> impl Transport + use<> {
        Access { net: self.clone(), name: Mutex::default() }
    }

    /// Changes the conditions, for what is sent from now on.
    pub fn set(&self, conditions: Conditions) {
        self.network.state.lock().conditions = conditions;
    }

    /// Cuts two nodes off from one another, or ends that.
    pub fn cut(&self, one: &str, other: &str, is_cut: bool) {
        let mut state = self.network.state.lock();
        let pair = pair(one, other);
        if is_cut {
            state.cut.insert(pair)
        } else {
            state.cut.remove(&pair)
        };
    }

    /// Takes a node out, as if its machine had lost its power: nobody hears of it any more.
    pub fn crash(&self, name: &str) {
        let gone = self.network.state.lock().nodes.remove(name);
        drop(gone);
    }

    /// Packets that were carried, and those that were lost.
    #[must_use]
    pub fn packets(&self) -> (u64, u64) {
        let state = self.network.state.lock();
        (state.count, state.lost)
    }
}

/// One node's.
struct Access {
    net: Simulated,
    name: Mutex<Option<String>>,
}

impl Transport for Access {
    fn listen(&self, name: &str, takes_any: bool, listener: Arc<dyn Listener>) -> Result<()> {
        let mut own = self.name.lock();
        if own.is_some() {
            return Err(Error::host(format!("{name} listens already")));
        }
        let mut state = self.net.network.state.lock();
        *own = Some(name.to_owned());
        // As on a real network, whoever comes under a name takes it.
        let former = state.nodes.insert(name.to_owned(), Node { listener, takes_any });
        drop(state);
        drop(former);
        Ok(())
    }

    fn send(&self, to: To<'_>, packet: Vec<u8>) {
        let own = self.name.lock();
        let Some(own) = own.as_deref() else { return };
        let bytes: Arc<[u8]> = packet.into();
        let mut state = self.net.network.state.lock();
        if !state.nodes.contains_key(own) {
            return;
        }
        let to: Vec<String> = match to {
            To::Node(name) => vec![name.to_owned()],
            To::All => state.nodes.keys().cloned().collect(),
            To::Any => {
                let any = state.nodes.iter().filter(|(_, node)| node.takes_any);
                let any: Vec<String> = any.map(|(name, _)| name.clone()).collect();
                let drawn = state.random.next_u64() % any.len().max(1) as u64;
                let drawn = usize::try_from(drawn).unwrap_or_default();
                any.into_iter().skip(drawn).take(1).collect()
            }
        };
        for to in to {
            state.send(own, &to, &bytes);
        }
        drop(state);
        self.net.network.changed.notify_all();
    }

    fn most_bytes(&self) -> usize {
        1 << 20
    }

    fn close(&self) {
        let Some(name) = self.name.lock().take() else { return };
        let gone = self.net.network.state.lock().nodes.remove(&name);
        drop(gone);
    }
}
