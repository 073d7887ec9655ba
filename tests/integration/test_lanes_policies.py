"""The policies of a service hold on each road, and are told of in the same words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from integration.lanes import BOUND, Lane, lane_fixture, listed  # noqa: F401 - a fixture
from meshclient.http.ambient import serving
from unit.http.face import pending, statuses
from unit.http.rawserver import OK, UNAVAILABLE, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SAFE = {"attempt_timeout": BOUND, "deadline": 3 * BOUND}
QUICK = {"backoff": "1ms..2ms"}
BUSY = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno"


def at_first(answers: int, answer: bytes = UNAVAILABLE) -> Callable[[Connection], None]:
    """A rule: the first requests of all get `answer`."""
    left = [answer] * answers

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(left.pop() if left else OK)

    return rule


def by_key(connection: Connection) -> None:
    """A rule: 429, which is no blame, for those who ask for it."""
    while request := connection.request():
        connection.send(BUSY if request.header("x-fail") == "1" else OK)


def mesh_fields(server: RawServer) -> list[dict[str, str]]:
    """The mesh's headers of each request, none of them twice."""
    found = []
    for request in server.requests:
        fields = [line.partition(": ")[::2] for line in request.head.split("\r\n")[1:]]
        own = [(name.lower(), value) for name, value in fields if name.lower().startswith("mesh-")]
        assert len(dict(own)) == len(own), own
        found.append(dict(own))
    return found


def milliseconds(fields: dict[str, str]) -> int:
    return int(fields["mesh-timeout"].removesuffix("m"))


def seen(events: list[Any]) -> list[str]:
    """What observers were told, without the list of endpoints."""
    return [type(event).__name__ for event in events if type(event).__name__ != "SnapshotUpdated"]


def test_a_success_is_told_in_full(lane: Lane) -> None:
    events: list[Any] = []
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, observers=[events.append], **SAFE)
        before = time.monotonic()
        report = lane.ask(client).extensions["mesh"]
        took = time.monotonic() - before
        [attempt] = report.attempts
        assert (report.service, report.endpoint.url, report.retries) == ("orders", server.url, 0)
        assert (report.hedged, report.cache, report.snapshot.state) == (False, None, "ready")
        assert 3 * BOUND - took <= report.deadline_left < 3 * BOUND
        assert (str(attempt.outcome.kind), attempt.outcome.status, attempt.probe) == ("ok", 200, False)
        assert (attempt.reason, attempt.hedge, attempt.started) == ("", False, pytest.approx(0, abs=took))
        assert 0 < attempt.duration <= took
        assert seen(events) == ["AttemptFinished"]
        [finished] = [event for event in events if type(event).__name__ == "AttemptFinished"]
        assert (finished.number, finished.endpoint.url, finished.outcome) == (1, server.url, attempt.outcome)
        assert (finished.service, finished.duration) == ("orders", attempt.duration)
        [status] = statuses(client)
        assert status.pending == 0


def test_a_503_is_followed_by_another_attempt(lane: Lane) -> None:
    events: list[Any] = []
    with RawServer(at_first(1)) as server:
        client = lane.known(server.url, observers=[events.append], retry=QUICK, **SAFE)
        response = lane.ask(client)
        report = response.extensions["mesh"]
        assert (response.status_code, report.retries) == (200, 1)
        assert [attempt.outcome.status for attempt in report.attempts] == [503, 200]
        assert report.attempts[0].reason.startswith("server_error: tried again after")
        assert seen(events) == ["AttemptFinished", "RetryScheduled", "AttemptFinished"]
        assert pending(client) == 0
        first, second = mesh_fields(server)
        assert "mesh-attempt" not in first
        assert second["mesh-attempt"] == "2"
        assert 0 < milliseconds(second) <= BOUND * 1000


def test_the_budget_of_repeats_is_one_for_all_calls(lane: Lane) -> None:
    events: list[Any] = []
    with RawServer(always(UNAVAILABLE)) as server:
        budget = {**QUICK, "budget": 0.0, "budget_floor": 0}
        client = lane.known(server.url, observers=[events.append], retry=budget, throttle=False, **SAFE)
        for _ in range(3):
            report = lane.ask(client).extensions["mesh"]
            assert (report.retries, "budget" in report.attempts[-1].reason) == (0, True)
        assert seen(events) == ["AttemptFinished", "RetryRefused"] * 3
        assert len(server.requests) == 3


def test_what_a_circuit_refuses_is_not_sent(lane: Lane) -> None:
    events: list[Any] = []
    with RawServer(always(FAILED)) as server:
        circuit = {"consecutive": 3, "open": "30s..60s"}
        client = lane.known(server.url, observers=[events.append], retry=False, circuit=circuit, **SAFE)
        for _ in range(3):
            assert lane.ask(client).status_code == 500
        error: Any = lane.fails(client)
        for kind in (meshclient.CircuitOpen, httpx.TransportError):
            assert isinstance(error, kind)
        assert (error.mesh.attempts, error.mesh.service) == ((), "orders")
        assert error.request.url == "http://orders/"
        assert 0 < error.retry_after <= 60
        assert "nothing was sent" in str(error)
        assert len(server.requests) == 3
        assert seen(events) == [*["AttemptFinished", "RetryRefused"] * 3, "CircuitChanged", "CallRejected"]
        assert pending(client) == 0


