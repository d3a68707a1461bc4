//! Tasklets, the event loop and the sandbox: futures of asyncio and of the host, limits, interruptions, what is
//! dropped, and as many of everything as there is room for.

use crate::library::RUNTIME;
use crate::support::{number, raised, text};
use crate::tasklets::{flush, passes, passes_in};
use ophidia::{Error, Function, Interpreter, LimitExceeded, Object};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

fn tokio() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// An interpreter in which this has been defined.
fn with(builder: ophidia::InterpreterBuilder, source: &str) -> Interpreter {
    let mut py = builder.build().expect("an interpreter");
    py.run("import asyncio, sys\nfrom ophidia.tasklets import *").expect("the beginning");
    py.run(&flush(source)).expect("definitions");
    py
}

#[test]
fn futures_of_asyncio_are_awaited_in_tasklets() {
    passes(
        r#"
        quiet()
        log = []
        async def naps(name, seconds):
            for _ in range(2):
                await asyncio.sleep(seconds)
                log.append(name)
        async def main():
            one, other = spawn_monitor(naps, "a", 0.02), spawn_monitor(naps, "b", 0.03)
            await ended(one[1]); await ended(other[1])
            assert sorted(log) == list("aabb") and log[0] == "a" and log[-1] == "b", log
            assert await asyncio.sleep(0, 5) == 5
            # What comes next is its own.
            for wait in (lambda: asyncio.sleep(0), lambda: asyncio.sleep(0.001), lambda: sleep(0), yield_):
                await wait()
                self_() << "mine"
                assert await receive(timeout=1) == "mine"
            async def inner(): return 7
            assert await run_async(inner) == 7
            assert await asyncio.gather(asyncio.sleep(0.01, 1), asyncio.sleep(0, 2)) == [1, 2]
            task = asyncio.get_running_loop().create_task(asyncio.sleep(0.01, 3))
            assert await task == 3
            event = asyncio.Event()
            async def waits(to):
                await event.wait()
                to << "set"
            for _ in range(3): spawn(waits, self_())
            await turns()
            event.set()
            assert [await receive() for _ in range(3)] == ["set"] * 3
            # What a future ends with is raised where it is awaited; an end cancels it.
            future = asyncio.get_running_loop().create_future()
            async def on(future): return await future
            pid, ref = spawn_monitor(on, future)
            await turns()
            future.set_exception(LookupError("mine"))
            assert (await ended(ref))[:2] == ("LookupError", "mine")
            future = asyncio.get_running_loop().create_future()
            pid, ref = spawn_monitor(on, future)
            await turns()
            exit(pid, "kill")
            assert await ended(ref) == "killed" and future.cancelled()
            future = asyncio.get_running_loop().create_future()
            pid, ref = spawn_monitor(on, future)
            await turns()
            future.cancel()
            assert (await ended(ref))[0] == "CancelledError"
            # What awaits a message must be a tasklet.
            try: await asyncio.get_running_loop().create_task(asyncio.wait_for(asyncio.sleep(0), 1))
            except RuntimeError: raise
            async def no_tasklet(): await receive()
            try: await asyncio.get_running_loop().create_task(no_tasklet())
            except RuntimeError as error: assert "only a tasklet" in str(error)
            else: raise AssertionError
            @__import__("types").coroutine
            def odd(): yield 5
            async def awaits_odd(): await odd()
            kind, said = await outcome(awaits_odd)
            assert kind == "RuntimeError" and "yields 5" in said
        "#,
    );
}

