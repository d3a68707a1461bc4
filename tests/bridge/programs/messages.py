"""Messages to other interpreters, as the host carries them; here all come back to where they were sent from."""

import datetime
import decimal
import fractions
import pathlib
import uuid

from _ophidia import _tasklets as core
from ophidia.tasklets import make_ref, receive, run, self_, send, send_after, sleep, spawn

OWN, OTHER = 7, 9


def carried() -> tuple:
    """What waits to go is carried, and comes from the other one."""
    at, length = core.outgoing()
    carry(at, length, core.room(length))
    core.gone()
    return core.deliver(length)


PLAIN = [
    None, True, 5, 2**100, 1.5, 2j, "text", "\udc80", b"bytes", [1, [2]], (1,), {"a": 1}, {1}, frozenset({2}),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), datetime.timedelta(1), datetime.date.max,
    datetime.time.min, decimal.Decimal("1.1"), fractions.Fraction(1, 3), uuid.UUID(int=5), pathlib.Path("/a"),
    range(3),
]  # fmt: skip


async def main():
    core.set_domain(OWN)
    assert core.own_domain() == OWN
    own = self_()
    index, generation = own.parts[1:]
    far = core.make_pid(OTHER, index, generation)
    assert core.make_pid(OWN, index, generation) == own
    for value in PLAIN:
        far << value
        assert carried() == (0, None)
        got = await receive()
        assert got == value and type(got) is type(value), (got, value)
    far << bytearray(b"abc") << own << far << make_ref()
    assert carried() == (0, None)
    assert await receive() == b"abc" and await receive() == own and await receive() == far
    await receive()

    # Large ones are handed over, not copied; several lie behind one another.
    for size in (1 << 17, 1 << 18, (1 << 18) + 1, 1 << 20):
        far << b"x" * size << "behind"
        assert core.is_full() == (size >= 1 << 20)
        assert carried() == (0, None)
        assert len(await receive()) == size and await receive() == "behind"

    # What cannot go, and what is sent meanwhile.
    for value in (object(), [object()], lambda: 1, {1: [2, open]}, type):
        try:
            far << value
        except TypeError as error:
            assert "cannot go to another interpreter" in str(error)
        else:
            raise AssertionError(value)
    deep = []
    for _ in range(70):
        deep = [deep]
    try:
        far << deep
    except TypeError:
        pass
    assert core.outgoing()[1] == 0

    # Frames that are none.
    for length in (0, 1, 20, 21, 22, 100, 1 << 20):
        at = core.room(length)
        carry(at, 0, at)
        core.deliver(length)
    core.deliver((1 << 32) - 1)
    core.set_domain(0)
    try:
        far << 1
    except ValueError:
        pass


run(main)


# Timers.
async def timers():
    own = self_()
    refs = [send_after(i % 7 / 1000, own, i) for i in range(200)]
    for ref in refs[::3]:
        core.cancel_timer(ref)
    assert core.cancel_timer(refs[0]) is None
    del refs
    got = [await receive() for _ in range(133)]
    assert sorted(got) == [i for i in range(200) if i % 3]
    for _ in range(20):
        try:
            await receive(timeout=0.0001)
        except TimeoutError:
            pass
    await sleep(0)


run(timers)

# What happens is traced, with names that are too long, or none that can be written.
core.trace(True)


async def idle():
    await receive(timeout=0.001)


idle.__qualname__ = '"\\\n\udc80' + "\xe9" * 500


async def many():
    for _ in range(300):
        send(spawn(idle), 1)
    await sleep(0.01)
    for most in (-1, 0, 1, 5, 64, 1000):
        assert len(core.busiest(most)) <= 64


run(many)
at, length, left_out = core.traced()
carry(at, length, core.room(length))
assert length > 1000 and left_out == 0
core.trace(False)
