"""Where the endpoints of a service are: Envoy's ClusterLoadAssignment.

Priorities are ranks, since Envoy wants them without gaps. Zones are localities; where the caller's own is known each
has the weight that `meshclient.core.balance.locality` gives it, so that Envoy chooses the zone by our rule and the
endpoint within it by its own balancer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.balance.locality import Zone, zone_shares
from meshclient.model.endpoint import Health
from meshclient.sidecar.envoy.vocabulary import ASSIGNMENT, Document, socket_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.model.endpoint import Endpoint
    from meshclient.sidecar.envoy.served import Served

# The weights of localities of one priority add up to about this; one that is due nothing has 1, so that it is used
# when no other is left.
WHOLE = 10_000
# Weights are whole numbers in Envoy: three decimals are kept of those that are not, within this.
FINEST = 1000
LARGEST = 1_000_000
_STATUS = {Health.PASSING: "HEALTHY", Health.WARNING: "HEALTHY", Health.CRITICAL: "UNHEALTHY"}


def assignment(served: Served, zone: str) -> Document:
    """The endpoints of `served`; `zone` is the caller's own where zones matter, else empty."""
    levels: dict[int, dict[str, list[Endpoint]]] = {}
    for endpoint in served.endpoints:
        levels.setdefault(endpoint.priority, {}).setdefault(endpoint.zone, []).append(endpoint)
    mixed = len(served.schemes) > 1
    localities = []
    for rank, priority in enumerate(sorted(levels)):
        zones = levels[priority]
        weights = _weights([endpoint for level in zones.values() for endpoint in level])
        shares = _shares(zones, zone) if zone else {}
        for name in sorted(zones):
            locality: Document = {"lb_endpoints": [_listed(e, weights, mixed=mixed) for e in zones[name]]}
            if name:
                locality["locality"] = {"zone": name}
            if rank:
                locality["priority"] = rank
            if zone:
                locality["load_balancing_weight"] = max(1, round(shares.get(name, 0.0) * WHOLE))
            localities.append(locality)
    return {"@type": ASSIGNMENT, "cluster_name": served.listing, "endpoints": localities}


def _listed(endpoint: Endpoint, weights: dict[float, int], *, mixed: bool) -> Document:
    pipe = {"pipe": {"path": endpoint.host}} if endpoint.is_socket else None
    listed: Document = {"endpoint": {"address": pipe or socket_address(endpoint.host, endpoint.port)}}
    if endpoint.health in _STATUS:
        listed["health_status"] = _STATUS[endpoint.health]
    if weights:
        listed["load_balancing_weight"] = weights[endpoint.weight]
    if mixed:
        listed["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": {"scheme": endpoint.scheme}}}
    return listed


def _weights(endpoints: Sequence[Endpoint]) -> dict[float, int]:
    """Whole numbers for the weights; none where all are equal, which leaves Envoy its choice of two."""
    given = {endpoint.weight for endpoint in endpoints}
    if len(given) < 2:
        return {}
    factor = 1.0 if all(float(weight).is_integer() for weight in given) else min(FINEST, LARGEST / max(given))
    return {weight: max(1, round(weight * factor)) for weight in given}


def _shares(zones: dict[str, list[Endpoint]], own: str) -> dict[str, float]:
    usable = {name: sum(e.weight for e in level if e.usable) for name, level in zones.items()}
    return zone_shares({name: Zone(len(level), usable[name]) for name, level in zones.items()}, own)
