//! Programs that abuse tasklets: code of theirs that runs in the middle of something, awaitables that are used in
//! other ways than `await`, junk for the functions below. Nothing of the guest breaks, and all others go on.

use crate::tasklets::passes;

/// What is closed may await: it ends all the same, and is in no list of those that wait.
#[test]
fn blocks_that_clean_up_may_do_anything() {
    passes(
        r#"
        quiet()
        sys.unraisablehook = lambda _: None
        log = []
        async def idle():
            await receive(("never",))
        async def waits(first, second):
            try: await first()
            finally: await second()
        def clings(to):
            while True:
                try: yield ("recv",)
                except GeneratorExit: to << "clings"
        async def acts(to, other):
            try: await receive()
            finally:
                to << "sent"
                log.append((self_(), self_().is_alive, spawn(idle)))
                for act in (
                    lambda: exit(other, "kill"), lambda: exit(self_(), "kill"), lambda: exit(self_(), "x"),
                    lambda: become(idle), lambda: register("dying"), lambda: join("dying"), lambda: link(to),
                    lambda: monitor(to), lambda: trap_exit(), lambda: demonitor(make_ref()), lambda: unlink(to),
                    lambda: spawn_link(idle), lambda: exit("again"), lambda: run(main), lambda: next(receive()),
                ):
                    try: act()
                    except BaseException as error: log.append(type(error).__name__)
                become(idle)
        async def main():
            log.clear()
            a, b = spawn(idle), spawn_opt(idle, mailbox=1)
            b << 1
            wait = (lambda: receive(), lambda: receive(timeout=1e6), lambda: sleep(1e6), lambda: call(a, 1, None),
                    lambda: call(b, 1, 1e6), lambda: put(b, 1), lambda: yield_(), lambda: asyncio.sleep(1e6))
            for first in wait:
                for second in wait:
                    one, ref = spawn_monitor(waits, first, second)
                    await turns()
                    exit(one, "kill")
                    await ended(ref)
            del one
            # Nobody waits for them any more; their times are over.
            for _ in range(100): spawn(idle)
            await turns()
            for pid in (a, b): exit(pid, "kill")
            await turns()
            other = spawn(idle)
            pid, ref = spawn_monitor(acts, self_(), other)
            await turns()
            exit(pid, "why")
            assert await ended(ref) == "why" and not other.is_alive
            assert await receive() == "sent" and log[0][0] == pid
            assert whereis("dying") is None and members("dying") == [] and process_info(self_())["links"] == []
            pid = spawn(clings, self_())
            await turns()
            exit(pid, "why")
            assert await receive() == "clings" and not pid.is_alive
            await turns()
            for pid in processes():
                if pid != self_(): exit(pid, "kill")
            await turns()
            assert counters()["alive"] == 1
        run(main)
        # No time of one that has ended is waited for.
        async def dead(): await receive()
        raises(Deadlock, run, dead)
        "#,
    );
}

#[test]
fn a_chain_of_blocks_that_clean_up_ends() {
    passes(
        r#"
        sys.unraisablehook = lambda _: None
        async def kills(other):
            try: await receive()
            finally: other and exit(other, "kill")
        async def main():
            previous = None
            for _ in range(20_000): previous = spawn(kills, previous)
            await turns()
            while previous := next((pid for pid in reversed(processes()) if pid != self_()), None):
                exit(previous, "kill")
            assert counters()["alive"] == 1
        "#,
    );
}

/// Awaitables that are iterated by hand begin to wait, again and again.
#[test]
fn awaitables_may_be_misused() {
    passes(
        r#"
        quiet()
        def begins(awaitable):
            try: next(awaitable)
            except (StopIteration, RuntimeError, TimeoutError): pass
        async def idle():
            await receive(("never",))
        async def main():
            makes = (lambda: receive(), lambda: receive(timeout=0.001), lambda: sleep(0.001), lambda: call(a, 1, 0.01),
                     lambda: call(b, 1, 0.01), lambda: put(b, 1), lambda: next_msg(lambda m: False, 0.001), yield_)
            async def misuses(one, other):
                begins(one())
                begins(other())
                try: await other()
                except TimeoutError: pass
                begins(one())
            for one in makes:
                for other in makes:
                    a, b = spawn(idle), spawn_opt(idle, mailbox=1)
                    b << 1
                    pid, ref = spawn_monitor(misuses, one, other)
                    pid << 1 << 2
                    await turns(5)
                    for end in (b, pid, a): exit(end, "kill")
                    await ended(ref)
            # A generator may wait for one, too.
            def generator(to): to << (yield from receive())
            pid, ref = spawn_monitor(generator, self_())
            await turns()
            pid << "got"
            reason = await ended(ref)
            assert reason == "normal" and await receive() == "got", reason
            shared = receive()
            self_() << 1 << 2
            assert [await shared, await shared] == [1, 2]
        raises(RuntimeError, next, receive())
        "#,
    );
}

