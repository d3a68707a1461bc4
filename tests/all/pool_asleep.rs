//! Sessions of a pool that sleep: in memory, in a folder, over the end of a process; and pools that begin with a template.

use crate::library::RUNTIME;
use crate::pool::{refusal, sandbox, until};
use ophidia::{
    Asleep, CheckpointError, Class, Ending, Error, Function, Lost, Module, Pool, PoolBuilder,
    PoolError, Session, Template,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Sessions rest for so long.
const SOON: Duration = Duration::from_millis(20);

fn builder() -> PoolBuilder {
    let sandbox = sandbox().build().expect("a sandbox");
    Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(2).session_idle(None)
}

/// A pool whose sessions go to sleep at once, to this folder.
fn in_folder(folder: &Path) -> Asleep {
    Asleep::new().after(SOON).memory(0).folder(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "session")).collect()
}

fn number(session: &Session) -> i64 {
    session.eval("x").wait().expect("it goes on")
}

fn shut(pool: Pool) {
    pool.shutdown(Duration::from_secs(20)).wait().expect("its end");
}

#[test]
fn a_session_that_rests_is_put_away_and_goes_on() {
    let pool = builder().asleep(Asleep::new().after(SOON)).build().expect("a pool");
    let session = pool.session("s").expect("a session");
    session.run("import json; x = 1; seen = [x]").wait().expect("it runs");
    for round in 1..4 {
        let stats = until(&pool, |stats| stats.asleep == 1);
        assert_eq!((stats.sessions, stats.put_away), (0, round));
        assert!((100..60_000).contains(&stats.asleep_bytes), "{stats:?}");
        session.run("x += 1; seen.append(json.loads(str(x)))").wait().expect("it goes on");
        assert_eq!(pool.stats().woken, round);
    }
    let seen: Vec<i64> = session.eval("seen").wait().expect("a list");
    assert_eq!(seen, [1, 2, 3, 4]);
    until(&pool, |stats| stats.asleep == 1);
    // One that ends in its sleep begins anew, and is told of no loss.
    session.end();
    let anew = pool.session("s").expect("a session");
    assert!(!anew.eval::<bool>("'x' in globals()").wait().expect("a bool"));
    until(&pool, |stats| stats.asleep_bytes > 0);
}

#[test]
fn no_more_are_awake_than_may_be() {
    let asleep = Asleep::new().after(Duration::from_secs(3_600)).awake(2);
    let pool = builder().asleep(asleep).sessions(40).build().expect("a pool");
    let sessions: Vec<_> =
        (0..40).map(|n| pool.session(&n.to_string()).expect("a session")).collect();
    for round in 0..2 {
        let runs: Vec<_> = (0..40)
            .zip(&sessions)
            .map(|(n, session)| session.run(format!("x = globals().get('x', 0) + {n}")))
            .collect();
        for run in runs {
            run.wait().expect("it runs");
        }
        let stats = until(&pool, |stats| stats.asleep == 38);
        assert_eq!(stats.sessions, 2, "in round {round}");
    }
    for (n, session) in (0..40).zip(&sessions) {
        assert_eq!(number(session), 2 * n);
    }
    assert_eq!(pool.stats().stayed_awake, 0);
}

#[test]
fn what_has_no_room_in_memory_goes_to_the_folder() {
    let made = tempfile::tempdir().expect("a folder");
    let folder = made.path().join("sessions");
    let asleep = Asleep::new().after(SOON).memory(20_000).folder(&folder);
    let pool = builder().asleep(asleep).build().expect("a pool");
    let sessions: Vec<_> =
        (0..12).map(|n| pool.session(&n.to_string()).expect("a session")).collect();
    for (n, session) in (0..12).zip(&sessions) {
        session.run(format!("x = {n}")).wait().expect("it runs");
    }
    let stats = until(&pool, |stats| stats.asleep == 12);
    assert!((1..=20_000).contains(&stats.asleep_bytes), "{stats:?}");
    assert!((4..12).contains(&files(&folder).len()), "{stats:?}");
    for (n, session) in (0..12).zip(&sessions) {
        assert_eq!(number(session), n);
    }
}

