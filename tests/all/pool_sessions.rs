//! Sessions of a pool: order, loss, ends.

use crate::library::RUNTIME;
use crate::pool::{SPIN, gated, pool, refusal, sandbox, until};
use ophidia::{Ending, Error, Lost, Pool, PoolError};
use std::thread;
use std::time::Duration;

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
fn a_request_names_its_session() {
    let pool = pool(2);
    let ada = || pool.request().tenant("ada").session("s");
    ada().run("x = 1").wait().expect("it runs");
    assert_eq!(ada().eval::<i64>("x").wait().expect("the same interpreter"), 1);
    // Whatever comes first, the tenant or the session.
    let same = pool.request().session("s").tenant("ada").eval::<i64>("x + 1");
    assert_eq!(same.wait().expect("the same"), 2);
    assert_eq!(pool.session_of("ada", "s").expect("it").eval::<i64>("x").wait().expect("it"), 1);
    for other in [pool.request().session("s"), pool.request().tenant("bob").session("s")] {
        assert!(!other.eval::<bool>("'x' in globals()").wait().expect("it runs"));
    }
    // One of a session's stays there.
    let kept = pool.session_of("ada", "s").expect("it").request().session("t").tenant("bob");
    assert_eq!(kept.eval::<i64>("x").wait().expect("the same"), 1);
    let long = refusal(pool.request().session("x".repeat(300)).run("").wait());
    assert!(matches!(long, PoolError::Name { what: "session", .. }), "{long:?}");
    let limits = refusal(ada().limits(ophidia::Limits::default()).run("").wait());
    assert!(matches!(limits, PoolError::Override { field: "limits", .. }), "{limits:?}");
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
