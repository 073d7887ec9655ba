"""The last good lists on disk, for a process that starts while its registry is down.

One file for each registry and service. It is replaced by a rename, so that readers and other writers meet a whole one,
the old or the new; without fsync, since after a crash of the machine an older list, or none, does as well. Whatever
goes wrong here is told in the log and changes nothing for calls.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.discovery.stored_form import decode, digest, encode
from meshclient.errors import ConfigError
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from meshclient.discovery.stored_form import StoredList
    from meshclient.model.endpoint import Endpoint

_LOG = logging.getLogger("meshclient.discovery")

# Seconds. After a day addresses belong to somebody else (Synapse keeps its state file as long).
MAX_AGE = 86_400.0
# Clocks that are set right after a start may show a time from which the file seems to come from the future.
SKEW = 300.0
# 5,000 endpoints with metadata are about 2 MB; nobody reads a device or somebody's disk image by mistake.
MAX_SIZE = 32 * 1024 * 1024
# Seconds after which a file that is still being written belongs to a process that was killed over it.
LEFT_BEHIND = 3600.0
# Most letters of a service's name in that of its file: names may be as long as file names, and the digest comes after.
_SHOWN = 100
_WRITING = ".meshclient-"


class StateFolder:
    """The folder.

    Args:
        path: made, for the owner alone, with the first list that is written.
        wall: seconds since the epoch.
    """

    def __init__(self, path: Path, *, wall: Callable[[], float] = time.time) -> None:
        self.path = path
        self.wall = wall
        self._complained = False
        self._swept = False
        self._lock = fork_safe_lock()

    def file(self, source: str, service: str) -> StateFile:
        """The file for the lists that `source` gives of `service`; touches nothing."""
        return StateFile(self, source, service, self.path / f"{service[:_SHOWN]}-{digest(source, service)}.json")

    @classmethod
    def at(cls, text: str) -> StateFolder:
        """The folder that `text` names: ``~`` is the user's, and a relative one begins at the working directory.

        Raises ConfigError where there is no such user, or one without a home.
        """
        try:
            return cls(Path(text).expanduser().absolute())
        except RuntimeError:
            raise ConfigError(f"state_dir {text!r}: this user has no home folder; write a whole path") from None

    def sweep(self) -> None:
        """Once, remove what processes that were killed while they wrote have left behind."""
        if not self._swept:
            self._swept = True
            for path in self.path.glob(f"{_WRITING}*.tmp"):
                with suppress(OSError):
                    if self.wall() - path.stat().st_mtime > LEFT_BEHIND:
                        path.unlink()

    def complain(self, error: OSError) -> None:
        """Tell once that nothing can be kept here."""
        with self._lock:
            first, self._complained = not self._complained, True
        if first:
            _LOG.warning(
                "state_dir %s cannot be written: %s; calls go on, but a start without the registry will find no list",
                self.path,
                error.strerror or error,
            )


@dataclass(frozen=True, slots=True)
class Found:
    """What was on disk: a list and its `age` in seconds, or nothing to use and `why`, where there is something to say.

    `why` is empty where there is simply no file.
    """

    endpoints: tuple[Endpoint, ...] = ()
    age: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class StateFile:
    """One list on disk. Both methods block, and raise nothing."""

    folder: StateFolder
    source: str
    service: str
    path: Path

    def write(self, endpoints: Iterable[Endpoint]) -> None:
        """Put `endpoints` in the place of what was there, confirmed now. Tells a failure once in the folder's life."""
        import tempfile

        content = encode(self.source, self.service, endpoints, self.folder.wall())
        try:
            self.folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Readable by the owner alone, and not to be taken for a list while it is written.
            self.folder.sweep()
            handle, name = tempfile.mkstemp(".tmp", _WRITING, self.folder.path)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                Path(name).replace(self.path)
            except BaseException:
                with suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as exc:
            self.folder.complain(exc)

    def read(self) -> Found:
        """The list, unless it is too old or anything is wrong with it; then a line in the log says what."""
        try:
            stored = self._stored()
        except FileNotFoundError:
            return Found()
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            _LOG.warning("%s: the list in %s is not used: %s", self.service, self.path, reason)
            return Found(why=f"the list on disk cannot be used: {reason}")
        age = self.folder.wall() - stored.confirmed
        if not -SKEW <= age <= MAX_AGE:
            limit = format_duration(MAX_AGE)
            old = f"is {format_duration(age)} old (limit {limit})" if age > 0 else "is from the future"
            _LOG.warning("%s: the list in %s is not used: it %s", self.service, self.path, old)
            return Found(why=f"the list on disk {old} and is not used")
        return Found(stored.endpoints, max(0.0, age))

    def _stored(self) -> StoredList:
        # Without waiting for a pipe's other end, and through no link that somebody laid in a folder open to all.
        handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode) or facts.st_uid not in (os.geteuid(), 0):
                msg = "it is not a file of this user"
                raise ValueError(msg)
            content = file.read(MAX_SIZE + 1)
        if len(content) > MAX_SIZE:
            msg = f"it is larger than {MAX_SIZE} bytes"
            raise ValueError(msg)
        return decode(content, self.source, self.service)
