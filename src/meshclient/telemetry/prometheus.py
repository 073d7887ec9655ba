"""What a mesh counts, for Prometheus: as text at an address of yours, or in the registry of `prometheus_client`.

    app = metrics_app()                                   # ASGI and WSGI in one: mount it where metrics are scraped
    prometheus_client.REGISTRY.register(MeshCollector())  # beside metrics of your own

Names are what OpenTelemetry's specification makes of its own ("Prometheus and OpenMetrics compatibility"): dots become
underscores, units words, counters end in ``_total``. The text is version 0.0.4 of Prometheus' format or, for who asks
for it, OpenMetrics 1.0.
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from meshclient.telemetry.distribution import Distribution
from meshclient.telemetry.metrics import METRICS, Kind, Labels
from meshclient.telemetry.providers import release
from meshclient.telemetry.survey import Survey
from meshclient.telemetry.tally import Tally, told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric as ClientMetric

    from meshclient.telemetry.metrics import Metric, Series

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# Words in braces are no unit. Of a gauge without one the specification makes a ratio, as OpenTelemetry's exporter for
# Python does not; a number of repeats is none.
_UNITS = {"s": "seconds", "By": "bytes"}
_TYPES = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.UP_DOWN: "gauge", Kind.HISTOGRAM: "histogram"}
_BUILD_INFO = "meshclient_build_info"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Mesh(Protocol):
    """A mesh that counts."""

    @property
    def tally(self) -> Tally:
        """What it has counted."""
        ...


@dataclass(frozen=True, slots=True)
class Family:
    """A metric under its name for Prometheus.

    Args:
        name: without ``_total``.
        kind: ``counter``, ``gauge`` or ``histogram``.
        unit: the last word of `name`, or empty.
        words: for a person.
        series: values by labels.
    """

    name: str
    kind: str
    unit: str
    words: str
    series: Series


def families(mesh: Mesh | None = None) -> list[Family]:
    """All that `mesh` has counted, by default every mesh of this process."""
    survey = Survey(told() if mesh is None else [mesh.tally] if mesh.tally.metrics else [])
    found = [family(metric, metric.read(survey)) for metric in METRICS]
    info: dict[Labels, float] = {(("version", release()), ("python", platform.python_version())): 1.0}
    return [Family(_BUILD_INFO, "gauge", "", "The version in use; always 1", info), *found]


def family(metric: Metric, series: Series) -> Family:
    """`metric` as Prometheus names it, with these values."""
    unit = _UNITS.get(metric.unit, "")
    name = re.sub(r"[^a-zA-Z0-9]+", "_", metric.name)
    if unit and not name.endswith(unit):
        name = f"{name}_{unit}"
    return Family(name, _TYPES[metric.kind], unit, metric.words, series)


def exposition(mesh: Mesh | None = None, *, openmetrics: bool = False) -> bytes:
    """What `mesh` has counted, by default every mesh of this process, in Prometheus' text format or OpenMetrics."""
    lines: list[str] = []
    for each in families(mesh):
        if each.series:
            lines.extend(_lines(each, openmetrics=openmetrics))
    if openmetrics:
        lines.append("# EOF")
    return ("\n".join(lines) + "\n").encode()


def metrics_app(mesh: Mesh | None = None) -> MetricsApp:
    """An ASGI and WSGI application that answers GET with what `mesh` has counted, by default every mesh."""
    return MetricsApp(mesh)


class MetricsApp:
    """As `metrics_app` says. Called with three arguments it is an ASGI application, with two a WSGI one."""

    def __init__(self, mesh: Mesh | None = None) -> None:
        self._mesh = mesh

    def __call__(self, *arguments: object) -> Awaitable[None] | Iterable[bytes]:
        """Answer."""
        if len(arguments) == 3:
            return self._asgi(*arguments)  # type: ignore[arg-type]
        environ, start_response = arguments
        return self._wsgi(environ, start_response)  # type: ignore[arg-type]

    async def _asgi(
        self,
        scope: Mapping[str, object],
        receive: Callable[[], Awaitable[Mapping[str, object]]],
        send: Callable[[dict[str, object]], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        headers: Iterable[tuple[bytes, bytes]] = scope.get("headers", ())  # type: ignore[assignment]
        accepted = ",".join(value.decode("latin-1") for name, value in headers if name.lower() == b"accept")
        status, body, kind = self._answer(str(scope.get("method")), accepted)
        told = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})

    def _wsgi(self, environ: Mapping[str, str], start_response: Callable[..., object]) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        status, body, kind = self._answer(method, environ.get("HTTP_ACCEPT", ""))
        line = "200 OK" if status == 200 else "405 Method Not Allowed"
        start_response(line, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [b"" if method == "HEAD" else body]

    def _answer(self, method: str, accepted: str) -> tuple[int, bytes, str]:
        if method not in {"GET", "HEAD"}:
            return 405, b"", TEXT
        openmetrics = "application/openmetrics-text" in accepted
        return 200, exposition(self._mesh, openmetrics=openmetrics), OPEN_METRICS if openmetrics else TEXT


class MeshCollector:
    """For ``prometheus_client.CollectorRegistry.register``.

    Args:
        mesh: whose numbers; by default those of every mesh of this process.
    """

    def __init__(self, mesh: Mesh | None = None) -> None:
        self._mesh = mesh

    def collect(self) -> Iterator[ClientMetric]:
        """What stands now; without a unit of its own, which the name has."""
        from prometheus_client.core import Metric as ClientMetric

        for each in families(self._mesh):
            made = ClientMetric(each.name, each.words, each.kind)
            for name, labels, value in _samples(each):
                made.add_sample(name, {key: str(said) for key, said in labels}, value)
            yield made

    def describe(self) -> Iterator[ClientMetric]:
        """The names alone, by which the registry finds out about doubles; nothing is counted for it."""
        from prometheus_client.core import Metric as ClientMetric

        for metric in METRICS:
            each = family(metric, {})
            yield ClientMetric(each.name, each.words, each.kind)


def _lines(each: Family, *, openmetrics: bool) -> Iterator[str]:
    # In the older format a counter's family is named as its samples are.
    name = f"{each.name}_total" if each.kind == "counter" and not openmetrics else each.name
    yield f"# HELP {name} {each.words}"
    yield f"# TYPE {name} {each.kind}"
    if openmetrics and each.unit:
        yield f"# UNIT {name} {each.unit}"
    for sample, labels, value in _samples(each):
        said = ",".join(f'{key}="{str(text).translate(_ESCAPES)}"' for key, text in labels)
        yield f"{sample}{{{said}}} {_number(value)}"


def _samples(each: Family) -> Iterator[tuple[str, Labels, float]]:
    for labels, value in each.series.items():
        named = tuple((re.sub(r"[^a-zA-Z0-9_]", "_", key), said) for key, said in labels)
        if isinstance(value, Distribution):
            bounds = (*map(repr, value.bounds), "+Inf")
            for bound, count in zip(bounds, accumulate(value.counts), strict=True):
                yield f"{each.name}_bucket", (*named, ("le", bound)), count
            yield f"{each.name}_count", named, value.count
            yield f"{each.name}_sum", named, value.total
        else:
            yield f"{each.name}_total" if each.kind == "counter" else each.name, named, value


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(value)
