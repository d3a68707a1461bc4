//! Carries messages between the domains of a group, and to mailboxes of Rust.

use super::boxes::{Boxes, Delivered};
use super::frame::{self, Frame, THE_DOMAIN, frames, the_domain};
use super::inbox::{BATCH, Batch, Inbox};
use crate::bridge::{Encoder, Head, message_head};
use crate::convert::ToPython;
use crate::error::{ConversionError, Error, Result};
use crate::value::Pid;
use ophidia_abi::message::{ANY_DOMAIN, Kind};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who has written frames.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Host,
    /// A domain, and what says that the host has enough of it.
    Domain(u64, &'a (dyn Fn() -> Result<()> + Sync)),
}

/// Numbers of domains are never used again in a process: a random start, and a count.
pub(super) struct Router {
    next: AtomicU64,
    turn: AtomicU64,
    domains: RwLock<BTreeMap<u64, Arc<Inbox>>>,
    pub(super) boxes: Boxes,
    delivered: AtomicU64,
    lost: AtomicU64,
}

impl Router {
    pub(super) fn new() -> Result<Self> {
        let start = getrandom::u64()
            .map_err(|error| Error::Host(format!("no random number for a group: {error}")))?;
        // Never 0, which is an interpreter by itself, and never near the end.
        let start = (start >> 1) & !0xff_ffff | 1 << 24;
        Ok(Self {
            next: AtomicU64::new(start + 1),
            turn: AtomicU64::new(0),
            domains: RwLock::default(),
            boxes: Boxes::new(start),
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

    /// The end of one: the others are told.
    pub(super) fn remove(&self, domain: u64) {
        self.domains.write().remove(&domain);
        let others: Vec<_> = self.domains.read().values().cloned().collect();
        for other in others {
            other.note_gone(domain, true);
        }
        self.boxes.gone(domain);
    }

    pub(super) fn domains(&self) -> Vec<u64> {
        self.domains.read().keys().copied().collect()
    }

    /// Says to each which others there are.
    pub(super) fn introduce(&self) {
        let all = self.domains();
        for domain in &all {
            let others: Vec<u64> = all.iter().copied().filter(|other| other != domain).collect();
            self.post(Kind::Control, the_domain(*domain), |out| {
                ("domains", others.as_slice()).to_python(out)
            });
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

    /// Carries frames; gives whether all were brought. One that is for nobody is lost, as one to a tasklet that has ended.
    ///
    /// # Errors
    ///
    /// What a guest has written that is no frame, or is not for it to say.
    pub(super) fn route(&self, source: Source<'_>, bytes: &[u8]) -> Result<bool> {
        // Frames for one domain that follow one another go there at once.
        let (mut home, mut batch) = (None::<(u64, Arc<Inbox>)>, Batch::default());
        let (mut brought, mut looked) = (true, 0);
        for frame in frames(bytes) {
            let frame = frame?;
            if let Source::Domain(number, check) = source {
                if !is_said(&frame, number)? {
                    self.lose(1);
                    continue;
                }
                looked += frame.bytes.len();
                if looked >= BATCH {
                    looked = 0;
                    check()?;
                }
            }
            let domain = match frame.to.domain {
                ANY_DOMAIN => self.least_busy().unwrap_or(ANY_DOMAIN),
                domain => domain,
            };
            if self.boxes.domain() == domain {
                brought &= self.deliver(&frame);
                continue;
            }
            if home.as_ref().is_none_or(|(home, _)| *home != domain) || batch.frames.len() >= BATCH
            {
                brought &= self.put(home.take(), &mut batch);
                let Some(inbox) = self.inbox(domain) else {
                    self.nobody(source, domain);
                    brought = false;
                    continue;
                };
                home = Some((domain, inbox));
            }
            let Some((_, inbox)) = &home else { continue };
            if frame.bytes.len() >= BATCH && !inbox.has_room(frame.bytes.len()) {
                self.lose(1);
                brought = false;
                continue;
            }
            frame::copy_for(&mut batch.frames, &frame, domain);
            batch.count += 1;
        }
        Ok(self.put(home, &mut batch) && brought)
    }

    /// There is no such domain.
    fn nobody(&self, source: Source<'_>, domain: u64) {
        self.lose(1);
        if let Source::Domain(number, _) = source
            && let Some(inbox) = self.inbox(number)
        {
            inbox.note_gone(domain, false);
        }
    }

    /// To a mailbox of Rust. Who watches or links one that is not there is told.
    fn deliver(&self, frame: &Frame<'_>) -> bool {
        let delivered = self.boxes.deliver(frame);
        self.count(delivered == Delivered::Brought, 1);
        let to = frame.to;
        if (delivered, frame.kind) != (Delivered::Nobody, Kind::Control) {
            return delivered == Delivered::Brought;
        }
        match message_head(frame.value) {
            Some(Head { word: "watch", about: Some(watcher) }) => {
                self.post(Kind::Control, watcher, |out| ("ended", to, "noproc").to_python(out));
            }
            Some(Head { word: "link", about: Some(linked) }) => {
                self.post(Kind::Control, linked, |out| ("exit", to, "noproc", true).to_python(out));
            }
            _ => {}
        }
        false
    }

    fn put(&self, home: Option<(u64, Arc<Inbox>)>, batch: &mut Batch) -> bool {
        let Some((_, inbox)) = home.filter(|_| batch.count > 0) else { return true };
        let count = batch.count;
        let brought = inbox.put(batch);
        self.count(brought, count);
        brought
    }

    fn count(&self, delivered: bool, count: u64) {
        let counter = if delivered { &self.delivered } else { &self.lost };
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// Notes messages that nobody got.
    pub(super) fn lose(&self, count: u64) {
        self.count(false, count);
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
        self.route(Source::Host, &bytes)
    }

    /// Whether a domain is there.
    pub(super) fn has(&self, domain: u64) -> bool {
        self.domains.read().contains_key(&domain) || self.boxes.domain() == domain
    }
}

/// Whether a frame of that domain goes on. Domains themselves are only called, and hear what the Python side of another one
/// says of itself and its own tasklets.
fn is_said(frame: &Frame<'_>, source: u64) -> Result<bool> {
    let to_domain = frame.to.index == THE_DOMAIN;
    if frame.kind != Kind::Control && !to_domain {
        return Ok(true);
    }
    let head = message_head(frame.value);
    let own = head.and_then(|head| head.about).filter(|about| about.domain == source);
    match (frame.kind, head.map(|head| head.word)) {
        (Kind::Send, Some("$call")) => Ok(own.is_some()),
        (Kind::Control, Some("publish")) if to_domain => Ok(true),
        (Kind::Control, Some("watch")) if own.is_some_and(|own| own.index == THE_DOMAIN) => {
            Ok(true)
        }
        (Kind::Control, Some("ended" | "exit" | "link" | "unlink")) if own.is_some() => Ok(true),
        (Kind::Control, word) => {
            let word = word.unwrap_or("nothing that is known");
            let said = format!("domain {source} says {word:.40?} of what is not its own");
            Err(Error::GuestFault(said))
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
