# Generated from src/meshclient/http/_async/engine_acquisition.py by scripts/unasync.py; edit that file, then run `make sync`.
"""A connection for a request that found none idle."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from meshclient.engine.marks import Marks
from meshclient.http._sync.engine_network_stream import ConnectionInfo
from meshclient.http._sync.engine_stream import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.engine.blocking.connection import Connection
    from meshclient.engine.blocking.pool import Pool
    from meshclient.http.trail import Trail


def acquired(pool: Pool, timeouts: Mapping[str, float | None], trail: Trail) -> Connection:
    """A connection that is opened for this, or becomes free. Raises WireError, and what a trace function raises.

    Args:
        pool: where from.
        timeouts: seconds by httpx's names, of which "connect" and "pool" count.
        trail: is told how far it came. Its `onward` hears of connecting when that begins, or the wait for a free one;
            and when it is over, in `began`, `opened` and `shook`, what `Marks` has of it.
    """
    marks, target = Marks(), pool.target
    _tell(trail, "connect_tcp.started", host=target.host, port=target.port)
    try:
        until = monotonic() + seconds(timeouts, "pool")
        connection = pool.acquire(until, seconds(timeouts, "connect"), marks)
    except BaseException as error:
        _tell(trail, "connect_tcp.failed", exception=error, **_noted(marks))
        raise
    finally:
        trail.began, trail.connected = marks.began, marks.connected
    try:
        _tell(trail, "connect_tcp.complete", return_value=ConnectionInfo(connection), **_noted(marks))
        if target.tls is not None:
            # The engine does both in one.
            _tell(trail, "start_tls.started", server_hostname=target.server_name)
            _tell(trail, "start_tls.complete", return_value=ConnectionInfo(connection))
    except BaseException as error:
        connection.abandon(f"its exchange ended in {type(error).__name__}")
        raise
    return connection


def _noted(marks: Marks) -> dict[str, object]:
    """In words of our own, which httpcore does not have."""
    return {"began": marks.began, "opened": marks.connected, "shook": marks.shook}


def _tell(trail: Trail, event: str, **info: object) -> None:
    if trail.onward is not None:
        trail.trace(f"connection.{event}", info)
