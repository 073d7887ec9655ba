"""httpx's timeouts of plain calls, as the mesh takes them."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from meshclient.http.routing import POOL_SHARE, wished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.core.first_attempt import FirstAttempt
    from meshclient.http.options import CallOptions


class Wishes:
    """What a client, or a call, wants; of those that are httpx's own defaults nothing is.

    Args:
        timeouts: seconds by httpx's four names.

    Attributes:
        timeouts: as given.
        read: seconds between two parts of a response.
    """

    __slots__ = ("_connect", "_pool", "read", "timeouts")

    def __init__(self, timeouts: Mapping[str, float | None]) -> None:
        given = wished(timeouts)
        self.timeouts = timeouts
        self.read = _seconds(given.get("read"))
        self._connect = _seconds(given.get("connect"))
        self._pool = _seconds(given.get("pool"))

    def patience(self, first: FirstAttempt, options: CallOptions) -> tuple[float, float]:
        """Until when to wait for a connection, and how many seconds one that is opened may take."""
        pool = min(self._pool, POOL_SHARE * first.timeout)
        return first.started + pool, min(self._connect, options.connect_timeout, first.timeout)


def _seconds(limit: float | None) -> float:
    return inf if limit is None else limit
