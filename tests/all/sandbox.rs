//! Settings that are prepared once, plain data that others can write, and errors by their causes.

use crate::library::RUNTIME;
use crate::support::{cache, interpreter};
use ophidia::{
    Access, Arguments, Class, DirGrant, Error, Function, Grants, HttpGrant, Input, InputKind,
    LimitExceeded, Limits, Module, Mount, Network, Output, OutputKind, PythonError, Quota, Runtime,
    Sandbox, Secret, Streams, Tree, Value,
};
use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[test]
fn one_sandbox_starts_any_number_of_interpreters() -> ophidia::Result<()> {
    struct Counter(i64);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("in")).expect("a folder in it");
    std::fs::write(folder.path().join("tea.py"), "price = 2.5").expect("a module");
    let counter = Class::<Counter>::new("Counter").init(|from: i64| Counter(from)).method(
        "next",
        |counter: &mut Counter| {
            counter.0 += 1;
            counter.0
        },
    );
    let sandbox = Sandbox::builder()
        .grants(Grants {
            dirs: vec![DirGrant::read_only(folder.path(), "/data")],
            env: vec![("MODE".into(), "test".into())],
            ..Grants::default()
        })
        .limits(Limits { timeout: Some(Duration::from_secs(20)), ..Limits::default() })
        .args(["report.py", "-v"])
        .current_dir("/data/in")
        .site("/data")
        .stdin(InputKind::bytes(*b"line\n"))
        .stderr(OutputKind::Discard)
        .module(Module::new("host.tools").class(counter).function("double", |n: i64| 2 * n))
        .build()?;
    let source = "
import os, sys, tea
from host import tools
assert (os.environ['MODE'], os.getcwd(), sys.argv) == ('test', '/data/in', ['report.py', '-v'])
assert tools.double(21) == 42 and tools.Counter(1).next() == 2
assert tools.Counter.__module__ == 'host.tools'
sys.stderr.write('nowhere')
print(input(), tea.price)
seen = 'seen' in globals()";
    thread::scope(|scope| -> ophidia::Result<()> {
        let started = || {
            let mut py = RUNTIME.start(&sandbox.clone())?;
            py.run(source)?;
            assert_eq!(py.take_stdout(), b"line 2.5\n");
            assert!(py.take_stderr().is_empty());
            py.eval("seen")
        };
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(started)).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("no panic")?, Value::Bool(false), "each is new");
        }
        Ok(())
    })?;

    // Another sandbox with one setting changed.
    let other = sandbox.to_builder().env("MODE", "other").timeout(None).build()?;
    assert_eq!((sandbox.grants().env.len(), other.grants().env.len()), (1, 2));
    assert!(sandbox.limits().timeout.is_some() && other.limits().timeout.is_none());
    let mut py = RUNTIME.start(&other)?;
    assert_eq!(py.eval("__import__('os').environ['MODE']")?, "other".into());
    Ok(())
}

#[test]
fn streams_of_ones_own_are_given_at_the_start() -> ophidia::Result<()> {
    let sandbox = Sandbox::builder().stdout(OutputKind::Discard).build()?;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&lines);
    let streams = Streams {
        stdin: Some(Input::reader(&b"tea\n"[..])),
        stdout: Some(Output::lines(move |line| heard.lock().expect("free").push(line.to_owned()))),
        ..Streams::default()
    };
    let mut py = RUNTIME.start_with(&sandbox, streams)?;
    py.run("import sys\nprint(input())\nprint('oh', file=sys.stderr)")?;
    assert_eq!(*lines.lock().expect("free"), ["tea"]);
    assert_eq!(py.take_stderr(), b"oh\n");
    let mut py = RUNTIME.start(&sandbox)?;
    py.run("print('nobody hears it')")?;
    assert!(py.take_stdout().is_empty());
    Ok(())
}

#[test]
fn a_sandbox_says_what_is_wrong_when_it_is_made() -> ophidia::Result<()> {
    let mut py = interpreter();
    let object = py.eval_object("object()")?;
    let module = |value: Value| Module::new("host.m").value("limit", value);
    let builder = Sandbox::builder;
    for (builder, said) in [
        (builder().dir(DirGrant::read_only("/no/such/folder", "/x")), "/no/such/folder"),
        (builder().dir(DirGrant::read_only("/tmp", "x")), "guest path \"x\": must be absolute"),
        (builder().env("A=B", "c"), "environment variable \"A=B\""),
        (builder().args(["a\0b"]), "argument \"a\\0b\""),
        (builder().site("/a\0"), "folder of packages \"/a\\0\""),
        (builder().module(module(Value::from([&object]))), "module host.m: limit is an object"),
    ] {
        match builder.build() {
            Err(Error::Grant(reason)) => assert!(reason.contains(said), "{reason}"),
            other => panic!("{said}: {other:?}"),
        }
    }
    // The short form says the same.
    let refused = RUNTIME.interpreter().env("", "c").build();
    assert!(matches!(refused, Err(Error::Grant(_))), "{refused:?}");
    let sandbox = builder().module(module(5.into())).current_dir("/nowhere").build()?;
    assert!(matches!(RUNTIME.start(&sandbox), Err(Error::Grant(_))));
    Ok(())
}

