//! Programs that await at rest: futures of Rust, `await` at the top level of source text, and what becomes of both when
//! they are interrupted, late, dropped or moved.

use crate::library::RUNTIME;
use crate::slots::own_memory;
use crate::support::{alone, number, text};
use ophidia::{Error, Function, Interpreter, LimitExceeded, Object, Result, Value};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// An executor that has nothing to do with tokio.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Parked(thread::Thread);
    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn tokio() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

fn python() -> Interpreter {
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    py.run("import asyncio, time").expect("the start");
    py
}

#[test]
fn source_text_may_await_at_its_top_level() {
    let mut py = python();
    // In methods that hold their thread.
    py.run("await asyncio.sleep(0.01)\nx = await asyncio.sleep(0, 5)").expect("statements");
    assert_eq!(number(&mut py, "x + await asyncio.sleep(0, 1)"), 6);
    py.run("async def agen():\n    for i in range(3):\n        await asyncio.sleep(0)\n        yield i")
        .expect("a generator");
    py.run("got = [i async for i in agen()]\nasync for i in agen(): got.append(i)\nasync with asyncio.timeout(5): pass")
        .expect("all that has async in it");
    assert_eq!(text(&mut py, "str(got)"), "[0, 1, 2, 0, 1, 2]");
    let code = py.compile("y = await asyncio.sleep(0, 9)", "<mine>", ophidia::CodeKind::Statements);
    py.run_code(&code.expect("compiled")).expect("run");
    assert_eq!(number(&mut py, "y"), 9);
    // With values of Rust's.
    let sum: i64 =
        py.eval_with("n + await asyncio.sleep(0, 1)", ophidia::values! { n: 6 }).expect("a sum");
    assert_eq!(sum, 7);
    let source = "global w\nasync with asyncio.timeout(5): w = await asyncio.sleep(0, n)";
    py.run_with(source, ophidia::values! { n: 4 }).expect("statements");
    assert_eq!(number(&mut py, "w"), 4);
    let wrong = py.run_with("await = n", ophidia::values! { n: 4 });
    assert!(matches!(&wrong, Err(Error::Python(error)) if error.type_name == "SyntaxError"));
    // In those that do not.
    block_on(py.run_async("z = await asyncio.sleep(0.01, 3)")).expect("at rest");
    assert_eq!(
        block_on(py.eval_async("z + await asyncio.sleep(0, 1)")).expect("a value"),
        4.into()
    );
    assert_eq!(block_on(py.eval_async("z * 2")).expect("nothing to await"), 6.into());
    py.run("async def add(a, b=1):\n    await asyncio.sleep(0)\n    return a + b\ndef plain(a): return a")
        .expect("functions");
    let (add, plain) = (py.get("add").expect("it"), py.get("plain").expect("it"));
    let sum: i64 = block_on(py.call_async_as(&add, (1, 2))).expect("called");
    assert_eq!(sum, 3);
    let same: String = block_on(py.call_async_as(&plain, ("tea",))).expect("called");
    assert_eq!(same, "tea");
    let kept: Object = block_on(py.call_async(&add, (1,))).expect("called");
    assert_eq!(kept.extract::<i64>(&mut py).expect("a number"), 2);
    // asyncio.run holds its thread, as ever, where no loop is running.
    block_on(py.run_async("r = asyncio.run(asyncio.sleep(0, 8))")).expect("within a call");
    assert_eq!(number(&mut py, "r"), 8);
    assert_eq!(text(&mut py, "asyncio.run(asyncio.sleep(0, 'run'))"), "run");
}

