//! Other nodes, as the router sees them: frames go to their links, and packets from there to the transport.

use super::frame::node_of;
use super::inbox::Batch;
use super::link::{Heard, Link, Tally, WINDOW};
use super::packet::{self, Head, Kind};
use super::transport::{To, Transport};
use parking_lot::{Condvar, Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bytes of frames that a packet has, at most.
const MOST_BODY: usize = 1 << 20;

/// Nodes that are kept in mind, those included that are lost.
const MOST_PEERS: usize = 1_000;

/// What is to be spawned wherever, and waits for a node to take it.
const MOST_ASKED: usize = 10_000;

/// How long a node has for that.
const PATIENCE: Duration = Duration::from_millis(500);

/// The nodes that a group has met, once it is a node itself.
pub(super) struct Peers {
    /// The number of this one.
    own: u64,
    joined: RwLock<Option<Joined>>,
    /// It has joined once: when it has left, others do not hear its number again.
    known: AtomicBool,
}

struct Joined {
    name: String,
    transport: Arc<dyn Transport>,
    alarm: Arc<Alarm>,
    peers: BTreeMap<u64, Arc<Peer>>,
    asked: Mutex<Asked>,
    /// Of new links: later than those of nodes that were forgotten.
    first_epoch: u64,
}

#[derive(Default)]
struct Asked {
    last: u64,
    waiting: BTreeMap<u64, Question>,
    bytes: usize,
}

impl Asked {
    fn take(&mut self, number: u64) -> Option<Question> {
        let question = self.waiting.remove(&number)?;
        self.bytes -= question.frame.len();
        Some(question)
    }
}

/// A frame for whoever has least to do, from that domain.
pub(super) struct Question {
    pub(super) frame: Vec<u8>,
    pub(super) source: Option<u64>,
    until: Instant,
}

/// Wakes who does what is due.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Alarm {
    /// There is something to do soon.
    fn ring(&self) {
        let mut state = self.state.lock();
        if !state.0 {
            state.0 = true;
            self.changed.notify_all();
        }
    }

    /// There is nothing to do any more.
    pub(super) fn end(&self) {
        self.state.lock().1 = true;
        self.changed.notify_all();
    }

    /// Until there is something to do, or then; gives false at the end.
    pub(super) fn wait(&self, until: Instant) -> bool {
        let mut state = self.state.lock();
        if !(state.0 || state.1) {
            self.changed.wait_until(&mut state, until);
        }
        state.0 = false;
        !state.1
    }

    /// So long, unless it ends.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut state = self.state.lock();
        while !state.1 && !self.changed.wait_until(&mut state, until).timed_out() {}
        !state.1
    }
}

/// Another node.
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) number: u64,
    own: u64,
    transport: Arc<dyn Transport>,
    alarm: Arc<Alarm>,
    link: Mutex<Link>,
    /// Its domains, and how many tasklets live there, as it says.
    pub(super) domains: Mutex<Vec<(u64, u64)>>,
    /// It has said that it leaves.
    left: AtomicBool,
}

impl Peer {
    fn new(own: u64, name: &str, number: u64, joined: &Joined) -> Self {
        let most = joined.transport.most_bytes().saturating_sub(packet::HEAD);
        Self {
            name: name.to_owned(),
            number,
            own,
            transport: Arc::clone(&joined.transport),
            alarm: Arc::clone(&joined.alarm),
            link: Mutex::new(
                Link::new(own, number, most.clamp(1, MOST_BODY), Instant::now())
                    .starting_at(joined.first_epoch),
            ),
            domains: Mutex::default(),
            left: AtomicBool::new(false),
        }
    }

    /// Does something with the link; what it sends goes in that order.
    fn with<T>(&self, body: impl FnOnce(&mut Link, Instant, &mut Vec<Vec<u8>>) -> T) -> T {
        let mut out = Vec::new();
        let mut link = self.link.lock();
        let given = body(&mut link, Instant::now(), &mut out);
        for packet in out {
            self.transport.send(To::Node(&self.name), packet);
        }
        let is_busy = link.is_busy();
        drop(link);
        if is_busy {
            self.alarm.ring();
        }
        given
    }

