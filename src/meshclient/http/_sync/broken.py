# Generated from src/meshclient/http/_async/broken.py by scripts/unasync.py; edit that file, then run `make sync`.
"""A response whose body broke before anybody read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.engine.blocking.connection import Connection


class BrokenStream(httpx.SyncByteStream):
    """What there is of a body, and the error that ended it."""

    def __init__(self, body: bytes, error: Exception) -> None:
        self._body = body
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        if self._body:
            yield self._body
        raise self._error


def broken(connection: Connection, request: httpx.Request, error: Exception) -> httpx.Response:
    """The response whose head is on `connection`, which is closed; reading it raises `error`."""
    return httpx.Response(
        connection.status,
        headers=connection.headers,
        stream=BrokenStream(connection.take(), error),
        extensions={"http_version": f"HTTP/{connection.version}".encode(), "reason_phrase": connection.reason},
        request=request,
    )
