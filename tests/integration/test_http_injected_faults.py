"""Faults on purpose: what the policies and the caller see of them, on real instances and in both colours."""

from __future__ import annotations

import logging
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.core.injection import FaultRule, Injection
from meshclient.mesh.injections import injection
from meshclient.model.outcome import Kind
from servers.backend import Backends
from unit.http.face import Face, face_fixture, pending, statuses  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.backend import Backend

HIT, MISS = 0.0, 0.999


def client_of(face: Face, backends: list[Backend], rule: FaultRule, *chances: float, **service: Any) -> Any:
    """Attempts meet the fault as `chances` say one after another, and none after those."""
    course = chain(chances, repeat(MISS))
    settings = {"attempt_timeout": 0.3, "connect_timeout": 0.2, "retry": {"backoff": "0s..0s"}, **service}
    client = face.orders(*(backend.url for backend in backends), service=settings)
    client.mesh.service("orders").inject(Injection("orders", (rule,), chance=lambda: next(course)))
    return client


@pytest.fixture(scope="module", name="pair")
def pair_fixture() -> Iterator[list[Backend]]:
    """Two instances that none of these tests change; what they counted before is to be taken off."""
    factory = Backends()
    try:
        yield factory(2)
    finally:
        factory.stop()


def served(pair: list[Backend]) -> int:
    for backend in pair:
        backend.count()
    return sum(backend.stats()["requests"] for backend in pair)


def fault(*, share: float = 0.5, **what: Any) -> FaultRule:
    return FaultRule(share, **what)


ENDINGS = [
    (fault(error=Kind.CONNECT_ERROR), "connect_error", "no"),
    (fault(error=Kind.CONNECT_TIMEOUT), "connect_timeout", "no"),
    (fault(error=Kind.TIMEOUT), "timeout", "maybe"),
    (fault(error=Kind.DISCONNECTED), "disconnected", "maybe"),
    (fault(error=Kind.PROTOCOL_ERROR), "protocol_error", "yes"),
    (fault(status=503), "server_error", "yes"),
    (fault(status=429), "busy", "yes"),
    (fault(delay=0.9), "timeout", "maybe"),
    (fault(delay=0.9, error=Kind.CONNECT_ERROR), "connect_timeout", "no"),
]


@pytest.mark.parametrize(("rule", "kind", "sent"), ENDINGS)
def test_an_attempt_ends_as_a_real_one_and_a_get_goes_on(
    face: Face, pair: list[Backend], rule: FaultRule, kind: str, sent: str
) -> None:
    before = served(pair)
    client = client_of(face, pair, rule, HIT)
    response = face.run(client.get("http://orders/"))
    first, second = response.extensions["mesh"].attempts
    assert response.status_code == 200
    assert (str(first.outcome.kind), str(first.outcome.verdict.sent)) == (kind, sent)
    assert first.endpoint != second.endpoint
    assert served(pair) - before == 1
    assert pending(client) == 0


@pytest.mark.parametrize(("rule", "kind", "sent"), ENDINGS)
def test_a_post_is_repeated_only_where_a_real_fault_would_allow_it(
    face: Face, pair: list[Backend], rule: FaultRule, kind: str, sent: str
) -> None:
    before = served(pair)
    client = client_of(face, pair, rule, HIT)
    try:
        report = face.run(client.post("http://orders/", content=b"pay")).extensions["mesh"]
    except httpx.TransportError as error:
        report = error.mesh  # type: ignore[attr-defined]
    assert [str(attempt.outcome.kind) for attempt in report.attempts] == [kind, *(["ok"] if sent == "no" else [])]
    assert served(pair) - before == (sent == "no")
    assert pending(client) == 0


def test_without_repeats_the_caller_sees_the_fault_and_that_it_was_asked_for(face: Face, pair: list[Backend]) -> None:
    client = client_of(face, pair[:1], fault(error=Kind.DISCONNECTED), HIT, HIT, retry=False)
    with pytest.raises(httpx.RemoteProtocolError, match="a fault that the configuration asks for"):
        face.run(client.get("http://orders/"))
    client = client_of(face, pair[:1], fault(status=503), HIT, retry=False)
    response = face.run(client.get("http://orders/"))
    assert (response.status_code, response.text) == (503, "status 503: a fault that the configuration asks for\n")
    assert pending(client) == 0


def test_a_delay_holds_an_attempt_up_and_is_its_latency(face: Face, pair: list[Backend]) -> None:
    client = client_of(face, pair[:1], fault(delay=0.1), HIT)
    [attempt] = face.run(client.get("http://orders/")).extensions["mesh"].attempts
    assert attempt.duration >= 0.1
    [status] = statuses(client)
    assert status.expected_latency >= 0.1


def test_only_requests_with_the_header_meet_it(face: Face, pair: list[Backend]) -> None:
    rule = fault(share=1.0, status=503, headers={"x-chaos": "*"})
    client = client_of(face, pair[:1], rule, *[HIT] * 10, retry=False)
    assert face.run(client.get("http://orders/")).status_code == 200
    assert face.run(client.get("http://orders/", headers={"X-Chaos": "1"})).status_code == 503


def test_it_counts_against_the_endpoint(face: Face, pair: list[Backend]) -> None:
    client = client_of(face, pair[:1], fault(status=500), HIT, HIT, retry=False)
    for failures in (1, 2, 0):
        face.run(client.get("http://orders/"))
        [status] = statuses(client)
        assert status.failures == failures


def test_it_is_never_on_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "meshclient"):
        assert injection("orders", ()) is None
        assert caplog.records == []
        made = injection("orders", [fault(status=503)])
    assert made == Injection("orders", (fault(status=503),))
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        "FAULT INJECTION IS ON for service orders: 50.000% of the attempts answered 503; "
        "remove services.orders.faults from the configuration to end it"
    )