/// Messages, reasons and times are of the program's own classes.
#[test]
fn objects_may_run_code_wherever_they_are_looked_at() {
    passes(
        r#"
        quiet()
        class Hashed:
            act = staticmethod(lambda: None)
            def __hash__(self): self.act(); return 1
            def __eq__(self, other): self.act(); return self is other
        class Time:
            count = 0
            def __init__(self, act): self.act = act
            def __float__(self):
                self.count += 1
                if self.count > 1: self.act()
                return 0.01
        def fail(): raise LookupError("mine")
        async def idle(): await receive(("never",))
        async def main():
            own = self_()
            # What is copied may change meanwhile.
            for change in ("clear", "pop", "append"):
                for make in (lambda: [{Hashed(): 1}, [1], [2], [[3]]], lambda: [[{Hashed(): [1]}, [4]], [5], [6]]):
                    outer = make()
                    def act():
                        getattr(outer, change)(*[[7]] * (change == "append"))
                        junk.extend([[None] * 3 for _ in range(100)])
                    junk = []
                    Hashed.act = staticmethod(act)
                    try: own << outer
                    except RuntimeError: continue
                    finally: Hashed.act = staticmethod(lambda: None)
                    str(await receive())
            # Times.
            for act in (fail, lambda: exit(pid, "kill"), lambda: 1 / 0, lambda: own << 5):
                pid = spawn(idle)
                for wait in (lambda: receive("x", Time(act)), lambda: sleep(Time(act)), lambda: call(pid, 1, Time(act))):
                    try: await wait()
                    except (LookupError, ZeroDivisionError, TimeoutError, ProcessExited): pass
                    assert own == self_()
                try: await receive(timeout=0)
                except TimeoutError: pass
            # Texts.
            class Bad(Exception):
                def __str__(self): raise self.kind("text")
                __repr__ = __str__
            async def crashes(): raise Bad()
            async def exits(): exit(Bad())
            async def takes(): await receive(); raise ValueError("after")
            for Bad.kind in (ValueError, Exit):
                for function in (crashes, exits, takes):
                    pid, ref = spawn_monitor(function)
                    pid << Bad()
                    await ended(ref)
                try: await call(spawn(exits), 1)
                except (ProcessExited, ValueError, Exit): pass
            # Reasons.
            import numpy as np
            class Odd:
                def __eq__(self, other): raise LookupError("compared")
                __ne__ = __eq__
                __hash__ = None
            circle = []
            circle.append(circle)
            for reason in (np.arange(3), Odd(), [Odd()], circle, None, 5, ValueError("no crash"), ("EXIT",)):
                async def ends(): exit(reason)
                async def linked(): spawn_link(ends); await receive()
                for function in (ends, linked):
                    _, ref = spawn_monitor(function)
                    await ended(ref)
                pid, ref = spawn_monitor(idle)
                try: exit(pid, reason)
                except (LookupError, RecursionError): exit(pid, "kill")
                await ended(ref)
            # One that ends those that wait for it, while they are told.
            class Kills:
                def __repr__(self):
                    for caller in callers: exit(caller, "kill"); spawn(idle)
                    return "kills"
            async def exits(): await receive(); exit(Kills())
            async def calls(pid): await call(pid, 1, None)
            for _ in range(20):
                pid = spawn(exits)
                callers = [spawn(calls, pid) for _ in range(10)]
                await turns()
            own << "goes on"
            assert await receive() == "goes on"
        "#,
    );
}

