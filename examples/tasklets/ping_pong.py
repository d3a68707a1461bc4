"""Two tasklets that send each other a ball: `ping_pong.py [TIMES]`.

ophidia run examples/tasklets/ping_pong.py 3
"""

import sys

from ophidia.tasklets import Pid, monitor, receive, run, self_, spawn


async def pong() -> None:
    """Answers each ping."""
    while True:
        match await receive():
            case ("ping", Pid() as sender, number):
                sender << ("pong", number)
            case "finished":
                print("pong finished")
                return


async def ping(times: int, partner: Pid) -> None:
    """Serves so many times."""
    for number in range(times):
        partner << ("ping", self_(), number)
        _, back = await receive(("pong", number))
        if times <= 10 or back == times - 1:
            print(f"pong {back}")
    partner << "finished"


async def main(times: int) -> None:
    partner = spawn(pong)
    ref = monitor(partner)
    spawn(ping, times, partner)
    await receive(("DOWN", ref, partner, "normal"))
    print(f"{times} times")


if __name__ == "__main__":
    run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 3)