#[test]
fn sessions_outlive_their_pool() {
    let made = tempfile::tempdir().expect("a folder");
    let folder = made.path().join("sessions");
    let builder = builder().asleep(Asleep::new().folder(&folder));
    let pool = builder.clone().build().expect("a pool");
    let names = [("", "s"), ("a", "bc"), ("ab", "c"), ("a", "\u{1f40d} ")];
    for (n, (tenant, key)) in names.iter().enumerate() {
        let session = pool.session_of(tenant, key).expect("a session");
        session.run(format!("x = {n}")).wait().expect("it runs");
    }
    let ended = pool.session("ended").expect("a session");
    ended.run("x = 5").wait().expect("it runs");
    let lost = pool.session("lost").expect("a session");
    lost.run("x = 6").wait().expect("it runs");
    // A second pool would have them, too.
    let second = builder.clone().build().map(drop).expect_err("one pool has it");
    assert!(second.to_string().contains("another pool has this folder open"), "{second}");
    shut(pool);

    assert_eq!(files(&folder).len(), 6);
    let pool = builder.clone().build().expect("a pool");
    for (n, (tenant, key)) in names.iter().enumerate() {
        let session = pool.session_of(tenant, key).expect("a session");
        assert_eq!(number(&session), n as i64, "{tenant:?} {key:?}");
    }
    // What has ended does not come back.
    let ended = pool.session("ended").expect("a session");
    assert_eq!(number(&ended), 5);
    ended.end();
    let lost = pool.session("lost").expect("a session");
    assert_eq!(number(&lost), 6);
    assert!(lost.run("import os; os._exit(1)").wait().is_err());
    until(&pool, |_| files(&folder).len() == 4);
    // The end of a pool is the end of its lock, whoever still has a handle.
    shut(pool);

    let pool = builder.build().expect("a pool");
    for key in ["ended", "lost"] {
        let session = pool.session(key).expect("a session");
        assert!(!session.eval::<bool>("'x' in globals()").wait().expect("a new one"), "{key}");
    }
    assert_eq!(number(&pool.session_of("ab", "c").expect("a session")), 2);
    drop(lost);
}

#[test]
fn what_cannot_be_woken_is_refused_and_stays() {
    let made = tempfile::tempdir().expect("a folder");
    let folder = made.path().join("sessions");
    let sealed = |key: &[u8]| in_folder(&folder).key(key);
    let pool = builder().asleep(sealed(b"a key of the service's")).build().expect("a pool");
    let put = |key: &str, x: i64| {
        let session = pool.session(key).expect("a session");
        session.run(format!("x = {x}")).wait().expect("it runs");
        until(&pool, |stats| stats.sessions == 0);
        session
    };
    let first = put("first", 1);
    let path = files(&folder).remove(0);
    let second = put("second", 2);
    let other = files(&folder).into_iter().find(|file| *file != path).expect("another file");
    let whole = fs::read(&path).expect("a file");
    let refused = |session: &Session| match refusal(session.eval::<i64>("x").wait()) {
        PoolError::SessionAsleep { key, place, reason } => {
            assert_eq!(key, session.key());
            assert!(Path::new(&place).starts_with(&folder), "{place}");
            (*reason).clone()
        }
        other => panic!("{other:?}"),
    };
    // Torn; another session's; gone.
    fs::write(&path, whole.get(..whole.len() / 2).expect("a half")).expect("written");
    for _ in 0..2 {
        let reason = refused(&first);
        assert!(matches!(reason, Error::Checkpoint(_)), "{reason:?}");
        assert!(path.exists());
    }
    fs::copy(&other, &path).expect("copied");
    assert!(refused(&first).to_string().contains("another session's"));
    fs::remove_file(&path).expect("removed");
    assert!(refused(&first).to_string().contains("gone"));
    fs::write(&path, &whole).expect("written");
    assert_eq!(number(&first), 1);
    assert_eq!(pool.stats().count(Ending::Failed), 4);
    // Whoever gives it up begins anew.
    until(&pool, |stats| stats.sessions == 0);
    fs::write(&path, b"nothing of the kind").expect("written");
    refused(&first);
    first.end();
    let first = pool.session("first").expect("a session");
    assert!(!first.eval::<bool>("'x' in globals()").wait().expect("a new one"));
    drop((first, second));
    shut(pool);

    // Another key takes none of it, and the right one all.
    let pool = builder().asleep(sealed(b"a key of somebody else's")).build().expect("a pool");
    let reason = refused(&pool.session("second").expect("a session"));
    assert!(matches!(reason, Error::Checkpoint(CheckpointError::Forged)), "{reason:?}");
    shut(pool);
    let pool = builder().asleep(sealed(b"a key of the service's")).build().expect("a pool");
    assert_eq!(number(&pool.session("second").expect("a session")), 2);
    let short = builder().asleep(sealed(b"short")).build().map(drop).expect_err("no key");
    assert!(short.to_string().contains("16 bytes"), "{short}");
}

