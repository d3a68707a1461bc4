//! What pools tell the facade `metrics`, names and labels from closed sets, and `tracing`: a span for each request.

use crate::library::RUNTIME;
use crate::pool::{LONG, gated, pool, until};
use crate::support::alone;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use ophidia::{Limits, Module, Pool, Sandbox};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

/// What each has come to, by its name and labels: sums of counters and gauges, how often there was a value of a
/// histogram, and the most of these.
static TOLD: LazyLock<Mutex<BTreeMap<String, f64>>> = LazyLock::new(Mutex::default);
static MOST: LazyLock<Mutex<BTreeMap<String, f64>>> = LazyLock::new(Mutex::default);

struct Told;

/// One metric.
struct One(String);

impl One {
    fn of(key: &Key) -> Arc<Self> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        Arc::new(Self(key.name().to_owned() + &labels.collect::<String>()))
    }

    fn add(&self, value: f64) {
        *TOLD.lock().expect("no panic").entry(self.0.clone()).or_default() += value;
    }
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {
        panic!("{}: set, as if there were one pool", self.0);
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        self.add(1.0);
        let mut most = MOST.lock().expect("no panic");
        let most = most.entry(self.0.clone()).or_default();
        *most = most.max(value);
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

fn told(name: &str) -> f64 {
    TOLD.lock().expect("no panic").get(name).copied().unwrap_or_default()
}

#[test]
fn metrics_have_labels_of_closed_sets() {
    alone("pool_metrics::metrics_alone");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn metrics_alone() {
    metrics::set_global_recorder(Told).map_err(|_| "there is one").expect("the only one here");
    let pool = pool(1);
    let request = || pool.request().tenant("a tenant's text");
    request().run("x = 1").wait().expect("it runs");
    request().run("raise ValueError('text of a guest')").wait().expect_err("it fails");
    let limits = Limits { timeout: Some(LONG), fuel: Some(1_000_000), ..Limits::default() };
    request().limits(limits).run("for _ in range(10**9): pass").wait().expect_err("it fails");
    request().tenant("x".repeat(300)).run("").wait().expect_err("it fails");
    until(&pool, |stats| stats.begun == 0);
    for (name, due) in [
        ("ophidia_pool_refused_total", 1.0),
        ("ophidia_pool_finished_total outcome=ok", 1.0),
        ("ophidia_pool_finished_total outcome=raised", 1.0),
        ("ophidia_pool_finished_total outcome=limit", 1.0),
        ("ophidia_pool_limits_total limit=fuel", 1.0),
        ("ophidia_pool_queue_seconds", 3.0),
        ("ophidia_pool_run_seconds outcome=ok", 1.0),
        ("ophidia_pool_memory_bytes", 3.0),
    ] {
        assert_eq!(told(name), due, "{name}");
    }
    let all = TOLD.lock().expect("no panic").clone();
    assert!(all.keys().all(|name| !name.contains("text")), "{all:?}");

    // Peaks: of the memory of a request, of what waits, of what is under way.
    request().run("x = bytearray(100_000_000)").wait().expect("there is room");
    let memory = MOST.lock().expect("no panic")["ophidia_pool_memory_bytes"];
    assert!((1e8..3e8).contains(&memory), "{memory}");
    assert_eq!(until(&pool, |stats| stats.begun == 0).most_memory as f64, memory);
    let (builder, gate) = gated();
    let other = builder.threads(1).build().expect("a pool");
    let first = other.run("import gate; gate.wait()");
    gate.reached(1);
    let waiting: Vec<_> = (0..3).map(|_| other.run("")).collect();
    // Two pools of one process add up.
    assert_eq!((told("ophidia_pool_queued"), told("ophidia_pool_begun")), (3.0, 1.0));
    gate.open();
    first.wait().expect("it goes on");
    waiting.into_iter().for_each(|one| one.wait().expect("its turn comes"));
    until(&other, |stats| stats.begun == 0);
    let due = (pool.stats().most_queued + other.stats().most_queued) as f64;
    assert!(due >= 3.0);
    drop(other);
    drop(pool);
    // And are gone with them.
    for name in ["queued", "begun", "most_queued", "most_begun"] {
        assert_eq!(told(&format!("ophidia_pool_{name}")), 0.0, "{name}");
    }
}

/// A span of a request's, as a subscriber knows it.
#[derive(Clone, Debug, Default)]
struct Seen {
    name: &'static str,
    parent: Option<u64>,
    fields: BTreeMap<&'static str, String>,
    entered: usize,
    closed: bool,
}

/// Keeps all spans, and the span that each event was in.
#[derive(Default)]
struct Kept {
    spans: Mutex<Vec<Seen>>,
    events: Mutex<Vec<Option<u64>>>,
}

thread_local! {
    static WITHIN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn current() -> Option<u64> {
    WITHIN.with_borrow(|within| within.last().copied())
}

struct Fields<'a>(&'a mut Seen);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.fields.insert(field.name(), format!("{value:?}"));
    }
}