#[test]
fn exceptions_come_out_where_the_program_awaits() {
    let mut py = python();
    for ended in [
        py.run(
            "async def f():\n    await asyncio.sleep(0)\n    raise LookupError('mine')\nawait f()",
        ),
        block_on(py.run_async("await f()")),
        block_on(py.eval_async("f()")).map(drop),
    ] {
        let Err(Error::Python(error)) = ended else { panic!("{ended:?}") };
        assert_eq!((&*error.type_name, &*error.message), ("LookupError", "mine"));
        let traceback = error.traceback(&mut py).expect("a traceback");
        assert!(traceback.contains("raise LookupError('mine')"), "{traceback}");
        assert!(!traceback.contains("_ophidia"), "{traceback}");
        assert!(!traceback.contains("base_events"), "{traceback}");
    }
    let ended = block_on(py.run_async("1 +"));
    assert!(matches!(&ended, Err(Error::Python(error)) if error.type_name == "SyntaxError"));
    for source in ["import sys\nsys.exit(3)", "import sys\nawait asyncio.sleep(0)\nsys.exit(3)"] {
        let ended = block_on(py.run_async(source));
        assert!(
            matches!(&ended, Err(Error::Python(error)) if error.exit_status == Some(3)),
            "{ended:?}"
        );
    }
    let ended = block_on(py.run_async("await asyncio.Event().wait()"));
    assert!(
        matches!(&ended, Err(Error::Python(error)) if error.message.contains("nothing that could ever happen")),
        "{ended:?}"
    );
    py.run("x = 1").expect("it goes on");
}

#[test]
fn tasks_go_on_from_one_operation_to_the_next() {
    let mut py = python();
    block_on(py.run_async(
        "log = []\nasync def tick():\n    for i in range(3):\n        log.append(i)\n        await asyncio.sleep(0.005)\nticking = asyncio.create_task(tick())\nawait asyncio.sleep(0)",
    ))
    .expect("the first");
    assert_eq!(number(&mut py, "len(log)"), 1);
    block_on(py.run_async("await ticking")).expect("the second");
    assert_eq!(number(&mut py, "len(log)"), 3);
    // What blocks goes on with them, too.
    py.run("ticking = asyncio.create_task(tick()) if False else None\nawait asyncio.sleep(0)")
        .expect("blocking");
}

#[test]
fn functions_of_the_host_are_awaited_at_rest() {
    let tokio = tokio();
    let mut py = RUNTIME.interpreter().tokio(tokio.handle().clone()).build().expect("one");
    let nap = |millis: u64| async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        millis as i64
    };
    py.set("nap", Function::new_async("nap", nap)).expect("set");
    py.set("seven", Function::new_async("seven", || async { 7_i64 })).expect("set");
    let fails = || async { Err::<i64, _>(std::io::Error::other("no tea")) };
    py.set("fails", Function::new_async("fails", fails)).expect("set");
    py.run("import asyncio").expect("the start");
    assert_eq!(block_on(py.eval_async("await nap(20)")).expect("it"), 20.into());
    assert_eq!(
        block_on(py.eval_async("sum(await asyncio.gather(nap(20), nap(10), seven()))"))
            .expect("all"),
        37.into()
    );
    // Wherever asyncio asks for a coroutine, too.
    block_on(py.run_async(
        "async with asyncio.TaskGroup() as group:\n    one = group.create_task(nap(5))\n    other = asyncio.create_task(seven())\nassert (one.result(), other.result()) == (5, 7)\nassert await asyncio.wait_for(seven(), 5) == 7\ntry: await asyncio.wait_for(nap(60_000), 0.01)\nexcept TimeoutError: pass\ntask = asyncio.create_task(nap(60_000))\nawait asyncio.sleep(0)\ntask.cancel()\ntry: await task\nexcept asyncio.CancelledError: pass\nelse: raise AssertionError",
    ))
    .expect("tasks");
    let failed = block_on(py.run_async("await fails()"));
    assert!(
        matches!(&failed, Err(Error::Python(error)) if error.message == "no tea"),
        "{failed:?}"
    );
    py.run("async def main(): return await seven()\nassert asyncio.run(main()) == 7")
        .expect("by itself");
}

