# Generated from src/meshclient/http/_async/engine_network_stream.py by scripts/unasync.py; edit that file, then run `make sync`.
"""The connection under a response, with the interface that httpcore gave it and that its users know.

``response.extensions["network_stream"]`` tells addresses and certificates, and after 101 Switching Protocols it is the
connection itself, for WebSocket libraries such as httpx-ws. They expect httpcore's exceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import httpx

from meshclient.engine.errors import WireError
from meshclient.http.engine_connection import extra, read_raw, write_raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.engine.blocking.connection import Connection


class ConnectionInfo:
    """Of an ordinary response: nothing can be read or written.

    Args:
        connection: that the response came on.
    """

    __slots__ = ("_connection", "_trailers")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Of a response that is whole already its connection is another call's before anybody reads it.
        self._trailers = connection.trailers if connection.complete else None

    def get_extra_info(self, info: str) -> object:
        """What is known by the names "client_addr", "server_addr", "socket" and "ssl_object"; None for the rest."""
        if info == "trailers" and self._trailers is not None:
            return self._trailers
        return extra(self._connection, info)


class NetworkStream(ConnectionInfo):
    """Of an upgraded connection: bytes both ways.

    Args:
        connection: which begins to speak another protocol.
    """

    __slots__ = ("_leading",)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._leading = connection.surplus

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes, none at the end. Raises httpcore.ReadTimeout, httpcore.ReadError."""
        if not self._leading:
            try:
                self._leading = read_raw(self._connection, timeout)
            except (OSError, WireError) as error:
                import httpcore

                kind = httpcore.ReadTimeout if isinstance(error, TimeoutError) else httpcore.ReadError
                raise kind(str(error)) from error
        data, self._leading = self._leading[:max_bytes], self._leading[max_bytes:]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send them. Raises httpcore.WriteTimeout, httpcore.WriteError."""
        try:
            write_raw(self._connection, buffer, timeout)
        except (OSError, WireError) as error:
            import httpcore

            kind = httpcore.WriteTimeout if isinstance(error, TimeoutError) else httpcore.WriteError
            raise kind(str(error)) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.release()

    def start_tls(self, *_: object, **__: object) -> NoReturn:
        """Cannot be done: a connection has TLS from the beginning, or not at all."""
        msg = "TLS cannot be started on an upgraded connection: use an https URL"
        raise NotImplementedError(msg)


class UpgradeStream(httpx.SyncByteStream):
    """The body of a response that switched protocols: there is none, and its end is the connection's."""

    def __init__(self, stream: NetworkStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        nothing: tuple[bytes, ...] = ()
        for part in nothing:
            yield part

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
