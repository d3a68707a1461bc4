//! Pools: requests, queues, tenants, sessions, turns, and the end of all that.
//!
//! Nothing is decided by how long something takes: what has to be under way says so itself, through a [`Gate`].

use crate::library::RUNTIME;
use crate::support::cache;
use futures_core::Stream;
use ophidia::{
    Ending, Error, Function, Limits, Lost, Module, Pool, PoolBuilder, PoolError, Runtime, Sandbox,
    SandboxBuilder, Stats, Tenant,
};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Longer than any test.
const LONG: Duration = Duration::from_secs(100);

/// Where guests wait, in a function of the host that knows of no deadline, until they are let through.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Gate {
    /// What a guest imports as `gate`: `gate.wait()`.
    fn module(&self) -> Module {
        let gate = self.clone();
        Module::new("gate").function("wait", move || gate.wait())
    }

    fn wait(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("no panic");
        state.0 += 1;
        changed.notify_all();
        while !state.1 {
            state = changed.wait(state).expect("no panic");
        }
    }

    /// Waits until so many have come.
    fn reached(&self, count: usize) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("no panic");
        while state.0 < count {
            state = changed.wait(state).expect("no panic");
        }
    }

    fn open(&self) {
        let (state, changed) = &*self.0;
        state.lock().expect("no panic").1 = true;
        changed.notify_all();
    }
}

/// What a guest does to be known to run, and then runs until it is ended.
const SPIN: &str = "import gate\ngate.wait()\nwhile True: pass";

fn sandbox() -> SandboxBuilder {
    Sandbox::builder().timeout(LONG)
}

/// A pool of one worker whose guests have a gate.
fn gated() -> (PoolBuilder, Gate) {
    let gate = Gate::default();
    let sandbox = sandbox().module(gate.module()).build().expect("a sandbox");
    (Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(1), gate)
}

fn pool(workers: usize) -> Pool {
    let sandbox = sandbox().build().expect("a sandbox");
    Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(workers).build().expect("a pool")
}

