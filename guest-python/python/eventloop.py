"""An asyncio event loop for one thread and no signals: tasks, timers, sockets, and functions of the host.

What wakes this loop from outside is a socket or a function of the host that has ended; it waits for these
where it sleeps. Nothing else can, so it needs no socket pair, and a loop without sockets has no descriptor.
"""

import asyncio
import contextvars
import select
import selectors
import time
from asyncio import events, selector_events, unix_events
from collections.abc import Awaitable, Callable

from _ophidia import _host, interop

# Stands for whatever the host works on, where descriptors are waited for.
_HOST = 0x7FFFFFFF


# What else may wait for ever: gives what is told of that, or None.
stuck: Callable[[], RuntimeError | None] = lambda: None  # noqa: E731


def nothing_to_wait_for() -> RuntimeError:
    """What a program is told that waits for ever."""
    return stuck() or RuntimeError(
        "the event loop waits for nothing that could ever happen: "
        "no task is ready, no timer is set, and there is no input or thread to wake it"
    )


def late() -> TimeoutError:
    """What a program is told whose time is over, as where it is running."""
    return TimeoutError("the time limit of the sandbox")


class _Selector(selectors.PollSelector):
    """Waits for sockets, for the host, or for both. Without either, selecting is sleeping."""

    # The host waits, where nothing is ready.
    resting = False
    # What is asked of the program is left to whatever of it runs next.
    leaves = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._select(0 if self.resting else timeout)
        # Here no step is lost, and nowhere else in the loop.
        if not self.leaves:
            _host.raise_asked()
        return ready

    def _select(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._fd_to_key:
            if not interop.is_waiting():
                return super().select(timeout)
            self._selector.register(_HOST, select.POLLIN)
            try:
                return super().select(timeout)
            finally:
                self._selector.unregister(_HOST)
                interop.attend(0)
        if interop.is_waiting():
            interop.attend(timeout)
            return []
        if timeout is None:
            raise nothing_to_wait_for()
        if timeout > 0:
            time.sleep(timeout)
        return []

    def waited(self) -> tuple[tuple[int, bool], ...]:
        """The descriptors that are waited for, each with whether it is to be written to."""
        return tuple(
            (fd, event == selectors.EVENT_WRITE)
            for fd, key in self._fd_to_key.items()
            for event in (selectors.EVENT_READ, selectors.EVENT_WRITE)
            if key.events & event
        )


async def _awaited(what: Awaitable) -> object:
    return await what


class EventLoop(selector_events.BaseSelectorEventLoop):
    """Runs callbacks, timers and streams; subprocesses and executors are refused by asyncio."""

    def __init__(self) -> None:
        super().__init__(_Selector())

    def create_task(self, coro: Awaitable, **options: object) -> asyncio.Task:
        """Of a call of the host, too: programs take it for one of an `async def`."""
        return super().create_task(_awaited(coro) if isinstance(coro, interop.HostCall) else coro, **options)

    def _make_self_pipe(self) -> None:
        """None is needed: callbacks are only ever added from this loop's own thread."""

    def _close_self_pipe(self) -> None:
        """There is none."""

    def _write_to_self(self) -> None:
        """Nothing to wake."""

    def run_in_executor(self, executor: object, func: Callable, *args: object) -> asyncio.Future:
        """Without an executor of the program's own, run the function at once: there are no threads."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        self._check_closed()
        future = self.create_future()
        try:
            future.set_result(contextvars.Context().run(func, *args))
        except (SystemExit, KeyboardInterrupt):
            raise
        except StopIteration as error:
            future.set_exception(RuntimeError(f"{error!r} cannot be raised into a Future"))
        except BaseException as error:
            future.set_exception(error)
        return future


class EventLoopPolicy(events._BaseDefaultEventLoopPolicy):
    """Makes `EventLoop` the loop of `asyncio.run`."""

    _loop_factory = EventLoop


def install() -> None:
    """Make the policy asyncio's default, also for programs that ask for the default by name."""
    # Where `asyncio.DefaultEventLoopPolicy`, which warns, and what makes the default look for it.
    unix_events._DefaultEventLoopPolicy = EventLoopPolicy
    asyncio.SelectorEventLoop = EventLoop
    asyncio.EventLoop = EventLoop
    events._event_loop_policy = None
