//! Checkpoints: interpreters that go on from bytes, here or in another process; and bytes that nobody should believe.

use crate::library::RUNTIME;
use crate::support::servers::{Http, Response};
use crate::support::{cache, interpreter, number, text};
use ophidia::{
    Access, CheckpointError, CheckpointOptions, Class, DirGrant, Error, Function, HttpGrant,
    Interpreter, LimitExceeded, Limits, Module, Progress, PythonError, RestoreOptions, Resume,
    Runtime, Sandbox, Secret, Task, Value,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn python(setup: &str) -> Interpreter {
    let mut py = interpreter();
    py.run(setup).expect("the set-up");
    py
}

fn written(py: &mut Interpreter) -> Vec<u8> {
    py.checkpoint(&CheckpointOptions::new()).expect("a checkpoint")
}

fn restored(bytes: &[u8]) -> Interpreter {
    RUNTIME.restore(bytes, RestoreOptions::new()).expect("it goes on")
}

/// Why bytes are refused.
#[track_caller]
fn refused(bytes: &[u8], options: RestoreOptions) -> CheckpointError {
    match RUNTIME.restore(bytes, options) {
        Err(Error::Checkpoint(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Steps through a program until its end.
fn drive(py: &mut Interpreter, task: &Task) {
    tokio().block_on(async {
        while py.step(task).expect("a step") != Progress::Ended {
            py.wait(task, None).await.expect("woken");
        }
    });
    py.task_result::<()>(task).expect("its end");
}

#[test]
fn an_interpreter_goes_on_from_bytes() {
    let mut py = python(
        "import numpy, json, decimal
def gen():
    n = 0
    while True:
        n += 1
        yield n
g = gen()
next(g)
a = numpy.arange(10.0)
print('not taken')",
    );
    let model = py.eval_object("{'weights': a}").expect("an object");
    py.keep("model", &model).expect("kept");
    let bytes = written(&mut py);
    assert!(bytes.len() < 64 << 10, "{} bytes", bytes.len());
    // It goes on here, too.
    assert_eq!(number(&mut py, "next(g)"), 2);
    let (mut one, mut other) = (restored(&bytes), restored(&bytes));
    for py in [&mut one, &mut other] {
        assert_eq!(number(py, "next(g)"), 2);
        assert_eq!(py.eval_as::<f64>("float(a.sum())").expect("a sum"), 45.0);
        assert_eq!(py.take_stdout(), b"", "what was written before is the first one's");
        let of_py = py.kept("model").expect("kept");
        assert_eq!(of_py.len(py).expect("a length"), 1);
        assert!(model.repr(py).is_err(), "a handle of a former life");
        py.run("a[0] = 5").expect("its own");
    }
    drop(py);
    // And from there again.
    let mut third = restored(&written(&mut one));
    assert_eq!(third.eval_as::<f64>("float(a.sum())").expect("a sum"), 50.0);
    assert_eq!(third.kept_names(), ["model"]);
}

#[test]
fn it_goes_on_in_another_process() {
    // Another runtime of the same image is what another process has.
    let runtime = Runtime::builder(cache()).max_interpreters(1).build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let mut py = python("x = list(range(1000))");
    py.checkpoint_to(&path, &CheckpointOptions::new()).expect("written");
    let first = std::fs::read(&path).expect("the file");
    py.run("x.append(1)").expect("more");
    py.checkpoint_to(&path, &CheckpointOptions::new()).expect("replaced");
    assert_ne!(std::fs::read(&path).expect("the file"), first);
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        1,
        "nothing is left over"
    );
    drop(py);
    let mut py = runtime.restore_file(&path, RestoreOptions::new()).expect("it goes on");
    assert_eq!(number(&mut py, "len(x)"), 1001);
    // The only slot is taken, and a checkpoint needs none.
    let again = py.checkpoint(&CheckpointOptions::new()).expect("a checkpoint");
    drop(py);
    let mut py = runtime.restore(&again, RestoreOptions::new()).expect("it goes on");
    assert_eq!(number(&mut py, "len(x)"), 1001);
    let missing = RUNTIME.restore_file(folder.path().join("no"), RestoreOptions::new());
    let said = missing.map(drop).expect_err("no file").to_string();
    assert!(said.contains("/no: "), "{said}");
    let denied = py.checkpoint_to("/nowhere/state", &CheckpointOptions::new());
    assert!(matches!(denied, Err(Error::Checkpoint(CheckpointError::File(_)))), "{denied:?}");
}

#[test]
fn a_program_goes_on_in_the_middle_of_its_wait() {
    let mut py = python("import asyncio, time\nlog = []");
    let task = py
        .begin(
            "began = time.monotonic()
log.append('before')
await asyncio.sleep(0.2)
log.append('after')
took = time.monotonic() - began",
        )
        .expect("begun");
    py.step(&task).expect("a step");
    let bytes = written(&mut py);
    std::thread::sleep(Duration::from_millis(50));
    for (away, least) in [(false, 0.2), (true, 0.2)] {
        let options = RestoreOptions::new().time_away(away);
        let mut py = RUNTIME.restore(&bytes, options).expect("it goes on");
        let before = py.eval_as::<f64>("time.monotonic() - began").expect("a time");
        assert_eq!(before >= 0.05, away, "{before} s have passed for it");
        let task = py.tasks().remove(0);
        drive(&mut py, &task);
        assert_eq!(text(&mut py, "str(log)"), "['before', 'after']");
        assert!(py.eval_as::<f64>("took").expect("a time") >= least);
    }
}

#[test]
fn functions_of_the_host_are_found_by_their_names_or_named() {
    let module = Module::new("host.prices")
        .function("of", |name: String| name.len() as i64)
        .class(Class::<i64>::new("Counter").init(|| 5i64).method("get", |n: &i64| *n));
    let sandbox = Sandbox::builder().module(module).build().expect("a sandbox");
    let mut py = RUNTIME.start(&sandbox).expect("an interpreter");
    py.set("double", Function::new("double", |n: i64| 2 * n)).expect("set");
    py.run("from host import prices\nf = prices.of").expect("used");
    let bytes = written(&mut py);
    let options = || RestoreOptions::new().sandbox(&sandbox);
    let twice = Function::new("double", |n: i64| 2 * n + 1);
    let mut other = RUNTIME.restore(&bytes, options().function(twice)).expect("it goes on");
    assert_eq!(number(&mut other, "f('tea') + double(10) + prices.Counter().get()"), 3 + 21 + 5);
    let CheckpointError::Missing(names) = refused(&bytes, options()) else { panic!() };
    assert_eq!(names, ["double"]);
    let CheckpointError::Missing(mut names) = refused(&bytes, RestoreOptions::new()) else {
        panic!()
    };
    names.sort();
    assert_eq!(
        names,
        ["double", "host.prices.Counter.Counter", "host.prices.Counter.get", "host.prices.of"]
    );
    let said = refused(&bytes, options()).to_string();
    assert!(said.contains("double") && said.contains("RestoreOptions::function"), "{said}");
    // An instance of a class cannot go along; a fork has it.
    py.run("counter = prices.Counter()").expect("an instance");
    let ended = py.checkpoint(&CheckpointOptions::new());
    assert!(matches!(ended, Err(Error::Checkpoint(CheckpointError::HostValues(_)))), "{ended:?}");
    assert_eq!(number(&mut py.fork().expect("a child"), "counter.get()"), 5);
    py.run("del counter").expect("dropped");
    let _ = written(&mut py);
}

/// An interpreter in the middle of two calls of the host.
fn waiting(tokio: &tokio::runtime::Runtime) -> Interpreter {
    let mut py =
        RUNTIME.interpreter().tokio(tokio.handle().clone()).build().expect("an interpreter");
    let never = |_: i64, _: Value| std::future::pending::<i64>();
    py.set("fetch", Function::new_async("fetch", never)).expect("set");
    let task = py
        .begin(
            "import asyncio
data = [1, 2]
got = await asyncio.gather(fetch(1, 'one'), fetch(2, {'k': data}), return_exceptions=True)",
        )
        .expect("begun");
    assert!(matches!(py.step(&task), Ok(Progress::Waiting { host_calls: true, .. })));
    py
}

#[test]
fn calls_under_way_are_made_again_or_answered() {
    let tokio = tokio();
    let mut py = waiting(&tokio);
    let bytes = written(&mut py);
    let sandbox = Sandbox::builder().tokio(tokio.handle().clone()).build().expect("a sandbox");
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let fetch = Function::new_async("fetch", move |n: i64, what: Value| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            // The first is ready at once.
            if n > 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            format!("{n} {what:?}")
        }
    });
    let options = || RestoreOptions::new().sandbox(&sandbox).function(fetch.clone());
    let mut again = RUNTIME.restore(&bytes, options()).expect("it goes on");
    let task = again.tasks().remove(0);
    drive(&mut again, &task);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let got = text(&mut again, "str(got)");
    assert!(got.contains("1 Str(\"one\")") && got.contains("2 Dict"), "{got}");
    // Or by whoever restores.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let answering = options().pending(move |name, call| {
        told.lock().expect("no panic").push((name.to_owned(), call.positional.len()));
        match call.positional.first() {
            Some(Value::Int(1)) => Resume::Answer("mine".into()),
            _ => Resume::Raise(PythonError::new("KeyError", "lost")),
        }
    });
    let mut answered = RUNTIME.restore(&bytes, answering).expect("it goes on");
    let task = answered.tasks().remove(0);
    drive(&mut answered, &task);
    assert_eq!(text(&mut answered, "str(got)"), "['mine', KeyError('lost')]");
    assert_eq!(*seen.lock().expect("no panic"), [("fetch".to_owned(), 2), ("fetch".to_owned(), 2)]);
    assert_eq!(calls.load(Ordering::Relaxed), 2, "not called again");
    // Without a runtime to run it on, that is told at once.
    let ended = RUNTIME.restore(&bytes, RestoreOptions::new().function(fetch.clone())).map(drop);
    assert!(
        matches!(&ended, Err(Error::Host(said)) if said.contains("no tokio runtime")),
        "{ended:?}"
    );
    // A call that was made again is noted as the first one was.
    let mut once = RUNTIME
        .restore(
            &bytes,
            RestoreOptions::new()
                .sandbox(&sandbox)
                .function(Function::new_async("fetch", |_: i64, _: Value| {
                    std::future::pending::<i64>()
                })),
        )
        .expect("it goes on");
    let bytes = written(&mut once);
    let answering = options().pending(|_, _| Resume::Answer(5.into()));
    let mut twice = RUNTIME.restore(&bytes, answering).expect("it goes on");
    let task = twice.tasks().remove(0);
    drive(&mut twice, &task);
    assert_eq!(text(&mut twice, "str(got)"), "[5, 5]");
}

