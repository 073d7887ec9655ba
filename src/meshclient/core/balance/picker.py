"""The seam between what is known of endpoints and the rule that chooses among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshclient.core.balance.node import Node

    # Uniform in [0, 1), such as random.Random().random.
    Uniform = Callable[[], float]
    # Endpoints to pass over while another can be found in a few draws.
    Avoid = Callable[[Node], bool]

# Draws by a picker's own rule, for each place in its choice, before it takes what comes. Where a share u is to be
# avoided all five fail with probability u ** 5, which is under 1 % up to u = 0.4; p2c has two places to fill, so up to
# u = 0.63 (the reasoning of Finagle's maxEffort).
DRAWS = 5


class Picker(Protocol):
    """A rule that chooses an endpoint; called under the balancer's lock, so it needs none."""

    def rebuild(self, nodes: Sequence[Node]) -> None:
        """Choose among `nodes`, at least one, from now on. Called when the list changes; may cost O(n)."""
        ...

    def pick(self, now: float, avoid: Avoid | None = None, key: str | None = None) -> Node:
        """One of the nodes, in O(1) unless the picker's own head says otherwise.

        One that `avoid` names only where a few draws find no other. `key` is what the caller wants to be sticky by;
        pickers that do not hash take no notice of it.
        """
        ...


def draw_past(draw: Callable[[], Node], avoid: Avoid) -> Node:
    """The first node drawn that is not to be avoided, or the last of a few that all are."""
    node = draw()
    for _ in range(DRAWS - 1):
        if not avoid(node):
            return node
        node = draw()
    return node