/// Neither in the guest nor in the host is anything left of an await that is over.
#[test]
fn a_hundred_thousand_awaits_take_the_memory_of_a_few() {
    alone("resting::a_hundred_thousand_awaits_alone");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn a_hundred_thousand_awaits_alone() {
    let tokio = tokio();
    let mut py = RUNTIME.interpreter().tokio(tokio.handle().clone()).build().expect("one");
    py.set("ready", Function::new_async("ready", || async { 1_i64 })).expect("set");
    let later = || async {
        tokio::task::yield_now().await;
        1_i64
    };
    py.set("later", Function::new_async("later", later)).expect("set");
    py.run("async def many(count):\n    total = 0\n    for n in range(count): total += await (later() if n % 10 == 0 else ready())\n    return total")
        .expect("defined");
    let mut awaited = |count: i64| {
        let sum: i64 = block_on(py.eval_async_as(&format!("await many({count})"))).expect("all");
        assert_eq!(sum, count);
        let usage = py.usage();
        let held = (usage.host_memory.now, usage.host_objects.now, usage.objects.now);
        (usage.peak_memory, own_memory(), held)
    };
    let few = awaited(2_000);
    let many = awaited(100_000);
    assert_eq!(many.0, few.0, "peak of the guest's memory");
    assert!(many.1 <= few.1 + (4 << 20), "{few:?} {many:?}: memory of the process");
    assert_eq!(many.2, few.2, "what the host holds");
}

#[test]
fn many_wait_on_one_thread() {
    let tokio = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let began = Instant::now();
    tokio.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for index in 0..200_i64 {
            let mut py = python();
            all.spawn(async move {
                py.set("i", index).expect("set");
                py.eval_async_as::<i64>("await asyncio.sleep(0.2, i)").await
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let waiting = threads();
        let mut sum = 0;
        while let Some(one) = all.join_next().await {
            sum += one.expect("no panic").expect("a number");
        }
        assert_eq!(sum, 199 * 200 / 2);
        assert!(waiting < 200, "{waiting} threads");
    });
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[test]
fn an_interpreter_at_rest_may_change_its_thread() {
    let mut py = python();
    let mut future = Box::pin(async move {
        py.run_async("x = [1]\nawait asyncio.sleep(0.02)\nx.append(2)").await.expect("run");
        number(&mut py, "len(x)")
    });
    let mut polled = 0;
    let (waker, woken) = counting();
    let length = loop {
        // Each time on a thread of its own.
        let outcome;
        (future, outcome) = thread::scope(|scope| {
            let waker = waker.clone();
            let on_it = scope.spawn(move || {
                let mut future = future;
                let outcome = future.as_mut().poll(&mut Context::from_waker(&waker));
                (future, outcome)
            });
            on_it.join().expect("no panic")
        });
        polled += 1;
        match outcome {
            Poll::Ready(length) => break length,
            Poll::Pending => {
                let until = Instant::now() + Duration::from_secs(20);
                while woken.load(Ordering::Acquire) < polled && Instant::now() < until {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        }
    };
    assert_eq!(length, 2);
    assert!(polled >= 2);
}

fn counting() -> (Waker, Arc<AtomicUsize>) {
    struct Counting(Arc<AtomicUsize>);
    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    (Waker::from(Arc::new(Counting(Arc::clone(&count)))), count)
}

/// Polls once; the future is to wait.
fn begin<F: Future>(future: std::pin::Pin<&mut F>) -> Arc<AtomicUsize> {
    let (waker, woken) = counting();
    assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
    woken
}

#[test]
fn a_future_that_is_dropped_cancels_the_task() {
    let tokio = tokio();
    let mut py = RUNTIME.interpreter().tokio(tokio.handle().clone()).build().expect("one");
    py.run("import asyncio\nlog = []").expect("the start");
    let (alive, gone) = std::sync::mpsc::channel::<()>();
    let never = move || {
        let alive = alive.clone();
        async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        }
    };
    py.set("never", Function::new_async("never", never)).expect("set");
    for waits in ["asyncio.sleep(1e6)", "never()", "asyncio.gather(never(), asyncio.sleep(1e6))"] {
        let source = format!(
            "try: await {waits}\nexcept asyncio.CancelledError: log.append('cancelled'); raise\nfinally: log.append('cleaned')"
        );
        let mut future = Box::pin(py.run_async(&source));
        begin(future.as_mut());
        drop(future);
        assert_eq!(text(&mut py, "' '.join(log)"), "cancelled cleaned", "{waits}");
        py.run("log.clear()").expect("usable");
        assert_eq!(block_on(py.eval_async("await asyncio.sleep(0, 1)")).expect("usable"), 1.into());
    }
    // One that has not begun, and one that clings on: within the grace it is ended.
    drop(py.run_async("log.append('begun')"));
    assert_eq!(number(&mut py, "len(log)"), 0);
    let mut future =
        Box::pin(py.run_async("try: await asyncio.sleep(1e6)\nfinally:\n    while True: pass"));
    begin(future.as_mut());
    let before = Instant::now();
    drop(future);
    assert!(before.elapsed() < Duration::from_secs(10));
    assert!(py.is_poisoned());
    drop(py);
    drop(tokio);
    assert!(gone.recv().is_err(), "no function of the host is left");
}

#[test]
fn the_whole_is_one_operation_with_one_deadline() {
    let soon = Duration::from_millis(150);
    let build = || {
        let mut py = RUNTIME.interpreter().timeout(soon).build().expect("an interpreter");
        py.run("import asyncio\nlog = []").expect("the start");
        py
    };
    let is_late = |ended: Result<()>| {
        let limit = LimitExceeded::Timeout { limit: soon };
        assert!(matches!(&ended, Err(Error::Limit(at)) if *at == limit), "{ended:?}");
    };
    let mut py = build();
    let before = py.usage().operations;
    is_late(block_on(
        py.run_async("try: await asyncio.sleep(1e6)\nfinally: log.append('cleaned')"),
    ));
    assert_eq!(py.usage().operations, before + 1);
    let said = py.take_exception_at_limit().expect("what Python said");
    let traceback = said.made_traceback().expect("a traceback");
    assert!(traceback.contains("await asyncio.sleep(1e6)"), "{traceback}");
    assert_eq!(number(&mut py, "len(log)"), 1);
    // Steps and waiting together.
    is_late(block_on(py.run_async("for _ in range(100): await asyncio.sleep(0.02)")));
    is_late(block_on(py.run_async("while True: await asyncio.sleep(0)")));
    is_late(block_on(py.run_async("await asyncio.sleep(0.01)\nwhile True: pass")));
    assert!(!py.is_poisoned());
    // What catches it may answer.
    py.run("async def partial():\n    try: await asyncio.sleep(1e6)\n    except asyncio.CancelledError: return 5")
        .expect("a function");
    assert_eq!(block_on(py.eval_async("partial()")).expect("an answer"), 5.into());
    // What goes on is ended, also at rest.
    is_late(block_on(py.run_async(
        "while True:\n    try: await asyncio.sleep(1e6)\n    except asyncio.CancelledError: pass",
    )));
    assert!(py.is_poisoned());
    let mut py = RUNTIME.interpreter().life(soon).build().expect("one");
    let ended = block_on(py.run_async("import asyncio\nawait asyncio.sleep(1e6)"));
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Life { .. }))), "{ended:?}");
}

