"""A connected socket and how long it may block: plain, or under TLS.

Writing never blocks in here; whoever cannot go on waits with `ready`, for a response as well, since a server may answer
before it has read everything. Reading blocks within the limit that was set.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# The longest wait poll() takes, in ms.
_LONGEST = 1 << 30
# Bytes given to the kernel at a time, where it does not take them all at once.
_PIECE = 256 * 1024
# The same for TLS, which tells of a piece when all of it is written, and has to be given the same one until then.
_SAFE_PIECE = 64 * 1024
# Bytes of one TLS record, which is written at once or not at all.
_RECORD = 16 * 1024


class Line:
    """Plain bytes.

    The limit is the kernel's: a timeout of Python's own would be one more system call for every read.

    Attributes:
        sock: the socket, which blocks.
        recv: reads; within the limit, or raises BlockingIOError or TimeoutError.
        send: writes what fits, or raises BlockingIOError.
        flags: for `send`.
    """

    __slots__ = ("_poll", "flags", "recv", "send", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.recv: Callable[[int], bytes] = sock.recv
        self.send: Callable[[bytes | memoryview, int], int] = sock.send
        self.flags: int = socket.MSG_DONTWAIT
        self._poll: select.poll | None = None

    def limit(self, seconds: float) -> None:
        """From now on reads take so long, at most. To the kernel zero means any time, so a rest is rounded up."""
        if seconds >= _LONGEST:
            whole, rest = 0, 0
        else:
            whole, rest = divmod(max(int(seconds * 1e6), 1), 1_000_000)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", whole, rest))

    def read_now(self) -> bytes | None:
        """What is here; b"" at the end, None where nothing is."""
        try:
            return self.sock.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def write_now(self, data: memoryview) -> int:
        """Write what fits; how many bytes that were."""
        try:
            return self.send(data[:_PIECE], self.flags)
        except BlockingIOError:
            return 0

    def ready(self, seconds: float, *, to_read: bool = True, to_write: bool = False) -> tuple[bool, bool]:
        """Wait until it can be read or written: which of them it is; neither after the time."""
        poll = self._poll
        if poll is None:
            poll = self._poll = select.poll()
        poll.register(self.sock, select.POLLIN * to_read | select.POLLOUT * to_write)
        # Rounded up: a rest of a fraction of a millisecond would else be asked for again and again.
        events = poll.poll(None if seconds >= _LONGEST / 1000 else int(max(seconds, 0.0) * 1000) + (seconds > 0.0))
        happened = events[0][1] if events else 0
        # An error or the end is for a read to tell.
        return happened & ~select.POLLOUT != 0, happened & select.POLLOUT != 0

    def cut(self) -> None:
        """End it for whoever reads or writes it, on whichever thread; the socket is still to be closed."""
        with suppress(OSError):
            # Not by an SSLSocket's own method, which would go on without TLS.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class SafeLine(Line):
    """Bytes under TLS. Its limit is Python's: within the kernel's, an SSLSocket asks again and again without end."""

    __slots__ = ()

    sock: ssl.SSLSocket

    def __init__(self, sock: ssl.SSLSocket) -> None:
        super().__init__(sock)
        self.flags = 0
        self.send = self._send_little

    def limit(self, seconds: float) -> None:
        """From now on reads, and writes by `send`, take so long, at most."""
        self.sock.settimeout(None if seconds == inf else max(seconds, 1e-6))

    def _send_little(self, data: bytes | memoryview, _flags: int) -> int:
        return self.sock.send(data) if len(data) <= _RECORD else 0

    def read_now(self) -> bytes | None:
        """What is here; a session ticket, for one, is nothing."""
        limit = self.sock.gettimeout()
        self.sock.settimeout(0.0)
        try:
            return self.sock.recv(65536)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        finally:
            self.sock.settimeout(limit)

    def write_now(self, data: memoryview) -> int:
        """Write what fits."""
        limit = self.sock.gettimeout()
        self.sock.settimeout(0.0)
        try:
            return self.sock.send(data[:_SAFE_PIECE])
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        finally:
            self.sock.settimeout(limit)


def line_on(sock: socket.socket) -> Line:
    """The kind of line that fits the socket."""
    return SafeLine(sock) if isinstance(sock, ssl.SSLSocket) else Line(sock)


def shut(sock: socket.socket) -> None:
    """Close it without waiting for anything."""
    with suppress(OSError):
        sock.close()
