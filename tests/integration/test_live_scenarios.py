"""What is wanted in trouble comes true on real sockets too; `benchmarks/resilience_live.py` does the same at length.

All scenarios run side by side, each with instances and a client of its own. What depends on the speed of the machine
is printed and not asserted.
"""

from __future__ import annotations

import asyncio

import pytest

from integration.live import Pace
from integration.live_scenarios import SCENARIOS, Finding

RATE = 40.0
PACES = {
    "fast_fail": Pace(RATE, calm=2.0, after=6.0),
    "half_fail": Pace(RATE, calm=2.0, after=3.0),
    "all_bad": Pace(RATE, calm=3.0, after=4.0),
    "rolling": Pace(RATE, calm=2.0, after=8.0),
}
OTHERS = Pace(RATE, calm=3.0, after=6.0)


@pytest.fixture(scope="module")
def findings() -> dict[str, list[Finding]]:
    async def run() -> list[list[Finding]]:
        scenarios = (scenario(PACES.get(name, OTHERS), 1) for name, scenario in SCENARIOS.items())
        return await asyncio.gather(*scenarios)

    return dict(zip(SCENARIOS, asyncio.run(run()), strict=True))


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_wanted_comes_true(name: str, findings: dict[str, list[Finding]]) -> None:
    for finding in findings[name]:
        print(f"{finding.wish}: {finding.value:.3g} ({finding.detail})")
    missed = [finding for finding in findings[name] if not finding.met and not finding.timing]
    assert not missed, missed