#[test]
fn trees_files_and_what_was_spent_go_along() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in"), "one\ntwo\nthree\n").expect("a file");
    let grant =
        DirGrant { host: folder.path().into(), guest: "/data".into(), access: Access::ReadWrite };
    let limits = Limits { host_calls: 2, fuel: Some(1 << 40), ..Limits::default() };
    let sandbox = Sandbox::builder().dir(grant).limits(limits).build().expect("a sandbox");
    let mut py = RUNTIME.start(&sandbox).expect("an interpreter");
    py.set("call", Function::new("call", || 1)).expect("set");
    py.run(
        "import os, socket, tempfile
call()
os.makedirs('/tmp/deep/er')
open('/tmp/deep/er/f', 'w').write('x' * 9000)
os.link('/tmp/deep/er/f', '/tmp/g')
t = tempfile.TemporaryFile()
t.write(b'nameless'); t.flush()
r = open('/data/in', 'rb', buffering=0)
r.readline()
w = open('/data/out', 'wb', buffering=0)
w.write(b'123')
one, two = socket.socketpair()",
    )
    .expect("the set-up");
    let (fuel, usage) = (py.fuel().expect("a number"), py.usage());
    let bytes = written(&mut py);
    drop(py);
    let call = Function::new("call", || 1);
    let options = || RestoreOptions::new().sandbox(&sandbox).function(call.clone());
    let mut py = RUNTIME.restore(&bytes, options()).expect("it goes on");
    assert!(py.fuel().expect("a number") >= fuel);
    assert_eq!(py.usage().host_calls, 1);
    assert!(py.usage().life >= usage.life && py.usage().cpu >= usage.cpu);
    assert_eq!(py.usage().trees, usage.trees);
    py.run(
        "assert open('/tmp/g').read() == 'x' * 9000 and os.stat('/tmp/g').st_nlink == 2
t.seek(0); assert t.read() == b'nameless'
assert r.readline() == b'two\\n' and w.write(b'45') == 2 and w.tell() == 5
try: two.recv(1)
except OSError as error: assert 'connection' in str(error), error
else: raise AssertionError
call()",
    )
    .expect("as it was");
    assert_eq!(std::fs::read(folder.path().join("out")).expect("the file"), b"12345");
    let ended = py.run("call()");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::HostCalls { .. }))), "{ended:?}");
    // A file that is not there any more says so, by its name.
    std::fs::remove_file(folder.path().join("in")).expect("removed");
    let mut py = RUNTIME.restore(&bytes, options()).expect("it goes on");
    py.run("try: r.read()\nexcept OSError as error: assert '/data/in' in str(error), error")
        .expect("told");
    // Smaller limits are told as such.
    for (limits, what) in [
        (Limits { memory: 16 << 20, ..limits }, "memory"),
        (Limits { fuel: Some(1), ..limits }, "fuel"),
        (Limits { files: 1, ..limits }, "files"),
        (Limits { objects: 0, ..limits }, "objects"),
    ] {
        let sandbox = sandbox.to_builder().limits(limits).build().expect("a sandbox");
        let options = RestoreOptions::new().sandbox(&sandbox).function(call.clone());
        let ended = RUNTIME.restore(&bytes, options).map(drop);
        let Err(Error::Limit(limit)) = ended else { panic!("{what}: {ended:?}") };
        assert_eq!(limit.name(), what);
    }
}

