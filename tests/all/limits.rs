//! Time, processor time, life, fuel, calls of the host: each limit fires in Python code and inside one long call of C
//! code, and what may go on goes on.

use crate::library::RUNTIME;
use crate::support::{number, ophidia, text};
use ophidia::{
    Error, Function, Input, Interpreter, InterpreterBuilder, LimitExceeded, Result, Shared,
};
use std::io::Read;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(200);

/// One C call that takes for ever.
const ENDLESS: &str = "import itertools\nsum(itertools.repeat(0))";

fn soon() -> InterpreterBuilder {
    RUNTIME.interpreter().timeout(SOON)
}

#[track_caller]
fn is_late<T: std::fmt::Debug>(ended: Result<T>) {
    let wanted = LimitExceeded::Timeout { limit: SOON };
    assert!(matches!(&ended, Err(Error::Limit(limit)) if *limit == wanted), "{ended:?}");
}

/// Input that never comes.
struct Never(mpsc::Receiver<()>);

impl Read for Never {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        let _ = self.0.recv();
        Ok(0)
    }
}

#[test]
fn python_is_told_before_it_is_ended() {
    let (held, receiver) = mpsc::channel();
    let tokio =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let value = Shared::new(0_i64);
    let inside = value.clone();
    let mut py = soon()
        // The machine may be busy: what is asked is whether it ends by itself, not how soon.
        .grace(Duration::from_secs(5))
        .stdin(Input::reader(Never(receiver)))
        .tokio(tokio.handle().clone())
        .build()
        .expect("one");
    py.set("never", Function::new_async("never", std::future::pending::<()>)).expect("set");
    py.set(
        "wait",
        Function::new("wait", move || inside.with(|_| ()).expect("it is never poisoned")),
    )
    .ok();
    py.run("import asyncio, re, threading, time\nlog = []\nasync def forever(): await asyncio.sleep(1e6)\nasync def host(): await never()")
        .expect("the start");
    for (place, what) in [
        "while True: pass",
        "for _ in iter(int, 1): pass",
        "time.sleep(1e6)",
        "input()",
        "asyncio.run(forever())",
        "asyncio.run(host())",
        "re.match('(a+)+$', 'a' * 40 + 'b')",
        "threading.Event().wait(1e6)",
        "[x for x in iter(int, 1)]",
        "def f(): f()\nwhile True:\n    try: f()\n    except RecursionError: pass",
    ]
    .iter()
    .enumerate()
    {
        let before = Instant::now();
        let body = what.replace('\n', "\n    ");
        is_late(py.run(&format!("try:\n    {body}\nfinally: log.append({place})")));
        let took = before.elapsed();
        assert!(!py.is_poisoned(), "{what}: it ended by itself");
        assert!(took >= SOON && took < SOON * 40, "{what}: {took:?}");
        let said = py.take_exception_at_limit().expect("what Python said");
        assert_eq!(said.type_name, "TimeoutError", "{what}");
        let traceback = said.made_traceback().expect("a traceback");
        assert!(traceback.contains("Traceback"), "{what}: {traceback}");
        assert_eq!(number(&mut py, "log[-1]"), i64::try_from(place).expect("small"), "{what}");
    }
    drop(held);
    // What catches it may still answer.
    assert_eq!(text(&mut py, "'before'"), "before");
    py.run("def partial():\n    found = 0\n    try:\n        while True: found += 1\n    except TimeoutError: return found > 0")
        .expect("a function");
    assert_eq!(text(&mut py, "str(partial())"), "True");
    // A TimeoutError of the program's own is none of the limit's.
    let own = py.run("raise TimeoutError('own')");
    assert!(matches!(own, Err(Error::Python(_))), "{own:?}");
}

