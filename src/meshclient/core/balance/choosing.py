"""Which endpoint an attempt goes to: what stands before the rule of the picker, and what is done where it says no.

A part of the balancer, under its lock.
"""

from __future__ import annotations

from functools import partial
from sys import maxsize
from typing import TYPE_CHECKING

from meshclient.core.balance.blame import SUSPECT
from meshclient.core.balance.p2c import peak_ewma_load
from meshclient.core.balance.picker import DRAWS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from meshclient.core.balance.ejections import Ejections
    from meshclient.core.balance.node import Key, Node
    from meshclient.core.balance.picker import Picker, Uniform
    from meshclient.core.balance.rotation import Rotation


class Choosing:
    """What a `Balancer` chooses by.

    Attributes of it that are read here: its nodes, by key; those in rotation, and those of them that the picker knows;
    those whose latest attempt failed; how many attempts one may have in flight.
    """

    _nodes: dict[Key, Node]
    _rotation: Rotation
    _drawn: Sequence[Node]
    _failing: set[Key]
    _most: int
    _ejections: Ejections
    _picker: Picker
    _uniform: Uniform

    def _chosen(
        self, now: float, tried: Collection[Key], due: float, key: str | None, stuck: Key | None
    ) -> tuple[Node | None, bool]:
        """An endpoint, and whether this is its probe."""
        # No probe on a repeat: a call that met one dead endpoint would otherwise be led from one to the next.
        if not tried:
            if self._ejections.due <= due and (node := self._ejections.probe(due)):
                self._look()
                return node, True
            node = None if stuck is None else self._nodes.get(stuck)
            if node is not None and self._spare(node) and node.pending < self._most:
                return node, False
        node = self._choose(now, tried, key) if self._rotation.nodes else None
        if node is not None and node.pending >= self._most:
            # A few draws that met full ones only are no proof.
            rest = [n for n in self._rotation.nodes if n.pending < self._most]
            node = min(rest, key=lambda n: (n.key in tried, peak_ewma_load(n, now))) if rest else None
        return node, False

    def _choose(self, now: float, tried: Collection[Key], key: str | None) -> Node:
        if not tried and not self._failing and self._most == maxsize:
            return self._picker.pick(now, None, key)
        avoid = partial(self._avoid, now, tried)
        node = self._picker.pick(now, avoid, key)
        # Two that failed one call are reason enough to leave their zone: its last attempt would be lost with it.
        leave = len(tried) > 1
        if len(self._drawn) < len(self._rotation.nodes) and (leave or avoid(node)):
            # The picker does not know those in other zones, which are there for when the own zone fails.
            nodes = self._rotation.nodes
            for _ in range(2 * DRAWS):
                other = nodes[int(self._uniform() * len(nodes))]
                if not avoid(other) and not (leave and other.weight):
                    return other
        if node.key not in tried:
            return node
        left = [n for n in self._rotation.nodes if n.key not in tried]
        if not left and len(self._nodes) > len(self._rotation.nodes):
            # Other tiers, before the same endpoint again.
            left = [n for n in self._nodes.values() if self._spare(n) and n.key not in tried]
        return min(left, key=lambda n: (n.endpoint.priority, peak_ewma_load(n, now))) if left else node

    def _avoid(self, now: float, tried: Collection[Key], node: Node) -> bool:
        return node.key in tried or node.pending >= self._most or self._suspect(node, now)

    def _suspect(self, node: Node, now: float) -> bool:
        # Its latest attempt failed, and so did most of those before: for a while, after which it deserves a trial.
        return node.key in self._failing and node.blame.read(now) >= SUSPECT

    def _spare(self, node: Node) -> bool:
        return node.usable and not node.standing.ejected

    def _look(self) -> None:
        """Take note of whether anything is out of the ordinary."""
        raise NotImplementedError
