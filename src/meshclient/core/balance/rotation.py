"""Which endpoints take part in picking right now.

Source: Envoy's priority levels and panic threshold. Endpoints of one priority form a tier. The first tier that still
has enough usable endpoints takes all calls; when none has, the balancer fails open and uses every endpoint that is
not draining, because sending everything to a small remainder would fell that one too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Health

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.core.balance.node import Node


@dataclass(frozen=True, slots=True)
class Rotation:
    """The answer.

    Args:
        nodes: those that take part; empty only when every endpoint drains.
        panic: whether it fails open.
        usable: endpoints neither ejected nor refused by their registry, over all tiers.
        sizes: by priority, how many endpoints do not drain.
        ejected: by priority, how many of them are ejected.
        sound: priorities of the tiers that could take the calls.
    """

    nodes: tuple[Node, ...]
    panic: bool
    usable: int
    sizes: dict[int, int]
    ejected: dict[int, int]
    sound: tuple[int, ...]

    def relieved(self, priority: int) -> bool:
        """Whether a later tier could take over from this one."""
        return any(other > priority for other in self.sound)


def rotate(nodes: Iterable[Node], threshold: float) -> Rotation:
    """The rotation among `nodes`; a tier is sound while at least `threshold` (0 to 1) of it is usable."""
    tiers: dict[int, list[Node]] = {}
    for node in nodes:
        if node.endpoint.health is not Health.DRAINING:
            tiers.setdefault(node.endpoint.priority, []).append(node)
    usable = {p: [n for n in tier if n.endpoint.usable and not n.standing.ejected] for p, tier in tiers.items()}
    sound = tuple(p for p in sorted(tiers) if usable[p] and len(usable[p]) >= threshold * len(tiers[p]))
    chosen = usable[sound[0]] if sound else [node for p in sorted(tiers) for node in tiers[p]]
    return Rotation(
        nodes=tuple(chosen),
        panic=not sound and bool(chosen),
        usable=sum(map(len, usable.values())),
        sizes={p: len(tier) for p, tier in tiers.items()},
        ejected={p: sum(node.standing.ejected for node in tier) for p, tier in tiers.items()},
        sound=sound,
    )
