//! Streams and clocks: full outputs, slow receivers, waiting that costs nothing, and async runtimes.

use crate::library::RUNTIME;
use crate::support::{number, ophidia_command, text};
use ophidia::{Access, DirGrant, Error, Input, InterpreterBuilder, LimitExceeded, Output};
use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

const TOO_MUCH: Error = Error::Limit(LimitExceeded::Output { limit: 1000 });

fn is_too_much<T: std::fmt::Debug>(ended: &ophidia::Result<T>) -> bool {
    matches!(ended, Err(error) if error.to_string() == TOO_MUCH.to_string())
}

#[test]
fn too_much_output_ends_the_operation_and_nothing_else() {
    for source in [
        // Uncaught, caught, ended by an exit, and through every layer of Python's streams.
        "while True: print('x' * 99)",
        "try:\n    while True: print('x' * 99)\nexcept OSError: pass",
        "try:\n    while True: print('x' * 99)\nexcept BaseException: raise ValueError",
        "try:\n    print('x' * 5000, flush=True)\nfinally: raise SystemExit(0)",
        "import sys\nsys.stdout.buffer.write(b'x' * 100_000)",
        "import sys\nsys.stderr.write('x' * 100_000)",
        "print('x' * 100_000)",
        "import os\nos.write(1, b'x' * 1001)",
        "import os\nos.write(2, b'x' * 5000)",
    ] {
        let mut py = RUNTIME.interpreter().output(1000).build().expect("an interpreter");
        let ended = py.run(source);
        assert!(is_too_much(&ended), "{source}: {ended:?}");
        assert!(!py.is_poisoned(), "{source}");
        // It goes on, and what fitted is there.
        assert_eq!(number(&mut py, "1 + 1"), 2);
        let fitted = py.take_stdout().len() + py.take_stderr().len();
        assert!((1000..=2000).contains(&fitted), "{source}: {fitted}");
        py.run("print('more')").expect(source);
        assert_eq!(py.take_stdout(), b"more\n", "{source}");
        // And the next time it is as the first.
        let ended = py.run("print('x' * 1001)");
        assert!(is_too_much(&ended), "{source}: {ended:?}");
    }
}

#[test]
fn python_sees_an_error_of_the_system_where_output_is_full() {
    let mut py = RUNTIME.interpreter().output(1000).build().expect("an interpreter");
    let ended = py.run(
        "import errno, os\nsaid = []\n\
         assert os.write(1, b'x' * 1500) == 1000\n\
         try: os.write(1, b'x')\n\
         except OSError as error: said.append(errno.errorcode[error.errno])",
    );
    assert!(is_too_much(&ended), "{ended:?}");
    assert_eq!(text(&mut py, "said[0]"), "ENOSPC");
    // A program cannot say it in the host's place.
    let ended = py.run("raise OSError(errno.ENOSPC, 'limit output')");
    assert!(matches!(ended, Err(Error::Python(_))), "{ended:?}");
}

#[test]
fn a_million_lines_to_a_slow_closure_end_at_the_deadline() {
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    let slow = Output::lines(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let until = Instant::now() + Duration::from_micros(20);
        while Instant::now() < until {}
    });
    let builder = RUNTIME.interpreter().stdout(slow).timeout(Duration::from_millis(300));
    let mut py = builder.build().expect("an interpreter");
    let started = Instant::now();
    py.run("import os\nlines = b'\\n' * 1_000_000").expect("bytes");
    let ended = py.run("os.write(1, lines)");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(10), "the closure was told on");
    let told = told.load(Ordering::Relaxed);
    assert!((1..1_000_000).contains(&told), "{told}");
}

#[test]
fn one_large_write_to_a_slow_writer_ends_at_the_deadline() {
    struct Slow(Arc<AtomicU32>);
    impl std::io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(10));
            Ok(bytes.len().min(4096))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let told = Arc::new(AtomicU32::new(0));
    let writer = Output::writer(Slow(Arc::clone(&told)));
    let builder = RUNTIME.interpreter().stdout(writer).timeout(Duration::from_millis(300));
    let mut py = builder.build().expect("an interpreter");
    py.run("import os\nbytes = b'x' * 20_000_000").expect("bytes");
    let ended = py.run("os.write(1, bytes)");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
    let told = told.load(Ordering::Relaxed);
    assert!((1..1000).contains(&told), "{told}");
}

#[test]
fn lines_are_told_as_they_were_written() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let output = Output::lines(move |line| seen.lock().expect("no panic").push(line.len()));
    let mut py = RUNTIME.interpreter().stdout(output).build().expect("an interpreter");
    py.run("print('a\\nbb\\n\\n' + 'c' * 100_000, end='')").expect("printed");
    drop(py);
    assert_eq!(*lines.lock().expect("no panic"), [1, 2, 0, 65_536, 34_464]);
}

/// How often the threads of a process have waited.
fn waits(process: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the process");
    let of = |status: String| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|number| number.trim().parse().ok()).expect("a number")
    };
    tasks
        .map(|task| fs::read_to_string(task.expect("a thread").path().join("status")))
        .map(|status| of(status.expect("its status")))
        .sum()
}

