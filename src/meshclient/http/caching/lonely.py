"""Requests for which nobody waits: the last time their response was for its caller alone.

Waiting for such a response only to find that out would put calls one behind the other. What is remembered is bounded,
and forgotten soon: services change their minds (Varnish calls the same "hit for pass").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

SECONDS = 10.0
_MOST = 1024


class Lonely:
    """Keys, each for ten seconds; from any thread."""

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}

    def add(self, key: Hashable, now: float) -> None:
        """Nobody is to wait for `key`."""
        if len(self._until) >= _MOST:
            self._until = {}
        self._until[key] = now + SECONDS

    def knows(self, key: Hashable, now: float) -> bool:
        """Whether nobody is to wait for `key`."""
        until = self._until.get(key)
        return until is not None and now < until