    /// Sends frames; gives back those that there is no room for.
    pub(super) fn put(&self, batch: Batch) -> Option<Batch> {
        let count = u16::try_from(batch.count).unwrap_or(u16::MAX);
        let goes = self.with(|link, now, out| link.send(&batch.frames, count, now, out));
        (!goes).then_some(batch)
    }

    /// Whether there is room for a message of so many bytes; one that there is none for is refused.
    pub(super) fn takes(&self, len: usize) -> bool {
        self.link.lock().takes(len)
    }

    pub(super) fn hear<'a>(&self, head: &Head, body: &'a [u8]) -> Heard<'a> {
        self.with(|link, now, out| link.hear(head, body, now, out))
    }

    /// What has become of messages that came in that epoch.
    pub(super) fn brought(&self, epoch: u64, delivered: u64, refused: u64) {
        self.with(|link, _, out| link.brought(epoch, delivered, refused, out));
    }

    /// Does what is due; whether it is lost with this.
    pub(super) fn tick(&self, lost_after: Duration) -> bool {
        self.with(|link, now, out| link.tick(now, lost_after, out))
    }

    /// Says again what has come, some times after the last that did.
    pub(super) fn remind(&self) {
        self.with(|link, _, out| link.remind(out));
    }

    /// It leaves, for good; whether it was there.
    pub(super) fn leave(&self) -> bool {
        self.left.store(true, Ordering::Relaxed);
        self.link.lock().leave()
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// What has to come there does not: the connection is given up.
    pub(super) fn overrun(&self) {
        self.link.lock().overrun();
        self.alarm.ring();
    }

    pub(super) fn give_up(&self) {
        self.link.lock().give_up();
    }

    pub(super) fn is_lost(&self) -> bool {
        self.link.lock().is_lost()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.link.lock().epoch()
    }

    /// What has become of messages to it, and when it was heard of last.
    pub(super) fn seen(&self) -> (Tally, Instant) {
        let link = self.link.lock();
        (link.tally(), link.heard())
    }

    /// A packet that is no part of the connection.
    pub(super) fn say(&self, kind: Kind, seq: u64, body: &[u8]) {
        let head = Head { seq, ..Head::new(kind, self.own, self.number) };
        self.transport.send(To::Node(&self.name), head.packet(body));
    }
}

impl Peers {
    pub(super) fn new(own: u64) -> Self {
        Self { own, joined: RwLock::default(), known: AtomicBool::new(false) }
    }

    /// From now on there may be others; false where this was so before.
    pub(super) fn join(
        &self,
        name: &str,
        transport: Arc<dyn Transport>,
        alarm: Arc<Alarm>,
    ) -> bool {
        let mut joined = self.joined.write();
        let is_new = joined.is_none() && !self.was_joined();
        if is_new {
            let (name, peers, asked) = (name.to_owned(), BTreeMap::new(), Mutex::default());
            *joined = Some(Joined { name, transport, alarm, peers, asked, first_epoch: 1 });
        }
        is_new
    }

