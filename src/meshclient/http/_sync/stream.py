# Generated from src/meshclient/http/_async/stream.py by scripts/unasync.py; edit that file, then run `make sync`.
"""A response body that keeps its endpoint counted as busy, and the call's deadline running, until it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.http.errors import caused_by
from meshclient.http.waiting import limit, stood
from meshclient.model.outcome import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.core.commands import Attempt
    from meshclient.http._sync.driver import Driver


class MeshStream(httpx.SyncByteStream):
    """The body of the response to `attempt`.

    Its end hands the pick back: with the outcome of the head when the body was complete or the reader had enough,
    with the failure when it broke, without a mark when the reader was cancelled.
    """

    def __init__(self, source: httpx.SyncByteStream, driver: Driver, attempt: Attempt) -> None:
        self._source = source
        self._call: tuple[Driver, Attempt] | None = (driver, attempt)

    def __iter__(self) -> Iterator[bytes]:
        if self._call is None:
            return
        driver, attempt = self._call
        chunks = self._source.__iter__()
        while True:
            try:
                # A blocking read, or one whose data is waiting already, is not interrupted by the limit.
                if (left := driver.time_left()) <= 0:
                    raise TimeoutError
                with limit(left, 0.0, stood()):
                    chunk = next(chunks, None)
            except (httpx.TransportError, TimeoutError) as error:
                raise caused_by(driver.broken_body(attempt, error), error)  # noqa: B904 - that is what it does
            except BaseException:
                attempt.pick.done(CANCELLED, driver.now())
                raise
            if chunk is None:
                attempt.pick.done(attempt.outcome, driver.now())
                return
            yield chunk

    def close(self) -> None:
        """Release the connection and hand the pick back."""
        if self._call is None:
            return
        # httpx's response and stream refer to each other; what hangs on them would wait for the garbage collector,
        # which cost a tenth of a call.
        (driver, attempt), self._call = self._call, None
        try:
            self._source.close()
        finally:
            attempt.pick.done(attempt.outcome, driver.now())
