"""Each in turn, more often where the weight is higher.

Unequal weights follow stride scheduling (C. A. Waldspurger and W. E. Weihl, "Stride Scheduling: Deterministic
Proportional-Share Resource Management", MIT/LCS/TM-528, 1995) in the static form gRPC uses: an endpoint sits out the
rounds its weight has not earned, so no queue needs to be kept. With very uneven
weights a turn may have to pass over many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.balance.picker import draw_past

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.core.balance.node import Node
    from meshclient.core.balance.picker import Avoid, Uniform

# Weights are scaled so that the heaviest is this: 16 bits as in gRPC. A turn is found within one round of the list,
# because the heaviest plays in each; a weight below 1/256 of it counts as that, so that the lightest endpoint waits
# for its own turn no longer than 256 rounds.
HEAVIEST = 0xFFFF
LIGHTEST = 0x100


class RoundRobin:
    """Endpoints in turn, beginning anywhere, so that many clients do not begin at the same one.

    Args:
        uniform: chance, used for the beginning only.
    """

    __slots__ = ("_nodes", "_strides", "_turn", "_uniform")

    def __init__(self, uniform: Uniform) -> None:
        self._uniform = uniform
        self._nodes: Sequence[Node] = ()
        self._strides: list[int] = []
        self._turn = -1

    def rebuild(self, nodes: Sequence[Node]) -> None:
        """Choose among `nodes` from now on."""
        if self._turn < 0:
            self._turn = int(self._uniform() * len(nodes))
        weights = [node.weight for node in nodes]
        heaviest = max(weights)
        strides = [max(LIGHTEST, int(HEAVIEST * (weight / heaviest))) for weight in weights]
        self._nodes = nodes
        self._strides = strides if min(strides) < HEAVIEST else []

    def pick(self, now: float, avoid: Avoid | None = None, key: str | None = None) -> Node:  # noqa: ARG002 - the Picker signature
        """The next in turn."""
        node = self._next()
        if avoid is None or not avoid(node):
            return node
        turn = self._turn
        other = draw_past(self._next, avoid)
        if avoid(other):
            # It goes on from the first: five on each time, five or ten endpoints would come down to one or two.
            self._turn = turn
            return node
        return other

    def _next(self) -> Node:
        size = len(self._nodes)
        while True:
            turn = self._turn
            self._turn = turn + 1
            at = turn % size
            if not self._strides:
                return self._nodes[at]
            # It plays in a round when its strides summed up over the rounds pass another multiple of the heaviest.
            stride = self._strides[at]
            if (stride * (turn // size)) % HEAVIEST >= HEAVIEST - stride:
                return self._nodes[at]
