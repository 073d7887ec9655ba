"""For tests of telemetry: a mesh that is told of, OpenTelemetry's providers for the length of a block, and readers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry.metrics import _internal as metrics_api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from meshclient.telemetry import call_instruments, gauges, tally
from meshclient.telemetry.instruments import instruments
from meshclient.telemetry.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.sampling import Sampler

    from meshclient import Mesh
    from unit.http.face import Face

# Sends a call over httpx's road, which is where the driver tells of it.
LONG_ROAD = {"limit": {"concurrency": 64}}

TURNS = {"balancer": "round_robin", **LONG_ROAD}

Point = NumberDataPoint | HistogramDataPoint


def tallied(mesh: Mesh, *services: str, **options: Any) -> Tally:
    """What `mesh` counts; its services have spans by these options of `Tally`, if there are any."""
    for name in services if options else ():
        service: Any = mesh.service(name)
        service.spans = Tally(metrics=False, **options).spans(name, service.config.balancer)
    return mesh.tally


@contextmanager
def alone(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of all tallies, those that are made in this block."""
    patch.setattr(tally, "_TALLIES", type(tally._TALLIES)())
    yield


class Metrics:
    """What OpenTelemetry collects."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def points(self) -> list[tuple[str, dict[str, Any], Point]]:
        """Name, attributes and value of each series, collected now."""
        data = self.reader.get_metrics_data()
        return [
            (metric.name, dict(point.attributes or {}), point)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
            if isinstance(point, NumberDataPoint | HistogramDataPoint)
        ]

    def counted(self, name: str) -> dict[tuple[tuple[str, Any], ...], float]:
        """How many values each series has, or its value, by sorted attributes."""
        return {
            tuple(sorted(attributes.items())): point.count if isinstance(point, HistogramDataPoint) else point.value
            for each, attributes, point in self.points()
            if each == name
        }


@contextmanager
def metered(patch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    """A provider of meters is set, and nothing is left of it after the block."""
    found = Metrics()
    patch.setattr(metrics_api, "_METER_PROVIDER", found.provider)
    patch.setattr(call_instruments, "_current", (None, None))
    patch.setattr(gauges, "_MESHES", type(gauges._MESHES)())
    instruments.cache_clear()
    try:
        yield found
    finally:
        instruments.cache_clear()


class Spans:
    """What OpenTelemetry's tracers made."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def ended(self) -> list[ReadableSpan]:
        """Those that are over, in the order in which they began."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


@contextmanager
def traced(patch: pytest.MonkeyPatch, sampler: Sampler | None = None) -> Iterator[Spans]:
    """A provider of tracers is set; nothing may be left of it in the context after the block."""
    found = Spans(sampler)
    before = otel_context.get_current()
    patch.setattr("opentelemetry.trace._TRACER_PROVIDER", found.provider)
    yield found
    assert otel_context.get_current() == before


def told(face: Face, *urls: str, service: dict[str, Any] | None = None, **options: Any) -> Any:
    """A client of "orders" at these addresses, whose calls are told of."""
    client = face.orders(*urls, service={**TURNS, **(service or {})})
    tallied(client.mesh, "orders", **options)
    return client


def of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def span_id(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def parent_of(header: str) -> str:
    return header.split("-")[2]
