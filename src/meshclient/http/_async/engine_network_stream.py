"""The connection under a response, with the interface that httpcore gave it and that its users know.

``response.extensions["network_stream"]`` tells addresses and certificates, and after 101 Switching Protocols it is the
connection itself, for WebSocket libraries such as httpx-ws. They expect httpcore's exceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import httpx

from meshclient.engine.errors import WireError
from meshclient.http.engine_connection import async_extra, async_read_raw, async_write_raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.engine.aio.connection import AsyncConnection


class AsyncConnectionInfo:
    """Of an ordinary response: nothing can be read or written.

    Args:
        connection: that the response came on.
    """

    __slots__ = ("_connection", "_trailers")

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        # Of a response that is whole already its connection is another call's before anybody reads it.
        self._trailers = connection.trailers if connection.complete else None

    def get_extra_info(self, info: str) -> object:
        """What is known by the names "client_addr", "server_addr", "socket" and "ssl_object"; None for the rest."""
        if info == "trailers" and self._trailers is not None:
            return self._trailers
        return async_extra(self._connection, info)


class AsyncNetworkStream(AsyncConnectionInfo):
    """Of an upgraded connection: bytes both ways.

    Args:
        connection: which begins to speak another protocol.
    """

    __slots__ = ("_leading",)

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self._leading = connection.surplus

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes, none at the end. Raises httpcore.ReadTimeout, httpcore.ReadError."""
        if not self._leading:
            try:
                self._leading = await async_read_raw(self._connection, timeout)
            except (OSError, WireError) as error:
                import httpcore

                kind = httpcore.ReadTimeout if isinstance(error, TimeoutError) else httpcore.ReadError
                raise kind(str(error)) from error
        data, self._leading = self._leading[:max_bytes], self._leading[max_bytes:]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send them. Raises httpcore.WriteTimeout, httpcore.WriteError."""
        try:
            await async_write_raw(self._connection, buffer, timeout)
        except (OSError, WireError) as error:
            import httpcore

            kind = httpcore.WriteTimeout if isinstance(error, TimeoutError) else httpcore.WriteError
            raise kind(str(error)) from error

    async def aclose(self) -> None:
        """Close the connection."""
        self._connection.release()

    async def start_tls(self, *_: object, **__: object) -> NoReturn:
        """Cannot be done: a connection has TLS from the beginning, or not at all."""
        msg = "TLS cannot be started on an upgraded connection: use an https URL"
        raise NotImplementedError(msg)


class AsyncUpgradeStream(httpx.AsyncByteStream):
    """The body of a response that switched protocols: there is none, and its end is the connection's."""

    def __init__(self, stream: AsyncNetworkStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        nothing: tuple[bytes, ...] = ()
        for part in nothing:
            yield part

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()
