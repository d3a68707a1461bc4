//! Calls and their replies, servers, mailboxes that are bounded.

use crate::tasklets::passes;

#[test]
fn calls_get_their_replies() {
    passes(
        r#"
        quiet()
        async def adder():
            while True:
                match await receive():
                    case ("$call", sender, ("slow", seconds)):
                        send_after(seconds, self_(), ("later", sender))
                    case ("$call", sender, ("add", a, b)):
                        assert reply(sender, a + b) is True
                        assert reply(sender, 0) is False
                    case ("$call", _, "die"): exit("as asked")
                    case ("$call", _, "crash"): raise ValueError("as asked")
                    case ("later", sender): log.append(reply(sender, "late"))
        log = []
        async def main():
            pid = spawn_opt(adder, name="adder")
            for i in range(1000): self_() << ("other", i)
            assert await call(pid, ("add", 1, 2)) == 3
            assert await call("adder", ("add", [1], [2]), timeout=None) == [1, 2]
            # A reply that is late is dropped.
            for _ in range(2):
                try: await call(pid, ("slow", 0.03), 0.01)
                except TimeoutError: pass
                else: raise AssertionError
            assert await call(pid, ("add", 3, 4)) == 7
            while len(log) < 2: await sleep(0.01)
            assert log == [False, False]
            try: await call(pid, ("slow", 0), 0)
            except TimeoutError: pass
            else: raise AssertionError
            # One that ends meanwhile, or has ended.
            for request, reason in (("die", "as asked"), ("crash", "ValueError")):
                pid = spawn(adder)
                try: await call(pid, request)
                except ProcessExited as error: got = error
                assert got.pid == pid and reason in (got.reason, got.reason[0]), got.reason
                try: await call(pid, request)
                except ProcessExited as error: assert (error.pid, error.reason) == (pid, "noproc")
                else: raise AssertionError
            async def normal(): await receive()
            try: await call(spawn(normal), 1)
            except ProcessExited as error: assert error.reason == "normal"
            try: await call(self_(), 1)
            except RuntimeError as error: assert "itself" in str(error)
            for wrong in (5, "nobody"):
                try: await call(wrong, 1)
                except (TypeError, ValueError): pass
                else: raise AssertionError
            assert [(await receive())[1] for _ in range(1000)] == list(range(1000))
            try: await receive(timeout=0)
            except TimeoutError: pass
            # Who has been called knows nothing of a caller that has ended.
            async def asks(): await call("adder", ("slow", 0.01))
            caller = spawn(asks)
            await turns()
            exit(caller, "kill")
            await sleep(0.03)
            assert log[-1] is False and await call("adder", ("add", 1, 1)) == 2
        "#,
    );
}

/// A reply does not stand in the mailbox: however many messages do, waiting for it looks at none.
#[test]
fn a_reply_is_not_searched_for() {
    passes(
        r#"
        class Counted:
            compared = 0
            def __eq__(self, other): Counted.compared += 1; return False
        class Echo(Server):
            async def handle_call(self, request): return request
        async def main():
            pid = spawn(Echo)
            for _ in range(100_000): self_() << Counted()
            for i in range(2_000): assert await call(pid, i) == i
            assert Counted.compared == 0
            assert process_info(self_())["message_queue_len"] == 100_000
        "#,
    );
}

#[test]
fn servers_have_a_method_for_each() {
    passes(
        r#"
        quiet()
        log = []
        class Store(Server):
            async def init(self, first=0):
                self.items, self.waiting = [first], []
            async def handle_call(self, request):
                match request:
                    case "items": return self.items
                    case "wait": self.waiting.append(self.sender); return NO_REPLY
                    case "stop": self.stop()
                    case "stop so": self.stop("so")
                    case "plain": return None
                    case "trap": return trap_exit()
                raise KeyError(request)
            async def handle_cast(self, request):
                self.items.append(request)
                for sender in self.waiting: reply(sender, request)
                self.waiting.clear()
            async def handle_info(self, message): log.append(message)
            async def terminate(self, reason): log.append(("terminate", reason if isinstance(reason, str) else reason[0]))
        async def main():
            pid = spawn(Store, 1)
            cast(pid, 2)
            pid << "info"
            assert await call(pid, "items") == [1, 2] and log == ["info"]
            assert await call(pid, "plain") is None
            async def waits(to): to << await call(pid, "wait")
            spawn(waits, self_())
            await turns()
            cast(pid, 3)
            assert await receive() == 3
            assert await call(pid, "items") == [1, 2, 3]
            for request, reason in (("stop", "normal"), ("stop so", "so"), ("x", "KeyError")):
                log.clear()
                pid = spawn(Store)
                try: await call(pid, request)
                except ProcessExited as error: assert reason in (error.reason, error.reason[0])
                await turns()
                assert log == [("terminate", reason)], log
            # Where it traps exits it is told when the one that has spawned it ends.
            log.clear()
            async def parent():
                pid = spawn_link(Store)
                await call(pid, "trap")
                other = spawn(lambda: exit(pid, "other"))
                await turns()
                exit("parent")
            assert await outcome(parent) == "parent"
            await turns()
            assert [entry[0] for entry in log] == ["EXIT", "terminate"] and log[1][1] == "parent", log
            # Methods may be plain ones; those that are missing say so.
            class Plain(Server):
                def handle_call(self, request): return request * 2
            assert await call(spawn(Plain), 2) == 4
            class Own(Server):
                def __init__(self, a): self.a = a
                def handle_call(self, request): return self.a
            assert await call(spawn(Own, 5), 0) == 5
            try: await call(spawn(Server), 1)
            except ProcessExited as error: assert error.reason[0] == "NotImplementedError"
            # One that does not get beyond init is not terminated.
            class Fails(Store):
                async def init(self): raise LookupError("init")
            log.clear()
            assert (await outcome(Fails))[:2] == ("LookupError", "init") and log == []
        "#,
    );
}

