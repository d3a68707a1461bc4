"""Programs that await at rest: they are run until nothing of them can go on; then the host is told what they
wait for, and nothing of the guest is on any stack.

One event loop serves all that is awaited in an interpreter: tasks that one operation has begun go on in the
next.
"""

import asyncio
from asyncio import events
from collections.abc import Awaitable
from inspect import isawaitable

from _ophidia import _host, _tasklets, eventloop, interop

# Rounds of the loop after which the host looks at what else it has to do.
_ROUNDS = 256

# Why a program is to end before its time, as the host says it.
_INTERRUPTED, _LATE, _ABANDONED = 1, 2, 3

# Whether something may come from outside at any time: then there is always something to wait for.
expects = False

_loop: eventloop.EventLoop | None = None
_ended_by: dict[asyncio.Task, BaseException] = {}

# Source files in whose code nothing is raised on behalf of the host: a step that is lost there belongs to a
# task that waits for ever.
internal = tuple(
    code.co_filename
    for code in (
        asyncio.BaseEventLoop._run_once.__code__,
        events.Handle._run.__code__,
        eventloop.EventLoop.create_task.__code__,
        interop.attend.__code__,
        (lambda: None).__code__,
    )
)


class Ended:
    """What had nothing to await."""

    __slots__ = ("_result",)

    def __init__(self, result: object) -> None:
        self._result = result

    def done(self) -> bool:
        """As of a task."""
        return True

    def result(self) -> object:
        """As of a task."""
        return self._result


def loop() -> eventloop.EventLoop:
    """The loop of what awaits at rest."""
    global _loop
    if _loop is None or _loop.is_closed():
        _loop = eventloop.EventLoop()
    return _loop


async def _awaited(what: Awaitable) -> object:
    return await what


def begin(what: object) -> asyncio.Task | Ended:
    """A task of what can be awaited; anything else is its own result."""
    if not isawaitable(what):
        return Ended(what)
    if asyncio.iscoroutine(what):
        return loop().create_task(what)
    return loop().create_task(_awaited(what))


def step(task: asyncio.Task | Ended, why: int) -> tuple[float, bool, tuple] | None:
    """Run what can be run. Gives None when the task is done; else the seconds until the next timer (below zero:
    there is none), whether the host works on anything, and the descriptors that are waited for, each with
    whether it is to be written to. `why` ends the task, unless it is 0."""
    if task.done():
        return None
    running = loop()
    if why == _ABANDONED:
        task.cancel()
    elif why:
        _end(task, KeyboardInterrupt() if why == _INTERRUPTED else eventloop.late())
    selector = running._selector
    running._run_forever_setup()
    selector.resting, selector.leaves = True, expects
    try:
        for _ in range(_ROUNDS):
            try:
                running._run_once()
                if not expects:
                    _host.raise_asked()
            except BaseException as error:
                _end(task, error)
            if task.done():
                return None
            if running._ready:
                if expects and _tasklets.is_full():
                    break
                continue
            seconds = running._scheduled[0]._when - running.time() if running._scheduled else -1.0
            if running._scheduled and seconds <= running._clock_resolution:
                continue
            works, descriptors = expects or interop.is_waiting(), selector.waited()
            if works or descriptors or running._scheduled:
                return seconds, works, descriptors
            _end(task, eventloop.nothing_to_wait_for())
        return 0.0, False, ()
    finally:
        selector.resting = False
        running._run_forever_cleanup()


def _end(task: asyncio.Task, error: BaseException) -> None:
    """Cancel a task: what is told of it is this."""
    if not task.done():
        _ended_by.setdefault(task, error)
        task.cancel()


def result(task: asyncio.Task | Ended) -> object:
    """What a task that is done has come to."""
    error = _ended_by.pop(task, None)
    try:
        return task.result()
    except asyncio.CancelledError as where:
        if error is None:
            raise
        raise error.with_traceback(where.__traceback__) from None


def _stop(task: asyncio.Task) -> None:
    """Ends the loop, unless what the task has ended with does."""
    if task.cancelled() or not isinstance(task.exception(), (SystemExit, KeyboardInterrupt)):
        task.get_loop().stop()


def complete(awaitable: Awaitable) -> object:
    """What can be awaited, awaited here: nothing else happens meanwhile."""
    running = loop()
    if events._get_running_loop() is not None:
        if asyncio.iscoroutine(awaitable):
            awaitable.close()
        raise RuntimeError(
            "await at the top level of source text: an event loop is running already, in the call around it"
        )
    task = begin(awaitable)
    if isinstance(task, Ended):
        return task.result()
    task.add_done_callback(_stop)
    while not task.done():
        try:
            running.run_forever()
        except BaseException as error:
            if task in _ended_by:
                raise
            _end(task, error)
    try:
        _host.raise_asked()
    except BaseException:
        _ended_by.pop(task, None)
        raise
    return result(task)


def finish() -> None:
    """The end of the program: tasks that are left are cancelled, as by `asyncio.run`."""
    global _loop
    ending, _loop = _loop, None
    if ending is None or ending.is_closed():
        return
    try:
        asyncio.runners._cancel_all_tasks(ending)
        ending.run_until_complete(ending.shutdown_asyncgens())
    finally:
        ending.close()
