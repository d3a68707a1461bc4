"""A tree of supervisors that survives crashes: what has failed is started again, and nobody else is touched.

ophidia run examples/tasklets/supervised.py
"""

import logging

from ophidia.tasklets import (
    ProcessExited,
    Server,
    Supervisor,
    call,
    child,
    register,
    run,
    self_,
    sleep,
    spawn,
    whereis,
)


class Counter(Server):
    """Counts; anything but "count" is more than it can bear."""

    async def init(self, name: str) -> None:
        self.count = 0
        register(name, self_())

    async def handle_call(self, request: object) -> int:
        if request != "count":
            raise ValueError(f"cannot {request}")
        self.count += 1
        return self.count


async def main() -> None:
    logging.getLogger("ophidia.tasklets").setLevel(logging.CRITICAL)  # crashes are expected here
    a, b, c = (child(Counter, name, id=name) for name in "abc")
    pair = child(Supervisor, (b, c), "one_for_all", id="pair")
    spawn(Supervisor, (a, pair))
    await sleep(0.05)
    for name in "abc":
        print(name, await call(name, "count"), await call(name, "count"))
    for name in "ab":
        before = {other: whereis(other) for other in "abc"}
        try:
            await call(name, "explode")
        except ProcessExited as error:
            print(f"{name} ended: {error.reason[1]}")
        await sleep(0.05)
        again = [other for other in "abc" if whereis(other) != before[other]]
        print("started again:", ", ".join(again))
    for name in "abc":
        print(name, await call(name, "count"))


if __name__ == "__main__":
    run(main)
