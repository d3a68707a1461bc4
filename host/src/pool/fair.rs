//! Start-time fair queueing: what waits for a turn, by tenant.
//!
//! Each tenant has an account whose tag is the virtual time at which its next slice starts. Whoever has the lowest tag
//! is next. A slice moves the tag on by its time divided by the tenant's weight. Virtual time is the tag of what was
//! started last. A tenant that wants nothing saves nothing up: when it wants something again, its tag is at least the
//! virtual time. (P. Goyal, H. Vin, H. Cheng, *Start-time fair queueing*, SIGCOMM 1996.)
//!
//! How long a slice takes is known at its end only, so a whole one is charged at its start, and corrected then.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// What kind of thing waits. Within a tenant, what came first is next, whatever its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// A thread that was in the middle of a request.
    Parked = 0,
    /// A request that has begun and needs a thread to go on.
    Woken = 1,
    /// A request that has not begun, and does not while its tenant has as many under way as may be.
    New = 2,
}

const LANES: usize = 3;

/// Virtual time: nanoseconds for a weight of 1, in fractions that no weight rounds away.
type Tag = u128;

const FRACTIONS: u128 = 1 << 20;

fn cost(time: Duration, weight: u32) -> Tag {
    time.as_nanos().saturating_mul(FRACTIONS) / u128::from(weight.max(1))
}

/// A tenant, by the number that it has here.
pub(super) type Number = u64;

struct Account<T> {
    weight: u32,
    /// Requests under way at most.
    most: usize,
    /// Requests under way.
    begun: usize,
    /// Turns that it has.
    turns: u32,
    tag: Tag,
    lanes: [BTreeMap<u64, T>; LANES],
    /// Where it stands in the order of each lane, if it does.
    places: [Option<(Tag, u64)>; LANES],
}

impl<T> Account<T> {
    fn wanted(&self) -> [Option<(Tag, u64)>; LANES] {
        let may_begin = self.begun < self.most;
        std::array::from_fn(|lane| {
            let first = self.lanes[lane].first_key_value()?;
            (lane != Lane::New as usize || may_begin).then_some((self.tag, *first.0))
        })
    }
}

/// All that waits.
pub(super) struct Fair<T> {
    /// What one slice is.
    slice: Duration,
    now: Tag,
    /// The highest tag of a slice that is over.
    latest: Tag,
    /// All turns.
    turns: usize,
    last: u64,
    accounts: HashMap<Number, Account<T>>,
    /// Those that want something of each kind: the lowest tag first, of equal ones whose thing came first.
    order: [BTreeSet<(Tag, u64, Number)>; LANES],
}

impl<T> Fair<T> {
    pub(super) fn new(slice: Duration) -> Self {
        Self {
            slice,
            now: 0,
            latest: 0,
            turns: 0,
            last: 0,
            accounts: HashMap::new(),
            order: Default::default(),
        }
    }

    /// Opens the account of a tenant that has none.
    pub(super) fn open(&mut self, tenant: Number, weight: u32, most: usize) {
        self.accounts.entry(tenant).or_insert_with(|| Account {
            weight,
            most,
            begun: 0,
            turns: 0,
            tag: 0,
            lanes: Default::default(),
            places: [None; LANES],
        });
    }

    /// Closes an account that nothing is lost with; says whether it was one.
    pub(super) fn close(&mut self, tenant: Number) -> bool {
        let idle = |account: &Account<T>| {
            account.begun == 0
                && account.turns == 0
                && account.lanes.iter().all(BTreeMap::is_empty)
                && account.tag <= self.now
        };
        let idle = self.accounts.get(&tenant).is_none_or(idle);
        if idle {
            self.accounts.remove(&tenant);
        }
        idle
    }

    /// Adds something that waits; gives the number by which it can be removed.
    pub(super) fn push(&mut self, tenant: Number, lane: Lane, item: T) -> u64 {
        self.last += 1;
        let number = self.last;
        self.change(tenant, |account| {
            account.lanes[lane as usize].insert(number, item);
        });
        number
    }

    pub(super) fn remove(&mut self, tenant: Number, lane: Lane, number: u64) -> Option<T> {
        self.change(tenant, |account| account.lanes[lane as usize].remove(&number)).flatten()
    }

