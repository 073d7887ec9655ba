"""What an idle connection costs in memory: a thousand of them, kept by the engine's own pool."""

from __future__ import annotations

import asyncio
import gc
import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

from _clients.cell import Result
from _clients.worker import prepare, resident, run

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST = 50  # opened and left open before memory is read: by then all that is needed once is there


def measured(origin: str, count: int, loop: str, core: int | None) -> Result:
    """`Result.memory` is MB for each connection."""
    prepare(30.0, core)
    return run(opened(origin, count, loop), loop)


async def opened(origin: str, count: int, loop: str) -> Result:
    engine: Any = import_module("meshclient.engine.aio.engine").AsyncEngine()
    target: Any = import_module("meshclient.engine.target").Target
    host, _, port = origin.removeprefix("http://").partition(":")
    pool = engine.pool(target(host, int(port)))
    request = f"GET /g HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()

    async def kept(number: int) -> None:
        connections = await asyncio.gather(*(pool.acquire(math.inf, 10.0) for _ in range(number)))
        await asyncio.gather(*(connection.exchange(request, math.inf) for connection in connections))
        release(connections)

    def release(connections: Sequence[Any]) -> None:
        for connection in connections:
            if not connection.take():
                raise AssertionError(loop)
            connection.release()

    await kept(FIRST)
    gc.collect()
    before = resident()
    # acquire() takes the first ones again, so that these are held meanwhile.
    await kept(FIRST + count)
    gc.collect()
    memory = (resident() - before) / count
    return Result(calls=count, cpu=0.0, rate=0.0, p50=0.0, p99=0.0, memory=memory / 1e6)
