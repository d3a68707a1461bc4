//! The library: running and evaluating, streams, grants, limits, errors, interruption.

use crate::support::cache;
use ophidia::{
    Access, Completeness, DirGrant, Error, Input, InterpreterBuilder, LimitExceeded, Output,
    Runtime, SourceKind, Value,
};
use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// One runtime for all tests of this process, as for all interpreters of a service.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::builder(cache()).build().expect("a runtime"));

fn python() -> InterpreterBuilder {
    RUNTIME.interpreter()
}

/// What a program prints.
fn printed(builder: InterpreterBuilder, source: &str) -> String {
    let mut py = builder.build().expect("an interpreter");
    py.run(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    String::from_utf8(py.take_stdout()).expect("text")
}

#[test]
fn values_keep_their_kind() {
    let mut py = python().build().expect("an interpreter");
    let cases = [
        ("None", Value::None),
        ("1 == 1", Value::Bool(true)),
        ("-2 ** 63", Value::Int(i64::MIN)),
        ("1.5e300", Value::Float(1.5e300)),
        ("'grüße \\N{SNAKE}'", Value::Str("grüße 🐍".into())),
        ("b'\\0\\xff'", Value::Bytes(vec![0, 255])),
        ("2 ** 64", Value::BigInt(vec![0, 0, 0, 0, 0, 0, 0, 0, 1])),
        ("'\\ud800'", Value::WideStr(b"\xed\xa0\x80".to_vec())),
        (
            "{'a': [1]}",
            Value::Dict(vec![(Value::Str("a".into()), Value::List(vec![Value::Int(1)]))]),
        ),
    ];
    for (source, expected) in cases {
        assert_eq!(py.eval(source).expect(source), expected, "{source}");
    }
}

#[test]
fn exceptions_arrive_with_type_message_and_source_lines() {
    let mut py = python().build().expect("an interpreter");
    let error = py.run("import json\n\njson.loads('{')").expect_err("invalid JSON");
    let Error::Python(error) = error else { panic!("{error}") };
    assert_eq!(error.type_name, "json.decoder.JSONDecodeError");
    assert!(error.message.starts_with("Expecting property name"), "{}", error.message);
    assert_eq!(error.made_traceback(), None, "nobody has asked");
    let traceback = error.traceback(&mut py).expect("a traceback");
    assert!(traceback.contains("    json.loads('{')\n"), "{traceback}");
    assert!(traceback.contains("json/decoder.py"), "{traceback}");
    assert!(traceback.contains("self.scan_once(s, idx)"), "a line of the standard library");
    assert_eq!(error.clone().made_traceback(), Some(traceback));
    assert!(py.eval("1").is_ok(), "the interpreter goes on");
}

#[test]
fn what_a_hostile_exception_cannot_say_is_left_out() {
    let mut py = python().build().expect("an interpreter");
    let source = "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute";
    let Err(Error::Python(error)) = py.run(source) else { panic!("not raised") };
    assert_eq!(error.type_name, "Mute");
    assert!(error.message.is_empty());
    let traceback = error.traceback(&mut py).expect("a traceback");
    assert!(traceback.contains("<exception str() failed>"), "{traceback}");
}

#[test]
fn versions_are_those_of_the_guest() {
    let mut py = python().build().expect("an interpreter");
    let version = ophidia::version();
    let found = py.eval("__import__('platform').python_version()").expect("a text");
    assert_eq!(found, Value::Str(version.python.into()));
    let found = py.eval("__import__('numpy').__version__").expect("a text");
    assert_eq!(found, Value::Str(version.numpy.into()));
    assert!(version.abi > 0 && !version.ophidia.is_empty());
}

#[test]
fn exit_statuses_travel() {
    let mut py = python().build().expect("an interpreter");
    for (source, status) in [("exit()", 0), ("raise SystemExit(300)", 300), ("exit('no')", 1)] {
        let Err(Error::Python(error)) = py.run(source) else { panic!("{source}") };
        assert_eq!(error.exit_status, Some(status), "{source}");
    }
    let Err(Error::Python(error)) = py.run("import os; os._exit(200)") else { panic!("os._exit") };
    assert_eq!(error.exit_status, Some(200));
    assert!(matches!(py.run("1"), Err(Error::Poisoned { .. })));
}

#[test]
fn every_run_draws_its_own_randomness() {
    let folder = tempfile::tempdir().expect("a folder");
    for source in [
        "import random; print(random.random())",
        "import random; print(random.Random().random())",
        "import uuid; print(uuid.uuid4())",
        "import uuid; print(uuid.uuid1().node)",
        "import uuid; print(uuid.uuid1())",
        "import secrets; print(secrets.token_hex())",
        "import tempfile, os; print(os.path.basename(tempfile.mktemp()))",
        "import tempfile, os; print(next(tempfile._get_candidate_names()))",
    ] {
        let run = || {
            let grant = DirGrant {
                host: folder.path().into(),
                guest: "/tmp".into(),
                access: Access::ReadWrite,
            };
            printed(python().dir(grant), source)
        };
        assert_ne!(run(), run(), "{source}");
    }
}

#[test]
fn environment_arguments_and_folder_are_the_runs_own() {
    let source = "import os, sys; print(dict(os.environ), sys.argv, os.getcwd(), os.getenv('A'))";
    assert_eq!(printed(python(), source), "{} [''] / None\n");
    let folder = tempfile::tempdir().expect("a folder");
    let grant =
        DirGrant { host: folder.path().into(), guest: "/data/in".into(), access: Access::ReadOnly };
    let builder = python().env("A", "b=c").args(["x.py", "ü"]).dir(grant).current_dir("/data/in");
    assert_eq!(printed(builder, source), "{'A': 'b=c'} ['x.py', 'ü'] /data/in b=c\n");
    assert_eq!(printed(python(), source), "{} [''] / None\n", "the next run starts clean");
}

#[test]
fn clocks_are_the_hosts() {
    let before = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs_f64();
    let mut py = python().build().expect("an interpreter");
    py.run("import os, time, logging, datetime").expect("imports");
    let Value::Float(now) = py.eval("time.time()").expect("a clock") else { panic!() };
    assert!(now >= before && now < before + 60.0, "{now} is not after {before}");
    let Value::Float(age) = py.eval("time.time() - logging._startTime / 1e9").expect("a clock")
    else {
        panic!()
    };
    assert!((0.0..60.0).contains(&age), "logging counts from this start: {age} s");
    let order = "a = time.monotonic(); time.sleep(0.01); time.monotonic() - a >= 0.01";
    py.run(&order.replacen("; time.monotonic() - a", "; assert time.monotonic() - a", 1))
        .expect("monotonic time passes");
    py.run(
        "clocks = time.process_time, time.perf_counter, lambda: os.times().user
before = [clock() for clock in clocks]
assert all(0 <= time < 60 for time in before), before
while time.monotonic() - a < 0.05: pass
assert all(clock() > time for clock, time in zip(clocks, before)), before",
    )
    .expect("and so does the processor's, from this start on");
}

#[test]
fn folders_are_read_only_unless_granted_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "text").expect("a file");
    let grant = |access| DirGrant { host: folder.path().into(), guest: "/data".into(), access };
    let read = "print(open('/data/a.txt').read())";
    let write = "print(open('/data/b.txt', 'w').write('new'))";
    assert_eq!(printed(python().dir(grant(Access::ReadOnly)), read), "text\n");
    let mut py = python().dir(grant(Access::ReadOnly)).build().expect("an interpreter");
    let Err(Error::Python(error)) = py.run(write) else { panic!("written") };
    assert!(["PermissionError", "OSError"].contains(&&*error.type_name), "{error}");
    for outside in ["/etc/passwd", "/data/../etc/passwd", "../../etc/passwd"] {
        assert!(py.run(&format!("open({outside:?})")).is_err(), "{outside}");
    }
    assert_eq!(printed(python().dir(grant(Access::ReadWrite)), write), "3\n");
    assert_eq!(std::fs::read(folder.path().join("b.txt")).expect("the file"), b"new");
}