    /// The first that waits: with threads to spare of any kind, else of those that have their own.
    pub(super) fn pop(&mut self, threads: bool) -> Option<(Number, Lane, T)> {
        let (lane, tenant) = self.first(threads)?;
        let (slice, mut tag) = (self.slice, 0);
        let item = self.change(tenant, |account| {
            tag = account.tag;
            account.tag += cost(slice, account.weight);
            account.turns += 1;
            account.begun += usize::from(lane == Lane::New);
            account.lanes[lane as usize].pop_first()
        });
        self.now = self.now.max(tag);
        self.turns += 1;
        let (_, item) = item.flatten()?;
        Some((tenant, lane, item))
    }

    fn first(&self, threads: bool) -> Option<(Lane, Number)> {
        let lanes: &[Lane] =
            if threads { &[Lane::Parked, Lane::Woken, Lane::New] } else { &[Lane::Parked] };
        let first = |lane: &Lane| Some((*self.order[*lane as usize].first()?, *lane));
        let ((_, _, tenant), lane) = lanes.iter().filter_map(first).min_by_key(|(key, _)| *key)?;
        Some((lane, tenant))
    }

    /// Whether anything waits that [`pop`](Self::pop) would give.
    pub(super) fn is_wanted(&self, threads: bool) -> bool {
        self.first(threads).is_some()
    }

    /// Whether anything waits that needs a thread.
    pub(super) fn wants_threads(&self) -> bool {
        [Lane::Woken, Lane::New].iter().any(|lane| !self.order[*lane as usize].is_empty())
    }

    /// Whether a tenant has an account.
    pub(super) fn knows(&self, tenant: Number) -> bool {
        self.accounts.contains_key(&tenant)
    }

    /// A turn has lasted for so long by now, and lasts.
    pub(super) fn lasts(&mut self, tenant: Number, time: Duration) {
        let slice = self.slice;
        let start = self.change(tenant, |account| {
            account.tag += cost(time, account.weight);
            account.tag.saturating_sub(cost(slice, account.weight) * u128::from(account.turns))
        });
        self.now = self.now.max(start.unwrap_or_default());
    }

    /// A turn is over, which took so long since it began or was last said to last.
    pub(super) fn over(&mut self, tenant: Number, time: Duration) {
        let slice = self.slice;
        if time > slice {
            self.lasts(tenant, time - slice);
        }
        let unused = slice.saturating_sub(time);
        let tag = self.change(tenant, |account| {
            account.tag = account.tag.saturating_sub(cost(unused, account.weight));
            account.turns = account.turns.saturating_sub(1);
            account.tag
        });
        self.latest = self.latest.max(tag.unwrap_or_default());
        self.turns = self.turns.saturating_sub(1);
        self.rest();
    }

    /// When nobody runs and nobody wants to, nobody is ahead of anybody.
    fn rest(&mut self) {
        if self.turns == 0 && self.order.iter().all(BTreeSet::is_empty) {
            self.now = self.now.max(self.latest);
        }
    }

    /// A request is over, or one that was begun elsewhere than by [`pop`](Self::pop).
    pub(super) fn ended(&mut self, tenant: Number) {
        self.change(tenant, |account| account.begun = account.begun.saturating_sub(1));
    }

