"""No sandbox: a process for each session, `python3 -I -S` of the very Python that runs this.

A first result is a whole process, `python3 -I -S -c SOURCE`. A session is a process that is sent statements
through a pipe. Limits are those of the system: it is killed when time is up, and `RLIMIT_AS` is its memory.
"""

import os
import resource
import select
import subprocess
import sys

import pieces

# Runs what it is sent, and answers with what that printed, or with an error's text. Sizes come first.
CHILD = """
import io, sys
scope = {"__name__": "__main__"}
requests, answers = sys.stdin.buffer, sys.stdout.buffer
while size := requests.read(5):
    sys.stdout = io.StringIO()
    failed = 0
    try:
        exec(requests.read(int.from_bytes(size, "big")).decode(), scope)
        text = sys.stdout.getvalue()
    except BaseException as error:
        failed, text = 1, f"{type(error).__name__}: {error}"
    answer = text.encode()
    answers.write(bytes([failed]) + len(answer).to_bytes(5, "big") + answer)
    answers.flush()
"""

OPTIONS = ["-I", "-S", "-c"]


class Process:
    """A process that is sent statements."""

    def __init__(self, deadline: float, memory: int | None) -> None:
        pipe = subprocess.PIPE
        self.child = subprocess.Popen([sys.executable, *OPTIONS, CHILD], stdin=pipe, stdout=pipe, bufsize=0)
        self.deadline = deadline
        if memory is not None:
            resource.prlimit(self.child.pid, resource.RLIMIT_AS, (memory, memory))

    def run(self, source: str) -> None:
        self.printed(source)

    def printed(self, source: str) -> str:
        assert self.child.stdin is not None
        request = source.encode()
        self.child.stdin.write(len(request).to_bytes(5, "big") + request)
        head = self.read(6)
        text = self.read(int.from_bytes(head[1:], "big")).decode()
        if head[0]:
            raise RuntimeError(text)
        return text

    def read(self, size: int) -> bytes:
        assert self.child.stdout is not None
        whole = b""
        while len(whole) < size:
            if not select.select([self.child.stdout], [], [], self.deadline)[0]:
                self.child.kill()
                raise TimeoutError(f"{self.deadline} s allowed")
            part = self.child.stdout.read(size - len(whole))
            if not part:
                raise RuntimeError("the process has ended")
            whole += part
        return whole

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                pipe.close()


class Ended:
    """A process that has run to its end: there is nothing to drop."""

    def run(self, source: str) -> None:
        raise RuntimeError("the process has ended")

    def printed(self, source: str) -> str:
        raise RuntimeError("the process has ended")

    def close(self) -> None:
        pass


class Native:
    def __init__(self) -> None:
        self.opened: list[Process] = []

    def open(self, deadline: float, memory: int | None = None) -> Process:
        process = Process(deadline, memory)
        self.opened = [one for one in self.opened if one.child.returncode is None]
        self.opened.append(process)
        return process

    def first(self, source: str, deadline: float) -> Ended:
        child = os.posix_spawn(sys.executable, [sys.executable, *OPTIONS, source], {})
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 0:
            raise RuntimeError(f"the process ended with {status}")
        return Ended()

    def processes(self) -> list[int]:
        return [one.child.pid for one in self.opened]


if __name__ == "__main__":
    pieces.main(lambda _: Native())
