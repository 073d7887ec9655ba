"""Every name that is told exists in OpenTelemetry's semantic conventions, or is our own and says so."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry.sdk.metrics.export import HistogramDataPoint
from opentelemetry.trace import SpanKind

import meshclient
import wanted_names
from meshclient.core.hedge import SAMPLES
from meshclient.model.events import CircuitChanged, EndpointEjected, PanicChanged
from meshclient.telemetry import attributes
from meshclient.telemetry.error_type import CALL_ERRORS
from meshclient.telemetry.metrics import METRICS
from meshclient.telemetry.prometheus import family
from telemetered import LONG_ROAD, alone, metered, of, tallied, traced
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from servers.backend import Backends

DOCS = Path(__file__).parents[2] / "docs"
REGISTRY = Path(__file__).parents[1] / "unit/telemetry/semantic_conventions.txt"
OURS = re.compile(r"meshclient(\.[a-z][a-z0-9_]*)+")


def registered(kind: str) -> set[str]:
    """The names of a kind."""
    lines = REGISTRY.read_text("utf-8").splitlines()
    return {line.split()[1] for line in lines if line.startswith(f"{kind} ")}


def named() -> set[str]:
    """The names of attributes that we know."""
    return {value for key, value in vars(attributes).items() if key.isupper() and isinstance(value, str)}


def strangers(names: set[str], kind: str) -> set[str]:
    """Those that nobody has registered and that do not say that they are ours."""
    return {name for name in names - registered(kind) if not OURS.fullmatch(name)}


def test_the_list_of_names_is_there() -> None:
    """The test below would hold for no names at all."""
    assert {"http.request.resend_count", "server.address"} <= registered("attribute")
    assert "http.client.request.duration" in registered("metric")
    assert strangers({"http.request.method", "peer.colour", "meshclient", "meshclient.X"}, "attribute") == {
        "peer.colour",
        "meshclient",
        "meshclient.X",
    }


def test_what_we_name_is_registered_or_ours() -> None:
    assert strangers(named(), "attribute") == set()
    assert strangers({metric.name for metric in METRICS}, "metric") == set()


def test_it_is_all_in_the_documentation() -> None:
    metrics, tracing = (DOCS / name for name in ("metrics.md", "tracing.md"))
    assert [metric.name for metric in METRICS if f"`{metric.name}`" not in metrics.read_text("utf-8")] == []
    assert [word for word in CALL_ERRORS if f"`{word}`" not in tracing.read_text("utf-8")] == []


def test_what_was_asked_for_is_there_and_nothing_beside() -> None:
    kinds = {metric.name: (str(metric.kind), metric.unit) for metric in METRICS}
    assert kinds == {wanted.name: (wanted.kind, wanted.unit) for wanted in wanted_names.METRICS}


def test_names_for_prometheus() -> None:
    told = {metric.name: family(metric, {}) for metric in METRICS}
    names = {name: f"{each.name}_total" if each.kind == "counter" else each.name for name, each in told.items()}
    assert names == {wanted.name: wanted.prometheus for wanted in wanted_names.METRICS}


def test_what_is_left_out_is_said_to_be() -> None:
    text = (DOCS / "metrics.md").read_text("utf-8") + (DOCS / "tracing.md").read_text("utf-8")
    assert [name for name in wanted_names.LEFT_OUT if f"`{name}`" not in text] == []
    assert strangers(set(wanted_names.LEFT_OUT), "metric") - registered("attribute") == set()


@dataclass
class Told:
    """What was told of a scenario that has it all."""

    points: list[tuple[str, dict[str, Any], Any]]
    spans: list[ReadableSpan]
    logs: set[str]


@pytest.fixture
def told(
    face: Face, backends: Backends, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Told]:
    slow, good, bad = backends(3)
    slow.control(delay=0.3)
    bad.control(status=503)
    known = {"host": "127.0.0.1", "port": good.port, "id": "good", "zone": "z1"}
    services: dict[str, Any] = {
        "repeated": {"endpoints": [known, bad.url], "balancer": "round_robin", **LONG_ROAD},
        "hedged": {
            "endpoints": [slow.url, good.url],
            "balancer": "round_robin",
            "hedge": {"extra": 1.0, "quantile": 0.5},
        },
        "refused": {"endpoints": [good.url], "limit": {"concurrency": 1}},
        "lost": {"deadline": "50ms"},
    }
    caplog.set_level(logging.DEBUG, "meshclient")
    with alone(monkeypatch), metered(monkeypatch) as metrics, traced(monkeypatch) as spans:
        client = face.client(resolver="file:///nonexistent/endpoints.json", services=services)
        tally = tallied(
            client.mesh,
            *(name for name in services if name != "lost"),
            spans="calls",
            peer_service=True,
            span_attributes=wanted_names.CHOSEN,
        )
        asked = {"headers": {"x-tenant": "a"}, "extensions": {"url_template": "/"}}
        for _ in range(2):
            face.run(client.get("http://repeated/", **asked))
        face.run(client.request("PURGE", "http://repeated/"))
        hedged = client.mesh.service("hedged")
        for _ in range(SAMPLES):
            hedged.hedging.observe(0.03, hedged.clock())
        for _ in range(6):
            if any(attempt.hedge for attempt in face.run(client.get("http://hedged/")).extensions["mesh"].attempts):
                break
        refused = client.mesh.service("refused")
        turn = refused.limiter.enter(0, refused.clock())
        with pytest.raises(meshclient.Overloaded):
            face.run(client.get("http://refused/"))
        del turn
        with pytest.raises(httpx.TransportError):
            face.run(client.get("http://lost/"))
        endpoint = meshclient.Endpoint("10.0.0.1", 80, id="a", zone="z")
        tally.heard(EndpointEjected("repeated", endpoint, 5, 5.0))
        tally.heard(CircuitChanged("repeated", "closed", "open", "it fails"))
        tally.heard(PanicChanged("repeated", active=True, usable=1, total=4))
        face.run(client.get("http://repeated/"))
        tally.meter("repeated").follow(lambda: {"hit": 1})  # type: ignore[union-attr]
        bad.kill()
        good.kill()
        with pytest.raises(httpx.ConnectError):
            face.run(client.get("http://repeated/"))
        logs = {key for record in caplog.records for key in vars(record) if "." in key}
        yield Told(list(metrics.points()), spans.ended(), logs)


def test_what_is_told_has_such_a_name(told: Told) -> None:
    of_metrics = {key for _, found, _ in told.points for key in found}
    of_spans = {key for span in told.spans for key in of(span)}
    assert strangers({name for name, _, _ in told.points}, "metric") == set()
    headers = {key for key in of_spans if key.startswith("http.request.header.")}
    for found in (of_metrics, of_spans - headers, told.logs):
        assert found <= named()
        assert strangers(found, "attribute") == set()
    assert {attributes.BREAKER_AFTER, attributes.ENDPOINT_ID, attributes.EVENT} <= told.logs


def test_metrics_have_what_was_asked_for_and_no_more(told: Told) -> None:
    found: dict[str, set[str]] = {}
    for name, labels, _ in told.points:
        found.setdefault(name, set()).update(labels)
    assert found == {wanted.name: set(wanted.attributes) for wanted in wanted_names.METRICS}
    states = [labels[attributes.ENDPOINT_STATE] for _, labels, _ in told.points if attributes.ENDPOINT_STATE in labels]
    assert set(states) == set(wanted_names.ENDPOINT_STATES)
    bounds = {
        name: tuple(point.explicit_bounds) for name, _, point in told.points if isinstance(point, HistogramDataPoint)
    }
    assert bounds == {wanted.name: wanted.buckets for wanted in wanted_names.METRICS if wanted.kind == "histogram"}


def test_spans_of_attempts_have_what_was_asked_for_and_no_more(told: Told) -> None:
    found = {key for span in told.spans if span.kind is SpanKind.CLIENT for key in of(span)}
    assert found == {*wanted_names.OF_ATTEMPTS, *wanted_names.CHOSEN, *wanted_names.DEPRECATED}
