"""Which endpoints take part in picking right now.

Source: Envoy's priority levels and panic threshold. Endpoints of one priority form a level. A level hands calls on to
the next once too few of its endpoints are usable (`meshclient.core.balance.priority`); where too few are left
altogether, it fails open and uses every endpoint that is not draining, because sending everything to a small remainder
would fell that one too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.balance.priority import Level, level_shares
from meshclient.model.endpoint import Health

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.core.balance.node import Node


@dataclass(frozen=True, slots=True)
class Rotation:
    """The answer.

    Args:
        nodes: those that take part; empty only when every endpoint drains.
        panic: whether it fails open, or one of its levels does.
        shares: by priority, the part of the calls of each level that takes any.
        zones: by priority, how many endpoints that do not drain are in each zone.
        usable: endpoints neither ejected nor refused by their registry, over all levels.
        sizes: by priority, how many endpoints do not drain.
        ejected: by priority, how many of them are ejected.
        sound: priorities of the levels that could take all calls.
    """

    nodes: tuple[Node, ...]
    panic: bool
    shares: dict[int, float]
    zones: dict[int, dict[str, int]]
    usable: int
    sizes: dict[int, int]
    ejected: dict[int, int]
    sound: tuple[int, ...]

    def relieved(self, priority: int) -> bool:
        """Whether a later level could take over from this one."""
        return any(other > priority for other in self.sound)


def rotate(nodes: Iterable[Node], threshold: float) -> Rotation:
    """The rotation among `nodes`; a level fails open while less than `threshold` (0 to 1) of it is usable."""
    levels: dict[int, list[Node]] = {}
    for node in nodes:
        if node.endpoint.health is not Health.DRAINING:
            levels.setdefault(node.endpoint.priority, []).append(node)
    levels = {priority: levels[priority] for priority in sorted(levels)}
    usable = {p: [n for n in level if n.usable and not n.standing.ejected] for p, level in levels.items()}
    shared = level_shares([Level(len(levels[p]), len(usable[p])) for p in levels], panic=threshold)
    taking = {p: share for p, share in zip(levels, shared, strict=True) if share.share}
    return Rotation(
        nodes=tuple(node for p, share in taking.items() for node in (levels[p] if share.panic else usable[p])),
        panic=any(share.panic for share in taking.values()),
        shares={p: share.share for p, share in taking.items()},
        zones={p: Counter(node.endpoint.zone for node in levels[p]) for p in taking},
        usable=sum(map(len, usable.values())),
        sizes={p: len(level) for p, level in levels.items()},
        ejected={p: sum(node.standing.ejected for node in level) for p, level in levels.items()},
        sound=tuple(p for p in levels if usable[p] and len(usable[p]) >= threshold * len(levels[p])),
    )
