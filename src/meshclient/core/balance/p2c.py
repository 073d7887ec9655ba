"""Two endpoints at random, the less loaded of them takes the call.

Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001; as in
Finagle's P2C. Two random looks avoid both the herd that follows the one best endpoint and the O(n) search for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.balance.alias import AliasTable
from meshclient.core.balance.peak_ewma import LEAST, TAU
from meshclient.core.balance.picker import draw_past

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshclient.core.balance.node import Node
    from meshclient.core.balance.picker import Avoid, Uniform

# Weights this close, in relation to the heaviest, are the same weight (Finagle), which spares the alias table.
SAME_WEIGHT = 1e-4
# A third endpoint is preferred to one that met itself in the draw from this many times its load on: more than equals
# differ by, and less than what anybody would call slow.
FAR_WORSE = 3.0


def peak_ewma_load(node: Node, now: float) -> float:
    """Expected seconds until a good answer, were the call queued behind those in flight.

    Those in flight are themselves a sign: when they have waited longer on average than answers take, that is what an
    answer takes now (Kratos). So an endpoint that has gone silent is passed over before the first of them fails.
    """
    # Twice for every call: `PeakEwma.read` and `Blame.read` are written out for the usual case.
    ewma, blame = node.ewma, node.blame
    cost = ewma.cost
    if (age := now - ewma.stamp) > 0:
        left = 1 - age / TAU
        cost *= left if left > LEAST else LEAST  # noqa: FURB136 - max is called, and this is not
    if node.waiting and (age := now - node.begun / node.waiting) > cost:
        cost = age
    if blame.weight:
        cost *= 1 + blame.read(now)
    return cost * (node.pending / node.capacity + 1) if node.pending else cost


class P2C:
    """Power of two choices over `load`; a tie goes to the first drawn.

    Weights act on the draw: with equal loads an endpoint's share is exactly its weight's. So both draws are by weight
    and may meet on one endpoint, which then takes the call, unless a third is far better: a slow one of three would get
    a ninth of all calls by meeting itself. What is in flight is compared in relation to the weight.

    Args:
        uniform: chance.
        load: what to compare.
    """

    __slots__ = ("_alias", "_load", "_nodes", "_uniform")

    def __init__(self, uniform: Uniform, load: Callable[[Node, float], float] = peak_ewma_load) -> None:
        self._uniform = uniform
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
        self._nodes = nodes
        self._alias = None if equal else AliasTable(weights)

    def pick(self, now: float, avoid: Avoid | None = None, key: str | None = None) -> Node:  # noqa: ARG002 - the Picker signature
        """The less loaded of two."""
        nodes, uniform, size = self._nodes, self._uniform, len(self._nodes)
        if size == 1:
            return nodes[0]
        if avoid is not None:
            return self._pick_past(now, avoid)
        if self._alias is None:
            first = int(uniform() * size)
            second = int(uniform() * (size - 1))
            second += second >= first
        else:
            first, second = self._alias.draw(uniform), self._alias.draw(uniform)
            if first == second:
                return self._check(nodes[first], now)
        one, other = nodes[first], nodes[second]
        return other if self._load(other, now) < self._load(one, now) else one

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
