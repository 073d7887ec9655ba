"""One reader of events: server-sent events (WHATWG HTML, section 9.2) that a slow reader cannot pile up.

States replace each other: of those that were not sent yet only the latest is kept. Decisions are lines that follow each
other; of those that were not sent yet the latest `KEPT` are kept, and how many were left out is said.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from meshclient.sidecar.admin.reply import encoded, schema

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = 64
HEARTBEAT = b": still here\n\n"


def frame(event: str, data: bytes) -> bytes:
    """An event; `data` is JSON on one line."""
    return b"event: " + event.encode("ascii") + b"\ndata: " + data.strip() + b"\n\n"


class Stream:
    """What is still to be sent to one reader. Sans I/O.

    Args:
        send: hands bytes to the connection; called only while that takes them.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._open = True
        self._state: bytes | None = None
        self._lines: deque[bytes] = deque(maxlen=KEPT)
        self._left_out = 0
        self._sent = False

    def state(self, data: bytes) -> None:
        """A frame that takes the place of every state before."""
        self._state = data
        self._flush()

    def line(self, data: bytes) -> None:
        """A frame that follows those before."""
        if len(self._lines) == KEPT:
            self._left_out += 1
        self._lines.append(data)
        self._flush()

    def beat(self) -> None:
        """Say that the stream lives, unless something was sent since the last time."""
        if self._open and not self._sent:
            self._send(HEARTBEAT)
        self._sent = False

    def pause(self) -> None:
        """The reader is slow: nothing is sent until `resume`."""
        self._open = False

    def resume(self) -> None:
        """It has read what was sent."""
        self._open = True
        self._flush()

    def _flush(self) -> None:
        # Each send may pause the connection.
        if self._open and self._left_out:
            left_out, self._left_out = self._left_out, 0
            self._put(frame("left_out", encoded({"schema": schema("left_out"), "decisions": left_out})))
        while self._open and self._lines:
            self._put(self._lines.popleft())
        if self._open and self._state is not None:
            data, self._state = self._state, None
            self._put(data)

    def _put(self, data: bytes) -> None:
        self._sent = True
        self._send(data)
