"""A response whose body broke before anybody read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.engine.aio.connection import AsyncConnection


class AsyncBrokenStream(httpx.AsyncByteStream):
    """What there is of a body, and the error that ended it."""

    def __init__(self, body: bytes, error: Exception) -> None:
        self._body = body
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body:
            yield self._body
        raise self._error


def async_broken(connection: AsyncConnection, request: httpx.Request, error: Exception) -> httpx.Response:
    """The response whose head is on `connection`, which is closed; reading it raises `error`."""
    return httpx.Response(
        connection.status,
        headers=connection.headers,
        stream=AsyncBrokenStream(connection.take(), error),
        extensions={"http_version": f"HTTP/{connection.version}".encode(), "reason_phrase": connection.reason},
        request=request,
    )
