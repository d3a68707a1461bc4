//! Ends of tasklets: links, monitors, exit signals as Erlang documents them, names and groups.

use crate::tasklets::passes;

#[test]
fn an_end_ends_those_that_are_linked() {
    passes(
        r#"
        quiet()
        async def waits(*others):
            for other in others: link(other)
            await receive()
        async def main():
            for end, reason in (("crash", "why"), ("shutdown", "shutdown")):
                a = spawn(waits)
                b = spawn(waits, a)
                c, ref = spawn_monitor(waits, b)
                apart = spawn(waits)
                await turns()
                exit(a, reason)
                assert await ended(ref) == reason
                assert [pid.is_alive for pid in (a, b, c, apart)] == [False, False, False, True]
            # A normal end does not.
            a = spawn(waits)
            b = spawn(waits, a)
            await turns()
            a << "done"
            await turns()
            assert (a.is_alive, b.is_alive) == (False, True) and process_info(b)["links"] == []
            # Nor does one whose link is over; it is over for both.
            a = spawn(waits)
            async def regrets(a):
                link(a); link(a); unlink(a); unlink(a); unlink(make_pid())
                await receive()
            def make_pid(): return spawn(lambda: None)
            b = spawn(regrets, a)
            await turns()
            assert process_info(a)["links"] == []
            exit(a, "why")
            exit(apart, "why")
            await turns()
            assert b.is_alive
            # A crash is data to those that are linked.
            async def crashes(): raise LookupError("mine")
            async def parent():
                spawn_link(crashes)
                await receive()
            kind, said = await outcome(parent)
            assert (kind, said) == ("LookupError", "mine")
            link(self_())
        "#,
    );
}

#[test]
fn who_traps_exits_is_sent_them() {
    passes(
        r#"
        quiet()
        async def ends(reason): exit(reason)
        async def crashes(): return {}["missing"]
        async def returns(): return 5
        async def waits(): await receive()
        async def main():
            assert trap_exit() is False and trap_exit(True) is True
            for function, arguments, expected in (
                (ends, ("why",), "why"), (ends, ("normal",), "normal"), (ends, (("shutdown", [1]),), ("shutdown", [1])),
                (returns, (), "normal"), (crashes, (), ("KeyError", "'missing'")), (ends, ("kill",), "kill"),
            ):
                pid = spawn_link(function, *arguments)
                match await receive(timeout=1):
                    case ("EXIT", who, (kind, said, trace)):
                        assert who == pid and (kind, said) == expected
                        assert trace[-1][1:] == (5, "crashes") or trace[-1][2] == "crashes", trace
                    case ("EXIT", who, reason): assert who == pid and reason == expected, reason
            pid = spawn_link(waits)
            exit(pid, "kill")
            assert await receive() == ("EXIT", pid, "killed")
            exit(self_(), "why")
            assert await receive() == ("EXIT", self_(), "why")
            exit(self_(), "normal")
            assert await receive() == ("EXIT", self_(), "normal")
            # To one that has ended.
            pid = spawn(returns)
            await turns()
            link(pid)
            assert await receive() == ("EXIT", pid, "noproc")
            # Before the others, where that is wanted.
            trap_exit(True, priority=True)
            pid = spawn_link(waits)
            self_() << "one" << "two"
            exit(pid, "why")
            assert [await receive() for _ in range(3)] == [("EXIT", pid, "why"), "one", "two"]
            # From another one.
            own = self_()
            pid = spawn(lambda: exit(own, "please"))
            assert await receive() == ("EXIT", pid, "please")
            pid = spawn(lambda: exit(own, "normal"))
            assert await receive() == ("EXIT", pid, "normal")
        "#,
    );
}

#[test]
fn exit_signals_are_erlangs() {
    passes(
        r#"
        async def waits(): await receive()
        async def traps():
            trap_exit()
            while True: await receive()
        async def main():
            pid, ref = spawn_monitor(waits)
            exit(pid, "normal")                    # ignored
            await turns()
            assert pid.is_alive
            exit(pid, "why")
            assert await ended(ref) == "why"
            exit(pid, "again")                     # nothing happens
            pid, ref = spawn_monitor(traps)
            await turns()
            exit(pid, "why")
            await turns()
            assert pid.is_alive
            exit(pid, "kill")                      # cannot be trapped
            assert await ended(ref) == "killed"
            # By itself.
            for reason in ("normal", "why", ("data", 1)):
                async def own(reason=reason): exit(self_(), reason); raise AssertionError
                assert await outcome(own) == reason
                async def own(reason=reason): exit(reason); raise AssertionError
                assert await outcome(own) == reason
            async def own(): exit()
            assert await outcome(own) == "normal"
            async def own(): exit(self_(), "kill"); await receive()
            assert await outcome(own) == "killed"
            async def linked(): link(gone); await receive()
            gone = pid
            assert await outcome(linked) == "noproc"
            # An exit is no Exception: what handles errors lets it pass; finally blocks run.
            log = []
            async def careful():
                try: exit("why")
                except Exception: log.append("wrong")
                finally: log.append("finally")
            assert await outcome(careful) == "why" and log == ["finally"]
            async def killed():
                try: await receive()
                finally: log.append("cleaned")
            pid = spawn(killed)
            await turns()
            exit(pid, "kill")
            assert log == ["finally", "cleaned"]
            raises(ValueError, exit, "nobody", "why")
            # Of two signals the first one ends it, whatever it does until then.
            async def twice():
                one, other = spawn_link(waits), spawn_link(waits)
                exit(one, "first")
                exit(other, "second")
                await receive()
            assert await outcome(twice) == "first"
        raises(RuntimeError, exit)
        "#,
    );
}

