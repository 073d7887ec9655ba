"""A scenario that can be run: services, their instances, what happens to them, and what is asked of them.

>>> from meshclient.testing.simulate import Simulation, Tier, instances
>>> report = Simulation("calm", (Tier("orders", instances(3)),), duration=2.0).run(seed=1)
>>> report.whole.success_rate
1.0
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshclient.testing.simulate.load import DEFAULT_LOAD, Load
from meshclient.testing.simulate.report import Report
from meshclient.testing.simulate.run import Run
from meshclient.testing.simulate.step import Fault
from meshclient.testing.simulate.tier import Tier
from meshclient.testing.simulate.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Stall:
    """The outermost caller's event loop processes nothing for `seconds` from `at` on."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Simulation:
    """Everything about a run but its seed.

    Args:
        name: for the report.
        tiers: the service called first; each instance of one tier calls the next for every request that it executes.
        load: what is asked of the first.
        duration: seconds in which calls are made.
        stalls: of the outermost caller's loop.
        settle: seconds of the fault that `Report.settled` leaves out.
        noticed: share of the attempts under which instances in trouble count as noticed.
        slice: seconds of a slice of the report.
        hold: seconds for which callers do not believe a mass removal, or None.
        zone: in which the outermost caller runs, or empty.
    """

    name: str
    tiers: tuple[Tier, ...]
    load: Load = DEFAULT_LOAD
    duration: float = 10.0
    stalls: tuple[Stall, ...] = ()
    settle: float = 0.0
    noticed: float = 0.02
    slice: float = 1.0
    hold: float | None = 60.0
    zone: str = ""

    @property
    def trial(self) -> Trial | None:
        """When something is wrong, and with whom; None where nothing is."""
        faults = [[step for step in tier.steps if isinstance(step, Fault)] for tier in self.tiers]
        return Trial.of((fault for each in faults for fault in each), faults[0])

    def calm(self) -> Simulation:
        """The same with nothing happening: what to compare with."""
        tiers = tuple(replace(tier, steps=()) for tier in self.tiers)
        return replace(self, name=f"{self.name} (calm)", tiers=tiers, stalls=())

    def run(self, seed: int, tick: Callable[[float], None] | None = None) -> Report:
        """Run it. The same seed gives the same report.

        Args:
            seed: of all chance.
            tick: told of the seconds of the run that have passed, every one of them.
        """
        return Report.of(self, seed, Run(self, seed).tally(tick))