    /// Changes an account, and its places in the order with it.
    fn change<R>(&mut self, tenant: Number, body: impl FnOnce(&mut Account<T>) -> R) -> Option<R> {
        let account = self.accounts.get_mut(&tenant)?;
        let wanted_before = account.places.iter().any(Option::is_some);
        let result = body(account);
        let wants = account.wanted().iter().any(Option::is_some);
        if wants && !wanted_before && account.turns == 0 {
            account.tag = account.tag.max(self.now);
        }
        let wanted = account.wanted();
        for (lane, order) in self.order.iter_mut().enumerate() {
            if account.places[lane] != wanted[lane] {
                if let Some((tag, number)) = account.places[lane] {
                    order.remove(&(tag, number, tenant));
                }
                if let Some((tag, number)) = wanted[lane] {
                    order.insert((tag, number, tenant));
                }
            }
        }
        account.places = wanted;
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(5);

    /// A machine with so many turns, and a clock of its own.
    struct Machine {
        fair: Fair<Duration>,
        turns: usize,
        clock: Duration,
        /// Ends, tenants, what is left of them, how long each turn has taken.
        running: Vec<(Duration, Number, Duration, Duration)>,
        got: HashMap<Number, Duration>,
        done: HashMap<Number, usize>,
    }

    impl Machine {
        fn new(turns: usize) -> Self {
            Self {
                fair: Fair::new(SLICE),
                turns,
                clock: Duration::ZERO,
                running: Vec::new(),
                got: HashMap::new(),
                done: HashMap::new(),
            }
        }

        fn ask(&mut self, tenant: Number, work: Duration) {
            self.fair.push(tenant, Lane::New, work);
        }

        /// Goes on to when the next slice ends; says whose request has ended then.
        fn step(&mut self) -> Option<Number> {
            while self.running.len() < self.turns {
                let Some((tenant, _, work)) = self.fair.pop(true) else { break };
                let took = work.min(SLICE);
                self.running.push((self.clock + took, tenant, work - took, took));
            }
            let at = self.running.iter().enumerate().min_by_key(|(_, (end, ..))| *end)?.0;
            let (end, tenant, left, took) = self.running.remove(at);
            self.clock = end;
            *self.got.entry(tenant).or_default() += took;
            self.fair.over(tenant, took);
            if left.is_zero() {
                self.fair.ended(tenant);
                *self.done.entry(tenant).or_default() += 1;
                return Some(tenant);
            }
            self.fair.push(tenant, Lane::Parked, left);
            None
        }

        fn share(&self, tenant: Number) -> f64 {
            let all: Duration = self.got.values().sum();
            self.got[&tenant].as_secs_f64() / all.as_secs_f64()
        }
    }

    const LONG: Duration = Duration::from_secs(100_000);

    #[test]
    fn shares_go_by_weight() {
        for turns in [1, 2, 3] {
            let mut machine = Machine::new(turns);
            let weights = [1, 2, 5];
            for (tenant, weight) in weights.iter().enumerate() {
                machine.fair.open(tenant as Number, *weight, usize::MAX);
                // Enough at once for the heaviest to use its share.
                (0..8).for_each(|_| machine.ask(tenant as Number, LONG));
            }
            while machine.clock < Duration::from_secs(20) {
                machine.step();
            }
            for (tenant, weight) in weights.iter().enumerate() {
                let due = f64::from(*weight) / 8.0;
                let share = machine.share(tenant as Number);
                assert!(
                    (share / due - 1.0).abs() < 0.05,
                    "{turns} turns: {tenant} has {share} of {due}"
                );
            }
        }
    }

    #[test]
    fn short_and_long_requests_share_alike() {
        let mut machine = Machine::new(2);
        machine.fair.open(1, 1, usize::MAX);
        machine.fair.open(2, 1, usize::MAX);
        (0..4).for_each(|_| machine.ask(1, LONG));
        (0..64).for_each(|_| machine.ask(2, Duration::from_micros(300)));
        while machine.clock < Duration::from_secs(10) {
            if machine.step() == Some(2) {
                machine.ask(2, Duration::from_micros(300));
            }
        }
        assert!((machine.share(2) - 0.5).abs() < 0.025, "{}", machine.share(2));
    }

    #[test]
    fn idling_saves_nothing_up() {
        let mut machine = Machine::new(1);
        machine.fair.open(1, 1, usize::MAX);
        machine.fair.open(2, 1, usize::MAX);
        machine.ask(1, LONG);
        while machine.clock < Duration::from_secs(10) {
            machine.step();
        }
        machine.ask(2, LONG);
        machine.got.clear();
        while machine.clock < Duration::from_secs(11) {
            machine.step();
        }
        assert!((machine.share(2) - 0.5).abs() < 0.025, "{}", machine.share(2));
    }

    #[test]
    fn a_turn_that_nobody_wanted_is_no_debt() {
        let mut fair = Fair::new(SLICE);
        fair.open(1, 1, usize::MAX);
        fair.open(2, 1, usize::MAX);
        fair.push(1, Lane::New, ());
        fair.pop(true);
        // It runs alone for long; then another comes.
        fair.lasts(1, Duration::from_secs(60));
        fair.push(2, Lane::New, ());
        fair.over(1, SLICE);
        fair.push(1, Lane::Parked, ());
        let mut turns = [0, 0];
        for _ in 0..100 {
            let (tenant, ..) = fair.pop(true).expect("both want");
            turns[tenant as usize - 1] += 1;
            fair.over(tenant, SLICE);
            fair.push(tenant, Lane::Parked, ());
        }
        assert!(turns[0] >= 48 && turns[1] >= 48, "{turns:?}");
    }

    #[test]
    fn who_comes_new_is_next() {
        let mut machine = Machine::new(1);
        machine.fair.open(1, 1000, usize::MAX);
        machine.fair.open(2, 1, usize::MAX);
        (0..500).for_each(|_| machine.ask(1, LONG));
        for _ in 0..1_000 {
            machine.step();
        }
        machine.ask(2, Duration::from_millis(1));
        let before = machine.clock;
        while !machine.done.contains_key(&2) {
            machine.step();
        }
        assert!(machine.clock - before <= SLICE * 2, "{:?}", machine.clock - before);
    }

    #[test]
    fn nobody_starves() {
        let mut machine = Machine::new(2);
        for tenant in 0..200 {
            machine.fair.open(tenant, if tenant == 0 { 1 } else { 100 }, usize::MAX);
            machine.ask(tenant, LONG);
        }
        while machine.got.len() < 200 {
            machine.step();
            assert!(machine.clock < Duration::from_secs(600), "{} of 200", machine.got.len());
        }
    }

    #[test]
    fn no_more_begin_than_may() {
        let mut fair = Fair::new(SLICE);
        fair.open(1, 1, 2);
        (0..4).for_each(|n| assert!(fair.push(1, Lane::New, n) > 0));
        assert_eq!(fair.pop(true).map(|(.., n)| n), Some(0));
        assert_eq!(fair.pop(true).map(|(.., n)| n), Some(1));
        assert!(fair.pop(true).is_none() && !fair.is_wanted(true));
        // What has begun goes on.
        fair.over(1, SLICE);
        fair.push(1, Lane::Parked, 9);
        assert_eq!(fair.pop(false).map(|(.., n)| n), Some(9));
        fair.over(1, SLICE);
        fair.ended(1);
        assert!(!fair.is_wanted(false) && fair.is_wanted(true));
        assert_eq!(fair.pop(true).map(|(.., n)| n), Some(2));
        assert!(!fair.close(1));
    }

    #[test]
    fn an_account_that_is_ahead_stays_until_the_others_have_caught_up() {
        let mut fair = Fair::new(SLICE);
        for tenant in [1, 2] {
            fair.open(tenant, 1, 10);
            fair.push(tenant, Lane::New, ());
            fair.pop(true);
        }
        fair.over(1, SLICE);
        fair.ended(1);
        assert!(!fair.close(1) && !fair.close(2));
        fair.lasts(2, SLICE);
        assert!(fair.close(1) && !fair.close(2));
        fair.over(2, SLICE);
        fair.ended(2);
        assert!(fair.close(2));
    }

    #[test]
    fn what_is_removed_does_not_come() {
        let mut fair = Fair::new(SLICE);
        fair.open(1, 1, 10);
        let numbers: Vec<_> = (0..4).map(|n| fair.push(1, Lane::New, n)).collect();
        assert_eq!(fair.remove(1, Lane::New, numbers[0]), Some(0));
        assert_eq!(fair.remove(1, Lane::New, numbers[0]), None);
        assert_eq!(fair.remove(1, Lane::New, numbers[2]), Some(2));
        assert_eq!(fair.pop(true).map(|(.., n)| n), Some(1));
        assert_eq!(fair.remove(1, Lane::New, numbers[3]), Some(3));
        assert!(fair.pop(true).is_none());
        fair.over(1, SLICE);
        fair.ended(1);
        assert!(fair.close(1) && fair.close(7), "nothing is lost with it");
    }
}
