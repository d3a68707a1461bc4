"""What the other parts of the native bridge find in `__main__`: values of all kinds, and functions to call."""

import array  # noqa: F401
import asyncio
import datetime
import decimal  # noqa: F401
import enum
import fractions  # noqa: F401
import pathlib  # noqa: F401
import sys  # noqa: F401
import uuid  # noqa: F401

from _ophidia import _tasklets as core  # noqa: F401
from _ophidia import rest
from ophidia import tasklets


class Zone(datetime.tzinfo):
    """A zone of the program's own."""

    def utcoffset(self, when):
        """An hour."""
        return datetime.timedelta(hours=1)


class Colour(enum.Enum):
    """Names of numbers."""

    RED = 1


class Flags(enum.Flag):
    """Several at once."""

    A = 1
    B = 2


class Whole(int):
    """Of subclasses of what is built in."""


class Text(str):
    """The same."""


class Raw(bytes):
    """The same."""


class Items(list):
    """The same."""


class Names(dict):
    """The same."""


class Few(set):
    """The same."""


class Number(float):
    """The same."""


class Both(complex):
    """The same."""


class Ends:
    """An iterator that is at its end, and fails."""

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration(5)

    def send(self, value):
        """As of a generator."""
        raise StopIteration(value)


class Angry:
    """Fails at whatever is asked of it."""

    def __getattr__(self, name):
        raise ValueError(name)

    def _fail(self, *args):
        raise RuntimeError("of itself")

    __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __str__ = __repr__ = __contains__ = __getitem__ = _fail
    __setitem__ = __delitem__ = __call__ = _fail


class Shrinks(list):
    """Changes while it is looked at."""

    def __len__(self):
        return -1

    def __iter__(self):
        self.append(self)
        return super().__iter__()

    def __str__(self):
        self.clear()
        return "\udc80"


class Mute(Exception):
    """Has no text."""

    def __str__(self):
        raise ValueError("nothing to say")


class Module:
    """What has a method."""

    @staticmethod
    def take(*values, **more):
        """How many values came."""
        return len(values) + len(more)


take = Module.take


def steps():
    """A generator that takes what it is sent."""
    value = 0
    for _ in range(1000):
        value = yield value


def deep(levels: int) -> list:
    """Lists in one another."""
    value = []
    for _ in range(levels):
        value = [value]
    return value


def same(one: object, other: object) -> bool:
    """Whether a value is equal to what came back of it."""
    if one is other:
        return True
    if isinstance(one, float | complex) and one != one:
        return other != other
    if isinstance(one, Zone) or getattr(one, "tzinfo", None) is not None:
        return one.utcoffset() == other.utcoffset() and one.replace(tzinfo=None) == other.replace(tzinfo=None)
    if isinstance(one, decimal.Decimal) and not one.is_finite():
        return str(one) == str(other)
    return one == other


def entered() -> None:
    """What the host runs while it is called."""
    global levels
    levels += 1
    if levels < most_levels:
        enter()


levels, most_levels = 0, 3


async def resting() -> None:
    """A program that rests: timers, calls of the host, tasklets."""
    assert await wait(7) == 7
    await asyncio.gather(*(asyncio.sleep(0.001 * i) for i in range(5)))

    async def double():
        sender, number = await tasklets.receive()
        sender << number * 2

    async def main():
        pid = tasklets.spawn(double)
        pid << (tasklets.self_(), 21)
        assert await tasklets.receive() == 42
        await tasklets.sleep(0.001)
        assert await wait("text") == "text"

    await tasklets.run_async(main)


rest_step = rest.step
