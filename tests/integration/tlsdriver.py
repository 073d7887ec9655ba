"""The engine of each colour, one exchange at a time, and servers that remember whom they spoke to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from meshclient.engine.aio.engine import AsyncEngine
from meshclient.engine.blocking.engine import Engine
from meshclient.engine.target import Target
from unit.http.rawserver import OK, Connection, RawServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.engine.target import Tls

BOUND = 60.0
_GET = b"GET / HTTP/1.1\r\nHost: orders\r\n\r\n"
_LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@dataclass(frozen=True)
class Greeting:
    """One handshake as the server saw it."""

    version: str | None
    resumed: bool | None
    client: str


class TlsServer(RawServer):
    """Answers OK to everything. A client that it refuses is told so before it hangs up, as nginx and Envoy do.

    Attributes:
        greetings: handshakes that came to a request, in order.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.greetings: list[Greeting] = []
        self._context = context
        super().__init__(self._shake_hands)
        self.url = self.url.replace("http:", "https:")

    def target(self, tls: Tls, name: str = "orders") -> Target:
        """Where it is."""
        return Target("127.0.0.1", self.port, tls=tls, server_name=name)

    def _shake_hands(self, connection: Connection) -> None:
        sock = self._context.wrap_socket(connection.sock, server_side=True, do_handshake_on_connect=False)
        # It has taken the descriptor over, which is shut down at the end.
        self._sockets.append(sock)
        try:
            sock.do_handshake()
        except ssl.SSLError:
            # Closed with something unread, it would send a reset that may overtake the alert.
            with socket.socket(fileno=sock.detach()) as plain:
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(4096):
                    pass
            raise
        safe = Connection(sock, self, connection.number)
        try:
            self._answer(safe, sock)
        finally:
            safe.close()

    def _answer(self, connection: Connection, sock: ssl.SSLSocket) -> None:
        seen = False
        while connection.request() is not None:
            if not seen:
                shown: Any = (sock.getpeercert() or {}).get("subject", ())
                client = dict(pair for part in shown for pair in part).get("commonName", "")
                self.greetings.append(Greeting(sock.version(), sock.session_reused, client))
                seen = True
            connection.send(OK)


class Driver:
    """One colour, on one kind of loop."""

    def __init__(self, colour: str) -> None:
        self._runner = asyncio.Runner(loop_factory=_LOOPS[colour]) if colour in _LOOPS else None
        self._engine: Any = AsyncEngine() if self._runner else Engine()

    def get(self, target: Target) -> bytes:
        """The body of one GET, over a kept connection where there is one; raises WireError."""
        if self._runner is None:
            return self._get(target)
        return self._runner.run(self._aget(target))

    def forget(self) -> None:
        """Close all connections: the next exchange opens one."""
        if self._runner is None:
            self._engine.close()
        else:
            self._runner.run(self._engine.aclose())

    def end(self) -> None:
        """Close everything."""
        try:
            self.forget()
        finally:
            if self._runner is not None:
                self._runner.close()

    def _get(self, target: Target) -> bytes:
        now = time.monotonic()
        pool = self._engine.pool(target)
        connection = pool.take() or pool.acquire(now + BOUND, BOUND)
        try:
            connection.exchange(_GET, now + BOUND)
            body: bytes = connection.take()
            return body
        finally:
            connection.release()

    async def _aget(self, target: Target) -> bytes:
        now = time.monotonic()
        pool = self._engine.pool(target)
        connection = pool.take() or await pool.acquire(now + BOUND, BOUND)
        try:
            await connection.exchange(_GET, now + BOUND)
            body: bytes = connection.take()
            return body
        finally:
            connection.release()


@pytest.fixture(params=["blocking", *_LOOPS], name="driver")
def driver_fixture(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """Each engine in turn, the asynchronous one on both loops."""
    driver = Driver(request.param)
    try:
        yield driver
    finally:
        driver.end()
