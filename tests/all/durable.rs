//! `Durable`: programs that go on from a folder, and functions of the host that are told which calls are the same.

use crate::library::RUNTIME;
use crate::support::number;
use ophidia::{
    CallKey, CheckpointError, Durable, Error, Function, Interpreter, RestoreOptions, Task,
};
use parking_lot::Mutex;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The keys of all calls, with the arguments.
type Calls = Arc<Mutex<Vec<(i64, String)>>>;

fn pay(calls: &Calls, hangs_at: Option<i64>) -> Function {
    let calls = Arc::clone(calls);
    Function::new_async("pay", move |key: CallKey, cents: i64| {
        calls.lock().push((cents, key.to_string()));
        async move {
            if hangs_at == Some(cents) {
                pending::<()>().await;
            }
            tokio::task::yield_now().await;
            cents
        }
    })
}

const PROGRAM: &str = "total = 0\nfor cents in (1, 2, 2, 3):\n    total += await pay(cents)";

fn start(durable: &mut Durable, pay: Function) -> ophidia::Result<(Interpreter, Task)> {
    let again = RestoreOptions::new().function(pay.clone());
    durable.start(&RUNTIME, again, || {
        let mut py = RUNTIME.interpreter().build()?;
        py.set("pay", pay)?;
        let task = py.begin(PROGRAM)?;
        Ok((py, task))
    })
}

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn open(folder: &Path) -> Durable {
    Durable::open(folder, PROGRAM.as_bytes()).expect("the folder").threshold(Duration::ZERO)
}

#[test]
fn calls_made_again_have_the_keys_that_they_had() {
    tokio().block_on(dies_and_goes_on());
}

async fn dies_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let calls = Calls::default();
    // It ends in the middle of its third call.
    let mut durable = open(folder.path());
    let (mut py, task) = start(&mut durable, pay(&calls, Some(3))).expect("it begins");
    let ended = timeout(Duration::from_secs(2), durable.run(&mut py, &task)).await;
    assert!(ended.is_err(), "it ended: {ended:?}");
    drop((py, durable));
    let before = std::mem::take(&mut *calls.lock());
    assert_eq!(before.iter().map(|(cents, _)| *cents).collect::<Vec<_>>(), [1, 2, 2, 3]);
    assert_ne!(before[1].1, before[2].1, "two calls, two keys");

    let mut durable = open(folder.path());
    let (mut py, task) = start(&mut durable, pay(&calls, None)).expect("it goes on");
    durable.run(&mut py, &task).await.expect("it ends");
    assert_eq!(number(&mut py, "total"), 8);
    let after = calls.lock().clone();
    assert!(!after.is_empty() && after.len() <= before.len(), "{after:?}");
    assert_eq!(after, before[before.len() - after.len()..], "the same calls");
    // Another life of the same program makes other calls.
    drop(durable);
    Durable::remove(folder.path()).expect("removed");
    let mut durable = open(folder.path());
    let (mut py, task) = start(&mut durable, pay(&calls, None)).expect("it begins anew");
    calls.lock().clear();
    durable.run(&mut py, &task).await.expect("it ends");
    assert!(calls.lock().iter().all(|call| !before.contains(call)));
}

#[test]
fn a_function_may_ask_for_a_checkpoint() {
    tokio().block_on(asks());
}

async fn asks() {
    let folder = tempfile::tempdir().expect("a folder");
    let ask = || Function::new("ask", || 5).checkpointed();
    let program = "import asyncio\nx = ask()\nawait asyncio.sleep(0)\nawait asyncio.sleep(0.001)";
    let mut durable = Durable::open(folder.path(), b"asks").expect("the folder");
    durable = durable.threshold(Duration::from_secs(3600));
    let begin = || {
        let mut py = RUNTIME.interpreter().build()?;
        py.set("ask", ask())?;
        let task = py.begin(program)?;
        Ok((py, task))
    };
    let (mut py, task) =
        durable.start(&RUNTIME, RestoreOptions::new().function(ask()), begin).expect("it begins");
    let first = std::fs::read(folder.path().join("checkpoint")).expect("the first one");
    durable.run(&mut py, &task).await.expect("it ends");
    let last = std::fs::read(folder.path().join("checkpoint")).expect("the last one");
    assert_ne!(first, last);
    let mut again = RUNTIME
        .restore(&last, RestoreOptions::new().function(ask()))
        .expect("it goes on from there");
    assert_eq!(number(&mut again, "x"), 5);
}

#[test]
fn a_folder_is_open_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path());
    let second = Durable::open(folder.path(), PROGRAM.as_bytes());
    assert!(matches!(second, Err(Error::Checkpoint(CheckpointError::Busy { .. }))), "{second:?}");
    drop(first);
    open(folder.path()).end("well").expect("noted");
    let other = Durable::open(folder.path(), b"another");
    assert!(
        matches!(other, Err(Error::Checkpoint(CheckpointError::OtherProgram { .. }))),
        "{other:?}"
    );
}
