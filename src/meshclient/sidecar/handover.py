"""A restart that nobody notices: the new process gets the listening sockets of the old one, and the old one drains.

The sockets themselves are passed on (SCM_RIGHTS, unix(7)), so that for a moment both processes accept from the same
queues, and no connection is in a queue that is closed. Two sockets bound to one port by SO_REUSEPORT would not do
alone: what waits in the queue of the one that is closed is reset.

The old process listens at a Unix socket in the user's runtime folder, named after its first listener. The new one asks
there, serves, and then says so; until it has said so the old one serves on, whatever becomes of the new.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.discovery.supervision import describe
from meshclient.errors import ConfigError
from meshclient.model.listening import Listening
from meshclient.sidecar.door import Door
from meshclient.sidecar.own_folder import own_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.config.sidecar_shape import SidecarConfig

_LOG = logging.getLogger("meshclient.sidecar")
_ASK, _READY = b"take-over/1\n", b"ready\n"
# As many descriptors as a message may carry (SCM_MAX_FD).
_MOST = 253
_LONGEST = 65_536
# Seconds for the old process to answer.
PATIENCE = 5.0


def meeting_place(config: SidecarConfig) -> Path | None:
    """Where sidecars with this first listener meet; None where its port is the kernel's choice.

    Raises ConfigError where there is no folder to meet in.
    """
    first = next((text for text in (config.outbound, config.inbound, config.admin) if text), "")
    if not first or (not first.startswith("unix:") and first.endswith(":0")):
        return None
    digest = hashlib.sha256(first.encode()).hexdigest()[:16]
    return own_socket(f"sidecar-{digest}.sock")


class Predecessor:
    """The process whose place is taken.

    Args:
        sock: connected to it.
        doors: those of its listeners that are wanted here.
        pid: of it.
        files: the files of its Unix sockets, wanted or not.
    """

    def __init__(
        self, sock: socket.socket, doors: dict[str, Door], pid: int, files: list[tuple[Door, tuple[int, int]]]
    ) -> None:
        self.doors = doors
        self.pid = pid
        self._sock = sock
        self._files = files

    def relieve(self) -> None:
        """Tell it that its work is done from here on; to remove its files is our work then, and not sooner."""
        with contextlib.suppress(OSError):
            self._sock.send(_READY)
        self._sock.close()
        for door, made in self._files:
            door.made = made
            if self.doors.get(door.name) is not door:
                door.close()

    def close(self) -> None:
        """Let it go on."""
        self._sock.close()
        for door in self.doors.values():
            door.close()


def predecessor(config: SidecarConfig) -> Predecessor | None:
    """The process that serves at these addresses now, with its sockets; None where none does.

    Raises ConfigError where one is there and does not answer.
    """
    path = meeting_place(config)
    if path is None:
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE)
    try:
        sock.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        sock.close()
        return None
    try:
        sock.send(_ASK)
        message, descriptors, _, _ = socket.recv_fds(sock, _LONGEST, _MOST)
        return _read(sock, message, list(descriptors), config)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        sock.close()
        raise ConfigError(
            f"the sidecar at {path} does not pass its sockets on: {describe(exc)}; stop it and start "
            "this one without --take-over"
        ) from None


def _read(sock: socket.socket, message: bytes, descriptors: list[int], config: SidecarConfig) -> Predecessor:
    told = json.loads(message)
    doors: dict[str, Door] = {}
    files: list[tuple[Door, tuple[int, int]]] = []
    for entry in told["doors"]:
        count = int(entry["sockets"])
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors[:count]]
        del descriptors[:count]
        door = Door(str(entry["name"]), Listening.parse(entry["wanted"]), sockets)
        if entry["made"]:
            device, inode = entry["made"]
            files.append((door, (int(device), int(inode))))
        for each in sockets:
            each.setblocking(False)
        if getattr(config, door.name, "") == str(door.wanted):
            doors[door.name] = door
        else:
            door.close()
    return Predecessor(sock, doors, int(told["pid"]), files)


class Succession:
    """Waits for a process that takes this one's place.

    Args:
        path: where they meet.
        doors: the listeners' sockets, asked when somebody comes.
        relieved: called on the loop when another process serves.
    """

    def __init__(self, path: Path, doors: Callable[[], Mapping[str, Door]], relieved: Callable[[], None]) -> None:
        self._path = path
        self._doors = doors
        self._relieved = relieved
        self._made: tuple[int, int] | None = None
        self._task: asyncio.Task[None] | None = None
        self._visits: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Be there, in the place of whoever was there before."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        beside = self._path.with_suffix(f".{os.getpid()}")
        try:
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
            sock.bind(str(beside))
            sock.listen()
            sock.setblocking(False)
            beside.replace(self._path)
            facts = self._path.lstat()
        except OSError as exc:
            sock.close()
            _LOG.info("no other process can take this one's place: %s cannot be made: %s", self._path, exc)
            return
        self._made = (facts.st_dev, facts.st_ino)
        self._task = asyncio.create_task(self._receive(sock))

    async def aclose(self) -> None:
        """Be there no more."""
        for task in (self._task, *self._visits):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        with contextlib.suppress(OSError):
            facts = self._path.lstat()
            if (facts.st_dev, facts.st_ino) == self._made:
                self._path.unlink()

    async def _receive(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with sock:
            while True:
                visitor, _ = await loop.sock_accept(sock)
                visit = asyncio.create_task(self._talk(visitor))
                self._visits.add(visit)
                visit.add_done_callback(self._visits.discard)

    async def _talk(self, visitor: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with visitor, contextlib.suppress(OSError):
            visitor.setblocking(False)
            async with asyncio.timeout(PATIENCE):
                if await loop.sock_recv(visitor, len(_ASK)) != _ASK:
                    return
            doors = list(self._doors().values())
            told = [
                {"name": door.name, "wanted": str(door.wanted), "sockets": len(door.sockets), "made": door.made}
                for door in doors
            ]
            message = json.dumps({"pid": os.getpid(), "doors": told}).encode()
            socket.send_fds(visitor, [message], [sock.fileno() for door in doors for sock in door.sockets])
            # Nothing comes where the other process ends before it serves.
            if await loop.sock_recv(visitor, len(_READY)) == _READY:
                self._relieved()
