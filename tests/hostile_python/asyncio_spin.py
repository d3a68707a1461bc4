# threat: T3
# ends: limit timeout, exception RuntimeError

import asyncio


async def spin():
    while True:
        await asyncio.sleep(0)


asyncio.run(spin())