impl Kept {
    fn at(&self, id: &tracing::span::Id, change: impl FnOnce(&mut Seen)) {
        let mut spans = self.spans.lock().expect("no panic");
        change(&mut spans[id.into_u64() as usize - 1]);
    }
}

impl tracing::Subscriber for &'static Kept {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        ["ophidia::pool", "asks"].contains(&metadata.target())
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let parent = if span.is_contextual() { current() } else { None };
        let mut seen = Seen { name: span.metadata().name(), parent, ..Seen::default() };
        span.record(&mut Fields(&mut seen));
        let mut spans = self.spans.lock().expect("no panic");
        spans.push(seen);
        tracing::span::Id::from_u64(spans.len() as u64)
    }

    fn record(&self, id: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        self.at(id, |seen| values.record(&mut Fields(seen)));
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.events.lock().expect("no panic").push(current());
    }

    fn enter(&self, id: &tracing::span::Id) {
        WITHIN.with_borrow_mut(|within| within.push(id.into_u64()));
        self.at(id, |seen| seen.entered += 1);
    }

    fn exit(&self, _: &tracing::span::Id) {
        WITHIN.with_borrow_mut(Vec::pop);
    }

    fn try_close(&self, id: tracing::span::Id) -> bool {
        self.at(&id, |seen| seen.closed = true);
        true
    }
}

#[test]
fn each_request_has_one_span() {
    alone("pool_metrics::spans_alone");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn spans_alone() {
    let kept: &'static Kept = Box::leak(Box::default());
    tracing::subscriber::set_global_default(kept).expect("the only one here");
    let says = || tracing::info!(target: "asks", "from a function of the host");
    let sandbox =
        Sandbox::builder().timeout(LONG).module(Module::new("host").function("says", says));
    let sandbox = sandbox.build().expect("a sandbox");
    let builder = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(1).threads(1);
    let pool = builder.build().expect("a pool");
    let source = "import asyncio, host\nfor _ in range(3): await asyncio.sleep(0.01)\nhost.says()";
    let caller = tracing::info_span!(target: "asks", "a caller's");
    let asked = caller.in_scope(|| pool.request().tenant("text").session("text").run(source));
    let id = asked.id();
    asked.wait().expect("it runs");
    let failed = pool.run("1 / 0");
    let failed_id = failed.id();
    failed.wait().expect_err("it fails");
    let refused = pool.request().tenant("x".repeat(300)).run("");
    let refused_id = refused.id();
    refused.wait().expect_err("it is refused");
    let cancelled = pool.run("import asyncio\nawait asyncio.sleep(1e6)");
    let cancelled_id = cancelled.id();
    until(&pool, |stats| stats.awaiting == 1);
    drop(cancelled);
    until(&pool, |stats| stats.begun == 0);
    drop(pool);
    let spans = kept.spans.lock().expect("no panic").clone();
    let of = |id: u64| {
        let with_id = |seen: &&Seen| seen.fields.get("id") == Some(&id.to_string());
        let found: Vec<_> = spans.iter().filter(with_id).collect();
        assert_eq!(found.len(), 1, "{spans:?}");
        found[0]
    };
    for (id, outcome) in
        [(id, "ok"), (failed_id, "raised"), (refused_id, "refused"), (cancelled_id, "cancelled")]
    {
        let seen = of(id);
        assert!(seen.name == "request" && seen.closed, "{seen:?}");
        assert_eq!(seen.fields["outcome"], format!("{outcome:?}"), "{seen:?}");
    }
    // It is within the span of whoever asked, and entered each time that the program goes on.
    let asked = of(id);
    assert!(asked.entered >= 3 && asked.fields.contains_key("session"), "{asked:?}");
    let around = asked.parent.expect("a caller's") as usize;
    assert_eq!(spans[around - 1].name, "a caller's");
    assert_eq!(of(failed_id).parent, None);
    let place = spans.iter().position(|seen| seen.fields.get("id") == Some(&id.to_string()));
    let events = kept.events.lock().expect("no panic").clone();
    assert_eq!(events, [place.map(|place| place as u64 + 1)]);
    assert!(!format!("{spans:?}").contains("text"), "{spans:?}");
}
