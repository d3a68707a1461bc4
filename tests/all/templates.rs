//! Templates: set-up code runs once, and interpreters begin where it has ended.

use crate::library::RUNTIME;
use crate::support::{cache, number, text};
use ophidia::{
    CheckpointError, CheckpointOptions, Error, Function, Interpreter, Limits, Module,
    RestoreOptions, Runtime, Sandbox, Streams, Template,
};
use std::cell::Cell;

const SET_UP: &str = "import json, random, decimal
random.random()
table = {n: str(n) for n in range(10_000)}
import os
open('/tmp/data', 'w').write('from the set-up')";

fn template(sandbox: &Sandbox) -> Template {
    RUNTIME.template(sandbox, |py| py.run(SET_UP)).expect("a template")
}

#[test]
fn interpreters_begin_where_the_set_up_code_has_ended() {
    let template = template(&Sandbox::default());
    assert!(template.size() > 100 << 10 && template.size() < 64 << 20, "{}", template.size());
    let mut drawn = Vec::new();
    for i in 0..3 {
        let mut py = template.start().expect("an interpreter");
        py.run(&format!("assert len(table) == 10_000\ntable[{i}] = 'changed'")).expect("its own");
        assert_eq!(number(&mut py, "list(table.values()).count('changed')"), 1);
        assert_eq!(text(&mut py, "open('/tmp/data').read()"), "from the set-up");
        drawn.push(text(&mut py, "str(random.random())"));
        py.run("import gc\nassert gc.get_freeze_count() > 10_000 / 2").expect("left alone");
    }
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 3, "each draws its own seed");
}

#[test]
fn what_the_set_up_code_has_spent_is_not_the_childrens() {
    let limits = Limits { host_calls: 2, fuel: Some(1 << 40), ..Limits::default() };
    let module = Module::new("host").function("call", || 1);
    let sandbox = Sandbox::builder().module(module).limits(limits).build().expect("a sandbox");
    let set_up = |py: &mut Interpreter| py.run("import host\nhost.call(); host.call()");
    let template = RUNTIME.template(&sandbox, set_up).expect("a template");
    for _ in 0..2 {
        let mut py = template.start().expect("an interpreter");
        assert_eq!((py.usage().host_calls, py.usage().fuel), (0, 0));
        py.run("host.call(); host.call()").expect("both of its own");
        assert!(py.run("host.call()").is_err());
    }
}

#[test]
fn each_may_have_a_sandbox_and_streams_of_its_own() {
    let template = template(&Sandbox::default());
    let module = Module::new("extra").function("seven", || 7);
    let own = Sandbox::builder()
        .env("WHO", "me")
        .args(["x.py", "1"])
        .module(module)
        .seed(5)
        .build()
        .expect("a sandbox");
    let streams = || Streams { stdin: Some(ophidia::Input::bytes("line\n")), ..Streams::default() };
    let mut drawn = Vec::new();
    for _ in 0..2 {
        let mut py = template.start_with(&own, streams()).expect("an interpreter");
        py.run(
            "import sys, extra
assert os.environ['WHO'] == 'me' and sys.argv == ['x.py', '1'] and input() == 'line'
assert extra.seven() == 7 and len(table) == 10_000",
        )
        .expect("its own");
        drawn.push(text(&mut py, "os.urandom(4).hex()"));
    }
    assert_eq!(drawn[0], drawn[1], "made of the same granted seed");
    let mut py = template.start().expect("an interpreter");
    py.run("import sys\nassert 'WHO' not in os.environ and sys.argv == ['']").expect("as before");
}

#[test]
fn objects_are_kept_by_name() {
    let set_up = |py: &mut Interpreter| {
        let function = py.eval_object("lambda x: x * 2")?;
        py.keep("double", &function)
    };
    let template = RUNTIME.template(&Sandbox::default(), set_up).expect("a template");
    let mut py = template.start().expect("an interpreter");
    let double = py.kept("double").expect("it");
    assert_eq!(double.call_as::<i64>(&mut py, (21,)).expect("called"), 42);
}