#[test]
fn seeds_are_as_they_were_unless_asked_otherwise() {
    let mut py = python("import random\nrandom.random()");
    let bytes = written(&mut py);
    let draw = |py: &mut Interpreter| text(py, "str(random.random())");
    let next = draw(&mut py);
    assert_eq!(draw(&mut restored(&bytes)), next);
    let options = RestoreOptions::new().reseed(true);
    assert_ne!(draw(&mut RUNTIME.restore(&bytes, options).expect("it goes on")), next);
    // Made of a granted seed, the system's randomness goes on where it was.
    let sandbox = Sandbox::builder().seed(3).build().expect("a sandbox");
    let mut py = RUNTIME.start(&sandbox).expect("an interpreter");
    py.run("import os\nos.urandom(5)").expect("drawn");
    let bytes = written(&mut py);
    let options = RestoreOptions::new().sandbox(&sandbox);
    let mut again = RUNTIME.restore(&bytes, options).expect("it goes on");
    assert_eq!(text(&mut again, "os.urandom(8).hex()"), text(&mut py, "os.urandom(8).hex()"));
}

#[test]
fn what_is_not_at_rest_is_refused_by_name() {
    let mut py = RUNTIME
        .interpreter()
        .timeout(Duration::from_millis(20))
        .grace(Duration::ZERO)
        .build()
        .expect("an interpreter");
    assert!(py.run("while True: pass").is_err());
    let ended = py.checkpoint(&CheckpointOptions::new());
    assert!(matches!(ended, Err(Error::Poisoned(_))), "{ended:?}");
}

