"""A logger, and one that logs "hello world" with it: generators that yield what they want.

ophidia run examples/tasklets/log_info.py
"""

from collections.abc import Iterator

from ophidia.tasklets import Pid, run, self_


def log_info() -> Iterator[tuple]:
    """Prints what it is sent, numbered, until it is told to stop; then says how much that was."""
    count = 0
    while True:
        match (yield ("recv",)):
            case ("info", text):
                count += 1
                print(f"{count} INFO {text}")
            case ("stop", Pid() as sender):
                yield ("send", sender, ("logged", count))
                return


def log_hello_world(logger: Pid, times: int) -> Iterator[tuple]:
    """Logs, and lets others run in between."""
    for number in range(times):
        yield ("send", logger, ("info", f"hello world {number}"))
        yield ("yield",)


def main() -> Iterator[tuple]:
    logger = yield ("spawn", log_info)
    yield ("spawn", log_hello_world, logger, 3)
    for _ in range(4):
        yield ("yield",)
    yield ("send", logger, ("stop", self_()))
    print((yield ("recv",)))


if __name__ == "__main__":
    run(main)
