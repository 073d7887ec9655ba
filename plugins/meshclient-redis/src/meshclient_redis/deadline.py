"""The end of a blocking question as a whole, which redis-py does not know: its limits begin anew with every piece read.

An answer that comes a byte at a time would hold up its caller for as long as it is long. So connections have a socket
that looks at the question's end before it waits.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, cast

from redis import Connection, SSLConnection

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

# Monotonic seconds; of this thread's, or greenlet's, question.
END: ContextVar[float] = ContextVar("end", default=inf)


class DeadlineConnection(Connection):
    """A connection on which nothing outlasts `END`, apart from resolving the server's name."""

    def _connect(self) -> socket.socket:
        with _connecting(self):
            return _limited(super()._connect(), self.socket_timeout)  # type: ignore[no-untyped-call]


class DeadlineSSLConnection(SSLConnection):
    """The same over TLS."""

    def _connect(self) -> socket.socket:
        with _connecting(self):
            return _limited(super()._connect(), self.socket_timeout)  # type: ignore[no-untyped-call]

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> socket.socket:
        # The handshake keeps to the socket's limit as a whole.
        sock.settimeout(_within(self.socket_timeout))
        return cast("socket.socket", super()._wrap_socket_with_ssl(sock))  # type: ignore[no-untyped-call]


class _DeadlineSocket:
    """A connected socket, waiting for as long as is wanted of it, and until `END` at most."""

    def __init__(self, inner: socket.socket, wanted: float | None) -> None:
        self._inner = inner
        self._wanted = wanted

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def settimeout(self, seconds: float | None) -> None:
        self._wanted = seconds
        self._inner.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        self._arm()
        return self._inner.recv(size)

    def recv_into(self, buffer: bytearray) -> int:
        self._arm()
        return self._inner.recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        # By pieces: over TLS `sendall` grants the limit to each of them.
        rest = memoryview(data)
        while rest:
            self._arm()
            rest = rest[self._inner.send(rest) :]

    def _arm(self) -> None:
        # 0 only looks whether something has come.
        if self._wanted != 0:
            self._inner.settimeout(_within(self._wanted))


@contextmanager
def _connecting(connection: Connection) -> Iterator[None]:
    wanted = connection.socket_connect_timeout
    connection.socket_connect_timeout = _within(wanted)
    try:
        yield
    finally:
        connection.socket_connect_timeout = wanted


def _limited(inner: socket.socket, wanted: float | None) -> socket.socket:
    return cast("socket.socket", _DeadlineSocket(inner, wanted))


def _within(wanted: float | None) -> float | None:
    left = END.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time for this question is up")
    limit = left if wanted is None else min(left, wanted)
    return None if limit == inf else limit
