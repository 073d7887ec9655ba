"""Where a process that uses the library is administered: a socket of its own among those of its like.

The workers of one server are given the same address. So ``{pid}`` in the path of a Unix socket is the process's own
number, and a process that was not told where exactly to be, but only configured, moves aside where another one listens
already: beside ``mesh.sock`` to ``mesh.4711.sock``. What processes that were killed have left there is cleared away.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.model.listening import Listening
from meshclient.sidecar.door import clear_socket, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

PID = "{pid}"
# Whoever may write to the socket may ask and act: its owner.
_MODE = 0o600
_BACKLOG = 64
# Meshes of one process that were all given the same path.
_MOST = 16
# It is somebody's; of another user's socket nobody else finds out whether he still listens.
_TAKEN = (errno.EADDRINUSE, errno.EACCES, errno.EPERM)
# Others take milliseconds; whoever locks a shared folder for good does not keep us from listening.
_TRIALS, _PAUSE = 50, 0.01
_REMEDY = {
    errno.EADDRINUSE: "stop what listens there, choose another address, or write {pid} into the path of a Unix socket",
    errno.EACCES: "choose a port above 1023, or a folder that this user may write to",
    errno.EPERM: "choose a port above 1023, or a folder that this user may write to",
    errno.ENOENT: "make the folder that it is to be in",
    errno.EEXIST: "remove the file, or choose another path",
}


@dataclass(slots=True)
class Place:
    """A socket that listens.

    Args:
        address: where; an absolute path, where that is not too long for a socket.
        sock: whoever serves closes it.
        made: the Unix socket's file as this process made it (device, inode), or None.
        owner: the process that opened it: the file is not for its children to remove.
    """

    address: Listening
    sock: socket.socket
    made: tuple[int, int] | None
    owner: int

    def remove(self) -> None:
        """Remove the file of a Unix socket that is still ours; again changes nothing. Takes no lock."""
        # Once: the number of a file that has gone may be that of the next one there.
        made, self.made = self.made, None
        if made is not None and self.owner == os.getpid():
            with suppress(OSError):
                if identity(self.address.path) == made:
                    Path(self.address.path).unlink()

    def forsake(self) -> None:
        """In a forked child: let go of the socket, which would seem to be listened on for as long as the child lives.

        Closing alone does not do it where somebody still has it in use, as uvloop's servers do for good.
        """
        if self.sock.fileno() >= 0:
            nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            os.dup2(nowhere, self.sock.fileno(), inheritable=False)
            os.close(nowhere)
        self.sock.close()


def wanted(text: str, folder: Path) -> Listening:
    """The address in `text`, in which ``{pid}`` may still stand; a relative path is one from `folder`.

    Raises ConfigError, with a remedy.
    """
    try:
        address = Listening.parse(text)
        if not address.path:
            return address
        with suppress(ValueError):
            # Where that is too long, it has to do as it is: the working directory hardly changes.
            address = Listening.parse(f"unix:{folder / address.path}")
        if PID in str(Path(address.path).parent):
            raise ValueError(f"{text!r}: {PID} may stand in the name of the socket only, not in that of its folder")
        # The number of a process has seven digits at most (Linux: PID_MAX_LIMIT).
        Listening.parse(str(address).replace(PID, "4194304"))
    except ValueError as exc:
        raise ConfigError(f"administration: {exc}") from None
    return address


def open_place(address: Listening, *, aside: bool) -> Place:
    """Listen at `address`, as `wanted` gave it.

    Args:
        address: where.
        aside: whether another path beside it will do, where a living process has it.

    Raises ConfigError, with a remedy, where that cannot be.
    """
    try:
        return _unix(address.path, aside=aside) if address.path else _tcp(address)
    except OSError as exc:
        raise ConfigError(_complaint(address, exc)) from None


def siblings(path: str) -> list[Path]:
    """The sockets that processes which were given `path` may have made, by name; dead or alive."""
    pattern = re.compile("[0-9]+(?:-[0-9]+)?".join(map(re.escape, Path(_numbered(path)).name.split(PID))))
    with suppress(OSError):
        return sorted(each for each in Path(path).parent.iterdir() if pattern.fullmatch(each.name))
    return []


def _tcp(address: Listening) -> Place:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    family, _, _, _, target = found[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(target)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return Place(Listening(address.host, sock.getsockname()[1]), sock, None, os.getpid())


def _unix(path: str, *, aside: bool) -> Place:
    folder = Path(path).parent
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    with _alone(folder):
        for left in siblings(path):
            with suppress(OSError):
                clear_socket(str(left))
        for each in _candidates(path) if aside else [path.replace(PID, str(os.getpid()))]:
            try:
                clear_socket(each)
            except OSError as exc:
                if exc.errno in _TAKEN and aside:
                    continue
                raise
            return _bound(each)
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _candidates(path: str) -> list[str]:
    own, numbered = str(os.getpid()), _numbered(path)
    first = [path.replace(PID, own)] + ([numbered.replace(PID, own)] if PID not in path else [])
    return first + [numbered.replace(PID, f"{own}-{number}") for number in range(2, _MOST)]


def _numbered(path: str) -> str:
    """``mesh.{pid}.sock`` for ``mesh.sock``."""
    found = Path(path)
    return path if PID in path else str(found.with_name(f"{found.stem}.{PID}{found.suffix}"))


def _bound(path: str) -> Place:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Linux gives the file what the socket has; others need to be told once it is there.
        with suppress(OSError):
            os.fchmod(sock.fileno(), _MODE)
        sock.bind(path)
        Path(path).chmod(_MODE)
        made = identity(path)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return Place(Listening(path=path), sock, made, os.getpid())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    # Of two that find the same dead socket, the second would remove the living one of the first.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for _ in range(_TRIALS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(_PAUSE)
            else:
                break
        yield
    finally:
        # Closing would leave it locked by a child that was forked meanwhile.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _complaint(address: Listening, exc: OSError) -> str:
    what = f"administration cannot listen at {address}"
    if isinstance(exc, socket.gaierror):
        return f"{what}: the host is not known ({exc.strerror}); write an address such as 127.0.0.1:{address.port}"
    reason = (exc.strerror or str(exc)).lower()
    return f"{what}: {reason}; {_REMEDY.get(exc.errno or 0, 'choose another address')}"
