"""A million tasklets that are all alive at once: `million.py [TASKLETS]`. Each adds its number to a sum.

ophidia run --memory 2GiB --timeout 2m examples/tasklets/million.py 1000000
"""

import sys

from ophidia.tasklets import Pid, counters, receive, run, self_, send, spawn


async def worker(number: int, collector: Pid) -> None:
    """Waits for the start, and says its number."""
    await receive()
    send(collector, number)


async def main(tasklets: int) -> None:
    own = self_()
    workers = [spawn(worker, number, own) for number in range(tasklets)]
    print(f"{counters()['alive'] - 1} are alive")
    for pid in workers:
        send(pid, "go")
    total = 0
    for _ in workers:
        total += await receive()
    print(f"their sum: {total}")
    print(f"{counters()['alive'] - 1} are left")


if __name__ == "__main__":
    run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
