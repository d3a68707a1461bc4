//! Carries messages between the domains of a group, and to mailboxes of Rust.

use super::boxes::{Boxes, Delivered};
use super::frame::{self, Frame, THE_DOMAIN, frames, node_of, the_domain};
use super::inbox::{BATCH, Batch, Inbox};
use super::peers::{Peer, Peers, Question};
use crate::bridge::{Encoder, Head, message_head};
use crate::convert::ToPython;
use crate::error::{ConversionError, Error, Result};
use crate::value::Pid;
use ophidia_abi::message::{ANY_DOMAIN, Kind};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who has written frames.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Host,
    /// A domain, and what says that the host has enough of it.
    Domain(u64, &'a (dyn Fn() -> Result<()> + Sync)),
    /// Another node.
    Node(u64),
}

impl Source<'_> {
    /// Whether a domain is its own.
    fn has(self, domain: u64) -> bool {
        match self {
            Self::Host => true,
            Self::Domain(number, _) => number == domain,
            Self::Node(number) => number == node_of(domain),
        }
    }
}

/// Where a frame goes.
enum Place {
    To(u64),
    /// It waits until a node takes it.
    Waits,
    Nowhere,
}

/// What has become of frames.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Routed {
    pub(super) brought: u64,
    pub(super) refused: u64,
}

impl Routed {
    fn note(&mut self, brought: bool, count: u64) {
        *(if brought { &mut self.brought } else { &mut self.refused }) += count;
    }
}

/// Whom frames go to at once.
enum Way {
    Home(Arc<Inbox>),
    Beyond(Arc<Peer>),
}

impl Way {
    /// Brings frames; gives back those that there is no room for.
    fn put(&self, batch: Batch) -> Option<Batch> {
        match self {
            Self::Home(inbox) => inbox.put(batch),
            Self::Beyond(peer) => peer.put(batch),
        }
    }

    /// Whether there is room for a large frame, before it is copied; notes it where there is none.
    fn takes(&self, len: usize) -> bool {
        match self {
            Self::Home(inbox) => inbox.has_room(len),
            Self::Beyond(peer) => peer.takes(len),
        }
    }
}

/// Numbers of domains are never used again in a process: a random start, and a count.
pub(super) struct Router {
    next: AtomicU64,
    turn: AtomicU64,
    domains: RwLock<BTreeMap<u64, Arc<Inbox>>>,
    pub(super) boxes: Boxes,
    pub(super) peers: Peers,
    introducing: Mutex<()>,
    delivered: AtomicU64,
    lost: AtomicU64,
}

impl Router {
    pub(super) fn new() -> Result<Self> {
        let start = getrandom::u64().map_err(|error| {
            Error::host(format!("no random number for a group: {error}")).because(error)
        })?;
        // Never 0, which is an interpreter by itself, and never near the end.
        let start = node_of(start >> 1) | 1 << 24;
        Ok(Self {
            next: AtomicU64::new(start + 1),
            turn: AtomicU64::new(0),
            domains: RwLock::default(),
            boxes: Boxes::new(start),
            peers: Peers::new(start),
            introducing: Mutex::default(),
            delivered: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        })
    }

    /// A new domain with its inbox.
    pub(super) fn add(&self) -> (u64, Arc<Inbox>) {
        let domain = self.next.fetch_add(1, Ordering::Relaxed);
        let inbox = Arc::new(Inbox::new(domain));
        self.domains.write().insert(domain, Arc::clone(&inbox));
        (domain, inbox)
    }

    /// The number of this node.
    pub(super) fn number(&self) -> u64 {
        self.boxes.domain()
    }

    /// The end of one: the others are told.
    pub(super) fn remove(&self, domain: u64) {
        self.domains.write().remove(&domain);
        self.forget(domain, true);
        for peer in self.peers.there() {
            self.tell_gone(peer.number, domain);
        }
    }

    /// A domain is gone, or a node with all its domains: whoever is here is told.
    pub(super) fn forget(&self, domain: u64, is_known: bool) {
        let all: Vec<_> = self.domains.read().values().cloned().collect();
        for one in all {
            one.note_gone(domain, is_known);
        }
        self.boxes.gone(domain, is_known);
    }

