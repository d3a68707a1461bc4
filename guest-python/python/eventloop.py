"""An asyncio event loop for a world without sockets, pipes and threads: timers, tasks and queues.

The stock loop wakes itself through a socket pair, which WASI does not have. What wakes this loop from
outside is a function of the host that has ended; it waits for these where it sleeps.
"""

import asyncio
import contextvars
import socket
import time
from asyncio import base_events, events
from collections.abc import Callable

from _ophidia import interop


class _Sleeper:
    """Stands where a selector stands: no file is ever ready, so selecting is sleeping, or waiting for
    the host."""

    def select(self, timeout: float | None) -> list[object]:
        if interop.is_waiting():
            interop.attend(timeout)
            return []
        if timeout is None:
            raise RuntimeError(
                "the event loop waits for nothing that could ever happen: "
                "no task is ready, no timer is set, and there is no input or thread to wake it"
            )
        if timeout > 0:
            time.sleep(timeout)
        return []


class EventLoop(base_events.BaseEventLoop):
    """Runs callbacks and timers; transports, subprocesses and executors are refused by asyncio."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Sleeper()

    def _process_events(self, event_list: list[object]) -> None:
        """Nothing to process: the sleeper reports no events."""

    def _write_to_self(self) -> None:
        """Nothing to wake: callbacks are only ever added from this loop's own thread."""

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

    async def getaddrinfo(self, *args: object, **kwargs: object) -> list[tuple]:
        """Fail as a program expects of a name look-up, where a thread would be asked to do it."""
        return socket.getaddrinfo(*args, **kwargs)


class EventLoopPolicy(events.BaseDefaultEventLoopPolicy):
    """Makes `EventLoop` the loop of `asyncio.run`."""

    _loop_factory = EventLoop


def install() -> None:
    """Make the policy asyncio's default, also for programs that ask for the default by name."""
    asyncio.DefaultEventLoopPolicy = EventLoopPolicy
    asyncio.SelectorEventLoop = EventLoop
    asyncio.EventLoop = EventLoop
    events._event_loop_policy = None
    _patch_default(EventLoopPolicy)


def _patch_default(policy: type) -> None:
    def init_policy() -> None:
        with events._lock:
            if events._event_loop_policy is None:
                events._event_loop_policy = policy()

    events._init_event_loop_policy = init_policy
