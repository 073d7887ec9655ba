"""Responses are the same on each road, with all that httpx makes of them: cookies, redirects, codings, log lines."""

from __future__ import annotations

import gzip
import logging
import pickle
import zlib
from typing import TYPE_CHECKING, Any

import brotli  # type: ignore[import-untyped]
import httpx
import pytest
import zstandard

from integration.lanes import BOUND, Lane, lane_fixture, listed  # noqa: F401 - a fixture
from meshclient.http.filled import FilledResponse
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable

SAFE = {"attempt_timeout": BOUND, "deadline": 3 * BOUND}
TEXT = "äöü" * 50
PACKED = {
    "gzip": gzip.compress(TEXT.encode()),
    "deflate": zlib.compress(TEXT.encode()),
    "br": brotli.compress(TEXT.encode()),
    "zstd": zstandard.compress(TEXT.encode()),
    "gzip, br": brotli.compress(gzip.compress(TEXT.encode())),
}


def saying(status: str, *fields: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *fields]
    if "Content-Length" not in "".join(fields) and not status.startswith("204"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def by_path(answers: dict[str, bytes]) -> Callable[[Connection], None]:
    """A rule: what to say where."""

    def rule(connection: Connection) -> None:
        while request := connection.request():
            connection.send(answers[request.target])

    return rule


def test_after_a_cookie_calls_take_httpxs_road_and_bring_it(lane: Lane) -> None:
    with RawServer(always(saying("200 OK", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2", body=b"ok"))) as server:
        client = lane.known(server.url, **SAFE)
        first, second = lane.ask(client), lane.ask(client)
        assert isinstance(first, FilledResponse) == (lane.road == "plain")
        assert not isinstance(second, FilledResponse)
        assert dict(first.cookies) == dict(client.cookies) == {"a": "1", "b": "2"}
        assert [request.header("cookie") for request in server.requests] == [None, "a=1; b=2"]
        client.cookies.clear()
        assert isinstance(lane.ask(client), FilledResponse) == (lane.road == "plain")
        assert server.requests[-1].header("cookie") is None


def test_a_redirect_is_followed_where_that_is_asked_for(lane: Lane) -> None:
    answers = {
        "/a": saying("302 Found", "Location: b?c=d", "Set-Cookie: e=f"),
        "/b?c=d": saying("301 Moved Permanently", "Location: http://orders/c"),
        "/c": saying("200 OK", body=b"there"),
    }
    with RawServer(by_path(answers)) as server:
        client = lane.known(server.url, **SAFE)
        stays = lane.ask(client, url="http://orders/a")
        assert (stays.status_code, stays.has_redirect_location, stays.history) == (302, True, [])
        assert (str(stays.next_request.url), stays.extensions["mesh"].endpoint.url) == (
            "http://orders/b?c=d", server.url,
        )  # fmt: skip
        client.cookies.clear()
        goes = lane.ask(client, url="http://orders/a", follow_redirects=True)
        assert (goes.text, str(goes.url)) == ("there", "http://orders/c")
        assert [(step.status_code, str(step.url)) for step in goes.history] == [
            (302, "http://orders/a"), (301, "http://orders/b?c=d"),
        ]  # fmt: skip
        assert all(step.extensions["mesh"].service == "orders" for step in [*goes.history, goes])
        assert [request.header("cookie") for request in server.requests[-3:]] == [None, "e=f", "e=f"]
        client.cookies.clear()
        client.follow_redirects = True
        assert lane.ask(client, url="http://orders/a").text == "there"
        assert lane.ask(client, url="http://orders/a", follow_redirects=False).status_code == 302


def test_a_redirect_leads_to_another_service_and_to_a_plain_host(lane: Lane) -> None:
    with RawServer(always(OK)) as plain:
        away = saying("307 Temporary Redirect", f"Location: {plain.url}/there")
        with RawServer(always(away)) as users:
            here = saying("308 Permanent Redirect", "Location: http://users/u")
            with RawServer(always(here)) as orders:
                client = lane.client(
                    services={"orders": {"endpoints": [orders.url]}, "users": {"endpoints": [users.url]}},
                    defaults=SAFE, verify=False, trust_env=False, follow_redirects=True,
                )  # fmt: skip
                listed(listed(client), "users")
                response = lane.ask(client, "POST", content=b"pay", headers={"Authorization": "x", "A": "b"})
    assert (response.text, str(response.url)) == ("ok", f"{plain.url}/there")
    assert "mesh" not in response.extensions
    assert [step.extensions["mesh"].service for step in response.history] == ["orders", "users"]
    seen = [(request.method, request.body, request.header("a"), request.header("authorization")) for request in (
        *orders.requests, *users.requests, *plain.requests,
    )]  # fmt: skip
    assert seen == [("POST", b"pay", "b", "x"), ("POST", b"pay", "b", None), ("POST", b"pay", "b", None)]
    assert plain.requests[0].header("mesh-timeout") is None


def test_a_circle_of_redirects_ends(lane: Lane) -> None:
    with RawServer(always(saying("302 Found", "Location: /"))) as server:
        client = lane.known(server.url, **SAFE)
        client.max_redirects = 3
        assert isinstance(lane.fails(client, follow_redirects=True), httpx.TooManyRedirects)
        assert len(server.requests) == 4


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_responses_without_a_body_leave_the_connection_as_it_was(lane: Lane, method: str, status: str) -> None:
    head = saying(status, "ETag: x", *([] if status.startswith("204") else ["Content-Length: 7"]))
    if method == "GET" and status.startswith("200"):
        head = saying(status, "ETag: x")

    def rule(connection: Connection) -> None:
        while request := connection.request():
            connection.send(OK if request.target == "/after" else head)

    with RawServer(rule) as server:
        client = lane.known(server.url, **SAFE)
        response = lane.ask(client, method)
        assert (response.status_code, response.content) == (int(status[:3]), b"")
        assert response.headers["etag"] == "x"
        assert lane.ask(client, url="http://orders/after").text == "ok"
        assert server.connections == 1


@pytest.mark.parametrize("coding", PACKED)
def test_codings_are_undone(lane: Lane, coding: str) -> None:
    answer = saying(
        "200 OK", f"Content-Encoding: {coding}", "Content-Type: text/plain; charset=utf-8", body=PACKED[coding]
    )
    with RawServer(always(answer)) as server:
        response = lane.ask(lane.known(server.url, **SAFE))
        assert (response.text, response.num_bytes_downloaded) == (TEXT, len(PACKED[coding]))
        assert response.headers["content-encoding"] == coding


def test_a_damaged_coding_is_an_error(lane: Lane) -> None:
    with RawServer(always(saying("200 OK", "Content-Encoding: gzip", body=b"no gzip"))) as server:
        error: Any = lane.fails(lane.known(server.url, **SAFE))
        assert isinstance(error, httpx.DecodingError)
        assert error.request.url == "http://orders/"


@pytest.mark.parametrize("answers", [1, 2])
def test_each_call_is_logged_once(lane: Lane, answers: int, caplog: pytest.LogCaptureFixture) -> None:
    """Also where it took more than one attempt."""
    left = [OK, saying("503 Service Unavailable")][:answers]

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(left.pop())

    caplog.set_level(logging.INFO, "httpx")
    with RawServer(rule) as server:
        response = lane.ask(lane.known(server.url, retry={"backoff": "1ms..2ms"}, **SAFE), url="http://orders/a?b=c")
    assert response.extensions["mesh"].retries == answers - 1
    said = [record.getMessage() for record in caplog.records if record.name == "httpx"]
    assert said == ['HTTP Request: GET http://orders/a?b=c "HTTP/1.1 200 OK"']


def test_what_a_response_says_of_itself(lane: Lane) -> None:
    answer = saying("200 Quite OK", "Content-Type: application/json", "X: 1", "x: 2", body=b'{"a": 1}')
    with RawServer(always(answer)) as server:
        client = lane.known(server.url, **SAFE)
        response = lane.ask(client, "POST", "http://orders/a?b=%C3%A4#c", json={"d": "ä"}, headers={"Y": "3"})
        again = pickle.loads(pickle.dumps(response))
        for one in (response, again):
            assert (one.status_code, one.json(), one.is_closed) == (200, {"a": 1}, True)
            assert one.headers.get_list("x") == ["1", "2"]
            assert one.headers["x"] == "1, 2"
            assert one.elapsed.total_seconds() > 0
            request = one.request
            assert (request.method, str(request.url)) == ("POST", "http://orders/a?b=%C3%A4#c")
            assert (request.headers["y"], request.headers["host"]) == ("3", "orders")
            assert request.headers["content-type"] == "application/json"
            assert one.raise_for_status() is one
        assert response.reason_phrase == "Quite OK"
        assert response.http_version == "HTTP/1.1"
        # As httpx's: what belongs to the connection is not pickled.
        assert again.extensions == {}
        address = response.extensions["network_stream"].get_extra_info("server_addr")
        assert address[:2] == ("127.0.0.1", server.port)
        [sent] = server.requests
        assert (sent.target, sent.header("host"), sent.body) == ("/a?b=%C3%A4", "orders", '{"d":"ä"}'.encode())
        assert "mesh-timeout" not in response.request.headers


def test_hooks_see_each_request_and_response(lane: Lane) -> None:
    """A hook takes every call to httpx's road, from the next call on, and back when it is gone."""
    told: list[str] = []
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, **SAFE)
        lane.ask(client)

        def asked(request: httpx.Request) -> None:
            request.headers["X-Hook"] = "yes"
            told.append(request.method)

        def answered(response: httpx.Response) -> None:
            told.append(f"{response.status_code} {response.extensions['mesh'].endpoint.url}")

        if lane.road == "hook":
            lane.road = "plain"
        client.event_hooks = {"request": [lane.hook(asked)], "response": [lane.hook(answered)]}
        lane.ask(client)
        client.event_hooks = {}
        lane.ask(client)
        assert told == ["GET", f"200 {server.url}"]
        assert [request.header("x-hook") for request in server.requests] == [None, "yes", None]


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "501 Not Implemented"])
def test_errors_that_are_answers_are_handed_out_with_their_body(lane: Lane, status: str) -> None:
    """Their head alone is waited for at first; the body comes later and in pieces."""

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(saying(status, "Content-Length: 6", body=b"abc"))
            connection.sock.setsockopt(6, 1, 1)
            connection.send(b"def")

    with RawServer(rule) as server:
        client = lane.known(server.url, **SAFE)
        for _ in range(3):
            response = lane.ask(client)
            assert (response.status_code, response.content) == (int(status[:3]), b"abcdef")
            with pytest.raises(httpx.HTTPStatusError):
                response.raise_for_status()
        assert server.connections == 1