#[test]
fn interrupting_and_cancelling_reach_one_at_rest() {
    let mut py = python();
    let interrupter = py.interrupter();
    let later = |what: fn(&ophidia::Interrupter)| {
        let interrupter = interrupter.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            what(&interrupter);
        })
    };
    let thread = later(ophidia::Interrupter::interrupt);
    let ended = block_on(py.run_async("try: await asyncio.sleep(1e6)\nfinally: cleaned = True"));
    assert!(
        matches!(&ended, Err(Error::Python(error)) if error.type_name == "KeyboardInterrupt"),
        "{ended:?}"
    );
    assert_eq!(text(&mut py, "str(cleaned)"), "True");
    thread.join().expect("no panic");
    let thread = later(ophidia::Interrupter::cancel);
    let ended = block_on(py.run_async("try: await asyncio.sleep(1e6)\nfinally: cleaned = True"));
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    assert!(py.is_poisoned());
    thread.join().expect("no panic");
}

/// A clock that stands lets nobody wait.
#[test]
fn a_fixed_clock_goes_on_by_what_is_waited_for() {
    let start = Duration::from_secs(1_577_836_800);
    let clock = ophidia::Clock::Fixed { start, step: Duration::ZERO };
    let mut py = RUNTIME.interpreter().clock(clock).build().expect("one");
    let began = Instant::now();
    block_on(py.run_async("import asyncio, time\nbefore = time.time()\nawait asyncio.sleep(3600)\nafter = time.time()"))
        .expect("an hour");
    assert!(began.elapsed() < Duration::from_secs(600));
    assert_eq!(number(&mut py, "round(after - before)"), 3600);
}

