"""Which failures are followed by another attempt, on which endpoint, and what the caller is told."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from unit.http.face import Face, face_fixture, pending, statuses  # noqa: F401 - a fixture
from unit.http.rawserver import OK, UNAVAILABLE, Connection, RawServer, always, refusing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers.backend import Backends

TURNS = {"balancer": "round_robin"}


def hang_up(connection: Connection) -> None:
    connection.request()


def reset(connection: Connection) -> None:
    connection.request()
    connection.reset()


def nonsense(connection: Connection) -> None:
    connection.request()
    connection.send(b"\x00\x01 what?\r\n\r\n")


def half_a_head(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")


def silence(connection: Connection) -> None:
    connection.request()
    connection.request()


FAULTS: dict[str, tuple[Callable[[Connection], None], str, str]] = {
    "hang up": (hang_up, "disconnected", "closed the connection before it answered"),
    "reset": (reset, "disconnected", "ReadError"),
    "nonsense": (nonsense, "protocol_error", "RemoteProtocolError"),
    "half a head": (half_a_head, "disconnected", "RemoteProtocolError"),
    "503": (always(UNAVAILABLE), "server_error", ""),
    "429": (always(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"), "busy", ""),
    "silence": (silence, "timeout", ""),
}


def both_ways(face: Face, bad: str, good: str, **more: Any) -> Any:
    """A client that goes to the bad endpoint first; of two calls one does, whatever the order."""
    return face.orders(bad, good, service={**TURNS, "attempt_timeout": 0.4}, **more)


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_get_goes_on_to_another_endpoint(face: Face, fault: str) -> None:
    rule, kind, detail = FAULTS[fault]
    with RawServer(rule) as bad, RawServer(always(OK)) as good:
        client = both_ways(face, bad.url, good.url)
        reports = [face.run(client.get("http://orders/")).extensions["mesh"] for _ in range(2)]
        [first, second] = next(report.attempts for report in reports if report.retries)
        assert (first.endpoint.url, second.endpoint.url) == (bad.url, good.url)
        assert str(first.outcome.kind) == kind
        assert detail in first.outcome.detail
        assert first.reason.startswith(f"{kind}: tried again after")
        assert pending(client) == 0


@pytest.mark.parametrize("fault", list(FAULTS))
def test_what_is_reported_is_what_was_sent(face: Face, fault: str) -> None:
    """A back-off is a pause: nothing goes out that no attempt stands for."""
    rule, _, _ = FAULTS[fault]
    with RawServer(rule) as server:
        client = face.orders(server.url, service={"attempt_timeout": 0.1, "retry": {"backoff": "20ms..20ms"}})
        try:
            report = face.run(client.get("http://orders/")).extensions["mesh"]
        except httpx.TransportError as error:
            report = error.mesh  # type: ignore[attr-defined]
        assert len(server.requests) == len(report.attempts) == 3


def test_a_refused_connection_costs_no_pause(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    client = both_ways(face, refusing(), backend.url)
    reports = [face.run(client.post("http://orders/", content=b"x")).extensions["mesh"] for _ in range(2)]
    [first, second] = next(report.attempts for report in reports if report.retries)
    assert first.reason == "connect_error: tried again after 0s"
    assert str(first.outcome.verdict.sent) == "no"
    assert second.endpoint.url == backend.url


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_post_is_sent_once(face: Face, fault: str) -> None:
    rule, _, _ = FAULTS[fault]
    with RawServer(rule) as one, RawServer(rule) as two:
        client = both_ways(face, one.url, two.url)
        try:
            response = face.run(client.post("http://orders/", content=b"pay"))
            report = response.extensions["mesh"]
            assert response.status_code in (503, 429)
        except httpx.TransportError as error:
            report = error.mesh  # type: ignore[attr-defined]
        assert len(one.requests + two.requests) == len(report.attempts) == 1
        assert report.attempts[0].reason.startswith("POST may have been executed and is not idempotent: send an")


@pytest.mark.parametrize(
    ("keywords", "settings"),
    [
        ({"headers": {"Idempotency-Key": "7"}}, {}),
        ({"extensions": {"mesh": {"idempotent": True}}}, {}),
        ({}, {"retry": {"methods": ["POST"]}}),
    ],
    ids=["header", "call", "configuration"],
)
def test_a_post_that_may_be_repeated_is(face: Face, keywords: dict[str, Any], settings: dict[str, Any]) -> None:
    with RawServer(always(UNAVAILABLE)) as bad, RawServer(always(OK)) as good:
        client = face.orders(bad.url, good.url, service={**TURNS, **settings})
        for _ in range(2):
            assert face.run(client.post("http://orders/", content=b"pay", **keywords)).status_code == 200
        assert len(good.requests) == 2
        assert bad.requests
        assert {request.body for request in bad.requests + good.requests} == {b"pay"}


@pytest.mark.parametrize("how", ["call", "service"])
def test_retry_can_be_turned_off(face: Face, how: str) -> None:
    keywords = {"extensions": {"mesh": {"retry": False}}} if how == "call" else {}
    with RawServer(always(UNAVAILABLE)) as one, RawServer(always(UNAVAILABLE)) as two:
        client = face.orders(one.url, two.url, service={} if how == "call" else {"retry": False})
        response = face.run(client.get("http://orders/", **keywords))
        assert response.status_code == 503
        assert len(one.requests + two.requests) == 1
        assert response.extensions["mesh"].attempts[0].reason == "attempt 1 of 1 was the last"


def test_a_misspelt_wish_is_an_error_and_nothing_is_sent(face: Face) -> None:
    with RawServer(always(OK)) as server:
        client = face.orders(server.url)
        with pytest.raises(meshclient.ConfigError, match="did you mean 'deadline'"):
            face.run(client.get("http://orders/", extensions={"mesh": {"dead_line": 1}}))
        assert server.connections == 0
        assert pending(client) == 0


def test_the_last_answer_is_handed_over_when_attempts_run_out(face: Face, backends: Backends) -> None:
    urls = [backend.url for backend in backends(3, status=503)]
    response = face.run(face.orders(*urls).get("http://orders/a"))
    report = response.extensions["mesh"]
    assert response.status_code == 503
    assert response.json()["path"] == "/a"
    assert {attempt.endpoint.url for attempt in report.attempts} == set(urls)
    assert report.attempts[-1].reason == "attempt 3 of 3 was the last"


def test_connections_of_given_up_answers_are_reused(face: Face) -> None:
    body = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
    with RawServer(always(body)) as bad:
        client = face.orders(bad.url, defaults={"retry": {"backoff": "1ms..1ms"}})
        for _ in range(5):
            face.run(client.get("http://orders/"))
        assert len(bad.requests) == 15
        # An unread answer cannot be followed by another on its connection; what matters is that none stays open.
        pool = client._transport._wire._pool
        assert len(pool.connections) <= 1
        assert pending(client) == 0


def test_retry_after_is_obeyed_where_it_fits_the_deadline(face: Face) -> None:
    slow_down = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n"
    with RawServer(always(slow_down % 60)) as server:
        client = face.orders(server.url)
        response = face.run(client.get("http://orders/"))
        assert response.status_code == 429
        [attempt] = response.extensions["mesh"].attempts
        assert attempt.outcome.retry_after == 60
        assert "would outlast the deadline" in attempt.reason
        assert statuses(client)[0].failures == 0

    def once(connection: Connection) -> None:
        while connection.request():
            connection.send(slow_down % 1 if len(server.requests) == 1 else OK)

    with RawServer(once) as server:
        response = face.run(face.orders(server.url).get("http://orders/"))
        assert response.status_code == 200
        first, second = response.extensions["mesh"].attempts
        assert second.started - first.started >= 1


@pytest.mark.parametrize("value", ["x", "Fri, 31 Dec 1999 23:59:59 +99999999999999999999", "-1", "9" * 400])
def test_a_senseless_retry_after_ends_no_call(face: Face, value: str) -> None:
    head = f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode()
    with RawServer(always(head)) as server:
        assert face.run(face.orders(server.url).get("http://orders/")).status_code == 503


# The request's body.


@pytest.mark.parametrize("kind", ["bytes", "stream"])
def test_a_small_body_is_sent_again(face: Face, kind: str) -> None:
    parts = [b"a" * 30_000, b"b" * 30_000, b"c" * 5_536]
    with RawServer(always(UNAVAILABLE)) as bad, RawServer(always(OK)) as good:
        client = both_ways(face, bad.url, good.url)
        for _ in range(2):
            content = b"".join(parts) if kind == "bytes" else face.body(parts)
            assert face.run(client.put("http://orders/", content=content)).status_code == 200
        assert len(good.requests) == 2
        assert bad.requests
        assert {request.body for request in bad.requests + good.requests} == {b"".join(parts)}


def test_a_stream_that_an_attempt_left_half_read_is_sent_whole(face: Face) -> None:
    def deaf(connection: Connection) -> None:
        connection.sock.recv(1)
        connection.reset()

    parts = [b"%0500d" % number for number in range(120)]
    with RawServer(deaf) as bad, RawServer(always(OK)) as good:
        client = both_ways(face, bad.url, good.url)
        for _ in range(2):
            assert face.run(client.put("http://orders/", content=face.body(parts))).status_code == 200
        assert [request.body for request in good.requests] == [b"".join(parts)] * 2


@pytest.mark.parametrize("kind", ["bytes", "stream"])
def test_a_big_body_is_not_sent_again_and_the_story_says_so(face: Face, kind: str) -> None:
    with RawServer(always(UNAVAILABLE)) as one, RawServer(always(UNAVAILABLE)) as two:
        client = face.orders(one.url, two.url)
        content = b"x" * 65_537 if kind == "bytes" else face.body([b"x" * 65_536, b"y"])
        response = face.run(client.put("http://orders/", content=content))
        [attempt] = response.extensions["mesh"].attempts
        assert response.status_code == 503
        assert "64 KiB" in attempt.reason
        assert len(one.requests + two.requests) == 1


@pytest.mark.parametrize("kind", ["bytes", "stream"])
def test_a_big_body_that_was_never_sent_goes_to_another_endpoint(face: Face, kind: str) -> None:
    with RawServer(always(OK)) as good:
        client = both_ways(face, refusing(), good.url)
        for _ in range(2):
            content = b"x" * 100_000 if kind == "bytes" else face.body([b"x" * 50_000] * 2)
            assert face.run(client.post("http://orders/", content=content)).status_code == 200
        assert [len(request.body) for request in good.requests] == [100_000] * 2


@pytest.mark.parametrize("error", [httpx.ReadTimeout("my source"), httpx.ConnectError("my source"), ValueError("mine")])
def test_a_callers_stream_that_fails_is_the_callers_failure(face: Face, error: Exception) -> None:
    def blocking() -> Any:
        yield b"begun"
        raise error

    async def asynchronous() -> Any:
        yield b"begun"
        raise error

    with RawServer(always(OK)) as one, RawServer(always(OK)) as two:
        client = face.orders(one.url, two.url)
        with pytest.raises(type(error)) as caught:
            face.run(client.put("http://orders/", content=asynchronous() if face.is_async else blocking()))
        assert caught.value is error
        assert one.requests == two.requests == []
        assert [(status.failures, status.pending) for status in statuses(client)] == [(0, 0), (0, 0)]
        [attempt] = caught.value.mesh.attempts  # type: ignore[attr-defined]
        assert "the request body failed" in attempt.outcome.detail
        assert "may have been received" in caught.value.__notes__[0]


@pytest.mark.parametrize("face", ["async"], indirect=True)  # a blocking generator cannot be interrupted
def test_a_callers_stream_that_is_too_slow_is_not_cut_short(face: Face) -> None:
    async def slow() -> Any:
        yield b"begun"
        await asyncio.Event().wait()

    with RawServer(always(OK)) as one, RawServer(always(OK)) as two:
        client = face.orders(one.url, two.url, defaults={"attempt_timeout": 0.1})
        with pytest.raises(httpx.WriteTimeout, match="own stream did not end within") as caught:
            face.run(client.put("http://orders/", content=slow()))
        assert len(caught.value.mesh.attempts) == 1  # type: ignore[attr-defined]
        assert one.requests == two.requests == []
        assert [status.failures for status in statuses(client)] == [0, 0]


# Connections of our own.


def test_a_full_pool_is_not_the_endpoints_fault(face: Face) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    with RawServer(always(half)) as server:
        client = face.orders(
            server.url, limits=httpx.Limits(max_connections=1), defaults={"attempt_timeout": 0.2, "retry": False}
        )
        with face.stream(client, "GET", "http://orders/a"), pytest.raises(httpx.PoolTimeout) as caught:
            face.run(client.post("http://orders/b"))
        assert "never sent" in caught.value.__notes__[0]
        assert statuses(client)[0].failures == 0


def test_an_attempt_that_ends_while_connecting_was_never_sent(face: Face) -> None:
    with never_accepting() as url:
        client = face.orders(url, defaults={"attempt_timeout": 0.3, "connect_timeout": "5s", "retry": {"attempts": 2}})
        with pytest.raises(httpx.ConnectTimeout) as caught:
            face.run(client.post("http://orders/", content=b"x"))
        first, second = caught.value.mesh.attempts  # type: ignore[attr-defined]
        assert str(first.outcome.kind) == str(second.outcome.kind) == "connect_timeout"


@contextmanager
def never_accepting() -> Iterator[str]:
    """The URL of a listener whose queue is full, so that no further connection to it is ever opened."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
