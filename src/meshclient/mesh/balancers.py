"""Balancers by the name they have in the configuration."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from meshclient.discovery.schemes import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.core.balance.picker import Picker, Uniform

BALANCERS = "meshclient.balancers"
BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "p2c": "meshclient.core.balance.p2c:P2C",
        "round_robin": "meshclient.core.balance.round_robin:RoundRobin",
        "weighted_random": "meshclient.core.balance.weighted_random:WeightedRandom",
        "ring_hash": "meshclient.core.balance.ring_hash:ring_hash",
        "maglev": "meshclient.core.balance.maglev:maglev",
        "least_request": "meshclient.core.balance.least_request:least_request",
    }
)


def find_balancer(name: str) -> Callable[[Uniform], Picker]:
    """What makes pickers of the balancer called `name`. Raises PluginError, with what is known, where there is none."""
    return cast("Callable[[Uniform], Picker]", load(BALANCERS, name, BUILT_IN, "balancer"))