#[test]
fn output_is_there_whenever_it_rests() {
    let mut py = python();
    let mut future = Box::pin(py.run_async("print('one')\nawait asyncio.sleep(1e6)"));
    begin(future.as_mut());
    drop(future);
    assert_eq!(py.take_stdout(), b"one\n");
}

/// Within a call of a function of the host, the loop around it is running.
#[test]
fn an_await_within_a_call_of_the_host_is_refused_where_a_loop_runs() {
    let mut py = python();
    let again = |py: &mut ophidia::Python<'_>| {
        py.eval("await asyncio.sleep(0, 3)").map(|it| it == Value::Int(3))
    };
    py.set("again", Function::new("again", again)).expect("set");
    assert_eq!(text(&mut py, "str(again())"), "True");
    let ended = block_on(py.run_async("await asyncio.sleep(0)\nagain()"));
    assert!(
        matches!(&ended, Err(Error::Python(error)) if error.message.contains("running already")),
        "{ended:?}"
    );
    py.run("x = 1").expect("usable");
}

/// Sockets: pairs in memory, and the network's.
#[test]
fn sockets_are_awaited_at_rest() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().expect("a guest");
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).expect("asked");
        thread::sleep(Duration::from_millis(50));
        stream.write_all(b"tea").expect("answered");
    });
    let mut py = RUNTIME.interpreter().net("127.0.0.1").build().expect("one");
    py.set("port", i64::from(port)).expect("set");
    let answer = block_on(async {
        py.run_async("import asyncio\nreader, writer = await asyncio.open_connection('127.0.0.1', port)\nwriter.write(b'GET.')").await?;
        py.eval_async("await reader.read(100)").await
    });
    assert_eq!(answer.expect("an answer"), Value::Bytes(b"tea".to_vec()));
    server.join().expect("no panic");
    block_on(py.run_async(
        "import socket\none, other = socket.socketpair()\none.setblocking(False); other.setblocking(False)\nloop = asyncio.get_running_loop()\ntask = asyncio.create_task(loop.sock_recv(one, 10))\nawait asyncio.sleep(0.01)\nawait loop.sock_sendall(other, b'hi')\nassert await task == b'hi'",
    ))
    .expect("a pair");
}

/// A guest that lies of what it waits for takes no descriptors of the host beyond its own, and no more than its own time.
#[test]
fn a_guest_that_lies_of_its_waits_harms_itself() {
    let mut py = RUNTIME.interpreter().timeout(Duration::from_millis(300)).build().expect("one");
    py.run("import asyncio, socket\nfrom _ophidia import rest\none, other = socket.socketpair()")
        .expect("the start");
    let open = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    for waits in [
        "((one.fileno(), False),) * 5_000",
        "tuple((fd, write) for fd in range(400) for write in (False, True))",
        "((0, False), (1, True), (2**31, False))",
    ] {
        py.run(&format!("rest.loop()._selector.waited = lambda: {waits}")).expect("a lie");
        let mut future = Box::pin(py.run_async("await asyncio.sleep(1e6)"));
        let before = open();
        let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // Other tests open some, too.
        assert!(open() < before + 1_000, "{waits}: {} descriptors", open());
        let ended = block_on(future);
        assert!(
            matches!(&ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))),
            "{waits}: {ended:?}"
        );
    }
    py.run("rest.loop()._selector.waited = lambda: tuple((fd, False) for fd in range(100_000))")
        .expect("a lie");
    let ended = block_on(py.run_async("await asyncio.sleep(1e6)"));
    assert!(matches!(&ended, Err(Error::GuestFault(said)) if said.contains("100000")), "{ended:?}");
    // Neither what is said of timers.
    for seconds in ["float('nan')", "1e300", "-1.0", "1e-12", "float('inf')"] {
        let mut py =
            RUNTIME.interpreter().timeout(Duration::from_millis(200)).build().expect("one");
        py.run(&format!("import asyncio\nfrom _ophidia import rest\nrest.step = lambda task, why: ({seconds}, True, ())"))
            .expect("a lie");
        let ended = block_on(py.run_async("await asyncio.sleep(0)"));
        assert!(
            matches!(&ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))),
            "{seconds}: {ended:?}"
        );
    }
}

