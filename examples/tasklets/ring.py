"""A ring of tasklets that a message goes round: `ring.py [TASKLETS [ROUNDS]]`.

ophidia run examples/tasklets/ring.py 1000 10
"""

import sys

from ophidia.tasklets import Pid, receive, run, self_, send, spawn


async def link_of_the_ring(following: Pid) -> None:
    """Hands on what it gets, and ends with the last round."""
    rounds = 1
    while rounds > 0:
        rounds, hops = await receive()
        send(following, (rounds, hops + 1))


async def main(tasklets: int, rounds: int) -> None:
    first = self_()
    for _ in range(tasklets - 1):
        first = spawn(link_of_the_ring, first)
    hops = 0
    for left in reversed(range(rounds)):
        send(first, (left, hops))
        _, hops = await receive()
        hops += 1
    print(f"{tasklets} tasklets, {rounds} rounds: {hops} messages")


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    run(main, *(numbers + [100, 10][len(numbers) :]))
