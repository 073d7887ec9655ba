"""An instance as a scenario describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint
from meshclient.testing.simulate.behaviour import WELL, Behaviour

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Instance:
    """Where it is, and how it behaves when it is well."""

    endpoint: Endpoint
    behaviour: Behaviour = WELL


def instances(
    count: int, behaviour: Behaviour = WELL, *, zones: Sequence[str] = ("",), prefix: str = "i", net: int = 0
) -> tuple[Instance, ...]:
    """So many alike, called ``i1``, ``i2``, …; spread over `zones` in turn.

    Args:
        count: how many, at most 250.
        behaviour: of each.
        zones: names of availability zones.
        prefix: of their ids.
        net: third number of their addresses, so that two generations have different ones.
    """
    return tuple(
        Instance(Endpoint(f"10.0.{net}.{n + 1}", 8080, id=f"{prefix}{n + 1}", zone=zones[n % len(zones)]), behaviour)
        for n in range(count)
    )
