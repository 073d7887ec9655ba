"""Fewest attempts in flight, between two drawn at random.

Envoy's least request with its default of two choices: a full scan would cost O(n), and sends everybody to the one
endpoint that is emptiest, which is often the one that fails fastest (envoy#20907).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.balance.p2c import P2C

if TYPE_CHECKING:
    from meshclient.core.balance.node import Node
    from meshclient.core.balance.picker import Uniform


def pending_load(node: Node, now: float) -> float:
    """Attempts in flight, in relation to the endpoint's weight, and more of them for one that fails."""
    return (node.pending / node.capacity + 1) * (1 + node.blame.read(now))


def least_request(uniform: Uniform) -> P2C:
    """The picker of the balancer ``least_request``."""
    return P2C(uniform, pending_load)
