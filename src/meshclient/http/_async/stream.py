"""A response body that keeps its endpoint counted as busy, and the call's deadline running, until it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.http.errors import caused_by
from meshclient.http.waiting import async_limit, async_stood
from meshclient.model.outcome import CANCELLED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.core.commands import Attempt
    from meshclient.http._async.driver import AsyncDriver


class AsyncMeshStream(httpx.AsyncByteStream):
    """The body of the response to `attempt`.

    Its end hands the pick back: with the outcome of the head when the body was complete or the reader had enough,
    with the failure when it broke, without a mark when the reader was cancelled.
    """

    def __init__(self, source: httpx.AsyncByteStream, driver: AsyncDriver, attempt: Attempt) -> None:
        self._source = source
        self._call: tuple[AsyncDriver, Attempt] | None = (driver, attempt)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._call is None:
            return
        driver, attempt = self._call
        chunks = self._source.__aiter__()
        while True:
            try:
                # A blocking read, or one whose data is waiting already, is not interrupted by the limit.
                if (left := driver.time_left()) <= 0:
                    raise TimeoutError
                async with async_limit(left, 0.0, async_stood()):
                    chunk = await anext(chunks, None)
            except (httpx.TransportError, TimeoutError) as error:
                raise caused_by(driver.broken_body(attempt, error), error)  # noqa: B904 - that is what it does
            except BaseException:
                attempt.pick.done(CANCELLED, driver.now())
                raise
            if chunk is None:
                attempt.pick.done(attempt.outcome, driver.now())
                return
            yield chunk

    async def aclose(self) -> None:
        """Release the connection and hand the pick back."""
        if self._call is None:
            return
        # httpx's response and stream refer to each other; what hangs on them would wait for the garbage collector,
        # which cost a tenth of a call.
        (driver, attempt), self._call = self._call, None
        try:
            await self._source.aclose()
        finally:
            attempt.pick.done(attempt.outcome, driver.now())