#[test]
fn a_link_does_not_lead_out_of_a_granted_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let outside = tempfile::tempdir().expect("a folder");
    std::fs::write(outside.path().join("secret"), "secret").expect("a file");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("way")).expect("a link");
    let grant =
        DirGrant { host: folder.path().into(), guest: "/data".into(), access: Access::ReadWrite };
    let mut py = python().dir(grant).build().expect("an interpreter");
    assert!(matches!(py.run("open('/data/way/secret')"), Err(Error::Python(_))));
}

#[test]
fn what_cannot_be_granted_is_named() {
    let missing = DirGrant {
        host: "/no/such/folder".into(),
        guest: "/data".into(),
        access: Access::ReadOnly,
    };
    for (builder, named) in [
        (python().dir(missing), "/no/such/folder"),
        (python().env("A=B", "c"), "A=B"),
        (python().args(["a\0b"]), "null byte"),
        (python().current_dir("/nowhere"), "/nowhere"),
    ] {
        let error = builder.build().expect_err(named);
        assert!(matches!(error, Error::Grant(_)), "{error:?}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn input_comes_from_bytes_and_readers() {
    let source = "import sys\nfor line in sys.stdin: print(line.strip()[::-1])";
    assert_eq!(printed(python().stdin(Input::bytes("ab\ncd\n")), source), "ba\ndc\n");
    let reader = std::io::Cursor::new(b"ef\ngh".to_vec());
    assert_eq!(printed(python().stdin(Input::reader(reader)), source), "fe\nhg\n");
    let mut py = python().build().expect("an interpreter");
    let Err(Error::Python(error)) = py.run("input()") else { panic!("input without input") };
    assert_eq!(error.type_name, "EOFError");
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic holds it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn output_streams_while_the_program_runs() {
    let sink = Sink::default();
    let mut py = python().stdout(Output::writer(sink.clone())).build().expect("an interpreter");
    let seen = sink.clone();
    let interrupter = py.interrupter();
    let watcher = thread::spawn(move || {
        let started = Instant::now();
        while seen.0.lock().expect("no panic holds it").is_empty() {
            assert!(started.elapsed() < Duration::from_secs(30), "nothing was streamed");
            thread::sleep(Duration::from_millis(1));
        }
        interrupter.cancel();
    });
    let ended = py.run("print('first')\nwhile True: pass");
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    watcher.join().expect("the line was seen before the end");
    assert_eq!(*sink.0.lock().expect("no panic holds it"), b"first\n");
}

#[test]
fn captured_output_is_bounded() {
    let mut py = python().output(1000).build().expect("an interpreter");
    let ended = py.run("while True: print('x' * 99)");
    let Err(Error::Limit(LimitExceeded::Output { limit: 1000 })) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(py.take_stdout().len(), 1000);
}

#[test]
fn a_deadline_ends_whatever_runs() {
    for source in [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import asyncio; asyncio.run(asyncio.sleep(1000))",
        "try:\n    while True: pass\nexcept BaseException: pass",
        "sum(range(10**12))",
        "import re; re.match('(a*)*b', 'a' * 100)",
        "10 ** 10 ** 8",
        // Recursion that branches, in C and without a loop.
        "s = slice(1)\nfor _ in range(99): s = slice(s, s, s)\nhash(s)",
        // Little but bulk copies, and code without a jump.
        "b = bytearray(10**8)\nwhile True: b[:] = b",
        "exec('while True:\\n' + ' x = 1\\n' * 100_000)",
        "exec('def f():\\n' + ' x = 1\\n' * 100_000)\nwhile True: f()",
    ] {
        let short = python().timeout(Duration::from_millis(100)).grace(Duration::ZERO);
        let mut py = short.build().expect("an interpreter");
        let ended = py.run(source);
        assert!(
            matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))),
            "{source}: {ended:?}"
        );
        assert!(matches!(py.run("1"), Err(Error::Poisoned { .. })), "{source}");
    }
}

