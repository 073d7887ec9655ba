"""All scenarios by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.testing.simulate.scenarios import change, failing, outage, slow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.testing.simulate.scenario import Scenario

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        scenario.name: scenario
        for scenario in (*failing.SCENARIOS, *outage.SCENARIOS, *slow.SCENARIOS, *change.SCENARIOS)
    }
)
