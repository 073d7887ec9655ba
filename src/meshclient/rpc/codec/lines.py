"""Newline-delimited JSON, as it comes off the wire."""

from __future__ import annotations

MEDIA_TYPE = "application/x-ndjson"
# `application/json` too: some servers have sent their watches so ever since, Kubernetes among them.
MEDIA_TYPES = frozenset(
    {
        "application/json",
        "application/json-seq",
        "application/jsonl",
        "application/jsonlines",
        MEDIA_TYPE,
        "application/ndjson",
    }
)
# More without a line's end is no stream of records; a reader must not keep it all.
LONGEST = 16 * 1024 * 1024
_BLANK = b" \t\r\x1e"


class Lines:
    """Cuts a body into its lines; blank ones are left out, and RFC 7464's record separators."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that end within `data`; raises ValueError for one without an end."""
        first, *others = data.split(b"\n")
        self._held.append(first)
        if not others:
            self._size += len(first)
            if self._size > LONGEST:
                msg = f"a line is longer than {LONGEST} bytes"
                raise ValueError(msg)
            return []
        lines = [b"".join(self._held), *others[:-1]]
        self._held = [others[-1]]
        self._size = len(others[-1])
        return [line for each in lines if (line := each.strip(_BLANK))]

    def end(self) -> list[bytes]:
        """What is left, for the last line may end with the body."""
        line = b"".join(self._held).strip(_BLANK)
        self._held = []
        return [line] if line else []
