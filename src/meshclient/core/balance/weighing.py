"""How large a part of the calls each endpoint is meant to get.

One number for each, which every picker goes by: the registry's weight, times what its priority level and its zone are
due, times how warm it is, times what it says of its own load. So zones, levels and slow start work with every balancer,
and a pick costs the same with and without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from meshclient.core.balance.locality import Zone, zone_factors, zone_shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshclient.core.balance.load_report import LoadWeights
    from meshclient.core.balance.node import Node
    from meshclient.core.balance.rotation import Rotation
    from meshclient.core.balance.slow_start import SlowStart

# Seconds between two weighings while something changes by itself.
STEP = 1.0


@dataclass(frozen=True, slots=True)
class Weighing:
    """The rule; what is None plays no part.

    Args:
        zone: the caller's own, empty where it is not known or plays no part.
        slow_start: how newcomers warm up.
        reports: how endpoints' own reports count.
    """

    zone: str = ""
    slow_start: SlowStart | None = None
    reports: LoadWeights | None = None

    def weigh(self, rotation: Rotation, now: float) -> float:
        """Set the weight of every node in rotation; when to do so again, infinity for not before the next change.

        A node may get weight 0: it is to be drawn only when no other is left.
        """
        nodes = rotation.nodes
        for node in nodes:
            node.weight = node.endpoint.weight
        if self.zone:
            self._by_zone(rotation)
        if len(rotation.shares) > 1:
            _by_level(nodes, rotation.shares)
        again = now + STEP if _multiply(nodes, self.warmth(nodes, now)) else inf
        if self.reports is not None:
            _multiply(nodes, self.reports.factors([node.reported for node in nodes], now))
            again = now + STEP
        return again

    def warmth(self, nodes: Sequence[Node], now: float) -> list[float]:
        """The part of its weight that each of those in rotation has for being new; 1 for all of it."""
        if self.slow_start is None:
            return [1.0] * len(nodes)
        return self.slow_start.factors([now - node.joined for node in nodes])

    def _by_zone(self, rotation: Rotation) -> None:
        for priority in rotation.shares:
            level = [node for node in rotation.nodes if node.endpoint.priority == priority]
            usable: dict[str, float] = {}
            for node in level:
                usable[node.endpoint.zone] = usable.get(node.endpoint.zone, 0.0) + node.weight
            listed = rotation.zones[priority]
            zones = {name: Zone(count, usable.get(name, 0.0)) for name, count in listed.items()}
            factors = zone_factors(zones, zone_shares(zones, self.zone))
            for node in level:
                node.weight *= factors.get(node.endpoint.zone, 1.0)


def _by_level(nodes: Sequence[Node], shares: Mapping[int, float]) -> None:
    sums = dict.fromkeys(shares, 0.0)
    for node in nodes:
        sums[node.endpoint.priority] += node.weight
    whole = sum(sums.values())
    for node in nodes:
        priority = node.endpoint.priority
        if sums[priority]:
            node.weight *= shares[priority] * whole / sums[priority]


def _multiply(nodes: Sequence[Node], factors: Sequence[float]) -> bool:
    """Whether any of them changed anything."""
    changed = False
    for node, factor in zip(nodes, factors, strict=True):
        if factor != 1.0:
            node.weight *= factor
            changed = True
    return changed
