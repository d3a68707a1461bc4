//! `Durable`: programs that go on from a folder, and functions of the host that are told which calls are the same.

use crate::library::RUNTIME;
use crate::support::{number, text};
use ophidia::{
    CallKey, CheckpointError, CheckpointOptions, Durable, Error, Function, Interpreter,
    RestoreOptions, Task,
};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs::File;
use std::future::pending;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    let at_once = || Function::new_async("ask", || async { 5 });
    let later = || {
        Function::new_async("ask", || async {
            tokio::task::yield_now().await;
            5
        })
    };
    tokio().block_on(asks("ask()", || Function::new("ask", || 5)));
    tokio().block_on(asks("await ask()", at_once));
    tokio().block_on(asks("await ask()", later));
}

async fn asks(call: &str, ask: impl Fn() -> Function) {
    for asked in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let ask = || if asked { ask().checkpointed() } else { ask() };
        let program = format!("import asyncio\nx = {call}\nawait asyncio.sleep(0.001)");
        let mut durable = Durable::open(folder.path(), b"asks").expect("the folder");
        durable = durable.threshold(Duration::from_secs(3600));
        let begin = || {
            let mut py = RUNTIME.interpreter().build()?;
            py.set("ask", ask())?;
            let task = py.begin(&program)?;
            Ok((py, task))
        };
        let options = || RestoreOptions::new().function(ask());
        let (mut py, task) = durable.start(&RUNTIME, options(), begin).expect("it begins");
        durable.run(&mut py, &task).await.expect("it ends");
        let last = folder.path().join("checkpoint");
        let mut again = RUNTIME.restore_file(last, options()).expect("it goes on from there");
        assert_eq!(
            number(&mut again, "globals().get('x', 0)"),
            if asked { 5 } else { 0 },
            "{call}"
        );
    }
}

#[test]
fn keys_tell_calls_and_interpreters_apart() {
    let key = || Function::new("key", |key: CallKey, _of: i64| key.to_string());
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    py.set("key", key()).expect("set");
    let written = py.checkpoint(&CheckpointOptions::new()).expect("written");
    let restored = || {
        let options = RestoreOptions::new().function(key());
        RUNTIME.restore(&written, options).expect("it goes on")
    };
    let (first, second) = (text(&mut py, "key(1)"), text(&mut py, "key(1)"));
    let other = text(&mut restored(), "key(2)");
    let forked = text(&mut restored().fork().expect("a child"), "key(1)");
    let all = BTreeSet::from([&first, &second, &other, &forked]);
    assert_eq!(all.len(), 4, "{all:?}");
    // The same call of the same interpreter, made again.
    let mut again = restored();
    assert_eq!([text(&mut again, "key(1)"), text(&mut again, "key(1)")], [first, second]);
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

#[test]
fn who_looks_at_a_state_stops_nobody_from_opening_it() {
    let folder = tempfile::tempdir().expect("a folder");
    open(folder.path()).end("well").expect("noted");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0;
            while !is_over.load(Ordering::Relaxed) {
                let state = Durable::state(folder.path()).expect("a state").expect("it is there");
                assert_eq!(state.ended.as_deref(), Some("well"));
                looks += 1;
                std::thread::sleep(Duration::from_micros(100));
            }
            looks
        });
        for _ in 0..500 {
            let opened = Durable::open(folder.path(), PROGRAM.as_bytes());
            if opened.is_err() {
                is_over.store(true, Ordering::Relaxed);
            }
            drop(opened.expect("nobody else has it open"));
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(looking.join().expect("it looks") > 0);
    });
}

/// Pays one sum after the other, until it is told to stop.
const PAYS: &str = "sums = []\nwhile await pay(len(sums)):\n    sums.append(len(sums))";

/// Where the program of the tests below lives, in the environment of its process.
const HOME: &str = "OPHIDIA_TEST_DURABLE";

#[test]
fn calls_of_a_killed_process_are_made_again_with_their_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let this = std::env::current_exe().expect("a path");
    let life = || {
        let mut life = Command::new(&this);
        life.args(["--exact", "durable::calls_of_a_killed_process_alone", "--ignored"]);
        life.env(HOME, folder.path()).stdout(Stdio::null());
        life.spawn().expect("it starts")
    };
    let calls = folder.path().join("calls");
    let paid = || std::fs::read_to_string(&calls).unwrap_or_default();
    for kill in 0..20 {
        let before = paid().len();
        let mut life = life();
        // It has got somewhere, and then some.
        while paid().len() <= before {
            assert!(life.try_wait().expect("its status").is_none(), "it ended before kill {kill}");
            std::thread::sleep(Duration::from_millis(1));
        }
        let random = RandomState::new().hash_one(kill) % 100;
        std::thread::sleep(Duration::from_millis(random));
        life.kill().expect("SIGKILL");
        life.wait().expect("its status");
    }
    std::fs::write(folder.path().join("stop"), "").expect("a file");
    assert!(life().wait().expect("its status").success());
    let sums: usize = std::fs::read_to_string(folder.path().join("sums"))
        .expect("the result")
        .parse()
        .expect("a number");
    // Each sum has one key, however often it was paid, and no other sum has it.
    let paid = paid();
    let each: BTreeSet<_> = paid.lines().collect();
    let keys: BTreeSet<_> =
        each.iter().map(|line| line.split_once(' ').expect("two words").1).collect();
    assert_eq!(each.len(), keys.len(), "{paid}");
    // Sums that the last kill undid may have been paid already.
    assert!(each.len() > sums, "{sums}: {paid}");
    assert!(sums > 1, "it went on between the kills");
}

#[test]
#[ignore = "run by the test above, in a process of its own, and killed by it"]
fn calls_of_a_killed_process_alone() {
    let home = PathBuf::from(std::env::var_os(HOME).expect("run by the test above"));
    let (calls, stop) = (home.join("calls"), home.join("stop"));
    let pay = Function::new_async("pay", move |key: CallKey, sum: i64| {
        let mut file = File::options().create(true).append(true).open(&calls).expect("a file");
        // In one piece: a process may be killed at any moment.
        file.write_all(format!("{sum} {key}\n").as_bytes()).expect("written");
        let goes_on = !stop.exists();
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            goes_on
        }
    });
    tokio().block_on(async {
        let mut durable = Durable::open(home.join("state"), PAYS.as_bytes()).expect("the folder");
        durable = durable.threshold(Duration::from_millis(5));
        let again = RestoreOptions::new().function(pay.clone());
        let begin = || {
            let mut py = RUNTIME.interpreter().build()?;
            py.set("pay", pay)?;
            let task = py.begin(PAYS)?;
            Ok((py, task))
        };
        let (mut py, task) = durable.start(&RUNTIME, again, begin).expect("it begins");
        durable.run(&mut py, &task).await.expect("it ends");
        let sums = number(&mut py, "len(sums)");
        std::fs::write(home.join("sums"), sums.to_string()).expect("written");
        durable.end("well").expect("noted");
    });
}
