"""One registrant for each instance on a host, among the workers of a pre-fork server.

The workers share a listening socket and are one instance, so one of them registers it, and none may take it out while
another serves. They agree through advisory locks (flock(2)) on three empty files, which the kernel releases when a
process dies, however it dies:

- ``holder``, exclusive: who has it registers. The others try again every second.
- ``waiting``, shared: held by each of those others. A holder that leaves tries to lock it exclusively: where that
  fails somebody is there to carry on, and the instance stays listed. Where it succeeds the lock is kept until the
  instance is out, so that a worker starting meanwhile waits, and registers afterwards.
- ``leaving``, exclusive: held for the moment in which one of them decides how it leaves. Without it a holder could
  count on a waiter that counts on the holder, and both would go.

Files stay behind: removing one that another process has just opened would give two processes "the" lock. A forked
child shares its parent's locks through the inherited descriptors, and so closes them at once. Where there is no flock
(Windows), or no folder to write to, every process registers for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import stat
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from meshclient.registration.registrar import Registration

_LOG = logging.getLogger("meshclient.registration")

# Seconds for a decision about leaving, which takes microseconds: only a process that was stopped holds it longer.
_DECISION = 1.0
_RETRY = 0.01

_SEATS: WeakSet[Seat] = WeakSet()
_hooked = False


class Seat:
    """The right to register one instance from this host; a process asks for it and gives it up.

    Args:
        folder: where the lock files are.
        key: the instance, as a file name.
    """

    def __init__(self, folder: Path, key: str) -> None:
        global _hooked  # noqa: PLW0603 - one hook for the process, set with the first seat and never at import
        self._folder = folder
        self._key = key
        self._files: dict[str, int] = {}
        self._alone = fcntl is None
        if not _hooked and hasattr(os, "register_at_fork"):
            _hooked = True
            os.register_at_fork(after_in_child=_close_all)
        _SEATS.add(self)

    @classmethod
    def of(cls, source: str, registration: Registration) -> Seat:
        """The seat for this instance in this registry; workers that register the same instance share it."""
        endpoint = registration.endpoint
        parts = (source, registration.service.value, endpoint.id, endpoint.host, str(endpoint.port))
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        try:
            return cls(runtime_folder(os.environ), key)
        except OSError as exc:
            # No folder for temporary files, as in a container whose file system is read-only.
            seat = cls(Path(), key)
            seat._go_alone(exc)
            return seat

    def take(self) -> bool:
        """Whether this process registers the instance; if not, it counts as waiting from now on."""
        try:
            if self._alone or self._lock("holder"):
                self._close("waiting")
                return True
            self._lock("waiting", shared=True)
            return False
        except OSError as exc:
            self._go_alone(exc)
            return True

    async def leave(self) -> bool:
        """Whether the instance must be taken out, because this process was the last. `release` when that is done."""
        try:
            return self._alone or await self._last()
        except OSError as exc:
            self._go_alone(exc)
            return True

    def release(self) -> None:
        """Give up whatever is held."""
        for file in list(self._files):
            self._close(file)

    async def _last(self) -> bool:
        async with self._decision():
            # A shared lock of its own, of one that has waited until now, becomes the exclusive one.
            if self._lock("holder") and self._lock("waiting"):
                return True
            self.release()
            return False

    @asynccontextmanager
    async def _decision(self) -> AsyncIterator[None]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DECISION):
                while not self._lock("leaving"):  # noqa: ASYNC110 - another process holds it
                    await asyncio.sleep(_RETRY)
        try:
            yield
        finally:
            self._close("leaving")

    def _lock(self, file: str, *, shared: bool = False) -> bool:
        if file not in self._files:
            _make(self._folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._files[file] = os.open(self._folder / f"{self._key}.{file}", flags, 0o600)
        # Those who wait come here every second: what looks old is cleared away from folders for temporary files.
        os.utime(self._files[file])
        try:
            fcntl.flock(self._files[file], (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _close(self, file: str) -> None:
        opened = self._files.pop(file, None)
        if opened is not None:
            # A child between fork and exec may have a copy of the descriptor: closing this one would not do.
            with contextlib.suppress(OSError):
                fcntl.flock(opened, fcntl.LOCK_UN)
            os.close(opened)

    def _go_alone(self, exc: OSError) -> None:
        _LOG.info("workers on this host cannot agree who registers, so each does: %s", exc)
        self.release()
        self._alone = True

    def _abandon(self) -> None:
        # Not unlocked: the lock is the parent's.
        while self._files:
            os.close(self._files.popitem()[1])
        self._alone = True


def runtime_folder(environ: Mapping[str, str]) -> Path:
    """The user's folder for lock files: below ``XDG_RUNTIME_DIR``, else that for temporary files.

    Raises OSError where there is neither.
    """
    user = os.getuid() if hasattr(os, "getuid") else ""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime:
        with contextlib.suppress(OSError):
            # A server that has changed its user since its start still has the variable of the one before.
            if Path(runtime).stat().st_uid == user:
                return Path(runtime, "meshclient")
    return Path(tempfile.gettempdir(), f"meshclient-{user}")


def _make(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    # Everybody may write to the folder for temporary files.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")


def _close_all() -> None:
    for seat in list(_SEATS):
        seat._abandon()  # noqa: SLF001 - the other half of this module
