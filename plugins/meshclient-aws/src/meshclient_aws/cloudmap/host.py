"""The processes of one host that ask for the same service: one asks, the others read what it writes.

Whoever holds the lock of a service's file asks Cloud Map. The kernel takes the lock back when its holder dies, so that
the next to look has it. Nothing here is needed for an answer: where the folder cannot be used, or what is in it makes
no sense, a process asks for itself. Calls are a few system calls on a local disk, made on the loop: a thread that
took a lock for a watch that was cancelled meanwhile would keep it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import stat
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from meshclient_aws.cloudmap.record import Record, read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.model.service import ServiceName
    from meshclient_aws.cloudmap.options import CloudMapOptions

_LOG = logging.getLogger("meshclient.discovery")

# Processes with other credentials may see another account's services under the same names.
_IDENTITY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SERVICEDISCOVERY",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
)


class HostFile:
    """The place where this host's processes meet for one service.

    Args:
        options: the parsed URI; processes share where all of it is the same.
        name: the service.
        environ: the process's environment, for whose credentials are used.
    """

    def __init__(self, options: CloudMapOptions, name: ServiceName, environ: Mapping[str, str]) -> None:
        identity = [options.source, name.value, *(environ.get(variable, "") for variable in _IDENTITY)]
        stem = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:32]
        self._folder = Path(options.share_dir or Path(tempfile.gettempdir()) / f"meshclient-cloudmap-{os.geteuid()}")
        self._lock = self._folder / f"{stem}.lock"
        self._file = self._folder / f"{stem}.json"
        self._held: int | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._record: Record | None = None

    def take(self) -> bool:
        """Whether it is for this process to ask: it holds the lock, or nobody can."""
        if self._held is not None:
            return True
        try:
            _private(self._folder)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as exc:
            _complain(str(self._folder), exc.strerror or str(exc))
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as exc:  # a file system without locks
            os.close(descriptor)
            _complain(str(self._folder), exc.strerror or str(exc))
            return True
        self._held = descriptor
        _close_in_children()
        _HELD.add(self)
        return True

    def write(self, record: Record) -> None:
        """Tell the others, where this process holds the lock.

        Without it the folder may be somebody else's; and were a reader's word to count, the others would wait for the
        next one, which a reader gives only while the holder is silent.
        """
        if self._held is None:
            return
        draft = self._file.with_suffix(f".{os.getpid()}-{id(self):x}.tmp")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, which refuses links
                file.write(write_record(record))
            draft.replace(self._file)
        except OSError as exc:
            _complain(str(self._folder), exc.strerror or str(exc))

    def read(self) -> Record | None:
        """What another has told last; None where there is nothing that can be read."""
        try:
            status = self._file.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._record = read_record(self._file.read_bytes())
                self._stamp = stamp
        except OSError:
            self._stamp = self._record = None
        return self._record

    def close(self) -> None:
        """Let another process ask."""
        held, self._held = self._held, None
        _HELD.discard(self)
        if held is not None:
            os.close(held)


_HELD: WeakSet[HostFile] = WeakSet()


@cache
def _close_in_children() -> None:
    """A lock lives as long as any copy of its descriptor, and a forked child has one of each."""

    def close_all() -> None:
        for file in list(_HELD):
            file.close()

    os.register_at_fork(after_in_child=close_all)


def _private(folder: Path) -> None:
    """Make the folder, or see that nobody else can write to it. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(1, "it is not a folder of this user's that nobody else can write to")


@cache
def _complain(folder: str, reason: str) -> None:
    """Warn, once for each reason."""
    _LOG.warning("cloudmap:// cannot share answers in %s (%s): this process asks for itself", folder, reason)
