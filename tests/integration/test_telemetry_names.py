"""Every name that is told exists in OpenTelemetry's semantic conventions, or is our own and says so."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.core.hedge import SAMPLES
from meshclient.model.events import CircuitChanged, EndpointEjected, PanicChanged
from meshclient.telemetry import attributes
from meshclient.telemetry.error_type import CALL_ERRORS
from meshclient.telemetry.metrics import LISTS, METRICS
from telemetered import LONG_ROAD, alone, metered, tallied, traced
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from servers.backend import Backends

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
    docs = Path(__file__).parents[2] / "docs"
    metrics, tracing = (docs / name for name in ("metrics.md", "tracing.md"))
    assert [metric.name for metric in METRICS if f"`{metric.name}`" not in metrics.read_text("utf-8")] == []
    assert [word for word in CALL_ERRORS if f"`{word}`" not in tracing.read_text("utf-8")] == []


def test_what_is_told_has_such_a_name(
    face: Face, backends: Backends, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slow, good, bad = backends(3)
    slow.control(delay=0.3)
    bad.control(status=503)
    services: dict[str, Any] = {
        "repeated": {"endpoints": [good.url, bad.url], "balancer": "round_robin", **LONG_ROAD},
        "hedged": {
            "endpoints": [slow.url, good.url],
            "balancer": "round_robin",
            "hedge": {"extra": 1.0, "quantile": 0.5},
        },
        "refused": {"endpoints": [good.url], "limit": {"concurrency": 1}},
    }
    caplog.set_level(logging.DEBUG, "meshclient")
    with alone(monkeypatch), metered(monkeypatch) as metrics, traced(monkeypatch) as spans:
        client = face.client(services=services)
        tally = tallied(client.mesh, *services, spans="calls", peer_service=True)
        for _ in range(2):
            face.run(client.get("http://repeated/", extensions={"url_template": "/"}))
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
        told = metrics.points()
        ended = spans.ended()
    names = {name for name, _, _ in told}
    assert {metric.name for metric in METRICS} - {metric.name for metric in LISTS} <= names
    assert names <= {metric.name for metric in METRICS}
    assert strangers(names, "metric") == set()
    of_metrics = {key for _, found, _ in told for key in found}
    of_spans = {key for span in ended for key in span.attributes or ()}
    of_logs = {key for record in caplog.records for key in vars(record) if "." in key}
    for found in (of_metrics, of_spans, of_logs):
        assert found <= named()
        assert strangers(found, "attribute") == set()
    # The scenario has it all.
    assert of_spans >= {
        attributes.HEDGE,
        attributes.ORIGINAL_METHOD,
        attributes.PEER_SERVICE,
        attributes.RESEND_COUNT,
        attributes.TEMPLATE,
        attributes.ERROR_TYPE,
    }
    assert {attributes.REJECTION_REASON, attributes.BREAKER_AFTER, attributes.CACHE_RESULT} <= of_metrics
    assert {attributes.BREAKER_AFTER, attributes.ENDPOINT_ID, attributes.EVENT} <= of_logs
