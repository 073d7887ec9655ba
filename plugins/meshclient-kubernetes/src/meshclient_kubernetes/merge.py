"""From the slices of a service to its list.

The control plane spreads a service over slices of a hundred endpoints, one set for each address family, and while it
moves an endpoint from one slice to another it may stand in both. The result does not depend on the order of the slices.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint, Health
from meshclient_kubernetes.decode import Candidate, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient_kubernetes.decode import Slice


def merge(slices: Iterable[Slice], family: str = "") -> tuple[Endpoint, ...]:
    """The endpoints to use.

    One for each address and port: the best record counts, and of equally good ones that of the first slice by name.
    Terminating endpoints that still serve are used only where nothing is ready, and then as ones with a warning, as
    kube-proxy does (KEP-1669). A pod that is reached by IPv4 and IPv6 stands there once, with its IPv4 address.

    Args:
        slices: in any order.
        family: ``ipv4`` or ``ipv6`` to use these addresses alone.
    """
    best: dict[tuple[str, int], Candidate] = {}
    for each in sorted(slices, key=lambda s: s.name):
        for candidate in each.candidates:
            place = candidate.endpoint.host, candidate.endpoint.port
            if family in ("", candidate.family) and (place not in best or candidate.state > best[place].state):
                best[place] = candidate
    highest = max((candidate.state for candidate in best.values()), default=State.UNUSABLE)
    if highest is State.UNUSABLE:
        return ()
    used = [candidate for candidate in best.values() if candidate.state is highest]
    reached = {_pod(candidate) for candidate in used if candidate.family == "ipv4" and candidate.endpoint.id}
    endpoints = [c.endpoint for c in used if c.family != "ipv6" or _pod(c) not in reached]
    if highest is State.TERMINATING:
        return tuple(replace(endpoint, health=Health.WARNING) for endpoint in endpoints)
    return tuple(endpoints)


def _pod(candidate: Candidate) -> tuple[str, int]:
    return candidate.endpoint.id, candidate.endpoint.port
