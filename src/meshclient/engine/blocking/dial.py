"""Reaching a target: look its name up, race its addresses, shake hands.

Happy Eyeballs (RFC 8305) without a thread for each address: the connects are nonblocking, and one `poll` waits for all.
Only a name that has to be looked up needs another thread, since the C library knows no limit of time.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from concurrent.futures import TimeoutError as LookupTimeout
from contextlib import ExitStack
from itertools import chain, zip_longest
from math import inf
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.aside import ASIDE
from meshclient.engine.complaints import late_connection, unconnected

if TYPE_CHECKING:
    from meshclient.engine.marks import Marks
    from meshclient.engine.target import Target

    # Family and address of one socket.
    Address = tuple[int, "tuple[object, ...] | str"]

# Seconds an address is ahead of the next (RFC 8305 section 5 recommends 250 ms).
HEAD_START = 0.25
# Seconds until a Unix socket whose queue is full is asked again.
_PAUSE = 0.005
# The longest wait poll() takes, in ms.
_FOREVER = 1 << 30


def dial(target: Target, until: float, marks: Marks | None = None) -> socket.socket:
    """A connected socket, that blocks; with `target.tls` one on which the handshake is done.

    Args:
        target: where to.
        until: on `time.monotonic`.
        marks: what is told when the handshake begins.

    Raises ConnectFailed, TlsFailed, ConnectTimeout.
    """
    sock = _race(target, _addresses(target, until), until)
    if target.tls is None:
        return sock
    # ssl is loaded only where it is used.
    from meshclient.engine.blocking.handshake import shake_hands

    if marks is not None:
        marks.shook = time.monotonic()
    return shake_hands(sock, target, target.tls, until)


def _addresses(target: Target, until: float) -> list[Address]:
    if target.path:
        return [(socket.AF_UNIX, target.path)]
    try:
        found = _look_up(target, socket.AI_NUMERICHOST)
    except socket.gaierror:
        rest = until - time.monotonic()
        answer = ASIDE.run(lambda: _look_up(target, 0))
        try:
            found = answer.result(None if rest == inf else max(rest, 0.0))
        except LookupTimeout:
            raise late_connection(target, "its name was not resolved until then") from None
        except OSError as error:
            raise unconnected(target, f"the name {target.host!r} cannot be resolved: {error.strerror}") from error
    if not found:
        raise unconnected(target, f"the name {target.host!r} has no address")
    return _alternating(found)


def _look_up(target: Target, flags: int) -> list[Address]:
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


def _alternating(found: list[Address]) -> list[Address]:
    """The families in turn, beginning with that of the first (RFC 8305 section 4)."""
    first = [address for address in found if address[0] == found[0][0]]
    other = [address for address in found if address[0] != found[0][0]]
    return [address for address in chain.from_iterable(zip_longest(first, other)) if address is not None]


def _race(target: Target, addresses: list[Address], until: float) -> socket.socket:
    with ExitStack() as stack:
        race = _Race(target, addresses, until)
        stack.callback(race.close)
        return race.run()


class _Socket(socket.socket):
    """Closes without a warning when it is lost, as it is where an interrupt strikes before anybody has it."""

    def __del__(self) -> None:
        # Not close(), which may have been left without the attributes it looks at.
        fd = self.detach()
        if fd >= 0:
            os.close(fd)


class _Race:
    """Connects that are under way to addresses of one target."""

    def __init__(self, target: Target, addresses: list[Address], until: float) -> None:
        self._target = target
        self._addresses = addresses[::-1]
        self._until = until
        self._poll = select.poll()
        self._running: dict[int, socket.socket] = {}
        self._failures: list[str] = []

    def run(self) -> socket.socket:
        """The first that connects."""
        while True:
            now = time.monotonic()
            if now >= self._until:
                raise late_connection(self._target, self._so_far())
            made = self._start() if self._addresses else None
            if made is None and self._running:
                made = self._wait(min(self._until - now, HEAD_START if self._addresses else inf))
            if made is not None:
                return made
            if not self._running and not self._addresses:
                raise unconnected(self._target, self._so_far())

    def close(self) -> None:
        """Break off those that lost."""
        for sock in self._running.values():
            sock.close()

    def _start(self) -> socket.socket | None:
        family, address = self._addresses.pop()
        try:
            sock = _Socket(family, socket.SOCK_STREAM)
        except OSError as error:
            self._failures.append(error.strerror or str(error))
            return None
        self._running[sock.fileno()] = sock
        sock.setblocking(False)
        try:
            code = sock.connect_ex(address)
        except (OSError, TypeError, ValueError) as error:
            # A path that is too long for a Unix socket, or has NUL in it.
            self._drop(sock.fileno(), str(error))
            return None
        if code in (errno.EINPROGRESS, errno.EINTR):
            self._poll.register(sock, select.POLLOUT)
            return None
        if code == errno.EAGAIN and family == socket.AF_UNIX:
            # Its queue is full, and nothing tells when it is not: ask again.
            self._running.pop(sock.fileno()).close()
            self._addresses.append((family, address))
            time.sleep(_PAUSE)
            return None
        return self._settle(sock.fileno(), code, registered=False)

    def _wait(self, seconds: float) -> socket.socket | None:
        # Rounded up: a rest of a fraction of a millisecond would else be asked for again and again.
        for fd, _ in self._poll.poll(min(int(seconds * 1000) + 1, _FOREVER) if seconds < _FOREVER else None):
            code = self._running[fd].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            made = self._settle(fd, code, registered=True)
            if made is not None:
                return made
        return None

    def _settle(self, fd: int, code: int, *, registered: bool) -> socket.socket | None:
        if registered:
            self._poll.unregister(fd)
        if code:
            self._drop(fd, os.strerror(code))
            return None
        made = self._running.pop(fd)
        made.setblocking(True)
        if made.family != socket.AF_UNIX:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _drop(self, fd: int, why: str) -> None:
        self._running.pop(fd).close()
        self._failures.append(why)

    def _so_far(self) -> str:
        return ", ".join(dict.fromkeys(self._failures))
