//! Tenants: whose requests these are, what each may have, and which of them the pool has to remember.

use super::fair::{Fair, Number};
use crate::error::PoolError;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest name of a tenant or a session, in bytes.
const LONGEST_NAME: usize = 256;

/// How often all tenants are looked at for those that can be forgotten, at most.
const SWEEP: Duration = Duration::from_millis(100);

/// What a tenant may have. The defaults: a weight of 1, as many requests at once as the pool has threads, but for one
/// for each worker, as many waiting as the queue takes, any number a second.
///
/// ```
/// use ophidia::Tenant;
/// let free = Tenant::default().weight(1).most(4).queued(100).rate(10.0, 20);
/// let paying = Tenant::default().weight(10);
/// # let _ = (free, paying);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    weight: u32,
    pub(super) most: Option<usize>,
    queued: Option<usize>,
    rate: Option<(f64, u32)>,
}

impl Default for Tenant {
    fn default() -> Self {
        Self { weight: 1, most: None, queued: None, rate: None }
    }
}

impl Tenant {
    /// Its share of the pool's time beside other tenants that want some: one with a weight of 2 has twice as much as
    /// one with a weight of 1. 1 to 1,000,000. Default: 1.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Requests under way at once; more of them wait in the queue. Default: the pool's threads less its workers, so
    /// that no tenant alone has all threads.
    #[must_use]
    pub fn most(mut self, requests: usize) -> Self {
        self.most = Some(requests);
        self
    }

    /// Requests that wait; one more is refused by [`PoolError::TenantQuota`]. Default: what the pool's queue takes.
    #[must_use]
    pub fn queued(mut self, requests: usize) -> Self {
        self.queued = Some(requests);
        self
    }

    /// Requests a second on average, and how many may come at once; one more is refused by
    /// [`PoolError::TenantQuota`]. Default: any number.
    #[must_use]
    pub fn rate(mut self, per_second: f64, burst: u32) -> Self {
        self.rate = Some((per_second, burst));
        self
    }

    pub(super) fn check(&self, name: &str) -> Result<(), PoolError> {
        let wrong = |reason: String| {
            Err(PoolError::Setting { field: "tenant", reason: format!("{name:?}: {reason}") })
        };
        if !(1..=1_000_000).contains(&self.weight) {
            return wrong(format!("a weight of {}, 1 to 1000000 possible", self.weight));
        }
        if self.most == Some(0) {
            return wrong("most: 0 requests at once, 1 or more possible".into());
        }
        match self.rate {
            Some((rate, burst)) if !rate.is_finite() || rate <= 0.0 || burst == 0 => {
                wrong(format!("a rate of {rate} with {burst} at once: both have to be more than 0"))
            }
            _ => Ok(()),
        }
    }
}

/// Requests that may come now: one for each token, which are given at a rate and kept up to a number.
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn fill(&mut self, (rate, burst): (f64, u32), now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * rate).min(f64::from(burst));
        self.at = now;
    }

    /// Takes a token; else tells when there is one.
    fn take(&mut self, rate: (f64, u32), now: Instant) -> Result<(), Duration> {
        self.fill(rate, now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.tokens) / rate.0;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }
}

/// A tenant that the pool remembers.
struct Known {
    name: Arc<str>,
    settings: Tenant,
    bucket: Option<Bucket>,
    /// Requests that wait.
    queued: usize,
    sessions: usize,
}

/// All that are remembered.
pub(super) struct Tenants {
    others: Tenant,
    named: HashMap<String, Tenant>,
    numbers: HashMap<Arc<str>, Number>,
    known: HashMap<Number, Known>,
    last: Number,
    /// How many may be known.
    most: usize,
    /// Requests at once of one that has no such quota.
    most_begun: usize,
    swept: Option<Instant>,
}

impl Tenants {
    pub(super) fn new(
        others: Tenant,
        named: HashMap<String, Tenant>,
        most: usize,
        most_begun: usize,
    ) -> Self {
        Self {
            others,
            named,
            numbers: HashMap::new(),
            known: HashMap::new(),
            last: 0,
            most,
            most_begun,
            swept: None,
        }
    }