#[test]
fn a_deadline_ends_forged_bytecode() {
    let forge = "import opcode\n\
        def run(*code, table=b''):\n    \
            ops = [part for op, arg in code for part in (opcode.opmap[op], arg)]\n    \
            f = lambda: None\n    \
            f.__code__ = f.__code__.replace(co_code=bytes(ops), co_exceptiontable=table)\n    \
            f()\n";
    for code in [
        // A jump backward that looks at no signals.
        "('RESUME', 0), ('NOP', 0), ('JUMP_BACKWARD_NO_INTERRUPT', 2)",
        // A jump forward so far that it comes out behind itself.
        "('RESUME', 0), ('EXTENDED_ARG', 255), ('EXTENDED_ARG', 255), ('EXTENDED_ARG', 255), \
         ('JUMP_FORWARD', 252)",
        // An exception handler that raises into itself.
        "('RESUME', 0), ('RAISE_VARARGS', 0), table=b'\\x81\\x01\\x01\\x00'",
    ] {
        let mut py = python().timeout(Duration::from_millis(100)).build().expect("an interpreter");
        let ended = py.run(&format!("{forge}run({code})"));
        assert!(
            matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))),
            "{code}: {ended:?}"
        );
    }
}

#[test]
fn a_deadline_ends_waiting_for_input() {
    let (_sender, receiver) = channel::<u8>();
    struct Silent(std::sync::mpsc::Receiver<u8>);
    impl std::io::Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(0)
        }
    }
    let mut py = python()
        .stdin(Input::reader(Silent(receiver)))
        .timeout(Duration::from_millis(100))
        .build()
        .expect("an interpreter");
    let ended = py.run("input()");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
}

