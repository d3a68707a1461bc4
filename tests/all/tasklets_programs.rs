//! Programs of tasklets: what can be spawned and run, what it becomes, generators that yield what they want.

use crate::tasklets::passes;

#[test]
fn what_becomes_something_keeps_pid_and_mailbox() {
    passes(
        r#"
        async def one(to):
            await receive("become")
            await become(two, to)
            raise AssertionError("not reached")
        async def two(to):
            to << (self_(), await receive(), await receive())
        def counting(to, n):
            if n == 0:
                yield "send", to, "done"
            else:
                yield "become", counting, to, n - 1
        async def turning(to, n):
            if n: become(turning, to, n - 1)
            else: to << "done"
        async def main():
            pid = spawn(one, self_())
            pid << 1 << 2 << "become"
            assert await receive() == (pid, 1, 2)
            for function in (counting, turning):
                spawn(function, self_(), 1000)
                assert await receive() == "done"
                before = sys.getallocatedblocks()
                spawn(function, self_(), 1_000_000)
                assert await receive() == "done"
                assert sys.getallocatedblocks() < before + 1000
            raises(TypeError, become)
            raises(TypeError, become, 5)
        "#,
    );
}

#[test]
fn generators_yield_what_they_want() {
    passes(
        r#"
        quiet()
        log = []
        def child(to, number):
            yield "send", to, number
            yield ("yield",)
            yield "die", "old"
        def everything(to):
            own = self_()
            pid = yield "spawn", child, own, 7
            log.append(isinstance(pid, Pid))
            log.append((yield ("recv",)))
            log.append((yield "send", own, 1))
            yield "send", own, 2
            yield "send", own, 3
            log.append((yield "recv", lambda m: m == 2))
            log.append((yield "recv", 1))
            log.append((yield ("next_msg",)))
            log.append((yield "recv", None, 0.01))
            try: yield "recv", "x", 0.01
            except TimeoutError: log.append("late")
            for wrong in (("x",), (), 5, "recv", None, ("spawn",), ("send", own), ("become",), ["recv"], ("spawn", 5)):
                try: yield wrong
                except (RuntimeError, TypeError): log.append("wrong")
            for wrong in (("send", 5, 1), ("recv", None, -1), ("recv", None, "x")):
                try: yield wrong
                except (TypeError, ValueError): log.append("wrong")
            yield "become", last, to
        def last(to):
            yield "send", to, "end"
            return 5
        async def main():
            _, ref = spawn_monitor(everything, self_())
            assert await receive() == "end"
            assert await ended(ref) == "normal"
            assert log == [True, 7, None, 2, 1, 3, 1, "late"] + ["wrong"] * 13, log
            assert await outcome(child, self_(), 1) == "old" and await receive() == 1
            def wrong(): yield "nonsense"
            kind, text = await outcome(wrong)
            assert kind == "RuntimeError" and "nonsense" in text and "next_msg" in text
            def empty():
                return
                yield
            assert await outcome(empty) == "normal"
            def dies(): yield ("die",)
            assert await outcome(dies) == "normal"
            def delegates(to):
                def part(): return (yield ("recv",))
                got = yield from part()
                yield "send", to, got
            spawn(delegates, self_()) << "through"
            assert await receive() == "through"
        def generator_main():
            yield "send", self_(), 5
            return (yield ("recv",)) * 2
        assert run(generator_main) == 10
        "#,
    );
}

#[test]
fn whatever_can_be_called_can_be_spawned() {
    passes(
        r#"
        import functools
        quiet()
        class Holds:
            async def method(self, to): to << "method"
            async def __call__(self, to): to << "call"
            @staticmethod
            async def static(to): to << "static"
            @classmethod
            async def made(cls, to): to << cls.__name__
        class Tasklet:
            def __init__(self, to): self.to = to
            async def __tasklet__(self): self.to << "tasklet"
        async def plain(to, text, end="!"): to << text + end
        async def main():
            own, log = self_(), []
            spawn(lambda: send(own, "lambda"))
            spawn(send, own, "builtin")
            spawn(Holds().method, own)
            spawn(Holds(), own)
            spawn(Holds.static, own)
            spawn(Holds.made, own)
            spawn(Tasklet, own)
            spawn(functools.partial(plain, own, end="?"), "partial")
            spawn(lambda: plain(own, "nested"))
            expected = ["lambda", "builtin", "method", "call", "static", "Holds", "tasklet", "partial?", "nested!"]
            assert [await receive(timeout=1) for _ in expected] == expected
            for wrong in (5, None, "f", self_()): raises(TypeError, spawn, wrong)
            raises(TypeError, spawn)
            async def agen(): yield 1
            assert (await outcome(agen))[0] == "TypeError"
            assert (await outcome(plain))[0] == "TypeError"
            once = plain(own, "once")
            spawn(lambda: once)
            assert (await outcome(lambda: once))[0] == "RuntimeError"
            assert await receive() == "once!"
        "#,
    );
}

#[test]
fn run_blocks_until_main_has_ended_and_may_again() {
    let mut py = passes(
        r#"
        log = []
        async def other():
            while True: log.append(await receive())
        async def main():
            global pid
            pid = spawn(other)
            pid << 1
            await yield_()
            return 5
        assert run(main) == 5 and log == [1]
        # Others stay where they are, and go on with the next.
        async def second():
            pid << 2
            await yield_()
        run(second)
        assert log == [1, 2] and pid.is_alive
        async def fails(): raise LookupError("mine")
        assert str(raises(LookupError, run, fails)) == "mine"
        async def exits(): exit("because")
        assert raises(ProcessExited, run, exits).reason == "because"
        async def odd(): raise GeneratorExit
        raises(GeneratorExit, run, odd)
        async def kills(): exit(self_(), "kill"); await receive()
        assert raises(ProcessExited, run, kills).reason == "killed"
        assert run(lambda: 7) == 7
        raises(TypeError, run, 5)
        raises(RuntimeError, self_)
        raises(RuntimeError, become, print)
        async def nested(): raises(RuntimeError, run, main)
        run(nested)
        async def in_a_loop():
            raises(RuntimeError, run, main)
            return await run_async(main)
        assert asyncio.run(in_a_loop()) == 5
        "#,
    );
    py.run("run(second)\nassert log[-1] == 2").expect("in the next operation, too");
}

/// As many as fit, and nothing of them is left.
#[test]
fn many_tasklets_leave_nothing() {
    passes(
        r#"
        async def worker(to, number):
            await receive()
            to << number
        async def round(count):
            pids = [spawn(worker, self_(), i) for i in range(count)]
            for pid in pids: pid << "go"
            return sum([await receive() for _ in pids])
        async def main():
            assert await round(50_000) == 50_000 * 49_999 // 2
            assert await round(1_000) == 499_500
            gc.collect()
            before, alive = sys.getallocatedblocks(), counters()["alive"]
            for _ in range(100): await round(1_000)
            gc.collect()
            assert counters()["alive"] == alive == 1
            assert sys.getallocatedblocks() < before + 1_000, (before, sys.getallocatedblocks())
        "#,
    );
}
