"""No endpoint takes much more than its share, however many calls come with the same key.

Source: V. Mirrokni, M. Thorup and M. Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018. A call goes
where its key belongs while that endpoint has room. Otherwise it goes elsewhere, always in the same order for the same
key, so that a hot key settles on few endpoints.
"""

from __future__ import annotations

from math import ceil
from sys import maxsize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshclient.core.balance.node import Node
    from meshclient.core.balance.picker import Avoid

# An endpoint may have a quarter more in flight than its share, the usual balance: nearer to 1 calls leave their
# endpoint all the time, at 2 one endpoint may do the work of two.
FACTOR = 1.25
# Below this many in flight nobody is overloaded. With little going on a share is a fraction of a call: of two calls in
# flight at three endpoints one in three would have to leave its endpoint, for the sake of one that idles as well.
LEAST = 4


class Load:
    """Attempts in flight at all endpoints of a service together; counted by the balancer, read by its picker."""

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending = 0


class BoundedLoad:
    """The rule: of all in flight, an endpoint has at most its share by weight times `factor`.

    While ``load.pending`` is what the nodes have in flight together, there is always one with room.

    Args:
        load: the sum over all endpoints.
        factor: at least 1; None for no bound.
        least: attempts in flight that are never too many for an endpoint.
    """

    __slots__ = ("_factor", "_least", "_load", "_weight")

    def __init__(self, load: Load, factor: float | None = FACTOR, least: int = LEAST) -> None:
        if factor is not None and not factor >= 1:
            raise ValueError(f"a load factor of {factor!r} leaves calls without an endpoint: use 1 or more")
        self._load = load
        self._factor = factor or 1.0
        self._least = maxsize if factor is None else least
        self._weight = 1.0

    def rebuild(self, nodes: Sequence[Node]) -> None:
        """Share among `nodes` from now on."""
        self._weight = sum(node.weight for node in nodes)

    def capacity(self, node: Node) -> int:
        """How many the endpoint may have in flight, the next one included."""
        return max(self._least, ceil(self._slots() * node.weight / self._weight))

    def room(self, node: Node) -> bool:
        """Whether it may take one more."""
        return node.pending < self._least or node.pending < ceil(self._slots() * node.weight / self._weight)

    def elsewhere(self, first: Node, others: Iterable[Node], avoid: Avoid | None) -> Node:
        """Who takes a call when `first`, where it belongs, has no room.

        The first of the others that has; the least loaded of all, by weight, when none has. One to be avoided never
        takes another's place.
        """
        best, slots = first, self._slots()
        for node in others:
            if node is best or (avoid is not None and avoid(node)):
                continue
            if node.pending < self._least or node.pending < ceil(slots * node.weight / self._weight):
                return node
            if node.pending * best.weight < best.pending * node.weight:
                best = node
        return best

    def _slots(self) -> int:
        return ceil((self._load.pending + 1) * self._factor)