/// Waits until the stats say so.
fn until(pool: &Pool, ready: impl Fn(&Stats) -> bool) -> Stats {
    for _ in 0..10_000 {
        let stats = pool.stats();
        if ready(&stats) {
            return stats;
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("never: {:?}", pool.stats());
}

fn refusal<T: std::fmt::Debug>(result: ophidia::Result<T>) -> PoolError {
    match result {
        Err(Error::Pool(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_request_has_an_interpreter_of_its_own() {
    let pool = pool(2);
    assert_eq!(pool.eval::<i64>("6 * 7").wait().expect("42"), 42);
    pool.run("x = 1").wait().expect("it runs");
    let said = pool.eval::<bool>("'x' in globals()").wait().expect("a bool");
    assert!(!said, "nothing is left of the one before");
    let done = pool
        .request()
        .run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
        .wait_full()
        .expect("it began");
    assert_eq!((&*done.stdout, &*done.stderr), (&b"out\n"[..], &b"err\n"[..]));
    assert!(done.result.is_ok() && done.usage.operations > 0 && done.id > 0);
    // What it wrote is told of one that fails, too.
    let failed = pool.run("print('so far')\n1 / 0").wait_full().expect("it began");
    assert_eq!(failed.stdout, b"so far\n");
    assert!(
        matches!(failed.result, Err(Error::Python(error)) if error.type_name == "ZeroDivisionError")
    );
    assert_eq!(pool.call::<f64>("math.sqrt", (9.0,)).wait().expect("3"), 3.0);
    assert_eq!(pool.call::<usize>("len", ("abc",)).wait().expect("3"), 3);
    let missing = pool.call::<()>("nothing", ("abc",)).wait().unwrap_err();
    assert!(missing.to_string().contains("nothing"), "{missing}");
    let both = pool.request().with(|py| {
        py.run("x = 20")?;
        py.eval_as::<i64>("x + 1")
    });
    assert_eq!(both.wait().expect("21"), 21);
    let stats = pool.stats();
    assert_eq!((stats.count(Ending::Ok), stats.count(Ending::Raised)), (7, 2));
    assert_eq!((stats.queued, stats.begun, stats.accepted), (0, 0, 9));
    assert!(stats.started >= 9 && stats.run_time.count == 9 && stats.queue_time.count == 9);
}

#[test]
fn objects_of_a_request_are_refused_afterwards() {
    let pool = pool(1);
    let kept = pool.request().with(|py| py.eval_object("[1]")).wait().expect("an object");
    let mut other = RUNTIME.interpreter().build().expect("an interpreter");
    assert!(matches!(kept.str(&mut other), Err(Error::Conversion(_))));
}

#[test]
fn a_request_that_waits_is_cancelled_at_once() {
    let (builder, gate) = gated();
    let pool = builder.threads(1).build().expect("a pool");
    let first = pool.run("import gate; gate.wait()");
    gate.reached(1);
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let second = pool.request().with(move |_| Ok(counted.fetch_add(1, Ordering::Relaxed)));
    assert_eq!(pool.stats().queued, 1);
    drop(second);
    assert_eq!(pool.stats().queued, 0);
    let third = pool.eval::<i64>("3");
    third.cancel();
    assert!(matches!(third.wait(), Err(Error::Cancelled)));
    gate.open();
    first.wait().expect("it goes on");
    assert_eq!(ran.load(Ordering::Relaxed), 0);
    assert_eq!(Arc::strong_count(&ran), 1, "what it held is gone");
    assert_eq!(pool.stats().count(Ending::Cancelled), 2);
}

#[test]
fn a_request_that_runs_is_cancelled_and_others_go_on() {
    let (builder, gate) = gated();
    let pool = builder.build().expect("a pool");
    gate.open();
    let spinning = pool.run(SPIN);
    gate.reached(1);
    assert_eq!(pool.eval::<i64>("1").wait().expect("it goes on"), 1);
    spinning.cancel();
    assert!(matches!(spinning.wait(), Err(Error::Cancelled)));
    // One that is dropped, and one that sleeps.
    let dropped = pool.run(SPIN);
    gate.reached(2);
    drop(dropped);
    let sleeping = pool.run("import gate, time\ngate.wait()\ntime.sleep(1000)");
    gate.reached(3);
    assert_eq!(pool.eval::<i64>("2").wait().expect("it goes on"), 2);
    sleeping.cancel();
    assert!(matches!(sleeping.wait(), Err(Error::Cancelled)));
    let stats = until(&pool, |stats| stats.begun == 0);
    assert_eq!(stats.count(Ending::Cancelled), 3);
    assert_eq!(pool.eval::<i64>("3").wait().expect("it goes on"), 3);
}

#[test]
fn a_detached_request_goes_on() {
    let (builder, gate) = gated();
    let pool = builder.build().expect("a pool");
    pool.run("import gate; gate.wait()").detach();
    gate.open();
    let stats = until(&pool, |stats| stats.count(Ending::Ok) == 1);
    assert_eq!(stats.count(Ending::Cancelled), 0);
}

#[test]
fn the_queue_is_bounded() {
    let (builder, gate) = gated();
    let pool = builder.threads(1).queue(2).queue_time(LONG).build().expect("a pool");
    let first = pool.run("import gate; gate.wait()");
    gate.reached(1);
    let waiting: Vec<_> = (0..2).map(|n| pool.eval::<i64>(format!("{n}"))).collect();
    let full = refusal(pool.eval::<i64>("3").wait());
    assert!(matches!(full, PoolError::QueueFull { limit: 2 }), "{full:?}");
    assert!(full.to_string().contains("raise PoolBuilder::queue"), "{full}");
    // One's time is shorter than the others'.
    drop(waiting);
    let late = pool.request().queue_time(Duration::from_millis(20)).eval::<i64>("4").wait();
    assert!(matches!(refusal(late), PoolError::QueueTimeout { limit } if limit.as_millis() == 20));
    let patient = pool.eval::<i64>("5");
    gate.open();
    first.wait().expect("it goes on");
    assert_eq!(patient.wait().expect("its turn comes"), 5);
    let stats = pool.stats();
    assert_eq!((stats.refused, stats.count(Ending::Late), stats.most_queued), (1, 1, 2));
}

#[test]
fn without_a_queue_what_cannot_begin_is_refused() {
    let (builder, gate) = gated();
    let pool = builder.threads(1).queue(0).build().expect("a pool");
    let first = pool.run("import gate; gate.wait()");
    gate.reached(1);
    assert!(matches!(refusal(pool.run("").wait()), PoolError::QueueFull { limit: 0 }));
    gate.open();
    first.wait().expect("there was room for it");
}

#[test]
fn tenants_have_quotas() {
    let (builder, gate) = gated();
    let pool = builder
        .tenant("free", Tenant::default().most(1).queued(1))
        .tenant("slow", Tenant::default().rate(0.001, 2))
        .queue_time(LONG)
        .build()
        .expect("a pool");
    let free = || pool.request().tenant("free");
    let first = free().run("import gate; gate.wait()");
    gate.reached(1);
    let second = free().eval::<i64>("2");
    let third = refusal(free().eval::<i64>("3").wait());
    let said = third.to_string();
    assert_eq!(said, "tenant \"free\": quota queued: 1 allowed (raise Tenant::queued)");
    // The others go on, and what waits does although a worker is idle.
    assert_eq!(pool.request().tenant("other").eval::<i64>("1").wait().expect("it runs"), 1);
    assert_eq!(pool.stats().queued, 1);
    gate.open();
    first.wait().expect("it goes on");
    assert_eq!(second.wait().expect("its turn comes"), 2);
    let slow = || pool.request().tenant("slow").eval::<i64>("1").wait();
    assert!(slow().is_ok() && slow().is_ok());
    let refused = refusal(slow());
    assert!(
        matches!(&refused, PoolError::TenantQuota { quota: "rate", retry: Some(_), .. }),
        "{refused:?}"
    );
    let long = refusal(pool.request().tenant("x".repeat(300)).run("").wait());
    assert!(matches!(long, PoolError::Name { what: "tenant", len: 300, .. }), "{long:?}");
}

#[test]
fn tenants_are_forgotten() {
    let pool = Pool::builder(RUNTIME.clone()).workers(1).most_tenants(4).build().expect("a pool");
    for tenant in 0..200 {
        let ran = pool.request().tenant(format!("{tenant}")).eval::<i64>("1").wait();
        // All but the last few are idle; they are looked for now and then only.
        if let Err(error) = ran {
            assert!(matches!(refusal::<()>(Err(error)), PoolError::TenantsFull { limit: 4, .. }));
            thread::sleep(Duration::from_millis(20));
        }
        assert!(pool.stats().tenants <= 4);
    }
    assert!(pool.stats().count(Ending::Ok) > 10, "{:?}", pool.stats());
}

#[test]
fn guests_that_break_are_thrown_away() {
    let gate = Gate::default();
    let sandbox = Sandbox::builder()
        .timeout(2 * SECOND)
        .memory(64 << 20)
        .output(1_000)
        .module(gate.module())
        .module(Module::new("bad").function("panic", || -> i64 { panic!("a host function") }))
        .build()
        .expect("a sandbox");
    let pool = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(2).build().expect("a pool");
    let ended = |source: &str| pool.run(source).wait().unwrap_err();
    for _ in 0..3 {
        assert!(
            matches!(ended("import os; os._exit(3)"), Error::Python(error) if error.exit_status == Some(3))
        );
        assert!(
            matches!(ended("raise SystemExit(4)"), Error::Python(error) if error.exit_status == Some(4))
        );
        assert!(
            matches!(ended("x = [0] * 10**8"), Error::Limit(limit) if limit.name() == "memory")
        );
        assert!(
            matches!(ended("print('x' * 2000)"), Error::Limit(limit) if limit.name() == "output")
        );
        assert!(
            matches!(ended("import bad; bad.panic()"), Error::Host(said) if said.contains("a host function"))
        );
        let caught = pool.request().with(|_| -> ophidia::Result<()> { panic!("a closure") });
        assert!(matches!(caught.wait(), Err(Error::Host(said)) if said.contains("a closure")));
        assert_eq!(pool.eval::<i64>("1").wait().expect("the pool goes on"), 1);
    }
    let late = pool.request().limits(Limits {
        timeout: Some(Duration::from_millis(50)),
        grace: Duration::ZERO,
        ..pool_limits()
    });
    assert!(
        matches!(late.run("while True: pass").wait(), Err(Error::Limit(limit)) if limit.name() == "timeout")
    );
    let stats = pool.stats();
    assert_eq!((stats.count(Ending::Panicked), stats.count(Ending::Raised)), (6, 6));
    assert_eq!(stats.count(Ending::Limit("memory")), 3);
    assert_eq!((stats.count(Ending::Limit("")), stats.count(Ending::Ok)), (7, 3));
    assert_eq!(stats.begun, 0);
}

/// Those of the pool above.
fn pool_limits() -> Limits {
    Limits { timeout: Some(2 * SECOND), memory: 64 << 20, output: 1_000, ..Limits::default() }
}

#[test]
fn a_request_may_have_less_and_not_more() {
    let sandbox = sandbox().env("LANG", "C").memory(64 << 20).build().expect("a sandbox");
    let (limits, grants) = (sandbox.limits().clone(), sandbox.grants().clone());
    let pool = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(1).build().expect("a pool");
    let small = Limits { fuel: Some(1_000_000), memory: 48 << 20, ..limits.clone() };
    let burnt = pool.request().limits(small.clone()).run("for _ in range(10**9): pass").wait();
    assert!(matches!(burnt, Err(Error::Limit(limit)) if limit.name() == "fuel"));
    let large = Limits { memory: (64 << 20) + 1, ..limits.clone() };
    let refused = refusal(pool.request().limits(large).run("").wait());
    assert_eq!(
        refused.to_string(),
        "limits.memory: 67108865 asked, 67108864 allowed by the pool (ask for less, or raise it in the pool's sandbox)"
    );
    let mut none = grants.clone();
    none.env.clear();
    let source = "__import__('os').environ.get('LANG')";
    let bare = pool.request().grants(none).limits(small).eval::<Option<String>>(source);
    assert_eq!(bare.wait().expect("it runs"), None);
    assert_eq!(pool.eval::<Option<String>>(source).wait().expect("it runs").as_deref(), Some("C"));
    let mut more = grants;
    more.env.push(("HOME".into(), "/".into()));
    let refused = refusal(pool.request().grants(more).run("").wait());
    assert!(matches!(refused, PoolError::Override { field: "grants.env", .. }), "{refused:?}");
    let session = pool.session("s").expect("a session");
    let refused = refusal(session.request().limits(limits).run("").wait());
    assert!(matches!(refused, PoolError::Override { field: "limits", .. }), "{refused:?}");
}

#[test]
fn spinning_guests_let_a_light_tenant_through() {
    let (builder, gate) = gated();
    let pool = builder.workers(2).build().expect("a pool");
    gate.open();
    let spinning: Vec<_> = (0..8).map(|_| pool.request().tenant("heavy").run(SPIN)).collect();
    gate.reached(8);
    for n in 0..50 {
        let light = pool.request().tenant("light").eval::<i64>(format!("{n}"));
        assert_eq!(light.wait().expect("it runs"), n);
    }
    // They have taken turns, and none has ended.
    let stats = pool.stats();
    assert!(stats.slices > 8, "{stats:?}");
    assert_eq!((stats.begun, stats.count(Ending::Ok)), (8, 50));
    assert!(stats.running <= 2 && stats.most_threads <= 10, "{stats:?}");
    drop(spinning);
    until(&pool, |stats| stats.begun == 0);
}

#[test]
fn a_slow_function_of_the_host_loses_its_turn() {
    let (builder, gate) = gated();
    let pool = builder.build().expect("a pool");
    // One worker only, and its thread is in code of the host that lets nobody through.
    let slow = pool.eval::<i64>("(__import__('gate').wait(), 7)[1]");
    gate.reached(1);
    assert_eq!(pool.eval::<i64>("1").wait().expect("it runs"), 1);
    assert!(pool.stats().revoked >= 1);
    gate.open();
    assert_eq!(slow.wait().expect("it goes on"), 7);
}

#[test]
fn time_is_shared_by_weight() {
    let counts: [Arc<AtomicUsize>; 2] = Default::default();
    let of = |at: usize| Arc::clone(&counts[at]);
    let (heavy, light) = (of(0), of(1));
    let module = Module::new("count")
        .function("heavy", move || heavy.fetch_add(1, Ordering::Relaxed))
        .function("light", move || light.fetch_add(1, Ordering::Relaxed));
    let sandbox = sandbox().module(module).build().expect("a sandbox");
    let pool = Pool::builder(RUNTIME.clone())
        .sandbox(sandbox)
        .workers(1)
        .tenant("heavy", Tenant::default().weight(3))
        .build()
        .expect("a pool");
    let spin = |name: &str| {
        let source = format!(
            "import count\nwhile True:\n    for _ in range(1000): pass\n    count.{name}()"
        );
        pool.request().tenant(name).run(source)
    };
    let both = [spin("heavy"), spin("light")];
    // Enough turns of each for the shares to show.
    while pool.stats().slices < 120 {
        thread::sleep(Duration::from_millis(5));
    }
    let [heavy, light] = counts.each_ref().map(|count| count.load(Ordering::Relaxed) as f64);
    drop(both);
    let ratio = heavy / light;
    assert!((1.5..6.0).contains(&ratio), "{heavy} and {light}: {ratio}");
}

#[test]
fn sleeping_guests_hold_no_worker() {
    let (builder, gate) = gated();
    let pool = builder.build().expect("a pool");
    gate.open();
    let sleeping: Vec<_> =
        (0..20).map(|_| pool.run("import gate, time\ngate.wait()\ntime.sleep(1000)")).collect();
    gate.reached(20);
    let stats = until(&pool, |stats| stats.running == 0);
    assert_eq!((stats.begun, stats.parked), (20, 20));
    assert_eq!(pool.eval::<i64>("1").wait().expect("it runs"), 1);
    drop(sleeping);
    until(&pool, |stats| stats.begun == 0);
}

#[test]
fn a_guest_may_wait_for_another_of_its_pool() {
    let place: Arc<Mutex<Option<Pool>>> = Arc::default();
    let found = Arc::clone(&place);
    let ask = move |source: String| -> ophidia::Result<i64> {
        let pool = found.lock().expect("no panic").clone().expect("a pool");
        pool.eval::<i64>(source).wait()
    };
    let module = Module::new("pool").function("ask", ask);
    let sandbox = Sandbox::builder().timeout(LONG).module(module).build().expect("a sandbox");
    let pool = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(1).build().expect("a pool");
    *place.lock().expect("no panic") = Some(pool.clone());
    let source = "import pool\nassert pool.ask('__import__(\"pool\").ask(\"20 + 1\") * 2') == 42";
    pool.run(source).wait().expect("three of them, on one worker");
    // The one around is cancelled: so is the wait, and what was waited for.
    let around = pool.run("import pool\npool.ask('__import__(\"time\").sleep(1000)')");
    until(&pool, |stats| stats.begun == 2);
    around.cancel();
    assert!(around.wait().is_err());
    until(&pool, |stats| stats.begun == 0);
    place.lock().expect("no panic").take();
}

#[test]
fn sessions_keep_an_interpreter_and_their_order() {
    let pool = pool(2);
    let session = pool.session("user-7").expect("a session");
    assert_eq!(session.key(), "user-7");
    let runs: Vec<_> =
        (0..20).map(|n| session.run(format!("seen = [*globals().get('seen', []), {n}]"))).collect();
    for run in runs {
        run.wait().expect("it runs");
    }
    let seen: Vec<i64> =
        pool.session("user-7").expect("the same").eval("seen").wait().expect("a list");
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
    let other = pool.session_of("another tenant", "user-7").expect("another");
    assert!(!other.eval::<bool>("'seen' in globals()").wait().expect("a bool"));
    assert_eq!(session.call::<i64>("sum", (vec![1, 2],)).wait().expect("3"), 3);
    assert_eq!(pool.stats().sessions, 2);
    // An exception is no loss.
    assert!(session.run("1 / 0").wait().is_err());
    assert_eq!(session.eval::<usize>("len(seen)").wait().expect("it goes on"), 20);
    session.end();
    until(&pool, |stats| stats.sessions == 1);
    let anew = pool.session("user-7").expect("a new one");
    assert!(!anew.eval::<bool>("'seen' in globals()").wait().expect("told of no loss"));
}

#[test]
fn a_lost_session_says_so_once() {
    let (builder, gate) = gated();
    let pool = builder.build().expect("a pool");
    gate.open();
    let session = pool.session("s").expect("a session");
    session.run("x = 1").wait().expect("it runs");
    let ended = session.run("import os; os._exit(1)").wait();
    assert!(ended.is_err());
    match refusal(session.eval::<i64>("x").wait()) {
        PoolError::SessionLost { key, reason: Lost::Failed(cause) } => {
            assert_eq!(key, "s");
            assert!(matches!(&*cause, Error::Python(error) if error.exit_status == Some(1)));
        }
        other => panic!("{other:?}"),
    }
    assert!(!session.eval::<bool>("'x' in globals()").wait().expect("a new one"));
    // Requests behind one that is cancelled while it runs: the next is told, the one after it runs.
    let spinning = session.run(SPIN);
    let next = session.eval::<i64>("1");
    let after = session.eval::<i64>("2");
    gate.reached(1);
    drop(spinning);
    assert!(matches!(refusal(next.wait()), PoolError::SessionLost { .. }));
    assert_eq!(after.wait().expect("a new one"), 2);
    // One that is cancelled while it waits takes nothing with it.
    session.run("x = 3").wait().expect("it runs");
    let held = session.run("import gate; gate.wait()");
    let waiting = session.run("x = 4");
    drop(waiting);
    held.wait().expect("it goes on");
    assert_eq!(session.eval::<i64>("x").wait().expect("it is there"), 3);
    assert_eq!(pool.stats().count(Ending::Lost), 2);
}

#[test]
fn sessions_end_by_idleness_and_age() {
    let sandbox = sandbox().build().expect("a sandbox");
    let builder = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(1);
    let short = Duration::from_millis(30);
    let idle = builder.clone().session_idle(short).sessions(2).build().expect("a pool");
    let session = idle.session("s").expect("a session");
    session.run("x = 1").wait().expect("it runs");
    until(&idle, |stats| stats.sessions == 0);
    let lost = refusal(session.eval::<i64>("x").wait());
    assert!(matches!(lost, PoolError::SessionLost { reason: Lost::Idle(_), .. }), "{lost:?}");
    session.run("x = 1").wait().expect("a new one");
    // Sessions are bounded; those nobody has a handle of are forgotten.
    let second = idle.session("t").expect("room");
    let full = idle.session("u").map_err(|error| refusal::<()>(Err(error)));
    assert!(matches!(full, Err(PoolError::SessionsFull { limit: 2, .. })), "{full:?}");
    drop((session, second));
    for _ in 0..1_000 {
        if idle.session("u").is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    idle.session("u").expect("room again");

    let aged = builder.session_life(short).session_idle(None).build().expect("a pool");
    let session = aged.session("s").expect("a session");
    session.run("x = 1").wait().expect("it runs");
    let lost = loop {
        if let Err(error) = session.eval::<i64>("x").wait() {
            break refusal::<()>(Err(error));
        }
    };
    assert!(matches!(lost, PoolError::SessionLost { reason: Lost::Life(_), .. }), "{lost:?}");
}

#[test]
fn maps_are_in_order_or_as_completed() {
    let pool = pool(2);
    let body = |py: &mut ophidia::Interpreter, n: i64| {
        if n == 3 {
            py.run("1 / 0")?
        };
        py.eval_as::<i64>(&format!("{n} * {n}"))
    };
    let all: Vec<_> = pool.map(0..30, body).map(|result| result.ok()).collect();
    let due = |n| (n != 3).then_some(n * n);
    assert_eq!(all, (0..30).map(due).collect::<Vec<_>>());
    let mut completed: Vec<_> =
        pool.map(0..30, body).as_completed().map(|(at, result)| (at as i64, result.ok())).collect();
    completed.sort_unstable();
    assert_eq!(completed, (0..30).map(|n| (n, due(n))).collect::<Vec<_>>());
    // One that is stuck holds up nobody who does not wait for it.
    let gate = Gate::default();
    let stuck = gate.clone();
    let body = move |_: &mut ophidia::Interpreter, n: usize| {
        if n == 0 {
            stuck.wait();
        }
        Ok(n)
    };
    let mut completed = pool.map(0..3, body).as_completed();
    let first = [completed.next(), completed.next()].map(|next| next.expect("two").0);
    assert!(!first.contains(&0), "{first:?}");
    gate.open();
    assert_eq!(completed.next().expect("the last").0, 0);
    assert!(completed.next().is_none());
    // One that nobody takes results of has begun no more than it may.
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&begun);
    let mut map = pool
        .map(0.., move |_, n: usize| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(n)
        })
        .ahead(3);
    assert_eq!(map.next().expect("endless").expect("it runs"), 0);
    drop(map);
    until(&pool, |stats| stats.begun == 0);
    assert!(begun.load(Ordering::Relaxed) <= 4);
}

#[test]
fn async_runtimes_of_either_kind_await_requests() {
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let current = tokio::runtime::Builder::new_current_thread().build();
    for tokio in [multi.expect("threads"), current.expect("one")] {
        let pool = pool(2);
        tokio.block_on(async {
            let all: Vec<_> =
                (0..20).map(|n| tokio::spawn(pool.eval::<i64>(format!("{n} + 1")))).collect();
            for (n, one) in all.into_iter().enumerate() {
                assert_eq!(one.await.expect("no panic").expect("it runs"), n as i64 + 1);
            }
            let full = pool.run("print(1)").full().await.expect("it began");
            assert_eq!(full.stdout, b"1\n");
            let mut map = pin!(pool.map(0..5, |py, n: i64| py.eval_as::<i64>(&n.to_string())));
            let mut sum = 0;
            while let Some(next) = poll_fn(|context| map.as_mut().poll_next(context)).await {
                sum += next.expect("it runs");
            }
            assert_eq!(sum, 10);
            // Waiting blocks the thread and nothing else.
            assert_eq!(pool.eval::<i64>("7").wait().expect("it runs"), 7);
            let drained = pool.shutdown(LONG).await;
            assert_eq!(drained.cancelled, 0);
        });
    }
}

#[test]
fn asynchronous_functions_run_where_the_pool_was_built() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("one");
    let pool = tokio.block_on(async { pool(1) });
    let slow = pool.request().with(|py| {
        let twice = |n: i64| async move {
            tokio::task::yield_now().await;
            2 * n
        };
        py.set("twice", Function::new_async("twice", twice))?;
        py.run(
            "import asyncio\nasync def main(): return await twice(21)\nx = asyncio.run(main())",
        )?;
        py.eval_as::<i64>("x")
    });
    assert_eq!(slow.wait().expect("it runs"), 42);
}

#[test]
fn requests_come_from_many_threads() {
    let pool = pool(2);
    thread::scope(|scope| {
        for tenant in 0..8_i64 {
            let pool = pool.clone();
            scope.spawn(move || {
                for n in 0..20 {
                    let request = pool.request().tenant(format!("{tenant}"));
                    let got = request.eval::<i64>(format!("{tenant} * {n}")).wait();
                    assert_eq!(got.expect("it runs"), tenant * n);
                }
            });
        }
    });
    let stats = pool.stats();
    assert_eq!((stats.count(Ending::Ok), stats.tenants), (160, 8));
}

#[test]
fn requests_wait_when_the_runtime_has_no_slot() {
    let runtime = Runtime::builder(cache()).max_interpreters(2).build().expect("a runtime");
    let builder = || Pool::builder(runtime.clone()).workers(2).queue_time(LONG);
    let (one, two) = (builder().build().expect("a pool"), builder().build().expect("a pool"));
    // Both pools keep one ahead; a third of somebody else's finds no slot, theirs do.
    let all: Vec<_> = (0..20)
        .map(|n: i64| [one.eval::<i64>(format!("{n}")), two.eval::<i64>(format!("-{n}"))])
        .collect();
    for (n, [a, b]) in all.into_iter().enumerate() {
        assert_eq!(
            (a.wait().expect("it runs"), b.wait().expect("it runs")),
            (n as i64, -(n as i64))
        );
    }
    drop((one, two));
    let others: Vec<_> = (0..2).map(|_| runtime.interpreter().build().expect("a slot")).collect();
    let pool = builder().warm(0, 0).build().expect("a pool");
    let waiting = pool.eval::<i64>("1");
    let late = pool.request().queue_time(Duration::from_millis(50)).eval::<i64>("2").wait();
    assert!(matches!(refusal(late), PoolError::QueueTimeout { .. }));
    let dropped = pool.eval::<i64>("3");
    until(&pool, |stats| stats.awaiting == 2);
    drop(dropped);
    assert_eq!(pool.stats().begun, 1);
    drop(others);
    assert_eq!(waiting.wait().expect("a slot is free"), 1);
}

#[test]
fn a_pool_drains_before_it_ends() {
    let (builder, gate) = gated();
    let pool = builder.threads(1).build().expect("a pool");
    let running = pool.run("import gate; gate.wait()");
    gate.reached(1);
    let waiting = pool.eval::<i64>("2");
    let session = pool.session("s").expect("a session");
    let ending = pool.shutdown(LONG);
    assert!(matches!(refusal(pool.run("").wait()), PoolError::ShuttingDown));
    assert!(matches!(refusal(session.run("").wait()), PoolError::ShuttingDown));
    gate.open();
    assert_eq!(ending.wait().expect("outside of calls").cancelled, 0);
    running.wait().expect("it was over in time");
    assert_eq!(waiting.wait().expect("and so was this"), 2);
    assert_eq!(pool.shutdown(SECOND).wait().expect("it is over").cancelled, 0);
    assert_eq!(pool.stats().warm, 0);
}

#[test]
fn what_is_not_over_in_time_is_cancelled() {
    let (builder, gate) = gated();
    let pool = builder.build().expect("a pool");
    gate.open();
    let session = pool.session("s").expect("a session");
    let spinning = [pool.run(SPIN), session.run(SPIN)];
    let behind = session.run("");
    gate.reached(2);
    let drained = pool.shutdown(Duration::from_millis(30)).wait().expect("outside of calls");
    assert_eq!(drained.cancelled, 3);
    for one in spinning.into_iter().chain([behind]) {
        assert!(matches!(one.wait(), Err(Error::Cancelled)));
    }
}

#[test]
fn a_pool_is_dropped_with_requests_under_way() {
    // Threads and descriptors are counted for the whole process, so it has to be one of its own.
    let this = std::env::current_exe().expect("a path");
    let mut alone = std::process::Command::new(this);
    alone.args(["--exact", "pool::a_pool_is_dropped_with_requests_under_way_alone", "--ignored"]);
    let output = alone.arg("--nocapture").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn entries(folder: &str) -> usize {
    std::fs::read_dir(folder).expect("Linux").count()
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn a_pool_is_dropped_with_requests_under_way_alone() {
    let runtime = Runtime::builder(cache()).max_interpreters(40).build().expect("a runtime");
    // What the runtime and the first wait of a thread keep.
    runtime
        .interpreter()
        .build()
        .expect("a slot")
        .run("import time; time.sleep(0)")
        .expect("it runs");
    let before = (entries("/proc/self/task"), entries("/proc/self/fd"));
    for _ in 0..3 {
        let gate = Gate::default();
        gate.open();
        let sandbox = sandbox().module(gate.module()).build().expect("a sandbox");
        let builder = Pool::builder(runtime.clone()).sandbox(sandbox).workers(2);
        let builder = builder.warm(4, 4).threads(8).tenants(Tenant::default().most(8));
        let pool = builder.build().expect("a pool");
        let running: Vec<_> = (0..4)
            .map(|_| pool.run(SPIN))
            .chain((0..4).map(|_| pool.run("import gate, time\ngate.wait()\ntime.sleep(1000)")))
            .collect();
        gate.reached(8);
        let waiting: Vec<_> = (0..10).map(|_| pool.eval::<i64>("1")).collect();
        let session = pool.session("s").expect("a session");
        assert_eq!(pool.stats().queued, 10);
        drop(pool);
        assert!(running.into_iter().all(|one| matches!(one.wait(), Err(Error::Cancelled))));
        assert!(waiting.into_iter().all(|one| matches!(one.wait(), Err(Error::Cancelled))));
        assert!(matches!(refusal(session.run("").wait()), PoolError::ShuttingDown));
        assert_eq!((entries("/proc/self/task"), entries("/proc/self/fd")), before);
    }
    let all: Vec<_> = (0..40).map(|_| runtime.interpreter().build().expect("every slot")).collect();
    drop(all);
}

#[test]
fn a_thread_that_does_not_come_back_is_not_waited_for() {
    let (builder, gate) = gated();
    let pool = builder.grace(Duration::from_millis(20)).build().expect("a pool");
    let stuck = pool.run(SPIN);
    gate.reached(1);
    drop(pool);
    assert!(!stuck.is_finished());
    gate.open();
    assert!(matches!(stuck.wait(), Err(Error::Cancelled)));
}

#[test]
fn settings_are_checked() {
    let builder = || Pool::builder(RUNTIME.clone());
    let field = |builder: PoolBuilder| match refusal(builder.build()) {
        PoolError::Setting { field, .. } => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(builder().workers(0)), "workers");
    assert_eq!(field(builder().workers(4).threads(3)), "threads");
    assert_eq!(field(builder().warm(2, 1)), "warm");
    assert_eq!(field(builder().warm(0, 1 << 20)), "warm");
    assert_eq!(field(builder().tenant("t", Tenant::default().weight(0))), "tenant");
    assert_eq!(field(builder().tenant("t", Tenant::default().most(0))), "tenant");
    assert_eq!(field(builder().tenants(Tenant::default().rate(f64::NAN, 1))), "tenant");
    assert_eq!(field(builder().most_tenants(0)), "most_tenants");
}
