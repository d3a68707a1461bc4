//! The connection of two nodes: what a transport loses is sent again, what it doubles is dropped, and what it changes the
//! order of is put right. It knows neither clocks nor transports: it is told the time, and gives packets.
//!
//! Packets are numbered from 1, and kept until the other has them: at most a window of them, so a node that is slow costs no
//! more than that. Where one is missing, those from there on are sent again; those that came before their turn are kept. A node of which nothing is heard for long is
//! lost, and what it may not have got is given up; then both begin anew, in the next epoch. Whoever hears of a later
//! epoch than its own goes there, so the two always find the same one.

use super::packet::{Head, Kind};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Bytes that are kept until the other has them.
pub(super) const WINDOW: usize = 32 << 20;

/// Bytes that may have come before it is said that they have.
const SAID: usize = 1 << 20;

/// After so long without a word about it, a packet is sent again; twice as long each time, up to the last.
const AGAIN: Duration = Duration::from_millis(200);
const AGAIN_AT_MOST: Duration = Duration::from_secs(2);

/// After the last message, it is said so often again what has come.
const REMINDERS: u8 = 3;

/// Packets that are kept before their turn.
const MOST_EARLY: usize = 1 << 16;

/// Bytes that are sent again at once.
const MOST_AGAIN: usize = 2 << 20;

/// Epochs that the other may be ahead.
const MOST_AHEAD: u64 = 1 << 32;

/// What has become of messages to another node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Messages that were to go there, all in all.
    pub sent: u64,
    /// Those that were brought to whom they were for.
    pub delivered: u64,
    /// Those that were not: there was no room for them here or there, or nobody whom they were for.
    pub refused: u64,
    /// Those that were on their way when the connection was lost: each was brought once, or not at all.
    pub lost: u64,
}

impl Tally {
    /// Those of which nothing is known yet.
    #[must_use]
    pub fn on_their_way(&self) -> u64 {
        self.sent - self.delivered - self.refused - self.lost
    }
}

/// A packet that the other may not have.
#[derive(Debug)]
struct Waiting {
    kind: Kind,
    seq: u64,
    count: u16,
    body: Vec<u8>,
}

/// What has come of a packet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard<'a> {
    /// The connection was lost: what was said before it is over.
    pub(super) broken: bool,
    /// It was lost, and is there again.
    pub(super) found: bool,
    /// Frames that have come now, whole and in order.
    pub(super) frames: Option<Cow<'a, [u8]>>,
}

#[derive(Debug)]
pub(super) struct Link {
    own: u64,
    peer: u64,
    /// Bytes of a packet without its head.
    most: usize,
    epoch: u64,
    /// Nothing was heard of it for long, or it has left.
    lost: bool,
    heard: Instant,
    tally: Tally,
    /// What was said of this epoch's messages: brought, and not.
    known: (u64, u64),
    // Those that go.
    next: u64,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    again: Option<(Instant, Duration)>,
    // Those that come.
    expected: u64,
    /// Packets that came before their turn, by their numbers, and the bytes of all.
    early: BTreeMap<u64, (Kind, Vec<u8>)>,
    early_bytes: usize,
    part: Vec<u8>,
    came: (u64, u64),
    unsaid: Option<usize>,
    asked: Option<Instant>,
    /// How often it is still to be said again what has come.
    reminders: u8,
    /// When packets were sent again for the other's asking.
    repeated: Option<Instant>,
    overrun: bool,
}

impl Link {
    pub(super) fn new(own: u64, peer: u64, most: usize, now: Instant) -> Self {
        Self {
            own,
            peer,
            most,
            epoch: 1,
            lost: false,
            heard: now,
            tally: Tally::default(),
            known: (0, 0),
            next: 1,
            waiting: VecDeque::new(),
            bytes: 0,
            again: None,
            expected: 1,
            early: BTreeMap::new(),
            early_bytes: 0,
            part: Vec::new(),
            came: (0, 0),
            unsaid: None,
            asked: None,
            reminders: 0,
            repeated: None,
            overrun: false,
        }
    }

    /// The same, beginning with that epoch.
    pub(super) fn starting_at(mut self, epoch: u64) -> Self {
        self.epoch = epoch;
        self
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether there is anything to do soon.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || self.unsaid.is_some()
    }

    pub(super) fn has_room(&self, len: usize) -> bool {
        !self.lost && self.bytes + len <= WINDOW
    }

    /// The same; a message that there is no room for is refused with this.
    pub(super) fn takes(&mut self, len: usize) -> bool {
        let has_room = self.has_room(len);
        if !has_room {
            self.tally.sent += 1;
            self.tally.refused += 1;
        }
        has_room
    }