def test_what_the_throttle_refuses_is_not_sent(lane: Lane) -> None:
    with RawServer(always(FAILED)) as server:
        client, refused = lane.known(server.url, retry=False, throttle={"min_calls": 5}, **SAFE), 0
        for _ in range(60):
            try:
                assert lane.ask(client).status_code == 500
            except meshclient.CircuitOpen:
                refused += 1
        assert refused > 5
        assert len(server.requests) == 60 - refused


def test_an_endpoint_that_fails_is_left_out(lane: Lane) -> None:
    events: list[Any] = []
    with RawServer(always(FAILED)) as bad, RawServer(always(OK)) as good:
        client = lane.known(
            bad.url, good.url, observers=[events.append], balancer="round_robin", retry=False,
            ejection={"consecutive": 1, "base": "60s"}, throttle=False, **SAFE,
        )  # fmt: skip
        for _ in range(20):
            lane.ask(client)
        assert len(bad.requests) == 1
        [ejected] = [event for event in events if type(event).__name__ == "EndpointEjected"]
        assert (ejected.endpoint.url, ejected.failures) == (bad.url, 1)


@pytest.mark.parametrize("name", ["mesh-timeout", "Mesh-Timeout", "MESH-TIMEOUT"])
def test_a_forwarded_time_limit_is_replaced(lane: Lane, name: str) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, deadline=3, attempt_timeout=2)
        lane.ask(client, headers={name: "77S"})
        client.headers[name] = "78S"
        lane.ask(client)
        assert mesh_fields(server) == [{"mesh-timeout": "2000m"}] * 2


@pytest.mark.parametrize("name", ["mesh-attempt", "Mesh-Attempt"])
def test_a_forwarded_count_of_attempts_is_the_users_until_there_is_a_repeat(lane: Lane, name: str) -> None:
    with RawServer(at_first(1)) as server:
        client = lane.known(server.url, retry=QUICK, **SAFE)
        lane.ask(client, headers={name: "7"})
        assert [fields["mesh-attempt"] for fields in mesh_fields(server)] == ["7", "2"]


