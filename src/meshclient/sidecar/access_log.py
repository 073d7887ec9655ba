"""Lines of the access log on their way out: gathered for a moment, written at once.

A write for each request would be a system call for each request; a tenth of a second is nothing to whoever reads them.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

# Seconds that a line waits at most, and lines that wait at most.
PAUSE = 0.1
MOST = 512


class AccessLog:
    """Writes them to standard output. Where nobody reads that any more, they are dropped.

    Args:
        stream: instead of standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._broken = False

    def __call__(self, line: str) -> None:
        """One line, without its end."""
        if self._broken:
            return
        self._lines.append(line)
        if len(self._lines) >= MOST:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self.flush)

    def flush(self) -> None:
        """Write what is there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if not lines or self._broken:
            return
        try:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._broken = True
