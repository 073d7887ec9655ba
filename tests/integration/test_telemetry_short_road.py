"""Calls that no driver sees are told of as well: of a plain call, the road is no matter."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import meshclient
from meshclient.telemetry.prometheus import exposition
from telemetered import Metrics, Spans, metered, of, parent_of, span_id, traced
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.backend import Backends

QUICK = {"throttle": False, "ejection": False, "balancer": "round_robin"}


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    with metered(monkeypatch) as found:
        yield found


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    with traced(monkeypatch) as found:
        yield found


def scraped(mesh: meshclient.Mesh, name: str) -> dict[tuple[str, str], float]:
    """The values of a metric, by status and error."""
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(exposition(mesh).decode()):
        for sample in family.samples:
            if sample.name == name:
                key = sample.labels.get("http_response_status_code", ""), sample.labels.get("error_type", "")
                found[key] = found.get(key, 0) + sample.value
    return found


def test_plain_calls_and_those_that_are_repeated(face: Face, backends: Backends) -> None:
    good, bad = backends(2)
    bad.control(status=503)
    client = face.orders(good.url, bad.url, service=QUICK)
    stories = [face.run(client.get("http://orders/work")).extensions["mesh"] for _ in range(20)]
    sent = Counter(attempt.outcome.status for story in stories for attempt in story.attempts)
    assert sent == {200: good.stats()["paths"]["/work"], 503: bad.stats()["paths"]["/work"]}
    assert scraped(client.mesh, "http_client_request_duration_seconds_count") == {
        ("200", ""): sent[200],
        ("503", "503"): sent[503],
    }
    assert scraped(client.mesh, "meshclient_client_call_duration_seconds_count") == {("200", ""): 20}
    assert scraped(client.mesh, "meshclient_client_call_attempts_sum") == {("", ""): sent.total()}


def test_calls_that_fail_are_counted_once(face: Face, backends: Backends) -> None:
    (backend,) = backends(1)
    client = face.orders(backend.url, service={**QUICK, "retry": False, "attempt_timeout": "200ms"})
    face.run(client.get("http://orders/"))
    backend.control(hang=True)
    with pytest.raises(httpx.ReadTimeout):
        face.run(client.get("http://orders/"))
    backend.kill()
    with pytest.raises(httpx.ConnectError):
        face.run(client.get("http://orders/"))
    ended = {("200", ""): 1, ("", "timeout"): 1, ("", "connect_error"): 1}
    assert scraped(client.mesh, "http_client_request_duration_seconds_count") == ended
    assert scraped(client.mesh, "meshclient_client_call_duration_seconds_count") == ended


def test_a_call_that_is_given_up(backends: Backends) -> None:
    (backend,) = backends(1)
    backend.control(hang=True)

    async def cancel() -> dict[tuple[str, str], float]:
        async with meshclient.AsyncClient(services={"orders": {"endpoints": [backend.url]}}) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.get("http://orders/")
            return scraped(client.mesh, "http_client_request_duration_seconds_count")

    assert asyncio.run(cancel()) == {("", "cancelled"): 1}


def test_opentelemetry_is_told(face: Face, backends: Backends, metrics: Metrics, spans: Spans) -> None:
    good, bad = backends(2)
    bad.control(status=503)
    client = face.orders(good.url, bad.url, service=QUICK)
    answers = [face.run(client.get("http://orders/echo")) for _ in range(4)]
    stories = [answer.extensions["mesh"] for answer in answers]
    sent = sum(len(story.attempts) for story in stories)
    assert sum(metrics.counted("http.client.request.duration").values()) == sent
    ended = spans.ended()
    assert Counter(of(span)["http.response.status_code"] for span in ended) == {200: 4, 503: sent - 4}
    assert sum("http.request.resend_count" in of(span) for span in ended) == sent - 4
    # With nothing around it a call is one trace, of which its first attempt is the root.
    roots = {span.context.trace_id: span.context for span in ended if span.parent is None}
    assert len(roots) == 4
    assert all(span.parent == roots[span.context.trace_id] for span in ended if span.parent is not None)
    # Each server heard of the span that its request was.
    heard = {parent_of(dict(answer.json()["headers"])["traceparent"]) for answer in answers}
    assert heard == {span_id(span) for span in ended if of(span)["http.response.status_code"] == 200}


def test_a_span_lasts_as_long_as_the_metric_says(metrics: Metrics, spans: Spans) -> None:
    """To the head of the response: what its body takes is its reader's time."""
    body = 0.5

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nso")
            await writer.drain()
            await asyncio.sleep(body)
            writer.write(b"me")
        writer.close()

    async def call() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with meshclient.AsyncClient(services={"orders": {"endpoints": [url]}}) as client:
                for _ in range(3):
                    assert (await client.get("http://orders/")).text == "some"

    asyncio.run(call())
    ended = spans.ended()
    lasted = sum((span.end_time or 0) - (span.start_time or 0) for span in ended) / 1e9
    [point] = [point for name, _, point in metrics.points() if name == "http.client.request.duration"]
    assert len(ended) == 3
    assert abs(lasted - point.sum) < body / 2  # type: ignore[union-attr]


def test_a_span_around_plain_calls(face: Face, backends: Backends, spans: Spans) -> None:
    (backend,) = backends(1)
    mesh = face.mesh(services={"orders": {"endpoints": [backend.url]}}, telemetry={"spans": "calls"})
    face.run(face.client(mesh=mesh).get("http://orders/"))
    call, attempt = spans.ended()
    assert (call.name, attempt.name, attempt.parent) == ("meshclient.call", "GET", call.context)


def test_attributes_that_the_configuration_asks_for(face: Face, backends: Backends, spans: Spans) -> None:
    (backend,) = backends(1)
    for names in (["url.scheme"], ["url.scheme", "http.request.header.x-tenant"]):
        services = {"orders": {"endpoints": [backend.url]}}
        mesh = face.mesh(services=services, telemetry={"span_attributes": names})
        face.run(face.client(mesh=mesh).get("http://orders/", headers={"x-tenant": "a"}))
        told = of(spans.ended()[-1])
        assert told["url.scheme"] == "http"
        assert told.get("http.request.header.x-tenant") == (("a",) if len(names) > 1 else None)


def test_nothing_is_told_where_it_is_off(face: Face, backends: Backends, metrics: Metrics, spans: Spans) -> None:
    (backend,) = backends(1)
    off: dict[str, Any] = {"metrics": False, "spans": "none"}
    mesh = face.mesh(services={"orders": {"endpoints": [backend.url]}}, telemetry=off)
    face.run(face.client(mesh=mesh).get("http://orders/"))
    assert b"orders" not in exposition(mesh)
    assert spans.ended() == []
    assert metrics.counted("http.client.request.duration") == {}