#[test]
fn predicates_may_do_anything() {
    passes(
        r#"
        quiet()
        async def idle(): await receive(("never",))
        async def acts(act):
            for i in range(5): self_() << i
            await receive(lambda m: act(m))
        def again(m):
            try: next(receive())
            except StopIteration as got: return got.value == 4
        async def main():
            for act, expected in (
                (lambda m: exit(self_(), "kill"), "killed"), (lambda m: exit("why"), "why"),
                (lambda m: (self_() << m + 5, m == 7)[1], "normal"), (again, None),
                (lambda m: send(self_(), 9, priority=True) and m == 9, None), (lambda m: become(idle), None),
                (lambda m: [exit(pid, "kill") for pid in processes() if pid not in (own, self_())], None),
            ):
                own = self_()
                pid, ref = spawn_monitor(acts, act)
                await turns(10)
                assert expected is None or await ended(ref) == expected
                exit(pid, "kill")
            class Deleted:
                def __init__(self, act): self.act = act
                def __del__(self): self.act()
            log = []
            async def drops(to): await receive(); await receive(); log.append("through")
            for act in (lambda: spawn(idle), lambda: exit(pid, "kill"), lambda: pid << 1, lambda: exit(own, "normal")):
                pid = spawn(drops, own)
                await turns()
                pid << Deleted(act) << 1
                await turns()
                exit(pid, "kill")
            pid = spawn(idle)
            for i in range(1000): pid << Deleted(lambda: own << 1)
            exit(pid, "kill")
            for i in range(1000): await receive(1, 1)
        "#,
    );
}

/// What programs have no business with: an exception at most.
///
/// T15: whatever a program says to the scheduler.
#[test]
fn junk_for_the_functions_below_breaks_nothing() {
    passes(
        r#"
        quiet()
        sys.unraisablehook = lambda _: None
        from _ophidia import _tasklets as core
        class Text:
            def __init__(self, act): self.act = act
            def __repr__(self): self.act(); return "text"
        async def idle(): await receive(("never",))
        async def calls(pid): await call(pid, 1, None)
        def tried(function, *arguments):
            try: return function(*arguments)
            except Exception: return None
        async def main():
            pid = spawn(calls, spawn(idle))
            await turns()
            junk = (None, 0, -1, 2**70, "x", b"", (), [], {}, 1.5, float("nan"), pid, make_ref(), print, object(), ValueError("x"))
            functions = (core.reply, core.send_after, core.cancel_timer, core.fail, core.extra, core.wake, core.bound, core.info,
                         core.run, core.send, core.call, core.put, core.receive, core.next_msg, core.sleep, core.hook)
            for function in functions:
                tried(function)
                for one in junk:
                    tried(function, one)
                    for two in junk:
                        tried(function, one, two)
                        tried(function, one, two, 5)
            number = int(str(make_ref()).split(".")[1][:-1])
            for i in range(number): tried(core.fail, pid, i, 5)
            await turns()
            for kind in (Pid, Ref, type(receive())):
                for act in (kind, lambda: kind.__new__(kind), lambda: object.__new__(kind), lambda: type("Sub", (kind,), {})):
                    assert tried(act) is None
            for act in (lambda: pid + 1, lambda: 1 << pid, lambda: pid < pid, lambda: hash(pid), lambda: pid.parts):
                tried(act)
            for limit in (2**32, 2**31, 0, -1): raises(ValueError, lambda: spawn_opt(idle, mailbox=limit))
            spawn_opt(idle, mailbox=2**31 - 1) << 1
        run(main)
        # No step is made while one ends.
        async def takes(): await receive("x")
        for _ in range(50):
            pids = [spawn(takes) for _ in range(20)]
            core.run(100)
            for pid in pids: pid << Text(lambda: tried(core.run, 10)) << "x"
            for pid in pids: core.end(pid, ValueError("x"))
            core.run(1000)
            gc.collect()
        async def main(): assert self_().is_alive
        "#,
    );
}

/// What is shared within a message is copied once, or looked at once.
#[test]
fn a_message_of_shared_parts_is_sent_in_time() {
    passes(
        r#"
        async def main():
            shared = (1.5,)
            for _ in range(60): shared = (shared, shared)
            self_() << shared
            assert await receive() is shared
        "#,
    );
}

/// Who asks again and again whether there is something lets others run.
#[test]
fn polling_lets_others_run() {
    passes(
        r#"
        async def other(to): to << "there"
        async def main():
            spawn(other, self_())
            for _ in range(1_000):
                try: return await receive(timeout=0)
                except TimeoutError: pass
            raise AssertionError
        "#,
    );
}
