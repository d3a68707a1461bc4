"""The pieces of work, done by way of what every peer offers: `main` does the one that the driver asks for.

The driver (`main.rs`) starts a peer's script with the piece's name and writes the work to its standard input,
as JSON. The answer is one line of JSON: figures by name, or `{"cannot": why}`.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

# Below that much memory of the machine no further session is opened.
SPARE_KIB = 2 << 20

# What the driver writes: see `work.rs`.
type Work = dict[str, Any]

type Figures = dict[str, float | bool | str]


class Session(Protocol):
    """A sandbox that keeps its state."""

    def run(self, source: str) -> object:
        """Runs statements. Raises what they raise, whichever class the peer has for it."""

    def printed(self, source: str) -> str:
        """Runs statements and gives what they printed."""

    def close(self) -> None:
        """Drops the sandbox."""


class Peer(Protocol):
    """A way to run Python."""

    def open(self, deadline: float, memory: int | None = None) -> Session:
        """A new session: seconds that a call may take, bytes it may have (the peer's own default without)."""

    def first(self, source: str, deadline: float) -> Session:
        """A new sandbox that has run this, in the peer's quickest way."""

    def processes(self) -> list[int]:
        """Whichever processes hold the sessions besides this one."""


def main(make: Callable[[Work], Peer]) -> None:
    """Does the piece named by the first argument."""
    work = json.load(sys.stdin)
    try:
        answer = PIECES[sys.argv[1]](make(work), work)
    except Exception as error:
        answer = {"cannot": said(error)}
    print(json.dumps(answer), flush=True)


def said(error: Exception) -> str:
    """The last line of an error's text, which is where most peers put Python's own."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1].strip()}"[:200]


def prepare(peer: Peer, work: Work) -> Figures:
    """Lets the peer make whatever it makes once a machine."""
    peer.first(work["statement"], work["deadline"]).close()
    return {}


def first(peer: Peer, work: Work) -> Figures:
    """A new sandbox, its first result, and its end."""
    started, dropped = [], []

    def one() -> None:
        began = time.perf_counter()
        session = peer.first(work["statement"], work["deadline"])
        had = time.perf_counter()
        session.close()
        dropped.append(time.perf_counter() - began)
        started.append(had - began)

    repeat(one, work)
    return {"first_us": median_us(started), "dropped_us": median_us(dropped)}


def agent(peer: Peer, work: Work) -> Figures:
    """A session is opened and fed statements one by one. Its end is left out."""
    times = []

    def one() -> None:
        began = time.perf_counter()
        session = peer.open(work["deadline"])
        for statement in work["session"]:
            session.run(statement)
        times.append(time.perf_counter() - began)
        expect(session.printed("print(report)"), work["report"])
        session.close()

    repeat(one, work)
    return {"agent_us": median_us(times)}


def speed(peer: Peer, work: Work) -> Figures:
    """The programs' quickest runs, timed from outside, in a session that has run each of them once."""
    figures: Figures = {}
    for name, program in work["programs"].items():
        session = peer.open(work["deadline"])
        session.run(program["source"])
        expect(session.printed("print(main())"), program["result"])
        times = []
        for _ in range(work["program_runs"]):
            began = time.perf_counter()
            session.run("found = main()")
            times.append(time.perf_counter() - began)
        session.close()
        figures[f"{name}_us"] = min(times) * 1e6
    return figures


def alive(peer: Peer, work: Work) -> Figures:
    """Memory of one more session that has answered a call, over many that are alive at once."""
    sessions = [answering(peer, work)]
    before = pss_kib(peer)
    stopped = None
    while len(sessions) <= work["alive"] and stopped is None:
        try:
            sessions.append(answering(peer, work))
        except Exception as error:
            stopped = said(error)
        if memory_available_kib() < SPARE_KIB:
            stopped = "no memory of the machine left"
    after = pss_kib(peer)
    count = len(sessions) - 1
    if count < 1:
        return {"cannot": f"a second session: {stopped}"}
    for session in sessions:
        expect(session.printed("print(answer(0))"), "1")
        session.close()
    figures: Figures = {"alive_kib": (after - before) / count, "alive": count}
    return figures if stopped is None else figures | {"stopped": stopped}


def answering(peer: Peer, work: Work) -> Session:
    session = peer.open(work["deadline"])
    session.run("def answer(n):\n    return n + 1\n")
    expect(session.printed("print(answer(1))"), "2")
    return session


def starts(peer: Peer, work: Work) -> Figures:
    """Sandboxes a second that are opened, run `statement` and are dropped, one after the other."""
    prepare(peer, work)
    count = 0
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < work["starts_seconds"]:
        peer.first(work["statement"], work["deadline"]).close()
        count += 1
    return {"starts_per_s": count / elapsed}


def can(peer: Peer, work: Work) -> Figures:
    """Whether a program prints what it should, or is stopped in time: the one named by the second argument."""
    wanted = work["capabilities"][sys.argv[2]]
    session = peer.open(wanted["deadline"], wanted["memory"])
    began = time.perf_counter()
    try:
        printed = session.printed(wanted["source"]).strip()
    except Exception as error:
        late = time.perf_counter() - began > wanted["deadline"] + work["late"]
        return {"can": wanted["prints"] is None and not late, "why": said(error)}
    with suppress(Exception):
        session.close()
    return {"can": printed == wanted["prints"], "why": f"printed {printed[:100]!r}"}


def repeat(action: Callable[[], None], work: Work) -> None:
    """Does something so many times, or as often as fits into the seconds given."""
    end = time.perf_counter() + work["seconds"]
    done = 0
    while done < work["least"] or (done < work["times"] and time.perf_counter() < end):
        action()
        done += 1


def median_us(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1e6


def expect(printed: str, wanted: str) -> None:
    if printed.strip() != wanted:
        raise ValueError(f"printed {printed.strip()[:100]!r} instead of {wanted!r}")


def pss_kib(peer: Peer) -> int:
    """Proportional memory of this process and of those that work for it."""
    total = 0
    for process in ["self", *peer.processes()]:
        with open(f"/proc/{process}/smaps_rollup") as lines:
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def memory_available_kib() -> int:
    with open("/proc/meminfo") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


PIECES = {
    "prepare": prepare,
    "first": first,
    "agent": agent,
    "speed": speed,
    "alive": alive,
    "starts": starts,
    "can": can,
}
