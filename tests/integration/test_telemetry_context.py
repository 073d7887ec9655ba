"""What stands around an attempt: the context it is made in, what is below it, and what the server hears."""

from __future__ import annotations

import asyncio
import logging
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import meshclient
from meshclient.telemetry.propagation.context import TRACE, TraceContext
from meshclient.telemetry.propagation.outbound import Outbound
from telemetered import LONG_ROAD, Spans, of, span_id, tallied, told, traced
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.backend import Backends


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    with traced(monkeypatch) as found:
        yield found


class Instrumented:
    """What OpenTelemetry's httpx instrumentation does around a transport."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.seen: list[tuple[bool, str]] = []
        self.sent: list[httpx.Headers] = []

    def note(self, request: httpx.Request) -> None:
        self.sent.append(request.headers)
        suppressed = bool(otel_context.get_value(otel_context._SUPPRESS_HTTP_INSTRUMENTATION_KEY))
        self.seen.append((suppressed, f"{trace.get_current_span().get_span_context().span_id:016x}"))


class Blocking(Instrumented, httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.note(request)
        response: httpx.Response = self.inner.handle_request(request)
        return response

    def close(self) -> None:
        self.inner.close()


class Asynchronous(Instrumented, httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.note(request)
        response: httpx.Response = await self.inner.handle_async_request(request)
        return response

    async def aclose(self) -> None:
        await self.inner.aclose()


def test_instrumentation_below_is_silent_and_sees_the_attempt(face: Face, backends: Backends, spans: Spans) -> None:
    (backend,) = backends(1)
    below = Asynchronous(httpx.AsyncHTTPTransport()) if face.is_async else Blocking(httpx.HTTPTransport())
    client = face.client(services={"orders": {"endpoints": [backend.url]}}, transport=below)
    tallied(client.mesh, "orders")
    face.run(client.get("http://orders/"))
    [span] = spans.ended()
    assert below.seen == [(True, span_id(span))]
    # Who prefers its spans.
    tallied(client.mesh, "orders", spans="none")
    face.run(client.get("http://orders/"))
    assert below.seen[1:] == [(False, "0" * 16)]
    assert len(spans.ended()) == 1


def test_httpx_instrumentation_itself(face: Face, backends: Backends, spans: Spans) -> None:
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.httpx")
    (backend,) = backends(1)
    instrumentor = instrumentation.HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider)
    try:
        inner = httpx.AsyncHTTPTransport() if face.is_async else httpx.HTTPTransport()
        client = face.client(services={"orders": {"endpoints": [backend.url]}}, transport=inner)
        tallied(client.mesh, "orders")
        face.run(client.get("http://orders/"))
        assert len(spans.ended()) == 1
        tallied(client.mesh, "orders", spans="none")
        face.run(client.get("http://orders/"))
        scopes = [span.instrumentation_scope.name for span in spans.ended() if span.instrumentation_scope]
        assert scopes == ["meshclient", "opentelemetry.instrumentation.httpx"]
    finally:
        instrumentor.uninstrument()


def test_what_an_inbound_request_brought_is_the_parent(face: Face, backends: Backends, spans: Spans) -> None:
    (backend,) = backends(1)
    client = told(face, backend.url)
    token = TRACE.set(TraceContext("ab" * 16, "cd" * 8, sampled=True, state=(("vendor", "1"),)))
    try:
        response = face.run(client.get("http://orders/echo"))
    finally:
        TRACE.reset(token)
    [span] = spans.ended()
    assert span.parent is not None
    assert span.context is not None
    assert f"{span.parent.span_id:016x}" == "cd" * 8
    assert span.parent.is_remote
    assert f"{span.context.trace_id:032x}" == "ab" * 16
    headers = dict(response.json()["headers"])
    assert headers["traceparent"] == f"00-{'ab' * 16}-{span_id(span)}-01"
    assert headers["tracestate"] == "vendor=1"


def test_an_unsampled_trace_is_handed_on_as_such(
    face: Face, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    (backend,) = backends(1)
    with traced(monkeypatch, ALWAYS_OFF) as spans:
        client = told(face, backend.url, spans="calls")
        response = face.run(client.get("http://orders/echo"))
        assert not spans.ended()
    # Level 2 of Trace Context has a second flag.
    assert not int(dict(response.json()["headers"])["traceparent"][-2:], 16) & 1


def test_without_opentelemetry_the_attempts_of_a_call_are_of_one_trace(face: Face, backends: Backends) -> None:
    (bad,) = backends(1)
    bad.control(status=503)
    below = Asynchronous(httpx.AsyncHTTPTransport()) if face.is_async else Blocking(httpx.HTTPTransport())
    client = face.client(services={"orders": {"endpoints": [bad.url]}}, transport=below)
    running: Any = client.mesh.service("orders")
    running.outbound = Outbound(["tracecontext"])
    story = face.run(client.get("http://orders/")).extensions["mesh"]
    assert len(story.attempts) == len(below.sent) == 3
    parts = [headers["traceparent"].split("-") for headers in below.sent]
    assert len({trace_id for _, trace_id, _, _ in parts}) == 1
    assert len({parent for _, _, parent, _ in parts}) == 3


def test_where_nothing_stands_around_them_the_first_attempt_is_the_root_of_the_others(
    face: Face, backends: Backends, spans: Spans
) -> None:
    (bad,) = backends(1)
    bad.control(status=503)
    below = Asynchronous(httpx.AsyncHTTPTransport()) if face.is_async else Blocking(httpx.HTTPTransport())
    client = face.client(services={"orders": {"endpoints": [bad.url], **LONG_ROAD}}, transport=below)
    for _ in range(2):
        face.run(client.get("http://orders/"))
    calls = spans.ended()[:3], spans.ended()[3:]
    for first, *others in calls:
        assert first.parent is None
        assert [span.parent for span in others] == [first.context] * 2
        assert [of(span)["http.request.resend_count"] for span in others] == [1, 2]
    assert calls[0][0].context.trace_id != calls[1][0].context.trace_id
    sent = [headers["traceparent"].split("-")[1:3] for headers in below.sent]
    assert sent == [[f"{span.context.trace_id:032x}", span_id(span)] for call in calls for span in call]


def test_logs_of_an_attempt_know_its_span(face: Face, backends: Backends, spans: Spans) -> None:
    (backend,) = backends(1)
    client = told(face, backend.url)
    seen: list[int] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(trace.get_current_span().get_span_context().span_id)

    def trace_hook(name: str, info: object) -> None:
        logging.getLogger("test.spans").error("%s", name)

    async def async_hook(name: str, info: object) -> None:
        trace_hook(name, info)

    handler = Handler()
    logging.getLogger("test.spans").addHandler(handler)
    try:
        hook = async_hook if face.is_async else trace_hook
        face.run(client.get("http://orders/", extensions={"trace": hook}))
    finally:
        logging.getLogger("test.spans").removeHandler(handler)
    [span] = spans.ended()
    assert span.context is not None
    assert set(seen) >= {span.context.span_id}


@pytest.mark.parametrize("service", [{}, LONG_ROAD], ids=["short", "long"])
def test_a_call_that_is_forgotten_ends_its_span_wherever_it_is_finalised(
    backends: Backends, spans: Spans, caplog: pytest.LogCaptureFixture, service: dict[str, Any]
) -> None:
    (backend,) = backends(1)
    backend.control(hang=True)

    async def forget() -> None:
        async with meshclient.AsyncClient(services={"orders": {"endpoints": [backend.url], **service}}) as client:
            await asyncio.to_thread(client.mesh.warm, "orders")
            call = client.get("http://orders/")
            # As the garbage collector does: in another context than that of the call.
            copy_context().run(call.send, None)
            call.close()

    asyncio.run(forget())
    [span] = spans.ended()
    assert of(span)["error.type"] == "cancelled"
    # OpenTelemetry reports a context that is left where it was not entered.
    assert [record.getMessage() for record in caplog.records if record.name.startswith("opentelemetry")] == []
