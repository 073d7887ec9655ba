"""Calls with the same key go to the same endpoint, in every process and while the others come and go.

What a ring and a Maglev table have in common: when the table is built, what happens to calls without a key, where a
key goes when its endpoint is to be avoided or has no room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from meshclient.core.balance.bounded_load import FACTOR, LEAST, BoundedLoad, Load
from meshclient.core.balance.hashing import hash64, identity, rehash
from meshclient.core.balance.weighted_random import WeightedRandom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meshclient.core.balance.node import Node
    from meshclient.core.balance.picker import Avoid, Uniform

# Places looked at next to that of an endpoint to be avoided. Of two endpoints, where every second place is the other's,
# all of them belong to the same one with probability 2 ** -16.
PLACES = 16
# Looks for somebody else: by hashing again, as in Envoy, and not in the neighbourhood, so that the overflow of one
# endpoint does not fell the next. As many follow that see all of up to eight endpoints. Among more they are drawn by
# chance: a key so hot that eight endpoints cannot serve it gains nothing by staying with sixteen.
LOOKS = 8


class Table(Protocol):
    """Endpoints, by their place in a list, under the hashes of keys."""

    def find(self, value: int) -> int:
        """Whose the key with the hash `value`, in [0, 2 ** 64), is."""
        ...

    def beside(self, value: int, step: int) -> int:
        """Whose the key is instead; another answer for each `step` from 1, the same for the same step."""
        ...


class Keyed:
    """A picker that goes by the key of a call.

    The table is built by the first call with a key after the endpoints or their weights have changed, not sooner: a
    service may have several changes in a row, or no calls with a key. Calls without one are spread at random by
    weight.

    Args:
        uniform: chance, for calls without a key.
        make: builds a table of endpoints with these identities and weights.
        load: what is in flight at all endpoints together; whoever counts it may take it from the attribute.
        factor: how much of its share an endpoint may have in flight, at least 1; None for no bound.
        least: attempts in flight that are never too many for an endpoint.

    Attributes:
        load: as given.
    """

    __slots__ = ("_anyone", "_bound", "_built", "_layout", "_make", "_nodes", "_table", "load")

    # Built by `pick`.
    _table: Table

    def __init__(
        self,
        uniform: Uniform,
        make: Callable[[Sequence[str], Sequence[float]], Table],
        *,
        load: Load | None = None,
        factor: float | None = FACTOR,
        least: int = LEAST,
    ) -> None:
        self.load = load or Load()
        self._make = make
        self._bound = BoundedLoad(self.load, factor, least)
        self._anyone = WeightedRandom(uniform)
        self._nodes: Sequence[Node] = ()
        self._layout: tuple[object, object] = ((), ())
        self._built: tuple[object, object] | None = None

    def rebuild(self, nodes: Sequence[Node]) -> None:
        """Choose among `nodes` from now on."""
        self._nodes = nodes
        self._layout = [node.endpoint.key for node in nodes], [node.weight for node in nodes]
        self._bound.rebuild(nodes)
        self._anyone.rebuild(nodes)

    def pick(self, now: float, avoid: Avoid | None = None, key: str | None = None) -> Node:
        """Where the key belongs; its next choice, always the same one, where that is to be avoided or has no room."""
        if key is None or len(self._nodes) == 1:
            return self._anyone.pick(now, avoid)
        if self._built is not self._layout:
            self._build()
        value = hash64(key)
        node = self._find(value)
        if avoid is not None and avoid(node):
            node = self._past(node, value, now, avoid)
        bound = self._bound
        return node if bound.room(node) else bound.elsewhere(node, self._others(value, now), avoid)

    def _build(self) -> None:
        if self._built != self._layout:
            nodes = self._nodes
            self._table = self._make([identity(node.endpoint) for node in nodes], [node.weight for node in nodes])
        self._built = self._layout

    def _find(self, value: int) -> Node:
        return self._nodes[self._table.find(value)]

    def _past(self, first: Node, value: int, now: float, avoid: Avoid) -> Node:
        table, nodes = self._table, self._nodes
        for step in range(1, PLACES + 1):
            node = nodes[table.beside(value, step)]
            if node is not first and not avoid(node):
                return node
        return next((node for node in self._others(value, now) if not avoid(node)), first)

    def _others(self, value: int, now: float) -> Iterator[Node]:
        for step in range(1, LOOKS + 1):
            yield self._find(rehash(value, step))
        nodes, size = self._nodes, len(self._nodes)
        for step in range(LOOKS):
            yield nodes[(value + step) % size] if size <= LOOKS else self._anyone.pick(now)
