"""The sockets that are listened on, apart from who listens: opened once, and passed on to whoever comes next.

A TCP socket is bound with SO_REUSEPORT (Linux 3.9), so that each worker may have a queue of its own for the same port.
That alone would let a second sidecar take half of the connections of one that runs already, without a word; so the port
is first tried without it, which fails where anybody listens. Sockets that another process passes on (`handover`) are
the same queues: what waits in them is lost by neither.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from meshclient.errors import ConfigError
from meshclient.model.listening import Listening

# Connections that wait to be accepted, as far as net.core.somaxconn lets them.
BACKLOG = 1024
# Turns of the loop in which a queue is emptied, a few connections in each.
_TURNS = 1000
_IN_USE = (errno.EADDRINUSE,)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


@dataclass(slots=True)
class Door:
    """What one listener listens on.

    Args:
        name: ``outbound``, ``inbound`` or ``admin``.
        wanted: as configured; its port may be 0.
        sockets: listening; the door's own until somebody takes them with `take`.
        made: the Unix socket's file as this process made it (device, inode), or None.
        at: where it is, where that is not to be seen from its sockets: with those of a worker.
    """

    name: str
    wanted: Listening
    sockets: list[socket.socket]
    made: tuple[int, int] | None = None
    at: Listening | None = None

    @property
    def address(self) -> Listening:
        """Where it is: as configured, with the port that the kernel chose."""
        if self.at is not None or self.wanted.path:
            return self.at or self.wanted
        host, port = self.sockets[0].getsockname()[:2]
        return Listening(self.wanted.host or host, port)

    @property
    def url(self) -> str:
        """For programs on this host, whatever their working directory is."""
        address = self.address
        if address.path:
            return str(Listening(path=str(Path(address.path).absolute())))
        return f"http://{Listening(_reached(address.host), address.port)}"

    def widen(self, count: int) -> None:
        """Have at least so many sockets, of which each may be listened on by another process. TCP only."""
        while not self.wanted.path and len(self.sockets) < count:
            first = self.sockets[0]
            self.sockets.append(_bound(first.family, first.getsockname()))

    def copies(self) -> list[socket.socket]:
        """The sockets again, for somebody who closes them: a queue lives as long as one of its descriptors."""
        return [sock.dup() for sock in self.sockets]

    async def empty(self) -> None:
        """Have what waits to be accepted accepted, by whoever listens on this loop, and little more come.

        What is in the queue of a socket that is closed is reset, although its client has done nothing but connect.
        """
        for sock in self.sockets:
            # A queue of this length is full with one: later ones wait on their own side, and are refused in the end.
            with suppress(OSError):
                sock.listen(0)
        waiting = select.poll()
        for sock in self.sockets:
            waiting.register(sock, select.POLLIN)
        for _ in range(_TURNS):
            if not waiting.poll(0):
                return
            await asyncio.sleep(0)

    def close(self, *, keep_file: bool = False) -> None:
        """Close the sockets, and remove the file of a Unix socket that is still ours.

        Args:
            keep_file: where another process goes on with it.
        """
        for sock in self.sockets:
            sock.close()
        self.sockets.clear()
        if self.made is not None and not keep_file:
            with suppress(OSError):
                if identity(self.wanted.path) == self.made:
                    Path(self.wanted.path).unlink()


def open_door(name: str, text: str) -> Door:
    """Listen at the address in `text`.

    Raises ConfigError, with a remedy, where that cannot be.
    """
    wanted = Listening.parse(text)
    try:
        return _unix(name, wanted) if wanted.path else _tcp(name, wanted)
    except OSError as exc:
        raise ConfigError(_complaint(name, wanted, exc)) from None


def _tcp(name: str, wanted: Listening) -> Door:
    found = socket.getaddrinfo(wanted.host or "0.0.0.0", wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)  # noqa: S104 - "" is all interfaces
    family, _, _, _, address = found[0]
    if wanted.port:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen()
    return Door(name, wanted, [_bound(family, address)])


def _bound(family: int, address: object) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)  # type: ignore[arg-type]
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _unix(name: str, wanted: Listening) -> Door:
    clear_socket(wanted.path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Its mode is what the umask leaves of 0777: with the usual 022 only the owner may connect, with 007 the group.
        sock.bind(wanted.path)
        made = identity(wanted.path)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return Door(name, wanted, [sock], made)


def clear_socket(path: str) -> None:
    """Remove the socket of a process that has gone. Raises OSError where one listens, or a file of another kind is."""
    try:
        facts = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(facts.st_mode):
        raise FileExistsError(errno.EEXIST, "there is a file of another kind, which is left alone")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.setblocking(False)
        try:
            trial.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
            return
        except BlockingIOError:
            # Its queue is full: somebody is there.
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def identity(path: str) -> tuple[int, int]:
    """Device and number of a file, which another one in its place does not have. Raises OSError."""
    facts = os.lstat(path)
    return facts.st_dev, facts.st_ino


def _reached(host: str) -> str:
    """Where those on this host find what listens on all interfaces."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound


def _complaint(name: str, wanted: Listening, exc: OSError) -> str:
    what = f"sidecar.{name}: cannot listen at {wanted}"
    if isinstance(exc, socket.gaierror):
        return f"{what}: the host is not known ({exc.strerror}); write an address such as 127.0.0.1:{wanted.port}"
    reason = exc.strerror or str(exc)
    if wanted.path and not Path(wanted.path).parent.is_dir():
        return f"{what}: there is no folder {Path(wanted.path).parent}; make it, and let this user write into it"
    if exc.errno in _IN_USE:
        return (
            f"{what}: {reason.lower()}; stop what listens there, replace a running sidecar with --take-over, or choose "
            f"another address with --set sidecar.{name}=..."
        )
    if exc.errno in _FORBIDDEN:
        return f"{what}: {reason.lower()}; choose a port above 1023, or a folder that this user may write to"
    return f"{what}: {reason.lower()}; choose another address with --set sidecar.{name}=..."
