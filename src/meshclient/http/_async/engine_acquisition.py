"""A connection for a request that found none idle."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from meshclient.engine.marks import Marks
from meshclient.http._async.engine_network_stream import AsyncConnectionInfo
from meshclient.http._async.engine_stream import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.engine.aio.pool import AsyncPool
    from meshclient.http.trail import Trail


async def async_acquired(pool: AsyncPool, timeouts: Mapping[str, float | None], trail: Trail) -> AsyncConnection:
    """A connection that is opened for this, or becomes free. Raises WireError, and what a trace function raises.

    Args:
        pool: where from.
        timeouts: seconds by httpx's names, of which "connect" and "pool" count.
        trail: is told how far it came. Its `onward` hears of connecting when that begins, or the wait for a free one;
            and when it is over, in `began`, `opened` and `shook`, what `Marks` has of it.
    """
    marks, target = Marks(), pool.target
    await _tell(trail, "connect_tcp.started", host=target.host, port=target.port)
    try:
        until = monotonic() + seconds(timeouts, "pool")
        connection = await pool.acquire(until, seconds(timeouts, "connect"), marks)
    except BaseException as error:
        await _tell(trail, "connect_tcp.failed", exception=error, **_noted(marks))
        raise
    finally:
        trail.began, trail.connected = marks.began, marks.connected
    try:
        await _tell(trail, "connect_tcp.complete", return_value=AsyncConnectionInfo(connection), **_noted(marks))
        if target.tls is not None:
            # The engine does both in one.
            await _tell(trail, "start_tls.started", server_hostname=target.server_name)
            await _tell(trail, "start_tls.complete", return_value=AsyncConnectionInfo(connection))
    except BaseException as error:
        connection.abandon(f"its exchange ended in {type(error).__name__}")
        raise
    return connection


def _noted(marks: Marks) -> dict[str, object]:
    """In words of our own, which httpcore does not have."""
    return {"began": marks.began, "opened": marks.connected, "shook": marks.shook}


async def _tell(trail: Trail, event: str, **info: object) -> None:
    if trail.onward is not None:
        await trail.async_trace(f"connection.{event}", info)
