"""How much of the calls stays in the caller's own zone.

Source: Envoy's zone-aware routing. Calls stay in their zone while it has at least as large a part of the endpoints as
of the callers. Where it has less, it keeps as many as it can carry, and the rest goes to zones that have more than
their callers need. When every caller does this each endpoint gets the same load, and as few calls as possible cross
zones.

The rule cannot see how the callers are spread, so it takes them as spread evenly over the zones unless told otherwise.
The smaller a service is, the worse that guess and its consequences: three endpoints in three zones, called from one of
them, would have one do the work of all, and no other to compare it with or to retry on nearby. So a zone is preferred
only where the service is large enough and the zone has more than one endpoint. Both are counted among the endpoints
that are listed, usable or not, since a rule that is off as soon as one endpoint fails moves the calls of a whole zone
with each ejection. The shares are counted among the usable: of two endpoints in the own zone, one of them ejected, the
other keeps the part that is due to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Endpoints a service must have listed for zones to matter: Envoy's smallest cluster, and two for each of three zones.
SMALLEST_SERVICE = 6
# And in the own zone: a choice of two, or a single endpoint would be every call's only one.
SMALLEST_ZONE = 2


@dataclass(frozen=True, slots=True)
class Zone:
    """The endpoints of a service in one zone.

    Args:
        listed: how many there are.
        usable: how many of them are usable, or the sum of their weights; the same in all zones.
    """

    listed: int
    usable: float


def zone_shares(
    zones: Mapping[str, Zone],
    own: str,
    callers: Mapping[str, float] | None = None,
    *,
    smallest_service: int = SMALLEST_SERVICE,
    smallest_zone: int = SMALLEST_ZONE,
) -> dict[str, float]:
    """The part of this caller's calls, 0 to 1, that goes to each zone; empty where nothing is usable.

    Args:
        zones: endpoints by zone; those without one under the empty name.
        own: the caller's zone, empty where it is not known.
        callers: how the callers are spread over zones, in any unit; None for evenly over those with endpoints.
        smallest_service: endpoints the service needs for the own zone to be preferred; 1 for always.
        smallest_zone: endpoints the own zone needs for that; 1 for always.

    Without preference each zone gets the part of the calls that it has of the usable endpoints. O(zones).
    """
    usable = sum(zone.usable for zone in zones.values())
    if not usable:
        return {}
    parts = {name: zone.usable / usable for name, zone in zones.items()}
    home = zones.get(own)
    if (
        not own
        or home is None
        or home.listed < smallest_zone
        or sum(zone.listed for zone in zones.values()) < smallest_service
    ):
        return parts
    if callers is None:
        callers = {name: 1.0 for name, zone in zones.items() if name and zone.listed}
    everybody = sum(callers.values())
    if callers.get(own, 0) <= 0:
        return parts
    needed = {name: callers.get(name, 0) / everybody for name in zones}
    spare = {name: max(0.0, parts[name] - needed[name]) for name in zones}
    to_spare = sum(spare.values())
    kept = min(1.0, parts[own] / needed[own])
    if not to_spare:
        # Nobody else can take more: all zones are even, up to rounding.
        kept = 1.0
    shares = {name: (1 - kept) * share / to_spare if kept < 1 else 0.0 for name, share in spare.items()}
    shares[own] = kept
    return shares


def zone_factors(zones: Mapping[str, Zone], shares: Mapping[str, float]) -> dict[str, float]:
    """What to multiply weights by, zone by zone, so that a choice by weight yields `shares`; 0 takes a zone out.

    1 is the norm: where `shares` prefers no zone every factor is 1.
    """
    usable = sum(zone.usable for zone in zones.values())
    return {name: shares.get(name, 0.0) * usable / zone.usable for name, zone in zones.items() if zone.usable}
