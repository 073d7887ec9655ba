"""How everything stands at one moment, found out as far as somebody asks."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from meshclient.core.limit.gate import Gate
from meshclient.telemetry import gauges
from meshclient.telemetry.discovery_metrics import DiscoveryMetrics, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from meshclient.core.limit.turn import Limiter
    from meshclient.core.retry_budget import RetryBudget
    from meshclient.telemetry.calls import CallMeter
    from meshclient.telemetry.course import Reading
    from meshclient.telemetry.tally import Tally


class Service(gauges.Service, Protocol):
    """A service as it runs."""

    @property
    def budget(self) -> RetryBudget:
        """The repeats its calls share."""
        ...

    @property
    def limiter(self) -> Limiter | None:
        """Bounds its calls."""
        ...


class Services(Protocol):
    """What a mesh has in use."""

    @property
    def services(self) -> Mapping[str, Service]:
        """By name; empty once the mesh is closed."""
        ...


class Survey:
    """Of some tallies. Services of one name in several meshes are told of together."""

    def __init__(self, tallies: Sequence[Tally]) -> None:
        self._tallies = tuple(tallies)

    @cached_property
    def readings(self) -> list[tuple[str, Reading]]:
        """What was counted of calls, by service."""
        return [(meter.service, meter.read()) for meter in self._meters()]

    @cached_property
    def counts(self) -> Counter[tuple[str, ...]]:
        """What was noted: by service, kind of note, and what that is counted by."""
        found: Counter[tuple[str, ...]] = Counter()
        for meter in self._meters():
            for key, count in meter.counts().items():
                found[meter.service, *key] += count
        return found

    @cached_property
    def running(self) -> list[tuple[str, Service]]:
        """The services in use."""
        return [
            running
            for tally in self._tallies
            if (services := tally.services) is not None
            for running in list(services.services.items())
        ]

    @cached_property
    def balances(self) -> dict[str, float]:
        """Repeats that a service can afford."""
        return self._summed((name, service.budget.balance(service.clock())) for name, service in self.running)

    @cached_property
    def limits(self) -> dict[str, float]:
        """Calls that may be under way, where there is a limit."""
        return self._summed((name, gate.concurrency) for name, gate in self._gates())

    @cached_property
    def working(self) -> dict[str, float]:
        """Calls that are."""
        return self._summed((name, gate.working) for name, gate in self._gates())

    @cached_property
    def updates(self) -> Counter[tuple[str, ...]]:
        """Lists that differ from the one before, by service and resolver."""
        return self._told_of_lists(lambda lists: lists.updates)

    @cached_property
    def errors(self) -> Counter[tuple[str, ...]]:
        """Failed answers, by service, resolver and type."""
        return self._told_of_lists(lambda lists: lists.errors)

    def _told_of_lists(self, part: Callable[[DiscoveryMetrics], Counter[tuple[str, ...]]]) -> Counter[tuple[str, ...]]:
        found: Counter[tuple[str, ...]] = Counter()
        for tally in self._tallies:
            for lists in counted(tally.services):
                found.update(part(lists).copy())
        return found

    def _gates(self) -> Iterator[tuple[str, Gate]]:
        for name, service in self.running:
            if isinstance(service.limiter, Gate):
                yield name, service.limiter

    def _meters(self) -> Iterator[CallMeter]:
        for tally in self._tallies:
            yield from list(tally.meters.values())

    @staticmethod
    def _summed(found: Iterable[tuple[str, float]]) -> dict[str, float]:
        sums: dict[str, float] = {}
        for name, value in found:
            sums[name] = sums.get(name, 0.0) + value
        return sums
