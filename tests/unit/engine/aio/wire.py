"""An engine, a server that says what it is told to, and requests as bytes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from meshclient.engine.aio.engine import AsyncEngine
from meshclient.engine.target import Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from threading import Event

    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.engine.aio.pool import AsyncPool
    from meshclient.engine.marks import Marks
    from unit.http.rawserver import Connection

    Result = TypeVar("Result")

# Seconds in which everything here is done, on a busy machine as well.
BOUND = 60.0
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
NEVER = inf


class Run(Protocol):
    """Runs a coroutine to its end, on a loop of its own."""

    def __call__(self, main: Coroutine[Any, Any, Result]) -> Result: ...


def now() -> float:
    """The engine's clock."""
    return time.monotonic()


def soon() -> float:
    """A limit that is not reached."""
    return now() + BOUND


async def connected(pool: AsyncPool, seconds: float = BOUND, marks: Marks | None = None) -> AsyncConnection:
    """As callers do it."""
    return pool.take() or await pool.acquire(now() + seconds, seconds, marks)


async def call(pool: AsyncPool, data: bytes = GET, seconds: float = BOUND, **more: Any) -> tuple[int, bytes]:
    """One exchange from beginning to end."""
    connection = await connected(pool)
    await connection.exchange(data, now() + seconds, **more)
    answer = connection.status, connection.take()
    connection.release()
    return answer


@contextlib.asynccontextmanager
async def engine_to(port: int, **settings: Any) -> AsyncIterator[AsyncPool]:
    """A pool of an engine that is closed afterwards."""
    engine = AsyncEngine(**settings)
    try:
        yield engine.pool(Target("127.0.0.1", port))
    finally:
        await engine.aclose()


async def until(condition: Callable[[], bool], seconds: float = BOUND) -> None:
    """Wait for what other threads or the loop are about to do."""
    end = now() + seconds
    while not condition():
        if now() > end:
            raise AssertionError("it did not come to pass")
        await asyncio.sleep(0.002)


def descriptors() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def holding(over: Event) -> Callable[[Connection], None]:
    """A rule: nothing is read or said until `over`."""

    def rule(connection: Connection) -> None:
        over.wait(BOUND)

    return rule


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def rest(connection: AsyncConnection, parts: list[bytes] | None = None) -> bytes:
    parts = [] if parts is None else parts
    while part := await connection.read():
        parts.append(part)
    return b"".join(parts)


async def pour(connection: AsyncConnection) -> None:
    """A body that does not end before the server does, or says that it has had enough."""
    while not connection.headed:
        await connection.write(chunk(bytes(2**20)))


def skip_head(connection: Connection) -> None:
    """A request's head is read, and leave its body."""
    while connection._file.readline() not in {b"\r\n", b""}:
        pass