#[test]
fn functions_of_the_host_are_awaited_in_tasklets() {
    let tokio = tokio();
    let mut py = RUNTIME.interpreter().tokio(tokio.handle().clone()).build().expect("one");
    let nap = |millis: u64| async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        millis as i64
    };
    py.set("nap", Function::new_async("nap", nap)).expect("set");
    let fails = || async { Err::<i64, _>(std::io::Error::other("no tea")) };
    py.set("fails", Function::new_async("fails", fails)).expect("set");
    passes_in(
        &mut py,
        r#"
        quiet()
        async def naps(to, millis): to << await nap(millis)
        async def fail(): await fails()
        async def main():
            for millis in (600, 200, 400, 0): spawn(naps, self_(), millis)
            got = [await receive() for _ in range(4)]
            assert got == [0, 200, 400, 600], got
            assert "no tea" in (await outcome(fail))[1]
            for i in range(1000): spawn(naps, self_(), 0)
            assert sum([await receive() for _ in range(1000)]) == 0
            return 5
        "#,
    );
    // From Rust, at rest: with other programs of the same interpreter one after the other.
    let result = tokio.block_on(py.eval_async("await run_async(main)")).expect("a value");
    assert_eq!(result, 5.into());
    tokio.block_on(py.run_async("await run_async(main)")).expect("run");
    let main: Object = py.get("main").expect("it");
    py.run("def begin(main): return run_async(main)").expect("defined");
    let begin = py.get("begin").expect("it");
    let five: i64 = tokio.block_on(py.call_async_as(&begin, (main,))).expect("called");
    assert_eq!(five, 5);
    // Tasklets go on from one operation to the next.
    py.run(&flush(
        "
        log = []
        async def ticks():
            while True: log.append(await nap(1))
        async def begins(): return spawn(ticks)
        ",
    ))
    .expect("defined");
    tokio.block_on(py.run_async("pid = await run_async(begins)")).expect("run");
    tokio.block_on(py.run_async("while len(log) < 3: await asyncio.sleep(0.002)")).expect("run");
    py.run("exit(pid, 'why')\nassert not pid.is_alive").expect("ended");
}

#[test]
fn a_future_that_is_dropped_kills_main() {
    let mut py = with(
        RUNTIME.interpreter(),
        "
        log = []
        async def other():
            while True: log.append(await receive())
        async def main():
            global pid
            pid = spawn(other)
            pid << 'begun'
            try: await sleep(1e6)
            finally: log.append('cleaned')
        ",
    );
    let mut future = Box::pin(py.run_async("await run_async(main)"));
    let pending = Pin::as_mut(&mut future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(pending.is_pending());
    drop(future);
    assert_eq!(text(&mut py, "' '.join(log)"), "begun cleaned");
    assert_eq!(number(&mut py, "counters()['alive']"), 1);
    py.run("async def again(): pid << 'again'; await yield_()\nrun(again)").expect("usable");
    assert_eq!(text(&mut py, "' '.join(log)"), "begun cleaned again");
}

#[track_caller]
fn is_late(ended: ophidia::Result<()>) {
    assert!(matches!(&ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
}

/// Time that is over ends the run, whichever tasklet it meets.
#[test]
fn the_time_limit_ends_the_run() {
    let spins = "
        log = []
        def spin(_=0):
            while True: pass
        async def spins(): spin()
        async def predicate(): self_() << 1; await receive(spin)
        async def turns():
            while True: await yield_()
        async def cleans():
            try: await receive('never')
            finally: log.append('cleaned')
        class Server_(Server):
            def handle_call(self, request): spin()
        async def calls(): await call(spawn(Server_), 1, None)
        async def main(function):
            spawn(function)
            try:
                while function is predicate: await yield_()
                await (receive('never') if function is calls else sleep(1e6))
            finally: log.append('main')
        ";
    for function in ["spins", "predicate", "turns", "calls"] {
        let builder = RUNTIME.interpreter().timeout(Duration::from_millis(200));
        let mut py = with(builder.grace(Duration::from_secs(5)), spins);
        let began = std::time::Instant::now();
        is_late(py.run(&format!(
            "try: run(main, {function})\nexcept TimeoutError: log.append('told'); raise"
        )));
        // Where only that tasklet had ended, the run would have gone on until the grace was over.
        assert!(began.elapsed() < Duration::from_secs(4), "{function}");
        assert_eq!(text(&mut py, "' '.join(log)"), "main told", "{function}");
        assert!(!py.is_poisoned());
    }
    for resting in ["sleep(1e6)", "asyncio.sleep(1e6)", "receive(timeout=1e6)"] {
        let mut py = with(RUNTIME.interpreter().timeout(Duration::from_millis(100)), spins);
        py.run(&format!("async def rests():\n    await {resting}")).expect("defined");
        is_late(py.run("run(rests)"));
        is_late(tokio().block_on(py.run_async("await run_async(rests)")));
        py.run("async def fine(): return 1\nassert run(fine) == 1").expect("usable");
    }
}

#[test]
fn an_interruption_ends_the_run() {
    let mut py = with(
        RUNTIME.interpreter(),
        "
        log = []
        async def busy():
            while True: await yield_()
        async def spins():
            while True: pass
        async def main(*functions):
            for function in functions: spawn(function)
            try: await receive('never')
            finally: log.append('cleaned')
        async def fine(): return len(processes())
        ",
    );
    let interrupter = py.interrupter();
    for (count, run) in ["run(main, busy)", "run(main, spins)", "run(main, busy, busy, spins)"]
        .into_iter()
        .cycle()
        .take(12)
        .enumerate()
    {
        let interrupter = interrupter.clone();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_micros(20_000 + 777 * count as u64));
            interrupter.interrupt();
        });
        assert_eq!(raised(py.run(run)).type_name, "KeyboardInterrupt", "{run}");
        thread.join().expect("no panic");
        py.run("for pid in processes(): exit(pid, 'kill')\nassert run(fine) == 1").expect("usable");
        assert_eq!(number(&mut py, "len(log)"), count as i64 + 1);
    }
    // Those of the program itself do, too.
    py.run(&flush(
        "
        async def quits(): sys.exit(3)
        async def interrupts(): raise KeyboardInterrupt
        ",
    ))
    .expect("defined");
    let error = raised(py.run("run(main, quits)"));
    assert_eq!(error.exit_status, Some(3));
    assert_eq!(raised(py.run("run(main, interrupts)")).type_name, "KeyboardInterrupt");
    py.run("assert run(fine) == 1").expect("usable");
}

