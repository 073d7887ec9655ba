"""An engine, a server that says what it is told to, and requests as bytes."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshclient.engine.blocking.engine import Engine
from meshclient.engine.target import Target
from unit.http.rawserver import RawServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshclient.engine.blocking.connection import Connection
    from meshclient.engine.blocking.pool import Pool
    from unit.http import rawserver

# Seconds in which everything here is done, on a busy machine as well.
BOUND = 60.0
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"
CHUNKED_POST = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


def soon() -> float:
    """A limit that is not reached."""
    return time.monotonic() + BOUND


def connected(pool: Pool, seconds: float = BOUND) -> Connection:
    """As callers do it."""
    return pool.take() or pool.acquire(time.monotonic() + seconds, seconds)


def call(pool: Pool, data: bytes = GET, seconds: float = BOUND, **more: Any) -> tuple[int, bytes]:
    """One exchange from beginning to end."""
    connection = connected(pool)
    connection.exchange(data, time.monotonic() + seconds, **more)
    answer = connection.status, connection.take()
    connection.release()
    return answer


def post(size: int) -> bytes:
    """A request with a body of that size."""
    return b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size


@contextlib.contextmanager
def engine_to(*ports: int, **settings: Any) -> Iterator[list[Pool]]:
    """Pools of an engine that is closed afterwards."""
    engine = Engine(**settings)
    try:
        yield [engine.pool(Target("127.0.0.1", port)) for port in ports]
    finally:
        engine.close()


@contextlib.contextmanager
def served(rule: Callable[[rawserver.Connection], None], **settings: Any) -> Iterator[tuple[Pool, RawServer]]:
    """A server and a pool of connections to it."""
    with RawServer(rule) as server, engine_to(server.port, **settings) as (pool,):
        yield pool, server


def gone(connection: rawserver.Connection) -> None:
    """Wait until the client has closed."""
    with contextlib.suppress(ConnectionError):
        while connection.sock.recv(65536):
            pass


def descriptors() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