#[test]
fn memory_is_bounded_and_the_interpreter_survives() {
    let mut py = python().memory(64 << 20).build().expect("an interpreter");
    for source in ["x = bytearray(1 << 30)", "x = []\nwhile True: x.append('x' * 10**6)"] {
        let ended = py.run(source);
        let Err(Error::Limit(LimitExceeded::Memory { limit, asked })) = ended else {
            panic!("{source}: {ended:?}")
        };
        assert_eq!(limit, 64 << 20);
        assert!(asked > limit);
        py.run("x = None").expect("it goes on");
    }
    py.run("try: bytearray(1 << 30)\nexcept MemoryError: print('caught')").expect("caught");
    assert_eq!(py.take_stdout(), b"caught\n");
    assert!(py.usage().peak_memory <= 64 << 20);
}

#[test]
fn too_little_memory_for_the_image_is_a_limit() {
    let ended = python().memory(1 << 20).build();
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Memory { .. }))), "{ended:?}");
}

#[test]
fn deep_recursion_raises() {
    let mut py = python().build().expect("an interpreter");
    py.run(
        "import sys, json, pickle, copy\nnested = []\nfor _ in range(100_000): nested = [nested]",
    )
    .expect("a nested list");
    for source in [
        "f = lambda n: f(n + 1)\nf(0)",
        "repr(nested)",
        "nested == [nested]",
        "json.dumps(nested)",
        "json.loads('[' * 100_000)",
        "pickle.dumps(nested)",
        "f = lambda x: sorted([1, 2], key=f)\nf(1)",
        "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().x",
        "class A:\n    def __call__(self): return list(map(lambda _: self(), [1]))\nA()()",
    ] {
        let Err(Error::Python(error)) = py.run(source) else { panic!("{source}") };
        assert_eq!(error.type_name, "RecursionError", "{source}");
    }
    for source in ["eval('(' * 5000 + ')' * 5000)", "eval('-' * 100_000 + '1')"] {
        assert!(matches!(py.run(source), Err(Error::Python(_))), "{source}");
    }
    assert_eq!(py.eval("1 + 1").expect("it goes on"), Value::Int(2));
}

