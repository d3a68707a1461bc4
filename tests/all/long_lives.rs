//! Interpreters that live long: interruptions that nothing swallows, errors and compilations that leave nothing behind,
//! hooks that see what the host asks for.

use crate::library::RUNTIME;
use crate::support::{interpreter, raised, text};
use ophidia::{CodeKind, Error, Interpreter};
use std::thread;
use std::time::{Duration, Instant};

/// Interrupts this soon after it has begun, and then again until it has ended.
fn interrupted(py: &mut Interpreter, source: &str) -> ophidia::Result<()> {
    let interrupter = py.interrupter();
    let (ended, ends) = std::sync::mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let started = Instant::now();
        while ends.recv_timeout(Duration::from_millis(100))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            && started.elapsed() < Duration::from_secs(20)
        {
            interrupter.interrupt();
        }
    });
    let result = py.run(source);
    drop(ended);
    thread.join().expect("no panic");
    result
}

#[test]
fn interruptions_reach_the_program() {
    for (what, source) in [
        ("a loop", "while True: pass"),
        (
            "ignored",
            "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        ),
        (
            "by default",
            "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\nwhile True: pass",
        ),
        (
            "in a flush",
            "import sys
class Out:
    def write(self, text): sys.__stdout__.write(text)
    def flush(self):
        while True: pass
sys.stdout = Out()
print('x')",
        ),
        (
            "in a text",
            "class E(Exception):
    def __str__(self):
        while True: pass
raise E",
        ),
        (
            "in a comparison",
            "class A:
    def __eq__(self, other):
        while True: pass
A() == 1",
        ),
        ("asleep", "import time\ntime.sleep(60)"),
    ] {
        let mut py = RUNTIME.interpreter().timeout(Duration::from_secs(60)).build().expect("one");
        let error = raised(interrupted(&mut py, source));
        assert_eq!(error.type_name, "KeyboardInterrupt", "{what}: {error}");
        let _ = py.run("import sys\nsys.stdout = sys.__stdout__");
        assert_eq!(text(&mut py, "'goes on'"), "goes on", "{what}");
    }
    // A handler of the program's own is called.
    let mut py = interpreter();
    interrupted(
        &mut py,
        "import signal
seen = []
signal.signal(signal.SIGINT, lambda *it: seen.append(1))
while not seen: pass",
    )
    .expect("it is handled");
}

/// Linear memory that the guest has taken, after so many rounds and after many more.
fn grows(rounds: u32, mut round: impl FnMut(&mut Interpreter, u32)) -> (u64, u64) {
    let mut py = interpreter();
    for number in 0..rounds / 5 {
        round(&mut py, number);
    }
    let early = py.usage().peak_memory;
    for number in rounds / 5..rounds {
        round(&mut py, number);
    }
    (early, py.usage().peak_memory)
}

#[test]
fn errors_leave_nothing_behind() {
    let (early, late) = grows(100_000, |py, number| {
        let source = format!(
            "def f_{number}(x):\n    data = bytearray(50_000)\n    return data[x]\nf_{number}(10**6)"
        );
        assert_eq!(raised(py.run(&source)).type_name, "IndexError");
        py.run(&format!("del f_{number}")).expect("it is there");
    });
    assert!(late <= early + (4 << 20), "{early} bytes, then {late}");
}

/// But for the names in them, which CPython keeps for ever: there are a thousand here.
#[test]
fn compilations_leave_nothing_behind() {
    let (early, late) = grows(100_000, |py, number| {
        let name = number % 1_000;
        let source = format!("def f_{name}(): return {number}");
        let code = py.compile(&source, &format!("<source {name}>"), CodeKind::Statements);
        code.expect("it compiles");
    });
    assert!(late <= early + (4 << 20), "{early} bytes, then {late}");
}

/// What a failed call held goes when the error does.
#[test]
fn a_frame_that_failed_is_let_go() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run("import weakref\nclass Big: pass\ndef fails():\n    global seen\n    big = Big()\n    seen = weakref.ref(big)\n    raise ValueError")?;
    let error = raised(py.run("fails()"));
    drop(error);
    assert_eq!(text(&mut py, "str(seen())"), "None");
    Ok(())
}

/// Source lines stay known while there is room, and no longer.
#[test]
fn source_lines_are_bounded() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run("def early():\n    return 1 / 0  # here")?;
    let error = raised(py.run("early()"));
    assert!(error.traceback(&mut py)?.contains("1 / 0  # here"), "{error:?}");
    for number in 0..5_000 {
        py.run(&format!("def f_{number}(): pass\ndel f_{number}"))?;
    }
    py.run("import linecache\nassert len(linecache._interactive_cache) < 5_000, len(linecache._interactive_cache)")?;
    let error = raised(py.run("early()"));
    assert!(error.traceback(&mut py)?.contains("in early"), "{error:?}");
    Ok(())
}

/// Hooks of a program see what the host asks for, and may refuse it; that is an exception as any other, and no more.
#[test]
fn hooks_of_a_program_break_nothing() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run(
        "import sys
events = []
traced = []
refusing = False
def hook(event, args):
    if len(events) < 1000: events.append(event)
    if refusing and event == 'import': raise PermissionError('not this')
sys.addaudithook(hook)",
    )?;
    py.run("x = [1, 2]")?;
    let value: Vec<i64> = py.eval_as("x")?;
    assert_eq!(value, [1, 2]);
    py.run("import tabnanny\nassert 'import' in events")?;
    let object = py.get("x")?;
    py.run("refusing = True")?;
    let error = raised(py.import("sndhdr_of_no_one"));
    assert_eq!((&*error.type_name, &*error.message), ("PermissionError", "not this"));
    // What it does not refuse goes on.
    assert_eq!(object.len(&mut py)?, 2);
    py.set("refusing", false)?;
    py.run("sys.settrace(lambda *it: traced.append(it[1]) or None)\nsys.setprofile(lambda *it: 1 / 0 if it[1] == 'never' else None)")?;
    let text: String = object.call_method(&mut py, "__repr__", ())?.extract(&mut py)?;
    assert_eq!(text, "[1, 2]");
    py.run("sys.settrace(None)\nsys.setprofile(None)")?;
    // A hook that fails is taken out by Python itself.
    py.run("def failing(*it): raise KeyError('in the hook')\nsys.settrace(failing)")?;
    let result = py.run("def f(): pass\nf()");
    assert!(matches!(result, Ok(()) | Err(Error::Python(_))), "{result:?}");
    py.run("sys.settrace(None)")?;
    assert_eq!(py.eval_as::<i64>("1 + 1")?, 2);
    Ok(())
}
