"""In which trace a service, and a host that is none, finds the requests of a client, on each of its roads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from integration.lanes import BOUND, Lane, lane_fixture  # noqa: F401 - a fixture
from meshclient import propagation
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from unit.http.rawserver import Request

SAFE = {"attempt_timeout": BOUND, "deadline": 3 * BOUND}
PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})").fullmatch
SERVED = propagation.TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def parent(request: Request) -> tuple[str, str, str]:
    """Trace, span and flags."""
    found = PARENT(request.header("traceparent") or "")
    assert found is not None, request.head
    trace, span, flags = found.groups()
    return trace, span, flags


def test_a_call_begins_a_trace_and_each_call_its_own(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, **SAFE)
        response = lane.ask(client)
        lane.ask(client)
        (one, first, _), (other, second, _) = map(parent, server.requests)
        assert (one != other, first != second) == (True, True)
        amazon = server.requests[0].header("x-amzn-trace-id")
        assert amazon is not None
        assert amazon.startswith(f"Root=1-{one[:8]}-{one[8:]};Parent={first}")
        # What the user has made stays as it is.
        assert "traceparent" not in response.request.headers


def test_a_call_made_while_serving_is_in_the_trace_of_that(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, **SAFE)
        lane.ask(client)
        lane.ask_within(propagation.using(SERVED), client)
        trace, span, flags = parent(server.requests[-1])
        assert (trace, flags) == (SERVED.trace_id, "01")
        assert span != SERVED.span_id


def test_all_attempts_of_a_call_are_in_one_trace_each_with_a_span_of_its_own(lane: Lane) -> None:
    left = [OK, BUSY, BUSY]

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(left.pop())

    with RawServer(rule) as server:
        client = lane.known(server.url, retry={"backoff": "1ms..2ms"}, **SAFE)
        assert lane.ask(client).extensions["mesh"].retries == 2
        found = [parent(request) for request in server.requests]
        assert len({trace for trace, _, _ in found}) == 1
        assert len({span for _, span, _ in found}) == 3


@pytest.mark.parametrize("name", ["traceparent", "TraceParent"])
def test_what_the_call_itself_says_of_its_trace_stays(lane: Lane, name: str) -> None:
    own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, **SAFE)
        lane.ask(client, headers={name: own, "X-Request-Id": "mine"})
        [request] = server.requests
        assert (request.head.lower().count("\r\ntraceparent:"), request.header("traceparent")) == (1, own)
        assert "Root=1-0af76519-16cd43dd8448eb211c80319c" in (request.header("x-amzn-trace-id") or "")
        assert request.header("x-request-id") == "mine"


def test_other_forms_and_none(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        lane.ask(lane.known(server.url, propagators=["b3", "request-id"], **SAFE))
        lane.ask(lane.known(server.url, propagators=[], **SAFE))
        one, other = server.requests
        assert one.header("b3")
        assert one.header("x-request-id")
        assert one.header("traceparent") is None
        assert not any(other.header(name) for name in ("b3", "x-request-id", "traceparent", "x-amzn-trace-id"))


@pytest.mark.parametrize("passes", [True, False])
def test_a_host_that_is_no_service(lane: Lane, monkeypatch: pytest.MonkeyPatch, passes: bool) -> None:
    monkeypatch.setenv("MESHCLIENT_PROPAGATE_PASSTHROUGH", str(passes).lower())
    with RawServer(always(OK)) as server:
        client: Any = lane.known(server.url, **SAFE)
        lane.ask(client, url=f"{server.url}/there")
        lane.ask(client, url=f"{server.url}/there", headers={"traceparent": "mine"})
        one, other = server.requests
        assert (one.header("traceparent") is not None) == passes
        if passes:
            parent(one)
        assert other.header("traceparent") == "mine"
