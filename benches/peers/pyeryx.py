"""pyeryx: CPython in a WebAssembly component, in this process (`eryx.Sandbox`, `eryx.Session`)."""

import eryx
import pieces


class Kept:
    """A sandbox or a session of eryx's."""

    def __init__(self, inner: eryx.Sandbox | eryx.Session) -> None:
        self.inner: eryx.Sandbox | eryx.Session | None = inner

    def run(self, source: str) -> eryx.ExecuteResult:
        assert self.inner is not None
        return self.inner.execute(source)

    def printed(self, source: str) -> str:
        return self.run(source).stdout_text

    def close(self) -> None:
        # There is no other way to end one.
        self.inner = None


class Eryx:
    def open(self, deadline: float, memory: int | None = None) -> Kept:
        milliseconds = round(deadline * 1_000)
        if memory is None:
            return Kept(eryx.Session(execution_timeout_ms=milliseconds))
        # A session made like this has no limit of memory.
        limits = eryx.ResourceLimits(execution_timeout_ms=milliseconds, max_memory_bytes=memory)
        return Kept(eryx.Sandbox(resource_limits=limits))

    def first(self, source: str, deadline: float) -> Kept:
        limits = eryx.ResourceLimits(execution_timeout_ms=round(deadline * 1_000))
        sandbox = Kept(eryx.Sandbox(resource_limits=limits))
        sandbox.run(source)
        return sandbox

    def processes(self) -> list[int]:
        return []


if __name__ == "__main__":
    pieces.main(lambda _: Eryx())
