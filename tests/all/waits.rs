//! Locks of the host that guest code can wait for: the wait ends with the operation.

use crate::library::RUNTIME;
use ophidia::{Error, Function, Interpreter, LimitExceeded, Python, Shared};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Two interpreters, each holding one value and asking for the other's. One holds what it has until it is let go.
fn held(py: &mut Interpreter, value: &Shared<i64>) {
    let value = value.clone();
    let wait = Function::new("wait", move || value.with(|value| *value));
    py.set("wait", wait).expect("set");
}

#[test]
fn waiting_ends_at_the_deadline() {
    let value = Shared::new(7_i64);
    let mut py =
        RUNTIME.interpreter().timeout(Duration::from_millis(300)).build().expect("an interpreter");
    held(&mut py, &value);
    let began = Instant::now();
    let ended = value.with(|_| {
        thread::scope(|scope| {
            scope
                .spawn(|| py.run("while True:\n    try: wait()\n    except TimeoutError: pass"))
                .join()
                .expect("no panic")
        })
    });
    let ended = ended.expect("it is free");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(value.with(|value| *value).expect("it is free"), 7);
}

#[test]
fn waiting_ends_when_cancelled_or_interrupted() {
    for cancel in [true, false] {
        let value = Shared::new(7_i64);
        let mut py = RUNTIME.interpreter().build().expect("an interpreter");
        held(&mut py, &value);
        let interrupter = py.interrupter();
        let (stop, stopped) = channel::<()>();
        let knocking = thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(20)).is_err() {
                if cancel { interrupter.cancel() } else { interrupter.interrupt() }
            }
        });
        let ended = value.with(|_| {
            thread::scope(|scope| scope.spawn(|| py.run("wait()")).join().expect("no panic"))
        });
        let _ = stop.send(());
        knocking.join().expect("it only knocks");
        match ended.expect("it is free") {
            Err(Error::Cancelled) => assert!(cancel),
            Err(Error::Python(error)) if error.type_name == "KeyboardInterrupt" => assert!(!cancel),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn two_that_wait_for_each_other_end() {
    let (a, b) = (Shared::new(0_i64), Shared::new(0_i64));
    let barrier = Arc::new(Barrier::new(2));
    let began = Instant::now();
    let run = |first: Shared<i64>, second: Shared<i64>| {
        let barrier = Arc::clone(&barrier);
        thread::spawn(move || {
            let mut py = RUNTIME
                .interpreter()
                .timeout(Duration::from_millis(300))
                .build()
                .expect("an interpreter");
            let inner = second.clone();
            py.set("second", Function::new("second", move || inner.with(|value| *value)))
                .expect("set");
            let both = move |py: &mut Python<'_>| -> ophidia::Result<()> {
                first.with(|_| {
                    barrier.wait();
                    py.run("second()")
                })?
            };
            py.set("both", Function::new("both", both)).expect("set");
            py.run("both()")
        })
    };
    let (one, other) = (run(a.clone(), b.clone()), run(b.clone(), a.clone()));
    let (one, other) = (one.join().expect("no panic"), other.join().expect("no panic"));
    assert!(began.elapsed() < Duration::from_secs(10));
    for ended in [&one, &other] {
        let timeout = matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. })));
        assert!(timeout || ended.is_ok(), "{ended:?}");
    }
    assert!(one.is_err() || other.is_err());
    assert!(a.with(|_| ()).is_ok() && b.with(|_| ()).is_ok());
}

#[test]
fn whoever_waits_gets_it() {
    let value = Shared::new(0_i64);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let value = value.clone();
            thread::spawn(move || {
                let mut py = RUNTIME.interpreter().build().expect("an interpreter");
                let add = Function::new("add", move || {
                    value.with(|value| {
                        let before = *value;
                        thread::yield_now();
                        *value = before + 1;
                    })
                });
                py.set("add", add).expect("set");
                py.run("for _ in range(5_000): add()").expect("each gets its turn");
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(value.with(|value| *value).expect("it is free"), 20_000);
}
