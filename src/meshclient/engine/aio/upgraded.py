"""A connection after 101 Switching Protocols: bytes both ways, with back-pressure, for whoever took it over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from meshclient.engine.errors import Disconnected

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.engine.target import Target

# Bytes that may lie here unread before the peer is held back.
UNREAD = 256 * 1024


class AsyncUpgraded(asyncio.Protocol):
    """Takes over the transport of a connection.

    Args:
        transport: of the connection.
        loop: that it runs on.
        target: where it leads, for errors.
        lost: called when it is over.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        target: Target,
        lost: Callable[[Exception | None], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._target = target
        self._lost = lost
        self._parts: list[bytes] = []
        self._unread = 0
        self._reading = True
        self._blocked = False
        self._ended = False
        self._error: Exception | None = None
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        transport.set_protocol(self)
        # What it takes at once is too little for one write after the other.
        transport.set_write_buffer_limits()

    async def read(self) -> bytes:
        """What came, empty at the end. Raises Disconnected. One task at a time."""
        while not self._parts:
            if self._error is not None:
                raise Disconnected(f"{self._target}: the connection broke ({self._error})") from self._error
            if self._ended:
                return b""
            self._readable = self._loop.create_future()
            await self._readable
        parts, self._parts = self._parts, []
        self._unread = 0
        if not self._reading and not self._ended:
            self._reading = True
            self._transport.resume_reading()
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        """Write, and wait for room. Raises Disconnected. One task at a time."""
        if self._ended:
            raise Disconnected(f"{self._target}: the connection is closed")
        self._transport.write(data)
        while self._blocked and not self._ended:
            self._writable = self._loop.create_future()
            await self._writable

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self._parts.append(data)
        self._unread += len(data)
        if self._unread > UNREAD and self._reading:
            self._reading = False
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: D102
        self._ended = True
        self._error = error
        self._wake()
        self._lost(error)

    def pause_writing(self) -> None:  # noqa: D102
        self._blocked = True

    def resume_writing(self) -> None:  # noqa: D102
        self._blocked = False
        self._wake()

    def _wake(self) -> None:
        for waiter in (self._readable, self._writable):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
