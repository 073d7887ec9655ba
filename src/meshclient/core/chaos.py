"""Named trials: what goes wrong in one piece in production, as rules of `meshclient.core.injection`.

Each is one that callers are meant to live through: with the defaults of this library, and more than one instance or
zone, users should notice little.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.core.injection import ANY_ZONE, FaultRule
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

PROFILES: Mapping[str, tuple[FaultRule, ...]] = MappingProxyType(
    {
        # A third of the instances takes a second longer than the others: a bad deployment, a cold cache.
        "slow-third": (FaultRule(1.0, delay=1.0, instances=1 / 3),),
        # Of all attempts 5 % break off, and 5 % of the others are refused: an overloaded or restarting service.
        "flaky": (FaultRule(0.05, error=Kind.DISCONNECTED), FaultRule(0.05, status=503)),
        # One instance fails every call at once, and would draw all calls to itself.
        "black-hole": (FaultRule(1.0, status=500, instances=0.01),),
        # No connection leads into one zone any more.
        "az-loss": (FaultRule(1.0, error=Kind.CONNECT_TIMEOUT, zone=ANY_ZONE),),
    }
)