    /// The tenant of that name, who has an account from here on.
    pub(super) fn enter<T>(
        &mut self,
        name: &str,
        fair: &mut Fair<T>,
        now: Instant,
    ) -> Result<Number, PoolError> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        check_name("tenant", name)?;
        if self.known.len() >= self.most {
            self.forget(fair, now);
        }
        if self.known.len() >= self.most {
            return Err(PoolError::TenantsFull { tenant: name.into(), limit: self.most });
        }
        self.last += 1;
        let (number, name) = (self.last, Arc::<str>::from(name));
        let settings = self.named.get(&*name).unwrap_or(&self.others).clone();
        fair.open(number, settings.weight, settings.most.unwrap_or(self.most_begun));
        let full = |(_, burst): (f64, u32)| Bucket { tokens: f64::from(burst), at: now };
        let bucket = settings.rate.map(full);
        self.numbers.insert(Arc::clone(&name), number);
        self.known.insert(number, Known { name, settings, bucket, queued: 0, sessions: 0 });
        Ok(number)
    }

    /// Forgets those about whom there is nothing to know.
    fn forget<T>(&mut self, fair: &mut Fair<T>, now: Instant) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < SWEEP) {
            return;
        }
        self.swept = Some(now);
        let numbers = &mut self.numbers;
        self.known.retain(|number, known| {
            let full = match (&mut known.bucket, known.settings.rate) {
                (Some(bucket), Some(rate)) => {
                    bucket.fill(rate, now);
                    bucket.tokens >= f64::from(rate.1)
                }
                _ => true,
            };
            let kept = !full || known.queued > 0 || known.sessions > 0 || !fair.close(*number);
            if !kept {
                numbers.remove(&known.name);
            }
            kept
        });
    }

    /// Counts a request of the tenant's towards its rate.
    pub(super) fn count(&mut self, tenant: Number, now: Instant) -> Result<(), PoolError> {
        let Some(known) = self.known.get_mut(&tenant) else { return Ok(()) };
        let (Some(bucket), Some(rate)) = (&mut known.bucket, known.settings.rate) else {
            return Ok(());
        };
        bucket.take(rate, now).map_err(|retry| PoolError::TenantQuota {
            tenant: known.name.to_string(),
            quota: "rate",
            limit: rate.0,
            retry: Some(retry),
        })
    }

    /// Whether as many of its requests wait as may, or fewer.
    pub(super) fn check_queued(&self, tenant: Number) -> Result<(), PoolError> {
        let Some(known) = self.known.get(&tenant) else { return Ok(()) };
        match known.settings.queued {
            Some(limit) if known.queued > limit => Err(PoolError::TenantQuota {
                tenant: known.name.to_string(),
                quota: "queued",
                limit: limit as f64,
                retry: None,
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn queued(&mut self, tenant: Number, more: bool) {
        if let Some(known) = self.known.get_mut(&tenant) {
            known.queued = changed(known.queued, more);
        }
    }

    pub(super) fn sessions(&mut self, tenant: Number, more: bool) {
        if let Some(known) = self.known.get_mut(&tenant) {
            known.sessions = changed(known.sessions, more);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

fn changed(count: usize, more: bool) -> usize {
    if more { count + 1 } else { count.saturating_sub(1) }
}

/// Whether a name is short enough to be kept.
pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), PoolError> {
    match name.len() {
        len if len > LONGEST_NAME => Err(PoolError::Name { what, len, limit: LONGEST_NAME }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenants(most: usize, named: &[(&str, Tenant)]) -> (Tenants, Fair<()>) {
        let named = named.iter().map(|(name, tenant)| ((*name).into(), tenant.clone())).collect();
        let fair = Fair::new(Duration::from_millis(5));
        (Tenants::new(Tenant::default(), named, most, 4), fair)
    }

    #[test]
    fn tokens_come_at_the_rate() {
        let (mut tenants, mut fair) = tenants(9, &[("slow", Tenant::default().rate(2.0, 3))]);
        let start = Instant::now();
        let slow = tenants.enter("slow", &mut fair, start).expect("room");
        let mut let_in = 0;
        for tick in 0..100 {
            let now = start + Duration::from_millis(100) * tick;
            while tenants.count(slow, now).is_ok() {
                let_in += 1;
            }
        }
        // Three at once, then two a second for 9.9 seconds.
        assert_eq!(let_in, 3 + 19);
        let refused =
            tenants.count(slow, start + Duration::from_millis(9_900)).expect_err("it is refused");
        let said = refused.to_string();
        assert!(said.starts_with("tenant \"slow\": quota rate: 2 allowed, the next in "), "{said}");
        assert!(said.ends_with("(raise Tenant::rate)"), "{said}");
    }

    #[test]
    fn who_is_idle_is_forgotten_and_who_is_not_is_not() {
        let (mut tenants, mut fair) = tenants(3, &[("slow", Tenant::default().rate(1.0, 1))]);
        let now = Instant::now();
        let slow = tenants.enter("slow", &mut fair, now).expect("room");
        tenants.count(slow, now).expect("a token");
        let busy = tenants.enter("busy", &mut fair, now).expect("room");
        tenants.queued(busy, true);
        for other in 0..10_u32 {
            let at = now + SWEEP * (other + 1) / 10;
            let name = format!("other {other}");
            let entered = tenants.enter(&name, &mut fair, at);
            assert!(tenants.len() <= 3);
            // One can be forgotten, but not as soon as that.
            assert_eq!(entered.is_ok(), other < 2, "{other}");
        }
        let refused = tenants.enter("late", &mut fair, now).expect_err("it is refused");
        assert!(matches!(refused, PoolError::TenantsFull { limit: 3, .. }), "{refused:?}");
        // The busy one is as it was; the slow one is forgotten when its bucket is full.
        assert_eq!(tenants.enter("busy", &mut fair, now).ok(), Some(busy));
        let later = now + Duration::from_secs(2);
        assert_ne!(tenants.enter("late", &mut fair, later).ok(), None);
        assert_ne!(tenants.enter("slow", &mut fair, later).ok(), Some(slow));
    }

    #[test]
    fn names_are_short() {
        let (mut tenants, mut fair) = tenants(3, &[]);
        let refused =
            tenants.enter(&"x".repeat(257), &mut fair, Instant::now()).expect_err("it is refused");
        assert_eq!(refused.to_string(), "tenant: a name of 257 bytes, 256 allowed");
    }
}