    /// Others know its number.
    pub(super) fn note_joined(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_joined(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// What this node is called, once it is one.
    pub(super) fn name(&self) -> Option<String> {
        self.joined.read().as_ref().map(|joined| joined.name.clone())
    }

    /// There are none any more; gives those that there were.
    pub(super) fn leave(&self) -> Vec<Arc<Peer>> {
        let joined = self.joined.write().take();
        joined.map(|joined| joined.peers.into_values().collect()).unwrap_or_default()
    }

    /// The node of that number, met now if it was not before; None where this is no node, or it is the node itself.
    pub(super) fn meet(&self, name: &str, number: u64) -> Option<(Arc<Peer>, bool)> {
        if let Some(found) = self.get(number) {
            let may_speak = found.name == name && !found.has_left();
            return may_speak.then_some((found, false));
        }
        let mut joined = self.joined.write();
        let joined = joined.as_mut().filter(|_| number != self.own && node_of(number) == number)?;
        if joined.peers.len() >= MOST_PEERS {
            let lost = joined.peers.values().filter(|peer| peer.is_lost());
            let oldest = lost.min_by_key(|peer| peer.seen().1)?.number;
            let forgotten = joined.peers.remove(&oldest);
            let epoch = forgotten.map_or(0, |peer| peer.epoch());
            joined.first_epoch = joined.first_epoch.max(epoch + 1);
        }
        let peer = Arc::new(Peer::new(self.own, name, number, joined));
        joined.peers.insert(number, Arc::clone(&peer));
        Some((peer, true))
    }

    /// The node that has this domain.
    pub(super) fn get(&self, domain: u64) -> Option<Arc<Peer>> {
        self.joined.read().as_ref()?.peers.get(&node_of(domain)).cloned()
    }

    /// All that were met and are not forgotten.
    pub(super) fn all(&self) -> Vec<Arc<Peer>> {
        let joined = self.joined.read();
        joined.as_ref().map(|one| one.peers.values().cloned().collect()).unwrap_or_default()
    }

    /// Those of which something is heard.
    pub(super) fn there(&self) -> Vec<Arc<Peer>> {
        self.all().into_iter().filter(|peer| !peer.is_lost()).collect()
    }

    pub(super) fn is_there(&self, domain: u64) -> bool {
        self.get(domain).is_some_and(|peer| !peer.is_lost())
    }

    /// Forgets a domain of another node; whether it was known.
    pub(super) fn forget(&self, domain: u64) -> bool {
        let Some(peer) = self.get(domain) else { return false };
        let mut domains = peer.domains.lock();
        let before = domains.len();
        domains.retain(|(one, _)| *one != domain);
        domains.len() < before
    }

    /// Asks which node takes what is to be spawned; false where no other one is there.
    pub(super) fn ask(&self, frame: &[u8], source: Option<u64>) -> bool {
        if self.there().is_empty() {
            return false;
        }
        let joined = self.joined.read();
        let Some(joined) = &*joined else { return false };
        let mut asked = joined.asked.lock();
        if asked.waiting.len() >= MOST_ASKED || asked.bytes + frame.len() > WINDOW {
            return false;
        }
        asked.bytes += frame.len();
        asked.last += 1;
        let number = asked.last;
        let until = Instant::now() + PATIENCE;
        asked.waiting.insert(number, Question { frame: frame.to_vec(), source, until });
        drop(asked);
        let head = Head { seq: number, ..Head::new(Kind::Pick, self.own, 0) };
        joined.transport.send(To::Any, head.packet(&[]));
        joined.alarm.ring();
        true
    }

    /// Sends a packet to all, or to any.
    pub(super) fn say(&self, to: To<'_>, head: &Head, body: &[u8]) {
        if let Some(joined) = &*self.joined.read() {
            joined.transport.send(to, head.packet(body));
        }
    }

    /// What was asked under that number.
    pub(super) fn answered(&self, number: u64) -> Option<Question> {
        self.joined.read().as_ref()?.asked.lock().take(number)
    }

    /// What nobody has taken in time.
    pub(super) fn unanswered(&self) -> Vec<Question> {
        let joined = self.joined.read();
        let Some(joined) = &*joined else { return Vec::new() };
        let (mut asked, now) = (joined.asked.lock(), Instant::now());
        let late: Vec<u64> = asked
            .waiting
            .iter()
            .filter(|(_, one)| one.until <= now)
            .map(|(number, _)| *number)
            .collect();
        let late = late.iter().filter_map(|number| asked.take(*number)).collect();
        if !asked.waiting.is_empty() {
            joined.alarm.ring();
        }
        late
    }
}