#[test]
fn what_does_not_end_by_itself_is_ended() {
    for what in [
        ENDLESS,
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "class A:\n    def __del__(self):\n        while True: pass\na = A()\ndel a\nwhile True: pass",
        "try:\n    while True: pass\nfinally:\n    while True: pass",
        "import numpy\na = numpy.zeros((1500, 1500))\nwhile True:\n    try: numpy.linalg.eigvals(a + numpy.random.rand(1500, 1500))\n    except TimeoutError: pass",
    ] {
        let mut py = soon().build().expect("an interpreter");
        let before = Instant::now();
        is_late(py.run(what));
        assert!(py.is_poisoned(), "{what}");
        assert!(before.elapsed() < SOON * 20, "{what}: {:?}", before.elapsed());
    }
    // Without grace at once.
    let mut py = soon().grace(Duration::ZERO).build().expect("an interpreter");
    is_late(py.run("try:\n    while True: pass\nfinally: print('told')"));
    assert!(py.is_poisoned());
    assert_eq!(py.take_stdout(), b"");
}

#[test]
fn processor_time_is_what_is_used_of_it() {
    let cpu = || RUNTIME.interpreter().cpu(SOON).timeout(Duration::from_secs(60));
    for what in ["while True: pass", ENDLESS] {
        let mut py = cpu().build().expect("an interpreter");
        let ended = py.run(what);
        assert!(
            matches!(ended, Err(Error::Limit(LimitExceeded::Cpu { limit })) if limit == SOON),
            "{ended:?}"
        );
        assert!(py.is_poisoned());
        assert!(py.usage().cpu >= SOON, "{:?}", py.usage());
    }
    let mut py = cpu().build().expect("an interpreter");
    py.run("import time\ntime.sleep(0.5)").expect("waiting uses none");
    assert!(py.usage().cpu < SOON);
    // Of all operations together.
    let ended =
        (0..1000).map(|_| py.run("sum(range(10**6))")).find(Result::is_err).expect("it fires");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Cpu { .. }))), "{ended:?}");
}

#[test]
fn a_life_ends() {
    let life = || RUNTIME.interpreter().life(SOON);
    let is_over = |ended: Result<()>| {
        assert!(
            matches!(ended, Err(Error::Limit(LimitExceeded::Life { limit })) if limit == SOON),
            "{ended:?}"
        );
    };
    for what in ["while True: pass", ENDLESS, "import time\ntime.sleep(1e6)"] {
        let mut py = life().build().expect("an interpreter");
        is_over(py.run(what));
    }
    // Also while nobody uses it.
    let mut py = life().build().expect("an interpreter");
    py.run("x = 1").expect("alive");
    thread::sleep(SOON);
    is_over(
        (0..10_000)
            .map(|_| py.run("for i in range(10_000): pass"))
            .find(Result::is_err)
            .unwrap_or(Ok(())),
    );
}

#[test]
fn fuel_is_counted_exactly_and_the_same_each_time() {
    const PROGRAM: &str = "import json, re\n\
        data = [json.loads(json.dumps({'a': [i] * 10})) for i in range(300)]\n\
        total = sum(len(re.findall('[a-z]+', str(d))) for d in data)\n\
        b = bytes(10_000_000)";
    let burn = |limit: Option<u64>| -> (Result<()>, u64) {
        let builder = RUNTIME.interpreter().fuel(limit).seed(1);
        let mut py = builder
            .clock(ophidia::Clock::Fixed { start: SOON, step: Duration::ZERO })
            .build()
            .expect("one");
        let ended = py.run(PROGRAM);
        (ended, py.fuel().expect("it says"))
    };
    let (ended, burnt) = burn(None);
    ended.expect("no limit");
    assert!(burnt > 10_000, "{burnt}");
    assert_eq!(burn(None).1, burnt);
    let (ended, again) = burn(Some(burnt));
    ended.expect("as much as it needs");
    assert_eq!(again, burnt);
    for limit in [burnt - 1, burnt / 2, 4_001, 4_000, 3_999] {
        let (ended, used) = burn(Some(limit));
        assert!(
            matches!(ended, Err(Error::Limit(LimitExceeded::Fuel { limit: said })) if said == limit),
            "{ended:?}"
        );
        assert!(used > limit && used < limit + 200_000, "{used} of {limit}");
    }
    for what in ["while True: pass", ENDLESS, "b'x' * 10**9"] {
        let mut py =
            RUNTIME.interpreter().fuel(1_000_000).memory(2 << 30).build().expect("an interpreter");
        let ended = py.run(what);
        assert!(
            matches!(ended, Err(Error::Limit(LimitExceeded::Fuel { .. }))),
            "{what}: {ended:?}"
        );
    }
}

