"""Sessions of TLS, kept so that the next connection to the same server need not begin from nothing.

A server's tickets mean something to that server only, as a rule, and the endpoints of a service share one name: what is
remembered belongs to a name at an endpoint (RFC 8446 section 4.6.1 asks for the name). A ticket may be offered by
several connections; appendix C.4 there advises against that for browsers, which it would make recognisable to those who
watch the wire. A service is known by its address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import fork_safe_lock

if TYPE_CHECKING:
    import ssl

# Some 5 KB each.
MOST_SESSIONS = 512


class Sessions:
    """The newest session of each server, for any thread.

    Args:
        most: so many are kept; the one that was renewed the longest ago goes first.
    """

    __slots__ = ("_kept", "_lock", "_most")

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._most = most
        self._kept: dict[tuple[str, str], ssl.SSLSession] = {}
        self._lock = fork_safe_lock()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, name: str, at: str) -> ssl.SSLSession | None:
        """What to offer to the server of that name at that endpoint."""
        return self._kept.get((name, at))

    def keep(self, name: str, at: str, session: ssl.SSLSession) -> None:
        """Offer `session` from now on."""
        with self._lock:
            self._kept.pop((name, at), None)
            self._kept[name, at] = session
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