const KEY: &[u8] = b"sixteen bytes...";

#[test]
fn a_key_keeps_others_out() {
    let mut py = python("x = 5");
    let sealed = py.checkpoint(&CheckpointOptions::new().key(KEY)).expect("sealed");
    let plain = written(&mut py);
    let with = |key: &[u8]| RestoreOptions::new().key(key);
    let mut other = RUNTIME.restore(&sealed, with(KEY)).expect("it goes on");
    assert_eq!(number(&mut other, "x"), 5);
    assert_eq!(refused(&sealed, with(b"another key, as long")), CheckpointError::Forged);
    assert_eq!(refused(&plain, with(KEY)), CheckpointError::Unsealed);
    assert_eq!(refused(&sealed, RestoreOptions::new()), CheckpointError::Sealed);
    // Any change is found before anything of it is believed.
    for at in [12, 20, 60, 100, sealed.len() / 2, sealed.len() - 33, sealed.len() - 1] {
        let mut forged = sealed.clone();
        forged[at] ^= 1;
        let why = refused(&forged, with(KEY));
        let found = matches!(why, CheckpointError::Forged | CheckpointError::Damaged(_));
        assert!(found, "byte {at}: {why:?}");
    }
    // Taking the seal off does not help.
    let mut stripped = sealed.clone();
    stripped[13] = 0;
    stripped.truncate(sealed.len() - 32);
    assert_eq!(refused(&stripped, with(KEY)), CheckpointError::Unsealed);
    for short in [&b""[..], b"fifteen bytes.."] {
        let ended = py.checkpoint(&CheckpointOptions::new().key(short));
        assert!(matches!(&ended, Err(Error::Host(said)) if said.contains("16 bytes")), "{ended:?}");
    }
    assert!(!format!("{:?}", CheckpointOptions::new().key(KEY)).contains("bytes..."));
}