/// Where a file ends the host is asked to look; that is no work.
#[test]
fn reading_to_the_end_of_a_file_burns_little() {
    let mut py = RUNTIME.interpreter().fuel(1_000_000).build().expect("an interpreter");
    py.run("for _ in range(50): open('/dev/null').read(); open(__import__('os').__file__).read()")
        .expect("little work");
}

/// A grace past what a clock can tell leaves the deadline as it is.
#[test]
fn a_grace_without_end_is_no_time_without_end() {
    let mut py = soon().grace(Duration::MAX).build().expect("an interpreter");
    is_late(py.run("while True: pass"));
    assert!(!py.is_poisoned());
}

#[test]
fn calls_of_the_host_are_bounded() {
    let mut py = RUNTIME.interpreter().host_calls(1_000).build().expect("an interpreter");
    py.set("f", Function::new("f", || 1_i64)).expect("set");
    py.run("for _ in range(1_000): f()").expect("as often as it may");
    assert_eq!(py.usage().host_calls, 1_000);
    let ended = py.run("try: f()\nexcept BaseException: pass");
    assert!(
        matches!(ended, Err(Error::Limit(LimitExceeded::HostCalls { limit: 1_000 }))),
        "{ended:?}"
    );
    let mut py = RUNTIME.interpreter().host_calls(1_000).build().expect("an interpreter");
    py.set("f", Function::new("f", |_: i64| 1_i64)).expect("set");
    let ended = py.run("import itertools\nsum(map(f, itertools.repeat(0)))");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::HostCalls { .. }))), "{ended:?}");
}

#[test]
fn memory_that_is_refused_can_be_done_without() {
    let mut py: Interpreter =
        RUNTIME.interpreter().memory(64 << 20).build().expect("an interpreter");
    py.run(
        "caught = 0\n\
         for what in [lambda: bytearray(10**9), lambda: [0] * 10**8, lambda: 'x' * 10**9, lambda: list(range(10**8))]:\n\
         \x20   try: what()\n\
         \x20   except MemoryError: caught += 1\n\
         assert caught == 4 and sum(range(1000)) == 499500",
    )
    .expect("it goes on");
    let ended = py.run("held = []\nwhile True: held.append(bytes(100_000))");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Memory { .. }))), "{ended:?}");
    py.run("del held\nassert len(bytes(1_000_000)) == 1_000_000").expect("room again");
}

