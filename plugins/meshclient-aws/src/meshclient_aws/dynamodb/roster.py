"""A service's items as last read, and who of them is alive at a given moment.

The decisions about expiry are here, without a clock: who is alive now, when that changes next, what a renewal changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from meshclient.model.endpoint import Endpoint
from meshclient_aws.dynamodb.item import Item


@dataclass(frozen=True, slots=True)
class Beat:
    """A renewal, as the stream tells of it; the arguments are those of `Item`."""

    expires: float
    heartbeat: float


@dataclass(frozen=True, slots=True)
class Roster:
    """All items of one service, by instance, the expired and the malformed included."""

    items: Mapping[str, Item] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, items: Iterable[Item]) -> Roster:
        """The roster of a complete answer."""
        return cls(MappingProxyType({item.instance: item for item in items}))

    def live(self, now: float) -> tuple[Endpoint, ...]:
        """The endpoints to be used at `now`, seconds since the epoch: not expired, critical, draining or malformed.

        An item is dead from the very second of its `expires` on.
        """
        return tuple(
            item.endpoint
            for item in self.items.values()
            if item.endpoint is not None and item.endpoint.usable and item.expires > now
        )

    def next_expiry(self, now: float) -> float | None:
        """When the next living endpoint expires, in seconds since the epoch; None where that is not in sight."""
        ends = [
            item.expires
            for item in self.items.values()
            if now < item.expires < math.inf and item.endpoint is not None and item.endpoint.usable
        ]
        return min(ends, default=None)

    def renewed(self, beats: Mapping[str, Beat]) -> tuple[Roster, bool]:
        """The roster once these renewals are in, and whether one of them was for an instance that it does not hold.

        A stream may still tell of renewals that a later query has seen already: an older heartbeat changes nothing.
        """
        changed = {
            instance: replace(item, expires=beat.expires, heartbeat=beat.heartbeat)
            for instance, beat in beats.items()
            if (item := self.items.get(instance)) is not None and beat.heartbeat > item.heartbeat
        }
        missed = any(instance not in self.items for instance in beats)
        return (Roster(MappingProxyType({**self.items, **changed})) if changed else self), missed

    def problems(self, now: float) -> tuple[str, ...]:
        """One text for each item that has not expired at `now` and cannot be an endpoint."""
        return tuple(f"{item.instance[:60]!r}: {item.problem}" for item in self._present(now) if item.problem)

    def readable(self, now: float) -> bool:
        """Whether there is an item that can be an endpoint, or none at all that has not expired."""
        present = self._present(now)
        return not present or any(not item.problem for item in present)

    def _present(self, now: float) -> list[Item]:
        return [item for item in self.items.values() if item.expires > now]
