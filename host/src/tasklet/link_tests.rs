//! Two links over a network that does what it likes, in simulated time.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::{Link, Tally, WINDOW};
use crate::tasklet::packet::Head;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const LOST_AFTER: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(10);

/// A linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// One of the two, with what it has got: numbers of messages, by the other's epochs as it counts its own breaks.
struct Side {
    link: Link,
    next: u64,
    sent: u64,
    /// Those that were refused at once.
    refused: u64,
    got: Vec<u64>,
    breaks: u32,
}

struct Simulation {
    now: Instant,
    random: Random,
    sides: [Side; 2],
    /// Packets by when they come: to whom, and what.
    wire: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
    cut: bool,
    loss: u64,
}

impl Simulation {
    fn new(seed: u64, most: usize) -> Self {
        let now = Instant::now();
        let side = |own, peer| Side {
            link: Link::new(own, peer, most, now),
            next: 0,
            sent: 0,
            refused: 0,
            got: Vec::new(),
            breaks: 0,
        };
        let sides = [side(1, 2), side(2, 1)];
        let random = Random(seed);
        Self { now, random, sides, wire: BTreeMap::new(), count: 0, cut: false, loss: 10 }
    }

    fn put(&mut self, from: usize, packets: Vec<Vec<u8>>) {
        for packet in packets {
            let times = 1 + u64::from(self.random.below(10) == 0);
            for _ in 0..times {
                if self.cut || self.random.below(100) < self.loss {
                    continue;
                }
                let at = self.now + Duration::from_millis(self.random.below(80));
                self.count += 1;
                self.wire.insert((at, self.count), (1 - from, packet.clone()));
            }
        }
    }

    fn send(&mut self, from: usize) {
        let len = if self.random.below(20) == 0 { 5_000 } else { 30 };
        let side = &mut self.sides[from];
        side.next += 1;
        side.sent += 1;
        let mut frame = vec![7; len];
        frame[..8].copy_from_slice(&side.next.to_le_bytes());
        frame[8..12].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
        let mut out = Vec::new();
        side.refused += u64::from(!side.link.send(&frame, 1, self.now, &mut out));
        self.put(from, out);
    }

    fn step(&mut self) {
        self.now += STEP;
        while let Some(first) = self.wire.first_entry().filter(|first| first.key().0 <= self.now) {
            let (to, packet) = first.remove();
            let (head, body) = Head::read(&packet).unwrap();
            let (side, mut out) = (&mut self.sides[to], Vec::new());
            let heard = side.link.hear(&head, body, self.now, &mut out);
            side.breaks += u32::from(heard.broken);
            if let Some(frames) = heard.frames {
                let mut rest = &frames[..];
                while let Some(number) = rest.first_chunk() {
                    side.got.push(u64::from_le_bytes(*number));
                    let len = u32::from_le_bytes(*rest[8..].first_chunk().unwrap());
                    let (frame, after) = rest.split_at(len as usize);
                    assert!(frame[12..].iter().all(|byte| *byte == 7), "whole and in order");
                    rest = after;
                    // Every third has nobody whom it is for.
                    let refused = u64::from(side.got.len() % 3 == 0);
                    side.link.brought(side.link.epoch(), 1 - refused, refused, &mut out);
                }
            }
            self.put(to, out);
        }
        for index in 0..2 {
            let (side, mut out) = (&mut self.sides[index], Vec::new());
            side.breaks += u32::from(side.link.tick(self.now, LOST_AFTER, &mut out));
            self.put(index, out);
        }
    }

    /// Each says that it is there, as nodes do.
    fn greet(&mut self) {
        for index in 0..2 {
            let hello = self.sides[index].link.head(crate::tasklet::packet::Kind::Ack);
            let hello = Head { ack: 0, delivered: 0, refused: 0, ..hello };
            let mut out = vec![hello.packet(&[])];
            self.sides[index].link.remind(&mut out);
            self.put(index, out);
        }
    }

    fn run(&mut self, steps: u64, sends: bool) {
        for at in 0..steps {
            if at % 100 == 0 {
                self.greet();
            }
            if sends && self.random.below(3) == 0 {
                let from = usize::from(self.random.below(2) == 0);
                self.send(from);
            }
            self.step();
        }
    }