#[test]
fn the_command_has_the_limits_too() {
    let json = |options: &[&str], code: &str| -> serde_json::Value {
        let ran = ophidia(["run", "--json"]).args(options).args(["-c", code]).run();
        serde_json::from_slice(&ran.stdout).expect("a line of JSON")
    };
    let told =
        json(&["--timeout", "200ms"], "try:\n    while True: pass\nfinally: print('cleaned')");
    assert_eq!(
        (&told["status"], &told["stopped_by"]),
        (&"limit".into(), &"timeout".into()),
        "{told}"
    );
    assert_eq!((&told["exit_code"], &told["stdout"]), (&124.into(), &"cleaned\n".into()), "{told}");
    let traceback = told["error"]["traceback"].as_str().expect("where it was");
    assert!(traceback.contains("line 2") && traceback.contains("TimeoutError"), "{traceback}");
    let ended = json(
        &["--timeout", "200ms", "--grace", "0s"],
        "try:\n    while True: pass\nfinally: print('cleaned')",
    );
    assert_eq!((&ended["exit_code"], &ended["stdout"]), (&124.into(), &"".into()), "{ended}");
    let cpu = json(&["--cpu", "200ms"], "while True: pass");
    assert_eq!((&cpu["stopped_by"], &cpu["exit_code"]), (&"cpu".into(), &124.into()), "{cpu}");
    assert!(cpu["cpu_ms"].as_f64().expect("a number") >= 200.0, "{cpu}");
    let options = ["--seed", "1", "--clock", "2020-01-01T00:00:00Z"];
    let work = |more: &[&str]| json(&[&options[..], more].concat(), "print(sum(range(100_000)))");
    let (one, other) = (work(&[]), work(&[]));
    assert_eq!(one["fuel"], other["fuel"]);
    let fuel = one["fuel"].as_u64().expect("a number");
    assert_eq!(work(&["--fuel", &fuel.to_string()])["exit_code"], 0);
    let out = work(&["--fuel", &(fuel / 2).to_string()]);
    assert_eq!((&out["stopped_by"], &out["exit_code"]), (&"fuel".into(), &125.into()), "{out}");
    for (options, says) in [
        (["--fuel", "0"], "give more"),
        (["--fuel", "some"], "whole number"),
        (["--grace", "soon"], "100ms"),
        (["--cpu", "0s"], "none"),
    ] {
        ophidia(["run"]).args(options).args(["-c", "1"]).expect_status(2).stderr_has(says);
    }
}

#[test]
fn usage_tells_what_is_open_and_held() {
    let mut py = RUNTIME.interpreter().build().expect("one");
    py.set("f", Function::new("f", || 1)).expect("set");
    py.run("kept = [open('/tmp/a', 'w') for _ in range(5)]\nkept.pop().close()\nimport socket\npair = socket.socketpair()")
        .expect("open");
    let usage = py.usage();
    assert_eq!((usage.files.now, usage.files.peak), (6, 6), "{usage:?}");
    assert_eq!(usage.host_objects.now, 1, "{usage:?}");
    py.run("for file in kept: file.close()\nfor end in pair: end.close()\ndel f, pair, kept, file, end").expect("closed");
    let usage = py.usage();
    assert_eq!((usage.files.now, usage.files.peak), (0, 6), "{usage:?}");
    assert_eq!((usage.host_objects.now, usage.host_objects.peak), (0, 1), "{usage:?}");
}

const BRIEF: Duration = Duration::from_millis(100);

fn brief() -> InterpreterBuilder {
    RUNTIME.interpreter().host_call_time(BRIEF).grace(Duration::from_secs(5))
}

#[track_caller]
fn takes_too_long<T: std::fmt::Debug>(ended: Result<T>) {
    let wanted = LimitExceeded::HostCallTime { limit: BRIEF };
    assert!(matches!(&ended, Err(Error::Limit(limit)) if *limit == wanted), "{ended:?}");
}

/// A call of the host that returns too late, that waits by the library, that runs Python code, in Python code and within
/// one call of C code: Python is told, and the next call has its time again.
#[test]
fn a_call_of_the_host_has_its_time() {
    let value = Shared::new(0_i64);
    let (inside, held) = (value.clone(), value.clone());
    let mut py = brief().build().expect("one");
    py.set("slow", Function::new("slow", |_: i64| thread::sleep(BRIEF * 3))).expect("set");
    py.set("quick", Function::new("quick", || 1_i64)).expect("set");
    py.set("wait", Function::new("wait", move |_: i64| inside.with(|_| ()).map_err(Error::from)))
        .expect("set");
    let back = |py: &mut ophidia::Python<'_>, called: ophidia::Object| called.call(py, ());
    py.set("back", Function::new("back", back)).expect("set");
    let left = |py: &mut ophidia::Python<'_>| py.time_left().expect("a limit").as_millis() as i64;
    py.set("left", Function::new("left", left)).expect("set");
    py.run("import itertools, time\ndef spin():\n    while True: pass").expect("the start");
    let (go, gone) = mpsc::channel::<()>();
    let (is_held, holds) = mpsc::channel();
    let holder = thread::spawn(move || {
        held.with(|_| {
            let _ = is_held.send(());
            let _ = gone.recv();
        })
        .expect("it is never poisoned");
    });
    holds.recv().expect("it is held");
    for what in [
        "slow(1)",
        "wait(1)",
        "back(spin)",
        "back(lambda: time.sleep(1e6))",
        "list(map(slow, [1]))",
        "list(map(wait, itertools.repeat(1)))",
        "back(lambda: sum(itertools.repeat(0, 10**7)) and spin())",
    ] {
        takes_too_long(py.run(what));
        assert!(!py.is_poisoned(), "{what}");
        py.run(&format!("try: {what}\nexcept TimeoutError as error: said = str(error)"))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(number(&mut py, "quick()"), 1, "{what}");
    }
    assert!(number(&mut py, "left()") <= 100);
    assert!(py.time_left().is_none(), "between operations");
    drop(go);
    holder.join().expect("it ends");
    // What goes on is ended.
    let mut py = brief().grace(BRIEF).build().expect("one");
    py.set("back", Function::new("back", back)).expect("set");
    takes_too_long(py.run("def stubborn():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass\nback(stubborn)"));
    assert!(py.is_poisoned());
}

