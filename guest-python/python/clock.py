"""Clocks that a module reads when it is imported, made to count from the interpreter's own start."""

import logging
import time


class _StartTime:
    """Stands where logging keeps the nanoseconds since the epoch at which it was imported.

    The host's monotonic clock reads zero when an interpreter starts, so that the start can be told
    at any time later, and nothing has to be set when it happens.
    """

    def __index__(self) -> int:
        return time.time_ns() - time.monotonic_ns()

    __int__ = __index__

    def __float__(self) -> float:
        return float(int(self))

    def __rsub__(self, other: int) -> int:
        return other - int(self)

    def __truediv__(self, other: float) -> float:
        return int(self) / other


def install() -> None:
    """Replace what the snapshot would freeze."""
    logging._startTime = _StartTime()
