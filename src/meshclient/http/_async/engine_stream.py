"""Response bodies that come off the engine's connections."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import httpx

from meshclient.engine.errors import WireError
from meshclient.http.engine_connection import async_allow, async_forget
from meshclient.http.engine_errors import translated
from meshclient.http.trail import traced

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.http.trail import Trail


class AsyncEngineStream(httpx.AsyncByteStream):
    """A body that is still to come; the peer is held back while nobody reads.

    Its connection is given back at the end of the body, and closed where the reader stops before.

    Args:
        connection: on which the head came.
        request: that it answers.
        timeouts: by httpx's names, read anew with each part.
        trail: whose `onward` is told.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        request: httpx.Request,
        timeouts: Mapping[str, float | None],
        trail: Trail,
    ) -> None:
        self._connection: AsyncConnection | None = connection
        self._request = request
        self._timeouts = timeouts
        self._trail = trail

    async def __aiter__(self) -> AsyncIterator[bytes]:
        connection, trail = self._connection, self._trail
        if connection is None:
            return
        if trail.onward is not None:
            await trail.async_trace("http11.receive_response_body.started", {"request": traced(self._request)})
        try:
            while True:
                async_allow(connection, seconds(self._timeouts, "read"))
                part = await connection.read()
                if not part:
                    break
                yield part
                if self._connection is not connection:
                    raise httpx.ReadError("the response was closed while it was read", request=self._request)
        except BaseException as error:
            # First of all: where the response was complete it may be another call's while somebody is told.
            connection.release()
            self._connection = None
            if trail.onward is not None:
                await trail.async_trace("http11.receive_response_body.failed", {"exception": error})
                await self._tell_closed()
            if isinstance(error, WireError):
                raise translated(error, self._request) from error
            raise
        if trail.onward is not None:
            await trail.async_trace("http11.receive_response_body.complete", {"return_value": None})
        await self.aclose()

    def __del__(self) -> None:
        if self._connection is not None:
            async_forget(self._connection)

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body is not over."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.release()
        if self._trail.onward is not None:
            await self._tell_closed()

    async def _tell_closed(self) -> None:
        await self._trail.async_trace("http11.response_closed.started", {"request": traced(self._request)})
        await self._trail.async_trace("http11.response_closed.complete", {"return_value": None})


def seconds(timeouts: Mapping[str, float | None], name: str) -> float:
    """One of httpx's four limits; infinity where there is none."""
    limit = timeouts.get(name)
    return inf if limit is None else limit