#[test]
fn an_asynchronous_call_of_the_host_has_its_time() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build();
    let tokio = tokio.expect("a runtime");
    let mut py = brief().tokio(tokio.handle().clone()).build().expect("one");
    let (dropped, is_dropped) = mpsc::channel::<()>();
    let never = move || {
        let dropped = dropped.clone();
        async move {
            let _dropped = dropped;
            std::future::pending::<()>().await;
        }
    };
    py.set("never", Function::new_async("never", never)).expect("set");
    py.set("soon", Function::new_async("soon", || async { 7_i64 })).expect("set");
    py.run("import asyncio, socket, time").expect("the start");
    takes_too_long_async(&mut py, "async def main(): await never()");
    // Beside others, beside a socket, and started while Python is busy.
    for main in [
        "async def main():\n    async with asyncio.TaskGroup() as group:\n        group.create_task(never()); group.create_task(asyncio.sleep(1e6))",
        "async def main():\n    one, other = socket.socketpair()\n    one.setblocking(False)\n    asyncio.create_task(asyncio.get_running_loop().sock_recv(one, 1))\n    await never()",
        "async def main():\n    begun = asyncio.ensure_future(never())\n    await asyncio.sleep(0)\n    time.sleep(0.2)\n    await begun",
    ] {
        py.run(&format!("{main}\ntry: asyncio.run(main())\nexcept* TimeoutError as group: said = str(group.exceptions[0])"))
            .expect(main);
        let said = text(&mut py, "said");
        assert!(said.contains("host_call_time"), "{said}");
    }
    py.run("async def main():\n    for _ in range(3):\n        assert await soon() == 7\n        try: await never()\n        except TimeoutError: pass\nasyncio.run(main())")
        .expect("each has its own time");
    drop(py);
    drop(tokio);
    assert!(is_dropped.recv().is_err(), "none is left");
}

fn takes_too_long_async(py: &mut Interpreter, main: &str) {
    let ended = py.run(&format!("{main}\nasyncio.run(main())"));
    assert!(
        matches!(&ended, Err(Error::Python(error)) if error.type_name == "TimeoutError"
            && error.message.contains("host_call_time")),
        "{ended:?}"
    );
}

