# Generated from src/meshclient/http/_async/engine_stream.py by scripts/unasync.py; edit that file, then run `make sync`.
"""Response bodies that come off the engine's connections."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import httpx

from meshclient.engine.errors import WireError
from meshclient.http.engine_connection import allow, forget
from meshclient.http.engine_errors import translated
from meshclient.http.trail import traced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meshclient.engine.blocking.connection import Connection
    from meshclient.http.trail import Trail


class EngineStream(httpx.SyncByteStream):
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
        connection: Connection,
        request: httpx.Request,
        timeouts: Mapping[str, float | None],
        trail: Trail,
    ) -> None:
        self._connection: Connection | None = connection
        self._request = request
        self._timeouts = timeouts
        self._trail = trail

    def __iter__(self) -> Iterator[bytes]:
        connection, trail = self._connection, self._trail
        if connection is None:
            return
        if trail.onward is not None:
            trail.trace("http11.receive_response_body.started", {"request": traced(self._request)})
        try:
            while True:
                allow(connection, seconds(self._timeouts, "read"))
                part = connection.read()
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
                trail.trace("http11.receive_response_body.failed", {"exception": error})
                self._tell_closed()
            if isinstance(error, WireError):
                raise translated(error, self._request) from error
            raise
        if trail.onward is not None:
            trail.trace("http11.receive_response_body.complete", {"return_value": None})
        self.close()

    def __del__(self) -> None:
        if self._connection is not None:
            forget(self._connection)

    def close(self) -> None:
        """Give the connection back, or close it where the body is not over."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.release()
        if self._trail.onward is not None:
            self._tell_closed()

    def _tell_closed(self) -> None:
        self._trail.trace("http11.response_closed.started", {"request": traced(self._request)})
        self._trail.trace("http11.response_closed.complete", {"return_value": None})


def seconds(timeouts: Mapping[str, float | None], name: str) -> float:
    """One of httpx's four limits; infinity where there is none."""
    limit = timeouts.get(name)
    return inf if limit is None else limit
