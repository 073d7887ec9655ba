"""Lines of the access log on their way out: gathered for a moment, written at once, never waited for.

A write for each request would be a system call for each request; a tenth of a second is nothing to whoever reads them.
A pipe is written only while it has room: its reader is a log collector, and the requests must not stand still with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_LOG = logging.getLogger("meshclient.sidecar")
# Seconds that a line waits at most where there is room for it, and lines that wait at most.
PAUSE = 0.1
MOST = 512
# A pipe that is ready takes so many bytes without waiting: PIPE_BUF on Linux, 512 at least by POSIX.
_PIECE = select.PIPE_BUF
# Bytes that wait for room; what comes then is dropped, and counted.
KEPT = 1024 * 1024


class AccessLog:
    """Writes them to standard output. Where nobody reads that any more, they are dropped.

    Args:
        stream: instead of standard output.

    Attributes:
        dropped: lines that found no room, and have not been told of yet.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.dropped = 0
        self._stream = sys.stdout if stream is None else stream
        self._lines: list[str] = []
        self._unwritten = b""
        self._timer: asyncio.TimerHandle | None = None
        self._broken = False

    def __call__(self, line: str) -> None:
        """One line, without its end."""
        if self._broken:
            return
        if len(self._unwritten) >= KEPT:
            self.dropped += 1
            return
        self._lines.append(line)
        if len(self._lines) >= MOST:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._due)

    def flush(self) -> None:
        """Write what there is room for."""
        lines, self._lines = self._lines, []
        if self._broken:
            return
        if lines:
            self._unwritten += ("\n".join(lines) + "\n").encode(errors="replace")
        try:
            self._unwritten = _written(self._stream.fileno(), self._unwritten)
        except (OSError, ValueError):
            self._broken = True
            self._unwritten = b""
        if self.dropped and not self._unwritten:
            _LOG.warning("%d lines of the access log were dropped: nobody read standard output", self.dropped)
            self.dropped = 0

    def _due(self) -> None:
        self._timer = None
        self.flush()
        if self._unwritten:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._due)


def _written(file: int, data: bytes) -> bytes:
    """Write what `file` takes without waiting, by whole lines where they are short: other workers write there too."""
    own = _own(file)
    ready = select.poll()
    ready.register(own, select.POLLOUT)
    at = 0
    try:
        while at < len(data) and ready.poll(0):
            end = data.rfind(b"\n", at, at + _PIECE) + 1 or at + _PIECE
            at += os.write(own, data[at:end])
    except BlockingIOError:
        # Another worker was faster.
        pass
    finally:
        if own != file:
            os.close(own)
    return data[at:]


def _own(file: int) -> int:
    """A pipe opened once more, so that not waiting is asked for here alone; `file` where that cannot be."""
    if stat.S_ISFIFO(os.fstat(file).st_mode):
        # It is another user's, nobody reads it, or the system has no such folder.
        with suppress(OSError):
            return os.open(f"/proc/self/fd/{file}", os.O_WRONLY | os.O_NONBLOCK)
    return file
