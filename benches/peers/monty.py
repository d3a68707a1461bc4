"""pydantic-monty: an interpreter of its own for a subset of Python, in worker processes of a pool.

A worker process is kept, and serves one session after the other: that it runs already is no part of the times.
"""

import atexit
from typing import Any

import pieces
import pydantic_monty
from pydantic_monty import CollectString, MontySession


class Checked:
    """A session that a worker has been checked out for."""

    def __init__(self, session: MontySession) -> None:
        self.session = session.__enter__()

    def run(self, source: str) -> Any:
        return self.session.feed_run(source)

    def printed(self, source: str) -> str:
        printed = CollectString()
        self.session.feed_run(source, print_callback=printed)
        return printed.output

    def close(self) -> None:
        self.session.__exit__(None, None, None)


class Monty:
    def __init__(self, work: pieces.Work) -> None:
        # Each session that is alive has a worker for itself.
        self.pool = pydantic_monty.Monty(max_processes=work["alive"] + 2).__enter__()
        atexit.register(self.pool.__exit__, None, None, None)
        self.workers: set[int] = set()

    def open(self, deadline: float, memory: int | None = None) -> Checked:
        limits: pydantic_monty.ResourceLimits = {"max_feed_duration_secs": deadline}
        if memory is not None:
            limits["max_memory"] = memory
        checked = Checked(self.pool.checkout(limits=limits))
        if (worker := checked.session.worker_pid) is not None:
            self.workers.add(worker)
        return checked

    def first(self, source: str, deadline: float) -> Checked:
        session = self.open(deadline)
        session.run(source)
        return session

    def processes(self) -> list[int]:
        return sorted(self.workers)


if __name__ == "__main__":
    pieces.main(Monty)