    fn head(&self, kind: Kind) -> Head {
        let (delivered, refused) = self.came;
        let mut head = Head::new(kind, self.own, self.peer);
        (head.epoch, head.ack) = (self.epoch, self.expected - 1);
        (head.delivered, head.refused) = (delivered, refused);
        head
    }

    /// Says what has come, along with whatever is sent.
    fn says(&mut self, kind: Kind) -> Head {
        self.unsaid = None;
        self.head(kind)
    }

    /// Sends frames, whole ones; whether they go.
    pub(super) fn send(
        &mut self,
        frames: &[u8],
        count: u16,
        now: Instant,
        out: &mut Vec<Vec<u8>>,
    ) -> bool {
        self.tally.sent += u64::from(count);
        if !self.has_room(frames.len()) {
            self.tally.refused += u64::from(count);
            return false;
        }
        let mut rest = frames;
        loop {
            let (body, after) = rest.split_at(self.most.min(rest.len()));
            rest = after;
            let (kind, count) = if rest.is_empty() { (Kind::Data, count) } else { (Kind::Part, 0) };
            let seq = self.next;
            self.next += 1;
            let mut head = self.says(kind);
            (head.seq, head.count) = (seq, count);
            out.push(head.packet(body));
            self.bytes += body.len();
            self.waiting.push_back(Waiting { kind, seq, count, body: body.to_vec() });
            if rest.is_empty() {
                break;
            }
        }
        self.again.get_or_insert((now + AGAIN, AGAIN));
        true
    }