#[test]
fn limits_in_which_nothing_can_run_are_refused() {
    let zero = Some(Duration::ZERO);
    let default = Limits::default();
    for (limits, said) in [
        (Limits { timeout: zero, ..default }, "limit timeout: 0"),
        (Limits { cpu: zero, ..default }, "limit cpu: 0"),
        (Limits { life: zero, ..default }, "limit life: 0"),
        (Limits { host_call_time: zero, ..default }, "limit host_call_time: 0"),
        (Limits { fuel: Some(0), ..default }, "limit fuel: 0"),
        (Limits { files: 0, ..default }, "limit files: 0"),
        (Limits { memory: 0, ..default }, "limit memory: 0 bytes: give 65536"),
        (Limits { memory: (4 << 30) + 1, ..default }, "limit memory: 4294967297 bytes"),
        (Limits { folder: Quota { bytes: 0, files: 1 }, ..default }, "limit folder, of /rw"),
        (Limits { folder: Quota { bytes: 1, files: 0 }, ..default }, "limit folder, of /rw"),
    ] {
        let builder = Sandbox::builder().dir(DirGrant::read_write(std::env::temp_dir(), "/rw"));
        match builder.limits(limits).build() {
            Err(Error::Grant(reason)) => assert!(reason.contains(said), "{reason}"),
            other => panic!("{said}: {other:?}"),
        }
    }
    // What means that something is not granted stays, and so does a quota that nothing uses.
    let nothing = Limits {
        grace: Duration::ZERO,
        host_calls: 0,
        objects: 0,
        folder: Quota { bytes: 0, files: 0 },
        ..default
    };
    Sandbox::builder().limits(nothing).build().expect("it can be used");
}

