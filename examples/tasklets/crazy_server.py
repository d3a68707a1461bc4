"""A server that is another one after each message: become keeps the pid and the mailbox, and needs no stack.

ophidia run examples/tasklets/crazy_server.py
"""

from collections.abc import Callable, Iterator

from ophidia.tasklets import Pid, run, self_

MOODS: list[tuple[str, Callable[[str], str]]] = [
    ("loud", str.upper),
    ("backwards", lambda text: text[::-1]),
    ("title", str.title),
]
TURNS = 9_999


def crazy_server(turn: int) -> Iterator[tuple]:
    """Answers one message, in a mood that changes with each."""
    mood, change = MOODS[turn % len(MOODS)]
    sender, text = yield ("recv",)
    yield ("send", sender, (mood, change(text)))
    yield ("become", crazy_server, turn + 1)


def main() -> Iterator[tuple]:
    server: Pid = yield ("spawn", crazy_server, 0)
    for text in ("hello, joe", "hello, mike", "hello, robert", "system working?"):
        yield ("send", server, (self_(), text))
        mood, answer = yield ("recv",)
        print(f"{mood}: {answer}")
    for _ in range(TURNS):
        yield ("send", server, (self_(), "again"))
        mood, answer = yield ("recv",)
    print(f"after {TURNS} more: {mood}: {answer}")


if __name__ == "__main__":
    run(main)