/// Gives how often a command has waited in the course of a second in which it had nothing to do.
fn waits_of(code: &str, output: Stdio) -> u64 {
    let mut command = ophidia_command();
    command.args(["run", "--timeout", "none", "-c", code]).stdin(Stdio::piped()).stdout(output);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the command starts");
    let stdin = child.stdin.take();
    let mut ready = [0; 6];
    child.stderr.as_mut().expect("a pipe").read_exact(&mut ready).expect("it says so");
    thread::sleep(Duration::from_millis(300));
    let before = waits(child.id());
    thread::sleep(Duration::from_secs(1));
    let waited = waits(child.id()) - before;
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    drop(stdin);
    waited
}

const READY: &str = "import os, select, sys; os.write(2, b'ready\\n'); ";

#[test]
fn waiting_for_input_or_a_slow_reader_wakes_nobody() {
    for wait in ["input()", "os.read(0, 1)", "select.select([0], [], [])", "sys.stdin.read()"] {
        let waited = waits_of(&format!("{READY}{wait}"), Stdio::null());
        assert!(waited < 20, "{wait}: {waited}");
    }
    // Nobody reads this pipe.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let waited = waits_of(&format!("{READY}os.write(1, b'x' * 10_000_000)"), writer.into());
    drop(reader);
    assert!(waited < 20, "{waited}");
}

#[test]
fn a_silent_reader_is_waited_for_until_it_speaks_or_the_deadline() {
    struct Told(std::sync::mpsc::Receiver<Vec<u8>>);
    impl Read for Told {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let Ok(bytes) = self.0.recv() else { return Ok(0) };
            to[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }
    let (tell, told) = channel();
    let builder = RUNTIME.interpreter().stdin(Input::reader(Told(told)));
    let mut py = builder.timeout(Duration::from_secs(20)).build().expect("an interpreter");
    let teller = thread::spawn(move || {
        for line in ["one\n", "two\n"] {
            thread::sleep(Duration::from_millis(100));
            tell.send(line.as_bytes().to_vec()).expect("it is read");
        }
        thread::sleep(Duration::from_millis(100));
    });
    py.run(
        "import select, sys\n\
         assert select.select([0], [], [], 0)[0] == []\n\
         assert input() == 'one'\n\
         assert select.select([0], [], [], 20)[0] == [0]\n\
         assert sys.stdin.read() == 'two\\n'",
    )
    .expect("what was told");
    teller.join().expect("no panic");
}

#[test]
fn an_interruption_reaches_who_waits_for_a_reader() {
    struct Silent;
    impl Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            thread::sleep(Duration::from_secs(3));
            Ok(0)
        }
    }
    let builder = RUNTIME.interpreter().stdin(Input::reader(Silent));
    let mut py = builder.timeout(Duration::from_secs(20)).build().expect("an interpreter");
    let interrupter = py.interrupter();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        interrupter.interrupt();
    });
    let ended = py.run("input()");
    let Err(Error::Python(error)) = &ended else { panic!("{ended:?}") };
    assert_eq!(error.type_name, "KeyboardInterrupt");
    other.join().expect("no panic");
    assert_eq!(number(&mut py, "1 + 1"), 2);
}

/// Uses everything of WASI that may wait.
fn uses_everything(builder: InterpreterBuilder) {
    let made = tempfile::tempdir().expect("a folder");
    let data =
        DirGrant { host: made.path().into(), guest: "/data".into(), access: Access::ReadWrite };
    let builder = builder.dir(data).stdin(Input::bytes("line\n"));
    let mut py = builder.build().expect("an interpreter");
    py.run(
        "import os, select, time, textwrap\n\
         with open('/data/file', 'w') as file: file.write('text')\n\
         assert open('/data/file').read() == 'text' and os.listdir('/data') == ['file']\n\
         os.rename('/data/file', '/data/moved'); os.stat('/data/moved')\n\
         before = time.monotonic(); time.sleep(0.02); assert time.monotonic() - before >= 0.02\n\
         assert time.time() > 1e9 and len(os.urandom(8)) == 8\n\
         select.select([0], [], [], 1); assert input() == 'line'\n\
         print('said')",
    )
    .expect("it works here");
    assert_eq!(py.take_stdout(), b"said\n");
}

#[test]
fn interpreters_work_inside_any_async_runtime_and_outside() {
    uses_everything(RUNTIME.interpreter());
    let single = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    single.block_on(async { uses_everything(RUNTIME.interpreter()) });
    let several = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let several = several.expect("a runtime");
    several.block_on(async {
        uses_everything(RUNTIME.interpreter());
        let tasks = [0; 3].map(|_| tokio::spawn(async { uses_everything(RUNTIME.interpreter()) }));
        for task in tasks {
            task.await.expect("no panic");
        }
        let blocking = tokio::task::spawn_blocking(|| uses_everything(RUNTIME.interpreter()));
        blocking.await.expect("no panic");
    });
}