#[test]
fn limits_and_grants_are_plain_data() {
    let limits = Limits { memory: 64 << 20, ..Limits::default() };
    let text = serde_json::to_string(&limits).expect("written");
    assert_eq!(serde_json::from_str::<Limits>(&text).expect("read"), limits);
    let some = serde_json::from_str::<Limits>(r#"{"timeout": 2.5, "objects": 10}"#).expect("read");
    let expected =
        Limits { timeout: Some(Duration::from_millis(2_500)), objects: 10, ..Limits::default() };
    assert_eq!(some, expected);
    let none = serde_json::from_str::<Limits>(r#"{"timeout": null}"#).expect("read");
    assert_eq!(none.timeout, None);
    for wrong in [r#"{"memroy": 1}"#, r#"{"timeout": -1}"#, r#"{"timeout": 1e300}"#] {
        serde_json::from_str::<Limits>(wrong).expect_err(wrong);
    }
    let grants = Grants {
        dirs: vec![DirGrant {
            host: "/srv".into(),
            guest: "/data".into(),
            access: Access::ReadWrite,
        }],
        mounts: vec![
            Mount::new("/in", Tree::Files([("a".to_owned(), b"b".to_vec().into())].into())),
            Mount { quota: Some(Quota::of_bytes(1)), ..Mount::new("/out", Tree::Memory) },
            Mount::new("/over", Tree::Overlay(Box::new(Tree::Archive("/srv/a.zip".into())))),
        ],
        tmp: None,
        network: Network {
            hosts: vec!["api.example.com:443".into()],
            http: vec![HttpGrant {
                methods: vec!["GET".into()],
                secrets: vec![Secret::new("X-Key", "swordfish")],
                ..HttpGrant::new("https://example.com")
            }],
            roots: vec!["/srv/roots.pem".into()],
        },
        env: vec![("A".into(), "b".into())],
        clock: "2020-01-01T00:00:00Z+1ms".parse().expect("a clock"),
        seed: Some(1),
    };
    let text = serde_json::to_string(&grants).expect("written");
    assert!(text.contains("\"read-write\""), "{text}");
    assert_eq!(serde_json::from_str::<Grants>(&text).expect("read"), grants);
    let least = r#"{"dirs": [{"host": "/srv", "guest": "/data"}]}"#;
    let least = serde_json::from_str::<Grants>(least).expect("read");
    assert_eq!(least.dirs, [DirGrant::read_only("/srv", "/data")]);
    serde_json::from_str::<Grants>(r#"{"net": ["*"]}"#).expect_err("unknown");
}

#[test]
fn every_limit_is_an_error_of_its_kind() -> ophidia::Result<()> {
    let mut py = RUNTIME.interpreter().objects(50).build()?;
    let functions = (0..100).fold(Arguments::new(), |all, _| all.arg(Function::new("f", || 1)));
    let error =
        py.eval_object("lambda *args: None")?.call(&mut py, functions).expect_err("too many");
    let expected = LimitExceeded::HostObjects { asked: 51, limit: 50 };
    assert!(matches!(&error, Error::Limit(limit) if *limit == expected), "{error:?}");
    py.run("x = 1")?;

    // Waiting for tasks: the limit is raised in Python, as the error of the call that it is.
    let tokio = tokio::runtime::Runtime::new().expect("tokio");
    let mut py = RUNTIME.interpreter().objects(60).tokio(tokio.handle().clone()).build()?;
    py.set("never", Function::new_async("never", std::future::pending::<()>))?;
    py.run(
        "import asyncio
async def main():
    try:
        many = [never() for _ in range(100)]
    except MemoryError as error:
        return str(error)
said = asyncio.run(main())",
    )?;
    let said: String = py.get("said")?.extract(&mut py)?;
    assert!(said.contains("61 asynchronous calls under way, 60 allowed"), "{said}");

    let one = Runtime::builder(cache()).max_interpreters(1).build()?;
    let first = one.interpreter().build()?;
    match one.start(&Sandbox::default()) {
        Err(Error::Limit(limit)) => {
            assert_eq!(limit, LimitExceeded::Interpreters { asked: 2, limit: 1 });
        }
        other => panic!("{other:?}"),
    }
    drop(first);
    one.start(&Sandbox::default())?.run("x = 1")
}

#[test]
fn a_poisoned_interpreter_keeps_its_cause() {
    let short = Sandbox::builder()
        .timeout(Duration::from_millis(200))
        .grace(Duration::ZERO)
        .build()
        .expect("a sandbox");
    let mut py = RUNTIME.start(&short).expect("an interpreter");
    py.run("while True: pass").expect_err("a timeout");
    for _ in 0..2 {
        let error = py.run("1").expect_err("poisoned");
        let Error::Poisoned(poisoned) = &error else { panic!("{error:?}") };
        assert!(matches!(poisoned.cause, Error::Limit(LimitExceeded::Timeout { .. })));
        let cause = error.source().and_then(|cause| cause.downcast_ref::<Error>());
        assert!(matches!(cause, Some(Error::Limit(LimitExceeded::Timeout { .. }))), "{cause:?}");
        let clone: Error = thread::spawn(move || error.clone()).join().expect("errors are Send");
        assert_eq!(clone.to_string(), "this interpreter can no longer be used");
    }
    let error = Error::from(PythonError::new("ValueError", "no"));
    assert!(error.source().is_none(), "it is the exception itself");
}

/// What a system said is there as a value, beside the words that say it too.
#[test]
fn a_failure_has_its_cause() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    let grants = Grants { dirs: vec![DirGrant::read_only(&missing, "/in")], ..Grants::default() };
    let sandbox = Sandbox::builder().grants(grants).build();
    let error =
        sandbox.and_then(|sandbox| RUNTIME.start(&sandbox).map(drop)).expect_err("no folder");
    assert!(matches!(error, Error::Grant(_)), "{error:?}");
    let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    assert_eq!(cause.expect("an io::Error").kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains(&missing.display().to_string()), "{error}");

    let error = Runtime::builder(cache())
        .image_file(folder.path().join("none.image"), "/lib")
        .build()
        .map(drop)
        .expect_err("no image");
    let Error::Image(said) = &error else { panic!("{error:?}") };
    assert!(said.contains("none.image"), "{said}");
    let own = Error::Host(format!("no room for {}", 3).into());
    assert_eq!((own.to_string().as_str(), own.source().is_none()), ("no room for 3", true));
}

#[test]
#[cfg(target_os = "linux")]
fn a_granted_folder_is_opened_once() -> ophidia::Result<()> {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().canonicalize().expect("a path").join("data");
    std::fs::create_dir(&folder).expect("a folder");
    for i in 0..500 {
        std::fs::write(folder.join(format!("file-of-some-length-{i}")), "x").expect("a file");
    }
    let opened = |name: &std::path::Path| {
        let all = std::fs::read_dir("/proc/self/fd").expect("descriptors").flatten();
        all.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|path| path == name)).count()
    };
    let sandbox = Sandbox::builder().dir(DirGrant::read_only(&folder, "/data")).build()?;
    let many = (0..4).map(|_| RUNTIME.start(&sandbox)).collect::<ophidia::Result<Vec<_>>>()?;
    assert_eq!(opened(&folder), 1);

    // Each lists it from its own place.
    let list = "import os\nfor _ in range(20): assert len(set(os.listdir('/data'))) == 500";
    let threads: Vec<_> =
        many.into_iter().map(|mut py| thread::spawn(move || py.run(list))).collect();
    for thread in threads {
        thread.join().expect("no panic")?;
    }

    // What has the name later is another folder.
    let moved = place.path().join("moved");
    std::fs::rename(&folder, &moved).expect("moved");
    std::fs::create_dir(&folder).expect("another");
    assert_eq!(
        RUNTIME.start(&sandbox)?.eval("len(__import__('os').listdir('/data'))")?,
        500.into()
    );
    let moved = moved.canonicalize().expect("a path");
    drop(sandbox);
    assert_eq!(opened(&moved), 0);
    Ok(())
}
