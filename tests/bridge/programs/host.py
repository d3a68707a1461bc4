"""Functions and objects of the host: arguments there and back, errors, entries further in, awaited calls."""

import asyncio
import fractions
import gc
import inspect
import sys
import weakref

from _ophidia import _host, interop

import __main__


def raises(kind, function, *args, **more):
    try:
        function(*args, **more)
    except kind as error:
        return error
    raise AssertionError(f"{function} raises nothing")


for one in (None, True, 5, -(2**63), 1.5, "text", "\xe9", [1, [2]], {"a": (1, b"")}, 2**80, "\udc80", b"\0"):
    came = echo(one)
    assert came == one or came == (one,), (one, came)
assert echo() == () or echo() is None
assert echo(1, "two", [3]) == (1, "two", [3])
assert echo(*range(40)) == tuple(range(40))
assert echo(1, two=2, three=[3]) == (1, 2, [3], ("two", "three"))
assert echo([object])[0] == [object]
assert str(raises(RuntimeError, fail)) == "as it was asked to"
raises(RuntimeError, fail, 2**70)

# Long answers take a buffer of their own, at each level.
for length in (0, 1, 4091, 4092, 5000, 1 << 21, 3):
    assert len(long(length)) == length
assert long(256)[255] == 255

# Answers that are cut off.
for length in range(23):
    assert "cut off" in str(raises(SystemError, cut, length))
assert cut(23) == [1, "text"]

# Levels.
__main__.levels, __main__.most_levels = 0, 100
raises(RuntimeError, enter)
assert __main__.levels == 31, __main__.levels
__main__.levels, __main__.most_levels = 0, 3
enter()

# Attributes, references, ends.
assert inspect.signature(echo).parameters and repr(echo) == "<host function echo>"
echo.extra = [echo]
assert weakref.ref(echo)() is echo and echo.__name__ == "echo"
del echo.extra
things = [thing() for _ in range(100)]
assert all(type(one) is _host.Object for one in things)
Held = interop.make_class("Held", None, "m", None, {}, {}, None)
held = interop.make_instance(Held, things[0])
raises(ValueError, interop.make_instance, Held, things[0])
raises(TypeError, _host.Object, 5)
raises(TypeError, Held)
echo(things, held)
del things, held
gc.collect()

# Converters: none is applied to what one does itself, and one may take itself away.
before = interop.open_scope([(list, lambda value: (echo(b""), tuple(value))[1]), (bytes, len)])
assert long(10) == 10
interop.close_scope(before)


def closing(value):
    _host.set_converters(None)
    gc.collect()
    return value


before = interop.open_scope([(bytes, closing)])
assert long(3) == b"\0\1\2"
_host.set_converters(before)


# Calls that are awaited.
async def calls():
    assert await asyncio.gather(*(wait(i) for i in range(20))) == list(range(20))
    task = asyncio.ensure_future(wait([1]))
    await asyncio.sleep(0)
    task.cancel()
    assert await wait({"a": fractions.Fraction(1, 2)}) == {"a": fractions.Fraction(1, 2)}


asyncio.run(calls())
raises(RuntimeError, wait, 1)

# sys.flags, interruptions, sources.
_host.set_flag("utf8_mode", 0)
_host.set_flag("utf8_mode", 1)
assert sys.flags.utf8_mode == 1
raises(ValueError, _host.count_depth, [int] * 100)
assert isinstance(_host.take_sources(), list)
_host.finalize([object(), calls, type])
for asked in (1, 2, 3, 20, 100):
    try:
        interrupt(asked)
        while True:
            [echo(i) for i in range(10)]
    except KeyboardInterrupt:
        pass