#[test]
fn a_full_mailbox_refuses_or_lets_wait() {
    passes(
        r#"
        async def reader(to):
            while True: to << await receive()
        async def idle():
            await receive("go")
        async def writer(to, name, count):
            for i in range(count): await put(to, (name, i))
        def generator(to, count):
            for i in range(count): yield "send", to, ("g", i)
        async def main():
            pid = spawn_opt(idle, mailbox=2)
            await turns()
            pid << 1 << 2
            error = raises(MailboxFull, send, pid, 3)
            assert error.pid == pid and error.most == 2 and "2 messages" in str(error)
            raises(MailboxFull, lambda: pid << 3)
            try: await call(pid, 3)
            except MailboxFull: pass
            send(pid, "urgent", priority=True)
            assert process_info(pid)["message_queue_len"] == 3
            # Who waits goes on when there is room, all in order; or when there is nobody any more.
            waiting = [spawn(writer, pid, name, 1) for name in "ab"]
            await turns()
            assert [process_info(one)["status"] for one in waiting] == ["put", "put"]
            exit(pid, "why")
            await turns()
            assert not any(one.is_alive for one in waiting)
            pid = spawn_opt(reader, self_(), mailbox=3)
            for name in "ab": spawn(writer, pid, name, 100)
            spawn(generator, pid, 100)
            got = [await receive(timeout=1) for _ in range(300)]
            for name in "abg": assert [i for who, i in got if who == name] == list(range(100)), name
            # A writer that ends while it waits lets the next one go on.
            async def takes(to):
                await receive("go")
                to << await receive(1)
                exit("first", "kill")
                await receive("never")
            pid = spawn_opt(takes, self_(), mailbox=1)
            pid << 1
            first, second = spawn(writer, pid, "a", 1), spawn(writer, pid, "b", 1)
            register("first", first)
            await turns()
            send(pid, "go", priority=True)
            assert await receive() == 1
            await turns()
            assert not first.is_alive and not second.is_alive, process_info(second)
            # Oneself is not waited for.
            async def itself():
                self_() << 1
                try: await put(self_(), 2)
                except MailboxFull: return
                raise AssertionError
            assert await ended(monitor(spawn_opt(itself, mailbox=1))) == "normal"
            for wrong in (0, -1): raises(ValueError, lambda: spawn_opt(idle, mailbox=wrong))
            raises(TypeError, lambda: spawn_opt(idle, mailbox="x"))
            link_and_name = spawn_opt(idle, link=True, name="idle", mailbox=1)
            assert process_info(link_and_name)["links"] == [self_()]
        "#,
    );
}

/// Room for two is taken by two that wait, although only one was told.
#[test]
fn all_that_have_room_go_on() {
    passes(
        r#"
        async def writer(to, what): await put(to, what)
        async def reader(to):
            await receive("go")
            await receive(); await receive()
            to << await receive("d", 1)
        async def main():
            pid = spawn_opt(reader, self_(), mailbox=2)
            pid << "a" << "b"
            spawn(writer, pid, "c"); spawn(writer, pid, "d")
            await turns()
            send(pid, "go", priority=True)
            assert await receive(timeout=5) == "d"
        "#,
    );
}

/// Signals are no messages: that a mailbox is full concerns those who send.
#[test]
fn ends_are_told_where_the_mailbox_is_full() {
    passes(
        r#"
        async def child(): await receive()
        async def watcher(pid, traps):
            if traps: trap_exit(); link(pid)
            else: monitor(pid)
            await receive("never")
        async def main():
            for traps in (False, True):
                pid = spawn(child)
                other = spawn_opt(watcher, pid, traps, mailbox=1)
                await turns()
                other << "fills it"
                pid << "end"
                await turns()
                assert process_info(other)["messages"][1][0] == ("EXIT" if traps else "DOWN")
        "#,
    );
}

/// What cannot be sent leaves its room to the next one.
#[test]
fn a_writer_that_fails_lets_the_next_one_go_on() {
    passes(
        r#"
        quiet()
        async def writer(to, what): await put(to, what)
        async def reader(to):
            await receive("go")
            to << await receive()
            to << await receive(timeout=5)
        async def main():
            pid = spawn_opt(reader, self_(), mailbox=1)
            pid << 1
            circle = []
            fails, ref = spawn_monitor(writer, pid, circle)
            spawn(writer, pid, 2)
            await turns()
            circle.append(circle)
            send(pid, "go", priority=True)
            assert [await receive(int, 5), await receive(int, 5)] == [1, 2]
            assert (await ended(ref))[0] == "RecursionError"
        "#,
    );
}
