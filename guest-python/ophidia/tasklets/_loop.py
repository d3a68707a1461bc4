"""Tasklets on the event loop: they run in turns of it, and it waits for what they wait for."""

import logging
from asyncio import Future, Handle, TimerHandle, events
from collections.abc import Awaitable, Callable
from functools import partial

from _ophidia import _tasklets as core
from _ophidia import eventloop, rest
from _ophidia._tasklets import Pid

from ophidia.tasklets import _ends, _names, _remote

_log = logging.getLogger("ophidia.tasklets")

# Steps of tasklets in one turn of the loop; then timers, sockets and the host have theirs.
_STEPS = 512
# Tasklets that a text lists.
_LISTED = 20


class Deadlock(RuntimeError):
    """All tasklets wait, and nothing could ever come: `processes` tells of each, as `process_info` does."""

    def __init__(self, processes: list[dict[str, object]], more: int) -> None:
        lines = [
            f"  {one['pid']!r} {one['function']}, line {one['line']}: {one['status']}" for one in processes
        ]
        if more:
            lines.append(f"  and {more} more")
        super().__init__("deadlock: all tasklets wait, and nothing can wake them:\n" + "\n".join(lines))
        self.processes = processes


_alarm: TimerHandle | None = None
# The turn that is to come, and the loop that it comes in.
_next: tuple[events.AbstractEventLoop, Handle] | None = None
_mains: set[Future] = set()
# In an interpreter of a group: the program's main tasklet in the first of them, as it was given to `run`;
# nothing in the others, which run the program for its functions. None elsewhere.
mains: list[tuple] | tuple | None = None


def _loop() -> events.AbstractEventLoop:
    return events._get_running_loop() or rest.loop()


def _wake() -> None:
    """Some can run: there is one turn at a time, in the loop that runs."""
    global _next
    loop = _loop()
    if _next is not None:
        if _next[0] is loop:
            return
        _next[1].cancel()
    _next = loop, loop.call_soon(_turn)


def _turn() -> None:
    global _alarm, _next
    _next = None
    seconds = 0.0
    try:
        seconds = core.run(_STEPS)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        _fail(error)
    finally:
        if _alarm is not None:
            _alarm.cancel()
            _alarm = None
        if seconds == 0.0:
            _wake()
        elif seconds > 0.0:
            _alarm = _loop().call_later(seconds, _wake)


async def _awaited(what: Awaitable) -> object:
    return await what


def _fail(error: BaseException) -> None:
    """What ends all tasklets' loop ends whoever waits for it."""
    for main in list(_mains):
        if not main.done():
            main.set_exception(error)
    if not _mains:
        _log.error("a turn of tasklets ended with %s: %s", type(error).__name__, error)


def _foreign(pid: Pid, what: object) -> None:
    """A tasklet awaits a future of asyncio's, such as a call of the host."""
    if getattr(what, "_asyncio_future_blocking", None) is None:
        raise RuntimeError(f"a tasklet cannot await what yields {what!r}")
    what._asyncio_future_blocking = False
    extra = core.extra(pid)
    extra.future = what
    what.add_done_callback(partial(_come, pid, extra))


def _come(pid: Pid, extra: _ends.Extra, future: Future) -> None:
    if extra.future is future:
        extra.future = None
        core.wake(pid)


async def run_async(main: Callable, *arguments: object) -> object:
    """Spawns a tasklet and awaits its end: its result, or what it raised. For programs that have an event
    loop."""
    loop = events.get_running_loop()
    future = loop.create_future()
    pid = core.spawn(main, *arguments)
    core.extra(pid).main = future
    _mains.add(future)
    _wake()
    try:
        return await future
    finally:
        _mains.discard(future)
        core.end(pid, "killed")


def run(main: Callable, *arguments: object) -> object:
    """Spawns a tasklet and runs all there are until that one has ended: gives its result, or raises what it
    raised. Others stay where they are, and go on with the next.

    In a program that runs in several interpreters, it says which tasklet is the main one of them all, and
    returns None: that one is spawned in the first interpreter, once the program's text has run there."""
    if mains is not None and core.current() is None and events._get_running_loop() is None:
        if isinstance(mains, list):
            if mains:
                raise RuntimeError(
                    "a program in several interpreters has one main tasklet: run() was called before"
                )
            mains.append((main, arguments))
        return None
    if core.current() is not None or events._get_running_loop() is not None:
        raise RuntimeError("tasklets.run() within a running event loop: await tasklets.run_async(main) there")
    return rest.complete(run_async(main, *arguments))


def _stuck() -> RuntimeError | None:
    """What a program is told that waits for ever, where tasklets do."""
    waiting = core.processes()
    if not _mains or not waiting:
        return None
    found = [_ends.process_info(pid, 3) for pid in waiting[:_LISTED]]
    return Deadlock([one for one in found if one is not None], len(waiting) - len(found))


eventloop.stuck = _stuck
core.hook(
    _ends.ended,
    _ends.Extra,
    _foreign,
    _ends.ProcessExited,
    _ends.MailboxFull,
    _names.lookup,
    _remote.control,
    _remote.calls,
    _awaited,
    _wake,
)
rest.internal += tuple(
    code.__code__.co_filename for code in (_turn, _ends.ended, _names.lookup, _remote.control)
)
