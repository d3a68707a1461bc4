"""Interpreters of a group: the host carries messages between their tasklets, and steps through what they do."""

import logging

from _ophidia import _tasklets as core
from _ophidia import rest
from ophidia.tasklets import _remote

_log = logging.getLogger("ophidia.tasklets")


async def _serve() -> None:
    """Until the host has enough of it."""
    await rest.loop().create_future()


def begin(domain: int, trusts: bool) -> object:
    """What is stepped through: this interpreter is that domain now."""
    _remote.begin(domain, trusts)
    rest.expects = True
    return rest.begin(_serve())


def room(size: int) -> int:
    """The address at which the host writes so many bytes that have come, for the next step."""
    return core.room(size)


def step(task: object, why: int, came: int) -> tuple[object, tuple[int, int], tuple[int, int]]:
    """Takes the bytes that came and runs what can be run. Gives what it waits for, as `rest.step` does; where
    what is to go to others lies, until the next step; how many tasklets there are, and refused messages."""
    core.gone()
    refused = 0
    if came:
        refused, reason = core.deliver(came)
        if refused:
            _log.warning("%d messages of other interpreters were refused: %s", refused, reason)
    # Answers are not kept back by what runs next.
    waits = (0.0, True, ()) if core.outgoing()[1] and not why else rest.step(task, why)
    return waits, core.outgoing(), (core.counters()["alive"], refused)
