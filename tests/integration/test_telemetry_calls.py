"""Numbers agree with what was sent, to the unit: those of OpenTelemetry, and those for Prometheus."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry.sdk.metrics.export import HistogramDataPoint
from prometheus_client.parser import text_string_to_metric_families

import meshclient
from meshclient.core.hedge import SAMPLES
from meshclient.telemetry.prometheus import exposition
from telemetered import LONG_ROAD, Metrics, alone, metered, tallied
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.backend import Backends

TURNS = {"balancer": "round_robin", **LONG_ROAD}
QUICK = {"balancer": "round_robin", "ejection": False, "throttle": False}
THREADS = 8
EACH = 25


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with alone(monkeypatch):
        yield


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    with metered(monkeypatch) as found:
        yield found


def scraped() -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """What Prometheus makes of the text: values by name and sorted labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(exposition().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_calls_that_are_repeated(face: Face, backends: Backends, metrics: Metrics) -> None:
    good, bad = backends(2)
    bad.control(status=503)
    client = face.orders(good.url, bad.url, service={**TURNS, "ejection": False, "throttle": False})
    tallied(client.mesh, "orders")
    stories = [face.run(client.get("http://orders/work")).extensions["mesh"] for _ in range(20)]
    retried = [story for story in stories if story.retries]
    assert retried
    sent = Counter(attempt.outcome.status for story in stories for attempt in story.attempts)
    served = {200: good.stats()["paths"]["/work"], 503: bad.stats()["paths"]["/work"]}
    assert sent == served

    request = {"http.request.method": "GET", "server.address": "orders", "server.port": 80}
    expected = {
        tuple(sorted({**request, "http.response.status_code": 200, "network.protocol.version": "1.1"}.items())): sent[
            200
        ],
        tuple(
            sorted(
                {
                    **request,
                    "http.response.status_code": 503,
                    "error.type": "503",
                    "network.protocol.version": "1.1",
                }.items()
            )
        ): sent[503],
    }
    assert metrics.counted("http.client.request.duration") == expected
    call = {"http.request.method": "GET", "http.response.status_code": 200, "meshclient.call.result": "success"}
    assert metrics.counted("meshclient.client.call.duration") == {
        tuple(sorted({**call, "service.peer.name": "orders"}.items())): 20
    }
    of_service = (("service.peer.name", "orders"),)
    assert metrics.counted("meshclient.client.call.attempts") == {of_service: 20}
    assert metrics.counted("meshclient.client.call.retries") == {of_service: len(retried)}
    assert metrics.counted("meshclient.client.call.retry_delay") == {of_service: len(retried)}
    between = sum(
        after.started - before.started - before.duration
        for story in retried
        for before, after in zip(story.attempts, story.attempts[1:], strict=False)
    )
    [paused] = [point for name, _, point in metrics.points() if name == "meshclient.client.call.retry_delay"]
    assert isinstance(paused, HistogramDataPoint)
    assert paused.sum == pytest.approx(between, abs=0.002 * len(retried))
    [balance] = metrics.counted("meshclient.retry.budget.balance").values()
    assert 0 < balance < 30 + 20 * 0.2 - sum(story.retries for story in retried) + 0.01

    text = scraped()
    assert {
        (dict(labels)["http_response_status_code"], dict(labels).get("error_type", "")): value
        for labels, value in text["http_client_request_duration_seconds_count"].items()
    } == {("200", ""): sent[200], ("503", "503"): sent[503]}
    assert text["meshclient_client_call_attempts_sum"] == {(("service_peer_name", "orders"),): sent.total()}
    assert text["meshclient_client_call_retries_sum"] == {(("service_peer_name", "orders"),): sent.total() - 20}
    assert sum(text["meshclient_client_call_duration_seconds_count"].values()) == 20


def late(found: dict[tuple[Any, ...], float]) -> dict[tuple[Any, ...], float]:
    """On a busy machine this process may have stood still itself, and says so."""
    return {tuple("timeout" if word == "stalled" else word for word in key): count for key, count in found.items()}


def test_how_calls_fail(face: Face, backends: Backends, metrics: Metrics) -> None:
    slow, gone = backends(2)
    slow.control(hang=True)
    gone.kill()
    service = {"endpoints": [slow.url], **LONG_ROAD, "retry": False, "throttle": False, "ejection": False}
    client = face.client(
        services={
            "late": {**service, "attempt_timeout": "100ms"},
            "dead": {**service, "deadline": "100ms", "attempt_timeout": None},
            "gone": {**service, "endpoints": [gone.url]},
            "empty": {**service, "endpoints": []},
        }
    )
    tallied(client.mesh, "late", "dead", "gone", "empty")
    for name in ("late", "dead", "gone", "empty"):
        with pytest.raises(httpx.TransportError):
            face.run(client.post(f"http://{name}/", content=b"x"))
    ended = {
        (dict(labels)["service.peer.name"], dict(labels)["error.type"], dict(labels)["meshclient.call.result"]): count
        for labels, count in metrics.counted("meshclient.client.call.duration").items()
    }
    assert late(ended) == {
        ("late", "timeout", "failure"): 1,
        ("dead", "deadline_exceeded", "failure"): 1,
        ("gone", "connect_error", "failure"): 1,
        ("empty", "no_endpoints", "failure"): 1,
    }
    attempts = {
        (dict(labels)["server.address"], dict(labels)["error.type"]): count
        for labels, count in metrics.counted("http.client.request.duration").items()
    }
    assert late(attempts) == {("late", "timeout"): 1, ("dead", "timeout"): 1, ("gone", "connect_error"): 1}


def test_calls_that_are_refused_and_the_limit(face: Face, backends: Backends, metrics: Metrics) -> None:
    (backend,) = backends(1)
    client = face.orders(backend.url, service={"limit": {"concurrency": 1}})
    tallied(client.mesh, "orders")
    limiter: Any = client.mesh.service("orders").limiter
    turn = limiter.enter(0, client.mesh.service("orders").clock())
    for _ in range(3):
        with pytest.raises(meshclient.Overloaded):
            face.run(client.get("http://orders/"))
    of_service = (("service.peer.name", "orders"),)
    assert metrics.counted("meshclient.client.call.rejected") == {
        (("meshclient.rejection.reason", "overloaded"), *of_service): 3
    }
    assert metrics.counted("meshclient.limiter.limit") == {of_service: 1}
    assert metrics.counted("meshclient.limiter.in_flight") == {of_service: 1}
    assert metrics.counted("meshclient.client.call.attempts") == {}
    assert metrics.counted("http.client.request.duration") == {}
    [ended] = metrics.counted("meshclient.client.call.duration")
    assert dict(ended)["meshclient.call.result"] == "rejected"
    assert dict(ended)["error.type"] == "overloaded"
    del turn
    assert scraped()["meshclient_client_call_rejected_total"] == {
        (("meshclient_rejection_reason", "overloaded"), ("service_peer_name", "orders")): 3
    }


def test_a_hedge_and_its_loser(face: Face, backends: Backends, metrics: Metrics) -> None:
    slow, fast = backends(2)
    slow.control(hang=True)
    client = face.orders(
        slow.url, fast.url, service={"hedge": {"extra": 1.0, "quantile": 0.5}, "balancer": "round_robin"}
    )
    service = client.mesh.service("orders")
    for _ in range(SAMPLES):
        service.hedging.observe(0.03, service.clock())
    tallied(client.mesh, "orders")
    stories = [face.run(client.get("http://orders/")).extensions["mesh"] for _ in range(2)]
    hedges = sum(attempt.hedge for story in stories for attempt in story.attempts)
    sent = sum(len(story.attempts) for story in stories)
    assert sent == 2 + hedges > 2
    of_service = (("service.peer.name", "orders"),)
    assert metrics.counted("meshclient.client.call.hedges") == {of_service: hedges}
    assert metrics.counted("meshclient.client.call.retries") == {}
    assert scraped()["meshclient_client_call_attempts_sum"] == {(("service_peer_name", "orders"),): sent}

    def attempts() -> float:
        return sum(metrics.counted("http.client.request.duration").values())

    # Of a blocking loser the connection is cut, which its thread finds out.
    for _ in range(1000):
        if attempts() == sent:
            break
        threading.Event().wait(0.02)
    endings = Counter(
        dict(labels).get("error.type") or dict(labels)["http.response.status_code"]
        for labels, count in metrics.counted("http.client.request.duration").items()
        for _ in range(int(count))
    )
    assert endings == {200: 2, "cancelled": hedges}


@pytest.mark.parametrize("service", [QUICK, {**QUICK, **LONG_ROAD}], ids=["short", "long"])
def test_eight_threads(backends: Backends, metrics: Metrics, service: dict[str, Any]) -> None:
    backend, bad = backends(2)
    bad.control(status=503, fail_ratio=0.5)
    with meshclient.Client(services={"orders": {"endpoints": [backend.url, bad.url], **service}}) as client:
        tallied(client.mesh, "orders")

        def call() -> None:
            for _ in range(EACH):
                client.get("http://orders/work")

        threads = [threading.Thread(target=call) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            # Reading while they count loses nothing either.
            exposition()
            metrics.points()
        for thread in threads:
            thread.join()
        served = backend.stats()["paths"]["/work"] + bad.stats()["paths"]["/work"]
        told = scraped()
        assert sum(told["http_client_request_duration_seconds_count"].values()) == served
        assert sum(metrics.counted("http.client.request.duration").values()) == served
        assert sum(told["meshclient_client_call_duration_seconds_count"].values()) == THREADS * EACH


def test_a_call_that_is_cancelled(backends: Backends, metrics: Metrics) -> None:
    (backend,) = backends(1)
    backend.control(hang=True)

    async def cancel() -> None:
        async with meshclient.AsyncClient(services={"orders": {"endpoints": [backend.url], **LONG_ROAD}}) as client:
            tallied(client.mesh, "orders")
            task = asyncio.ensure_future(client.get("http://orders/"))
            for _ in range(5000):
                if client.mesh.service("orders").balancer._load.pending:
                    break
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancel())
    for metric in ("http.client.request.duration", "meshclient.client.call.duration"):
        [(labels, count)] = metrics.counted(metric).items()
        assert (dict(labels)["error.type"], count) == ("cancelled", 1)