    /// What holds whatever has happened.
    fn check(&self, seed: u64) {
        for (side, other) in [(&self.sides[0], &self.sides[1]), (&self.sides[1], &self.sides[0])] {
            let rising = other.got.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(rising, "{seed}: in order, and none twice: {:?}", other.got);
            let tally = side.link.tally();
            assert_eq!(tally.sent, side.sent, "{seed}");
            let Tally { delivered, refused, lost, .. } = tally;
            let known = delivered + refused - side.refused;
            let got = other.got.len() as u64;
            assert!(known <= got, "{seed}: {known} are known to have come, {got} have");
            assert!(got <= known + lost + tally.on_their_way(), "{seed}");
        }
        if self.sides.iter().any(|side| side.breaks == 0) {
            let breaks = self.sides.iter().map(|side| side.breaks).sum::<u32>();
            assert_eq!(breaks, 0, "{seed}: what one of them gives up the other gives up, too");
        }
    }
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_while_the_two_hear_of_each_other() {
    for seed in 0..if cfg!(miri) { 2 } else { 200 } {
        let mut all = Simulation::new(seed, 1_000);
        all.run(1_000, true);
        all.loss = 0;
        all.run(1_000, false);
        all.check(seed);
        for (side, other) in [(0, 1), (1, 0)] {
            let (side, other) = (&all.sides[side], &all.sides[other]);
            let expected: Vec<u64> = (1..=side.sent).collect();
            assert_eq!(other.got, expected, "{seed}");
            let Tally { delivered, refused, lost, .. } = side.link.tally();
            assert_eq!(
                (delivered + refused, refused, lost),
                (side.sent, side.sent / 3, 0),
                "{seed}"
            );
            assert_eq!(side.breaks, 0, "{seed}");
        }
    }
}

#[test]
fn those_cut_off_for_long_lose_each_other_and_begin_anew() {
    for seed in 0..if cfg!(miri) { 2 } else { 200 } {
        let mut all = Simulation::new(seed, 1_000);
        let rounds = 1 + all.random.below(3);
        for _ in 0..rounds {
            all.loss = 10;
            all.run(300, true);
            all.cut = true;
            // Shorter than it takes to lose one another, about as long, or longer.
            let steps = 300 + all.random.below(400);
            all.run(steps, true);
            all.cut = false;
        }
        all.loss = 0;
        all.run(1_500, false);
        all.check(seed);
        let [one, other] = &all.sides;
        assert_eq!(one.link.epoch(), other.link.epoch(), "{seed}: they have found each other");
        assert!(!one.link.is_lost() && !other.link.is_lost(), "{seed}");
        for side in &all.sides {
            assert_eq!(side.link.tally().on_their_way(), 0, "{seed}: all is accounted for");
        }
        // And what is sent now comes.
        let before = all.sides[1].got.len();
        all.send(0);
        all.run(100, false);
        assert_eq!(all.sides[1].got.len(), before + 1, "{seed}");
    }
}

#[test]
fn what_a_node_keeps_for_another_is_bounded() {
    let mut all = Simulation::new(1, 1 << 20);
    all.cut = true;
    let frame = vec![7; 1 << 20];
    let (mut sent, mut out) = (0, Vec::new());
    while all.sides[0].link.send(&frame, 1, all.now, &mut out) {
        sent += 1;
    }
    assert_eq!(sent, WINDOW >> 20);
    assert_eq!(all.sides[0].link.tally().refused, 1);
    assert!(!all.sides[0].link.has_room(1) && all.sides[1].link.has_room(WINDOW));
}

/// T16: whatever a packet says.
#[test]
fn whatever_a_packet_says_nothing_of_it_is_believed_too_much() {
    let mut random = Random(5);
    for seed in 0..if cfg!(miri) { 20 } else { 2_000 } {
        let mut all = Simulation::new(seed, 1_000);
        for _ in 0..50 {
            if random.below(2) == 0 {
                all.send(0);
            }
            let mut packet =
                all.sides[0].link.head(crate::tasklet::packet::Kind::Data).packet(&[7; 40]);
            for _ in 0..random.below(12) {
                let at = usize::try_from(random.below(64)).unwrap();
                packet[at] = u8::try_from(random.below(256)).unwrap();
            }
            let Some((head, body)) = Head::read(&packet) else { continue };
            let mut out = Vec::new();
            let now = all.now;
            let _ = all.sides[0].link.hear(&head, body, now, &mut out);
            let tally = all.sides[0].link.tally();
            assert!(tally.delivered + tally.refused + tally.lost <= tally.sent, "{tally:?}");
        }
    }
}
