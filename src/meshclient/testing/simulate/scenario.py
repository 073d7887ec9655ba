"""A simulation with a name, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.config.shape import ServiceConfig
    from meshclient.testing.simulate.report import Report
    from meshclient.testing.simulate.simulation import Simulation


@dataclass(frozen=True)
class Result:
    """A run, and on demand the same with nothing wrong.

    Args:
        simulation: what was run.
        report: of that run.
    """

    simulation: Simulation
    report: Report

    @cached_property
    def calm(self) -> Report:
        """The report of `Simulation.calm` with the same seed."""
        return self.simulation.calm().run(self.report.seed)


@dataclass(frozen=True, slots=True)
class Wish:
    """Something wanted of every run of a scenario.

    Args:
        words: what is measured and what is wanted, for a person.
        measure: the number that says so; infinity where it cannot be told.
        most: what it may be.
    """

    words: str
    measure: Callable[[Result], float]
    most: float = 0.0

    def met(self, result: Result) -> bool:
        """Whether this run is as wanted."""
        return self.measure(result) <= self.most


@dataclass(frozen=True, slots=True)
class Scenario:
    """What can go wrong, by name.

    Args:
        name: for the command line.
        summary: what happens, in a line.
        build: the simulation of it for a service that is called as this configuration says.
        wishes: what is wanted.
    """

    name: str
    summary: str
    build: Callable[[ServiceConfig], Simulation]
    wishes: tuple[Wish, ...]

    def run(self, config: ServiceConfig, seed: int) -> Result:
        """Run it."""
        simulation = self.build(config)
        return Result(simulation, simulation.run(seed))
