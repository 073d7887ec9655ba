"""How many attempts may be in flight at one endpoint.

The limit of a service does not see where its calls go: one endpoint that hangs gathers them until it holds every place,
and the healthy ones have nothing to do (envoy issue 39737). A number in flight for each endpoint stops that at its
share.

Where every endpoint that might be picked is full, the call is refused (`Overloaded`), as by the service's own limit:

- It is what was asked for. Who writes down that an instance takes 10 at once has a reason, its threads or its memory,
  and a limit that yields when it is reached is none.
- All of them full is the service at its limit. One more call could only wait at a server, where it cannot be given
  up, is not ordered by importance, and holds a connection.
- Nothing was sent, so that the refusal is fast, typed and safe to repeat elsewhere. Who would rather wait sets the
  service's limit to what its endpoints take together, with a queue: that is where waiting is done well.

A repeat that finds all others full is not made: the ending of the attempt before stands. A hedge likewise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.circuit import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.core.balance.node import Node

_SOON = 1.0


class Saturation:
    """The rule; without state, so that it needs no lock of its own.

    Args:
        limit: attempts in flight at one endpoint, response bodies included; at least 1.
    """

    __slots__ = ("limit",)

    def __init__(self, limit: int = 256) -> None:
        self.limit = limit

    def full(self, node: Node) -> bool:
        """Whether it may be sent nothing more now; fit for a picker's `avoid`."""
        return node.pending >= self.limit

    def room(self, nodes: Iterable[Node]) -> list[Node]:
        """Those that are not full: for when a picker's few draws met full ones only, which is no proof."""
        limit = self.limit
        return [node for node in nodes if node.pending < limit]

    def refusal(self, nodes: int) -> Refusal:
        """Why a call is refused when all `nodes` are full."""
        return Refusal(f"{self.limit} attempts are in flight at each of its {nodes} endpoints", _SOON)
