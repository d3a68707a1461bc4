//! Operations: calls of the library's public functions. However often one enters the guest, it has one
//! deadline.

use super::control::Control;
use super::current;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The operations of one interpreter, of which at most one is under way.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    /// How many scopes of the operation under way are open: none when there is none.
    depth: u32,
    count: u64,
    /// What the next one has taken already, when it is the rest of an earlier one.
    resumed: Option<Duration>,
    /// The same of the one under way.
    before: Duration,
    /// How long the last one took, as far as anybody looked at the clock.
    last: Duration,
    /// Whether this thread waits by this interpreter's control.
    current: bool,
    time: Time,
}

impl Operations {
    /// Opens a scope. The outermost begins an operation, whose clock runs until that scope is closed.
    #[inline]
    pub(crate) fn open(&mut self, control: &Control) {
        if self.depth == 0 {
            let resumed = self.resumed.take();
            self.count += u64::from(resumed.is_none());
            self.before = resumed.unwrap_or_default();
            control.begin(resumed);
            self.time.begin();
        }
        self.depth += 1;
    }

    /// Closes a scope.
    #[inline]
    pub(crate) fn close(&mut self, control: &Control) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            if std::mem::take(&mut self.current) {
                current::leave();
            }
            let looked = control.end();
            self.last = looked.unwrap_or_default();
            self.time.end(looked.map(|took| took.saturating_sub(self.before)));
        }
    }

    /// Makes this the interpreter whose control the thread waits by: code of the caller's is to run.
    #[inline]
    pub(crate) fn call_host(&mut self, control: &Arc<Control>) {
        if !self.current && self.depth > 0 {
            self.current = true;
            current::enter(control);
        }
        control.look();
    }

    /// How long the operation took that has just ended; nothing inside of another.
    pub(crate) fn spent(&self) -> Duration {
        if self.depth == 0 { self.last } else { Duration::ZERO }
    }

    /// Lets the next operation go on where another that took so long has ended.
    pub(crate) fn resume(&mut self, spent: Duration) {
        if self.depth == 0 {
            self.resumed = Some(spent);
        }
    }

    /// How many there have been.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How long all of them took.
    pub(crate) fn duration(&self) -> Duration {
        self.time.total
    }
}

/// Every so many operations that nobody looks at the clock in, on average, one is timed.
const SPACING: u32 = 32;

/// Longer than such an operation takes. Guest code looks at the clock every few microseconds, and so does
/// whatever may take long on the host.
const SHORT: Duration = Duration::from_micros(100);

/// The time that operations take. Reading a clock twice takes longer than a short one does, so only samples
/// of those are timed and stand for the others.
#[derive(Debug)]
struct Time {
    total: Duration,
    /// So many more until the next sample.
    until: u32,
    /// Short ones since the last sample.
    short: u32,
    /// State of a xorshift generator: a guest cannot know which operation is a sample.
    random: u32,
    began: Option<Instant>,
}

impl Default for Time {
    fn default() -> Self {
        let now = Instant::now();
        // Where on the stack this is differs from process to process, and the next one's clock as well.
        let random = std::ptr::from_ref(&now).addr() as u32 | 1;
        Self { total: Duration::ZERO, until: 1, short: 0, random, began: None }
    }
}

impl Time {
    #[inline]
    fn begin(&mut self) {
        self.until -= 1;
        if self.until == 0 {
            self.sample();
        }
    }

    #[inline]
    fn end(&mut self, looked: Option<Duration>) {
        if looked.is_none() {
            self.short += 1;
        }
        if looked.is_some() || self.began.is_some() {
            self.add(looked);
        }
    }

    #[cold]
    fn sample(&mut self) {
        self.began = Some(Instant::now());
    }

    #[cold]
    fn add(&mut self, looked: Option<Duration>) {
        let sampled = self.began.take().map(|began| began.elapsed());
        match (sampled, looked) {
            (None, None) => {}
            (None, Some(looked)) => self.total += looked,
            // No short one: the next is the sample.
            (Some(took), Some(looked)) => {
                self.total += took.max(looked);
                self.until = 1;
            }
            (Some(took), None) => {
                let took = took.saturating_sub(cost_of_clock());
                let others = std::mem::take(&mut self.short) - 1;
                self.total += took + took.min(SHORT) * others;
                self.random ^= self.random << 13;
                self.random ^= self.random >> 17;
                self.random ^= self.random << 5;
                self.until = 1 + self.random % (2 * SPACING - 1);
            }
        }
    }
}

/// What of a measured time is the measuring.
fn cost_of_clock() -> Duration {
    static COST: OnceLock<Duration> = OnceLock::new();
    *COST.get_or_init(|| {
        let once = || Instant::now().elapsed();
        (0..16).map(|_| once()).min().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_one_operation() {
        let control = Arc::new(Control::new(None));
        let mut operations = Operations::default();
        for _ in 0..3 {
            operations.open(&control);
            operations.open(&control);
            operations.close(&control);
            operations.call_host(&control);
            assert!(current::control().is_some_and(|now| Arc::ptr_eq(&now, &control)));
            operations.close(&control);
            assert!(current::control().is_none());
        }
        assert_eq!(operations.count(), 3);
        // The rest of an operation is no other, and has no more time.
        std::thread::sleep(Duration::from_millis(2));
        operations.resume(Duration::from_millis(2));
        operations.open(&control);
        operations.close(&control);
        assert_eq!(operations.count(), 3);
        assert!(operations.spent() >= Duration::from_millis(2));
    }

    #[test]
    fn short_ones_count() {
        let control = Control::new(None);
        let mut operations = Operations::default();
        let began = Instant::now();
        for _ in 0..20_000 {
            operations.open(&control);
            let began = Instant::now();
            while began.elapsed() < Duration::from_micros(5) {}
            operations.close(&control);
        }
        let (counted, took) = (operations.duration(), began.elapsed());
        assert!(counted > took / 20, "{counted:?} of {took:?}");
    }
}
