"""Server-sent events (WHATWG HTML, section 9.2), as they come off the wire."""

from __future__ import annotations

from dataclasses import dataclass

from meshclient.rpc.codec.lines import LONGEST

MEDIA_TYPE = "text/event-stream"
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event.

    Args:
        data: its lines, joined.
        event: its type.
        id: the last one seen, of this event or of one before.
        retry: milliseconds that the server last asked to wait before connecting anew, or None.
    """

    data: str
    event: str = "message"
    id: str = ""
    retry: int | None = None


class Events:
    """Cuts a body into its events. One that the body breaks off in is no event."""

    def __init__(self) -> None:
        self._held = b""
        self._begun = False
        self._after_return = False
        self._data: list[str] = []
        self._size = 0
        self._event = ""
        self._id = ""
        self._retry: int | None = None

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events that end within `data`; raises ValueError for one without an end."""
        data = self._held + data
        if not self._begun:
            if len(data) < len(_MARK) and _MARK.startswith(data):
                self._held = data
                return []
            self._begun = True
            data = data.removeprefix(_MARK)
        if self._after_return and data:
            # The other half of a line's end.
            data = data.removeprefix(b"\n")
            self._after_return = False
        lines = data.splitlines(keepends=True)
        self._held = lines.pop() if lines and not lines[-1].endswith((b"\n", b"\r")) else b""
        if lines and not self._held:
            self._after_return = lines[-1].endswith(b"\r")
        events = [event for line in lines if (event := self._line(line.rstrip(b"\r\n"))) is not None]
        if len(self._held) + self._size > LONGEST:
            msg = f"an event is longer than {LONGEST} bytes"
            raise ValueError(msg)
        return events

    def end(self) -> list[ServerSentEvent]:
        """Nothing: what has not ended is no event."""
        return []

    def _line(self, line: bytes) -> ServerSentEvent | None:
        if not line:
            return self._dispatched()
        name, _, rest = line.partition(b":")
        value = rest.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(value)
            self._size += len(line)
        elif name == b"event":
            self._event = value
        elif name == b"id":
            self._id = self._id if "\0" in value else value
        elif name == b"retry" and value.isascii() and value.isdigit():
            self._retry = int(value[:9])
        return None

    def _dispatched(self) -> ServerSentEvent | None:
        data, self._data, self._size = self._data, [], 0
        event, self._event = self._event, ""
        return ServerSentEvent("\n".join(data), event or "message", self._id, self._retry) if data else None
