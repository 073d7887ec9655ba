"""One endpoint as the balancer sees it, for whoever asks why it is picked or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.core.balance.node import Node
    from meshclient.model.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What a balancer knows of an endpoint.

    Args:
        endpoint: as its registry describes it.
        state: ``in_rotation``; ``avoided``, in rotation but passed over since it has just failed; ``standby``, of a
            lower priority; ``ejected``; ``probing``, ejected with its trial in flight; or ``excluded`` by its registry.
        pending: attempts in flight, response bodies included.
        expected_latency: seconds to a response head.
        blame: by how much its recent failures multiply its load, in excess of 1.
        failures: in a row.
        returns_in: seconds until it is tried again, or None while it is not ejected.
        warmth: the part of its weight that it has for being new; 1 for all of it, and where it is not in rotation.
    """

    endpoint: Endpoint
    state: str
    pending: int
    expected_latency: float
    blame: float
    failures: int
    returns_in: float | None
    warmth: float = 1.0


def describe(node: Node, now: float, *, turns: bool, avoided: bool, warmth: float) -> EndpointStatus:
    """The status of `node`; `turns`: it takes part in picking, `avoided`: but is passed over, `warmth`: of it."""
    standing = node.standing
    if standing.until is not None:
        state = "probing" if standing.probing else "ejected"
    elif not node.usable:
        state = "excluded"
    else:
        state = ("avoided" if avoided else "in_rotation") if turns else "standby"
    left = None if standing.until is None else max(0.0, standing.until - now)
    expected, blame = node.ewma.read(now), node.blame.read(now)
    return EndpointStatus(node.endpoint, state, node.pending, expected, blame, standing.failures, left, warmth)
