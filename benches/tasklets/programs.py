"""What the bench of tasklets runs, in the guest: each function gives the seconds it has taken."""

import asyncio
from time import perf_counter

import numpy
from ophidia.tasklets import Server, call, receive, run, self_, spawn, spawn_monitor, yield_


async def _nothing():
    pass


async def _answering(pid):
    pid << 1


async def _waiting(pid):
    await receive()
    pid << 1


async def _timed(function, arguments):
    began = perf_counter()
    await function(*arguments)
    return perf_counter() - began


def timed(name, *arguments):
    """How long that takes, as a tasklet."""
    return run(_timed, globals()[name], arguments)


async def spawned(count):
    """Spawned and run to their end."""
    for _ in range(0, count, 1000):
        for _ in range(1000):
            spawn(_nothing)
        await yield_()


async def answered(count):
    """Spawned, and each answers."""
    pid = self_()
    for _ in range(count):
        spawn(_answering, pid)
    for _ in range(count):
        await receive()


async def alive(count):
    """All alive at once, each waiting for a message; then each answers one."""
    pid = self_()
    pids = [spawn(_waiting, pid) for _ in range(count)]
    await yield_()
    for one in pids:
        one << 1
    for _ in range(count):
        await receive()


async def _pong():
    while True:
        pid = await receive()
        pid << 1


async def ping_pong(rounds):
    """Two messages a round."""
    other, own = spawn(_pong), self_()
    for _ in range(rounds):
        other << own
        await receive()


async def _forward(pid):
    while True:
        pid << await receive()


async def ring(members, rounds):
    """A message goes round."""
    pid = self_()
    for _ in range(members - 1):
        pid = spawn(_forward, pid)
    for _ in range(rounds):
        pid << 1
        await receive()


class Echo(Server):
    """Replies what it is asked."""

    async def handle_call(self, request):
        return request


async def calls(count, waiting):
    """Calls of a server, with so many other messages waiting."""
    server, own = spawn(Echo), self_()
    for number in range(waiting):
        own << number
    for number in range(count):
        await call(server, number)


async def _queued(own, others, rounds):
    for _ in range(rounds):
        await own.get()
        others.put_nowait(1)


async def _asyncio_ping_pong(rounds):
    one, other = asyncio.Queue(), asyncio.Queue()
    task = asyncio.create_task(_queued(one, other, rounds))
    began = perf_counter()
    for _ in range(rounds):
        one.put_nowait(1)
        await other.get()
    await task
    return perf_counter() - began


def asyncio_ping_pong(rounds):
    """The same with tasks and queues of asyncio."""
    return asyncio.run(_asyncio_ping_pong(rounds))


async def _asyncio_spawned(count):
    began = perf_counter()
    for _ in range(0, count, 1000):
        await asyncio.gather(*(_nothing() for _ in range(1000)))
    return perf_counter() - began


def asyncio_spawned(count):
    """Tasks of asyncio, run to their end."""
    return asyncio.run(_asyncio_spawned(count))


# --- between domains ---


async def count_down(messages, pid):
    """Receives so many messages."""
    for _ in range(messages):
        await receive()
    pid << "done"


async def flood(to, messages):
    """Sends so many."""
    for number in range(messages):
        to << number
        if number % 1000 == 999:
            await yield_()


async def caller(server, count):
    """Calls so often, one after the other."""
    for number in range(count):
        await call(server, number)


async def callers(server, how_many, count, pid):
    """So many callers at once."""
    refs = {spawn_monitor(caller, server, count)[1] for _ in range(how_many)}
    while refs:
        _, ref, _, _ = await receive()
        refs.discard(ref)
    pid << "done"


async def call_times(server, count, pid):
    """How long a call takes, and how long all but one of a hundred do at most."""
    times = []
    for number in range(count):
        began = perf_counter()
        await call(server, number)
        times.append(perf_counter() - began)
    times.sort()
    pid << (times[count // 2], times[count * 99 // 100])


async def give_array(to, megabytes, rounds):
    """An array there and an answer back, so often; tells how long one takes."""
    array = numpy.arange(megabytes * 131_072, dtype="float64")
    times = []
    for _ in range(rounds):
        began = perf_counter()
        to << (self_(), array)
        await receive()
        times.append(perf_counter() - began)
    return sorted(times)[rounds // 2]


async def array_giver(to, megabytes, rounds, pid):
    """The same for whoever asks."""
    pid << await give_array(to, megabytes, rounds)


async def array_taker():
    """Answers each array by its sum's sign."""
    while True:
        pid, array = await receive()
        pid << float(array[-1])


async def spin(turns, pid):
    """Work, in turns."""
    for _ in range(turns):
        sum(range(20_000))
        await yield_()
    pid << "done"
