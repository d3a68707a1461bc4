//! Ends of a pool: drained, in time or not, dropped with requests under way.

use crate::pool::{Gate, LONG, SECOND, SPIN, gated, refusal, sandbox};
use crate::support::{alone, cache};
use ophidia::{Error, Pool, PoolError, Runtime, Tenant};
use std::time::Duration;

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
    alone("pool_ends::a_pool_is_dropped_with_requests_under_way_alone");
}

pub(crate) fn entries(folder: &str) -> usize {
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