    /// Says to another node that there is no such domain.
    fn tell_gone(&self, node: u64, domain: u64) {
        let gone = the_domain(domain);
        self.post(Kind::Control, the_domain(node), |out| ("gone", gone).to_python(out));
    }

    pub(super) fn domains(&self) -> Vec<u64> {
        self.domains.read().keys().copied().collect()
    }

    /// Its domains, and how many tasklets live in each.
    pub(super) fn loads(&self) -> Vec<(u64, u64)> {
        self.domains.read().iter().map(|(domain, inbox)| (*domain, inbox.alive())).collect()
    }

    /// Bytes of memory that a domain has.
    pub(super) fn memory(&self, domain: u64) -> u64 {
        self.inbox(domain).map_or(0, |inbox| inbox.memory())
    }

    /// Says to each which others there are, those of other nodes included.
    pub(super) fn introduce(&self) {
        // What is said last is what is so.
        let _introducing = self.introducing.lock();
        let mut all = self.domains();
        let own = all.len();
        for peer in self.peers.there() {
            all.extend(peer.domains.lock().iter().map(|(domain, _)| *domain));
        }
        for domain in all.iter().take(own) {
            let others: Vec<u64> = all.iter().copied().filter(|other| other != domain).collect();
            self.post(Kind::Control, the_domain(*domain), |out| {
                ("domains", others.as_slice()).to_python(out)
            });
        }
        let there = self.peers.there();
        let mut nodes: Vec<_> = there.iter().map(|peer| (peer.name.clone(), peer.number)).collect();
        nodes.sort();
        match self.peers.name() {
            Some(name) => nodes.insert(0, (name, self.number())),
            None if self.peers.was_joined() => {}
            None => return,
        }
        for domain in all.iter().take(own) {
            self.post(Kind::Control, the_domain(*domain), |out| {
                ("nodes", nodes.as_slice()).to_python(out)
            });
        }
    }

    /// Brings what was to be spawned wherever to a domain; if there is none, who asked is told.
    pub(super) fn place_at(&self, domain: Option<u64>, question: &Question) {
        let found = domain.filter(|domain| self.has(*domain)).is_some_and(|domain| {
            let mut bytes = Vec::with_capacity(question.frame.len());
            for frame in frames(&question.frame).flatten() {
                frame::copy_for(&mut bytes, &frame, domain);
            }
            self.route(Source::Host, &bytes).is_ok()
        });
        if found {
            return;
        }
        match question.source.and_then(|source| self.inbox(source)) {
            Some(inbox) => inbox.note_gone(ANY_DOMAIN, true),
            None => self.boxes.gone(ANY_DOMAIN, false),
        }
    }

    /// The one with the fewest tasklets, among those that have started if any have; of equal ones, each in its turn.
    pub(super) fn least_busy(&self) -> Option<u64> {
        let domains = self.domains.read();
        let busy = |inbox: &Inbox| (!inbox.has_owner(), inbox.alive());
        let all: Vec<_> = domains.iter().map(|(domain, inbox)| (busy(inbox), *domain)).collect();
        let least = all.iter().map(|(busy, _)| *busy).min()?;
        let free = all.iter().filter(|(busy, _)| *busy == least);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let index = usize::try_from(turn % free.clone().count().max(1) as u64).unwrap_or_default();
        free.map(|(_, domain)| *domain).nth(index)
    }

    fn inbox(&self, domain: u64) -> Option<Arc<Inbox>> {
        self.domains.read().get(&domain).cloned()
    }

    /// Carries frames; gives how many were brought, and how many were not. One that is for nobody is lost, as one to a tasklet
    /// that has ended.
    ///
    /// # Errors
    ///
    /// What a guest has written that is no frame, or is not for it to say.
    pub(super) fn route(&self, source: Source<'_>, bytes: &[u8]) -> Result<Routed> {
        let mut routed = Routed::default();
        let result = self.carry(source, bytes, &mut routed);
        self.delivered.fetch_add(routed.brought, Ordering::Relaxed);
        self.lose(routed.refused);
        result.map(|()| routed)
    }