#[test]
fn without_room_sessions_stay_awake() {
    let made = tempfile::tempdir().expect("a folder");
    let folder = made.path().join("sessions");
    let pool = builder().asleep(in_folder(&folder)).build().expect("a pool");
    // As good as a full disk.
    let elsewhere = made.path().join("elsewhere");
    fs::rename(&folder, &elsewhere).expect("moved");
    let session = pool.session("s").expect("a session");
    session.run("x = 1").wait().expect("it runs");
    until(&pool, |stats| stats.stayed_awake > 0 && stats.sessions == 1);
    assert_eq!(number(&session), 1);
    fs::rename(&elsewhere, &folder).expect("moved back");
    until(&pool, |stats| stats.asleep == 1);
    assert_eq!(number(&session), 1);

    // Without a folder, memory is all there is.
    let pool = builder().asleep(Asleep::new().after(SOON).memory(10)).build().expect("a pool");
    let session = pool.session("s").expect("a session");
    session.run("x = 2").wait().expect("it runs");
    until(&pool, |stats| stats.stayed_awake > 0);
    assert_eq!((number(&session), pool.stats().asleep), (2, 0));
    let nowhere = made.path().join("file");
    fs::write(&nowhere, "").expect("a file");
    let refused = builder().asleep(in_folder(&nowhere.join("below"))).build().map(drop);
    assert!(matches!(refusal(refused), PoolError::Setting { field: "asleep", .. }));
}

#[test]
fn what_the_host_has_goes_along_by_name_or_keeps_a_session_awake() {
    let double = || Function::new("double", |x: i64| x * 2);
    let asleep = Asleep::new().after(SOON).function(double());
    let pool = builder().asleep(asleep).build().expect("a pool");
    let session = pool.session("s").expect("a session");
    session
        .with(move |py| {
            py.set("double", double())?;
            py.run("state = {'x': 20}")?;
            let state = py.eval_object("state")?;
            py.keep("state", &state)
        })
        .wait()
        .expect("it runs");
    until(&pool, |stats| stats.asleep == 1);
    let kept = session.with(|py| {
        let state = py.kept("state").expect("kept");
        state.set_item(py, "x", 21)?;
        py.eval_as::<i64>("double(state['x'])")
    });
    assert_eq!(kept.wait().expect("it goes on"), 42);

    let class = Class::<i64>::new("Counter").init(|| 7i64).method("get", |n: &i64| *n);
    let counts = sandbox().module(Module::new("counts").class(class)).build().expect("a sandbox");
    let pool = builder().sandbox(counts).asleep(Asleep::new().after(SOON));
    let pool = pool.build().expect("a pool");
    let awake = pool.session("awake").expect("a session");
    awake.run("import counts; counter = counts.Counter()").wait().expect("it runs");
    until(&pool, |stats| stats.stayed_awake > 0);
    assert_eq!(awake.eval::<i64>("counter.get()").wait().expect("it is awake"), 7);
}

#[test]
fn sleeping_sessions_come_to_their_end() {
    let made = tempfile::tempdir().expect("a folder");
    let folder = made.path().join("sessions");
    let short = Duration::from_millis(200);
    let ends = builder().asleep(in_folder(&folder)).session_idle(short);
    let pool = ends.clone().build().expect("a pool");
    let session = pool.session("s").expect("a session");
    session.run("x = 1").wait().expect("it runs");
    until(&pool, |stats| stats.asleep == 1);
    until(&pool, |stats| stats.asleep == 0);
    let lost = refusal(session.eval::<i64>("x").wait());
    assert!(matches!(lost, PoolError::SessionLost { reason: Lost::Idle(_), .. }), "{lost:?}");
    session.run("x = 1").wait().expect("a new one");
    drop(session);
    shut(pool);
    // Nobody wakes what was not used for so long, in whatever process.
    assert_eq!(files(&folder).len(), 1);
    thread::sleep(short);
    let pool = ends.build().expect("a pool");
    until(&pool, |_| files(&folder).is_empty());
    let lives = builder().asleep(Asleep::new().after(SOON)).session_life(short);
    let lives = lives.build().expect("a pool");
    let session = lives.session("s").expect("a session");
    session.run("x = 1").wait().expect("it runs");
    let lost = loop {
        if let Err(error) = session.eval::<i64>("x").wait() {
            break refusal::<()>(Err(error));
        }
        until(&lives, |stats| stats.sessions == 0);
    };
    assert!(matches!(lost, PoolError::SessionLost { reason: Lost::Life(_), .. }), "{lost:?}");
}

#[test]
fn a_pool_begins_with_a_template() {
    let (made, set) = (sandbox().build().expect("a sandbox"), "import json\nx = 40");
    let template =
        || -> Template { RUNTIME.template(&made, |py| py.run(set)).expect("a template") };
    let asleep = Asleep::new().after(SOON);
    let pool = builder().template(template()).asleep(asleep).build().expect("a pool");
    for _ in 0..3 {
        let sum = pool.eval::<i64>("[x := x + 2, json.loads('1')] and x").wait();
        assert_eq!(sum.expect("a number"), 42);
    }
    let session = pool.session("s").expect("a session");
    session.run("x += 1").wait().expect("it runs");
    until(&pool, |stats| stats.asleep == 1);
    assert_eq!(number(&session), 41);
    let other = ophidia::Runtime::builder(crate::support::cache()).build().expect("a runtime");
    let foreign = Pool::builder(other).template(template()).build().map(drop);
    assert!(matches!(refusal(foreign), PoolError::Setting { field: "template", .. }));
}