#[test]
fn what_is_cut_off_foreign_or_of_another_version_is_refused_by_name() {
    let mut py = python("x = 5");
    let bytes = written(&mut py);
    let plain = RestoreOptions::new;
    for len in (0..bytes.len()).step_by(1 + bytes.len() / 200) {
        let why = refused(&bytes[..len], plain());
        assert!(matches!(why, CheckpointError::Damaged(_)), "{len}: {why:?}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(refused(&longer, plain()), CheckpointError::Damaged(_)));
    let changed = |at: usize, to: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = to;
        refused(&bytes, plain())
    };
    assert!(matches!(changed(0, b'X'), CheckpointError::Damaged(_)));
    let older = changed(8, 0);
    assert_eq!(older, CheckpointError::Version { found: 0, known: 2 });
    assert!(older.to_string().contains("write it anew"), "{older}");
    assert!(changed(8, 9).to_string().contains("later build"));
    let library = changed(18, b'9');
    assert!(matches!(library, CheckpointError::Foreign { what: "library", .. }), "{library:?}");
    let head = head(&bytes);
    let image = changed(head - 32, bytes[head - 32] ^ 1);
    let CheckpointError::Foreign { what: "image", found, here } = &image else {
        panic!("{image:?}")
    };
    assert_ne!(found, here);
    // More than may be read.
    let why = refused(&bytes, RestoreOptions::new().most(1000));
    assert!(matches!(why, CheckpointError::TooLarge { limit: 1000, .. }), "{why:?}");
    // A template is no interpreter.
    assert!(
        matches!(changed(12, 1), CheckpointError::Damaged(said) if said.contains("checkpoint"))
    );
}

/// Where the bytes of the body are told: behind the build, the note and the digest.
fn head(bytes: &[u8]) -> usize {
    let behind = |at: usize| {
        let len = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
        at + 4 + len as usize
    };
    behind(behind(14)) + 32
}

/// The body of a checkpoint.
fn body(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::decode_all(&bytes[head(bytes) + 16..]).expect("a body")
}

/// The same checkpoint with another body.
fn with_body(bytes: &[u8], body: &[u8]) -> Vec<u8> {
    let packed = zstd::stream::encode_all(body, 1).expect("packed");
    let mut out = bytes[..head(bytes)].to_vec();
    out.extend((body.len() as u64).to_le_bytes());
    out.extend((packed.len() as u64).to_le_bytes());
    out.extend(packed);
    out
}

#[test]
fn a_body_that_says_it_is_small_is_not_read_any_further() {
    let mut py = python("x = 5");
    let bytes = written(&mut py);
    let (head, body) = (head(&bytes), body(&bytes));
    let mut bomb = with_body(&bytes, &vec![0; 64 << 20]);
    bomb[head..head + 8].copy_from_slice(&(body.len() as u64).to_le_bytes());
    assert!(matches!(refused(&bomb, RestoreOptions::new()), CheckpointError::Damaged(_)));
    let claims = |len: u64| {
        let mut bytes = bytes.clone();
        bytes[head..head + 8].copy_from_slice(&len.to_le_bytes());
        refused(&bytes, RestoreOptions::new())
    };
    assert!(matches!(claims(u64::MAX), CheckpointError::TooLarge { .. }));
    assert!(matches!(claims(1 << 30), CheckpointError::Damaged(_)));
    assert!(matches!(claims(1), CheckpointError::Damaged(_)));
}

/// Whatever is in a body: it is refused, or there is an interpreter that harms nobody but itself.
#[test]
fn changed_bodies_harm_nobody() {
    let tokio = tokio();
    let _inside = tokio.enter();
    let mut py = waiting(&tokio);
    py.run(
        "import os
os.makedirs('/tmp/a/b')
open('/tmp/a/b/c', 'w').write('c' * 5000)
f = open('/tmp/a/b/c')
os.symlink('a', '/tmp/l')",
    )
    .expect("files");
    let object = py.eval_object("f").expect("an object");
    py.keep("f", &object).expect("kept");
    let bytes = written(&mut py);
    let body = body(&bytes);
    let pages = 16_384.min(body.len());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 11).expect("64 bits") % below
    };
    let (mut went_on, mut refused) = (0, 0);
    for round in 0..160 {
        let mut changed = body.clone();
        for _ in 0..=next(4) {
            // Mostly what comes first: the state; sometimes pages.
            let at = if round % 4 == 0 { next(changed.len()) } else { next(pages) };
            match next(5) {
                0 => changed[at] ^= 1 << next(8),
                1 => changed[at] = 0xff,
                2 => changed[at] = 0,
                3 => drop(changed.remove(at)),
                _ => {
                    let end = (at + 8).min(changed.len());
                    changed[at..end].fill(if next(2) == 0 { 0xff } else { 0x7f });
                }
            }
        }
        let fetch =
            Function::new_async("fetch", |_: Value, _: Value| std::future::pending::<i64>());
        let sandbox = Sandbox::builder()
            .tokio(tokio.handle().clone())
            .timeout(Duration::from_millis(300))
            .grace(Duration::ZERO)
            .build()
            .expect("a sandbox");
        let options = RestoreOptions::new().sandbox(&sandbox).function(fetch);
        match RUNTIME.restore(&with_body(&bytes, &changed), options) {
            Ok(mut py) => {
                went_on += 1;
                let _ = py.run("import os; os.listdir('/tmp'); f.read(); y = [1]; len(data)");
                let _ = py.kept("f").map(|f| f.repr(&mut py));
                for task in py.tasks() {
                    let _ = py.step(&task);
                }
                let _ = py.fork().map(|mut child| child.run("z = 1"));
                let _ = py.checkpoint(&CheckpointOptions::new());
            }
            Err(Error::Checkpoint(_) | Error::Limit(_) | Error::Grant(_) | Error::Host(_)) => {
                refused += 1;
            }
            Err(Error::GuestFault(_) | Error::Python(_) | Error::Poisoned(_)) => went_on += 1,
            Err(other) => panic!("round {round}: {other:?}"),
        }
    }
    assert!(went_on > 10 && refused > 10, "{went_on} went on, {refused} were refused");
    // The others did not notice.
    assert_eq!(number(&mut py, "len(data)"), 2);
    assert_eq!(number(&mut restored(&written(&mut python("x = 1"))), "x"), 1);
}