    fn carry(&self, source: Source<'_>, bytes: &[u8], routed: &mut Routed) -> Result<()> {
        // Frames for one domain, or one node, that follow one another go there at once.
        let (mut way, mut batch) = (None::<(u64, Way)>, Batch::default());
        let mut looked = 0;
        for frame in frames(bytes) {
            let frame = frame?;
            looked += frame.bytes.len();
            if looked >= BATCH {
                looked = 0;
                if let Source::Domain(_, check) = source {
                    check()?;
                }
            }
            let place =
                if is_said(&frame, source)? { self.place(&frame, source) } else { Place::Nowhere };
            let Place::To(domain) = place else {
                routed.note(matches!(place, Place::Waits), 1);
                continue;
            };
            if self.boxes.domain() == domain {
                routed.note(self.deliver(&frame, source), 1);
                continue;
            }
            let is_here = node_of(domain) == self.number();
            let key = if is_here { domain } else { node_of(domain) };
            if way.as_ref().is_none_or(|(last, _)| *last != key)
                || batch.frames.len() + frame.bytes.len() > BATCH
            {
                self.put(way.as_ref(), &mut batch, source, routed);
                way = self.way(domain, source).map(|way| (key, way));
            }
            let Some((_, to)) = &way else {
                self.nobody(source, domain);
                routed.refused += 1;
                continue;
            };
            if frame.bytes.len() >= BATCH && !to.takes(frame.bytes.len()) {
                self.answer_for(&frame, source, "noconnection");
                routed.refused += 1;
                continue;
            }
            frame::copy_for(&mut batch.frames, &frame, domain);
            batch.count += 1;
        }
        self.put(way.as_ref(), &mut batch, source, routed);
        Ok(())
    }

    fn place(&self, frame: &Frame<'_>, source: Source<'_>) -> Place {
        let domain = frame.to.domain;
        let from_beyond = matches!(source, Source::Node(_));
        if domain == ANY_DOMAIN && !from_beyond {
            let asker = if let Source::Domain(number, _) = source { Some(number) } else { None };
            if self.peers.ask(frame.bytes, asker) {
                return Place::Waits;
            }
            return Place::To(self.least_busy().unwrap_or(ANY_DOMAIN));
        }
        // What is for a node as a whole is for the domain with the least to do; but what it is told is for the router.
        if frame.to == the_domain(self.number()) && frame.kind == Kind::Send {
            return Place::To(self.least_busy().unwrap_or(domain));
        }
        let is_here = node_of(domain) == self.number();
        if from_beyond && !is_here { Place::Nowhere } else { Place::To(domain) }
    }

    fn way(&self, domain: u64, source: Source<'_>) -> Option<Way> {
        if let Some(inbox) = self.inbox(domain) {
            return Some(Way::Home(inbox));
        }
        if matches!(source, Source::Node(_)) {
            return None;
        }
        self.peers.get(domain).filter(|peer| !peer.is_lost()).map(Way::Beyond)
    }

    /// There is no such domain: who has asked is told.
    fn nobody(&self, source: Source<'_>, domain: u64) {
        match source {
            Source::Host => {}
            Source::Domain(number, _) => {
                if let Some(inbox) = self.inbox(number) {
                    inbox.note_gone(domain, false);
                }
            }
            Source::Node(number) => self.tell_gone(number, domain),
        }
    }

    /// Answers for a tasklet that is not there, or not reached.
    fn answer_for(&self, frame: &Frame<'_>, source: Source<'_>, reason: &str) {
        let to = frame.to;
        let Some(Head { word, about: Some(about), number }) = message_head(frame.value) else {
            return;
        };
        match (frame.kind, word, number) {
            (Kind::Control, "watch", _) => {
                self.post(Kind::Control, about, |out| ("ended", to, reason).to_python(out));
            }
            (Kind::Control, "link", _) => {
                self.post(Kind::Control, about, |out| ("exit", to, reason, true).to_python(out));
            }
            // That one is not there is told by its end.
            (Kind::Send, "$call", Some(number))
                if reason == "noconnection" && source.has(about.domain) =>
            {
                self.post(Kind::Control, about, |out| ("refused", to, number).to_python(out));
            }
            _ => {}
        }
    }

