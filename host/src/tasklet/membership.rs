//! What a node does with what it hears of others, and with what it does not hear.

use super::event::NodeEvent;
use super::frame::node_of;
use super::hello::Hello;
use super::packet::{Head, Kind};
use super::peers::{Alarm, Peer};
use super::router::{Router, Source};
use super::transport::{Listener, To, Transport};
use crate::error::Result;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What has come waits so long before it is said that it has.
const SAID_WITHIN: Duration = Duration::from_millis(10);

/// Characters of a name.
pub(super) const MOST_NAME: usize = 64;

pub(super) fn is_name(name: &str) -> bool {
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

/// A node as the others know it.
pub(super) struct Membership {
    pub(super) name: String,
    /// When it has joined, in milliseconds since 1970.
    since: u64,
    pub(super) router: Arc<Router>,
    transport: Arc<dyn Transport>,
    alarm: Arc<Alarm>,
    lost_after: Duration,
    on_event: Box<dyn Fn(&NodeEvent) + Send + Sync>,
    state: Mutex<State>,
    /// One thing at a time: what is heard, and what is missed.
    pub(super) turn: Mutex<()>,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = out.debug_struct("Membership");
        out.field("name", &self.name).field("router", &self.router).finish_non_exhaustive()
    }
}

impl Membership {
    pub(super) fn new(
        name: String,
        router: Arc<Router>,
        transport: Arc<dyn Transport>,
        alarm: Arc<Alarm>,
        lost_after: Duration,
        on_event: Box<dyn Fn(&NodeEvent) + Send + Sync>,
    ) -> Self {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX) & (u64::MAX >> 1);
        let (state, turn) = (Mutex::new(State::Joins), Mutex::default());
        Self { name, since, router, transport, alarm, lost_after, on_event, state, turn }
    }

    /// Begins to listen, and asks who is there.
    pub(super) fn ask(self: &Arc<Self>) -> Result<()> {
        let takes_any = !self.router.domains().is_empty();
        self.transport.listen(&self.name, takes_any, Arc::clone(self) as _)?;
        self.greet(Kind::Asks);
        Ok(())
    }

    /// Does nothing any more that is due.
    pub(super) fn end(&self) {
        self.alarm.end();
    }

    /// Waits until what was said last has gone.
    pub(super) fn wait(&self, within: Duration) {
        self.transport.closed(within);
    }

    /// Joins, unless another one was heard of that has the name.
    pub(super) fn take_name(&self) -> bool {
        let mut state = self.state.lock();
        if *state == State::Replaced {
            return false;
        }
        *state = State::Joined;
        drop(state);
        self.router.peers.note_joined();
        self.router.introduce();
        true
    }

    /// Does what is due, until the end.
    pub(super) fn run(&self) {
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

    pub(super) fn leave(&self) {
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

impl Listener for Membership {
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
