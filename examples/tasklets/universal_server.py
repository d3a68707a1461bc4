"""Joe Armstrong's favourite program: a server that does nothing, until it is told what to become.

ophidia run examples/tasklets/universal_server.py
"""

from math import factorial

from ophidia.tasklets import Pid, become, receive, run, self_, spawn


async def universal_server() -> None:
    """Waits for what it is to be."""
    match await receive():
        case ("become", function):
            await become(function)


async def factorial_server() -> None:
    """What it can become: a server that computes."""
    match await receive():
        case (Pid() as sender, int(number)):
            sender << factorial(number)
    await become(factorial_server)


async def main() -> None:
    server = spawn(universal_server)
    server << ("become", factorial_server)
    for number in (5, 50):
        server << (self_(), number)
        print(f"{number}! = {await receive()}")


if __name__ == "__main__":
    run(main)
