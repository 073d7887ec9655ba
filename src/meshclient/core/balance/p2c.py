"""Two endpoints at random, the less loaded of them takes the call.

Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001; as in
Finagle's P2C. Two random looks avoid both the herd that follows the one best endpoint and the O(n) search for it.
"""

from __future__ import annotations

from itertools import permutations
from math import inf
from typing import TYPE_CHECKING

from meshclient.core.balance.alias import AliasTable
from meshclient.core.balance.picker import draw_past

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshclient.core.balance.node import Node
    from meshclient.core.balance.picker import Avoid, Uniform

# Weights this close, in relation to the heaviest, are the same weight (Finagle), which spares the alias table.
SAME_WEIGHT = 1e-4
# Seconds for which what an endpoint's answers say is not worked out again: one call in fifty does it where there are
# thousands a second, and every call where there are hundreds. What is in flight counts at once.
FRESH = 2e-3
# Loads this close, in relation to the greater, are the same load. With one call at a time, whoever is ahead by a trifle
# would otherwise get all of them, for ever.
SAME_LOAD = 0.95
# Up to so many endpoints of one weight there is a table of all pairs, so that one draw finds both.
PAIRED = 16
# A third endpoint is preferred to one that met itself in the draw from this many times its load on: more than equals
# differ by, and less than what anybody would call slow.
FAR_WORSE = 3.0


def peak_ewma_load(node: Node, now: float) -> float:
    """Expected seconds until a good answer, were the call queued behind those in flight."""
    cost = _cost(node, now)
    return cost * (node.pending / node.capacity + 1) if node.pending else cost


def _work_out(node: Node, now: float, fresh: float) -> None:
    cost = _cost(node, now)
    node.step = cost / node.capacity
    node.load = cost + node.step * node.pending
    node.stale = now + fresh


def _cost(node: Node, now: float) -> float:
    """Expected seconds until a good answer, were nothing in flight.

    Those in flight are themselves a sign: when they have waited longer on average than answers take, that is what an
    answer takes now (Kratos). So an endpoint that has gone silent is passed over before the first of them fails.
    """
    cost = node.ewma.read(now)
    if node.waiting:
        cost = max(cost, now - node.begun / node.waiting)
    return cost * (1 + node.blame.read(now))


class P2C:
    """Power of two choices over `load`; a tie goes to the first drawn.

    Weights act on the draw: with equal loads an endpoint's share is exactly its weight's. So both draws are by weight
    and may meet on one endpoint, which then takes the call, unless a third is far better: a slow one of three would get
    a ninth of all calls by meeting itself. What is in flight is compared in relation to the weight.

    Args:
        uniform: chance.
        load: what to compare.
        fresh: seconds for which `peak_ewma_load` is not worked out again for an endpoint but for what is in flight.
    """

    __slots__ = ("_alias", "_fresh", "_load", "_nodes", "_pairs", "_uniform")

    def __init__(
        self, uniform: Uniform, load: Callable[[Node, float], float] = peak_ewma_load, fresh: float = FRESH
    ) -> None:
        self._uniform = uniform
        self._fresh = fresh
        self._pairs: Sequence[tuple[Node, Node]] = ()
        self._load = load
        self._nodes: Sequence[Node] = ()
        self._alias: AliasTable | None = None

    def rebuild(self, nodes: Sequence[Node]) -> None:
        """Choose among `nodes` from now on."""
        weights = [node.weight for node in nodes]
        equal = max(weights) - min(weights) <= SAME_WEIGHT * max(weights)
        mean = sum(weights) / len(weights)
        for node in nodes:
            node.capacity = 1.0 if equal else node.weight / mean
            node.stale = -inf
        self._nodes = nodes
        self._alias = None if equal else AliasTable(weights)
        small = equal and len(nodes) <= PAIRED
        self._pairs = list(permutations(nodes, 2)) if small else ()

    def pick(self, now: float, avoid: Avoid | None = None, key: str | None = None) -> Node:  # noqa: ARG002 - the Picker signature
        """The less loaded of two."""
        if avoid is not None:
            return self._pick_past(now, avoid)
        if pairs := self._pairs:
            one, other = pairs[int(self._uniform() * len(pairs))]
        else:
            one, other = self._two()
            if one is other:
                return self._check(one, now) if len(self._nodes) > 1 else one
        if self._load is not peak_ewma_load:
            return other if self._load(other, now) < self._load(one, now) else one
        if now >= one.stale:
            _work_out(one, now, self._fresh)
        if now >= other.stale:
            _work_out(other, now, self._fresh)
        return other if other.load < SAME_LOAD * one.load else one

    def _two(self) -> tuple[Node, Node]:
        """Of too many for a table of all pairs, or by weight; the only one twice."""
        nodes, uniform, size = self._nodes, self._uniform, len(self._nodes)
        if size == 1:
            return nodes[0], nodes[0]
        if self._alias is not None:
            return nodes[self._alias.draw(uniform)], nodes[self._alias.draw(uniform)]
        first = int(uniform() * size)
        second = int(uniform() * (size - 1))
        return nodes[first], nodes[second + (second >= first)]

    def _pick_past(self, now: float, avoid: Avoid) -> Node:
        # Both places are filled past what is to be avoided: left in the draw, a dead endpoint would hand its share to
        # whichever slow one it is compared with.
        one, other = draw_past(self._draw, avoid), draw_past(self._draw, avoid)
        if one is other:
            third = self._check(one, now)
            return one if avoid(third) else third
        if avoid(other) or (self._load(one, now) <= self._load(other, now) and not avoid(one)):
            return one
        return other

    def _check(self, one: Node, now: float) -> Node:
        """`one`, which met itself, unless it is far worse than a third."""
        third = self._draw()
        return third if FAR_WORSE * self._load(third, now) < self._load(one, now) else one

    def _draw(self) -> Node:
        alias, uniform = self._alias, self._uniform
        return self._nodes[int(uniform() * len(self._nodes)) if alias is None else alias.draw(uniform)]
