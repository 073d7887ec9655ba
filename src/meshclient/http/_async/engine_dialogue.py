"""An exchange step by step: its body is sent while it comes, or somebody wants to be told of each step."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from meshclient.http._async.engine_stream import seconds
from meshclient.http.engine_connection import async_allow
from meshclient.http.engine_framing import LAST_CHUNK, chunk, wrong_length
from meshclient.http.trail import traced

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.http.engine_framing import Framing
    from meshclient.http.trail import Trail

# Seconds a body waits for 100 Continue: a server that does not know the expectation never says it (RFC 9110 section
# 10.1.1). The same as curl's.
PATIENCE = 1.0
# Bytes of a body that are written at once.
SLICE = 256 * 1024


class AsyncDialogue:
    """One exchange on a connection.

    Args:
        connection: taken for it.
        request: whose head is sent.
        framing: that head.
        timeouts: seconds by httpx's names.
        trail: whose `onward` is told.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        request: httpx.Request,
        framing: Framing,
        timeouts: Mapping[str, float | None],
        trail: Trail,
    ) -> None:
        self._connection = connection
        self._request = request
        self._framing = framing
        self._write = seconds(timeouts, "write")
        self._read = seconds(timeouts, "read")
        self._trail = trail
        self._step = ""

    async def run(self, stream: httpx.AsyncByteStream) -> None:
        """Send the request with `stream` as its body, and wait for the head of the response.

        Raises WireError, WrongLength among them, and what `stream` and the trace function raise; the connection is
        closed then.
        """
        connection = self._connection
        try:
            await self._begin("send_request_headers.started")
            self._trail.wrote = now = monotonic()
            await connection.exchange(
                self._framing.head,
                now + self._write,
                bodiless=self._request.method == "HEAD",
                whole=False,
                more=True,
                upgrade=self._framing.upgrades,
            )
            await self._tell("send_request_headers.complete", return_value=None)
            await self._begin("send_request_body.started")
            await self._send(stream)
            await self._tell("send_request_body.complete", return_value=None)
            await self._begin("receive_response_headers.started")
            async_allow(connection, self._read)
            await connection.head()
            head = (b"HTTP/1.1", connection.status, connection.reason, connection.headers)
            await self._tell("receive_response_headers.complete", return_value=head)
        except BaseException as error:
            connection.abandon(f"its exchange ended in {type(error).__name__}")
            await self._tell(f"{self._step}.failed", exception=error)
            await self._begin("response_closed.started")
            await self._tell("response_closed.complete", return_value=None)
            raise

    async def _send(self, stream: httpx.AsyncByteStream) -> None:
        """The body, as far as the server wants it: who has answered in full, or with an error, wants no more."""
        connection, framing = self._connection, self._framing
        if framing.expects:
            async_allow(connection, PATIENCE + self._write)
            if not await connection.proceed(PATIENCE):
                return
        size, length = 0, framing.length
        async for part in stream:
            if not part:
                continue
            size += len(part)
            if length is not None and size > length:
                raise wrong_length(length, size)
            data = part if length is not None else chunk(part)
            # In slices: each has the write's whole time, and the server may say in between that it wants no more.
            for at in range(0, len(data), SLICE):
                async_allow(connection, self._write)
                await connection.write(data[at : at + SLICE])
                if connection.headed and (connection.complete or connection.status >= 400):
                    return
        framing.check(size)
        if length is None:
            await connection.write(LAST_CHUNK)

    async def _begin(self, event: str) -> None:
        if self._trail.onward is not None:
            await self._tell(event, request=traced(self._request))

    async def _tell(self, event: str, **info: object) -> None:
        if self._trail.onward is not None:
            self._step = event.partition(".")[0]
            await self._trail.async_trace(f"http11.{event}", info)