    /// To a mailbox of Rust, or to this node as a whole.
    fn deliver(&self, frame: &Frame<'_>, source: Source<'_>) -> bool {
        if frame.to.index == THE_DOMAIN && frame.kind == Kind::Send {
            // No interpreter is left that could answer.
            self.answer_for(frame, source, "noconnection");
            return false;
        }
        if let (THE_DOMAIN, Source::Node(_)) = (frame.to.index, source) {
            if let Some(Head { word: "gone", about: Some(gone), .. }) = message_head(frame.value) {
                self.forget(gone.domain, self.peers.forget(gone.domain));
            }
            return true;
        }
        let delivered = self.boxes.deliver(frame);
        if delivered == Delivered::Nobody {
            self.answer_for(frame, source, "noproc");
        }
        delivered == Delivered::Brought
    }

    /// Brings a batch, and leaves none.
    fn put(
        &self,
        way: Option<&(u64, Way)>,
        batch: &mut Batch,
        source: Source<'_>,
        routed: &mut Routed,
    ) {
        let batch = std::mem::take(batch);
        let (Some((_, way)), 1..) = (way, batch.count) else { return };
        let count = batch.count;
        let refused = way.put(batch);
        routed.note(refused.is_none(), count);
        // Who watches, links or calls by one of these has to know.
        for frame in refused.iter().flat_map(|refused| frames(&refused.frames)).flatten() {
            self.answer_for(&frame, source, "noconnection");
            if let (Kind::Control, Way::Beyond(peer)) = (frame.kind, way) {
                // Others there wait for what this says: without it the connection is worth nothing.
                peer.overrun();
            }
        }
    }

    /// Notes messages that nobody got.
    pub(super) fn lose(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    /// Messages that were brought to a domain or a mailbox, and those that were not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.delivered.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// A frame of the host's own, which is plain data; whether it was brought.
    pub(super) fn post(
        &self,
        kind: Kind,
        to: Pid,
        value: impl FnOnce(&mut Encoder<'_>) -> Result<(), ConversionError>,
    ) -> bool {
        self.send(kind, to, value).unwrap_or_default()
    }

    /// A message that the caller has made; whether it was brought.
    pub(super) fn send(
        &self,
        kind: Kind,
        to: Pid,
        message: impl FnOnce(&mut Encoder<'_>) -> Result<(), ConversionError>,
    ) -> Result<bool> {
        let bytes = frame::write(Vec::new(), kind, to, message)?;
        self.route(Source::Host, &bytes).map(|routed| routed.refused == 0)
    }

    /// Whether a domain is there, as far as is known.
    pub(super) fn has(&self, domain: u64) -> bool {
        self.domains.read().contains_key(&domain)
            || [self.number(), ANY_DOMAIN].contains(&domain)
            || self.peers.is_there(domain)
    }
}

/// Whether a frame goes on. Domains themselves are only called, and hear what the Python side of another one says of itself
/// and its own tasklets. What is said of others is no message at all.
fn is_said(frame: &Frame<'_>, source: Source<'_>) -> Result<bool> {
    let to_domain = frame.to.index == THE_DOMAIN;
    if matches!(source, Source::Host) || (frame.kind != Kind::Control && !to_domain) {
        return Ok(true);
    }
    let head = message_head(frame.value);
    let own = head.and_then(|head| head.about).filter(|about| source.has(about.domain));
    let by_node = matches!(source, Source::Node(_));
    match (frame.kind, head.map(|head| head.word)) {
        (Kind::Send, Some("$call")) => Ok(own.is_some()),
        (Kind::Control, Some("publish")) if to_domain => Ok(true),
        (Kind::Control, Some("gone")) if to_domain && by_node && own.is_some() => Ok(true),
        // It has no room for a call: the call's own tasklet hears of that.
        (Kind::Control, Some("refused")) if by_node && !to_domain && own.is_some() => Ok(true),
        (Kind::Control, Some("watch"))
            if own.is_some_and(|own| by_node || own.index == THE_DOMAIN) =>
        {
            Ok(true)
        }
        (Kind::Control, Some("ended" | "exit" | "link" | "unlink")) if own.is_some() => Ok(true),
        (Kind::Control, word) => {
            let word = word.unwrap_or("nothing that is known");
            let who = match source {
                Source::Node(number) => format!("node {number}"),
                Source::Domain(number, _) => format!("domain {number}"),
                Source::Host => "the host".to_owned(),
            };
            Err(Error::GuestFault(format!("{who} says {word:.40?} of what is not its own")))
        }
        // What a program sends to a domain as to a tasklet.
        _ => Ok(false),
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Router").field("domains", &self.domains()).finish_non_exhaustive()
    }
}
