"""An asyncio pipeline: producers, workers and a collector over bounded queues, with retries,
timeouts, a task group, a semaphore, an event, async generators and clean cancellation.

    ophidia run examples/pipeline.py
"""

import asyncio
import contextvars
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PAGES = {f"/item/{n}": (n * 37) % 5 for n in range(12)}
trace_id: contextvars.ContextVar[str] = contextvars.ContextVar("trace_id", default="-")


class Unavailable(Exception):
    """The pretended server has no answer this time."""


@dataclass
class Server:
    """Pretends to be slow and sometimes broken, the same way on every run."""

    limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(3))
    calls: dict[str, int] = field(default_factory=dict)
    busy: int = 0
    most_busy: int = 0

    async def fetch(self, path: str) -> bytes:
        async with self.limit:
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
            try:
                self.calls[path] = call = self.calls.get(path, 0) + 1
                weight = PAGES[path]
                await asyncio.sleep(0.001 * weight)
                if weight == 4 and call < 3:
                    raise Unavailable(path)
                if weight == 3 and call == 1:
                    await asyncio.sleep(3600)
                return hashlib.sha256(path.encode()).digest()[: 4 + weight]
            finally:
                self.busy -= 1


async def with_retries(server: Server, path: str, log: list[str]) -> bytes:
    for attempt in range(1, 5):
        try:
            async with asyncio.timeout(0.5):
                return await server.fetch(path)
        except TimeoutError:
            log.append(f"{trace_id.get()}: timed out, attempt {attempt}")
        except Unavailable:
            log.append(f"{trace_id.get()}: unavailable, attempt {attempt}")
        await asyncio.sleep(0)
    raise Unavailable(path)


async def produce(paths: asyncio.Queue[str | None], workers: int) -> None:
    for path in PAGES:
        await paths.put(path)
    for _ in range(workers):
        await paths.put(None)


async def work(
    server: Server,
    paths: asyncio.Queue[str | None],
    results: asyncio.Queue[tuple[str, bytes]],
    log: list[str],
) -> int:
    done = 0
    while (path := await paths.get()) is not None:
        trace_id.set(path.rpartition("/")[2])
        await results.put((path, await with_retries(server, path, log)))
        done += 1
    return done


async def stream(results: asyncio.Queue[tuple[str, bytes]], count: int) -> AsyncIterator[tuple[str, bytes]]:
    for _ in range(count):
        yield await results.get()
        results.task_done()


@asynccontextmanager
async def stage(name: str) -> AsyncIterator[None]:
    print(f"-- {name}")
    try:
        yield
    finally:
        print(f"-- {name} done, {len(asyncio.all_tasks()) - 1} other tasks")


async def crawl() -> None:
    server = Server()
    paths: asyncio.Queue[str | None] = asyncio.Queue(maxsize=2)
    results: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(maxsize=4)
    log: list[str] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(produce(paths, workers=4))
        workers = [group.create_task(work(server, paths, results, log)) for _ in range(4)]
        found = {path: data async for path, data in stream(results, len(PAGES))}
    for path, data in sorted(found.items()):
        print(f"  {path:9} {len(data)} {data.hex()} after {server.calls[path]} calls")
    for line in sorted(log):
        print("  note", line)
    print("  fetched by all workers:", sum(worker.result() for worker in workers))
    print("  never more than", server.most_busy, "at once")


async def fail_together() -> None:
    async def broken(delay: float, error: Exception) -> None:
        await asyncio.sleep(delay)
        raise error

    async def patient(seen: list[str]) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    seen: list[str] = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(patient(seen))
            group.create_task(broken(0.002, ValueError("first")))
            group.create_task(broken(3600, KeyError("never")))
    except* ValueError as errors:
        print("  group:", [repr(error) for error in errors.exceptions], seen)
    outcomes = await asyncio.gather(
        broken(0, LookupError("x")), asyncio.sleep(0.001, "slept"), return_exceptions=True
    )
    print("  gather:", outcomes)


async def signals() -> None:
    ready = asyncio.Event()
    order: list[str] = []

    async def waiter(name: str) -> None:
        await ready.wait()
        order.append(name)

    tasks = [asyncio.create_task(waiter(name), name=name) for name in "abc"]
    loop = asyncio.get_running_loop()
    loop.call_later(0.003, ready.set)
    loop.call_soon(order.append, "soon")
    done, pending = await asyncio.wait(tasks, timeout=5)
    print("  order:", order, len(done), len(pending))
    condition = asyncio.Condition()
    async with condition:
        print("  condition held:", condition.locked())
    finished = [await task for task in asyncio.as_completed([asyncio.sleep(0.004, 2), asyncio.sleep(0, 1)])]
    print("  as completed:", finished)
    started = loop.time()
    await asyncio.sleep(0.02)
    print("  slept long enough:", 0.019 < loop.time() - started < 5)


async def main() -> None:
    async with stage("crawl"):
        await crawl()
    async with stage("failures"):
        await fail_together()
    async with stage("signals"):
        await signals()


if __name__ == "__main__":
    asyncio.run(main())