    /// A packet of the other, of whatever kind.
    pub(super) fn hear<'a>(
        &mut self,
        head: &Head,
        body: &'a [u8],
        now: Instant,
        out: &mut Vec<Vec<u8>>,
    ) -> Heard<'a> {
        let mut heard = Heard::default();
        if head.epoch.saturating_sub(self.epoch) > MOST_AHEAD {
            return heard;
        }
        self.heard = now;
        if head.epoch > self.epoch {
            // It has lost this side, or was found again by another packet: whatever was before is over.
            heard.broken = !self.lost;
            self.begin(head.epoch);
        }
        heard.found = std::mem::take(&mut self.lost);
        if head.epoch < self.epoch {
            // It does not know yet: it learns of it by any packet.
            if matches!(head.kind, Kind::Data | Kind::Part | Kind::Missing) {
                out.push(self.head(Kind::Ack).packet(&[]));
            }
            return heard;
        }
        self.acknowledge(head, now);
        match head.kind {
            Kind::Data | Kind::Part => heard.frames = self.take(head, body, now, out),
            Kind::Missing => self.repeat_asked(now, out),
            _ => {}
        }
        if self.part.len() > WINDOW {
            // No node of this program sends so much at once.
            heard.broken = true;
            self.give_up();
        }
        heard
    }

    /// What the other says of what it has got.
    fn acknowledge(&mut self, head: &Head, now: Instant) {
        if head.ack >= self.next {
            return;
        }
        let mut got = false;
        while let Some(first) = self.waiting.front().filter(|first| first.seq <= head.ack) {
            self.bytes -= first.body.len();
            self.waiting.pop_front();
            got = true;
        }
        if got {
            self.again = (!self.waiting.is_empty()).then(|| (now + AGAIN, AGAIN));
        }
        // No more are accounted for than there are, whatever it says.
        let (delivered, refused) = self.known;
        let more = head.delivered.saturating_sub(delivered).min(self.tally.on_their_way());
        self.tally.delivered += more;
        let not = head.refused.saturating_sub(refused).min(self.tally.on_their_way());
        self.tally.refused += not;
        self.known = (delivered + more, refused + not);
    }

    fn take<'a>(
        &mut self,
        head: &Head,
        body: &'a [u8],
        now: Instant,
        out: &mut Vec<Vec<u8>>,
    ) -> Option<Cow<'a, [u8]>> {
        if head.seq != self.expected {
            self.unsaid.get_or_insert_default();
            if head.seq > self.expected {
                self.keep(head, body);
                self.ask(now, out);
            }
            return None;
        }
        self.asked = None;
        let mut frames = self.accept(head.kind, Cow::Borrowed(body));
        while let Some((kind, body)) = self.early.remove(&self.expected) {
            self.early_bytes -= body.len();
            match (self.accept(kind, Cow::Owned(body)), &mut frames) {
                (Some(more), Some(frames)) => frames.to_mut().extend_from_slice(&more),
                (Some(more), None) => frames = Some(more),
                (None, _) => {}
            }
        }
        self.say_if_much(out);
        frames
    }

    /// Keeps a packet until it is its turn, where there is room; else it comes again.
    fn keep(&mut self, head: &Head, body: &[u8]) {
        let has_room = self.early.len() < MOST_EARLY && self.early_bytes + body.len() <= WINDOW;
        if has_room && !self.early.contains_key(&head.seq) {
            self.early_bytes += body.len();
            self.early.insert(head.seq, (head.kind, body.to_vec()));
        }
    }

    /// Asks for what is missing, now and then.
    fn ask(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        if self.asked.is_none_or(|asked| now - asked >= AGAIN / 4) {
            self.asked = Some(now);
            let head = Head { seq: self.expected, ..self.says(Kind::Missing) };
            out.push(head.packet(&[]));
        }
    }

    /// The next packet: what is whole with it.
    fn accept<'a>(&mut self, kind: Kind, body: Cow<'a, [u8]>) -> Option<Cow<'a, [u8]>> {
        self.expected += 1;
        *self.unsaid.get_or_insert_default() += body.len();
        if kind == Kind::Data && self.part.is_empty() {
            return Some(body);
        }
        self.part.extend_from_slice(&body);
        (kind == Kind::Data).then(|| Cow::Owned(std::mem::take(&mut self.part)))
    }

    fn say_if_much(&mut self, out: &mut Vec<Vec<u8>>) {
        if self.unsaid.is_some_and(|bytes| bytes >= SAID) {
            let head = self.says(Kind::Ack);
            out.push(head.packet(&[]));
        }
    }

    /// Says again what has come: nobody acknowledges that, so the last time may be lost.
    pub(super) fn remind(&mut self, out: &mut Vec<Vec<u8>>) {
        if self.reminders > 0 && !self.lost {
            self.reminders -= 1;
            out.push(self.head(Kind::Ack).packet(&[]));
        }
    }

    /// What has to come there does not.
    pub(super) fn overrun(&mut self) {
        self.overrun = true;
    }

    /// What has become of the messages that came in an epoch.
    pub(super) fn brought(
        &mut self,
        epoch: u64,
        delivered: u64,
        refused: u64,
        out: &mut Vec<Vec<u8>>,
    ) {
        if epoch != self.epoch {
            return;
        }
        self.reminders = REMINDERS;
        self.came.0 += delivered;
        self.came.1 += refused;
        self.unsaid.get_or_insert_default();
        self.say_if_much(out);
    }

    /// The same where the other asks for it: whoever does so all the time gets no more than who does now and then.
    fn repeat_asked(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        if self.repeated.is_none_or(|repeated| now - repeated >= AGAIN / 4) {
            self.repeated = Some(now);
            self.repeat(now, out);
        }
    }

    /// Sends the first of those again that the other may not have.
    fn repeat(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        let mut bytes = 0;
        let mut head = self.head(Kind::Data);
        for one in &self.waiting {
            (head.kind, head.seq, head.count) = (one.kind, one.seq, one.count);
            out.push(head.packet(&one.body));
            bytes += one.body.len();
            if bytes >= MOST_AGAIN {
                break;
            }
        }
        if let Some((at, after)) = &mut self.again {
            *after = (*after * 2).min(AGAIN_AT_MOST);
            *at = now + *after;
        }
    }

    /// Does what is due; whether the connection is lost with this.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        lost_after: Duration,
        out: &mut Vec<Vec<u8>>,
    ) -> bool {
        if self.lost {
            return false;
        }
        if self.overrun || now.saturating_duration_since(self.heard) >= lost_after {
            self.give_up();
            self.lost = true;
            return true;
        }
        if self.again.is_some_and(|(at, _)| at <= now) {
            self.repeat(now, out);
        }
        if self.unsaid.is_some() {
            let head = self.says(Kind::Ack);
            out.push(head.packet(&[]));
        }
        false
    }

    /// It has left; whether it was there.
    pub(super) fn leave(&mut self) -> bool {
        let was_there = !self.lost;
        if was_there {
            self.give_up();
            self.lost = true;
        }
        was_there
    }

    /// The connection is lost: what is on its way may never come.
    pub(super) fn give_up(&mut self) {
        self.begin(self.epoch + 1);
    }

    fn begin(&mut self, epoch: u64) {
        self.tally.lost += self.tally.on_their_way();
        self.epoch = epoch;
        self.known = (0, 0);
        self.next = 1;
        self.waiting.clear();
        self.bytes = 0;
        self.again = None;
        self.expected = 1;
        self.early.clear();
        self.early_bytes = 0;
        self.part = Vec::new();
        self.came = (0, 0);
        self.unsaid = None;
        self.asked = None;
        self.reminders = 0;
        self.overrun = false;
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