/// Files in memory, output, arguments, what waits between sockets: one budget for all of it.
#[test]
fn what_the_host_holds_has_one_budget() {
    let fill_file =
        "with open('/tmp/a', 'wb', 0) as file:\n    for _ in range(40): file.write(bytes(100_000))";
    let mut py = RUNTIME.interpreter().host_memory(3 << 20).build().expect("one");
    let ended = py.run(fill_file);
    assert!(
        matches!(&ended, Err(Error::Python(error)) if error.message.contains("limit host_memory")),
        "{ended:?}"
    );
    let held = py.usage().host_memory;
    assert!(held.now > 2 << 20 && held.peak <= 3 << 20, "{held:?}");
    // There is no room for anything else, and the interpreter goes on.
    let ended = py.run("import sys\nsys.stdout.write('x' * 2_000_000); sys.stdout.flush()");
    let full = LimitExceeded::HostMemory { limit: 3 << 20 };
    assert!(matches!(&ended, Err(Error::Limit(limit)) if *limit == full), "{ended:?}");
    assert!(!py.take_stdout().is_empty());
    let ended = py.eval("'x' * 2_000_000");
    assert!(matches!(&ended, Err(Error::Limit(limit)) if *limit == full), "{ended:?}");
    py.set("f", Function::new("f", |text: String| text.len() as i64)).expect("set");
    py.run("def f2(n):\n    try: return f('x' * n)\n    except MemoryError as error: return -1")
        .expect("defined");
    assert_eq!(number(&mut py, "f2(2_000_000)"), -1);
    let ended = py.run("import itertools\nlist(map(f, itertools.repeat('x' * 2_000_000)))");
    assert!(matches!(&ended, Err(Error::Limit(limit)) if *limit == full), "{ended:?}");
    py.run("import os; os.remove('/tmp/a'); sys.stdout.flush()").expect("room again");
    // What was not written before has been by now.
    py.take_stdout();
    assert!(py.usage().host_memory.now < 1 << 20, "{:?}", py.usage());
    assert_eq!(number(&mut py, "f2(2_000_000)"), 2_000_000);
    // Many small files, and names.
    let ended = py.run("for i in range(9_000): open(f'/tmp/{i}' + 'n' * 200, 'w').close()");
    assert!(matches!(&ended, Err(Error::Python(_))), "{ended:?}");
    py.run("for name in os.listdir('/tmp'): os.remove('/tmp/' + name)").expect("room again");
    py.run("import socket\npairs = [socket.socketpair() for _ in range(25)]\nfull = 0\nfor one, other in pairs:\n    one.setblocking(False)\n    try:\n        while True: one.send(bytes(10_000))\n    except BlockingIOError: pass\n    except OSError: full += 1\nassert not full")
        .expect("sockets");
    let held = py.usage().host_memory.now;
    assert!((25 * 60_000..=25 << 16).contains(&held), "{held}");
    py.run("for one, other in pairs: one.close(); other.close()").expect("closed");
    let usage = py.usage();
    assert_eq!(usage.host_memory.now, 0, "{usage:?}");
    assert!(usage.host_memory.peak <= 3 << 20, "{usage:?}");
}

#[test]
fn usage_tells_now_peak_and_limits() {
    let mut py = RUNTIME.interpreter().objects(50).memory(100 << 20).build().expect("one");
    let held: Vec<_> = (0..5).map(|_| py.object(vec![1]).expect("held")).collect();
    py.run("print('x' * 1_000)").expect("run");
    py.set("f", Function::new("f", |text: String| text.len() as i64)).expect("set");
    assert_eq!(number(&mut py, "f('x' * 10_000)"), 10_000);
    drop(held);
    let usage = py.usage();
    assert_eq!((usage.objects.now, usage.objects.peak), (0, 5), "{usage:?}");
    assert_eq!((usage.output.now, usage.output.peak), (1_001, 1_001), "{usage:?}");
    assert_eq!((usage.values.now, usage.values.peak > 10_000), (0, true), "{usage:?}");
    assert!(usage.memory > 0 && usage.memory <= usage.peak_memory, "{usage:?}");
    assert!(usage.life >= usage.duration && usage.host_calls == 1, "{usage:?}");
    assert_eq!((usage.limits.objects, usage.limits.memory), (50, 100 << 20));
    let before = py.usage().fuel;
    py.run("for _ in range(100_000): pass").expect("work");
    assert!(py.usage().fuel > before && py.usage().fuel <= py.fuel().expect("exact"));
    py.take_stdout();
    assert_eq!((py.usage().output.now, py.usage().output.peak), (0, 1_001));
}