/// Who sends more than there is room for is told.
#[test]
fn a_flood_is_a_memory_error_of_the_sender() {
    for function in ["floods", "spawns", "drips"] {
        let mut py = with(
            RUNTIME.interpreter().memory(96 << 20),
            "
            async def idle(*_): await receive('never')
            async def floods(to):
                while True: to << list(range(1_000))
            async def drips(to):
                while True: to << 1
            async def spawns(_):
                while True:
                    spawn(idle, bytes(10_000))
                    await yield_()
            async def main(function):
                to = spawn(idle)
                pid, ref = spawn_monitor(function, to)
                _, _, _, reason = await receive(('DOWN', ref, ..., ...))
                assert reason[0] == 'MemoryError', reason
                assert to.is_alive
                for pid in processes():
                    if pid != self_(): exit(pid, 'kill')
                self_() << 'goes on'
                assert await receive() == 'goes on'
            ",
        );
        py.run(&format!("run(main, {function})"))
            .unwrap_or_else(|error| panic!("{function}: {error}"));
        assert_eq!(number(&mut py, "counters()['alive']"), 0);
    }
}

/// By a clock that stands: all of one time are equally late, and ring as they were set.
#[test]
fn a_hundred_thousand_timers_ring_in_order() {
    let clock = ophidia::Clock::Fixed { start: Duration::from_secs(1 << 30), step: Duration::ZERO };
    let mut py = RUNTIME.interpreter().clock(clock).build().expect("one");
    passes_in(
        &mut py,
        r#"
        import random
        async def main():
            own, chance = self_(), random.Random(1)
            times = [chance.randrange(50) for _ in range(100_000)]
            refs = [send_after(time, own, (time, i)) for i, time in enumerate(times)]
            for ref in refs[::2]: assert cancel_timer(ref) is not None
            del refs
            got = [await receive() for _ in range(50_000)]
            assert got == sorted((time, i) for i, time in enumerate(times) if i % 2), got[:10]
            async def sleeper(): await sleep(chance.randrange(20)); own << 1
            for _ in range(20_000): spawn(sleeper)
            assert sum([await receive() for _ in range(20_000)]) == 20_000
        "#,
    );
}

/// Each run adds one turn of the loop, and takes it away.
#[test]
fn many_runs_beside_a_busy_tasklet_cost_what_one_does() {
    passes(
        r#"
        async def busy():
            while True: await yield_()
        async def quick(): pass
        async def main(): pass
        async def runs(count):
            pid = spawn(busy)
            for _ in range(count): await run_async(quick)
            ready = len(asyncio.get_running_loop()._ready)
            exit(pid, "kill")
            return ready
        assert asyncio.run(runs(300)) <= asyncio.run(runs(3)) + 2
        "#,
    );
}

/// What was to be done in a loop that is closed is done in the next one.
#[test]
fn tasklets_outlive_a_loop() {
    passes(
        r#"
        log = []
        async def busy():
            while True: await yield_()
        async def says(): log.append("said")
        async def begins(): spawn(busy)
        async def main():
            for pid in processes():
                if pid != self_(): exit(pid, "kill")
        asyncio.run(run_async(begins))
        spawn(says)
        from _ophidia import rest
        rest.complete(asyncio.sleep(0.01))
        assert log == ["said"]
        asyncio.run(run_async(begins))
        spawn(says)
        asyncio.run(run_async(main))
        "#,
    );
}
