"""Plain calls of hosts that are no service: over the engine, with nothing of the mesh."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from meshclient.core.retry import IDEMPOTENT_METHODS
from meshclient.engine.errors import StaleConnection, WireError
from meshclient.engine.target import Target
from meshclient.http._async.engine_network_stream import AsyncConnectionInfo
from meshclient.http.engine_errors import translated
from meshclient.http.plain.call import PlainCall, field_names
from meshclient.http.plain.response import respond
from meshclient.http.unfound import note_unfound
from meshclient.http.waiting import async_here

if TYPE_CHECKING:
    import httpx

    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.engine.aio.engine import AsyncEngine
    from meshclient.engine.aio.pool import AsyncPool
    from meshclient.engine.tls import Contexts
    from meshclient.mesh import Mesh

# Kept connections that their server has closed, one after another, before the call takes a new one.
_STALE = 3
_REMEMBERED = 1024


class AsyncPassage:
    """The way of one client's plain calls to any host.

    Args:
        engine: keeps the connections.
        tls: for https.
        client: whose calls these are.
        mesh: says in which trace they are, and which services there are.

    Attributes:
        traces: the headers by which it does, in lower case.
    """

    def __init__(self, engine: AsyncEngine, tls: Contexts, client: httpx.AsyncClient, mesh: Mesh) -> None:
        self.traces = field_names(mesh.passing)
        self._mesh = mesh
        self._engine = engine
        self._tls = tls
        self._client = client
        self._here: tuple[object, dict[tuple[str, str, int | None], AsyncPool]] = (None, {})

    async def send(self, call: PlainCall) -> httpx.Response:
        """The response to `call`. Raises httpx's errors.

        One that may be executed twice is sent again where its connection turns out to have been closed before.
        """
        pool, timeouts = self._pool(call), call.timeouts
        read, began, stale = timeouts["read"], monotonic(), 0
        gap = inf if read is None else read
        outbound = self._mesh.passing
        lines = b"" if outbound is None else outbound.lines("", call.mapping)[0]
        while True:
            try:
                connection = pool.take()
                if connection is None:
                    connection = await self._acquire(pool, call)
                await connection.exchange(
                    b"%s%s\r\n%s" % (call.head, lines, call.content),
                    monotonic() + gap,
                    gap=gap,
                    bodiless=call.method == "HEAD",
                )
                body = connection.take() if connection.complete else await async_rest(connection)
            except StaleConnection as error:
                stale += 1
                if stale > _STALE or call.method not in IDEMPOTENT_METHODS:
                    raise translated(error, call.request()) from error
            except WireError as error:
                failure = translated(error, call.request())
                note_unfound(failure, error, failure.request, self._mesh)
                raise failure from error
            else:
                break
        status, reason, version = connection.status, connection.reason, connection.version
        headers = connection.headers
        connection.release()
        extensions = _Network(connection)
        return respond(call, status, reason, version, headers, body, monotonic() - began, extensions, self._client)

    async def _acquire(self, pool: AsyncPool, call: PlainCall) -> AsyncConnection:
        pooled, connect = call.timeouts["pool"], call.timeouts["connect"]
        return await pool.acquire(inf if pooled is None else monotonic() + pooled, inf if connect is None else connect)

    def _pool(self, call: PlainCall) -> AsyncPool:
        loop, pools = self._here
        place = async_here()
        if loop is not place:
            pools = {}
            self._here = (place, pools)
        key = (call.scheme, call.host, call.port)
        found = pools.get(key)
        if found is None:
            if len(pools) >= _REMEMBERED:
                pools.clear()
            port = call.port or (443 if call.scheme == "https" else 80)
            tls = self._tls.at(f"{call.host}:{port}") if call.scheme == "https" else None
            found = pools[key] = self._engine.pool(Target(call.host, port, tls=tls, server_name=call.host))
        return found


class _Network:
    """What ``response.extensions`` says of the connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def __call__(self) -> dict[str, object]:
        return {"network_stream": AsyncConnectionInfo(self._connection)}


async def async_rest(connection: AsyncConnection) -> bytes:
    """The body of a response of which only the head was waited for, since something is wrong with the request."""
    parts = [connection.take()]
    while part := await connection.read():
        parts.append(part)
    return b"".join(parts)