#[test]
fn a_checkpoint_of_another_build_goes_on_or_is_refused_by_name() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/all/golden/idle.checkpoint");
    let bytes = std::fs::read(golden).expect("the golden checkpoint");
    match RUNTIME.restore(&bytes, RestoreOptions::new()) {
        Ok(mut py) => assert_eq!(text(&mut py, "who"), "golden"),
        Err(Error::Checkpoint(
            CheckpointError::Foreign { .. } | CheckpointError::Version { .. },
        )) => {}
        other => panic!("{other:?}"),
    }
}

/// Writes the golden checkpoint anew: after a change of the form.
#[test]
#[ignore = "writes into the tree"]
fn write_the_golden_checkpoint() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/all/golden/idle.checkpoint");
    let mut py = python("who = 'golden'");
    py.checkpoint_to(golden, &CheckpointOptions::new()).expect("written");
}

/// T17: a checkpoint holds what the guest holds, and a secret of a grant is the host's: who has the bytes has neither the
/// secret nor the grant.
#[test]
fn a_checkpoint_holds_no_secret_of_a_grant() {
    const HIDDEN: &str = "Bearer 5up3r-s3cr3t-t0ken-of-the-host";
    let server = Http::start(|request| {
        let has = String::from_utf8_lossy(&request.raw_head).contains(HIDDEN);
        Response::ok(if has { "with the secret" } else { "without" })
    });
    let mut grant = HttpGrant::new(format!("http://localhost:{}", server.port()));
    grant.secrets = vec![Secret::new("Authorization", HIDDEN)];
    grant.plain_secrets = true;
    let sandbox = Sandbox::builder().http(grant).build().expect("a sandbox");
    let mut py = RUNTIME.start(&sandbox).expect("an interpreter");
    py.run(&format!(
        "import urllib.request\n\
         marker = 'a text of the guest, ' * 100\n\
         def get(): return urllib.request.urlopen('http://localhost:{}/').read().decode()",
        server.port()
    ))
    .expect("the set-up");
    assert_eq!(text(&mut py, "get()"), "with the secret");
    let bytes = written(&mut py);
    // The body is one frame of zstd behind a head.
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let at = bytes.windows(4).position(|four| four == magic).expect("a compressed body");
    let mut body = Vec::new();
    let frame = zstd::stream::read::Decoder::new(&bytes[at..]).expect("a frame").single_frame();
    std::io::copy(&mut { frame }, &mut body).expect("it can be read");
    let holds = |text: &str| body.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(
        holds("a text of the guest, a text of the guest"),
        "what is looked through is not the memory"
    );
    assert!(!holds(HIDDEN) && !holds("5up3r-s3cr3t"));
    // Without the grant the origin cannot be reached; with it the secret is the host's again.
    let mut without = restored(&bytes);
    without.run("get()").expect_err("nothing is granted here");
    let mut with =
        RUNTIME.restore(&bytes, RestoreOptions::new().sandbox(&sandbox)).expect("it goes on");
    assert_eq!(text(&mut with, "get()"), "with the secret");
    assert_eq!(server.requests().len(), 2);
}
