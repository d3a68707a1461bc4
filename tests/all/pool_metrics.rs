//! What pools tell the facade `metrics`: names and labels from closed sets, and counts that are right.

use crate::pool::{pool, until};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use ophidia::Limits;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

/// How often each was told, by its name and labels.
static TOLD: LazyLock<Mutex<BTreeMap<String, u64>>> = LazyLock::new(Mutex::default);

struct Told;

/// One metric.
struct One(String);

impl One {
    fn of(key: &Key) -> Arc<Self> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        Arc::new(Self(key.name().to_owned() + &labels.collect::<String>()))
    }

    fn add(&self, value: u64) {
        *TOLD.lock().expect("no panic").entry(self.0.clone()).or_default() += value;
    }
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for One {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, _: f64) {
        self.add(1);
    }
}

impl HistogramFn for One {
    fn record(&self, _: f64) {
        self.add(1);
    }
}

impl Recorder for Told {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(One::of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(One::of(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(One::of(key))
    }
}

#[test]
fn metrics_have_labels_of_closed_sets() {
    metrics::set_global_recorder(Told).map_err(|_| "there is one").expect("the only one here");
    let pool = pool(1);
    let request = || pool.request().tenant("a tenant's text");
    request().run("x = 1").wait().expect("it runs");
    request().run("raise ValueError('text of a guest')").wait().expect_err("it fails");
    let limits = Limits { fuel: Some(1_000_000), ..pool_limits() };
    request().limits(limits).run("for _ in range(10**9): pass").wait().expect_err("it fails");
    request().tenant("x".repeat(300)).run("").wait().expect_err("it fails");
    until(&pool, |stats| stats.begun == 0);
    let told = TOLD.lock().expect("no panic").clone();
    // Other tests of this process have pools too.
    for name in [
        "ophidia_pool_queued",
        "ophidia_pool_begun",
        "ophidia_pool_refused_total",
        "ophidia_pool_finished_total outcome=ok",
        "ophidia_pool_finished_total outcome=raised",
        "ophidia_pool_finished_total outcome=limit",
        "ophidia_pool_limits_total limit=fuel",
        "ophidia_pool_queue_seconds",
        "ophidia_pool_run_seconds outcome=ok",
    ] {
        assert!(told.get(name).is_some_and(|count| *count > 0), "{name}: {told:?}");
    }
    assert!(told.keys().all(|name| !name.contains("text")), "{told:?}");
}

/// Those of the pool above.
fn pool_limits() -> Limits {
    Limits { timeout: Some(crate::pool::LONG), ..Limits::default() }
}