#[test]
fn monitors_tell_of_ends_once() {
    passes(
        r#"
        quiet()
        async def waits(): await receive()
        async def main():
            pid = spawn(waits)
            one, other, third = monitor(pid), monitor(pid), monitor(pid)
            assert len({one, other, third}) == 3 and isinstance(one, Ref)
            assert process_info(pid)["monitored_by"] == [self_()] * 3
            assert process_info(self_())["monitors"] == [pid] * 3
            assert demonitor(other) is True and demonitor(other) is False
            exit(pid, "why")
            assert await receive() == ("DOWN", one, pid, "why")
            assert await receive() == ("DOWN", third, pid, "why")
            assert process_info(self_())["monitors"] == []
            ref = monitor(pid)
            assert await receive() == ("DOWN", ref, pid, "noproc")
            assert demonitor(ref) is False and demonitor(make_ref()) is False
            # Nothing ends by that, a normal end is told, too, and one of a name.
            async def returns(): register("short"); await receive()
            pid = spawn(returns)
            await turns()
            ref = monitor("short")
            pid << 1
            assert await receive() == ("DOWN", ref, pid, "normal")
            async def crashes(): raise ValueError("mine")
            pid, ref = spawn_monitor(crashes)
            kind, said, trace = await ended(ref)
            assert (kind, said) == ("ValueError", "mine") and trace[-1][2] == "crashes"
            assert all(isinstance(file, str) and isinstance(line, int) for file, line, _ in trace)
            # Who has ended watches nobody.
            async def watcher(pid): monitor(pid)
            pid = spawn(waits)
            spawn(watcher, pid)
            await turns()
            assert process_info(pid)["monitored_by"] == []
            try: print(await receive(timeout=0))
            except TimeoutError: pass
        "#,
    );
}

#[test]
fn names_go_with_those_that_end() {
    passes(
        r#"
        async def named(name):
            register(name)
            while True:
                sender, text = await receive()
                sender << (name, text)
        async def first():
            pid = spawn(named, "tea")
            assert whereis("tea") is None
            await turns()
            assert whereis("tea") == pid and registered() == {"tea": pid}
            send("tea", (self_(), 1))
            assert await receive() == ("tea", 1)
            assert process_info("tea")["registered_name"] == ["tea"]
            assert "taken" in str(raises(ValueError, register, "tea"))
            raises(TypeError, register, 5)
            raises(ValueError, unregister, "milk")
            raises(ValueError, send, "milk", 1)
            unregister("tea")
            assert whereis("tea") is None and pid.is_alive
            register("tea", pid)
            exit("tea", "why")
            assert whereis("tea") is None and registered() == {}
            raises(ValueError, register, "tea", pid)
            raises(ValueError, send, "tea", 1)
            register("tea")
            # They are gone before anybody can be told.
            async def looks(pid):
                link(pid)
                try: await receive()
                finally: seen.append((whereis("cup"), members("cups")))
            seen = []
            pid = spawn_opt(named, "cup2", name="cup")
            join("cups", pid)
            spawn(looks, pid)
            await turns()
            exit(pid, "why")
            assert seen == [(None, [])], seen
            pid = spawn_opt(named, "other", name="pot")
            assert whereis("pot") == pid
            raises(ValueError, lambda: spawn_opt(named, "x", name="pot"))
            for wrong in (5, None, 2.5, [], {}, object): raises(TypeError, send, wrong, 1)
        run(first)
        async def main():
            await turns()
            assert registered().keys() == {"pot", "other"}
        "#,
    );
}

#[test]
fn groups_go_with_their_members() {
    passes(
        r#"
        async def member(to, *groups):
            for group in groups: join(group)
            while True: to << (self_(), await receive())
        async def main():
            one, two = spawn(member, self_(), "g", ("h", 1)), spawn(member, self_(), "g", "g")
            await turns()
            assert members("g") == [one, two] and members(("h", 1)) == [one] and members("none") == []
            assert publish("g", "hi") == 2 and publish("none", "hi") == 0
            assert [await receive(), await receive()] == [(one, "hi"), (two, "hi")]
            assert set(process_info(one)["groups"]) == {"g", ("h", 1)}
            exit(one, "why")
            assert members("g") == [two] and members(("h", 1)) == []
            raises(ValueError, join, "g", one)
            leave("g", two); leave("g", two); leave("none")
            assert members("g") == []
            join("g", two); join("g")
            assert members("g") == [two, self_()]
            full = spawn_opt(member, self_(), mailbox=1)
            join("g", full)
            full << 1
            assert publish("g", "x") == 3
            raises(TypeError, join, [])
        "#,
    );
}

/// One after the other, however long the chain.
#[test]
fn a_chain_of_links_ends() {
    passes(
        r#"
        async def link_to(previous):
            if previous: link(previous)
            await receive()
        async def main():
            previous = None
            pids = [previous := spawn(link_to, previous) for _ in range(100_000)]
            await turns()
            ref = monitor(pids[-1])
            exit(pids[0], "why")
            assert await ended(ref) == "why"
            assert counters()["alive"] == 1
            # A star.
            centre = spawn(link_to, None)
            for _ in range(10_000): spawn(link_to, centre)
            await turns()
            exit(centre, "why")
            await turns()
            assert counters()["alive"] == 1
        "#,
    );
}
