"""Chance by weight, blind to load: RFC 2782's rule for SRV records of one priority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.balance.alias import AliasTable
from meshclient.core.balance.picker import draw_past

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.core.balance.node import Node
    from meshclient.core.balance.picker import Avoid, Uniform


class WeightedRandom:
    """Each endpoint in proportion to its weight.

    Args:
        uniform: chance.
    """

    __slots__ = ("_alias", "_nodes", "_uniform")

    def __init__(self, uniform: Uniform) -> None:
        self._uniform = uniform
        self._nodes: Sequence[Node] = ()
        self._alias = AliasTable([1.0])

    def rebuild(self, nodes: Sequence[Node]) -> None:
        """Choose among `nodes` from now on."""
        self._nodes = nodes
        self._alias = AliasTable([node.weight for node in nodes])

    def pick(self, now: float, avoid: Avoid | None = None, key: str | None = None) -> Node:  # noqa: ARG002 - the Picker signature
        """One drawn by weight."""
        return self._draw() if avoid is None else draw_past(self._draw, avoid)

    def _draw(self) -> Node:
        return self._nodes[self._alias.draw(self._uniform)]
