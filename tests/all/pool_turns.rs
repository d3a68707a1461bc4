//! Turns of a pool: who runs when, who waits for whom, and slots.

use crate::library::RUNTIME;
use crate::pool::{LONG, SPIN, gated, pool, refusal, sandbox, until};
use crate::support::cache;
use ophidia::{Ending, Module, Pool, PoolError, Runtime, Sandbox, Tenant};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

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
    assert!(stats.running <= 2 && stats.most_threads <= 16, "{stats:?}");
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

/// Numbers without order, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn whatever_is_cancelled_whenever_nothing_is_left_over() {
    let runtime = Runtime::builder(cache()).max_interpreters(12).build().expect("a runtime");
    let sandbox = sandbox().build().expect("a sandbox");
    let pool = Pool::builder(runtime.clone())
        .sandbox(sandbox)
        .workers(2)
        .threads(8)
        .queue(40)
        .queue_time(Duration::from_millis(200))
        .session_idle(Duration::from_millis(50))
        .tenant("1", Tenant::default().most(2).queued(5))
        .build()
        .expect("a pool");
    thread::scope(|scope| {
        for seed in 0..4 {
            let pool = pool.clone();
            scope.spawn(move || {
                let mut dice = Dice(seed);
                for _ in 0..300 {
                    let tenant = dice.roll(4).to_string();
                    let session =
                        pool.session_of(&tenant, &dice.roll(2).to_string()).expect("room");
                    let request = match dice.roll(3) {
                        0 => session.request(),
                        _ => pool.request().tenant(tenant),
                    };
                    let kind = dice.roll(5);
                    let pending = request.run(match kind {
                        0 => "while True: pass",
                        1 => "import time\nwhile True: time.sleep(0.002)",
                        2 => "import os; os._exit(1)",
                        _ => "x = sum(range(1000))",
                    });
                    match dice.roll(4) {
                        0 => drop(pending),
                        1 => thread::sleep(Duration::from_micros(dice.roll(3_000))),
                        2 => {
                            let soon = Duration::from_micros(dice.roll(3_000));
                            thread::sleep(soon);
                            pending.cancel();
                            let _ = pending.wait();
                        }
                        _ if kind > 1 => pending.detach(),
                        _ => {}
                    }
                }
            });
        }
    });
    let stats = until(&pool, |stats| stats.begun == 0 && stats.queued == 0);
    assert_eq!(stats.finished.values().sum::<u64>(), stats.accepted, "{stats:?}");
    assert_eq!(stats.accepted + stats.refused, 1_200, "{stats:?}");
    until(&pool, |stats| stats.sessions == 0 && stats.running == 0);
    assert_eq!(pool.eval::<i64>("1").wait().expect("it goes on"), 1);
    drop(pool);
    let all: Vec<_> = (0..12).map(|_| runtime.interpreter().build().expect("every slot")).collect();
    drop(all);
}