#[test]
fn an_interruption_raises_keyboard_interrupt() {
    for source in ["while True: pass", "import time; time.sleep(1000)", "input()"] {
        let (_sender, receiver) = channel::<u8>();
        struct Never(std::sync::mpsc::Receiver<u8>);
        impl std::io::Read for Never {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                let _ = self.0.recv();
                Ok(0)
            }
        }
        let mut py =
            python().stdin(Input::reader(Never(receiver))).build().expect("an interpreter");
        let interrupter = py.interrupter();
        let (stop, stopped) = channel::<()>();
        let knocking = thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(20)).is_err() {
                interrupter.interrupt();
            }
        });
        let ended = py.run(source);
        let _ = stop.send(());
        knocking.join().expect("it only knocks");
        let Err(Error::Python(error)) = ended else { panic!("{source}: {ended:?}") };
        assert_eq!(error.type_name, "KeyboardInterrupt", "{source}");
        assert_eq!(py.eval("1 + 1").expect("the session goes on"), Value::Int(2));
    }
}

#[test]
fn interactive_statements_show_their_value() {
    let mut py = python().build().expect("an interpreter");
    assert_eq!(py.completeness("def f():").expect("an answer"), Completeness::Incomplete);
    assert_eq!(py.completeness("1 +* 2").expect("an answer"), Completeness::Complete);
    py.run_source(SourceKind::Interactive, b"6 * 7\n", "<stdin>").expect("a statement");
    py.run_source(SourceKind::Interactive, b"_ + 1\n", "<stdin>").expect("a statement");
    assert_eq!(py.take_stdout(), b"42\n43\n");
}

#[test]
fn source_bytes_are_decoded_as_python_does() {
    let mut py = python().build().expect("an interpreter");
    let latin = b"# -*- coding: latin-1 -*-\nprint(ascii('\xfc'))\n";
    py.run_source(SourceKind::Main, latin, "/x.py").expect("Latin-1");
    assert_eq!(py.take_stdout(), b"'\\xfc'\n");
    for (source, type_name) in [(&b"x = '\xff'"[..], "SyntaxError"), (b"x\0y", "SyntaxError")] {
        let Err(Error::Python(error)) = py.run_source(SourceKind::Main, source, "/x.py") else {
            panic!("{source:?}")
        };
        assert_eq!(error.type_name, type_name, "{source:?}");
    }
}

#[test]
fn the_end_runs_exit_callbacks_and_closes_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let grant =
        DirGrant { host: folder.path().into(), guest: "/data".into(), access: Access::ReadWrite };
    let mut py = python().dir(grant).build().expect("an interpreter");
    py.run(
        "import atexit\natexit.register(print, 'bye')\nf = open('/data/a', 'w')\nf.write('late')",
    )
    .expect("a program");
    py.finish().expect("an end");
    assert_eq!(py.take_stdout(), b"bye\n");
    assert_eq!(std::fs::read(folder.path().join("a")).expect("the file"), b"late");
}

#[test]
fn interpreters_share_nothing_and_run_at_once() {
    let threads: Vec<_> = (0..4)
        .map(|n| {
            thread::spawn(move || {
                let mut py = python().build().expect("an interpreter");
                py.run(&format!("import sys\nx = {n}\nsys.shared = {n}")).expect("a statement");
                for _ in 0..100 {
                    py.run("x += 10").expect("a statement");
                }
                py.eval("x + sys.shared").expect("a value")
            })
        })
        .collect();
    for (n, thread) in threads.into_iter().enumerate() {
        let n = i64::try_from(n).expect("small");
        assert_eq!(thread.join().expect("no panic"), Value::Int(2 * n + 1000));
    }
}

/// T11: what an interpreter leaves in a slot is gone before the next one has it.
#[test]
fn a_reused_slot_remembers_nothing() {
    for _ in 0..20 {
        let mut py = python().build().expect("an interpreter");
        py.run(
            "assert 'left' not in globals()\nleft = bytearray(10**7)\nimport json\njson.left = 1",
        )
        .expect("a clean start");
    }
    assert!(python().build().expect("an interpreter").eval("__import__('json').left").is_err());
}