#[test]
fn set_up_code_that_fails_makes_none() {
    let ended = RUNTIME.template(&Sandbox::default(), |py| py.run("1 / 0"));
    assert!(matches!(&ended, Err(Error::Python(e)) if e.type_name == "ZeroDivisionError"));
    let tokio = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    let ended = RUNTIME.template(&Sandbox::default(), |py| {
        let _inside = tokio.enter();
        let never = Function::new_async("never", std::future::pending::<i64>);
        py.set("never", never)?;
        let task = py.begin("await never()")?;
        py.step(&task).map(drop)
    });
    assert!(
        matches!(&ended, Err(Error::Checkpoint(CheckpointError::NotAtRest(said))) if said.contains("await")),
        "{ended:?}"
    );
}

/// T17: a template is read as any other bytes.
#[test]
fn templates_are_files_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.template");
    let key = b"a key of some bytes";
    let module = || Module::new("host").function("call", || 9);
    let sandbox = Sandbox::builder().module(module()).build().expect("a sandbox");
    let set_up = |py: &mut Interpreter| py.run("import host\nx = host.call()\nf = host.call");
    let template = RUNTIME.template(&sandbox, set_up).expect("a template");
    template.save(&path, &CheckpointOptions::new().key(key)).expect("saved");
    // In another process, with another runtime of the same image.
    let runtime = Runtime::builder(cache()).max_interpreters(2).build().expect("a runtime");
    let options = || RestoreOptions::new().sandbox(&sandbox).key(key);
    let opened = runtime.open_template(&path, options()).expect("opened");
    assert_eq!(opened.size(), template.size());
    for _ in 0..2 {
        assert_eq!(number(&mut opened.start().expect("it"), "x + f()"), 18);
    }
    // What it is opened with is another sandbox than that of the set-up code.
    let own = || {
        let own = Sandbox::builder().module(module()).args(["x.py"]).env("WHO", "me");
        own.site("/packages").build().expect("a sandbox")
    };
    let opened = runtime.open_template(&path, RestoreOptions::new().sandbox(&own()).key(key));
    let mut py = opened.expect("opened").start().expect("it");
    py.run(
        "import sys, os
assert sys.argv == ['x.py'] and os.environ['WHO'] == 'me', (sys.argv, os.environ)
assert sys.path.count('/packages') == 1, sys.path",
    )
    .expect("its own");
    let again = py.into_template().expect("a template").start_with(&own(), Streams::default());
    py = again.expect("it");
    py.run("assert sys.path.count('/packages') == 1 and x + f() == 18").expect("once");
    drop(py);
    let missing = runtime.open_template(&path, RestoreOptions::new().key(key)).map(drop);
    assert!(
        matches!(&missing, Err(Error::Checkpoint(CheckpointError::Missing(names))) if names == &["host.call"]),
        "{missing:?}"
    );
    let ended = runtime.open_template(&path, RestoreOptions::new().sandbox(&sandbox)).map(drop);
    assert!(matches!(ended, Err(Error::Checkpoint(CheckpointError::Sealed))), "{ended:?}");
    let ended = runtime.restore_file(&path, options()).map(drop);
    assert!(matches!(ended, Err(Error::Checkpoint(CheckpointError::Damaged(_)))), "{ended:?}");
}

#[test]
fn templates_are_cached_by_what_they_are_made_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = Cell::new(0);
    let get = |content: &[u8]| {
        let set_up = |py: &mut Interpreter| {
            made.set(made.get() + 1);
            py.run("x = 4")
        };
        let template = RUNTIME.cached_template(folder.path(), content, &Sandbox::default(), set_up);
        assert_eq!(number(&mut template.expect("it").start().expect("it"), "x"), 4);
    };
    get(b"one");
    get(b"one");
    assert_eq!(made.get(), 1);
    get(b"two");
    assert_eq!(made.get(), 2);
    // One that is torn is made again.
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let path = entry.expect("a file").path();
        let bytes = std::fs::read(&path).expect("the file");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("torn");
    }
    get(b"one");
    get(b"one");
    assert_eq!(made.get(), 3);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2);
}
