//! Requests of a pool that await: they hold no thread, and end wherever they are.

use crate::library::RUNTIME;
use crate::pool::{pool, refusal, sandbox, until};
use ophidia::{Ending, Error, Function, Lost, Module, Pool, PoolError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Awaits for ever, and spins when it is cancelled.
const STUBBORN: &str =
    "import asyncio\ntry: await asyncio.sleep(1e6)\nexcept BaseException:\n    while True: pass";

#[test]
fn those_that_await_hold_no_thread() {
    let pool = pool(2);
    let requests: Vec<_> = (0..50_i64)
        .map(|n| {
            pool.request()
                .tenant(format!("tenant-{n}"))
                .eval::<i64>(format!("await __import__('asyncio').sleep(3, {n})"))
        })
        .collect();
    until(&pool, |stats| stats.awaiting == 50);
    let stats = pool.stats();
    // On a busy machine turns are taken from some before they wait, and others begin on more threads.
    assert!(stats.threads < 25 && stats.begun == 50 && stats.parked == 0, "{stats:?}");
    // Others run meanwhile.
    assert_eq!(pool.eval::<i64>("1 + 1").wait().expect("it runs"), 2);
    for (n, request) in (0..).zip(requests) {
        assert_eq!(request.wait().expect("it was woken"), n);
    }
    let call = pool.request().call::<i64>("asyncio.sleep", (0.001, 7));
    assert_eq!(call.wait().expect("awaited"), 7);
    assert_eq!(pool.stats().awaiting, 0);
}

/// Nobody's thread runs a guest that was cancelled, and the end of a pool does not take a grace for each.
#[test]
fn cancelling_one_at_rest_enters_no_guest() {
    let entered = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&entered);
    let told = move || {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let module = Module::new("told").function("told", told);
    let sandbox = sandbox().grace(Duration::from_secs(50)).module(module).build().expect("one");
    let pool = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(2).build().expect("a pool");
    let source = "import asyncio, told\ntry: await asyncio.sleep(1e6)\nfinally: told.told()";
    let one = pool.run(source);
    until(&pool, |stats| stats.awaiting == 1);
    drop(one);
    until(&pool, |stats| stats.begun == 0);
    assert_eq!(entered.load(Ordering::Relaxed), 0);
    assert_eq!(pool.stats().count(Ending::Cancelled), 1);
    let many: Vec<_> =
        (0..40).map(|n| pool.request().tenant(format!("{n}")).run(STUBBORN)).collect();
    until(&pool, |stats| stats.awaiting == 40);
    let began = Instant::now();
    let drained = pool.shutdown(Duration::from_millis(10)).wait().expect("outside of calls");
    assert_eq!(drained.cancelled, 40);
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    for one in many {
        assert!(matches!(one.wait(), Err(Error::Cancelled)));
    }
    drop(pool);
}

/// A request that is cancelled while it awaits a function of the host: that ends too, and holds nothing any more.
#[test]
fn cancelling_one_drops_the_function_of_the_host_that_it_awaits() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("one");
    let alive = Arc::new(AtomicUsize::new(0));
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::AcqRel);
        }
    }
    let counts = Arc::clone(&alive);
    let never = move || {
        counts.fetch_add(1, Ordering::AcqRel);
        let counted = Counted(Arc::clone(&counts));
        async move {
            let _counted = counted;
            std::future::pending::<()>().await;
        }
    };
    let module = Module::new("host").add_function(Function::new_async("never", never));
    let sandbox = sandbox().module(module).build().expect("one");
    let builder = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(2);
    let pool = builder.tokio(tokio.handle().clone()).build().expect("a pool");
    let (one, two) = (
        pool.run("import host\nawait host.never()"),
        pool.session("s").expect("a session").run("import host\nawait host.never()"),
    );
    until(&pool, |stats| stats.awaiting == 2);
    assert_eq!(alive.load(Ordering::Acquire), 2);
    one.cancel();
    drop(two);
    assert!(matches!(one.wait(), Err(Error::Cancelled)));
    until(&pool, |stats| stats.begun == 0);
    for _ in 0..1_000 {
        if alive.load(Ordering::Acquire) == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(alive.load(Ordering::Acquire), 0);
    assert_eq!(pool.eval::<i64>("1").wait().expect("it goes on"), 1);
}

