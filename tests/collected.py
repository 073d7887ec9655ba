"""What OpenTelemetry collects, in memory: for tests of metrics, without the provider of the process."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from meshclient.telemetry import attributes, gauges
from meshclient.telemetry.instruments import instruments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

WITHIN = 20.0

AGE = "meshclient.discovery.snapshot.age"
ENDPOINTS = "meshclient.balancer.endpoint.count"
ERRORS = "meshclient.discovery.error.count"
HELD = "meshclient.discovery.held.count"
UPDATES = "meshclient.discovery.update.count"


class Collected:
    """A reader and the provider that it reads."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)

    def points(self, metric: str, service: str) -> list[tuple[dict[str, object], float]]:
        """The attributes, but the service's name, and the value of each series of the service, collected now."""
        data = self._reader.get_metrics_data()
        return [
            ({key: value for key, value in point.attributes.items() if key != attributes.SERVICE}, point.value)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for each in scope.metrics
            for point in each.data.data_points
            if each.name == metric and isinstance(point, NumberDataPoint) and point.attributes is not None
            if point.attributes[attributes.SERVICE] == service
        ]

    def by(self, attribute: str, metric: str, service: str) -> dict[object, float]:
        """The values by one attribute."""
        found: dict[object, float] = {}
        for named, value in self.points(metric, service):
            found[named[attribute]] = found.get(named[attribute], 0) + value
        return found

    def ages(self, service: str) -> dict[object, float]:
        """The age by state of the list."""
        return self.by(attributes.SNAPSHOT_STATE, AGE, service)

    def errors(self, service: str) -> dict[object, float]:
        """The failed answers by type."""
        return self.by("error.type", ERRORS, service)

    def total(self, metric: str, service: str) -> float:
        """The sum over all series of the service."""
        return sum(value for _, value in self.points(metric, service))


@contextmanager
def collecting(patch: pytest.MonkeyPatch) -> Iterator[Collected]:
    """Metrics of meshes that are used from here on, and of no other."""
    collected = Collected()
    patch.setattr("opentelemetry.metrics.get_meter", collected.provider.get_meter)
    patch.setattr(gauges, "_MESHES", WeakValueDictionary())
    instruments.cache_clear()
    try:
        yield collected
    finally:
        instruments.cache_clear()
        collected.provider.shutdown()


def until(condition: Callable[[], object]) -> None:
    """Wait for it."""
    end = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
