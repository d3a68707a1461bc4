//! Tasklets: messages and who gets which, turns, times.

use crate::support::interpreter;
use ophidia::Interpreter;

/// What the programs of these tests begin with. `ended` waits for an end and gives its reason.
const BEGINS: &str = "
import asyncio, gc, logging, sys
from ophidia.tasklets import *
async def ended(ref, timeout=5):
    return (await receive(('DOWN', ref, ..., ...), timeout))[3]
async def turns(count=3):
    for _ in range(count): await yield_()
async def outcome(function, *arguments):
    _, ref = spawn_monitor(function, *arguments)
    reason = await ended(ref)
    return reason[:2] if isinstance(reason, tuple) else reason
def quiet():
    logging.getLogger('ophidia.tasklets').setLevel(logging.CRITICAL)
def raises(kind, function, *arguments):
    try: function(*arguments)
    except kind as error: return error
    raise AssertionError(f'no {kind}')
";

/// Without the indentation that it has in the test.
pub(crate) fn flush(source: &str) -> String {
    let first = source.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indent = first.len() - first.trim_start().len();
    source.lines().map(|line| line.get(indent..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Runs a program whose tasklet `main` asserts what it is about.
#[track_caller]
pub(crate) fn passes(source: &str) -> Interpreter {
    let mut py = interpreter();
    passes_in(&mut py, source);
    py
}

#[track_caller]
pub(crate) fn passes_in(py: &mut Interpreter, source: &str) {
    py.run(BEGINS).expect("the beginning");
    py.run(&flush(source)).expect("a program");
    if let Err(error) = py.run("run(main)") {
        panic!("{error}\n{}", String::from_utf8_lossy(&py.take_stderr()));
    }
}

#[test]
fn messages_come_in_the_order_they_are_sent() {
    passes(
        r#"
        async def sender(to, name):
            for i in range(100):
                to << (name, i)
                if i % 7 == 0: await yield_()
        async def main():
            own = self_()
            for name in "abc": spawn(sender, own, name)
            got = [await receive() for _ in range(300)]
            for name in "abc":
                assert [i for who, i in got if who == name] == list(range(100))
            own << 1 << 2 << 3
            send(own, 4)
            await send(own, 5)
            assert [await receive() for _ in range(5)] == [1, 2, 3, 4, 5]
            assert isinstance(own, Pid) and own.is_alive and own == self_() and hash(own) == hash(self_())
        "#,
    );
}

#[test]
fn match_takes_messages_apart() {
    passes(
        r#"
        async def main():
            self_() << ("area", 3, 4) << {"kind": "note", "text": "hi"} << "other"
            got = []
            for _ in range(3):
                match await receive():
                    case ("area", w, h): got.append(w * h)
                    case {"text": text}: got.append(text)
                    case other: got.append(other)
            assert got == [12, "hi", "other"], got
        "#,
    );
}

#[test]
fn selective_receive_leaves_the_rest_in_order() {
    passes(
        r#"
        async def main():
            own = self_()
            for message in (1, ("a", 1), "x", ("b", 2), 2.5, {"k": 1, "l": 2}, [1, 2], ("a", 3), None, True):
                own << message
            assert await receive(lambda m: m == "x") == "x"
            assert await receive(("b", ...)) == ("b", 2)
            assert await receive(float) == 2.5
            assert await receive({"k": int}) == {"k": 1, "l": 2}
            assert await receive([..., 2]) == [1, 2]
            assert await receive(("a", lambda n: n > 1)) == ("a", 3)
            assert await receive(ANY) == 1
            assert await receive(True) is True
            assert await receive(("a", int)) == ("a", 1)
            assert await receive() is None
            try: await receive(("a",), 0)
            except TimeoutError: pass
            else: raise AssertionError
            # A predicate that raises: where it is awaited, and nothing is lost.
            own << 0 << 1
            try: await receive(lambda m: 1 / m)
            except ZeroDivisionError: pass
            else: raise AssertionError
            assert [await receive(), await receive()] == [0, 1]
        "#,
    );
}

#[test]
fn next_msg_goes_on_behind_the_last_one() {
    passes(
        r#"
        async def main():
            own = self_()
            for i in range(6): own << i
            assert await receive() == 0
            assert await next_msg() == 1       # 0 is back
            assert await next_msg() == 2       # 0, 1 are
            assert await next_msg(5) == 5
            assert [await receive() for _ in range(5)] == [0, 1, 2, 3, 4]
            # Behind the last one there may be nothing yet.
            own << "a"
            assert await receive() == "a"
            try: await next_msg(timeout=0.01)
            except TimeoutError: pass
            else: raise AssertionError
            send_after(0.01, own, "b")
            assert await next_msg() == "b"
            assert await receive() == "a"
            # An urgent one is looked at, too.
            own << 1 << 2
            assert await receive() == 1
            send(own, "now", priority=True)
            assert await next_msg("now") == "now"
        "#,
    );
}

#[test]
fn urgent_messages_overtake() {
    passes(
        r#"
        async def main():
            own = self_()
            own << 1 << 2
            send(own, "a", priority=True)
            send(own, "b", priority=True)
            own << 3
            assert [await receive() for _ in range(5)] == ["a", "b", 1, 2, 3]
            raises(TypeError, lambda: send(own, 1, urgent=True))
            raises(TypeError, lambda: send(own))
        "#,
    );
}

#[test]
fn waiting_has_an_end() {
    passes(
        r#"
        from time import monotonic
        async def main():
            own, began = self_(), monotonic()
            for wait in (lambda: receive(timeout=0.02), lambda: receive("x", 0.02), lambda: next_msg(timeout=0.02)):
                try: await wait()
                except TimeoutError: pass
                else: raise AssertionError
            await sleep(0.02)
            assert monotonic() - began >= 0.08
            own << 1
            assert await receive(timeout=0) == 1
            send_after(0.01, own, "late")
            assert await receive(timeout=5) == "late"
            ref = send_after(60, own, "never")
            assert 0 < cancel_timer(ref) <= 60
            assert cancel_timer(ref) is None and cancel_timer(make_ref()) is None
            for delay in (0.03, 0.01, 0.02, 0): send_after(delay, own, delay)
            assert [await receive() for _ in range(4)] == [0, 0.01, 0.02, 0.03]
            for wrong in (-1, float("nan"), -0.001):
                raises(ValueError, sleep, wrong)
                raises(ValueError, send_after, wrong, own, 1)
                try: await receive(timeout=wrong)
                except ValueError: pass
                else: raise AssertionError
            raises(TypeError, sleep, "1")
            for long in (1e300, float("inf"), 10**12, 2**63):
                cancel_timer(send_after(long, own, 1))
        "#,
    );
}

/// What waits for a time and is sent something meanwhile is not woken by the time that is over.
#[test]
fn a_time_that_is_over_wakes_nobody() {
    passes(
        r#"
        async def main():
            own = self_()
            for _ in range(50):
                send_after(0, own, 1)
                assert await receive(timeout=0.005) == 1
            try: await receive("x", 0.02)
            except TimeoutError: pass
            send_after(0.03, own, "y")
            assert await receive() == "y"
        "#,
    );
}

#[test]
fn turns_are_fair() {
    passes(
        r#"
        log = []
        async def worker(name):
            for _ in range(3):
                log.append(name)
                await yield_()
        async def flood(other):
            while other.is_alive:
                self_() << 1
                await receive()
        async def main():
            for name in "abc": spawn(worker, name)
            await turns(4)
            assert "".join(log) == "abcabcabc", log
            # Who always has a message lets others run, too.
            _, ref = spawn_monitor(flood, spawn(worker, "d"))
            assert await ended(ref) == "normal"
        "#,
    );
}

#[test]
fn messages_are_copies() {
    passes(
        r#"
        import numpy as np
        class Own:
            pass
        async def main():
            own, it = self_(), Own()
            array = np.arange(3)
            sent = [1, {"k": [2], "s": {3}}, (4, [5]), bytearray(b"6"), array, it, {"d": {"e": array}}]
            own << sent
            sent[1]["k"].append(0)
            sent[1]["s"].add(0)
            sent[2][1].append(0)
            sent[3].extend(b"0")
            array[0] = 9
            sent.append(0)
            got = await receive()
            assert got[:4] == [1, {"k": [2], "s": {3}}, (4, [5]), bytearray(b"6")], got
            assert got[4].tolist() == [0, 1, 2] and got[6]["d"]["e"].tolist() == [0, 1, 2] and len(got) == 7
            assert got[5] is it
            constant = (1, "a", (2.5, None, b"b"))
            own << constant
            assert await receive() is constant
            # Also what waits for a time, or is replied.
            late = [1]
            send_after(0, own, late)
            late.append(2)
            assert await receive() == [1]
            deep = []
            for _ in range(100_000): deep = [deep]
            assert "nested" in str(raises(RecursionError, send, own, deep))
            circle = []
            circle.append(circle)
            raises(RecursionError, send, own, circle)
            raises(RecursionError, send_after, 0, own, (circle,))
            own << "goes on"
            assert await receive() == "goes on"
        "#,
    );
}
