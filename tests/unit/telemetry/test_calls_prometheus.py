"""The text for Prometheus: Prometheus' own parsers read it, and both kinds of application serve it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import prometheus_client
import prometheus_client.openmetrics.parser
import prometheus_client.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider

import meshclient
from meshclient.model.outcome import classify_status
from meshclient.telemetry import tally as tallies
from meshclient.telemetry.course import Course
from meshclient.telemetry.metrics import METRICS, Kind
from meshclient.telemetry.prometheus import MeshCollector, exposition, families, family, metrics_app
from meshclient.telemetry.tally import Tally
from meshclient.testing import FakeResolver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Mesh:
    """A mesh that counts."""

    def __init__(self) -> None:
        self.tally = Tally()


def busy(service: str = "orders") -> Mesh:
    """One that has counted."""
    mesh = Mesh()
    meter = mesh.tally.meter(service)
    assert meter is not None
    for seconds in (0.001, 0.005, 0.3, 42.0):
        meter.called("GET", 200, seconds)
    meter.attempted("POST", classify_status(503), 0.2, 443, "2")
    meter.ended("POST", classify_status(503), None, 0.2, Course(2, 0, 0.05))
    meter.note("rejection", "circuit_open")
    meter.note("transition", "closed", "open")
    meter.follow(lambda: {"hit": 1, "miss": 0})
    return mesh


# They come without types.
parse_text: Callable[[str], Iterable[Any]] = prometheus_client.parser.text_string_to_metric_families
parse_openmetrics: Callable[[str], Iterable[Any]] = prometheus_client.openmetrics.parser.text_string_to_metric_families


def samples(found: Iterable[Any]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value for each in found for sample in each.samples
    }


def test_both_formats_say_the_same() -> None:
    mesh = busy()
    text = exposition(mesh).decode()
    openmetrics = exposition(mesh, openmetrics=True).decode()
    assert openmetrics.endswith("# EOF\n")
    found = samples(parse_text(text))
    assert found == samples(parse_openmetrics(openmetrics))
    request = (
        ("http_request_method", "GET"),
        ("http_response_status_code", "200"),
        ("network_protocol_version", "1.1"),
        ("server_address", "orders"),
        ("server_port", "80"),
    )
    name = "http_client_request_duration_seconds"
    assert found[f"{name}_count", request] == 4
    assert found[f"{name}_sum", request] == pytest.approx(42.306)
    # Bounds are inclusive, and buckets hold what is in those before.
    assert found[f"{name}_bucket", tuple(sorted((*request, ("le", "0.005"))))] == 2
    assert found[f"{name}_bucket", tuple(sorted((*request, ("le", "10.0"))))] == 3
    assert found[f"{name}_bucket", tuple(sorted((*request, ("le", "+Inf"))))] == 4
    of_service = (("service_peer_name", "orders"),)
    assert found["meshclient_client_call_attempts_sum", of_service] == 6
    assert (
        found["meshclient_client_call_rejected_total", (("meshclient_rejection_reason", "circuit_open"), *of_service)]
        == 1
    )
    transition = (("meshclient_breaker_from", "closed"), ("meshclient_breaker_to", "open"), *of_service)
    assert found["meshclient_breaker_transitions_total", transition] == 1
    assert found["meshclient_cache_lookup_count_total", (("meshclient_cache_result", "hit"), *of_service)] == 1
    assert [value for (name, _), value in found.items() if name == "meshclient_build_info"] == [1]


@given(st.text(min_size=1, max_size=20))
def test_a_label_may_be_anything(value: str) -> None:
    mesh = Mesh()
    meter = mesh.tally.meter("orders")
    assert meter is not None
    meter.note("rejection", value)
    # The older parser splits lines at more characters than the format does.
    text = exposition(mesh, openmetrics=True).decode()
    [labels] = [labels for (name, labels), _ in samples(parse_openmetrics(text)).items() if "rejected" in name]
    assert dict(labels)["meshclient_rejection_reason"] == value


def test_all_meshes_of_the_process_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "_TALLIES", type(tallies._TALLIES)())
    assert b"orders" not in exposition()
    one, other = busy(), busy()
    found = samples(parse_text(exposition().decode()))
    assert found["meshclient_client_call_attempts_count", (("service_peer_name", "orders"),)] == 10
    del one
    found = samples(parse_text(exposition(other).decode()))
    assert found["meshclient_client_call_attempts_count", (("service_peer_name", "orders"),)] == 5


def test_a_mesh_that_counts_nothing_is_not_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "_TALLIES", type(tallies._TALLIES)())
    with meshclient.Mesh(FakeResolver({"orders": []}), telemetry={"metrics": False}) as mesh:
        mesh.warm("orders")
        assert mesh.tally.meter("orders") is None
        assert tallies.told() == []
        assert b"orders" not in exposition(mesh)


def test_names_are_those_that_opentelemetry_gives_them() -> None:
    """By its own exporter, into a registry of its own."""
    registry = prometheus_client.CollectorRegistry()
    reader = PrometheusMetricReader()
    prometheus_client.REGISTRY.unregister(reader._collector)
    registry.register(reader._collector)
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("meshclient")
    for metric in METRICS:
        if metric.kind is Kind.HISTOGRAM:
            meter.create_histogram(metric.name, metric.unit).record(1)
        elif metric.kind is Kind.COUNTER:
            meter.create_counter(metric.name, metric.unit).add(1)
        elif metric.kind is Kind.UP_DOWN:
            meter.create_up_down_counter(metric.name, metric.unit).add(1)
        else:
            meter.create_gauge(metric.name, metric.unit).set(1)
    theirs = {(each.name, each.type) for each in registry.collect() if each.name not in {"target", "target_info"}}
    assert {(each.name, each.kind) for each in (family(metric, {}) for metric in METRICS)} == theirs


def test_in_a_registry_of_prometheus_client() -> None:
    mesh = busy()
    registry = prometheus_client.CollectorRegistry()
    registry.register(MeshCollector(mesh))
    assert samples(registry.collect()) == samples(parse_text(exposition(mesh).decode()))
    # And in the text that the client makes of it.
    client = samples(parse_text(prometheus_client.generate_latest(registry).decode()))
    assert client == samples(parse_text(exposition(mesh).decode()))
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(MeshCollector(mesh))


def asgi(app: Any, method: str, accept: bytes = b"*/*") -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    scope = {"type": "http", "method": method, "headers": [(b"accept", accept)]}
    asyncio.run(app(scope, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


def test_as_an_asgi_application() -> None:
    mesh = busy()
    app = metrics_app(mesh)
    status, headers, body = asgi(app, "GET")
    assert (status, body) == (200, exposition(mesh))
    assert headers[b"content-type"].startswith(b"text/plain; version=0.0.4")
    assert headers[b"content-length"] == str(len(body)).encode()
    status, headers, body = asgi(app, "GET", b"application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert (status, body) == (200, exposition(mesh, openmetrics=True))
    assert headers[b"content-type"].startswith(b"application/openmetrics-text")
    assert asgi(app, "HEAD")[2] == b""
    assert asgi(app, "POST")[0] == 405


def test_its_lifespan() -> None:
    said = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return next(said)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    app: Any = metrics_app()
    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_as_a_wsgi_application(method: str) -> None:
    mesh = busy()
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    began: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        began.append((status, dict(headers)))
        return None

    app: Any = metrics_app(mesh)
    answer = validator(app)(environ, start_response) if method != "HEAD" else app(environ, start_response)
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    [(status, headers)] = began
    if method == "POST":
        assert status == "405 Method Not Allowed"
    else:
        assert (status, headers["Content-Length"]) == ("200 OK", str(len(exposition(mesh))))
        assert body == (exposition(mesh) if method == "GET" else b"")


def test_what_has_no_series_is_not_told() -> None:
    told = exposition(Mesh()).decode()
    assert "meshclient_build_info" in told
    assert "hedges" not in told
    assert {each.name for each in families(Mesh())} >= {"meshclient_client_call_hedges"}
