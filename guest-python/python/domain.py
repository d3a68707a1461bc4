"""Interpreters of a group: the host carries messages between their tasklets, and steps through what they do."""

import logging

from _ophidia import _tasklets as core
from _ophidia import rest
from ophidia.tasklets import _loop, _remote

_log = logging.getLogger("ophidia.tasklets")

# Whether the last step gave answers only.
_answered = False


async def _serve() -> None:
    """Until the host has enough of it."""
    await rest.loop().create_future()


def prepare(domain: int, is_first: bool, traces: bool) -> None:
    """What comes before the code of the group."""
    _loop.mains = [] if is_first else ()
    core.set_domain(domain)
    core.trace(traces)


def begin(trusts: bool) -> object:
    """What is stepped through: this interpreter is a domain now."""
    _remote.begin(trusts)
    rest.expects = True
    return rest.begin(_serve())


def room(size: int) -> int:
    """The address at which the host writes so many bytes that have come, for the next step; 0 where there is
    no memory for them."""
    try:
        return core.room(size)
    except MemoryError:
        return 0


def step(task: object, why: int, came: int) -> tuple:
    """Takes the bytes that came and runs what can be run. Gives what it waits for, as `rest.step` does; where
    what is to go to others lies, until the next step; how many tasklets there are, and refused messages; where
    what was traced lies, and how many lines of it are missing."""
    global _answered
    core.gone()
    refused = 0
    if came:
        refused, reason = core.deliver(came)
        if refused:
            _log.warning("%d messages of other interpreters were refused: %s", refused, reason)
    # Answers are not kept back by what runs next, and nothing is kept from running by answers.
    _answered = not why and not _answered and core.outgoing()[1] > 0
    waits = (0.0, True, ()) if _answered else rest.step(task, why)
    return waits, core.outgoing(), (core.counters()["alive"], refused), core.traced()


# Nothing is raised in here on behalf of the host.
rest.internal += (step.__code__.co_filename,)
