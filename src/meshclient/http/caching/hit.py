"""An answer that is ready in memory, for calls that build nothing of httpx before somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import httpx

from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from meshclient.core.caching.entry import Entry


class Hit:
    """A plain call's answer out of memory.

    Attributes:
        status: of the response.
        reason: the usual words for it.
        headers: with Age.
        body: as it came from the service.
    """

    __slots__ = ("__weakref__", "_age", "_bare", "_born", "_service", "_until", "body", "headers", "reason", "status")

    def __init__(self, service: str, entry: Entry, body: bytes) -> None:
        stored = entry.stored
        self._service = service
        self._bare = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in stored.headers]
        self._born = stored.born
        self._age = -1
        self.status = stored.status
        self.reason = httpx.codes.get_reason_phrase(stored.status).encode("ascii")
        self.headers = self._bare
        self.body = body
        self._until = entry.until

    def at(self, now: float) -> float:
        """Take on the Age of that moment; the epoch seconds until which it is right."""
        age = max(0, int(now - self._born))
        if age != self._age:
            self._age = age
            self.headers = [*self._bare, (b"Age", b"%d" % age)]
        return min(self._until, self._born + age + 1.0)

    def extensions(self) -> dict[str, object]:
        """What else ``response.extensions`` has."""
        return {"mesh": CallReport(self._service, cache="hit")}


class Known:
    """What answered a plain call when last it was looked up.

    It holds the answer weakly: what the store has let go of is gone.

    Attributes:
        key: what responses to the call are kept under.
        hit: the answer, or None where there was none.
        version: of the store at that time.
        until: epoch seconds until which the answer is right, as long as the store has that version.
    """

    __slots__ = ("hit", "key", "until", "version")

    def __init__(self, key: str, hit: Hit | None, version: int, until: float) -> None:
        self.key = key
        self.hit = None if hit is None else ref(hit)
        self.version = version
        self.until = until