def test_without_limits_there_is_no_header(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        lane.ask(lane.known(server.url, deadline=False, attempt_timeout=False))
        assert mesh_fields(server) == [{}]


@pytest.mark.parametrize("name", ["idempotency-key", "Idempotency-Key"])
def test_a_post_with_a_key_may_be_repeated(lane: Lane, name: str) -> None:
    with RawServer(at_first(1)) as server:
        client = lane.known(server.url, retry=QUICK, **SAFE)
        assert lane.ask(client, "POST", headers={name: "k"}, content=b"pay").status_code == 200
        assert [(request.body, request.header(name)) for request in server.requests] == [(b"pay", "k")] * 2


def test_one_post_with_a_key_says_nothing_of_the_next(lane: Lane) -> None:
    """What is usual for a method is remembered, and has to be remembered without what a single call brought."""
    with RawServer(by_key) as server:
        client = lane.known(server.url, retry={"attempts": 2, **QUICK, "budget": 1.0}, **SAFE)
        for headers, failed, sent in (
            ({"Idempotency-Key": "k"}, "0", 1),
            ({}, "1", 1),
            ({"X-Other": "idempotency-key: k"}, "1", 1),
            ({"Idempotency-Key": "k"}, "1", 2),
        ):
            before = len(server.requests)
            lane.ask(client, "POST", headers={**headers, "X-Fail": failed}, content=b"pay")
            assert len(server.requests) - before == sent, headers


ASKED: dict[str, tuple[Mapping[str, object], int, int]] = {
    "deadline": ({"deadline": 0.9}, 900, 2),
    "attempt_timeout": ({"attempt_timeout": 1.5}, 1500, 2),
    "retry": ({"retry": False}, 2000, 1),
    "idempotent": ({"idempotent": False}, 2000, 1),
    "attempts": ({"retry": {"attempts": 1}}, 2000, 1),
}


@pytest.mark.parametrize("way", ["call", "block"])
@pytest.mark.parametrize("what", ASKED)
def test_what_a_call_asks_for(lane: Lane, what: str, way: str) -> None:
    asked, limit, sent = ASKED[what]
    with RawServer(at_first(1)) as server:
        client = lane.known(server.url, deadline=BOUND, attempt_timeout=2, retry=QUICK)
        if way == "call":
            lane.ask(client, extensions={"mesh": asked})
        else:
            lane.ask_within(meshclient.override(**asked), client)
        assert limit - 100 < milliseconds(mesh_fields(server)[0]) <= limit
        assert len(server.requests) == sent
        # The next call asks for nothing.
        lane.ask(client)
        assert milliseconds(mesh_fields(server)[-1]) == 2000


def test_a_wrong_wish_is_refused_before_anything_is_sent(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url)
        error = lane.fails(client, extensions={"mesh": {"dedline": 1}})
        assert isinstance(error, meshclient.ConfigError)
        assert "did you mean 'deadline'?" in str(error)
        assert server.requests == []
        assert pending(client) == 0


def test_what_serves_a_repeat_says_so(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, deadline=BOUND, attempt_timeout=2)
        for attempt in ("1", "2", "3", "1"):
            lane.ask_within(serving({"mesh-attempt": attempt}), client)
        assert [fields.get("mesh-attempt") for fields in mesh_fields(server)] == [None, "2", "2", None]
        assert {fields["mesh-timeout"] for fields in mesh_fields(server)} == {"2000m"}


def test_the_time_left_of_a_request_being_served_is_handed_on(lane: Lane) -> None:
    with RawServer(always(UNAVAILABLE)) as server:
        client = lane.known(server.url, deadline=BOUND, attempt_timeout=2, retry=QUICK)
        lane.ask_within(serving({"mesh-timeout": "1500m"}), client)
        assert 0 < milliseconds(mesh_fields(server)[0]) <= 1500
        sent = len(server.requests)
        report = lane.ask_within(serving({"mesh-attempt": "3"}), client).extensions["mesh"]
        # What serves a repeat says so, and does not repeat on its own account.
        assert mesh_fields(server)[sent:] == [{"mesh-attempt": "2", "mesh-timeout": "2000m"}]
        assert report.retries == 0
        with pytest.raises(meshclient.DeadlineExceeded):
            lane.ask_within(serving({"mesh-timeout": "0m"}), client)
        assert len(server.requests) == sent + 1


@pytest.mark.parametrize("balancer", ["ring_hash", "maglev"])
@pytest.mark.parametrize("by", ["header:x-user", "cookie:user", "path", "call"])
def test_calls_are_sticky(lane: Lane, balancer: str, by: str) -> None:
    def arguments(key: int) -> dict[str, Any]:
        if by == "path":
            return {"url": f"http://orders/u{key}?q={key}"}
        if by == "call":
            return {"extensions": {"mesh": {"hash_key": f"u{key}"}}}
        return {"headers": {"X-User": f"u{key}"} if by == "header:x-user" else {"Cookie": f"user=u{key}"}}

    with RawServer(always(OK)) as one, RawServer(always(OK)) as two, RawServer(always(OK)) as three:
        more = {} if by == "call" else {"hash_key": by}
        client = lane.known(one.url, two.url, three.url, balancer=balancer, slow_start=False, **more, **SAFE)
        homes: dict[int, Any] = {}
        for key in [*range(24)] * 2:
            endpoint = lane.ask(client, **arguments(key)).extensions["mesh"].endpoint
            assert homes.setdefault(key, endpoint) == endpoint
        assert len(set(homes.values())) > 1


def test_a_route_has_limits_of_its_own(lane: Lane) -> None:
    with RawServer(always(UNAVAILABLE)) as server:
        client = lane.known(
            server.url, deadline=BOUND, attempt_timeout=2, retry={**QUICK, "attempts": 2},
            routes={"/slow/*": {"attempt_timeout": 7}, "/once": {"retry": False, "deadline": 0.7}},
        )  # fmt: skip
        for path in ("/", "/slow/a%20b?c=d", "/once?a=b", "/slow"):
            lane.ask(client, url=f"http://orders{path}")
        sent = zip(server.requests, mesh_fields(server), strict=True)
        limits = [(request.target, milliseconds(fields)) for request, fields in sent if "mesh-attempt" not in fields]
        assert [target for target, _ in limits] == ["/", "/slow/a%20b?c=d", "/once?a=b", "/slow"]
        bounds = (2000, 7000, 700, 2000)
        assert all(bound - 100 < limit <= bound for (_, limit), bound in zip(limits, bounds, strict=True)), limits
        assert [request.target for request in server.requests].count("/once?a=b") == 1
        assert len(server.requests) == 7


@pytest.mark.parametrize(
    "more",
    [
        {"limit": {"concurrency": 1}},
        {"hedge": {}},
        {"load_reports": True},
        {"faults": [{"delay": "1ms", "share": "100%"}]},
    ],
    ids=["limit", "hedge", "load reports", "faults"],
)
def test_services_with_more_policies_answer_as_well(lane: Lane, more: dict[str, Any]) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, **more, **SAFE)
        for _ in range(3):
            response = lane.ask(client)
            assert (response.text, response.extensions["mesh"].endpoint.url) == ("ok", server.url)
        assert [fields["mesh-timeout"] for fields in mesh_fields(server)] == [f"{BOUND * 1000:.0f}m"] * 3
        assert pending(client) == 0