/// What is behind one that is cancelled at rest is told of the loss, and nothing else is lost.
#[test]
fn a_session_loses_its_interpreter_once() {
    let pool = pool(2);
    for _ in 0..20 {
        let session = pool.session("s").expect("a session");
        session.run("x = 1").wait().expect("it runs");
        let resting = session.run("import asyncio\nawait asyncio.sleep(1e6)");
        until(&pool, |stats| stats.awaiting == 1);
        let (second, third, fourth) =
            (session.run("x = 2"), session.run("x = 3"), session.eval::<i64>("x"));
        drop(resting);
        let lost = refusal(second.wait());
        assert!(matches!(lost, PoolError::SessionLost { reason: Lost::Failed(_), .. }), "{lost:?}");
        third.wait().expect("a new one");
        assert_eq!(fourth.wait().expect("which is kept"), 3);
        session.end();
    }
}

#[test]
fn what_comes_after_the_end_of_a_session_finds_nothing_of_it() {
    let pool = pool(2);
    for _ in 0..50 {
        let session = pool.session("s").expect("a session");
        let before = session.run("secret = 1");
        let seen = session.eval::<bool>("'secret' in globals()");
        session.end();
        let anew = pool.session("s").expect("a new one");
        let after = anew.eval::<bool>("'secret' in globals()");
        before.wait().expect("it was handed in before");
        assert!(seen.wait().expect("so was this"));
        assert!(!after.wait().expect("and this was not"));
        anew.end();
    }
    // One that fails after it was ended is missed by nobody.
    let session = pool.session("t").expect("a session");
    let failing = session.run("import os; os._exit(1)");
    session.end();
    let anew = pool.session("t").expect("a new one");
    failing.wait().expect_err("it exits");
    assert_eq!(anew.eval::<i64>("1").wait().expect("told of no loss"), 1);
}

/// A body that panics or is cancelled between two polls, in a runtime of somebody else's.
#[test]
fn bodies_are_futures_of_anybody() {
    let pool = pool(2);
    let pending = pool.request().with_async::<()>(|_| Box::pin(std::future::pending()));
    until(&pool, |stats| stats.awaiting == 1);
    let ending = pool.shutdown(Duration::from_millis(10));
    assert_eq!(ending.wait().expect("it comes to its end").cancelled, 1);
    assert!(matches!(pending.wait(), Err(Error::Cancelled)));

    let pool = self::pool(2);
    // Cancelled while it is on a thread, which it leaves without an end.
    let slow = pool.request().with_async::<()>(|_| {
        Box::pin(async {
            thread::sleep(Duration::from_millis(200));
            std::future::pending().await
        })
    });
    until(&pool, |stats| stats.running == 1);
    assert_eq!(pool.shutdown(Duration::from_millis(10)).wait().expect("it ends").cancelled, 1);
    assert!(matches!(slow.wait(), Err(Error::Cancelled)));

    let pool = self::pool(2);
    let panics = pool.request().with_async::<()>(|py| {
        Box::pin(async move {
            py.run_async("import asyncio\nawait asyncio.sleep(0.01)").await?;
            panic!("a body")
        })
    });
    assert!(matches!(panics.wait(), Err(Error::Host(said)) if said.contains("a body")));
    assert_eq!(pool.stats().count(Ending::Panicked), 1);
    assert_eq!(pool.eval::<i64>("1").wait().expect("the pool goes on"), 1);
}

/// The last handle of a pool may be a request's own.
#[test]
fn a_pool_that_its_own_request_holds_ends() {
    let pool = pool(1);
    let own = pool.clone();
    let resting = pool.request().with_async::<()>(move |py| {
        let own = own;
        Box::pin(async move {
            let _own = own;
            py.run_async("import asyncio\nawait asyncio.sleep(1e6)").await
        })
    });
    until(&pool, |stats| stats.awaiting == 1);
    let ending = pool.shutdown(Duration::from_millis(50));
    drop(pool);
    assert_eq!(ending.wait().expect("it ends").cancelled, 1);
    assert!(matches!(resting.wait(), Err(Error::Cancelled)));
}
