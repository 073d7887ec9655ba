"""One CLIENT span for each attempt, and that the server hears of the very span that its request is."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

import meshclient
from meshclient.core.hedge import SAMPLES
from meshclient.model.outcome import classify_status
from meshclient.telemetry.propagation.outbound import Outbound
from meshclient.telemetry.spans import AttemptSpans
from telemetered import Spans, of, parent_of, span_id, told, traced
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.backend import Backends


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    with traced(monkeypatch) as found:
        yield found


def test_an_attempt_that_went_well(face: Face, backends: Backends, spans: Spans) -> None:
    (backend,) = backends(1)
    client = told(face, backend.url)
    response = face.run(client.get("http://user:geheim@orders/echo?sig=geheim&a=1", auth=httpx.Auth()))
    [span] = spans.ended()
    attributes = of(span)
    age = attributes.pop("meshclient.snapshot.age")
    assert age >= 0
    assert attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "meshclient.picker": "round_robin",
        "network.peer.address": "127.0.0.1",
        "network.peer.port": backend.port,
        "network.protocol.version": "1.1",
        "server.address": "orders",
        "server.port": 80,
        "url.full": "http://REDACTED:REDACTED@orders/echo?sig=REDACTED&a=1",
    }
    assert (span.name, span.kind, span.parent, span.status.status_code) == (
        "GET",
        SpanKind.CLIENT,
        None,
        StatusCode.UNSET,
    )
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "meshclient"
    sent = dict(response.json()["headers"])
    assert parent_of(sent["traceparent"]) == span_id(span)


def test_each_repeat_has_a_span_of_its_own(face: Face, backends: Backends, spans: Spans) -> None:
    good, bad = backends(2)
    bad.control(status=503)
    client = told(face, good.url, bad.url, service={"ejection": False})
    story: Any = None
    with trace.get_tracer("test").start_as_current_span("work") as work:
        for _ in range(2):
            response = face.run(client.get("http://orders:8080/echo", extensions={"url_template": "/{x}"}))
            story = response.extensions["mesh"]
            if story.retries:
                break
            spans.exporter.clear()
    *attempts, _work = sorted(spans.ended(), key=lambda span: span.end_time or 0)
    first, second = attempts
    assert first.name == second.name == "GET /{x}"
    assert first.parent == second.parent == work.get_span_context()
    assert "http.request.resend_count" not in of(first)
    assert of(second)["http.request.resend_count"] == 1
    assert of(second)["url.template"] == "/{x}"
    assert of(first)["server.port"] == 8080
    assert [of(span)["network.peer.port"] for span in attempts] == [bad.port, good.port]
    assert (of(first)["error.type"], of(first)["http.response.status_code"]) == ("503", 503)
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert not first.events
    headers = dict(response.json()["headers"])
    assert parent_of(headers["traceparent"]) == span_id(second)
    assert headers["traceparent"].split("-")[1] == f"{work.get_span_context().trace_id:032x}"


@pytest.mark.parametrize(
    ("behaviour", "word"), [({"hang": True}, "timeout"), ({"reset": True}, "disconnected"), ({"status": 404}, "404")]
)
def test_an_attempt_that_failed(
    face: Face, backends: Backends, spans: Spans, behaviour: dict[str, Any], word: str
) -> None:
    (backend,) = backends(1)
    backend.control(**behaviour)
    client = told(face, backend.url, service={"retry": False, "attempt_timeout": "150ms"})
    if word == "404":
        face.run(client.get("http://orders/"))
    else:
        with pytest.raises(httpx.TransportError):
            face.run(client.get("http://orders/"))
    [span] = spans.ended()
    # On a busy machine this process may have stood still itself.
    assert of(span)["error.type"] in ({word, "stalled"} if word == "timeout" else {word})
    assert span.status.status_code is StatusCode.ERROR


def test_a_hedge_and_the_attempt_that_it_was_sent_beside(face: Face, backends: Backends, spans: Spans) -> None:
    slow, fast = backends(2)
    slow.control(delay=0.4)
    client = told(face, slow.url, fast.url, service={"hedge": {"extra": 1.0, "quantile": 0.5}, "limit": False})
    service = client.mesh.service("orders")
    for _ in range(SAMPLES):
        service.hedging.observe(0.03, service.clock())
    with trace.get_tracer("test").start_as_current_span("work") as work:
        for _ in range(2):
            story = face.run(client.get("http://orders/echo")).extensions["mesh"]
            if len(story.attempts) > 1:
                break
    # A blocking loser has its connection cut, which its thread finds out.
    face.end()
    for _ in range(200):
        hedges = [span for span in spans.ended() if of(span).get("meshclient.attempt.hedge")]
        firsts = [span for span in spans.ended() if of(span).get("network.peer.port") == slow.port]
        if hedges and firsts:
            break
        time.sleep(0.02)
    [hedge], first = hedges, firsts[-1]
    assert hedge.parent == first.parent == work.get_span_context()
    assert of(hedge)["network.peer.port"] == fast.port
    assert of(hedge)["http.request.resend_count"] == 1
    assert hedge.status.status_code is StatusCode.UNSET
    # It was given up, which is no failure of its.
    assert of(first)["error.type"] == "cancelled"
    assert first.status.status_code is StatusCode.UNSET


def test_a_span_around_the_call(face: Face, backends: Backends, spans: Spans) -> None:
    (bad,) = backends(1)
    bad.control(status=503)
    client = told(face, bad.url, service={"retry": {"attempts": 2, "backoff": "1ms..2ms"}}, spans="calls")
    assert face.run(client.get("http://orders/")).status_code == 503
    call, *attempts = spans.ended()
    assert (call.name, call.kind, call.status.status_code) == (
        "meshclient.call",
        SpanKind.INTERNAL,
        StatusCode.ERROR,
    )
    assert len(attempts) == 2
    assert all(span.parent == call.context for span in attempts)
    assert of(call) == {
        "error.type": "503",
        "http.request.method": "GET",
        "http.response.status_code": 503,
        "meshclient.call.attempts": 2,
        "meshclient.call.result": "failure",
        "service.peer.name": "orders",
    }
    spans.exporter.clear()
    bad.kill()
    with pytest.raises(httpx.ConnectError):
        face.run(client.get("http://orders/"))
    [call] = [span for span in spans.ended() if span.kind is SpanKind.INTERNAL]
    assert of(call)["error.type"] == "connect_error"


@pytest.mark.parametrize("service", [{"limit": False}, {}], ids=["short", "long"])
def test_attributes_that_somebody_wants(face: Face, backends: Backends, spans: Spans, service: dict[str, Any]) -> None:
    (backend,) = backends(1)
    headers = "http.request.header.x-tenant", "http.request.header.x-missing"
    chosen = ["url.scheme", "service.peer.name", "user_agent.original", *headers]
    client = told(face, backend.url, service=service, span_attributes=chosen)
    fields = [("X-Tenant", "a"), ("x-tenant", "b"), ("user-agent", "test/1"), ("x-other", "c")]
    face.run(client.get("http://orders/", headers=fields))
    face.run(client.get("http://orders/", headers={"user-agent": "test/2"}))
    first, second = map(of, spans.ended())
    assert first.pop("http.request.header.x-tenant") == ("a", "b")
    assert (first["user_agent.original"], second["user_agent.original"]) == ("test/1", "test/2")
    assert (first["url.scheme"], first["service.peer.name"]) == ("http", "orders")
    for found in (first, second):
        assert not [name for name in found if name.startswith("http.request.header")]


def test_what_the_short_road_knows_needs_no_other(face: Face, backends: Backends, spans: Spans) -> None:
    (backend,) = backends(1)
    client = told(face, backend.url, service={"limit": False}, span_attributes=["url.scheme", "service.peer.name"])
    assert not client.mesh.service("orders").spans.calls
    face.run(client.get("http://orders/"))
    [span] = spans.ended()
    assert (of(span)["url.scheme"], of(span)["service.peer.name"]) == ("http", "orders")


@pytest.mark.parametrize(
    "name",
    [
        "url.query",
        "http.request.header.",
        "http.request.header.Authorization",
        "http.request.header.cookie",
        "http.request.header.x-auth-token",
        "scheme",
    ],
)
def test_attributes_that_nobody_gets(name: str) -> None:
    with pytest.raises(ValueError, match=r"no attribute to choose: there are url\.scheme"):
        AttemptSpans("orders", more=[name])


def test_no_spans_where_they_are_off(face: Face, backends: Backends, spans: Spans) -> None:
    (backend,) = backends(1)
    client = told(face, backend.url, spans="none")
    face.run(client.get("http://orders/"))
    assert not spans.ended()


def test_a_plain_call_that_no_driver_sees(spans: Spans) -> None:
    """As the short road tells of it."""
    outbound = Outbound(["tracecontext"])
    made = AttemptSpans("orders")
    endpoint = meshclient.Endpoint("10.0.0.1", 8080)
    span = made.plain("GET", "http://orders/", 80, endpoint, 1.0)
    assert span is not None
    lines, _, sent = outbound.lines()
    span.end(classify_status(200), "1.1")
    [ended] = spans.ended()
    assert span_id(ended) == sent
    assert sent.encode() in lines
    assert (of(ended)["network.peer.port"], of(ended)["http.response.status_code"]) == (8080, 200)


@pytest.mark.parametrize("when", ["on_start", "on_end"])
def test_an_error_of_opentelemetry_reaches_no_call(
    face: Face, backends: Backends, spans: Spans, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            if when == "on_start":
                raise RuntimeError("the processor's bug")

        def on_end(self, span: Any) -> None:
            if when == "on_end":
                raise RuntimeError("the processor's bug")

    spans.provider.add_span_processor(Broken())
    (backend,) = backends(1)
    client = told(face, backend.url, spans="calls")
    with caplog.at_level(logging.ERROR, "meshclient.telemetry"):
        for _ in range(2):
            assert face.run(client.get("http://orders/")).status_code == 200
    assert [record.message for record in caplog.records] == [
        "OpenTelemetry failed; spans of calls to 'orders' may be missing"
    ]
