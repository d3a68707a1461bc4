//! What is told of tasklets: reports of crashes, all that wait for ever, what each does, counters.

use crate::support::{interpreter, raised};
use crate::tasklets::{passes, passes_in};

#[test]
fn a_crash_touches_nobody_else_and_is_reported() {
    let mut py = interpreter();
    passes_in(
        &mut py,
        r#"
        async def echo():
            while True:
                sender, text = await receive()
                sender << text
        async def fragile():
            for _ in range(3): await receive()
            await divides(0)
        async def divides(number):
            return 1 / number
        async def main():
            one, other = spawn(echo), spawn(fragile)
            for text in "abcde": other << f"message {text}"
            await turns()
            assert not other.is_alive
            one << (self_(), "still here")
            assert await receive(timeout=1) == "still here"
            spawn(lambda: exit("quietly"))
            await turns()
        "#,
    );
    let said = String::from_utf8(py.take_stderr()).expect("text");
    let expected =
        ["crashed", "'message c', 'message d', 'message e'", "in divides", "ZeroDivisionError"];
    assert!(expected.iter().all(|part| said.contains(part)), "{said}");
    assert!(!said.contains("quietly") && !said.contains("echo"), "{said}");
    // Not what main raises: it is raised where it is run.
    py.run(
        "async def fails(): raise LookupError('mine')\ntry: run(fails)\nexcept LookupError: pass",
    )
    .expect("raised");
    assert_eq!(py.take_stderr(), b"");
}

#[test]
fn all_waiting_for_ever_is_seen() {
    let mut py = interpreter();
    passes_in(
        &mut py,
        r#"
        async def waits(): await receive("never")
        async def calls(pid): await call(pid, 1, None)
        def full(): return (yield ("recv", "never"))
        async def writes(pid):
            while True: await put(pid, 1)
        async def dead():
            one, other = spawn(waits), spawn_opt(full, mailbox=1)
            spawn(calls, one); spawn(writes, other)
            await receive()
        async def main(): pass
        error = raises(Deadlock, run, dead)
        seen = {one["function"]: one["status"] for one in error.processes}
        assert seen == {"dead": "receive", "waits": "receive", "full": "receive", "calls": "call", "writes": "put"}, seen
        assert [one["line"] for one in error.processes] == [10, 2, 4, 3, 6], str(error)
        assert error.processes[2]["messages"] == [1]
        assert all(text in str(error) for text in ("waits, line", "call", "nothing can wake")), str(error)
        async def many():
            for _ in range(1000): spawn(waits)
            await receive()
        assert "and 985 more" in str(raises(Deadlock, run, many)), error
        # Where a time is waited for, it is none.
        async def sleeps(to): await sleep(0.05); to << 1
        async def patient():
            spawn(sleeps, self_())
            return await receive()
        assert run(patient) == 1
        "#,
    );
    let error = raised(py.run("await run_async(dead)"));
    assert_eq!(error.type_name, "ophidia.tasklets.Deadlock");
}

#[test]
fn each_can_be_asked_about() {
    passes(
        r#"
        async def deep():
            await deeper()
        async def deeper():
            await receive("never")
        async def main():
            before = counters()
            pid = spawn_opt(deep, name="deep", mailbox=5)
            info = process_info(pid)
            assert (info["status"], info["line"], info["message_queue_len"]) == ("ready", None, 0), info
            pid << 1 << [2]
            await turns()
            info = process_info(pid)
            line = deeper.__code__.co_firstlineno + 1
            assert info["pid"] == pid and info["function"] == "deep" and info["line"] == line, info
            assert (info["status"], info["message_queue_len"], info["mailbox"]) == ("receive", 2, 5)
            assert info["messages"] == [1, [2]] and process_info(pid, messages=1)["messages"] == [1]
            assert (info["links"], info["monitors"], info["monitored_by"], info["groups"]) == ([], [], [], [])
            assert info["trap_exit"] is False and info["registered_name"] == ["deep"]
            own = process_info(self_())
            assert own["status"] == "running" and own["mailbox"] is None and own["function"] == "main"
            async def states():
                await sleep(1e6)
            sleeper = spawn(states)
            future = spawn(lambda: asyncio.sleep(1e6))
            await turns()
            assert [process_info(one)["status"] for one in (sleeper, future)] == ["sleep", "future"]
            assert set(processes()) >= {self_(), pid, sleeper, future}
            exit(pid, "why")
            assert process_info(pid) is None and pid not in processes()
            after = counters()
            assert after["spawned"] - before["spawned"] == 3 and after["ended"] - before["ended"] == 1
            assert after["sent"] - before["sent"] == 2 and after["alive"] - before["alive"] == 2
            self_() << 1
            await receive()
            assert counters()["received"] - after["received"] == 1
        "#,
    );
}