/// A socket that is written to and read from at once.
#[test]
fn both_sides_of_a_socket_are_awaited() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().expect("a guest");
        thread::sleep(Duration::from_millis(50));
        // It reads nothing before it has answered: what the guest writes piles up meanwhile.
        stream.write_all(b"early").expect("answered");
        thread::sleep(Duration::from_millis(200));
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("read");
        all.len()
    });
    let mut py = RUNTIME.interpreter().net("127.0.0.1").build().expect("one");
    py.set("port", i64::from(port)).expect("set");
    block_on(py.run_async(
        "import asyncio, time\nreader, writer = await asyncio.open_connection('127.0.0.1', port)\nwriter.write(bytes(20_000_000))\nbegan = time.monotonic()\nassert await reader.readexactly(5) == b'early'\nearly = writer.transport.get_write_buffer_size()\nawait writer.drain()\nwriter.close()\nawait writer.wait_closed()\nassert early > 0, early",
    ))
    .expect("both ways");
    assert_eq!(server.join().expect("no panic"), 20_000_000);
}

/// A program that is interrupted while its tasks are busy loses none of their steps.
#[test]
fn no_step_is_lost_to_an_interruption() {
    let mut py = python();
    py.run(
        "async def busy(n):\n    for _ in range(n): await asyncio.sleep(0)\n    return n\nasync def main():\n    begun()\n    async with asyncio.TaskGroup() as group:\n        for _ in range(20): group.create_task(busy(10**9))",
    )
    .expect("defined");
    let (begins, begun) = std::sync::mpsc::channel();
    let begins = Function::new("begun", move || begins.send(()).expect("somebody waits"));
    py.set("begun", begins).expect("set");
    let begun = Arc::new(std::sync::Mutex::new(begun));
    let interrupter = py.interrupter();
    for round in 0..40 {
        let (interrupter, begun) = (interrupter.clone(), Arc::clone(&begun));
        let thread = thread::spawn(move || {
            begun.lock().expect("no panic").recv().expect("it begins");
            thread::sleep(Duration::from_micros(500 + round * 137));
            interrupter.interrupt();
        });
        let ended = if round % 2 == 0 {
            block_on(py.run_async("await main()"))
        } else {
            py.run("await main()")
        };
        thread.join().expect("no panic");
        match &ended {
            Err(Error::Python(error)) if error.type_name == "KeyboardInterrupt" => {}
            // It was raised in a task, and is what the group tells.
            Err(Error::Python(error)) if error.type_name == "BaseExceptionGroup" => {}
            other => panic!("{round}: {other:?}"),
        }
        assert_eq!(number(&mut py, "await busy(3)"), 3, "{round}");
    }
    assert_eq!(
        text(&mut py, "str(len(asyncio.all_tasks(__import__('_ophidia.rest').rest.loop())))"),
        "0"
    );
}

#[test]
fn a_grace_of_nothing_leaves_time_for_being_cancelled() {
    let mut py = RUNTIME.interpreter().grace(Duration::ZERO).build().expect("one");
    py.run("import asyncio").expect("the start");
    for _ in 0..20 {
        let mut future =
            Box::pin(py.run_async("try: await asyncio.sleep(1e6)\nfinally: x = sum(range(1_000))"));
        begin(future.as_mut());
        drop(future);
        assert!(!py.is_poisoned());
    }
}
