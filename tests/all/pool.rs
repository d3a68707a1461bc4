//! Pools: requests, queues, tenants, sessions, turns, and the end of all that.
//!
//! Nothing is decided by how long something takes: what has to be under way says so itself, through a [`Gate`].

use crate::library::RUNTIME;
use crate::pool_ends::entries;
use crate::slots::own_memory;
use crate::support::alone;
use futures_core::Stream;
use ophidia::{
    DirGrant, Ending, Error, Function, Limits, Module, Pool, PoolBuilder, PoolError, Sandbox,
    SandboxBuilder, Stats, Tenant,
};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(100);

/// Where guests wait, in a function of the host that knows of no deadline, until they are let through.

#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Gate {
    /// What a guest imports as `gate`: `gate.wait()`.
    pub(crate) fn module(&self) -> Module {
        let gate = self.clone();
        Module::new("gate").function("wait", move || gate.wait())
    }

    pub(crate) fn wait(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("no panic");
        state.0 += 1;
        changed.notify_all();
        while !state.1 {
            state = changed.wait(state).expect("no panic");
        }
    }

    /// Waits until so many have come.
    pub(crate) fn reached(&self, count: usize) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("no panic");
        while state.0 < count {
            state = changed.wait(state).expect("no panic");
        }
    }

    pub(crate) fn open(&self) {
        let (state, changed) = &*self.0;
        state.lock().expect("no panic").1 = true;
        changed.notify_all();
    }
}

/// What a guest does to be known to run, and then runs until it is ended.
pub(crate) const SPIN: &str = "import gate\ngate.wait()\nwhile True: pass";

pub(crate) fn sandbox() -> SandboxBuilder {
    Sandbox::builder().timeout(LONG)
}

/// A pool of one worker whose guests have a gate.
pub(crate) fn gated() -> (PoolBuilder, Gate) {
    let gate = Gate::default();
    let sandbox = sandbox().module(gate.module()).build().expect("a sandbox");
    (Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(1), gate)
}

pub(crate) fn pool(workers: usize) -> Pool {
    let sandbox = sandbox().build().expect("a sandbox");
    Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(workers).build().expect("a pool")
}

/// Waits until the stats say so.
pub(crate) fn until(pool: &Pool, ready: impl Fn(&Stats) -> bool) -> Stats {
    for _ in 0..10_000 {
        let stats = pool.stats();
        if ready(&stats) {
            return stats;
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("never: {:?}", pool.stats());
}

pub(crate) fn refusal<T: std::fmt::Debug>(result: ophidia::Result<T>) -> PoolError {
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
    let missing = pool.call::<()>("nothing", ("abc",)).wait().expect_err("it fails");
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
    let ended = |source: &str| pool.run(source).wait().expect_err("it fails");
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
    assert_eq!((stats.limited(), stats.count(Ending::Ok)), (7, 3));
    assert_eq!(stats.begun, 0);
}

/// Guests that would take all descriptors and all memory get what their limits allow, each for itself.
#[test]
fn guests_cannot_use_up_the_process() {
    alone("pool::guests_cannot_use_up_the_process_alone");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn guests_cannot_use_up_the_process_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("data"), "x").expect("written");
    let gate = Gate::default();
    let sandbox = sandbox()
        .dir(DirGrant::read_only(folder.path(), "/data"))
        .files(100)
        .memory(64 << 20)
        .module(gate.module())
        .build()
        .expect("a sandbox");
    let builder = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(2).warm(0, 0);
    let pool = builder.build().expect("a pool");
    pool.run("import socket").wait().expect("it runs");
    let before = (entries("/proc/self/fd"), own_memory());
    let greedy = |n: usize| {
        let source = "import errno, gate, socket\nkept = []\ndef take(more):\n    try:\n        while True: kept.append(more())\n    except (OSError, MemoryError) as error: return error\n\
            error = take(lambda: open('/data/data'))\nassert error.errno == errno.EMFILE, error\n\
            error = take(lambda: socket.socket())\nassert error.errno == errno.EMFILE, error\n\
            assert type(take(lambda: bytearray(b'x') * (1 << 20))) is MemoryError\ngate.wait()";
        pool.request().tenant(format!("{n}")).run(source)
    };
    let all: Vec<_> = (0..8).map(greedy).collect();
    gate.reached(8);
    let (descriptors, memory) = (entries("/proc/self/fd"), own_memory());
    // Threads of the pool have descriptors of their own.
    assert!((before.0 + 400..before.0 + 900).contains(&descriptors), "{descriptors}");
    assert!(memory - before.1 < 9 * (64 << 20), "{memory}");
    assert_eq!(pool.eval::<i64>("1").wait().expect("others go on"), 1);
    gate.open();
    all.into_iter().for_each(|one| one.wait().expect("each had its own limits"));
    until(&pool, |stats| stats.begun == 0);
    let after = entries("/proc/self/fd");
    assert!(after < before.0 + 50, "{after} descriptors, {} before", before.0);
}

/// Those of the pool above.
fn pool_limits() -> Limits {
    Limits { timeout: Some(2 * SECOND), memory: 64 << 20, output: 1_000, ..Limits::default() }
}

#[test]
fn a_request_may_have_less_and_not_more() {
    let sandbox = sandbox().env("LANG", "C").memory(64 << 20).build().expect("a sandbox");
    let (limits, grants) = (*sandbox.limits(), sandbox.grants().clone());
    let pool = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(1).build().expect("a pool");
    let small = Limits { fuel: Some(1_000_000), memory: 48 << 20, ..limits };
    let burnt = pool.request().limits(small).run("for _ in range(10**9): pass").wait();
    assert!(matches!(burnt, Err(Error::Limit(limit)) if limit.name() == "fuel"));
    let large = Limits { memory: (64 << 20) + 1, ..limits };
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
fn bodies_of_maps_may_await() {
    let pool = pool(2);
    let body = |py: &mut ophidia::Interpreter, n: i64| -> ophidia::Result<()> { py.set("n", n) };
    let slow = move |py: &mut ophidia::Interpreter, n: i64| {
        body(py, n)?;
        py.run("import asyncio\nif n == 3: 1 / 0")
    };
    let map = pool.map_async(0..60, move |py, n: i64| {
        Box::pin(async move {
            slow(py, n)?;
            py.eval_async_as::<i64>("await asyncio.sleep(1, n * n)").await
        })
    });
    let map = map.ahead(60).as_completed();
    let mut all: Vec<_> = map.collect();
    // Many were under way at once, over two workers.
    let stats = pool.stats();
    assert!(stats.most_begun > 10, "{stats:?}");
    all.sort_unstable_by_key(|(at, _)| *at);
    for (at, result) in all {
        match result {
            Ok(square) => assert_eq!(square, (at * at) as i64),
            Err(error) => assert!(at == 3 && matches!(error, Error::Python(_)), "{at}: {error}"),
        }
    }
    // As a stream too.
    let map = pool.map_async(["1", "2"], |py, text| Box::pin(py.eval_async_as::<i64>(text)));
    let mut map = pin!(map);
    let tokio = tokio::runtime::Builder::new_current_thread().build().expect("one");
    let mut sum = 0;
    tokio.block_on(async {
        while let Some(next) = poll_fn(|context| map.as_mut().poll_next(context)).await {
            sum += next.expect("it runs");
        }
    });
    assert_eq!(sum, 3);
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
