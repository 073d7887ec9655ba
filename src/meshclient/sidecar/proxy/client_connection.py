"""A client's connection as far as bytes go: written with back-pressure, read no further than they can be used."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, cast

from meshclient.sidecar.proxy.problem import problem

if TYPE_CHECKING:
    from meshclient.sidecar.proxy.destination import Refusal
    from meshclient.sidecar.proxy.proxy import Proxy
    from meshclient.sidecar.proxy.stats import ProxyStats

# Seconds for which what a client still sends is thrown away after an answer that ends its connection, so that it gets
# to read the answer: closing at once would reset the connection (RFC 9112 section 9.6).
_FAREWELL = 2.0


class ClientConnection(asyncio.Protocol):
    """One of `proxy`'s.

    Attributes:
        loop: it is used on.
        stats: of the proxy.
        peer: its address, empty on Unix sockets.
        due: clock by which something has to happen; the proxy looks.
        blocked: whether the client takes no more for now.
        half: whether it sends no more, and still listens.
        parted: whether there will be no more: what still comes is thrown away.
    """

    __slots__ = (
        "_proxy", "_reading", "_roomy", "_transport", "_tunnel", "_unsent", "blocked", "due", "half", "loop", "parted",
        "peer", "stats",
    )  # fmt: skip

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.loop = proxy.loop
        self.stats: ProxyStats = proxy.stats
        self._transport = cast("asyncio.Transport", None)
        self._tunnel: asyncio.Queue[bytes] | None = None
        self._roomy: asyncio.Future[None] | None = None
        self.peer = ""
        self.due = inf
        self._reading = True
        self._unsent = 0
        self.blocked = self.half = self.parted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            self.peer = name[0]

    def write(self, data: bytes) -> None:
        """Write a part of a response."""
        self.stats.sent += len(data)
        try:
            self._transport.write(data)
        except RuntimeError:
            # uvloop: the connection has just broken, and that is told in the next turn of the loop.
            return

    async def room(self) -> None:
        """Wait until the client takes more. Raises ConnectionResetError where it has gone."""
        while self.blocked and not self.parted:
            self._roomy = self.loop.create_future()
            await self._roomy
        if self.parted:
            msg = "the client has gone"
            raise ConnectionResetError(msg)

    def refuse(self, refusal: Refusal, *, bodiless: bool, close: bool) -> None:
        """Write an answer of our own."""
        self.write(problem(refusal, self.date(), bodiless=bodiless, close=close))

    def date(self) -> bytes:
        """The value of Date, now."""
        return self._proxy.date()

    def part(self) -> None:
        """There will be no more; the client gets to read what it was told."""
        if self.half:
            self.close()
            return
        self.parted = True
        self._give_time()
        self._go_on()
        self.end()

    def close(self) -> None:
        """Close, once all is written."""
        self.parted = True
        self._give_time()
        self._transport.close()

    def cut(self) -> None:
        """Close at once, with a reset: where the end of the connection would be that of the body."""
        self.parted = True
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def end(self) -> None:
        """No more will be written."""
        if not self._transport.is_closing():
            with contextlib.suppress(OSError, RuntimeError):
                self._transport.write_eof()

    # Of a client that is slow to take what is written.

    def _give_time(self) -> None:
        """For what is not written yet, and then for it to be read."""
        left = self._unsent = self._transport.get_write_buffer_size()
        self.due = monotonic() + (self._proxy.setup.settings.body_timeout if left else _FAREWELL)

    def _takes(self) -> bool:
        """Whether it has taken something since time was given last; it has as much again then."""
        left, before = self._transport.get_write_buffer_size(), self._unsent
        if left >= before:
            return False
        self._give_time()
        return True

    # A connection that no longer speaks HTTP.

    def tunnel(self) -> asyncio.Queue[bytes]:
        """From here on what comes is put there; nothing at its end."""
        tunnel = self._tunnel = asyncio.Queue()
        self.stats.tunnels += 1
        self.moved()
        return tunnel

    def moved(self) -> None:
        """Something went through the tunnel."""
        if not self.blocked:
            self.due = monotonic() + self._proxy.setup.settings.tunnel_timeout

    async def from_tunnel(self, tunnel: asyncio.Queue[bytes]) -> bytes:
        """What comes next through it."""
        data = await tunnel.get()
        if tunnel.empty():
            self._go_on()
        return data

    # Reading.

    def _hold(self) -> None:
        if self._reading and not self.parted:
            self._reading = False
            self._transport.pause_reading()

    def _go_on(self) -> None:
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    def _wake(self) -> None:
        roomy, self._roomy = self._roomy, None
        if roomy is not None and not roomy.done():
            roomy.set_result(None)
