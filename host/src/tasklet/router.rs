//! Carries messages between the domains of a group, and to mailboxes of Rust.

use super::frame::{self, Frame, frames, the_domain};
use super::inbox::Inbox;
use super::mailbox::Boxes;
use crate::bridge::{Encoder, read_message};
use crate::convert::ToPython;
use crate::error::{ConversionError, Error, Result};
use crate::value::{Pid, Value};
use ophidia_abi::message::{ANY_DOMAIN, Kind};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are brought to a domain at once; what waits longer is checked again for its room.
const BATCH: usize = 1 << 20;

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
        let inbox = Arc::new(Inbox::default());
        self.domains.write().insert(domain, Arc::clone(&inbox));
        (domain, inbox)
    }

    /// The end of one: the others are told.
    pub(super) fn remove(&self, domain: u64) {
        self.domains.write().remove(&domain);
        let number = domain.cast_signed();
        for other in self.domains() {
            self.post(Kind::Control, the_domain(other), |out| ("gone", number).to_python(out));
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
            let others: Vec<i64> = all
                .iter()
                .filter(|other| *other != domain)
                .map(|other| other.cast_signed())
                .collect();
            self.post(Kind::Control, the_domain(*domain), |out| {
                ("domains", others.as_slice()).to_python(out)
            });
        }
    }

    /// The one with the fewest tasklets; of equal ones, each in its turn.
    fn least_busy(&self) -> Option<u64> {
        let domains = self.domains.read();
        let least = domains.values().map(|inbox| inbox.alive()).min()?;
        let free: Vec<u64> = domains
            .iter()
            .filter(|(_, inbox)| inbox.alive() == least)
            .map(|(domain, _)| *domain)
            .collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let index = usize::try_from(turn % free.len().max(1) as u64).unwrap_or_default();
        free.get(index).copied()
    }

    /// Carries what that domain, or the host, has written. One that is for nobody is lost, as one to a tasklet that has ended.
    pub(super) fn route(&self, source: Option<u64>, bytes: &[u8]) -> Result<()> {
        // Frames for one domain that follow one another go there at once.
        let (mut batch, mut home, mut count) = (Vec::new(), None, 0);
        for frame in frames(bytes) {
            let frame = frame?;
            if let (Kind::Control, Some(source)) = (frame.kind, source) {
                check_control(&frame, source)?;
            }
            let domain = match frame.to.domain {
                ANY_DOMAIN => self.least_busy().unwrap_or(ANY_DOMAIN),
                domain => domain,
            };
            if self.boxes.domain() == domain {
                self.count(self.boxes.deliver(&frame), 1);
                continue;
            }
            if home != Some(domain) || batch.len() >= BATCH {
                self.put(source, home, &mut batch, count);
                (home, count) = (Some(domain), 0);
                batch.clear();
            }
            if frame.bytes.len() >= BATCH && !self.has_room(domain, frame.bytes.len()) {
                self.count(false, 1);
                continue;
            }
            frame::copy_for(&mut batch, &frame, domain);
            count += 1;
        }
        self.put(source, home, &mut batch, count);
        Ok(())
    }

    /// Whether a large message would be taken.
    fn has_room(&self, domain: u64, len: usize) -> bool {
        self.domains.read().get(&domain).is_none_or(|inbox| inbox.has_room(len))
    }

    fn put(&self, source: Option<u64>, domain: Option<u64>, frames: &mut Vec<u8>, count: u64) {
        let Some(domain) = domain else { return };
        let inbox = self.domains.read().get(&domain).cloned();
        if let (None, Some(source)) = (&inbox, source) {
            let number = domain.cast_signed();
            self.post(Kind::Control, the_domain(source), |out| ("gone", number).to_python(out));
        }
        self.count(inbox.is_some_and(|inbox| inbox.put(frames, count)), count);
    }

    fn count(&self, delivered: bool, count: u64) {
        let counter = if delivered { &self.delivered } else { &self.lost };
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// Notes messages that their receiver had no room for.
    pub(super) fn lose(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    /// Messages that were brought to a domain or a mailbox, and those that were not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.delivered.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// A frame of the host's own, which is plain data.
    pub(super) fn post(
        &self,
        kind: Kind,
        to: Pid,
        value: impl FnOnce(&mut Encoder<'_>) -> Result<(), ConversionError>,
    ) {
        if let Ok(bytes) = frame::write(Vec::new(), kind, to, value) {
            let _ = self.route(None, &bytes);
        }
    }

    /// A message that the caller has made.
    pub(super) fn send(
        &self,
        kind: Kind,
        to: Pid,
        message: &dyn Fn(&mut Encoder<'_>) -> Result<(), ConversionError>,
    ) -> Result<()> {
        let bytes = frame::write(Vec::new(), kind, to, message)?;
        self.route(None, &bytes)
    }

    /// Whether a domain is there.
    pub(super) fn has(&self, domain: u64) -> bool {
        self.domains.read().contains_key(&domain) || self.boxes.domain() == domain
    }

    pub(super) fn refused(&self) -> u64 {
        self.domains.read().values().map(|inbox| inbox.refused()).sum()
    }
}

/// What the Python side of a domain says of itself and its own tasklets goes on; of others it has nothing to say.
fn check_control(frame: &Frame<'_>, source: u64) -> Result<()> {
    let forged = |what: &dyn std::fmt::Display| {
        Err(Error::GuestFault(format!("{what}, which is not for domain {source} to say")))
    };
    let value = read_message(frame.value, 1 << 20)?;
    let Value::Tuple(parts) = &value else { return forged(&value) };
    match &parts[..] {
        [Value::Str(word), ..] if word == "publish" => Ok(()),
        [Value::Str(word), Value::Int(domain)]
            if word == "watch" && domain.cast_unsigned() == source =>
        {
            Ok(())
        }
        [Value::Str(word), Value::Pid(pid), ..]
            if pid.domain == source && ["ended", "exit", "link", "unlink"].contains(&&**word) =>
        {
            Ok(())
        }
        _ => forged(&value),
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Router").field("domains", &self.domains()).finish_non_exhaustive()
    }
}
